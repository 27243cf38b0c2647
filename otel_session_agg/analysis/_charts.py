"""The figures, as applications ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from otel_session_agg.analysis._distributions import (
    cost_against_duration,
    distribution_of,
    metric_of,
)
from otel_session_agg.analysis._figures import (
    calendar_figure,
    duration_figure,
    over_time_figure,
    split_figure,
)
from otel_session_agg.analysis._outliers import Outlier, find_outliers
from otel_session_agg.analysis._periods import PERIODS
from otel_session_agg.analysis._source import Only, Source, Stored, selected
from otel_session_agg.analysis._splits import split, split_by_period
from otel_session_agg.analysis._spread_figures import Point, against_figure, distribution_figure
from otel_session_agg.analysis._totals import period_for, totals_by_period

if TYPE_CHECKING:
    from plotly.graph_objects import Figure
    from typing_extensions import Unpack

__all__ = [
    "calendar",
    "cost_by",
    "cost_over_time",
    "distribution",
    "duration_over_time",
    "outliers",
    "points_at",
    "points_of",
]

_POINTS = """
SELECT session, cost::DOUBLE, duration / 1000.0 FROM sessions
WHERE session IN (SELECT unnest(?::VARCHAR[])) AND cost > 0 AND duration > 0 ORDER BY cost DESC
"""


def cost_over_time(
    sessions: Stored, by: str = "model", *, limit: int = 8, **only: Unpack[Only]
) -> Figure:
    """Return the cost of each hour, day, week or month, whichever the length of time asks for.

    Args:
        sessions: what a replay returned, or a history.
        by: ``model``, ``agent``, ``tool``, ``user`` or the name of a dimension.
        limit: names with a colour of their own, the dearest; all others are ``other``.
        only: which sessions: ``where``, ``since`` and ``until``.

    """
    found = selected(sessions, **only)
    period = period_for(found)
    return over_time_figure(split_by_period(found, by, limit, period), period)


def duration_over_time(sessions: Stored, **only: Unpack[Only]) -> Figure:
    """Return the median and the 95th and 99th percentile of the durations of sessions."""
    found = selected(sessions, **only)
    period = period_for(found)
    return duration_figure(totals_by_period(found, period), period)


def distribution(sessions: Stored, metric: str = "cost", **only: Unpack[Only]) -> Figure:
    """Return how ``cost``, ``tokens`` or ``duration`` of sessions is spread, on a log axis.

    Sessions whose figure is unknown or 0 are left out.
    """
    return distribution_figure(distribution_of(selected(sessions, **only), metric_of(metric)))


def cost_by(
    sessions: Stored, key: str = "model", *, limit: int = 15, **only: Unpack[Only]
) -> Figure:
    """Return the cost by ``model``, ``agent``, ``tool``, ``user`` or the name of a dimension.

    The bars add up to the cost of all these sessions; beyond the limit there is one, ``other``.
    """
    return split_figure(split(selected(sessions, **only), key, limit))


def calendar(sessions: Stored, **only: Unpack[Only]) -> Figure:
    """Return the cost of each day, in weeks."""
    return calendar_figure(totals_by_period(selected(sessions, **only), PERIODS["day"]))


def outliers(
    sessions: Stored, segment: str | None = None, *, limit: int = 100, **only: Unpack[Only]
) -> Figure:
    """Return cost against duration, and in it the sessions that stand out from their segment.

    `frames.outliers` has the same ones, and says why.

    Args:
        sessions: what a replay returned, or a history.
        segment: ``user`` or the name of a dimension; ``None``: all sessions are compared.
        limit: outliers that are shown, those with the highest score.
        only: which sessions there are, and are compared: ``where``, ``since`` and ``until``.

    """
    found = selected(sessions, **only)
    points = points_of(found, find_outliers(found, segment, limit))
    return against_figure(cost_against_duration(found), points)


def points_of(sessions: Source, outliers: Sequence[Outlier]) -> list[Point]:
    """Return where outliers are in the chart of cost against duration."""
    return points_at(sessions, {one.session: one.reason for one in outliers})


def points_at(sessions: Source, reasons: Mapping[str, str]) -> list[Point]:
    """Return where sessions are in that chart; the reasons are why they stand out, by their ids."""
    rows = sessions.rows(_POINTS, [list(reasons)])
    return [Point(session, cost, seconds, reasons[session]) for session, cost, seconds in rows]
