"""How costs, tokens and durations of sessions are spread, on a scale of powers of ten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from types import MappingProxyType
from typing import Any, NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg.analysis._source import Source

__all__ = [
    "METRICS",
    "Cell",
    "Distribution",
    "Metric",
    "cost_against_duration",
    "distribution_of",
    "distributions_of",
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

_VALUE = "{column} AS v{at}, CASE WHEN v{at} > 0 THEN v{at} END AS above{at}"
_FACTS_OF = """
min(above{at}), max(above{at}), count(*) - count(v{at}), count(v{at}) - count(above{at}),
quantile_cont(above{at}, [0.5, 0.95])
"""
_NUM_FACTS = 5
_FACTS = "SELECT {facts} FROM (SELECT {values} FROM sessions)"
_BIN = "floor(log10(above{at}) * {bins})::BIGINT AS bin{at}"
_COUNTS = """
SELECT {places}, count(*) FROM (SELECT {values} FROM (SELECT {columns} FROM sessions))
GROUP BY GROUPING SETS ({sets})
"""
"""The bins of all metrics, each by itself: what is in no set of groups is 1 in ``grouping``."""
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
    return distributions_of(sessions, {metric.name: metric})[metric.name]


def distributions_of(sessions: Source, metrics: Mapping[str, Metric]) -> dict[str, Distribution]:
    """Return how each of some figures is spread over all sessions, which are read twice for all."""
    each = list(enumerate(metrics.values()))
    columns = ", ".join(_VALUE.format(column=metric.column, at=at) for at, metric in each)
    facts_of = ", ".join(_FACTS_OF.format(at=at) for at, _ in each)
    [row] = sessions.rows(_FACTS.format(facts=facts_of, values=columns))
    facts = {at: row[_NUM_FACTS * at : _NUM_FACTS * (at + 1)] for at, _ in each}
    bins = {
        at: _bins_a_decade(log10(high / low), _BINS)
        for at, (low, high, *_) in facts.items()
        if low is not None
    }
    counts = _counts(sessions, columns, bins)
    return {
        metric.name: _distribution(metric, facts[at], bins.get(at, 0), counts.get(at, {}))
        for at, metric in each
    }


def _counts(sessions: Source, columns: str, bins: Mapping[int, int]) -> dict[int, dict[int, int]]:
    """Return how many sessions each bin of each metric has; ``bins``: how many a decade has."""
    if not bins:
        return {}
    sql = _COUNTS.format(
        places=", ".join(f"bin{at}, grouping(bin{at})" for at in bins),
        values=", ".join(_BIN.format(at=at, bins=number) for at, number in bins.items()),
        columns=columns,
        sets=", ".join(f"(bin{at})" for at in bins),
    )
    found: dict[int, dict[int, int]] = {at: {} for at in bins}
    for *places, number in sessions.rows(sql):
        for at, bin_, is_other in zip(bins, places[::2], places[1::2], strict=True):
            if not is_other and bin_ is not None:
                found[at][bin_] = number
    return found


def _distribution(
    metric: Metric, facts: Sequence[Any], a_decade: int, found: Mapping[int, int]
) -> Distribution:
    low, _, unknown, zero, quantiles = facts
    if low is None:
        return Distribution(metric, (), (), unknown, zero, None, None)
    first, last = min(found), max(found)
    bounds = tuple(10 ** (bin_ / a_decade) for bin_ in range(first, last + 2))
    counts = tuple(found.get(bin_, 0) for bin_ in range(first, last + 1))
    return Distribution(metric, bounds, counts, unknown, zero, *quantiles)


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
