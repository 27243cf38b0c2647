"""The periods that times are put into: hours for days, days for months."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

__all__ = ["Period", "period_of", "periods_between"]

MAX_PERIODS = 1000
"""Periods without sessions that are filled in; more cannot be distinguished in a chart."""


class Period(NamedTuple):
    """A unit of time, by the name that ``date_trunc`` has for it."""

    name: str
    longest: timedelta | None
    """Of what it is chosen for; ``None``: of everything."""
    next: Callable[[datetime], datetime]
    """From the start of one to the start of the next one."""


def _next_month(start: datetime) -> datetime:
    return (start + timedelta(days=32)).replace(day=1)


def _next_year(start: datetime) -> datetime:
    return start.replace(year=start.year + 1)


PERIODS: Mapping[str, Period] = MappingProxyType(
    {
        one.name: one
        for one in (
            Period("minute", timedelta(hours=2), lambda start: start + timedelta(minutes=1)),
            Period("hour", timedelta(days=3), lambda start: start + timedelta(hours=1)),
            Period("day", timedelta(days=120), lambda start: start + timedelta(days=1)),
            Period("week", timedelta(days=3 * 365), lambda start: start + timedelta(weeks=1)),
            Period("month", timedelta(days=15 * 365), _next_month),
            Period("year", None, _next_year),
        )
    }
)
"""By name, from the shortest to the longest."""


def period_of(start: datetime, end: datetime) -> Period:
    """Return the period in which a time of this length is shown best."""
    length = end - start
    return next(one for one in PERIODS.values() if one.longest is None or length <= one.longest)


def periods_between(first: datetime, last: datetime, period: Period) -> list[datetime]:
    """Return the starts of all periods from the first to the last, which are starts themselves.

    None are returned when they were more than `MAX_PERIODS`: some time among them cannot be right.
    """
    starts = [first]
    while starts[-1] < last:
        if len(starts) > MAX_PERIODS:
            return []
        starts.append(period.next(starts[-1]))
    return starts
