"""What all sessions came to, and in each period."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg.analysis._periods import Period, period_of, periods_between
from otel_session_agg.analysis._source import Source

__all__ = ["PeriodTotals", "Totals", "period_for", "totals_by_period", "totals_of"]


class Totals(NamedTuple):
    """Totals over all sessions; costs in USD, durations in milliseconds."""

    sessions: int
    traces: int
    calls: int
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cost: Decimal | None
    """Of what is known; ``None``: nothing is."""
    sessions_priced: int
    """Sessions whose cost is known, or a part of it."""
    unpriced: int
    """Calls whose cost is unknown."""
    sessions_unpriced: int
    """Sessions with such calls."""
    errors: int
    sessions_failed: int
    """Sessions with errors."""
    median_cost: float | None
    median_duration: float | None
    p95_duration: float | None
    start: datetime | None
    end: datetime | None
    """When the first session and the last one started."""


class PeriodTotals(NamedTuple):
    """Totals over the sessions that started in one period."""

    start: datetime
    sessions: int = 0
    cost: Decimal | None = None
    sessions_priced: int = 0
    tokens: int = 0
    calls: int = 0
    traces: int = 0
    sessions_failed: int = 0
    p50_duration: float | None = None
    p95_duration: float | None = None
    p99_duration: float | None = None


_TOTALS = """
SELECT count(*), coalesce(sum(traces), 0)::BIGINT, coalesce(sum(model_events), 0)::BIGINT,
       coalesce(sum(tokens), 0)::BIGINT, coalesce(sum(prompt_tokens), 0)::BIGINT,
       coalesce(sum(completion_tokens), 0)::BIGINT, coalesce(sum(cache_read_tokens), 0)::BIGINT,
       sum(cost), count(cost), coalesce(sum(unpriced), 0)::BIGINT, count(*) FILTER (unpriced > 0),
       coalesce(sum(errors), 0)::BIGINT, count(*) FILTER (errors > 0),
       quantile_cont(cost::DOUBLE, 0.5), quantile_cont(duration, 0.5),
       quantile_cont(duration, 0.95), min(start_time), max(start_time)
FROM sessions
"""
_BY_PERIOD = """
SELECT date_trunc(?, start_time) AS period, count(*), sum(cost), count(cost), sum(tokens)::BIGINT,
       sum(model_events)::BIGINT, sum(traces)::BIGINT, count(*) FILTER (errors > 0),
       quantile_cont(duration, 0.5), quantile_cont(duration, 0.95), quantile_cont(duration, 0.99)
FROM sessions WHERE start_time IS NOT NULL GROUP BY period ORDER BY period
"""


def totals_of(sessions: Source) -> Totals:
    """Return the totals over all sessions."""
    [row] = sessions.rows(_TOTALS)
    return Totals(*row)


def period_for(sessions: Source) -> Period:
    """Return the period in which these sessions are shown best."""
    [(start, end)] = sessions.rows("SELECT min(start_time), max(start_time) FROM sessions")
    return period_of(start or datetime.min, end or datetime.min)  # noqa: DTZ901  UTC, as the tables


def totals_by_period(sessions: Source, period: Period) -> list[PeriodTotals]:
    """Return the totals of each period, those without sessions too."""
    found = [PeriodTotals(*row) for row in sessions.rows(_BY_PERIOD, [period.name])]
    if not found:
        return []
    empty = {
        start: PeriodTotals(start)
        for start in periods_between(found[0].start, found[-1].start, period)
    }
    return list((empty | {row.start: row for row in found}).values())
