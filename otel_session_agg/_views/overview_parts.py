"""What the overview shows by model, agent and tool, from one reading of the breakdown.

Among the sessions that meet a condition, the parts of a million of them are looked for by their
ids: that takes longer than all that is added up of them, so that it is done once for all charts.
What is found is a row for each name and period; where these are many, each chart asks by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from otel_session_agg._views.named import Named, cost_by_period, dearest_rows, named
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import BREAKDOWNS, NONE, OTHER, Source
from otel_session_agg.analysis._splits import NamedTotals, PeriodCost

__all__ = ["MAX_BARS", "MAX_COLORS", "OverviewParts", "Part", "overview_parts", "totals_of"]

MAX_COLORS = 8
"""Names that have a colour of their own over time."""
MAX_BARS = 12
"""Names that have a bar."""
MAX_ROWS = 50_000
"""Names in periods that are added up here."""

_COUNTS = ", ".join(
    f"coalesce(sum({name}), 0)::BIGINT" for name in ("calls", "errors", "tokens", "unpriced")
)
_PARTS = f"""
SELECT kind, date_trunc(?, start_time) AS period, coalesce(name, '{NONE}') AS called, count(*),
       {_COUNTS}, sum(cost)
FROM breakdown WHERE kind IN (?, ?, ?) GROUP BY kind, period, called LIMIT ?
"""
_MODEL, _TOOL = "model", "tool"


class Part(NamedTuple):
    """What sessions came to under one name: of `Named`, what the charts show."""

    name: str
    sessions: int
    calls: int
    errors: int
    tokens: int
    unpriced: int
    cost: Decimal | None


class OverviewParts(NamedTuple):
    """Rows of three charts."""

    in_time: list[PeriodCost]
    """The known cost of the dearest names in each period, as `cost_by_period` has it."""
    models: list[Part]
    """The dearest ones, as `dearest_rows` has them."""
    tools: list[Part]
    """Those that are called most, as `named` has them."""


class _InPeriod(NamedTuple):
    kind: str
    period: datetime | None
    row: Part


def overview_parts(
    sessions: Source, key: str, period: Period, limit: int = MAX_COLORS, most: int = MAX_BARS
) -> OverviewParts:
    """Return the rows of all charts of the overview that are about parts of sessions.

    Args:
        sessions: what is selected.
        key: what cost is split by over time; there are no such rows if it is no part.
        period: in which cost is shown over time.
        limit: names that are shown over time; all others are ``other``.
        most: models and tools.

    """
    split = key if key in BREAKDOWNS else _MODEL
    found = sessions.rows(_PARTS, [period.name, split, _MODEL, _TOOL, MAX_ROWS + 1])
    if len(found) > MAX_ROWS:
        return OverviewParts(
            cost_by_period(sessions, key, limit, period) if key in BREAKDOWNS else [],
            [_part_of(row) for row in dearest_rows(sessions, _MODEL, most)],
            [_part_of(row) for row in named(sessions, _TOOL, "calls", most).rows],
        )
    parts = [_InPeriod(kind, start, Part(*row)) for kind, start, *row in found]
    by_cost = sorted(_by_name(parts, _MODEL), key=_dearest)
    by_calls = sorted(_by_name(parts, _TOOL), key=lambda row: (-row.calls, row.name))
    in_time = _in_time(parts, key, limit) if key in BREAKDOWNS else []
    return OverviewParts(in_time, by_cost[:most], by_calls[:most])


def _part_of(row: Named) -> Part:
    return Part._make(getattr(row, name) for name in Part._fields)


def _dearest(row: Part) -> tuple[Any, ...]:
    return row.name == OTHER, row.cost is None, -(row.cost or 0), -row.sessions, row.name


def _by_name(parts: Iterable[_InPeriod], kind: str) -> list[Part]:
    """Return the rows of a kind, each over all periods."""
    alike: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        if part.kind == kind:
            alike[part.row.name].append(part.row)
    return [_sum_of(name, rows) for name, rows in alike.items()]


def _sum_of(name: str, rows: Sequence[Part]) -> Part:
    _, *counts, costs = zip(*rows, strict=True)
    known = [cost for cost in costs if cost is not None]
    cost = sum(known, Decimal(0)) if known else None
    return Part._make((name, *map(sum, counts), cost))


def _in_time(parts: Sequence[_InPeriod], kind: str, limit: int) -> list[PeriodCost]:
    """Return the known cost of the dearest names in each period, and of all others."""
    ranked = sorted(_by_name(parts, kind), key=_dearest)
    places = {row.name: at for at, row in enumerate(ranked[:limit]) if row.name != OTHER}
    found: dict[tuple[int, datetime], Decimal] = defaultdict(Decimal)
    for part in parts:
        if part.kind == kind and part.period is not None and part.row.cost is not None:
            found[places.get(part.row.name, limit), part.period] += part.row.cost
    names = [*places, *[OTHER] * (limit + 1 - len(places))]
    return [PeriodCost(start, names[at], cost) for (at, start), cost in sorted(found.items())]


def totals_of(rows: Iterable[Named | Part]) -> list[NamedTotals]:
    """Return what a chart of the dearest names shows of rows."""
    return [
        NamedTotals(row.name, row.sessions, row.calls, row.tokens, row.unpriced, row.cost)
        for row in rows
    ]
