"""What runs now: sessions that are open, and those that ended last."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from otel_session_agg._history.columns import naive
from otel_session_agg._views.reads import Reads

__all__ = ["Running", "Status", "ended_last", "running"]

_MAX_SESSIONS = 200


class Status(Protocol):
    """How the server is; of a server that receives spans."""

    @property
    def spans_counted(self) -> int:
        """Spans that are in the history."""

    @property
    def spans_per_second(self) -> float:
        """Spans that come, lately."""

    @property
    def backlog_bytes(self) -> int:
        """What is accepted and not yet counted."""

    @property
    def requests_aside(self) -> int:
        """Requests that end the process that counts, and so are not counted."""

    @property
    def last_aside(self) -> str | None:
        """The file with the last of them."""

    @property
    def fault(self) -> str | None:
        """What is wrong; ``None``: nothing is."""


class Running(NamedTuple):
    """A session that runs, or has ended not long ago; costs in USD, durations in milliseconds."""

    session: str
    user: str | None
    is_open: bool
    start: datetime | None
    last: datetime | None
    """The end of its last span, in UTC without saying so."""
    duration: float | None
    traces: int
    calls: int
    tokens: int | None
    cost: Decimal | None
    """Of what is known; ``None``: nothing is."""
    unpriced: int
    errors: int
    models: list[str]


_COLUMNS = (
    "session, \"user\", state = 'open', start_time, end_time, duration, traces, model_events,"
    " tokens, cost, unpriced, errors, models"
)
_OPEN = f"""
SELECT {_COLUMNS} FROM sessions WHERE state = 'open' ORDER BY end_time DESC, session LIMIT ?
"""
_ENDED = f"""
SELECT {_COLUMNS} FROM sessions WHERE state <> 'open' AND end_time >= ?
ORDER BY end_time DESC, session LIMIT ?
"""


def _running(row: tuple[Any, ...]) -> Running:
    return Running(*row)._replace(models=row[-1] or [])


def running(history: Reads) -> list[Running]:
    """Return the sessions that are open, that with the latest span first."""
    return [_running(row) for row in history.rows(_OPEN, [_MAX_SESSIONS])]


def ended_last(history: Reads, since: datetime, limit: int) -> list[Running]:
    """Return the sessions that ended last, since a time."""
    return [_running(row) for row in history.rows(_ENDED, [naive(since), limit])]
