"""Breakdowns by the value of dimensions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.breakdown import NONE, Breakdown, BreakdownRow
from otel_session_agg._model.by_dimension import ByDimension
from tests.support.details import BREAKDOWNS

ROWS = st.dictionaries(st.sampled_from(["user.id", "tenant", "n"]), BREAKDOWNS).map(ByDimension)


class TestByDimension:
    """Rows by dimension and value."""

    @given(ROWS, ROWS, ROWS)
    def test_any_order(self, a: ByDimension, b: ByDimension, c: ByDimension) -> None:
        """Neither the order nor the grouping of what is added matters."""
        assert (a + b) + c == a + (b + c) == c + a + b
        assert a == a + ByDimension() == ByDimension() + a

    @given(ROWS, ROWS, ROWS)
    def test_since(self, before: ByDimension, more: ByDimension, rest: ByDimension) -> None:
        """What is new can be added to anything that contains what was before."""
        now = before + more
        assert rest + now == rest + before + now.since(before)

    def test_another_value(self) -> None:
        """A trace whose user becomes known later moves its row."""
        row = BreakdownRow(2, cost_pusd=7)
        before, now = ByDimension.of(row, {"user.id": None}), ByDimension.of(row, {"user.id": "ada"})
        assert now == before + now.since(before)

    @pytest.mark.parametrize(
        ("value", "expected"), [(None, NONE), (True, "true"), (1, "1"), (0.5, "0.5"), ("ada", "ada"), ("x" * 999, "x" * 128)]
    )
    def test_names(self, value: object, expected: str) -> None:
        """Values are names, as they are written elsewhere."""
        assert [expected] == list(ByDimension.of(BreakdownRow(1), {"tenant": value})["tenant"])

    def test_mapping(self) -> None:
        """It is a mapping that cannot be changed, and can be a key."""
        rows = ByDimension({"b": Breakdown({"x": BreakdownRow(1)}), "a": Breakdown()})
        assert {"b": {"x": {"num_calls": 1, "cost_usd": 0.0, "duration_ms": 0.0}}} == rows.to_dict()
        assert {rows} == {ByDimension(dict(rows))}
        assert rows != dict(rows)

    def test_is_readable(self) -> None:
        """Printed it is one line, in a notebook a table."""
        row = BreakdownRow(2, total_tokens=95, cost_pusd=663_000_000, num_priced=2, duration_ns=10**9)
        rows = ByDimension({"user.id": Breakdown({"<b>": row})})
        words = "0.000663 USD, 2 calls, 95 tokens, 1.0 s"
        assert f"<ByDimension user.id: <Breakdown <b> ({words})>>" == repr(rows)
        assert f'>user.id &lt;b&gt;</th><td style="text-align:left">{words}</td>' in rows._repr_html_()
        assert "<ByDimension without rows>" == repr(ByDimension())
