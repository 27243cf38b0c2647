"""The cells of tables of what sessions came to under each name."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dash import html

from otel_session_agg._history.columns import literal
from otel_session_agg._page.parts import link, text
from otel_session_agg._page.tables import Head
from otel_session_agg._untrusted.formatting import duration, short
from otel_session_agg._views.address import State
from otel_session_agg._views.named import Named
from otel_session_agg._views.names import in_conditions
from otel_session_agg.analysis._numbers import exact, money
from otel_session_agg.analysis._source import BREAKDOWNS, OTHER, value_named

__all__ = ["OF_TOKENS", "cells_of", "heads_of", "segment_condition", "sums_of"]

_MAX_CHARS = 80
_COST, _EACH, _PER_MILLION = "Cost USD", "Cost / session", "USD / 1M tokens"
_USED, _CACHED = "Tokens", "Cached"
OF_TOKENS = frozenset({_COST, _EACH, _PER_MILLION, _USED, _CACHED})
"""Columns that say nothing of what uses no tokens, as most tools."""
_COLUMNS = (
    "name", "cost", "average_cost", "cost_per_million", "sessions", "calls", "tokens",
    "cache_share", "errors", "duration", "last",
)  # fmt: skip
"""Of the table, in their order."""
_MANY_CALLS, _MANY_SESSIONS = 0.05, 0.1
"""Shares of calls and of sessions that fail, from which on they are red."""


def heads_of(key: str, state: State, sort: str) -> list[Head]:
    is_part = key in BREAKDOWNS
    failed = "calls that failed, and their share" if is_part else "the share of sessions with any"

    def by(name: str, title: str, meaning: str = "") -> Head:
        href = state.with_more(sort=name).href()
        return Head(title, name != "name", href, name == sort, meaning)

    return [
        by("name", key.capitalize() if is_part or key == "user" else text(short(key, 40))),
        by("cost", _COST, "known cost; with a plus: calls without a price"),
        by("average_cost", _EACH, "of sessions with a known cost"),
        by("cost_per_million", _PER_MILLION, "what it cost, prompts and completions together"),
        by("sessions", "Sessions"),
        by("calls", "Calls", "model calls" if key != "tool" else "calls of the tool"),
        by("tokens", _USED),
        by("cache_share", _CACHED, "share of prompt tokens that came from a cache"),
        by("errors", "Errors", failed),
        by("call_duration", "Time / call") if is_part else by("duration", "Median duration"),
        by("last", "Last session, UTC"),
    ]


def cells_of(row: Named, key: str, state: State) -> list[Any]:
    cached = row.cache_share
    return [
        link(short(row.name, _MAX_CHARS), _sessions_of(row.name, key, state), title=row.name[:400]),
        html.Span(
            "unknown" if row.cost is None else money(row.cost) + (" +" if row.unpriced else ""),
            title=_about_cost(row.cost, row.unpriced),
        ),
        money(row.average_cost),
        "" if row.cost_per_million is None else money(row.cost_per_million),
        f"{row.sessions:,}",
        f"{row.calls:,}",
        f"{row.tokens:,}",
        "" if cached is None else f"{cached:.0%}",
        _errors(row, key),
        _time(row, key),
        "" if row.last is None else f"{row.last:%Y-%m-%d %H:%M}",
    ]


def sums_of(rows: Sequence[Named], key: str) -> list[Any]:
    """Return the cells of a row that adds up all others; what does not add up is empty.

    Sessions of models, agents and tools do not: one that has several is under each of them.
    """
    costs = [row.cost for row in rows if row.cost is not None]
    cost, unpriced = sum(costs, Decimal(0)) if costs else None, sum(row.unpriced for row in rows)
    sums = {
        "name": "all",
        "cost": html.Span(
            "unknown" if cost is None else money(cost) + (" +" if unpriced else ""),
            title=_about_cost(cost, unpriced),
        ),
        "sessions": "" if key in BREAKDOWNS else f"{sum(row.sessions for row in rows):,}",
        "calls": f"{sum(row.calls for row in rows):,}",
        "tokens": f"{sum(row.tokens for row in rows):,}",
    }
    return [sums.get(column, "") for column in _COLUMNS]


def _errors(row: Named, key: str) -> Any:
    if not row.errors:
        return html.Span("0", className="dead")
    if key in BREAKDOWNS:
        share, is_much = row.error_share, (row.error_share or 0) >= _MANY_CALLS
    else:
        share, is_much = row.failed_share, row.failed_share >= _MANY_SESSIONS
    shown_ = f"{row.errors:,}" + ("" if share is None else f" ({share:.1%})")
    return html.Span(shown_, className="bad-text" if is_much else "")


def _time(row: Named, key: str) -> str:
    if not row.duration:
        return ""
    if key not in BREAKDOWNS:
        return duration(row.duration)
    return "" if row.call_duration is None else duration(row.call_duration)


def _about_cost(cost: Decimal | None, unpriced: int) -> str:
    known = "no cost is known" if cost is None else f"{exact(cost)} USD"
    return known + (f", and {unpriced:,} calls without a price" if unpriced else "")


def segment_condition(key: str, value: str | None) -> str:
    """Return the condition that a session is of a segment; ``None``: of those that have none."""
    column = "user" if key == "user" else in_conditions(key)
    return f"{column} IS NULL" if value is None else f"{column} = {literal(value)}"


def _sessions_of(name: str, key: str, state: State) -> str:
    """Return where the sessions of a name are shown; of what has no name, all."""
    if key not in BREAKDOWNS:
        condition = segment_condition(key, value_named(name))
    else:
        value = None if name == OTHER else value_named(name)
        if value is None:
            return state.going_to("sessions").href()
        condition = f"{key}s = {literal(value)}"
    where = condition if state.where is None else f"({state.where}) and {condition}"
    return State("sessions", where, state.since, state.until, state.by, state.theme).href()
