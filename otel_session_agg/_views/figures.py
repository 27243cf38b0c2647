"""Figures over a selection of sessions, and how they changed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg.analysis._periods import Period, period_of, periods_between
from otel_session_agg.analysis._source import Source

__all__ = ["Figures", "PeriodFigures", "figures_by_period", "figures_of", "period_for_times"]


class Figures(NamedTuple):
    """Figures over sessions; costs in USD, durations in milliseconds."""

    sessions: int = 0
    running: int = 0
    """Sessions that are open."""
    cost: Decimal | None = None
    """Of what is known; ``None``: nothing is."""
    sessions_priced: int = 0
    """Sessions whose cost is known, or a part of it."""
    unpriced: int = 0
    """Calls whose cost is unknown, and in no sum."""
    sessions_unpriced: int = 0
    """Sessions with such calls."""
    tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int = 0
    traces: int = 0
    model_calls: int = 0
    tool_calls: int = 0
    errors: int = 0
    sessions_failed: int = 0
    """Sessions with errors."""
    sessions_with_feedback: int = 0
    p50_duration: float | None = None
    p95_duration: float | None = None
    p99_duration: float | None = None

    @property
    def average_cost(self) -> Decimal | None:
        """The known cost for each session of whose cost something is known."""
        return None if self.cost is None else self.cost / max(self.sessions_priced, 1)

    @property
    def error_share(self) -> float | None:
        """The share of sessions with errors; ``None``: there are no sessions."""
        return self.sessions_failed / self.sessions if self.sessions else None

    @property
    def cache_share(self) -> float | None:
        """The share of prompt tokens that were read from a cache; ``None``: there are none."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else None

    @property
    def feedback_share(self) -> float | None:
        """The share of sessions with feedback; ``None``: there are no sessions."""
        return self.sessions_with_feedback / self.sessions if self.sessions else None


class PeriodFigures(NamedTuple):
    """Figures over the sessions that began in one period, in UTC without saying so."""

    start: datetime
    figures: Figures = Figures()


_COUNT = "coalesce(sum({0}), 0)::BIGINT"
_FIGURES = ", ".join(
    (
        "count(*)",
        "count(*) FILTER (state = 'open')",
        "sum(cost)",
        "count(cost)",
        _COUNT.format("unpriced"),
        "count(*) FILTER (unpriced > 0)",
        *(f"sum({name})::BIGINT" for name in ("tokens", "prompt_tokens", "completion_tokens")),
        *(
            _COUNT.format(name)
            for name in ("cache_read_tokens", "traces", "model_events", "tool_events", "errors")
        ),
        "count(*) FILTER (errors > 0)",
        "count(*) FILTER (feedback)",
        "quantile_cont(duration, [0.5, 0.95, 0.99])",
    )
)
_ALL = f"SELECT {_FIGURES} FROM sessions"
_BY_PERIOD = f"""
SELECT date_trunc(?, start_time) AS period, {_FIGURES}
FROM sessions WHERE start_time IS NOT NULL GROUP BY period ORDER BY period
"""
_BOUNDS = "SELECT min(start_time), max(start_time) FROM sessions"


def figures_of(sessions: Source) -> Figures:
    """Return the figures over all sessions."""
    [(*row, durations)] = sessions.rows(_ALL)
    return Figures(*row, *_quantiles(durations))


def figures_by_period(sessions: Source, period: Period) -> list[PeriodFigures]:
    """Return the figures of each period, those without sessions between others too."""
    found = [
        PeriodFigures(start, Figures(*row, *_quantiles(durations)))
        for start, *row, durations in sessions.rows(_BY_PERIOD, [period.name])
    ]
    if not found:
        return []
    between = periods_between(found[0].start, found[-1].start, period)
    filled = {start: PeriodFigures(start) for start in between}
    return list((filled | {one.start: one for one in found}).values())


def _quantiles(found: list[float] | None) -> list[float | None]:
    return list(found or (None, None, None))


def period_for_times(sessions: Source) -> Period | None:
    """Return the period in which these sessions are shown best; ``None``: there are none."""
    [(first, last)] = sessions.rows(_BOUNDS)
    return None if first is None else period_of(first, last)
