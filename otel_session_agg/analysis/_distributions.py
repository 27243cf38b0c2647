"""How costs, tokens and durations of sessions are spread, on a scale of powers of ten."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from types import MappingProxyType
from typing import NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg.analysis._source import Source

__all__ = [
    "METRICS",
    "Cell",
    "Distribution",
    "Metric",
    "cost_against_duration",
    "distribution_of",
    "metric_of",
]


class Metric(NamedTuple):
    """A figure that each session has."""

    name: str
    column: str
    """An expression over the table of sessions: a number, or NULL where it is unknown."""
    unit: str
    scale: float = 1.0
    """By what a value of the column is divided for the unit."""


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        one.name: one
        for one in (
            Metric("cost", "cost::DOUBLE", "USD"),
            Metric("tokens", "tokens::DOUBLE", "tokens"),
            Metric("duration", "duration / 1000.0", "s"),
        )
    }
)
"""By name."""


class Distribution(NamedTuple):
    """How often a figure lies between two bounds."""

    metric: Metric
    bounds: tuple[float, ...]
    """Of the bins, ascending: one more than there are bins."""
    counts: tuple[int, ...]
    """Sessions in each bin."""
    unknown: int
    """Sessions without the figure."""
    zero: int
    """Sessions where it is 0, which no bin has."""
    median: float | None
    p95: float | None
    """Of all sessions with a figure above 0."""


class Cell(NamedTuple):
    """Sessions that are alike in cost and duration."""

    cost: float
    """USD; the middle of the cell."""
    duration: float
    """Seconds; the middle of the cell."""
    sessions: int


_MIN_BINS_A_DECADE = 2
_MAX_BINS_A_DECADE = 20
_BINS = 36
"""Bins that a chart should have."""
_CELLS = (30, 20)
"""The same for the two sides of a chart of cells."""

_FACTS = """
SELECT min(v) FILTER (v > 0), max(v) FILTER (v > 0), count(*) FILTER (v IS NULL),
       count(*) FILTER (v <= 0), quantile_cont(v, 0.5) FILTER (v > 0),
       quantile_cont(v, 0.95) FILTER (v > 0)
FROM (SELECT {column} AS v FROM sessions)
"""
_COUNTS = """
SELECT floor(log10(v) * ?)::BIGINT AS bin, count(*)
FROM (SELECT {column} AS v FROM sessions) WHERE v > 0 GROUP BY bin ORDER BY bin
"""
_SIZES = """
SELECT log10(max(duration) / min(duration)), log10(max(cost)::DOUBLE / min(cost)::DOUBLE)
FROM sessions WHERE cost > 0 AND duration > 0
"""
_IN_CELLS = """
SELECT floor(log10(duration / 1000.0) * ?) AS x, floor(log10(cost::DOUBLE) * ?) AS y, count(*)
FROM sessions WHERE cost > 0 AND duration > 0 GROUP BY x, y ORDER BY x, y
"""


def metric_of(name: str) -> Metric:
    """Return a metric by its name; raise `SessionAggError` when there is none."""
    if name not in METRICS:
        message = f"A metric is one of {', '.join(METRICS)}."
        raise SessionAggError(message)
    return METRICS[name]


def distribution_of(sessions: Source, metric: Metric) -> Distribution:
    """Return how a figure is spread over all sessions."""
    [facts] = sessions.rows(_FACTS.format(column=metric.column))
    low, high, unknown, zero, median, p95 = facts
    if low is None:
        return Distribution(metric, (), (), unknown, zero, None, None)
    a_decade = _bins_a_decade(log10(high / low), _BINS)
    found: dict[int, int] = dict(sessions.rows(_COUNTS.format(column=metric.column), [a_decade]))
    first, last = min(found), max(found)
    bounds = tuple(10 ** (bin_ / a_decade) for bin_ in range(first, last + 2))
    counts = tuple(found.get(bin_, 0) for bin_ in range(first, last + 1))
    return Distribution(metric, bounds, counts, unknown, zero, median, p95)


def cost_against_duration(sessions: Source) -> list[Cell]:
    """Return how many sessions are alike in cost and duration."""
    [sizes] = sessions.rows(_SIZES)
    of_x, of_y = (_bins_a_decade(*one) for one in zip(sizes, _CELLS, strict=True))
    return [
        Cell(10 ** ((y + 0.5) / of_y), 10 ** ((x + 0.5) / of_x), count)
        for x, y, count in sessions.rows(_IN_CELLS, [of_x, of_y])
    ]


def _bins_a_decade(decades: float | None, bins: int) -> int:
    """Return how many bins a power of ten has, so that all of these have about so many."""
    fitting = round(bins / max(decades or 0, 1 / bins))
    return min(max(fitting, _MIN_BINS_A_DECADE), _MAX_BINS_A_DECADE)
