"""How a figure is spread over two selections of sessions, in the same bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any, NamedTuple

from otel_session_agg._history.sources import Filtered
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._distributions import METRICS, Metric

__all__ = ["Overlay", "Overlays", "overlays"]

_BINS = 40
_A_DECADE = (2, 20)
"""The fewest and the most bins of a power of ten."""
_FACTS = """
min({column}) FILTER ({column} > 0), max({column}) FILTER ({column} > 0),
       count(*) - count({column}), count(*) FILTER ({column} <= 0),
       count(*) FILTER ({column} > 0), quantile_cont({column}, 0.5) FILTER ({column} > 0)
"""
_BIN = "floor(log10(CASE WHEN {column} > 0 THEN {column} END) * {bins})::BIGINT"
_NUM_FACTS = 6


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


Overlays = Mapping[str, Overlay | None]
"""By metric; ``None``: it is known of no session."""


def overlays(history: Reads, a: Filtered, b: Filtered) -> Overlays:
    """Return how cost, tokens and duration are spread over both; each side is read twice."""
    facts = [_facts(history, one) for one in (a, b)]
    bins = {name: _bins([of[name] for of in facts]) for name in METRICS}
    known = {name: number for name, number in bins.items() if number is not None}
    counts = [_counts(history, one, known) for one in (a, b)]
    return {
        name: None
        if name not in known
        else _overlay(name, known[name], [of[name] for of in facts], [of[name] for of in counts])
        for name in METRICS
    }


_Facts = Sequence[Any]
"""Least, most, unknown, zero, known, median."""


def _facts(history: Reads, found: Filtered) -> dict[str, _Facts]:
    columns = ", ".join(_FACTS.format(column=f"({metric.column})") for metric in METRICS.values())
    [row] = history.rows(f"SELECT {columns} FROM {found.sql}", found.parameters)
    return {name: row[at * _NUM_FACTS : (at + 1) * _NUM_FACTS] for at, name in enumerate(METRICS)}


def _bins(facts: Sequence[_Facts]) -> int | None:
    """Return how many bins a power of ten has; ``None``: nothing is known."""
    lows = [row[0] for row in facts if row[0] is not None]
    highs = [row[1] for row in facts if row[1] is not None]
    if not lows:
        return None
    decades = max(log10(max(highs) / min(lows)), 1 / _BINS)
    return min(max(round(_BINS / decades), _A_DECADE[0]), _A_DECADE[1])


def _counts(history: Reads, found: Filtered, bins: Mapping[str, int]) -> dict[str, dict[int, int]]:
    """Return by metric the sessions in each bin."""
    counts: dict[str, dict[int, int]] = {name: {} for name in bins}
    if not bins:
        return counts
    columns = ", ".join(
        _BIN.format(column=f"({METRICS[name].column})", bins=number) + f" AS bin{at}"
        for at, (name, number) in enumerate(bins.items())
    )
    sets = ", ".join(f"(bin{at})" for at in range(len(bins)))
    which = ", ".join(f"grouping(bin{at}), bin{at}" for at in range(len(bins)))
    sql = f"SELECT count(*), {which} FROM (SELECT {columns} FROM {found.sql})"
    for number, *row in history.rows(f"{sql} GROUP BY GROUPING SETS ({sets})", found.parameters):
        for name, is_other, place in zip(bins, row[::2], row[1::2], strict=True):
            if not is_other and place is not None:
                counts[name][place] = number
    return counts


def _overlay(
    name: str, bins: int, facts: Sequence[_Facts], counts: Sequence[dict[int, int]]
) -> Overlay:
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
    return Overlay(METRICS[name], bounds, *spreads)
