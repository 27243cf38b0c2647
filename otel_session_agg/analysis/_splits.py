"""Cost by model, agent, tool, user or a dimension: in all, and in each period."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg.analysis._periods import Period
from otel_session_agg.analysis._source import BREAKDOWNS, Rows, Source, check_key, parts_by

__all__ = ["NamedTotals", "PeriodCost", "split", "split_by_period"]


class NamedTotals(NamedTuple):
    """What sessions came to under one name; costs in USD."""

    name: str
    sessions: int
    calls: int
    tokens: int
    unpriced: int
    """Calls whose cost is unknown."""
    cost: Decimal | None
    """Of what is known; ``None``: nothing is."""


class PeriodCost(NamedTuple):
    """What sessions that started in one period came to under one name."""

    start: datetime
    name: str
    cost: Decimal


_RANKED = """
ranked AS (
    SELECT name, row_number() OVER (ORDER BY sum(cost) DESC NULLS LAST, count(*) DESC, name)
           AS place
    FROM parts WHERE name <> 'other' GROUP BY name
),
kept AS (
    SELECT parts.*, CASE WHEN place <= ? THEN parts.name ELSE 'other' END AS shown,
           CASE WHEN place <= ? THEN place END AS place
    FROM parts LEFT JOIN ranked ON ranked.name = parts.name
)"""
_SPLIT = """
SELECT shown, count(DISTINCT session), coalesce(sum(calls), 0)::BIGINT,
       coalesce(sum(tokens), 0)::BIGINT, coalesce(sum(unpriced), 0)::BIGINT, sum(cost)
FROM kept GROUP BY shown ORDER BY min(place) NULLS LAST
"""
_SPLIT_BY_PERIOD = """
SELECT date_trunc(?, start_time) AS period, shown, sum(cost)
FROM kept WHERE start_time IS NOT NULL AND cost IS NOT NULL
GROUP BY period, shown ORDER BY min(place) NULLS LAST, period
"""


def split(sessions: Source, key: str, limit: int) -> list[NamedTotals]:
    """Return the dearest names, and all others together as ``other``."""
    rows = _ask(sessions, key, limit, _SPLIT, [])
    return [NamedTotals(*row) for row in rows]


def split_by_period(sessions: Source, key: str, limit: int, period: Period) -> list[PeriodCost]:
    """Return the known cost of these names in each period that has some."""
    rows = _ask(sessions, key, limit, _SPLIT_BY_PERIOD, [period.name])
    return [PeriodCost(*row) for row in rows]


def _ask(sessions: Source, key: str, limit: int, select: str, parameters: list[object]) -> Rows:
    check_key(sessions, key, *BREAKDOWNS)
    parts, of_parts = parts_by(key)
    sql = f"WITH {parts},{_RANKED}{select}"
    return sessions.rows(sql, [*of_parts, limit, limit, *parameters])
