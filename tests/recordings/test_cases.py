"""Every span set with a known answer, through the real SDK and the real processor."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._model.span import SpanData
from otel_session_agg._reading import span as reading
from tests.support.replay import FIGURES, Case, load, replay

pytestmark = pytest.mark.oldest_sdk

SPANS = load("spans")
RECORDINGS = load("recordings")
STACKS = load("stacks")
REPORTS = load("reports")

NOBODY_COULD_KNOW = {
    "r-o-553": "a streamed call left a span without figures here; its figures are in another trace, counted there",
    "r-o-563": "a streamed call left a span without figures here; its figures are in another trace, counted there",
}
"""Cases whose whole answer is on no span."""

_NAIVE = {
    "prompt_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
    ),
    "completion_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
    ),
}


def _first(attributes: dict[str, Any], names: tuple[str, ...]) -> int:
    return next((int(attributes[name]) for name in names if isinstance(attributes.get(name), int | float)), 0)


def _wrong(case: Case) -> dict[str, tuple[Any, Any]]:
    """Expected and actual of what does not agree."""
    attributes = dict(replay(case).attributes or {})
    actual: dict[str, Any] = {key: attributes.get(f"metadata.{key}", 0) for key in FIGURES}
    actual["session_id"] = attributes.get("session.id")
    actual["uncached_input_tokens"] = actual["prompt_tokens"] - actual["cache_read_tokens"] - actual["cache_write_tokens"]
    expected = {key: value for key, value in case["expect"].items() if key in actual}
    wrong = {key: (value, actual[key]) for key, value in expected.items() if value != actual[key]}
    cost = attributes.get("metadata.cost")
    if case.get("accept_unknown_cost") and cost is None:
        return wrong
    costs = case["expect"]
    if costs.get("cost_is_unknown") or costs.get("cost", 0) is None:
        if cost is not None:
            wrong["cost"] = (None, cost)
    elif "cost" in costs and (cost is None or abs(cost - costs["cost"]) > 1e-9):
        wrong["cost"] = (costs["cost"], cost)
    return wrong


class TestCases:
    """The totals on the root."""

    @pytest.mark.parametrize("case", SPANS, ids=[case["id"] for case in SPANS])
    def test_spans(self, case: Case) -> None:
        """A peer's own test asserts the same figures."""
        assert _wrong(case) == {}

    @pytest.mark.parametrize("case", RECORDINGS, ids=[case["id"] for case in RECORDINGS])
    def test_recordings(self, case: Case) -> None:
        """The server that answered counted the same figures."""
        wrong = _wrong(case)
        if case["id"] in NOBODY_COULD_KNOW:
            assert {"num_model_events"} == set(wrong)
        else:
            assert wrong == {}

    @pytest.mark.parametrize("case", STACKS, ids=[case["id"] for case in STACKS])
    def test_stacks(self, case: Case) -> None:
        """The same for further stacks and versions."""
        assert {} == _wrong(case)

    @pytest.mark.parametrize("case", REPORTS, ids=[case["id"] for case in REPORTS])
    def test_reports(self, case: Case) -> None:
        """What public bug reports say is right."""
        assert {} == _wrong(case)


class TestNaiveSum:
    """What the recordings are worth as a test."""

    def test_wrong_on_more_than_half(self) -> None:
        """Summing the tokens that the usual attributes state is wrong on more than half of them."""
        right = [
            case["id"]
            for case in RECORDINGS
            if [case["expect"].get(key, 0) for key in _NAIVE]
            == [sum(_first(span["attributes"], names) for span in case["spans"]) for names in _NAIVE.values()]
        ]
        assert 0 < len(right) < len(RECORDINGS) / 2


class TestKinds:
    """The kind of each span."""

    @pytest.mark.parametrize("case", [c for c in SPANS if "kinds" in c["expect"]], ids=lambda case: case["id"])
    def test_kinds(self, case: Case) -> None:
        """Kinds are those that the peer asserts; chains and unknown spans are containers alike."""
        kinds = []
        for span in case["spans"]:
            data = SpanData(span["name"], 1, 1, 0, "INTERNAL", span.get("scope") or "", "", 0, 0, span["attributes"])
            kinds.append(reading.read(data).kind.value.replace("span", "chain"))
        allowed = [{kind.replace("span", "chain")} for kind in case["expect"]["kinds"]]
        assert all(
            kind in {"agent", "chain"} if "or" in str(row) else kind in row for kind, row in zip(kinds, allowed, strict=True)
        )
