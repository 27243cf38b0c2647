"""What totals are made of, on the spans that leave: by the processor, the exporter and in live mode."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import SessionSpanExporter, Settings, session
from otel_session_agg import attributes as n
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, PRICES, App, below

_HOSTILE = ("=HYPERLINK(1)", "<script>", 'a"b\\', "\x00\x1b[2J", "a\ud800", "a\udc00", "né\U0001f600", "x" * 10_000, "other")
_AGENT = {"gen_ai.operation.name": "invoke_agent"}
_TOOL = {"gen_ai.operation.name": "execute_tool"}
_SECOND = 1_000_000_000
_SUMMED = ("prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "reasoning_tokens")


def rows_of(attributes: Any, name: str) -> dict[str, dict[str, Any]]:
    """The rows of one attribute."""
    found: dict[str, dict[str, Any]] = json.loads(attributes[name])
    return found


def add_up(attributes: Any) -> bool:
    """Whether each of the texts adds up to the totals beside it, money to the picodollar."""
    whole = Counter({name: attributes.get(f"metadata.{name}", 0) for name in _SUMMED})
    whole["cost"] = round(attributes.get(n.COST, 0) * 1e12)
    for text in (attributes[name] for name in n.BREAKDOWNS if name in attributes):
        total: Counter[str] = Counter()
        for row in json.loads(text).values():
            total.update({name: row.get(name, 0) for name in _SUMMED})
            total["cost"] += round(row.get("cost", 0) * 1e12)
        if total != whole:
            return False
    return bool(attributes[n.NUM_MODEL_EVENTS] == sum(row["calls"] for row in rows_of(attributes, n.BY_MODEL).values()))


def run(tracer: Any, names: tuple[str, ...] = ("planner", "search", "m", "n")) -> None:
    """A trace of an agent that calls models and a tool, which calls a model, too; one call is not priced."""
    agent, tool, model, other = names
    root = tracer.start_span("request", start_time=_SECOND, attributes={"session.id": "s"})
    with_agent = tracer.start_span("agent", below(root), start_time=_SECOND, attributes={**_AGENT, "gen_ai.agent.name": agent})
    for number in range(2):
        start = (2 + 2 * number) * _SECOND
        call = {**CALL, "gen_ai.request.model": model}
        tracer.start_span("chat", below(with_agent), start_time=start, attributes=call).end(start + _SECOND)
    with_tool = tracer.start_span(
        "tool", below(with_agent), start_time=6 * _SECOND, attributes={**_TOOL, "gen_ai.tool.name": tool}
    )
    call = {**CALL, "gen_ai.request.model": other, "gen_ai.usage.cache_read.input_tokens": 4}
    tracer.start_span("chat", below(with_tool), start_time=6 * _SECOND, attributes=call).end(8 * _SECOND)
    with_tool.end(9 * _SECOND)
    with_agent.end(9 * _SECOND)
    tracer.start_span("chat", below(root), start_time=9 * _SECOND, attributes=CALL).end(10 * _SECOND)
    root.end(10 * _SECOND)


def _by_exporter(run: Callable[[Any], None], **settings: Any) -> dict[str, Any]:
    sent = RecordingExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = SessionSpanExporter(sent, settings=Settings(linger_seconds=0, **settings), prices=PRICES)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    run(provider.get_tracer("tests"))
    provider.shutdown()
    [root] = [span for span in sent.spans if span.name == "request"]
    return dict(root.attributes or {})


@pytest.fixture(params=["processor", "exporter", "live"])
def written(request: pytest.FixtureRequest, make: Callable[..., App]) -> Callable[..., dict[str, Any]]:
    """Returns what is on the root of a trace, by one way in."""

    def on_root(run: Callable[[Any], None] = run, **settings: Any) -> dict[str, Any]:
        if request.param == "exporter":
            return _by_exporter(run, **settings)
        app = make(live=request.param == "live", **settings)
        run(app.tracer)
        app.flush()
        return app.attributes("request")

    return on_root


class TestRoots:
    """Session roots."""

    def test_rows(self, written: Callable[..., dict[str, Any]]) -> None:
        """Each call is in the row of its model, of the agent and of the tool that made it."""
        found = written()
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        assert add_up(found)
        assert {
            "m": {"calls": 3, "cost": 60.0, **{name: 3 * value for name, value in usage.items()}, "duration": 3000.0},
            "n": {"calls": 1, "unpriced": 1, **usage, "cache_read_tokens": 4, "duration": 2000.0},
        } == rows_of(found, n.BY_MODEL)
        assert {"planner": 3, "none": 1} == {name: row["calls"] for name, row in rows_of(found, n.BY_AGENT).items()}
        assert {"calls": 1, "unpriced": 1, **usage, "cache_read_tokens": 4, "duration": 3000.0} == rows_of(found, n.BY_TOOL)[
            "search"
        ]

    def test_times(self, written: Callable[..., dict[str, Any]]) -> None:
        """Times are milliseconds; calls at once count once."""
        found = written()
        assert (5000.0, 3000.0, 2000.0) == tuple(
            found[f"metadata.{name}"] for name in ("model_duration", "tool_duration", "time_to_first_response")
        )
        assert found["metadata.model_latency_p50"] == pytest.approx(1000.0, rel=0.01)
        assert found["metadata.model_latency_p99"] == pytest.approx(2000.0, rel=0.01)
        assert not {n.BUSY_DURATION, n.IDLE_DURATION, n.LONGEST_GAP, n.DURATIONS_EXACT} & found.keys()

    @pytest.mark.parametrize("name", _HOSTILE)
    def test_hostile(self, name: str, written: Callable[..., dict[str, Any]]) -> None:
        """Whatever models, agents and tools are called, the texts are JSON that can be sent, and add up."""
        found = written(lambda tracer: run(tracer, (name, name, "m", name)))
        assert add_up(found)
        assert all(found[key].encode() for key in n.BREAKDOWNS)

    def test_many_names(self, written: Callable[..., dict[str, Any]]) -> None:
        """More names than rows are one row."""

        def many(tracer: Any) -> None:
            root = tracer.start_span("request")
            for number in range(40):
                tracer.start_span("chat", below(root), attributes={**CALL, "gen_ai.request.model": f"model-{number:02}"}).end()
            root.end()

        found = written(many)
        assert add_up(found)
        assert (17, 24) == (len(rows_of(found, n.BY_MODEL)), rows_of(found, n.BY_MODEL)["other"]["calls"])

    def test_many_calls(self, written: Callable[..., dict[str, Any]]) -> None:
        """Calls of an agent and of its tool are theirs, also those that were added up while both were open."""

        def many(tracer: Any) -> None:
            root = tracer.start_span("request")
            agent = tracer.start_span("agent", below(root), attributes={**_AGENT, "gen_ai.agent.name": "planner"})
            tool = tracer.start_span("tool", below(agent), attributes={**_TOOL, "gen_ai.tool.name": "search"})
            for number in range(300):
                tracer.start_span("chat", below(tool), attributes={**CALL, "gen_ai.response.id": str(number)}).end()
            for span in (tool, agent, root):
                span.end()

        found = written(many)
        assert add_up(found)
        assert {"planner": 300} == {name: row["calls"] for name, row in rows_of(found, n.BY_AGENT).items()}
        assert {"search": 4500} == {name: row["total_tokens"] for name, row in rows_of(found, n.BY_TOOL).items()}

    def test_off(self, written: Callable[..., dict[str, Any]]) -> None:
        """With the setting off there is nothing of it."""
        found = written(breakdown=False)
        assert 60 == found[n.TOTAL_TOKENS]
        names = {*n.BREAKDOWNS, n.MODEL_DURATION, n.TOOL_DURATION, n.TIME_TO_FIRST_RESPONSE, n.MODEL_LATENCY_P50}
        assert set() == names & found.keys()

    @pytest.mark.parametrize(
        ("profile", "prefix", "seconds"), [("honeyhive", "honeyhive_metadata.", 5000.0), ("posthog", "ai_session_", 5.0)]
    )
    def test_profiles(self, profile: str, prefix: str, seconds: float, written: Callable[..., dict[str, Any]]) -> None:
        """Other profiles have them under their names."""
        both = written(profiles=("default", profile))
        assert seconds == both[f"{prefix}model_duration"]
        assert [both[name] for name in n.BREAKDOWNS] == [both[prefix + name.removeprefix("metadata.")] for name in n.BREAKDOWNS]


class TestRecords:
    """Session records."""

    def test_traces(self, make: Callable[..., App]) -> None:
        """The rows of all traces add up, and so does the time between them."""
        app = make(session_records=True)
        with session("s", end_on_exit=True):
            for start in (100, 200):
                root = app.tracer.start_span("request", start_time=start * _SECOND)
                app.tracer.start_span("chat", below(root), attributes=CALL, start_time=start * _SECOND).end((start + 2) * _SECOND)
                root.end((start + 10) * _SECOND)
        app.flush()
        found = app.attributes("session")
        assert add_up(found)
        assert 2 == rows_of(found, n.BY_MODEL)["m"]["calls"]
        assert (20_000.0, 90_000.0, 90_000.0) == (found[n.BUSY_DURATION], found[n.IDLE_DURATION], found[n.LONGEST_GAP])
        assert (110_000.0, 4_000.0) == (found[n.DURATION], found[n.MODEL_DURATION])
        assert found[n.MODEL_LATENCY_P95] == pytest.approx(2000.0, rel=0.01)
