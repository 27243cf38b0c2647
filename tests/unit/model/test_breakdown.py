"""Totals by name."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.breakdown import MAX_ROWS, NONE, OTHER, Breakdown, BreakdownRow
from tests.support.details import BREAKDOWNS, NAMES, ROWS


class TestBreakdownRow:
    """One row."""

    @pytest.mark.parametrize(
        ("row", "expected"),
        [
            (BreakdownRow(num_priced=2, cost_pusd=3 * 10**11), 0.3),
            (BreakdownRow(num_priced=1, num_unpriced=1, cost_pusd=10**11), 0.1),
            (BreakdownRow(num_unpriced=1), None),
            (BreakdownRow(num_calls=1), 0.0),
        ],
    )
    def test_cost(self, row: BreakdownRow, expected: float | None) -> None:
        """A cost is unknown when nothing of it is known, and then never 0."""
        assert expected == row.cost_usd

    def test_to_dict(self) -> None:
        """The units are in the names, and zeros are left out."""
        row = BreakdownRow(num_calls=2, num_priced=2, cost_pusd=10**11, prompt_tokens=7, duration_ns=1_500_000)
        assert {"num_calls": 2, "cost_usd": 0.1, "prompt_tokens": 7, "duration_ms": 1.5} == row.to_dict()


class TestBreakdown:
    """Rows by name."""

    @given(BREAKDOWNS, BREAKDOWNS, BREAKDOWNS)
    def test_any_order(self, a: Breakdown, b: Breakdown, c: Breakdown) -> None:
        """Neither the order nor the grouping of what is added matters, however many names there are."""
        assert (a + b) + c == a + (b + c) == c + a + b
        assert a == a + Breakdown() == Breakdown() + a

    @given(st.lists(st.tuples(NAMES, ROWS), max_size=60))
    def test_adds_up(self, rows: list[tuple[str, BreakdownRow]]) -> None:
        """The rows add up to what was added, and those with a name are the first by name."""
        found = reduce(add, [Breakdown({name: row}) for name, row in rows], Breakdown())
        named = sorted({name for name, _ in rows} - {NONE, OTHER})
        assert reduce(add, [Breakdown({"x": row}) for _, row in rows], Breakdown()).total == found.total
        assert named[:MAX_ROWS] == [name for name in found if name not in (NONE, OTHER)]

    @given(BREAKDOWNS, BREAKDOWNS, BREAKDOWNS)
    def test_since(self, before: Breakdown, more: Breakdown, rest: Breakdown) -> None:
        """What is new can be added to anything that contains what was before."""
        now = before + more
        assert rest + now == rest + before + now.since(before)

    @given(BREAKDOWNS)
    def test_taken_back(self, before: Breakdown) -> None:
        """What is taken back leaves no row."""
        assert Breakdown() == before + Breakdown().since(before)

    def test_is_readable(self) -> None:
        """Printed it is one line, in a notebook a table; names are escaped."""
        rows = Breakdown(
            {
                "gpt-4o": BreakdownRow(2, 1, total_tokens=95, cost_pusd=663_000_000, num_priced=1, num_unpriced=1),
                "<b>\x1b": BreakdownRow(1, duration_ns=38_000_000),
            }
        )
        assert (
            r"<Breakdown <b>\x1b (1 call, 38 ms),"
            " gpt-4o (0.000663 USD, 1 unpriced call, 2 calls, 95 tokens, 1 error, 0.0 ms)>"
        ) == repr(rows)
        assert r">&lt;b&gt;\x1b</th>" in rows._repr_html_()
        assert "<Breakdown without rows>" == repr(Breakdown())

    def test_mapping(self) -> None:
        """It is a mapping that cannot be changed, and can be a key."""
        rows = Breakdown(
            {"b": BreakdownRow(1), "a": BreakdownRow(2), OTHER: BreakdownRow(3), NONE: BreakdownRow(4), "c": BreakdownRow()}
        )
        assert ["a", "b", NONE, OTHER] == list(rows)
        assert 2 == rows["a"].num_calls
        assert {rows} == {Breakdown(dict(rows))}
        assert rows != dict(rows)
        with pytest.raises(TypeError):
            rows["a"] = BreakdownRow()  # type: ignore[index]
