"""The rows behind the figures, as frames of pandas, which is to be installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_session_agg._extras import needed
from otel_session_agg.analysis._distributions import distribution_of, metric_of
from otel_session_agg.analysis._outliers import find_outliers
from otel_session_agg.analysis._periods import PERIODS
from otel_session_agg.analysis._source import Only, Stored, selected
from otel_session_agg.analysis._splits import NamedTotals, PeriodCost, split, split_by_period
from otel_session_agg.analysis._totals import PeriodTotals, period_for, totals_by_period

if TYPE_CHECKING:
    from pandas import DataFrame
    from typing_extensions import Unpack

__all__ = [
    "calendar",
    "cost_by",
    "cost_over_time",
    "distribution",
    "duration_over_time",
    "outliers",
]


def cost_over_time(
    sessions: Stored, by: str = "model", *, limit: int = 8, **only: Unpack[Only]
) -> DataFrame:
    """Return the known cost of each period and name: ``start, name, cost``."""
    found = selected(sessions, **only)
    return _frame(split_by_period(found, by, limit, period_for(found)), PeriodCost)


def duration_over_time(sessions: Stored, **only: Unpack[Only]) -> DataFrame:
    """Return the totals of each period and quantiles of the duration in milliseconds."""
    found = selected(sessions, **only)
    return _frame(totals_by_period(found, period_for(found)), PeriodTotals)


def distribution(sessions: Stored, metric: str = "cost", **only: Unpack[Only]) -> DataFrame:
    """Return the sessions between two bounds: ``low, high, sessions``."""
    found = distribution_of(selected(sessions, **only), metric_of(metric))
    bins = zip(found.bounds[:-1], found.bounds[1:], found.counts, strict=True)
    return _of(list(bins), ["low", "high", "sessions"])


def cost_by(
    sessions: Stored, key: str = "model", *, limit: int = 15, **only: Unpack[Only]
) -> DataFrame:
    """Return what sessions came to under each name; ``cost`` is a ``Decimal`` or ``None``."""
    return _frame(split(selected(sessions, **only), key, limit), NamedTotals)


def calendar(sessions: Stored, **only: Unpack[Only]) -> DataFrame:
    """Return the totals of each day."""
    return _frame(totals_by_period(selected(sessions, **only), PERIODS["day"]), PeriodTotals)


def outliers(
    sessions: Stored, segment: str | None = None, *, limit: int = 100, **only: Unpack[Only]
) -> DataFrame:
    """Return the sessions that stand out, by what, and why."""
    rows = [
        (one.session, one.segment, finding.metric.name, finding.value, finding.median,
         finding.score, one.reason)
        for one in find_outliers(selected(sessions, **only), segment, limit)
        for finding in one.findings
    ]  # fmt: skip
    return _of(rows, ["session", "segment", "metric", "value", "median", "score", "reason"])


def _frame(rows: Sequence[NamedTuple], form: Any) -> DataFrame:
    return _of(rows, list(form._fields))


def _of(rows: Sequence[tuple[Any, ...]], names: list[str]) -> DataFrame:
    made: DataFrame = needed("pandas", None).DataFrame.from_records(rows, columns=names)
    return made
