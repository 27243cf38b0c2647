"""The figures that are read from the details of totals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Rollup
from otel_session_agg import attributes as n
from otel_session_agg._model.breakdown import NO_CALLS, NO_ROWS, Breakdown, BreakdownRow, added
from otel_session_agg._model.by_dimension import ByDimension
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import Details
from otel_session_agg._writing.detail_attributes import detail_attributes
from tests.support.details import BREAKDOWNS

_PARTS = st.lists(st.lists(st.tuples(st.integers(0, 999), st.integers(1, 99)), min_size=1, max_size=20), min_size=1, max_size=9)


def _rollup(parts: list[list[tuple[int, int]]]) -> Rollup:
    """Totals with times of as many parts, each a start and a length, in any order."""
    found = Rollup()
    for part in parts:
        intervals = [(start, start + length) for start, length in part]
        time = Coverage.of(intervals)
        found += Rollup(
            start_ns=min(start for start, _ in intervals),
            end_ns=max(end for _, end in intervals),
            details=Details(model_time=time, tool_time=time, busy_time=time),
        )
    return found


class TestRows:
    """Rows by name."""

    @given(BREAKDOWNS, BREAKDOWNS)
    def test_add_up(self, known: Breakdown, unknown: Breakdown) -> None:
        """All rows add up to the totals, also with the part of a process that breaks nothing down."""
        whole = added(known.total, unknown.total)
        found = Rollup(
            num_recorded=whole.num_priced,
            num_unpriced_events=whole.num_unpriced,
            cost_pusd=whole.cost_pusd,
            prompt_tokens=whole.prompt_tokens,
            completion_tokens=whole.completion_tokens,
            total_tokens=whole.total_tokens,
            cache_read_tokens=whole.cache_read_tokens,
            reasoning_tokens=whole.reasoning_tokens,
            details=Details(known, by_dimension=ByDimension({"tenant": known})),
        )
        expected = whole if known else NO_CALLS
        for rows in (found.by_model, found.by_agent, found.by_tool, found.by_dimension.get("tenant", NO_ROWS)):
            total = rows.total
            assert (expected.cost_pusd, expected.prompt_tokens) == (total.cost_pusd, total.prompt_tokens)
        assert known.total.num_calls == found.by_model.total.num_calls

    def test_less_than_rows(self) -> None:
        """Totals that cannot be do not make rows that cannot be."""
        rows = Breakdown({"m": BreakdownRow(1, cost_pusd=5)})
        assert rows == Rollup(cost_pusd=4, details=Details(rows)).by_model


class TestDurations:
    """Where the time went."""

    @given(_PARTS)
    def test_within_the_whole(self, parts: list[list[tuple[int, int]]]) -> None:
        """No part is longer than the whole, also where it is not exact, and busy and idle are the whole."""
        found = _rollup(parts)
        assert found.duration_ms is not None
        assert found.busy_duration_ms is not None
        assert found.idle_duration_ms is not None
        assert found.longest_gap_ms is not None
        assert found.model_duration_ms == found.tool_duration_ms == found.busy_duration_ms <= found.duration_ms
        assert round(found.duration_ms * 1e6) == round((found.busy_duration_ms + found.idle_duration_ms) * 1e6)
        assert found.longest_gap_ms <= found.idle_duration_ms

    @given(_PARTS)
    def test_as_written(self, parts: list[list[tuple[int, int]]]) -> None:
        """What is written is the same."""
        found = _rollup(parts)
        written = detail_attributes(found, is_record=True)
        assert (found.model_duration_ms, found.tool_duration_ms) == (written[n.MODEL_DURATION], written[n.TOOL_DURATION])
        assert (found.busy_duration_ms, found.idle_duration_ms) == (written[n.BUSY_DURATION], written[n.IDLE_DURATION])
