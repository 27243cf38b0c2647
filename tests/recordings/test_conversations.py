"""Frameworks with conversations, threads and memories inside ``session()``, as recorded from the real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import Span, set_span_in_context

from otel_session_agg import Budget, BudgetExceeded, current_rollup, end_session, session
from tests.recording.verdict import recordings
from tests.support.apps import App
from tests.support.replay import Case, cases_in

GROUPS = (
    "agent-framework.native",
    "agno.openinference",
    "agno.openinference+openai-openinference",
    "agno-memory.openinference",
    "ai-sdk-7.otel",
    "crewai.native",
    "google-adk.native",
    "google-adk.openinference",
    "langchain-js.openinference",
    "langchain.langsmith",
    "langchain.openinference",
    "langchain.openllmetry",
    "langchain.openllmetry+openai-openllmetry",
    "langgraph.contrib-genai",
    "langgraph.langsmith",
    "langgraph.openinference",
    "langgraph.openllmetry",
    "mastra.otel-exporter",
    "openai-agents-memory.logfire",
    "pydantic-ai-1.native",
    "pydantic-ai.native",
    "pydantic-ai.openinference",
)
"""Stacks whose framework gives conversations ids of its own."""

_SET_BY_HAND = {"session/plain": ("langchain-js.openinference",)}
"""Scenarios in which the application states a session by the instrumentation's means."""

_KEYS = ("session", "thread", "conversation", "metadata", "group")


def cases() -> list[Case]:
    """Recorded cases that have ids of conversations, without a root of the application; one of each scenario."""
    found = [
        case
        for path in recordings(GROUPS)
        for case in cases_in(path)
        if case["rootless"]
        and case["group"] not in _SET_BY_HAND.get(case["scenario"].removesuffix("-rootless"), ())
        and case["expect"].get("total_tokens")
        and (len({span["trace"] for span in case["spans"]}) == 1 or "+" not in case["group"])
        and any(word in key.lower() for span in case["spans"] for key in span["attributes"] for word in _KEYS)
    ]
    return list({(case["group"], case["scenario"].partition("/")[0]): case for case in found}.values())


CASES = cases()


def play(
    app: App, case: Case, root: Span = trace.INVALID_SPAN, *, says_at_start: bool, ended: Callable[[], object] = lambda: None
) -> None:
    """Start and end the spans of a case here, below ``root``, with their attributes from the start or only in the end."""
    spans = {span["id"]: span for span in case["spans"]}
    depths = {name: _depth(spans, name) for name in spans}
    steps = [
        (span[time], time == "end_ns", depths[name], span) for name, span in spans.items() for time in ("start_ns", "end_ns")
    ]
    opened: dict[str, Any] = {}
    for at_ns, is_end, _, span in sorted(steps, key=lambda step: (step[0], step[1], -step[2] if step[1] else step[2])):
        said = {key: value for key, value in span["attributes"].items() if value is not None}
        if is_end:
            opened[span["id"]].set_attributes({} if says_at_start else said)
            opened[span["id"]].end(at_ns)
            ended()
        else:
            opened[span["id"]] = app.provider.get_tracer(span["scope"], span["scope_version"]).start_span(
                span["name"],
                set_span_in_context(opened.get(span["parent"], root)),
                attributes=said if says_at_start else None,
                start_time=at_ns,
            )


def _depth(spans: dict[str, Any], name: str | None) -> int:
    return 1 + _depth(spans, spans[name]["parent"]) if name in spans else 0


class TestRecorded:
    """Recorded frameworks, with what the server that answered had counted."""

    def test_cases(self) -> None:
        """Each of the stacks has some."""
        assert {*GROUPS} == {case["group"] for case in CASES}

    @pytest.mark.parametrize("says_at_start", [True, False])
    @pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
    def test_inside(self, case: Case, says_at_start: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- pytest's way
        """Inside a block everything is in its session: live, for its budget, on the root and in the record."""
        app, seen = make(), []
        budget = Budget(total_tokens=case["expect"]["total_tokens"] - 1)
        with session("block", budget=budget) as block:
            play(app, case, says_at_start=says_at_start, ended=lambda: seen.append(current_rollup()))
            with pytest.raises(BudgetExceeded):
                block.check()
        end_session("block")
        app.flush()
        assert case["expect"]["total_tokens"] == block.rollup().total_tokens
        assert case["expect"]["total_tokens"] == (seen[-1] and seen[-1].total_tokens)
        assert [("block", case["expect"]["total_tokens"])] == [(one.session_id, one.rollup.total_tokens) for one in app.records]
        assert {"block"} == {(root.attributes or {})["session.id"] for root in app.exporter.roots}

    @pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
    def test_below(self, case: Case, app: App) -> None:
        """Below a root on which the application sets a session everything is in that."""
        with app.tracer.start_as_current_span("request", attributes={"session.id": "mine"}) as root:
            play(app, case, root, says_at_start=False)
        end_session("mine")
        app.flush()
        assert [("mine", case["expect"]["total_tokens"])] == [(one.session_id, one.rollup.total_tokens) for one in app.records]
