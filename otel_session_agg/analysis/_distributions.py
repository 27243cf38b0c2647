"""How costs, tokens and durations of sessions are spread, on a scale of powers of ten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    "Spreads",
    "cost_against_duration",
    "distribution_of",
    "metric_of",
    "spreads_of",
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


class Spreads(NamedTuple):
    """How figures are spread over sessions."""

    by_metric: Mapping[str, Distribution]
    cells: list[Cell]
    """Cost against duration; none, where one of them is not asked for."""


_MIN_BINS_A_DECADE = 2
_MAX_BINS_A_DECADE = 20
_BINS = 36
"""Bins that a chart should have."""
_CELLS = MappingProxyType({"duration": 30, "cost": 20})
"""The same for the two sides of a chart of cells."""

_VALUE = "{column} AS v{at}, CASE WHEN v{at} > 0 THEN v{at} END AS above{at}"
_FACTS_OF = """
min(above{at}), max(above{at}), count(*) - count(v{at}), count(v{at}) - count(above{at}),
quantile_cont(above{at}, [0.5, 0.95])
"""
_NUM_FACTS = 5
_FACTS = "SELECT {facts} FROM (SELECT {values} FROM sessions)"
_PLACE = "floor(log10(above{at}) * {bins})::BIGINT AS {name}"
_COUNTS = """
SELECT {places}, count(*) FROM (SELECT {values} FROM (SELECT {columns} FROM sessions))
GROUP BY GROUPING SETS ({sets})
"""
"""The bins of all metrics, each by itself: what is in no set of groups is 1 in ``grouping``."""


class _Facts(NamedTuple):
    """What the bins of a metric are chosen by."""

    at: int
    """The number of the metric."""
    low: float | None
    """Of the figures above 0; ``None``: there are none."""
    high: float | None
    unknown: int
    zero: int
    quantiles: Sequence[float] | None

    def bins(self, number: int) -> int:
        """Return how many bins a power of ten has, so that all of these have about so many."""
        decades = log10(self.high / self.low) if self.low and self.high else 0.0
        fitting = round(number / max(decades, 1 / number))
        return min(max(fitting, _MIN_BINS_A_DECADE), _MAX_BINS_A_DECADE)


def metric_of(name: str) -> Metric:
    """Return a metric by its name; raise `SessionAggError` when there is none."""
    if name not in METRICS:
        message = f"A metric is one of {', '.join(METRICS)}."
        raise SessionAggError(message)
    return METRICS[name]


def distribution_of(sessions: Source, metric: Metric) -> Distribution:
    """Return how a figure is spread over all sessions."""
    return spreads_of(sessions, [metric]).by_metric[metric.name]


def cost_against_duration(sessions: Source) -> list[Cell]:
    """Return how many sessions are alike in cost and duration."""
    return spreads_of(sessions, [METRICS["cost"], METRICS["duration"]]).cells


def spreads_of(sessions: Source, metrics: Sequence[Metric] = tuple(METRICS.values())) -> Spreads:
    """Return how some figures are spread over all sessions, which are read twice for all."""
    columns = ", ".join(_VALUE.format(column=one.column, at=at) for at, one in enumerate(metrics))
    facts_of = ", ".join(_FACTS_OF.format(at=at) for at in range(len(metrics)))
    [row] = sessions.rows(_FACTS.format(facts=facts_of, values=columns))
    facts = {
        metric.name: _Facts(at, *row[_NUM_FACTS * at : _NUM_FACTS * (at + 1)])
        for at, metric in enumerate(metrics)
    }
    known = {name: of for name, of in facts.items() if of.low is not None}
    places: dict[_Of, dict[str, int]] = {
        (name,): {name: of.bins(_BINS)} for name, of in known.items()
    }
    if known.keys() >= _CELLS.keys():
        places[tuple(_CELLS)] = {name: known[name].bins(number) for name, number in _CELLS.items()}
    counts = _counts(sessions, columns, places, known)
    return Spreads(
        {
            metric.name: _distribution(metric, facts[metric.name], counts.get((metric.name,), {}))
            for metric in metrics
        },
        _cells(places.get(tuple(_CELLS), {}), counts.get(tuple(_CELLS), {})),
    )


_Of = tuple[str, ...]
"""Metrics by whose bins sessions are counted together."""
_Counts = Mapping[tuple[int, ...], int]
"""Sessions by the bins that they are in, of each of these metrics."""


def _counts(
    sessions: Source,
    columns: str,
    places: Mapping[_Of, Mapping[str, int]],
    facts: Mapping[str, _Facts],
) -> dict[_Of, dict[tuple[int, ...], int]]:
    """Return how many sessions are in bins, by the metrics that these are of.

    ``places``: by metrics, for each of them how many bins a decade has.
    """
    if not places:
        return {}
    sets = {of: [f"p{at}_{name}" for name in of] for at, of in enumerate(places)}
    values = [
        _PLACE.format(at=facts[name].at, bins=bins, name=column)
        for of, names in sets.items()
        for column, (name, bins) in zip(names, places[of].items(), strict=True)
    ]
    first = [names[0] for names in sets.values()]
    listed = [name for names in sets.values() for name in names]
    sql = _COUNTS.format(
        places=", ".join([*(f"grouping({name})" for name in first), *listed]),
        values=", ".join(values),
        columns=columns,
        sets=", ".join(f"({', '.join(names)})" for names in sets.values()),
    )
    found: dict[_Of, dict[tuple[int, ...], int]] = {of: {} for of in places}
    for *row, number in sessions.rows(sql):
        of = list(places)[row.index(0)]
        given = dict(zip(listed, row[len(first) :], strict=True))
        bins = tuple(given[name] for name in sets[of])
        if None not in bins:
            found[of][bins] = number
    return found


def _distribution(metric: Metric, facts: _Facts, found: _Counts) -> Distribution:
    known = (facts.unknown, facts.zero)
    if not found:
        return Distribution(metric, (), (), *known, None, None)
    (first,), (last,) = min(found), max(found)
    a_decade = facts.bins(_BINS)
    bounds = tuple(10 ** (bin_ / a_decade) for bin_ in range(first, last + 2))
    counts = tuple(found.get((bin_,), 0) for bin_ in range(first, last + 1))
    median, p95 = facts.quantiles or (None, None)
    return Distribution(metric, bounds, counts, *known, median, p95)


def _cells(bins: Mapping[str, int], found: _Counts) -> list[Cell]:
    """Return cells of the bins of both metrics; ``bins``: how many a decade has."""
    return [
        Cell(10 ** ((y + 0.5) / bins["cost"]), 10 ** ((x + 0.5) / bins["duration"]), number)
        for (x, y), number in sorted(found.items())
    ]
