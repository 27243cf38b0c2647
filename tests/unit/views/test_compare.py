"""Comparisons: figures are those of each side, intervals cover what is true, and what drives a difference adds up to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import SessionAggError, SettingsError
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Filtered, Selection
from otel_session_agg._views.address import parse
from otel_session_agg._views.compare import compare
from otel_session_agg._views.drivers import Cost, drivers, parted
from otel_session_agg._views.intervals import (
    Moments,
    bootstrap,
    newcombe,
    put_together,
    rank_shares,
    welch,
    wilson,
)
from otel_session_agg._views.overlay import overlays
from otel_session_agg._views.sides import sides_of
from otel_session_agg._views.two_sides import both_of, rows_by_side
from tests.support.histories import kept, many, one_trace

A, B = (Selection("session", where=f"service.name = shop-{at}") for at in (0, 1))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Sessions of two services."""
    with kept(tmp_path_factory.mktemp("compare") / "many.duckdb", many(600)) as made:
        yield made


def sides(history: History, a: Selection = A, b: Selection = B) -> Filtered:
    """What two selections find."""
    return both_of(history.filtered(a), history.filtered(b))


def sizes(history: History, both: Filtered) -> list[int]:
    """How many sessions each side has."""
    found = rows_by_side(history, both, "count(*)")
    return [found[side][0] if side in found else 0 for side in (0, 1)]


def side(history: History, number: int, sql: str) -> list[float]:
    """A known figure of all sessions of a service."""
    rows = history.rows(
        f"SELECT {sql}::DOUBLE FROM sessions WHERE json_extract_string(dimensions, '/service.name') = ?"  # noqa: S608 -- of this test
        f" AND {sql} IS NOT NULL",
        [f"shop-{number}"],
    )
    return [value for (value,) in rows]


class TestFigures:
    def test_are_those_of_each_side(self, history: History) -> None:
        """Means, quantiles and shares are those of the sessions of each side; an unknown cost is in none."""
        found = {one.key: one for one in compare(history, sides(history)).differences}
        for number in (0, 1):
            costs, durations = side(history, number, "cost"), side(history, number, "duration")
            failed = side(history, number, "(errors > 0)")
            given = {key: (one.a, one.b)[number] for key, one in found.items()}
            assert pytest.approx(fmean(costs)) == given["cost"]
            assert pytest.approx(float(np.quantile(costs, 0.5))) == given["median_cost"]
            assert pytest.approx(float(np.quantile(durations, 0.95))) == given["p95"]
            assert pytest.approx(100 * fmean(failed)) == given["failed"]
            assert (len(failed), len(costs)) == (given["sessions"], (found["cost"].known_a, found["cost"].known_b)[number])

    def test_say_how(self, history: History) -> None:
        """Every interval says its method; what there is, is no sample."""
        found = {one.key: one for one in compare(history, sides(history)).differences}
        assert found["sessions"].interval is None
        assert "not a sample" in found["sessions"].note
        assert "Welch" in found["cost"].note
        assert "Wilson" in found["failed"].note
        assert "order statistics" in found["p95"].note

    def test_few_sessions(self, tmp_path: Path) -> None:
        """Of a few sessions figures are shown, and no interval; of some more it is a bootstrap."""
        with kept(tmp_path / "few.duckdb", many(14)) as history:
            found = {one.key: one for one in compare(history, sides(history)).differences}
            assert {None} == {one.interval for one in found.values()}
            assert "too few sessions for an interval" == found["tokens"].note
        with kept(tmp_path / "some.duckdb", many(80)) as history:
            [cost] = [one for one in compare(history, sides(history)).differences if one.key == "cost"]
            assert cost.interval is not None
            assert "bootstrap" == cost.interval.method

    def test_of_nothing(self, history: History) -> None:
        """A side without sessions has no figures, and nothing is divided by it."""
        nobody = Selection("session", where="user = nobody")
        found = {one.key: one for one in compare(history, sides(history, nobody, B)).differences}
        assert (0.0, None, None, None) == (
            found["sessions"].a,
            found["cost"].a,
            found["cost"].difference,
            found["failed"].relative,
        )

    def test_a_selection_beside_itself(self, history: History) -> None:
        """No difference is found where there is none."""
        for one in compare(history, sides(history, A, A)).differences:
            assert 0 == one.difference
            assert one.interval is None or one.interval.has_zero

    def test_in_both(self, history: History) -> None:
        """A session that is in both selections is in the figures of each."""
        everybody = Selection("session")
        found = {one.key: one for one in compare(history, sides(history, everybody, B)).differences}
        alone = {one.key: one for one in compare(history, sides(history, B, B)).differences}
        assert [600, 300] == sizes(history, sides(history, everybody, B))
        assert [one.b for one in alone.values()] == pytest.approx([one.b for one in found.values()])


class TestIntervals:
    def test_cover_what_is_true(self) -> None:
        """Of samples of known distributions, about 95 of 100 intervals have the true difference in them."""
        draw = np.random.default_rng(7)
        true = float(np.exp(0.3 + 0.5) - np.exp(0.5))
        hits = {"bootstrap": 0, "welch": 0, "newcombe": 0, "ranks": 0}
        rounds = 200
        for _ in range(rounds):
            a, b = draw.lognormal(0, 1, 60), draw.lognormal(0.3, 1, 60)
            one = bootstrap(list(a), list(b), float(b.mean() - a.mean()))
            hits["bootstrap"] += one is not None and one.low <= true <= one.high
            a, b = draw.lognormal(0, 1, 2000), draw.lognormal(0.3, 1, 2000)
            moments = [Moments(len(x), float(x.mean()), float(x.var(ddof=1))) for x in (a, b)]
            two = welch(moments[0], moments[1])
            hits["welch"] += two is not None and two.low <= true <= two.high
            three = newcombe((int(draw.binomial(80, 0.05)), 80), (int(draw.binomial(120, 0.1)), 120))
            hits["newcombe"] += three is not None and three.low <= 0.05 <= three.high
            shares = rank_shares(0.95, 2000)
            assert shares is not None
            sides = [
                (float(np.quantile(x, 0.95)), float(np.quantile(x, shares[0])), float(np.quantile(x, shares[1]))) for x in (a, b)
            ]
            four = put_together(sides[0], sides[1], "ranks")
            hits["ranks"] += four.low <= float(np.exp(0.3 + 1.6448536) - np.exp(1.6448536)) <= four.high
        assert all(0.90 * rounds <= number <= 0.995 * rounds for number in hits.values()), hits

    def test_are_repeatable(self) -> None:
        """The same rows have the same interval."""
        rows = [float(number % 17) for number in range(50)]
        assert bootstrap(rows, rows[::-1], 0.0) == bootstrap(rows, rows[::-1], 0.0)

    @pytest.mark.parametrize(
        ("hits", "number", "low", "high"), [(0, 20, 0.0, 0.161), (10, 20, 0.299, 0.701), (20, 20, 0.839, 1.0)]
    )
    def test_wilson(self, hits: int, number: int, low: float, high: float) -> None:
        """Shares have the published bounds, also where all or none are hits."""
        assert pytest.approx((low, high), abs=0.001) == wilson(hits, number)

    def test_newcombe(self) -> None:
        """The published example: 56 of 70 less 48 of 80 is between 0.0524 and 0.3339."""
        found = newcombe((48, 80), (56, 70))
        assert found is not None
        assert pytest.approx((0.0524, 0.3339), abs=0.0001) == (found.low, found.high)

    def test_student(self) -> None:
        """Of two times ten rows the quantile is that of Student's distribution, 2.1009."""
        found = welch(Moments(10, 0.0, 1.0), Moments(10, 0.0, 1.0))
        assert found is not None
        assert pytest.approx(2.1009 * (0.2**0.5), rel=1e-3) == found.high


COSTS = st.dictionaries(
    st.sampled_from(["gpt-4o", "gpt-4o-mini", "other", None, "x"]),
    st.builds(Cost, st.integers(0, 10**6), st.integers(0, 10**18), st.integers(0, 9)),
)


class TestDrivers:
    @given(st.integers(1, 10**6), COSTS, st.integers(1, 10**6), COSTS)
    def test_add_up(self, number_a: int, a: dict[str | None, Cost], number_b: int, b: dict[str | None, Cost]) -> None:
        """Volume, mix and rate of all names are the difference in the cost of a session, exactly."""
        found = parted("model", (number_a, a), (number_b, b))
        true = Fraction(sum(x.pusd for x in b.values()), number_b) - Fraction(sum(x.pusd for x in a.values()), number_a)
        assert true == found.b - found.a == sum(row.volume + row.mix + row.rate for row in found.rows)
        assert all(row.difference == row.volume + row.mix + row.rate for row in found.rows)

    @given(st.integers(1, 10**6), COSTS, st.integers(1, 10**6), COSTS)
    def test_the_other_way_round(
        self, number_a: int, a: dict[str | None, Cost], number_b: int, b: dict[str | None, Cost]
    ) -> None:
        """What drives a difference drives the opposite one as much."""
        there = {row.name: row for row in parted("model", (number_a, a), (number_b, b)).rows}
        for row in parted("model", (number_b, b), (number_a, a)).rows:
            other = there[row.name]
            assert (row.volume, row.mix, row.rate) == (-other.volume, -other.mix, -other.rate)

    def test_one_cause(self) -> None:
        """Twice the calls is volume, twice the price is rate, another model is mix."""
        base: dict[str | None, Cost] = {"a": Cost(100, 1000), "b": Cost(100, 3000)}
        volume = parted("model", (10, base), (10, {name: Cost(2 * x.calls, 2 * x.pusd) for name, x in base.items()}))
        rate = parted("model", (10, base), (10, {name: Cost(x.calls, 2 * x.pusd) for name, x in base.items()}))
        mix = parted("model", (10, base), (10, {"a": Cost(200, 2000)}))
        assert {(400, 0, 0)} == {tuple(sum(getattr(row, part) for row in volume.rows) for part in ("volume", "mix", "rate"))}
        assert {(0, 0, 400)} == {tuple(sum(getattr(row, part) for row in rate.rows) for part in ("volume", "mix", "rate"))}
        assert {(0, -200, 0)} == {tuple(sum(getattr(row, part) for row in mix.rows) for part in ("volume", "mix", "rate"))}

    @pytest.mark.parametrize("kind", ["model", "agent", "tool"])
    def test_of_a_history(self, history: History, kind: str) -> None:
        """By model, agent or tool: the difference is that of the averages that are shown, to the picodollar."""
        found = drivers(history, sides(history), kind)
        assert found is not None
        averages = []
        for number in (0, 1):
            [(total, known)] = history.rows(
                "SELECT (sum(cost) * 1000000000000)::HUGEINT, count(cost) FROM sessions"
                " WHERE json_extract_string(dimensions, '/service.name') = ?",
                [f"shop-{number}"],
            )
            averages.append(Fraction(total, known))
        assert averages == [found.a, found.b]
        assert averages[1] - averages[0] == sum(row.volume + row.mix + row.rate for row in found.rows)

    def test_nothing_known(self, tmp_path: Path) -> None:
        """Where no cost is known, nothing is said to drive it."""
        with kept(tmp_path / "one.duckdb", one_trace(1, cost_pusd=None)) as history:
            assert drivers(history, sides(history, Selection(), Selection()), "model") is None

    def test_wrong_kind(self, history: History) -> None:
        """A session is split by three kinds."""
        with pytest.raises(SettingsError):
            drivers(history, sides(history), "user'; DROP")


class TestSides:
    NOW = datetime(2026, 1, 20, tzinfo=timezone.utc)

    def test_segments(self, history: History) -> None:
        """Two segments are the sessions with these values; without values, the most frequent ones are compared."""
        state = parse("/compare", "?from=all&mode=segment&key=service.name&a=shop-1&b=shop-0")
        found = sides_of(state, history, self.NOW)
        expected = compare(history, sides(history, B, A))
        assert expected == compare(history, found.both)
        chosen = sides_of(parse("/compare", "?from=all&mode=segment&key=service.name"), history, self.NOW)
        assert ("shop-0", "shop-1") == (chosen.name_a, chosen.name_b)

    def test_periods(self, history: History) -> None:
        """A period is compared with the one before it, as long as that."""
        found = sides_of(parse("/compare", "?from=2026-01-13T12:00:00Z&to=2026-01-14T00:00:00Z"), history, self.NOW)
        numbers = sizes(history, found.both)
        expected = [
            history.rows("SELECT count(*) FROM sessions WHERE start_time >= ? AND start_time < ?", [since, until])[0][0]
            for since, until in (
                (datetime(2026, 1, 13), datetime(2026, 1, 13, 12)),  # noqa: DTZ001 -- as the tables have it
                (datetime(2026, 1, 13, 12), datetime(2026, 1, 14)),  # noqa: DTZ001
            )
        ]
        assert expected == numbers
        assert min(numbers) > 0
        assert () == found.lacks

    def test_part_of_a_period(self, history: History) -> None:
        """Of a period that the history has most of, numbers and sums are no measure, as in the overview."""
        search = "?from=2026-01-13T14:00:00Z&to=2026-01-14T22:00:00Z"
        found = sides_of(parse("/compare", search), history, self.NOW)
        assert ((found.name_a,), None) == (found.lacks, found.begins)
        made = {one.key: one for one in compare(history, found.both, is_whole=not found.lacks).differences}
        assert (None, None) == (made["sessions"].difference, made["total_cost"].difference)
        assert made["sessions"].note.startswith("not compared")

    @pytest.mark.parametrize("since", ["all", "14d", "2026-01-01", "2026-01-12T14:00:00Z"])
    def test_halves_of_a_period(self, history: History, since: str) -> None:
        """Where the history has too little of the time before, the later half is compared with the earlier one."""
        found = sides_of(parse("/compare", f"?from={since}"), history, self.NOW)
        numbers = sizes(history, found.both)
        assert (552 if "T" in since else 600) == sum(numbers)
        assert min(numbers) > 270
        assert ((), datetime(2026, 1, 12, 10, tzinfo=timezone.utc)) == (found.lacks, found.begins)
        assert found.name_a.split(" to ")[1] == found.name_b.split(" to ")[0]

    def test_filters(self, history: History) -> None:
        """A side without a condition is all sessions; conditions come on top of the filter of the page."""
        found = sides_of(parse("/compare", "?from=all&where=user+%3D+ada&mode=filter&b=errors+%3E+0"), history, self.NOW)
        numbers = sizes(history, found.both)
        expected = history.rows("SELECT count(*), count(*) FILTER (errors > 0) FROM sessions WHERE \"user\" = 'ada'")[0]
        assert list(expected) == numbers

    @pytest.mark.parametrize("value", ["x' OR '1' = '1", "'; DROP TABLE sessions; --", "\u202e"])
    def test_hostile_values(self, history: History, value: str) -> None:
        """A value is a text, whatever is in it, and a key a name."""
        search = f"?from=all&mode=segment&key=service.name&a={quote(value)}&b=shop-0"
        found = sides_of(parse("/compare", search), history, self.NOW)
        assert 0 == compare(history, found.both).sessions[0]
        with pytest.raises(SessionAggError, match="there is no key to group by"):
            sides_of(parse("/compare", f"?mode=segment&key={quote(value)}&a=1&b=2"), history, self.NOW)

    @pytest.mark.parametrize(
        "search", ["?from=2025-01-01&to=2025-02-01", "?mode=filter", "?mode=segment&key=nothing", "?mode=filter&a=nothing+%3D+1"]
    )
    def test_nothing_to_compare(self, history: History, search: str) -> None:
        """An address that does not say what is compared says how it could."""
        with pytest.raises(SessionAggError):
            sides_of(parse("/compare", search), history, self.NOW)


class TestOverlay:
    @pytest.mark.parametrize("metric", ["cost", "tokens", "duration"])
    def test_has_every_session(self, history: History, metric: str) -> None:
        """The bins of each side have all of its sessions whose figure is known and not 0."""
        found = overlays(history, sides(history))[metric]
        assert found is not None
        for number, spread in ((0, found.a), (1, found.b)):
            values = side(history, number, metric)
            assert (len(values), len(found.bounds) - 1) == (sum(spread.counts), len(spread.counts))
            assert pytest.approx(1.0) == sum(spread.shares)
            low, high = found.bounds[0], found.bounds[-1]
            scale = 1000 if metric == "duration" else 1
            assert low <= min(values) / scale <= max(values) / scale <= high

    def test_of_nothing(self, history: History) -> None:
        """Of no sessions there is no distribution; of one side alone there is."""
        nobody = Selection("session", where="user = nobody")
        assert overlays(history, sides(history, nobody, nobody))["cost"] is None
        found = overlays(history, sides(history, nobody, B))["cost"]
        assert found is not None
        assert (0, []) == (found.a.known, found.a.shares)
