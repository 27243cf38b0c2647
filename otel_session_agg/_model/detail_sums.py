"""Add up many details at once, which takes a fraction of the time of adding one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

from otel_session_agg._model.breakdown import NO_ROWS, ROWS, Breakdown, BreakdownRow, added
from otel_session_agg._model.coverage import MOMENTS, sum_of_times
from otel_session_agg._model.details import DETAIL_RULES, Details, values
from otel_session_agg._model.latencies import BUCKETS, NO_LATENCIES, Latencies
from otel_session_agg._model.merges import Rule

_new = tuple.__new__  # ``_make`` costs twice as much
_FEW = 2
"""Rows up to which adding one after the other is faster than field by field."""


def sum_of_details(parts: Sequence[Details]) -> Details:
    """Return the sum of details, of one at least: the same as of one after the other."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*map(values, parts), strict=True)
    return Details(*[add(column) for add, column in zip(_ADD, columns, strict=True)])


def _sum_of_rows(parts: Sequence[Breakdown]) -> Breakdown:
    rows: dict[str, list[BreakdownRow]] = {}
    for part in parts:
        for name, row in part.items():
            rows.setdefault(name, []).append(row)
    if not rows:
        return NO_ROWS
    return Breakdown({name: _sum_of_alike(its) for name, its in rows.items()})


def _sum_of_alike(rows: Sequence[BreakdownRow]) -> BreakdownRow:
    """Return the sum of some rows."""
    if len(rows) <= _FEW:
        return reduce(added, rows)
    return _new(BreakdownRow, map(sum, zip(*rows, strict=True)))


def _sum_of_latencies(parts: Sequence[Latencies]) -> Latencies:
    counts: dict[int, int] = {}
    for part in parts:
        for bucket, count in part.counts:
            counts[bucket] = counts.get(bucket, 0) + count
    if not counts:
        return NO_LATENCIES
    return Latencies(tuple(sorted([row for row in counts.items() if row[1]])))


_AT_ONCE: Mapping[Rule, Callable[[Sequence[Any]], Any]] = {
    ROWS: _sum_of_rows,
    MOMENTS: sum_of_times,
    BUCKETS: _sum_of_latencies,
}
_ADD: tuple[Callable[[Sequence[Any]], Any], ...] = tuple(
    _AT_ONCE.get(rule, partial(reduce, rule.merge)) for rule in DETAIL_RULES.values()
)
"""How the values of each field are added."""
