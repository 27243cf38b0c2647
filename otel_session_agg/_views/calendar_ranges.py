"""Weeks and months of the calendar, in UTC: this one as far as it is over, and the last whole one.

What is not over is compared with as much of the one before it: the first three days of a week with
the first three of the last week.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

__all__ = ["CALENDAR", "before_calendar", "calendar_times"]

_INSTANT = timedelta(microseconds=1)


def _week(now: datetime) -> datetime:
    """Return the Monday of a time."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def _month(now: datetime) -> datetime:
    """Return the first of the month of a time."""
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


_BEGINNING: Mapping[str, Callable[[datetime], datetime]] = MappingProxyType(
    {"week": _week, "month": _month}
)
CALENDAR: Mapping[str, tuple[str, str, bool]] = MappingProxyType(
    {
        "this-week": ("this week", "week", False),
        "last-week": ("last week, Mon to Sun", "week", True),
        "this-month": ("this month", "month", False),
        "last-month": ("last month", "month", True),
    }
)
"""By the value of ``from``: what it is called, its unit, and whether it is over."""


def calendar_times(name: str, now: datetime) -> tuple[datetime, datetime | None]:
    """Return the beginning and the end of a key of `CALENDAR`; ``None``: it is not over."""
    _, unit, is_over = CALENDAR[name]
    beginning = _BEGINNING[unit](now.astimezone(timezone.utc))
    return (_previous(unit, beginning), beginning) if is_over else (beginning, None)


def before_calendar(name: str, now: datetime) -> tuple[datetime, datetime]:
    """Return the beginning and the end of what a key of `CALENDAR` is compared with."""
    _, unit, is_over = CALENDAR[name]
    since, _ = calendar_times(name, now)
    previous = _previous(unit, since)
    return previous, since if is_over else min(previous + (now - since), since)


def _previous(unit: str, beginning: datetime) -> datetime:
    return _BEGINNING[unit](beginning - _INSTANT)
