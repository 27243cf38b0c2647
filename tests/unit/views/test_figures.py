"""Figures of a selection are those that the sessions add up to."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.history import History
from otel_session_agg._history.sources import Selection
from otel_session_agg._views.address import State, parse
from otel_session_agg._views.figures import Figures, figures_by_period, figures_of, period_for_times
from otel_session_agg._views.overview import cards_of
from otel_session_agg._views.ranges import is_covered, shown, shown_range
from otel_session_agg._views.selected import selected
from otel_session_agg.analysis._periods import PERIODS
from otel_session_agg.analysis._splits import split
from tests.support.session_tables import history_of, two_weeks

NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
WHERES = [None, "cost > 0.001", "\"service.name\" = 'checkout-bot' or errors > 0", "list_contains(models, 'gpt-5-mini')"]


def _sessions(history: History, selection: Selection) -> list[dict[str, Any]]:
    result = history.select(selection)
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


@pytest.mark.parametrize("where", WHERES)
@pytest.mark.parametrize("since", [None, NOW - timedelta(days=5)])
class TestSelected:
    """Sessions, and what they are made of, are those of the selection only."""

    def test_figures(self, sessions: History, where: str | None, since: datetime | None) -> None:
        """They are sums over the sessions that are selected one by one."""
        selection = Selection(where=where, since=since)
        rows = _sessions(sessions, selection)
        found = figures_of(selected(sessions, selection))
        known = [row["cost"] for row in rows if row["cost"] is not None]
        assert (len(rows), sum(known, Decimal(0)), len(known)) == (found.sessions, found.cost, found.sessions_priced)
        assert sum(row["tokens"] or 0 for row in rows) == found.tokens
        assert sum(row["unpriced"] for row in rows) == found.unpriced
        assert sum(1 for row in rows if row["errors"]) == found.sessions_failed
        assert 0 < found.sessions

    def test_by_period(self, sessions: History, where: str | None, since: datetime | None) -> None:
        """The periods add up to the whole."""
        source = selected(sessions, Selection(where=where, since=since))
        whole, days = figures_of(source), figures_by_period(source, PERIODS["day"])
        assert whole.sessions == sum(day.figures.sessions for day in days)
        assert whole.cost == sum((day.figures.cost or Decimal(0) for day in days), Decimal(0))
        assert whole.tokens == sum(day.figures.tokens or 0 for day in days)

    @pytest.mark.parametrize("key", ["model", "agent", "tool", "user", "service.name"])
    def test_split(self, sessions: History, where: str | None, since: datetime | None, key: str) -> None:
        """The parts by a name add up to the cost of the whole."""
        source = selected(sessions, Selection(where=where, since=since))
        cost = sum((row.cost or Decimal(0) for row in split(source, key, 3)), Decimal(0))
        assert figures_of(source).cost == cost


class TestRunning:
    """Sessions that are open."""

    def test_selected(self) -> None:
        """Those that are open, where they are selected."""
        with history_of(two_weeks(200)) as history:
            first, second, *_ = [row["session"] for row in _sessions(history, Selection(where="cost > 0.01"))]
            source = selected(history, Selection(where=f"cost > 0.01 and session <> '{second}'"))
            before = figures_of(source)
            history.note_open([first, second])
            assert before._replace(running=1) == figures_of(source)
            assert 2 == figures_of(selected(history, Selection(where="state = open"))).sessions
            history.note_ended([first])
            assert before == figures_of(source)


class TestNothing:
    """Where there are no sessions, nothing is known: it is not 0."""

    def test_figures(self, sessions: History) -> None:
        """Costs, tokens and durations are unknown."""
        source = selected(sessions, Selection(where="cost > 1000000"))
        found = figures_of(source)
        assert (0, None, None, None, None) == (found.sessions, found.cost, found.average_cost, found.tokens, found.error_share)
        assert [] == figures_by_period(source, PERIODS["day"])
        assert period_for_times(source) is None
        assert "unknown" == next(card.value for card in cards_of(found, None) if card.key == "cost")

    def test_refused(self, sessions: History) -> None:
        """A condition that is none is refused at once."""
        with pytest.raises(SessionAggError, match="there is no column"):
            selected(sessions, Selection(where="nope = 1"))


class TestShown:
    """The time that is shown, and the one before."""

    @pytest.mark.parametrize(
        ("name", "now", "times", "before"),
        [
            ("this-week", "2026-11-25T06:00", ("2026-11-23", None), ("2026-11-16", "2026-11-18T06:00")),
            ("last-week", "2026-11-23", ("2026-11-16", "2026-11-23"), ("2026-11-09", "2026-11-16")),
            ("this-month", "2026-03-30", ("2026-03-01", None), ("2026-02-01", "2026-03-01")),
            ("last-month", "2026-01-31T23:00", ("2025-12-01", "2026-01-01"), ("2025-11-01", "2025-12-01")),
        ],
    )
    def test_calendar(
        self, sessions: History, name: str, now: str, times: tuple[str, str | None], before: tuple[str, str]
    ) -> None:
        """A week or month of the calendar is compared with the one before, one that goes on with as much of it."""
        found = shown(parse("/overview", f"?from={name}&to=2020-01-01"), sessions, _utc(now))
        assert tuple(one and _utc(one) for one in times) == tuple(found.times)
        assert found.before is not None
        assert tuple(map(_utc, before)) == (found.before.since, found.before.until)

    def test_before(self, sessions: History) -> None:
        """It is as long, and ends where the other begins."""
        found = shown(parse("/overview", "?from=2026-11-20&to=2026-11-22&where=cost>0"), sessions, NOW)
        assert found.before is not None
        assert ("cost>0", "2026-11-18", "2026-11-20") == (
            found.before.where, f"{found.before.since:%Y-%m-%d}", f"{found.before.until:%Y-%m-%d}",
        )  # fmt: skip

    @pytest.mark.parametrize("search", ["?from=all", "?to=2026-11-22", "?from=2026-11-22&to=2026-11-20", "?from=0001-01-01"])
    def test_nothing_before(self, sessions: History, search: str) -> None:
        """Without bounds there is nothing to compare with."""
        assert shown(parse("/overview", search), sessions, NOW).before is None

    def test_default(self, sessions: History) -> None:
        """Two weeks are shown when they have sessions, else everything."""
        assert ("14d", "all") == (shown_range(sessions, NOW), shown_range(sessions, NOW + timedelta(days=90)))
        assert shown(State(), sessions, NOW).times.since == NOW - timedelta(days=14)
        assert shown(State(), sessions, NOW + timedelta(days=90)).times == (None, None)


class TestCovered:
    """Whether a history has all of a period."""

    def test_covered(self, sessions: History) -> None:
        """A period that began long before the first session was there is no measure for another one."""
        [(first,)] = sessions.rows("SELECT min(start_time) FROM sessions")
        found = []
        for days in (-2.0, 0.0, 0.6, 0.8, 7.0):
            since = first.replace(tzinfo=timezone.utc) - timedelta(days=days)
            found.append(is_covered(sessions, Selection(since=since, until=since + timedelta(days=7))))
        assert [True, True, True, False, False] == found

    def test_no_bounds(self, sessions: History) -> None:
        """Nor is one without a begin or an end."""
        assert not is_covered(sessions, Selection())


class TestCards:
    """Changes against the period before."""

    NOW = Figures(
        sessions=200, cost=Decimal("1.1"), sessions_priced=100, p95_duration=930.0, sessions_failed=4, tokens=50, unpriced=3
    )
    BEFORE = Figures(sessions=100, cost=Decimal("1.0"), sessions_priced=100, p95_duration=1000.0, sessions_failed=4, tokens=50)

    def test_changes(self) -> None:
        """In percent, and of shares in points; whether that is good depends on the figure."""
        found = {card.key: card.change for card in cards_of(self.NOW._replace(unpriced=0), self.BEFORE)}
        assert [
            ("+100%", "good"), ("+10%", "bad"), ("+10%", "bad"), ("+0.0%", "plain"), ("-7.0%", "good"), ("-2.0 pt", "good"),
        ] == [change and (change.text, change.tone) for change in found.values()]  # fmt: skip

    def test_unknown(self) -> None:
        """What is unknown has not changed, and what is unpriced is said beside the cost."""
        cards = {card.key: card for card in cards_of(self.NOW, self.BEFORE._replace(cost=None))}
        assert (None, "+ 3 unpriced") == (cards["cost"].change, cards["cost"].warning)
        assert all(card.change is None for card in cards_of(self.NOW, Figures()))

    @pytest.mark.parametrize(("now", "before"), [(3, 0), (0, 7), (3, 7)])
    def test_partly_unknown(self, now: int, before: int) -> None:
        """Where a part of a cost is unknown, its change is neither good nor bad, and it is said what is missing."""
        cards = cards_of(self.NOW._replace(unpriced=now), self.BEFORE._replace(unpriced=before))
        for card in cards:
            if card.key in {"cost", "average_cost"}:
                assert card.change is not None
                assert ("+10%", "plain") == (card.change.text, card.change.tone)
                assert f"without {before} unpriced calls; now without {now}" in card.change.before
                assert bool(now) == bool(card.warning)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
