"""The figures, against the sums of the tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from otel_session_agg import analysis
from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.history import History
from otel_session_agg.analysis import frames
from otel_session_agg.analysis._figures import duration_figure
from otel_session_agg.analysis._periods import PERIODS
from otel_session_agg.analysis._style import MOST_MARKED
from otel_session_agg.analysis._totals import PeriodTotals
from tests.support.session_tables import DAYS, START, Given, Part, Tables

SHOWN = '&lt;/script&gt;&lt;img src=x onerror="alert(1)"&gt;&#36;x&#36;%{y}\\u202e'
"""A hostile name as Plotly takes it, which decodes it and takes nothing of it for markup."""


def total(sessions: History) -> Decimal:
    """The cost of all sessions."""
    [(cost,)] = sessions.rows("SELECT sum(cost) FROM sessions")
    return Decimal(cost)


def one(session: str, cost: str | None, *, tokens: int = 100, day: int = 0, ms: float = 1000.0, **dimensions: str) -> Given:
    """A session with one model call."""
    part = Part("model", "gpt-5-mini", 1, tokens, Decimal(cost) if cost is not None else None)
    return Given(session, START + timedelta(days=day), [part], ms, dimensions=dimensions)


def traces_of(figure: Any) -> list[dict[str, Any]]:
    """The traces of a figure as plain values."""
    return list(figure.to_plotly_json()["data"])


class TestCostOverTime:
    """Bars over time."""

    @pytest.mark.parametrize("key", ["model", "agent", "user", "service.name", "metadata.plan"])
    def test_bars_add_up(self, sessions: History, key: str) -> None:
        """All bars together are the cost of all sessions, by whatever they are split."""
        figure = analysis.cost_over_time(sessions, key)
        assert float(total(sessions)) == pytest.approx(sum(sum(bar["y"]) for bar in traces_of(figure)), rel=1e-12)

    def test_frame_is_exact(self, sessions: History) -> None:
        """The frame has decimals, and they are the cost of all sessions to the last digit."""
        frame = frames.cost_over_time(sessions)
        assert total(sessions) == sum(frame["cost"], Decimal(0))
        assert {START + timedelta(days=day) for day in range(DAYS)} == set(frame["start"])

    def test_names_beyond_the_limit(self, sessions: History) -> None:
        """The dearest have names; all others are one bar, the last and grey."""
        bars = traces_of(analysis.cost_over_time(sessions, limit=2))
        assert ["claude-sonnet-4-5", "gemini-2.5-flash", "other"] == [bar["name"] for bar in bars]
        assert "#adb5bd" == bars[-1]["marker"]["color"]

    def test_hostile_name(self, sessions: History) -> None:
        """A name is text, whatever Plotly takes for markup, and its control characters are visible."""
        names = [bar["name"] for bar in traces_of(analysis.cost_over_time(sessions))]
        assert [SHOWN[:20]] == [name[:20] for name in names if "img" in name]
        assert not any(char in "<>$\u202e" for name in names for char in name)

    def test_unknown_key(self, sessions: History) -> None:
        """The error says which keys there are."""
        with pytest.raises(SessionAggError, match=r"^no session has a value for regoin; there are: model, agent, tool, user, s"):
            analysis.cost_over_time(sessions, "regoin")

    def test_hours_of_a_day(self, tables: Tables) -> None:
        """What took a day is shown by the hour."""
        history = tables([one("a", "1"), one("b", "2"), one("c", "4", day=1)])
        [bar] = traces_of(analysis.cost_over_time(history))
        assert (["2026-11-16T00:00", "2026-11-17T00:00"], [3.0, 4.0]) == (bar["x"], bar["y"])

    @pytest.mark.parametrize("chart", [analysis.cost_over_time, analysis.duration_over_time])
    def test_one_period(self, tables: Tables, chart: Any) -> None:
        """A single period has one mark, not those of parts of a second; of several, Plotly chooses."""
        single, several = chart(tables([one("a", "1")])), chart(tables([one("a", "1"), one("b", "2", day=3)]))
        assert (list(single.data[0].x), None) == (list(single.layout.xaxis.tickvals), several.layout.xaxis.tickvals)


class TestCostBy:
    """Bars by name."""

    @pytest.mark.parametrize("key", ["model", "agent", "tool", "user", "tenant", "service.name"])
    def test_bars_add_up(self, sessions: History, key: str) -> None:
        """All bars together are the cost of all sessions."""
        frame = frames.cost_by(sessions, key, limit=1)
        assert total(sessions) == sum((cost for cost in frame["cost"] if cost is not None), Decimal(0))
        assert key == "tool" or len(frame) > 1

    def test_unknown_cost_is_unknown(self, sessions: History) -> None:
        """A model without a price has no cost, not 0, and its calls are counted."""
        frame = frames.cost_by(sessions).set_index("name")
        [(calls,)] = sessions.rows("SELECT sum(calls) FROM breakdown WHERE name = 'local-llama'")
        assert (None, calls) == (frame["cost"]["local-llama"], frame["unpriced"]["local-llama"])
        [bars] = traces_of(analysis.cost_by(sessions))
        assert "unknown" == bars["text"][-1]

    @pytest.mark.parametrize("cost", ["23.08", "0.00026", "0.000001", "123456"])
    def test_room_for_amounts(self, tables: Tables, cost: str) -> None:
        """The axis is so long that the amount behind the longest bar is not cut, however many digits it has."""
        shown = analysis.cost_by(tables([one("a", cost)]))
        [bars] = traces_of(shown)
        assert shown.layout.xaxis.range[1] >= float(cost) * (1 + 0.04 * len(bars["text"][0]))

    def test_sessions_of_two_names_count_once(self, tables: Tables) -> None:
        """A session with several names that are shown together is one session."""
        parts = [Part("model", name, 1, 10, Decimal(1)) for name in "abc"]
        frame = frames.cost_by(tables([Given("s", START, parts)]), limit=1)
        assert [("a", 1), ("other", 1)] == list(zip(frame["name"], frame["sessions"], strict=True))

    def test_names_that_need_quotes(self, tables: Tables) -> None:
        """A dimension may be called anything."""
        name = "a/b~c\"'.d"
        history = tables([Given("s", START, [Part("model", "m", 1, 1, Decimal(1))], dimensions={name: "here"})])
        assert ["here"] == list(frames.cost_by(history, name)["name"])


class TestDurationOverTime:
    """Quantiles over time."""

    def test_days_without_sessions(self, tables: Tables) -> None:
        """A day without sessions is there, and its quantiles are unknown."""
        history = tables([one("a", "1", ms=1000), one("b", "1", ms=3000), one("c", "1", day=9)])
        median, *_ = traces_of(analysis.duration_over_time(history))
        assert [2.0, *[None] * 8, 1.0] == median["y"]

    def test_marks(self) -> None:
        """Between two gaps a line shows nothing: so each value is marked, unless there are many."""
        for number, mode in ((1, "lines+markers"), (MOST_MARKED, "lines+markers"), (MOST_MARKED + 1, "lines")):
            known = (PeriodTotals(START + timedelta(days=2 * at), p50_duration=1.0) for at in range(number))
            rows = [row for one in known for row in (one, PeriodTotals(one.start + timedelta(days=1)))]
            assert mode == traces_of(duration_figure(rows, PERIODS["day"]))[0]["mode"]


class TestDistribution:
    """How figures are spread."""

    @pytest.mark.parametrize("metric", ["cost", "tokens", "duration"])
    def test_all_known_sessions_are_in_a_bin(self, sessions: History, metric: str) -> None:
        """Each session whose figure is known is in one bin; those with an unknown one are in none."""
        [(known,)] = sessions.rows(f"SELECT count({metric}) FROM sessions")  # noqa: S608
        frame = frames.distribution(sessions, metric)
        assert known == sum(frame["sessions"])
        assert list(frame["high"][:-1]) == list(frame["low"][1:])

    def test_bins_hold_their_sessions(self, tables: Tables) -> None:
        """A session is between the bounds of its bin, also one that lies on a bound."""
        history = tables([one("a", "0.01"), one("b", "0.1"), one("c", "100"), one("d", "0"), one("e", None)])
        frame = frames.distribution(history)
        found = [(low, high) for low, high, sessions in frame.itertuples(index=False) if sessions]
        assert [True] * 3 == [
            low <= value * (1 + 1e-9) and value < high for value, (low, high) in zip((0.01, 0.1, 100), found, strict=True)
        ]

    def test_one_value(self, tables: Tables) -> None:
        """Sessions that are all alike have one bin; median and percentile, which are the same, are named one below the other."""
        history = tables([one(name, "0.5") for name in "abc"])
        assert [3] == list(frames.distribution(history)["sessions"])
        assert 1 == analysis.distribution(history).layout.yaxis.dtick
        names = analysis.distribution(history).layout.annotations
        assert [" median", " p95"] == [name.text for name in names]
        assert names[0].x == names[1].x
        assert names[0].yshift > names[1].yshift + 10

    def test_nothing_known(self, tables: Tables) -> None:
        """Without a known cost there is nothing to show, and no error."""
        assert [] == list(frames.distribution(tables([one("a", None)]))["sessions"])
        assert [()] == [tuple(bars["x"]) for bars in traces_of(analysis.distribution(tables([one("a", None)])))]

    def test_unknown_metric(self, sessions: History) -> None:
        """The error says which there are."""
        with pytest.raises(SessionAggError, match=r"^A metric is one of cost, tokens, duration\.$"):
            analysis.distribution(sessions, "price")


class TestCalendar:
    """Days in weeks."""

    def test_cells_add_up(self, sessions: History) -> None:
        """The days are the cost of all sessions; a column is a week from Monday to Sunday."""
        [cells] = traces_of(analysis.calendar(sessions))
        assert float(total(sessions)) == pytest.approx(sum(map(sum, cells["z"])), rel=1e-12)
        assert ("Mon", ["16 Nov", "23 Nov"], [2] * 7) == (cells["y"][0], list(cells["x"]), [len(day) for day in cells["z"]])

    def test_one_week(self, tables: Tables) -> None:
        """A single week has its figures below each other: beside each other there would be no room for them on a narrow screen."""
        [cells] = traces_of(analysis.calendar(tables([one("a", "1"), one("b", "2", day=1)])))
        assert (1, [["$1.00"], ["$2.00"]]) == (len(cells["x"]), [list(day) for day in cells["text"][:2]])

    def test_many_weeks(self, tables: Tables) -> None:
        """Half a year has colours that are explained, and no figures: there is no room for them."""
        [cells] = traces_of(analysis.calendar(tables([one("a", "1"), one("b", "2", day=180)])))
        assert (7, 26, 1.0) == (len(cells["z"]), len(cells["z"][0]), cells["z"][0][0])
        assert (True, False) == (cells["showscale"], "text" in cells)

    def test_a_time_that_cannot_be(self, tables: Tables) -> None:
        """A session of the year 1971 does not add decades of empty days."""
        odd = one("b", "2")._replace(start=datetime(1971, 1, 1))  # noqa: DTZ001
        [cells] = traces_of(analysis.calendar(tables([one("a", "1"), odd])))
        assert 2 == len(cells["x"])

    def test_no_sessions(self, tables: Tables) -> None:
        """Without sessions it is empty."""
        [cells] = traces_of(analysis.calendar(tables([])))
        assert ([], 0) == (list(cells["x"]), sum(map(len, cells["z"])))


class TestOutliers:
    """The chart of cost against duration."""

    def test_all_sessions_are_in_a_cell(self, sessions: History) -> None:
        """Each session with a known cost and duration is counted once."""
        [(known,)] = sessions.rows("SELECT count(*) FROM sessions WHERE cost > 0 AND duration > 0")
        assert known == sum(traces_of(analysis.outliers(sessions))[0]["customdata"])

    def test_no_sessions(self, tables: Tables) -> None:
        """Without sessions it is empty."""
        assert [[], []] == [list(trace["x"]) for trace in traces_of(analysis.outliers(tables([])))]
