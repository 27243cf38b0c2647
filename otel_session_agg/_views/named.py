"""What sessions came to under each model, tool, agent, user or value of a dimension.

A session is in one row for each of its names, so that the sessions of rows do not add up to all;
calls, tokens and costs do.  The breakdown has one row for each session and name, so that
names are only counted, never compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._untrusted.formatting import short
from otel_session_agg.analysis._named_rows import named_rows
from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import BREAKDOWNS, NONE, Source, check_key
from otel_session_agg.analysis._splits import PeriodCost

__all__ = ["MAX_ROWS", "SORTS", "Named", "cost_by_period", "dearest_rows", "named"]


MAX_ROWS = 100
"""Rows of a table: each of its cells is a component that the browser makes."""


class Named(NamedTuple):
    """What sessions came to under one name; costs in USD, durations in milliseconds."""

    name: str
    sessions: int
    calls: int
    """Model calls; of a tool: its own calls."""
    errors: int
    """Calls that failed; of users and dimensions: spans."""
    sessions_failed: int
    """Sessions in which any did."""
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cost: Decimal | None
    """Of what is known; ``None``: nothing is."""
    sessions_priced: int
    """Sessions of whose cost here something is known."""
    unpriced: int
    """Calls whose cost is unknown."""
    duration: float | None
    """In all its calls; of users and dimensions: the median session."""
    last: datetime | None
    """When the last of its sessions began, in UTC without saying so."""

    @property
    def average_cost(self) -> Decimal | None:
        """The known cost for each session of whose cost something is known."""
        return None if self.cost is None else self.cost / max(self.sessions_priced, 1)

    @property
    def cache_share(self) -> float | None:
        """The share of prompt tokens that were read from a cache."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else None

    @property
    def call_duration(self) -> float | None:
        """The average time of a call; of users and dimensions it means nothing."""
        return None if self.duration is None or not self.calls else self.duration / self.calls

    @property
    def error_share(self) -> float | None:
        """Errors for each call."""
        return self.errors / self.calls if self.calls else None

    @property
    def failed_share(self) -> float:
        """The share of its sessions with errors, as the overview has it."""
        return self.sessions_failed / self.sessions if self.sessions else 0.0

    @property
    def cost_per_million(self) -> float | None:
        """USD for a million tokens; ``None``: not known, as of calls without a price."""
        if self.cost is None or not self.tokens or self.unpriced:
            return None
        return float(self.cost) / self.tokens * 1e6


_SUM = "coalesce(sum({0}), 0)::BIGINT"
_TOKENS = ", ".join(
    f"{_SUM.format(name)} AS {name}"
    for name in ("tokens", "prompt_tokens", "completion_tokens", "cache_read_tokens")
)
_OF_PARTS = f"""
SELECT coalesce(name, '{NONE}') AS called, count(*) AS sessions, {_SUM.format("calls")} AS calls,
       {_SUM.format("errors")} AS errors, count(*) FILTER (errors > 0) AS failed, {_TOKENS},
       sum(cost) AS cost,
       count(cost) AS priced, {_SUM.format("unpriced")} AS unpriced, sum(duration) AS duration,
       max(start_time) AS last
FROM breakdown WHERE kind = ? GROUP BY called
"""
_OF_SESSIONS = f"""
SELECT {{name}} AS called, count(*) AS sessions, {_SUM.format("model_events")} AS calls,
       {_SUM.format("errors")} AS errors, count(*) FILTER (errors > 0) AS failed, {_TOKENS},
       sum(cost) AS cost,
       count(cost) AS priced, {_SUM.format("unpriced")} AS unpriced, median(duration) AS duration,
       max(start_time) AS last
FROM {{table}} GROUP BY called
"""
_SORTED = "SELECT *, count(*) OVER () FROM ({rows}) ORDER BY {order} NULLS LAST, called LIMIT ?"
_DEAREST = """
SELECT * FROM ({rows})
ORDER BY called = 'other', cost DESC NULLS LAST, sessions DESC, called LIMIT ?
"""
SORTS: Mapping[str, str] = {
    "cost": "cost DESC",
    "sessions": "sessions DESC",
    "calls": "calls DESC",
    "tokens": "tokens DESC",
    "errors": "errors DESC",
    "average_cost": "cost / nullif(priced, 0) DESC",
    "cache_share": "cache_read_tokens / nullif(prompt_tokens, 0) DESC",
    "cost_per_million": "CASE WHEN unpriced = 0 THEN cost / nullif(tokens, 0) END DESC",
    "call_duration": "duration / nullif(calls, 0) DESC",
    "duration": "duration DESC",
    "last": "last DESC",
    "name": "called ASC",
}
"""By what rows are sorted, by name."""


def _rows_by(sessions: Source, key: str) -> tuple[str, list[object]]:
    """Return the query for the rows, and its parameters."""
    if key in BREAKDOWNS:
        return _OF_PARTS, [key]
    table, name = named_rows(sessions, key)
    return _OF_SESSIONS.format(name=name, table=table), []


class Listed(NamedTuple):
    """The rows of a view, and how many there are in all."""

    rows: list[Named]
    total: int


def named(sessions: Source, key: str, sort: str = "cost", limit: int = MAX_ROWS) -> Listed:
    """Return the rows by a key: ``model``, ``agent``, ``tool``, ``user`` or a dimension.

    Args:
        sessions: what is selected.
        key: what is grouped by.
        sort: a key of `SORTS`.
        limit: rows that are returned, the first ones.

    Raises:
        SessionAggError: there is no such key or order.

    """
    if sort not in SORTS:
        message = f"there is no order by {short(sort)!r}: use one of {', '.join(SORTS)}"
        raise SettingsError(message)
    check_key(sessions, key, *BREAKDOWNS)
    rows, parameters = _rows_by(sessions, key)
    sql = _SORTED.format(rows=rows, order=SORTS[sort])
    found = sessions.rows(sql, [*parameters, limit])
    return Listed([Named(*row[:-1]) for row in found], found[0][-1] if found else 0)


def dearest_rows(sessions: Source, key: str, limit: int) -> list[Named]:
    """Return the dearest names; what has no row is the last one."""
    check_key(sessions, key, *BREAKDOWNS)
    rows, parameters = _rows_by(sessions, key)
    return [Named(*row) for row in sessions.rows(_DEAREST.format(rows=rows), [*parameters, limit])]


# -- over time -------------------------------------------------------------------------------------

_OVER_TIME = """
WITH parts AS MATERIALIZED (
    SELECT called, date_trunc(?, start_time) AS period, sum(cost) AS cost, count(*) AS number
    FROM (SELECT {name} AS called, start_time, cost FROM {table}) GROUP BY called, period
),
top AS (
    SELECT called, row_number() OVER (ORDER BY sum(cost) DESC NULLS LAST, sum(number) DESC, called)
           AS place
    FROM parts WHERE called <> 'other' GROUP BY called
    QUALIFY place <= ?
)
SELECT period, coalesce(top.called, 'other') AS shown, sum(cost)
FROM parts LEFT JOIN top USING (called) WHERE period IS NOT NULL AND cost IS NOT NULL
GROUP BY period, shown ORDER BY min(place) NULLS LAST, period
"""


def cost_by_period(sessions: Source, key: str, limit: int, period: Period) -> list[PeriodCost]:
    """Return the known cost of the dearest names in each period, the dearest name first.

    All others together are ``other``.
    """
    check_key(sessions, key, *BREAKDOWNS)
    if key in BREAKDOWNS:
        name, table = f"coalesce(name, '{NONE}')", f"breakdown WHERE kind = '{key}'"
    else:
        table, name = named_rows(sessions, key)
    rows = sessions.rows(_OVER_TIME.format(name=name, table=table), [period.name, limit])
    return [PeriodCost(*row) for row in rows]
