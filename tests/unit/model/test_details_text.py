"""What totals are made of, in words."""

from __future__ import annotations

import pytest
from hypothesis import given

from otel_session_agg import Rollup
from otel_session_agg._model.breakdown import NONE, OTHER, Breakdown, BreakdownRow
from otel_session_agg._model.details import Details
from otel_session_agg._model.details_text import detail_rows
from otel_session_agg._model.rollup import rows_of
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import SessionTotals
from tests.support.details import DETAILED, DETAILS, START_NS
from tests.unit.ground.test_formatting import HOSTILE

_ROLLUP = Rollup(start_ns=START_NS, end_ns=START_NS + 2 * 10**9, details=DETAILED)


def _row(calls: int, cost_pusd: int = 0) -> BreakdownRow:
    return BreakdownRow(calls, cost_pusd=cost_pusd, num_priced=int(cost_pusd > 0))


class TestTable:
    """What a notebook shows of it."""

    def test_rows(self) -> None:
        """The first answer, the latencies, and each model, agent and tool, the dearest first."""
        assert [
            ("first token after", "120 ms"),
            ("first response after", "120 ms"),
            ("model latency", "p50 500 ms, p95 1.0 s, p99 1.0 s"),
            ("model gpt-4o-mini", "0.000663 USD, 2 calls, 1.0 s"),
            ("model larger", "unknown cost, 2 calls, 1 error, 500 ms"),
            ("agent planner", "0.000663 USD, 2 calls, 1.0 s"),
            ("no agent", "unknown cost, 2 calls, 1 error, 500 ms"),
            ("tool search", "2 calls, 1 error, 150 ms"),
        ] == detail_rows(_ROLLUP)

    def test_few(self) -> None:
        """Three of each are shown, the others are summed up."""
        rows = {name: _row(1, 10**10 * cost) for name, cost in zip("abcde", (1, 5, 2, 4, 3), strict=True)}
        rollup = Rollup(details=Details(by_model=Breakdown({**rows, NONE: _row(7), OTHER: _row(10, 10**12)})))
        assert [
            ("model b", "0.050000 USD, 1 call, 0.0 ms"),
            ("model d", "0.040000 USD, 1 call, 0.0 ms"),
            ("model e", "0.030000 USD, 1 call, 0.0 ms"),
            ("other models", "1.030000 USD, 12 calls, 0.0 ms"),
            ("no model", "7 calls, 0.0 ms"),
        ] == detail_rows(rollup)

    def test_sums_only(self) -> None:
        """What has cost or tokens is shown although none of its calls is known, so that the rows add up."""
        agents = Breakdown({"a": _row(0, 10**12), "b": BreakdownRow(total_tokens=7)})
        whole = Breakdown({"m": _row(2, 10**11), NONE: BreakdownRow(cost_pusd=10**12, num_priced=1, total_tokens=7)})
        assert [
            ("model m", "0.100000 USD, 2 calls, 0.0 ms"),
            ("no model", "1.000000 USD"),
            ("agent a", "1.000000 USD"),
            ("agent b", "7 tokens"),
            ("no agent", "0.100000 USD, 2 calls, 0.0 ms"),
        ] == detail_rows(Rollup(details=Details(whole, agents)))

    @pytest.mark.parametrize(
        "details",
        [
            Details(),
            Details(by_model=Breakdown({"m": _row(1)})),
            Details(by_agent=Breakdown({NONE: _row(1)}), by_tool=Breakdown({NONE: _row(1)})),
        ],
    )
    def test_nothing_to_say(self, details: Details) -> None:
        """One model is the total, and agents and tools are shown where one has a name."""
        assert [] == detail_rows(Rollup(details=details))

    def test_partly_unpriced(self) -> None:
        """A cost that lacks calls says so."""
        row = BreakdownRow(3, cost_pusd=10**12, num_priced=1, num_unpriced=2)
        rows = Breakdown({"a": row, "b": _row(1)})
        assert "1.000000 USD, 2 unpriced calls, 3 calls, 0.0 ms" == dict(detail_rows(Rollup(details=Details(rows))))["model a"]

    def test_hostile_names(self) -> None:
        """What others named is printable, short and escaped."""
        rows = Breakdown(dict.fromkeys((HOSTILE, "<script>", "x" * 10_000), _row(1)))
        record = SessionRecord("s", 1, "idle", SessionTotals(Rollup(details=Details(rows, rows, rows))))
        html = record._repr_html_()
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
        assert html.isascii()
        assert len(html) < 10_000
        assert all(name.isprintable() for name, _ in rows_of(record.rollup))

    @given(DETAILS)
    def test_any(self, details: Details) -> None:
        """Nothing in it makes it raise, and it is no long table."""
        assert len(detail_rows(Rollup(start_ns=0, end_ns=100, details=details))) <= 3 + 5 + 5 + 5


class TestLine:
    """What ``repr`` says."""

    def test_times(self) -> None:
        """How much of the duration models and tools took, and no table."""
        expected = "2.0 s (models 1.2 s, tools 100 ms, idle 400 ms)"
        assert f"<Rollup 0.000000 USD, 0 tokens, 0 events, {expected}>" == repr(_ROLLUP)
