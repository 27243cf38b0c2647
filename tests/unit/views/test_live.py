"""What runs now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NamedTuple

from otel_session_agg._history.history import History
from otel_session_agg._views.live import ended_last, running
from otel_session_agg._views.names import names_of


class Known(NamedTuple):
    """How a server is."""

    open_sessions: Mapping[str, float]
    spans_counted: int = 10
    spans_per_second: float = 1.0
    backlog_bytes: int = 0
    fault: str | None = None


class TestRunning:
    """Sessions that are open."""

    def test_of_the_history(self, sessions: History) -> None:
        """Without a server they are those that the history says."""
        expected = [row[0] for row in sessions.rows("SELECT session FROM sessions WHERE state = 'open'")]
        assert sorted(expected) == sorted(one.session for one in running(sessions, None))

    def test_of_the_server(self, sessions: History) -> None:
        """The server knows better; one that is not in the history yet is not shown."""
        found = running(sessions, Known({"chat-0001": 1.0, "chat-0002": 2.0, "'; DROP TABLE sessions": 3.0}))
        assert {("chat-0001", True), ("chat-0002", True)} == {(one.session, one.is_open) for one in found}
        [(cost,)] = sessions.rows("SELECT cost FROM sessions WHERE session = 'chat-0001'")
        assert cost == next(one.cost for one in found if one.session == "chat-0001")


class TestEnded:
    """Sessions that ended last."""

    def test_last(self, sessions: History) -> None:
        """The latest first, since a time, a few of them."""
        since = datetime(2026, 11, 25, tzinfo=timezone.utc)
        ends = [one.last for one in ended_last(sessions, since, 5) if one.last is not None]
        assert sorted(ends, reverse=True) == ends
        assert all(end >= since.replace(tzinfo=None) for end in ends)
        assert [] == ended_last(sessions, datetime(2030, 1, 1, tzinfo=timezone.utc), 5)

    def test_still_open(self, sessions: History) -> None:
        """What the server knows to be open has not ended."""
        since = datetime(2026, 11, 25, tzinfo=timezone.utc)
        [first, second, *_] = [one.session for one in ended_last(sessions, since, 5)]
        assert second == ended_last(sessions, since, 5, Known({first: 1.0}))[0].session


def test_names(sessions: History) -> None:
    """Names are as a condition has them, and groups as the page has them."""
    names = names_of(sessions)
    assert {"cost", "session", "service.name"} <= set(names.columns)
    assert ["model", "agent", "tool", "user"] == list(names.groups[:4])
    assert "service.name" in names.groups
