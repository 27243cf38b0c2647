"""How a figure is spread over two selections of sessions, in the same bins."""

from __future__ import annotations

from math import log10
from typing import NamedTuple

from otel_session_agg._history.sources import Filtered
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._distributions import METRICS, Metric

__all__ = ["Overlay", "overlay"]

_BINS = 40
_A_DECADE = (2, 20)
"""The fewest and the most bins of a power of ten."""
_FACTS = """
SELECT min(v) FILTER (v > 0), max(v) FILTER (v > 0), count(*) FILTER (v IS NULL),
       count(*) FILTER (v <= 0), count(*) FILTER (v > 0), quantile_cont(v, 0.5) FILTER (v > 0)
FROM (SELECT {column} AS v FROM {found})
"""
_COUNTS = """
SELECT floor(log10(v) * {bins})::BIGINT AS bin, count(*)
FROM (SELECT {column} AS v FROM {found}) WHERE v > 0 GROUP BY bin
"""


class Spread(NamedTuple):
    """How one side is spread."""

    counts: list[int]
    """Sessions in each bin."""
    known: int
    """Sessions with a figure above 0: the bins have all of them."""
    unknown: int
    zero: int
    median: float | None

    @property
    def shares(self) -> list[float]:
        """The part of the known sessions that each bin has."""
        return [count / self.known for count in self.counts] if self.known else []


class Overlay(NamedTuple):
    """How a figure is spread over both."""

    metric: Metric
    bounds: list[float]
    """Of the bins, ascending: one more than there are bins."""
    a: Spread
    b: Spread


def overlay(history: Reads, a: Filtered, b: Filtered, name: str) -> Overlay | None:
    """Return how cost, tokens or duration is spread; ``None``: it is known of no session."""
    metric = METRICS[name]
    sides = (a, b)
    facts = [
        history.rows(_FACTS.format(column=metric.column, found=one.sql), one.parameters)[0]
        for one in sides
    ]
    lows = [row[0] for row in facts if row[0] is not None]
    highs = [row[1] for row in facts if row[1] is not None]
    if not lows:
        return None
    decades = max(log10(max(highs) / min(lows)), 1 / _BINS)
    bins = min(max(round(_BINS / decades), _A_DECADE[0]), _A_DECADE[1])
    counts: list[dict[int, int]] = [
        dict(
            history.rows(
                _COUNTS.format(column=metric.column, found=one.sql, bins=bins), one.parameters
            )
        )
        for one in sides
    ]
    first = min(min(found) for found in counts if found)
    last = max(max(found) for found in counts if found)
    spreads = [
        Spread(
            [found.get(at, 0) for at in range(first, last + 1)],
            row[4], row[2], row[3], row[5],
        )
        for found, row in zip(counts, facts, strict=True)
    ]  # fmt: skip
    bounds = [10 ** (at / bins) for at in range(first, last + 2)]
    return Overlay(metric, bounds, *spreads)
