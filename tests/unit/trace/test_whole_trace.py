"""Traces of which all spans are at hand."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from otel_session_agg._model.span import SpanData
from otel_session_agg._trace import whole_trace as module
from otel_session_agg._trace.whole_trace import in_order_of_ends
from tests.support.offline import EPOCH_NS, stored_span


def _span(span_id: int, parent_id: int | None, start: int, end: int, **fields: Any) -> SpanData:
    return stored_span(span_id, parent_id, start_ns=EPOCH_NS + start, end_ns=EPOCH_NS + end, **fields)


def _ids(*spans: SpanData) -> list[int] | None:
    found = in_order_of_ends({span.span_id: span for span in spans})
    return None if found is None else [span.span_id for span in found]


_ROOT, _INNER, _LEAF = _span(1, None, 0, 9), _span(2, 1, 1, 8), _span(3, 2, 2, 3)


class TestInOrderOfEnds:
    """Whether a trace is folded in one go, and in which order."""

    def test_order(self) -> None:
        """Spans come as they ended, the root last, however they are stored."""
        later = _span(4, 1, 4, 9)
        assert {(3, 2, 4, 1)} == {tuple(_ids(*some) or ()) for some in permutations([_ROOT, _INNER, _LEAF, later])}

    def test_alone(self) -> None:
        """A root alone is a whole trace."""
        assert [1] == _ids(_ROOT)
        assert [1] == _ids(_span(1, None, 0, 9, is_part=True))

    @pytest.mark.parametrize(
        "spans",
        [
            [_INNER, _LEAF],
            [_ROOT, _LEAF],
            [_ROOT, _INNER, _span(4, None, 1, 2)],
            [_span(1, None, 0, 9, carried_parent_id=7, is_part=True), _INNER],
            [_ROOT, _span(2, 1, 1, 10)],
            [_ROOT, _span(2, 1, -1, 8)],
            [_ROOT, _span(2, 1, 5, 4)],
            [_span(1, None, 9, 0)],
            [_ROOT, _span(2, 3, 1, 8), _span(3, 2, 1, 8)],
            [_ROOT, _span(2, 2, 1, 8)],
            [],
        ],
    )  # fmt: skip
    def test_others(self, spans: list[SpanData]) -> None:
        """Not without its root or a parent, with several roots, with times that do not nest, or in rings."""
        assert {None} == {_ids(*some) for some in permutations(spans)}

    def test_at_once(self) -> None:
        """Of spans that end at once, inner ones come first, or it is left to others to find that out."""
        inner, leaf = _span(2, 1, 1, 9), _span(3, 2, 2, 9)
        assert [3, 2, 1] == _ids(leaf, inner, _ROOT)
        assert _ids(inner, leaf, _ROOT) is None

    def test_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Large traces are counted step by step: not all of their calls are kept until the end."""
        monkeypatch.setattr(module, "MAX_SPANS", 2)
        assert [2, 1] == _ids(_ROOT, _INNER)
        assert _ids(_ROOT, _INNER, _LEAF) is None
