"""What runs now."""

from __future__ import annotations

from datetime import datetime, timezone

from otel_session_agg._history.history import History
from otel_session_agg._views.live import ended_last, running
from otel_session_agg._views.names import names_of
from tests.support.session_tables import history_of, two_weeks


class TestRunning:
    """Sessions that are open."""

    def test_open(self) -> None:
        """They are those that the history says; they have not ended, either."""
        since = datetime(2026, 11, 1, tzinfo=timezone.utc)
        with history_of(two_weeks(50)) as sessions:
            assert [] == running(sessions)
            [first, second, *_] = [one.session for one in ended_last(sessions, since, 5)]
            sessions.note_open([first, "'; DROP TABLE sessions"])
            [found] = running(sessions)
            [(cost,)] = sessions.rows("SELECT cost FROM sessions WHERE session = ?", [first])
            assert (first, True, cost) == (found.session, found.is_open, found.cost)
            assert second == ended_last(sessions, since, 5)[0].session


class TestEnded:
    """Sessions that ended last."""

    def test_last(self, sessions: History) -> None:
        """The latest first, since a time, a few of them."""
        since = datetime(2026, 11, 25, tzinfo=timezone.utc)
        ends = [one.last for one in ended_last(sessions, since, 5) if one.last is not None]
        assert sorted(ends, reverse=True) == ends
        assert all(end >= since.replace(tzinfo=None) for end in ends)
        assert [] == ended_last(sessions, datetime(2030, 1, 1, tzinfo=timezone.utc), 5)


def test_names(sessions: History) -> None:
    """Names are as a condition has them, and groups as the page has them."""
    names = names_of(sessions)
    assert {"cost", "session", "service.name"} <= set(names.columns)
    assert ["model", "agent", "tool", "user"] == list(names.groups[:4])
    assert "service.name" in names.groups
