"""One chart: a figure of sessions, traces, model calls or all events, by group and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from typing import NamedTuple, TypeVar

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.sources import Selection
from otel_session_agg._untrusted.formatting import short
from otel_session_agg._views.chart_queries import (
    Cell,
    Rows,
    Shape,
    check_key,
    counted_rows,
    grouped,
    rows_of,
)
from otel_session_agg._views.measures import AGGREGATIONS, OF_PARTS, SCOPES, Metric, Scope
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._periods import PERIODS, period_of, periods_between

__all__ = ["AUTO", "NO_PERIOD", "Chart", "ChartData", "Point", "Series", "chart", "title_of"]

AUTO, NO_PERIOD = "auto", "none"
"""Buckets beside the periods: what suits the time, and all time as one."""
MAX_TOP = 50
"""Groups that can be shown: more cannot be distinguished."""
MAX_EXACT = 1_000_000
"""Rows of which quantiles are exact; of more, of a sample of about `SAMPLE` of them."""
SAMPLE = 400_000

T = TypeVar("T")
Figure = Decimal | float | int | None
"""``None``: unknown, or of nothing."""


class Chart(NamedTuple):
    """What a chart is of; the names are those of `measures`."""

    scope: str = "sessions"
    metric: str = "cost"
    aggregation: str = "sum"
    filter: str = ""
    """A condition on the rows of the scope."""
    where: str | Sequence[str] = ""
    """A condition on the sessions that they belong to; several: all are to be met."""
    group_by: str = ""
    """A column, model, agent, tool, a dimension, or ``metadata.`` and a name; empty: nothing."""
    top: int = 5
    bucket: str = AUTO
    """A period, ``auto`` or ``none``."""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def conditions(self) -> Sequence[str]:
        """All conditions on sessions."""
        given = [self.where] if isinstance(self.where, str) else self.where
        return [one for one in given if one.strip()]


class Point(NamedTuple):
    """The figure of one time."""

    start: datetime | None
    """``None``: of all time."""
    value: Figure
    rows: int
    unknown: int
    """Rows whose figure is not known: they are not in it."""
    partial: int
    """Rows of whose figure only a part is known, and in it."""


class Series(NamedTuple):
    """The figures of one group."""

    name: str | None
    """``None``: of what has no such value, or of the others."""
    is_other: bool
    points: Sequence[Point]
    """All times that the chart has, in order; one without a time where it has none."""
    whole: Point
    """Of all time."""


class ChartData(NamedTuple):
    """What a chart shows."""

    chart: Chart
    title: str
    unit: str
    """USD, tokens, ms, %, or nothing."""
    period: str | None
    """In which times are put together; ``None``: all time is one."""
    series: Sequence[Series]
    """Groups in order, what has no value among them, the others last."""
    total: Series
    """All groups together."""
    groups: int
    """How many groups there are."""
    percent: float | None
    """Of the rows, those that quantiles are worked out of; ``None``: all."""


def chart(history: Reads, wanted: Chart) -> ChartData:
    """Return what a chart shows.

    Raises:
        SettingsError: a name is none of those that there are.
        SessionAggError: a condition is not understood, or it took too long.

    """
    scope = _one_of(SCOPES, wanted.scope, "scope")
    aggregation = _one_of(AGGREGATIONS, wanted.aggregation, "aggregation")
    top = min(max(wanted.top, 1), MAX_TOP)
    key = wanted.group_by or None
    if key is not None:
        check_key(history, scope, key)
    selection = Selection(
        scope.by,
        where=[wanted.filter] if wanted.filter.strip() else None,
        since=wanted.since,
        until=wanted.until,
    )
    rows = rows_of(history, scope, selection, wanted.conditions, key)
    metric = _metric(rows, scope, wanted)
    period = _period(history, rows, wanted)
    percent = None
    if scope.is_large and aggregation.folded is None:
        number = counted_rows(history, rows)
        percent = 100.0 * SAMPLE / number if number > MAX_EXACT else None
    found = grouped(history, rows, Shape(metric, aggregation, period, top, percent))
    title = title_of(wanted, metric)
    unit = "" if wanted.aggregation == "count" else metric.unit
    series, total, groups = _series(found, period, top, is_additive=aggregation.is_additive)
    return ChartData(wanted, title, unit, period, series, total, groups, percent)


def title_of(wanted: Chart, metric: Metric) -> str:
    """Return what a chart shows, in words."""
    scope, aggregation = SCOPES[wanted.scope], AGGREGATIONS[wanted.aggregation]
    only = f" where {short(wanted.filter, 60)}" if wanted.filter else ""
    by = f"{only}, by {short(wanted.group_by, 60)}" if wanted.group_by else only
    if wanted.aggregation == "count":
        return f"Number of {scope.title.removeprefix('all ')}{by}"
    of = scope.title.removeprefix("all ") if aggregation.is_additive else scope.one
    return f"{aggregation.figure} {metric.title} of {of}{by}"


def _one_of(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        message = f"there is no {what} {short(name, 60)!r}: use one of {', '.join(known)}"
        raise SettingsError(message)
    return known[name]


def _metric(rows: Rows, scope: Scope, wanted: Chart) -> Metric:
    metric = rows.metric(scope, wanted.metric)
    if wanted.aggregation == "count":
        return metric or Metric("", "NULL::DOUBLE", "")
    if metric is None:
        by = f" by {wanted.group_by}" if rows.is_split else ""
        known = ", ".join(OF_PARTS if rows.is_split else scope.metrics)
        message = f"{scope.title}{by} have no {short(wanted.metric, 60)!r}: use one of {known}"
        raise SettingsError(message)
    return metric


def _period(history: Reads, rows: Rows, wanted: Chart) -> str | None:
    """Return in which period the times of rows are put together."""
    if wanted.bucket == NO_PERIOD:
        return None
    if wanted.bucket != AUTO:
        _one_of(PERIODS, wanted.bucket, "bucket")
    low, high = wanted.since, wanted.until
    if low is None or high is None:
        sql = f"SELECT min(start_time), max(start_time) FROM {rows.source} WHERE {rows.condition}"
        [(first, last)] = history.rows(sql, rows.parameters)
        if first is None:
            return None if wanted.bucket == AUTO else wanted.bucket
        low = low or first.replace(tzinfo=timezone.utc)
        high = high or last.replace(tzinfo=timezone.utc)
    fitting = period_of(low, high).name
    if wanted.bucket == AUTO:
        return fitting
    names = list(PERIODS)
    coarser = names.index(fitting) > names.index(wanted.bucket) + 1
    if coarser:
        message = f"{wanted.bucket}s are too many for this time: use {fitting}s"
        raise SettingsError(message)
    return wanted.bucket


def _series(
    found: Sequence[Cell], period: str | None, top: int, *, is_additive: bool
) -> tuple[list[Series], Series, int]:
    """Return the groups, all of them together, and how many there are."""
    points: dict[int | None, dict[datetime | None, Point]] = {}
    wholes: dict[int | None, Point] = {}
    names: dict[int | None, str | None] = {}
    groups = 0
    for cell in found:
        at = None if cell.start is None else cell.start.replace(tzinfo=timezone.utc)
        place = None if cell.of_all else cell.place
        point = Point(at, cell.value, cell.rows, cell.unknown, cell.partial)
        if not cell.of_all_time:
            points.setdefault(place, {})[at] = point
            continue
        wholes[place], names[place] = point, cell.name
        groups = cell.keys if cell.of_all else groups
    times = _times(points, period)
    empty = Point(None, 0 if is_additive else None, 0, 0, 0)
    made = {
        place: Series(
            names[place],
            is_other=place == top + 1,
            points=[points.get(place, {}).get(at) or empty._replace(start=at) for at in times],
            whole=whole,
        )
        for place, whole in wholes.items()
    }
    total = made.pop(None)
    return list(made.values()), total, groups


def _times(
    points: Mapping[int | None, Mapping[datetime | None, Point]], period: str | None
) -> list[datetime | None]:
    """Return the starts of all periods from the first to the last that has rows."""
    found = sorted({time for of_group in points.values() for time in of_group if time is not None})
    if period is None or not found:
        return [None] if period is None else []
    return list(periods_between(found[0], found[-1], PERIODS[period])) or list(found)
