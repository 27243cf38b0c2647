"""The calls of two histories side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg import SessionAggError
from otel_session_agg._history.comparing import FIGURES, KEYS, REASONS, Comparison
from otel_session_agg._history.database import is_database
from otel_session_agg._history.history import History
from otel_session_agg._model.replayed import ReplayedCall
from otel_session_agg._model.span import Usage
from tests.support.histories import Facts, joined, kept, one_trace

COST = 2_000_000


def _changed(call: ReplayedCall, **fields: object) -> ReplayedCall:
    return call._replace(**fields)  # type: ignore[arg-type]


def _facts(calls: list[ReplayedCall]) -> Facts:
    """One trace for each call."""
    whole = joined(one_trace(number, user=("ada", None)[number % 2]) for number in range(len(calls)))
    own = [
        one._replace(trace_id=whole.calls[2 * at].trace_id, start_ns=whole.calls[2 * at].start_ns) for at, one in enumerate(calls)
    ]
    return whole._replace(calls=own)


CALL = one_trace(0, cost_pusd=COST).calls[0]
UNPRICED = _changed(CALL, cost_pusd=None, is_unpriced=True)
RECORDED = _changed(CALL, cost_pusd=COST + 7, is_recorded=True)
LOST = _changed(CALL, cost_pusd=None, counts=False)
COVERED = _changed(CALL, cost_pusd=None)
"""It counts, and another call has its cost."""
DEARER = _changed(CALL, cost_pusd=COST + 3)
LONGER = _changed(CALL, cost_pusd=COST + 5, usage=Usage(200, 11, 211))
STATES = [CALL, UNPRICED, RECORDED, LOST, COVERED, DEARER, LONGER]

EXPECTED = [
    (CALL, CALL, None, 0),
    (UNPRICED, UNPRICED, None, 0),
    (CALL, _changed(CALL, usage=Usage(7, 8, 15)), None, 0),
    (CALL, _changed(CALL, is_recorded=True), None, 0),
    (CALL, DEARER, "price", 3),
    (DEARER, CALL, "price", -3),
    (CALL, LONGER, "tokens", 5),
    (CALL, RECORDED, "recorded", 7),
    (RECORDED, CALL, "recorded", -7),
    (RECORDED, _changed(RECORDED, cost_pusd=1), "recorded", 1 - COST - 7),
    (UNPRICED, CALL, "priced_after", COST),
    (CALL, UNPRICED, "priced_before", -COST),
    (LOST, CALL, "only_after", COST),
    (CALL, LOST, "only_before", -COST),
    (COVERED, CALL, "only_after", COST),
    (CALL, COVERED, "only_before", -COST),
]
"""A call before and after, why it differs, and by how many picodollars."""


@pytest.fixture
def compared(tmp_path: Path) -> Iterator[Comparison]:
    """All of these calls."""
    histories = [kept(tmp_path / f"{side}.duckdb", _facts([row[side] for row in EXPECTED])) for side in (0, 1)]  # type: ignore[misc]
    found = Comparison(*histories)
    yield found
    found.close()


class TestReasons:
    """Why calls differ."""

    def test_each(self, compared: Comparison) -> None:
        """Each call has one reason, and differs by what it costs after less what it costs before."""
        result = compared.select(["call"], sort="trace_id")
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
        known = [(row["reason"], row["difference"]) for row in rows]
        assert [
            (reason, None if UNPRICED in sides[:1] == sides[1:] else Decimal(pusd).scaleb(-12))
            for *sides, reason, pusd in EXPECTED
        ] == known

    def test_reasons(self, compared: Comparison) -> None:
        """All reasons are tried."""
        result = compared.select(["reason"])
        assert {*REASONS, None} == {row[0] for row in result.rows}

    def test_unknown(self, compared: Comparison) -> None:
        """Calls of unknown price are counted on each side, and are in no sum."""
        total = compared.select(["total"]).total
        before = [row[0].cost_pusd or 0 for row in EXPECTED]
        after = [row[1].cost_pusd or 0 for row in EXPECTED]
        assert {
            "calls": 16,
            "cost_before": Decimal(sum(before)).scaleb(-12),
            "cost_after": Decimal(sum(after)).scaleb(-12),
            "difference": Decimal(sum(after) - sum(before)).scaleb(-12),
            "calls_before": 15,
            "calls_after": 15,
            "unpriced_before": 2,
            "unpriced_after": 2,
        } == {name: value for name, value in total.items() if name not in {*REASONS, "percent"}}

    @pytest.mark.slow
    @given(st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(STATES)), min_size=1, max_size=12))
    @settings(max_examples=6, deadline=None)
    def test_add_up(self, calls: list[tuple[ReplayedCall, ReplayedCall]]) -> None:
        """Reasons add up to the difference, and groups to the totals, to the picodollar."""
        with tempfile.TemporaryDirectory() as folder:
            histories = [kept(Path(folder) / f"{side}.duckdb", _facts([pair[side] for pair in calls])) for side in (0, 1)]
            compared = Comparison(*histories)
            for name in KEYS:
                result = compared.select([name])
                rows: list[dict[str, Any]] = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
                for row in (*rows, result.total):
                    costs = [row[key] for key in ("cost_before", "cost_after")]
                    parts = sum(row[reason] for reason in REASONS)
                    assert (row["difference"] or 0) == (costs[1] or 0) - (costs[0] or 0) == parts
                for figure in set(FIGURES) - {"percent"}:
                    assert (result.total[figure] or 0) == sum(row[figure] or 0 for row in rows)
            for history, figure in zip(histories, ("cost_before", "cost_after"), strict=True):
                assert history.rows("SELECT sum(cost) FROM calls") == [(result.total[figure],)]
            compared.close()


class TestSelect:
    """What is added up."""

    @pytest.mark.parametrize(
        ("by", "expected"),
        [
            (["user"], [("ada", 8), (None, 8)]),
            (["model"], [("gpt-4o", 16)]),
            (["day"], [("2026-01-12", 16)]),
            (["provider", "agent"], [("openai", "planner", 16)]),
            (["tool"], [(None, 16)]),
        ],
    )
    def test_by(self, compared: Comparison, by: list[str], expected: list[tuple[object, ...]]) -> None:
        """By any of the names."""
        result = compared.select(by, sort=by[0])
        assert expected == [row[: len(by) + 1] for row in result.rows]

    def test_order(self, compared: Comparison) -> None:
        """What differs most is first, whatever its sign; what is not known is last."""
        first: list[Any] = [row[8] for row in compared.select(["call"]).rows]
        known = [abs(one) for one in first if one is not None]
        assert (sorted(known, reverse=True), [None]) == (known, first[len(known) :])

    def test_limit(self, compared: Comparison) -> None:
        """The first rows only; totals are over all."""
        result = compared.select(["call"], "-cost_after", 2)
        assert (2, 16) == (len(list(result.rows)), result.total["calls"])

    @pytest.mark.parametrize(
        ("by", "sort"), [(["colour"], None), (["model"], "colour"), (["model"], 'cost_after"; DROP TABLE compared; --')]
    )
    def test_not_known(self, compared: Comparison, by: list[str], sort: str | None) -> None:
        """Other names are refused."""
        with pytest.raises(SessionAggError, match="use one of "):
            compared.select(by, sort)


class TestFiles:
    """The files behind it."""

    def test_left_alone(self, tmp_path: Path) -> None:
        """A history can be compared with itself, and written again afterwards; what was temporary is gone."""
        path = tmp_path / "odd ' name.duckdb"
        history = kept(path, one_trace(1))
        compared = Comparison(history, history)
        assert {"calls": 1, "difference": 0}.items() <= compared.select(["total"]).total.items()
        history.add(*one_trace(2))
        compared.close()
        assert [(2,)] == history.rows("SELECT count(*) FROM calls WHERE counts")
        assert is_database(path)

    def test_gone(self, tmp_path: Path) -> None:
        """A file that is another program's by now is named."""
        histories = [kept(tmp_path / name, one_trace(1)) for name in ("a.duckdb", "b.duckdb")]
        histories[1].let_go().write_bytes(b"other")
        with pytest.raises(SessionAggError, match=r"b\.duckdb is no history"):
            Comparison(*histories)
        assert not is_database(tmp_path / "b.duckdb")
        assert not is_database(tmp_path / "c.duckdb")

    def test_not_attached(self, tmp_path: Path) -> None:
        """A file that something writes is named, too."""
        history = kept(tmp_path / "a.duckdb", one_trace(1))
        with History(tmp_path / "b.duckdb") as other:
            path = other.let_go()
            with path.open("r+b") as file:
                file.truncate(100)
            with pytest.raises(SessionAggError, match=r"b\.duckdb cannot be opened"):
                Comparison(history, other)
            path.unlink()
