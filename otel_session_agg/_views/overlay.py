"""How a figure is spread over two selections of sessions, in the same bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any, NamedTuple

from otel_session_agg._history.sources import Filtered
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.two_sides import rows_by_side
from otel_session_agg.analysis._distributions import METRICS, Metric

__all__ = ["Overlay", "Overlays", "overlays"]

_BINS = 40
_A_DECADE = (2, 20)
"""The fewest and the most bins of a power of ten."""
_FACTS = """
min(above{at}), max(above{at}), count(*) - count(v{at}), count(v{at}) - count(above{at}),
count(above{at}), quantile_cont(above{at}, 0.5)
"""
_BIN = "floor(log10(above{at}) * {bins})::BIGINT AS bin{at}"
_NUM_FACTS = 6
_VALUES = ", ".join(
    f"{metric.column} AS v{at}, CASE WHEN v{at} > 0 THEN v{at} END AS above{at}"
    for at, metric in enumerate(METRICS.values())
)


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


def overlays(history: Reads, both: Filtered) -> Overlays:
    """Return how cost, tokens and duration are spread over both, which are read twice.

    ``both``: both selections, as `both_of` returns them.
    """
    values = both._replace(sql=f"(SELECT side, {_VALUES} FROM {both.sql})")
    facts = _facts(history, values)
    bins = {name: _bins([of[name] for of in facts]) for name in METRICS}
    known = {name: number for name, number in bins.items() if number is not None}
    counts = _counts(history, values, known)
    return {
        name: None
        if name not in known
        else _overlay(name, known[name], [of[name] for of in facts], [of[name] for of in counts])
        for name in METRICS
    }


_Facts = Sequence[Any]
"""Least, most, unknown, zero, known, median."""


def _facts(history: Reads, values: Filtered) -> list[dict[str, _Facts]]:
    """Return by side and metric what bins are chosen by."""
    columns = ", ".join(_FACTS.format(at=at) for at in range(len(METRICS)))
    found = rows_by_side(history, values, columns)
    nothing = [None, None, 0, 0, 0, None] * len(METRICS)
    rows = [found.get(side, nothing) for side in (0, 1)]
    return [
        {name: row[at * _NUM_FACTS : (at + 1) * _NUM_FACTS] for at, name in enumerate(METRICS)}
        for row in rows
    ]


def _bins(facts: Sequence[_Facts]) -> int | None:
    """Return how many bins a power of ten has; ``None``: nothing is known."""
    lows = [row[0] for row in facts if row[0] is not None]
    highs = [row[1] for row in facts if row[1] is not None]
    if not lows:
        return None
    decades = max(log10(max(highs) / min(lows)), 1 / _BINS)
    return min(max(round(_BINS / decades), _A_DECADE[0]), _A_DECADE[1])


def _counts(
    history: Reads, values: Filtered, bins: Mapping[str, int]
) -> list[dict[str, dict[int, int]]]:
    """Return by side and metric the sessions in each bin."""
    counts: list[dict[str, dict[int, int]]] = [{name: {} for name in bins} for _ in (0, 1)]
    if not bins:
        return counts
    numbered = [(list(METRICS).index(name), number) for name, number in bins.items()]
    columns = ", ".join(_BIN.format(at=at, bins=number) for at, number in numbered)
    sets = ", ".join(f"(side, bin{at})" for at, _ in numbered)
    which = ", ".join(f"grouping(bin{at}), bin{at}" for at, _ in numbered)
    sql = f"SELECT side, count(*), {which} FROM (SELECT side, {columns} FROM {values.sql})"
    rows = history.rows(f"{sql} GROUP BY GROUPING SETS ({sets})", values.parameters)
    for side, number, *row in rows:
        for name, is_other, place in zip(bins, row[::2], row[1::2], strict=True):
            if not is_other and place is not None:
                counts[side][name][place] = number
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
