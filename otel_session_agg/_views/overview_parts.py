"""What the overview shows by model, agent and tool, from one reading of the breakdown.

Among the sessions that meet a condition, the parts of a million of them are looked for by their
ids: that takes longer than all that is added up of them, so that it is done once for all charts.
What is found is a row for each name and period; where these are many, each chart asks by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from otel_session_agg._views.named import Named, cost_by_period, dearest_rows, named
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import BREAKDOWNS, NONE, OTHER, Source
from otel_session_agg.analysis._splits import NamedTotals, PeriodCost

__all__ = ["MAX_BARS", "MAX_COLORS", "OverviewParts", "overview_parts", "totals_of"]

MAX_COLORS = 8
"""Names that have a colour of their own over time."""
MAX_BARS = 12
"""Names that have a bar."""
MAX_ROWS = 50_000
"""Names in periods that are added up here."""

_COUNTS = ", ".join(
    f"coalesce(sum({name}), 0)::BIGINT"
    for name in ("tokens", "prompt_tokens", "completion_tokens", "cache_read_tokens")
)
_PARTS = f"""
SELECT kind, date_trunc(?, start_time) AS period, coalesce(name, '{NONE}') AS called, count(*),
       coalesce(sum(calls), 0)::BIGINT, coalesce(sum(errors), 0)::BIGINT,
       count(*) FILTER (errors > 0), {_COUNTS}, sum(cost), count(cost),
       coalesce(sum(unpriced), 0)::BIGINT, sum(duration), max(start_time)
FROM breakdown WHERE kind IN (?, ?, ?) GROUP BY kind, period, called LIMIT ?
"""
_MODEL, _TOOL = "model", "tool"


class OverviewParts(NamedTuple):
    """Rows of three charts."""

    in_time: list[PeriodCost]
    """The known cost of the dearest names in each period, as `cost_by_period` has it."""
    models: list[Named]
    """The dearest ones, as `dearest` has them."""
    tools: list[Named]
    """Those that are called most, as `named` has them."""


class _Part(NamedTuple):
    kind: str
    period: datetime | None
    row: Named


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
            dearest_rows(sessions, _MODEL, most),
            named(sessions, _TOOL, "calls", most).rows,
        )
    parts = [_Part(kind, start, Named(*row)) for kind, start, *row in found]
    by_cost = sorted(_by_name(parts, _MODEL), key=_dearest)
    by_calls = sorted(_by_name(parts, _TOOL), key=lambda row: (-row.calls, row.name))
    in_time = _in_time(parts, key, limit) if key in BREAKDOWNS else []
    return OverviewParts(in_time, by_cost[:most], by_calls[:most])


def _dearest(row: Named) -> tuple[Any, ...]:
    return row.name == OTHER, row.cost is None, -(row.cost or 0), -row.sessions, row.name


def _by_name(parts: Iterable[_Part], kind: str) -> list[Named]:
    """Return the rows of a kind, each over all periods."""
    alike: dict[str, list[Named]] = defaultdict(list)
    for part in parts:
        if part.kind == kind:
            alike[part.row.name].append(part.row)
    return [_sum_of(name, rows) for name, rows in alike.items()]


def _sum_of(name: str, rows: Sequence[Named]) -> Named:
    sums = [
        _known(values, _RULES.get(field, sum))
        for field, values in zip(Named._fields[1:], list(zip(*rows, strict=True))[1:], strict=True)
    ]
    return Named(name, *sums)


_RULES: dict[str, Callable[[list[Any]], Any]] = {"last": max}


def _known(values: Iterable[Any], rule: Callable[[list[Any]], Any]) -> Any:
    known = [value for value in values if value is not None]
    return rule(known) if known else None


def _in_time(parts: Sequence[_Part], kind: str, limit: int) -> list[PeriodCost]:
    """Return the known cost of the dearest names in each period, and of all others."""
    ranked = sorted(_by_name(parts, kind), key=_dearest)
    places = {row.name: at for at, row in enumerate(ranked[:limit]) if row.name != OTHER}
    found: dict[tuple[int, datetime], Decimal] = defaultdict(Decimal)
    for part in parts:
        if part.kind == kind and part.period is not None and part.row.cost is not None:
            found[places.get(part.row.name, limit), part.period] += part.row.cost
    names = [*places, *[OTHER] * (limit + 1 - len(places))]
    return [PeriodCost(start, names[at], cost) for (at, start), cost in sorted(found.items())]


def totals_of(rows: Iterable[Named]) -> list[NamedTotals]:
    """Return what a chart of the dearest names shows of rows."""
    return [
        NamedTotals(row.name, row.sessions, row.calls, row.tokens, row.unpriced, row.cost)
        for row in rows
    ]
