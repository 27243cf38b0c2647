"""Which reports are of one call, and what it is then: by values, in every layout and order of ends."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest

from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from tests.support.folding import Row, folded

MS = 1_000_000
LAYOUTS = {
    "nested": ((0, 100), (2, 98)),
    "same time": ((0, 100), (0, 100)),
    "inside": ((0, 100), (1, 99)),
    "begins first": ((0, 95), (3, 100)),
    "half": ((0, 70), (40, 100)),
}
"""Times of two reports, milliseconds."""
FULL = Usage(2000, 300, 2300, 60, 20)


def report(span_id: int, usage: Usage | None, times: tuple[int, int], parent_id: int = 1, **more: Any) -> Row:
    """A span of a scope of its own, and what is read from it."""
    start, end = times
    span = SpanData("s", 1, span_id, parent_id, "INTERNAL", f"scope {span_id}", "", start * MS, end * MS, {})
    return span, Reading(Kind.MODEL, usage, **{"response_model": "claude-sonnet-4-5", **more})


def told(layout: str, first: tuple[Usage, dict[str, Any]], second: tuple[Usage, dict[str, Any]]) -> set[tuple[int, ...]]:
    """Model events, prompt, completion, cache reads and writes of two reports, in both orders of ends."""
    rows = [
        report(2, first[0], LAYOUTS[layout][0], **first[1]),
        report(3, second[0], LAYOUTS[layout][1], 2 if layout == "nested" else 1, **second[1]),
    ]
    found = [folded(rows, order) for order in permutations(range(2))]
    return {(t.model_events, t.prompt_tokens, t.completion_tokens, t.cache_read_tokens, t.cache_write_tokens) for t in found}


BLIND: dict[str, tuple[Usage, dict[str, Any]]] = {
    "without the cached part": (Usage(1920, 300, 2220), {}),
    "without what was read": (Usage(1940, 300, 2240), {}),
    "without what was written": (Usage(1980, 300, 2280), {}),
    "parts beside the rest": (Usage(1920, 300, 2220, 60, 20), {}),
    "one part beside the rest": (Usage(1940, 300, 2240, None, 20), {}),
    "named": (Usage(1920, 300, 2220), {"response_id": "r"}),
    "first figure added, unsure": (Usage(1920, 301, 2221), {"unsure_output": True}),
    "first figure alone, unsure": (Usage(2000, 1, 2001, 60, 20), {"unsure_output": True}),
    "estimated": (Usage(1, 6, 7), {"unsure_usage": True}),
}
"""Reports of the call that do not know it all."""


class TestStacked:
    """Two instrumentations that report one call, one of which does not see all of it."""

    @pytest.mark.parametrize(("name", "layout"), [pair for pair in product(BLIND, LAYOUTS) if pair != ("estimated", "half")])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_fuller_one(self, name: str, layout: str, *, is_first: bool) -> None:
        """The call counts once, with what the fuller one says."""
        pair: list[tuple[Usage, dict[str, Any]]] = [BLIND[name], (FULL, {"response_id": "r"} if name != "named" else {})]
        first, second = pair if is_first else pair[::-1]
        assert {(1, 2000, 300, 60, 20)} == told(layout, first, second)

    @pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"half"}))
    @pytest.mark.parametrize("completion", [301, 308, 1])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_stream(self, completion: int, layout: str, *, is_first: bool) -> None:
        """A report of a stream without the cached part, with the first figure of the output or that added, is one of them."""
        pair: list[tuple[Usage, dict[str, Any]]] = [
            (Usage(1920, completion, 1920 + completion), {"response_id": "r"}),
            (FULL, {}),
        ]
        first, second = pair if is_first else pair[::-1]
        assert {(1, 2000, 300, 60, 20)} == told(layout, first, second)

    @pytest.mark.parametrize("layout", sorted(LAYOUTS))
    @pytest.mark.parametrize("completion", [301, 1])
    def test_both_unsure(self, layout: str, completion: int) -> None:
        """Of two that do not know the output well, the likelier one counts."""
        other = Usage(2000, completion, 2000 + completion)
        assert {(1, 2000, 300, 60, 20)} == told(layout, (FULL, {"unsure_output": True}), (other, {"unsure_output": True}))

    @pytest.mark.parametrize("usage", [Usage(1900, 300, 2200), Usage(1920, 250, 2170, 50, 20), Usage(2000, 250, 2250, 60, 20)])
    @pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"nested"}))
    def test_other_call(self, layout: str, usage: Usage) -> None:
        """Figures that nothing explains are those of another call at the same time."""
        if usage.cache_read_tokens is None:
            usage = usage._replace(completion_tokens=250)
        assert {2} == {row[0] for row in told(layout, (FULL, {}), (usage, {}))}

    @pytest.mark.parametrize("order", list(permutations(range(4)))[::3])
    def test_samples(self, order: tuple[int, ...]) -> None:
        """Two answers to one prompt at once, each told twice, are two calls with all of their tokens."""
        rows = [
            report(2, Usage(1920, 300, 2220), (0, 100)),
            report(3, FULL, (1, 99)),
            report(4, Usage(1920, 310, 2230), (0, 110)),
            report(5, FULL._replace(completion_tokens=310, total_tokens=2310), (1, 109)),
        ]
        rows = [(span._replace(scope_name=f"scope {span.span_id % 2}"), event) for span, event in rows]
        got = folded(rows, order)
        assert (2, 4000, 120, 40) == (got.model_events, got.prompt_tokens, got.cache_read_tokens, got.cache_write_tokens)
        assert 610 == got.completion_tokens
