"""The time that is shown: as stated, or the one that has something to show."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from otel_session_agg._history.sources import Selection
from otel_session_agg._views.address import RANGES, State, Times
from otel_session_agg._views.calendar_ranges import CALENDAR, before_calendar
from otel_session_agg._views.reads import Reads

__all__ = [
    "Shown",
    "bounds",
    "covered_share",
    "has_sessions",
    "is_covered",
    "shown",
    "shown_range",
]

_PREFERRED = "14d"
_BOUNDS = "SELECT min(start_time), max(start_time) FROM sessions"
_COVERED = 0.9
"""The share of a period that is enough to compare sums over it with those over another one."""


class Shown(NamedTuple):
    """What a view shows: the sessions of a time that meet a condition."""

    selection: Selection
    before: Selection | None
    """The same for the time before, as long as that; ``None``: it has no bounds."""
    times: Times


def shown_range(history: Reads, now: datetime) -> str:
    """Return the range when none is stated: two weeks, or all when these have no sessions."""
    last = bounds(history)[1]
    if last is None or now - RANGES[_PREFERRED] < last:
        return _PREFERRED
    return "all"


def has_sessions(history: Reads, selection: Selection) -> bool:
    """Return whether anything is selected."""
    found = history.filtered(selection)
    return bool(history.rows(f"SELECT 1 FROM {found.sql} LIMIT 1", found.parameters))


def is_covered(history: Reads, period: Selection) -> bool:
    """Return whether a history goes back to the first tenth of a period.

    If not, what is missing of the period was never received, or is deleted: sums over it are no
    measure for those of another one.
    """
    return covered_share(history, period) >= _COVERED


def covered_share(history: Reads, period: Selection) -> float:
    """Return the share of a period with bounds that is not before the history begins."""
    first = bounds(history)[0]
    if first is None or period.since is None or period.until is None:
        return 0.0
    there = period.until - max(first, period.since)
    return max(there / (period.until - period.since), 0.0)


def bounds(history: Reads) -> tuple[datetime | None, datetime | None]:
    """Return when the first and the last session of a history began, in UTC."""
    [(first, last)] = history.rows(_BOUNDS)
    return _in_utc(first), _in_utc(last)


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=timezone.utc)


def shown(state: State, history: Reads, now: datetime) -> Shown:
    """Return what a state selects, and what it is compared with."""
    if state.since is None and state.until is None:
        state = State(where=state.where, since=shown_range(history, now))
    times = state.times(now)
    selection = Selection(where=state.where, since=times.since, until=times.until)
    if times.since is None:
        return Shown(selection, None, times)
    if state.since is not None and state.since in CALENDAR:
        since, until = before_calendar(state.since, now)
        return Shown(selection, selection._replace(since=since, until=until), times)
    length = (times.until or now) - times.since
    if not timedelta() < length <= times.since - datetime(1, 1, 2, tzinfo=timezone.utc):
        return Shown(selection, None, times)
    before = selection._replace(since=times.since - length, until=times.since)
    return Shown(selection, before, times)
