"""The rows of the grid of sessions: what it asks for, and what stands in its cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from otel_session_agg._alerts.budgets import Used
from otel_session_agg._history.expressions import no_such
from otel_session_agg._page.asking import norms_at
from otel_session_agg._page.services import Services
from otel_session_agg._untrusted.formatting import duration, short, usd
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._views import address
from otel_session_agg._views.budgets import share_text, tone_of, used_by
from otel_session_agg._views.grid import COLUMNS, Wanted, sessions_page
from otel_session_agg._views.outlier_flags import reasons_of, segment_of
from otel_session_agg._views.ranges import shown
from otel_session_agg.analysis._numbers import many

__all__ = [
    "BLOCK",
    "BUDGET",
    "FLAG",
    "check_names",
    "filters_at",
    "rows_at",
    "sort_at",
    "wanted_of",
]

BLOCK = 100
"""Rows that are asked for at once."""
FLAG = "flag"
"""The column that says why a session stands out."""
BUDGET = "budget"
"""The column that says how much of its budget a running session has used."""
_MAX_CHARS = 200
_MAX_MODELS = 3
_FILTER_KEYS = ("filterType", "type", "filter", "filterTo", "dateFrom", "dateTo", "operator")
_DURATIONS = frozenset({"duration", "model_duration", "tool_duration"})


def sort_at(state: address.State) -> Sequence[tuple[str, bool]]:
    """Return by what a state sorts: columns, and whether they are descending."""
    given = [one for one in state.more.get("sort", "").split(",") if one]
    found = [(one.removeprefix("-"), one.startswith("-")) for one in given]
    check_names([name for name, _ in found], COLUMNS)
    return found or [("cost", True)]


def check_names(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `SessionAggError` if a name of an address is none of those that are known."""
    for name in names:
        if name not in known:
            raise no_such(name, known)


def filters_at(state: address.State) -> dict[str, Any]:
    """Return what a state filters columns by, in the grid's own form; the rest is left out."""
    try:
        given = loaded(state.more.get("filters", "{}"))
    except ValueError:
        return {}
    found = given if isinstance(given, dict) else {}
    return {
        name: _filter(one, at=0)
        for name, one in found.items()
        if name in COLUMNS and isinstance(one, dict)
    }


def _filter(given: Mapping[str, Any], at: int) -> dict[str, Any]:
    """Return the parts of a filter that the grid knows; ``at``: how deep it is inside another."""
    made: dict[str, Any] = {
        key: value
        for key in _FILTER_KEYS
        if isinstance(value := given.get(key), str)
        or (isinstance(value, int | float) and math.isfinite(value))
    }
    conditions = given.get("conditions")
    if isinstance(conditions, list) and at == 0:
        made["conditions"] = [_filter(one, 1) for one in conditions if isinstance(one, dict)]
    return made


def wanted_of(request: Mapping[str, Any]) -> Wanted:
    """Return what the grid's request asks for; what is not of its form is left out."""
    start, end = request.get("startRow"), request.get("endRow")
    sort = request.get("sortModel")
    filters = request.get("filterModel")
    first = start if isinstance(start, int) else 0
    return Wanted(
        first,
        end if isinstance(end, int) else first + BLOCK,
        [
            (str(one.get("colId")), one.get("sort") == "desc")
            for one in (sort if isinstance(sort, list) else [])
            if isinstance(one, Mapping)
        ],
        filters if isinstance(filters, Mapping) else {},
    )


# -- rows ------------------------------------------------------------------------------------------


def _row(row: Mapping[str, Any], reason: str | None, used: Used | None) -> dict[str, Any]:
    """Return a row as the grid shows it: texts, never markup."""
    made = {name: _shown(name, row[name], row) for name in COLUMNS}
    return {
        **made,
        "id": row["session"],
        "known": row["cost"] is not None,
        FLAG: _flag(reason),
        "reason": reason or "",
        BUDGET: share_text(used) if used is not None else "",
        "used": None if used is None else used.share,
        "tone": "" if used is None else tone_of(used),
        "limit": "" if used is None else f"rule {short(used.rule, _MAX_CHARS)}",
    }


def _flag(reason: str | None) -> str:
    """Return the beginning of a reason: by how many times the median it stands out."""
    if not reason:
        return ""
    metric = reason.split(" ", 1)[0]
    times = next((part for part in reason.split(", ") if "median" in part), "")
    return f"{metric} {times.partition(' the median')[0]}" if times else metric


def _shown(name: str, value: Any, row: Mapping[str, Any]) -> str:
    if name == "state":
        return "running" if value == "open" else str(value or "")
    if name == "feedback":
        return "yes" if value else ""
    if value is None:
        return "unknown" if name in {"cost", "tokens", "duration"} else ""
    if name == "cost":
        return usd(float(value)) + (" +" if row["unpriced"] else "")
    return _plain(name, value)


def _plain(name: str, value: Any) -> str:
    if name in _DURATIONS:
        return duration(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        more = f" and {len(value) - _MAX_MODELS} more" if len(value) > _MAX_MODELS else ""
        return ", ".join(short(str(one), 60) for one in value[:_MAX_MODELS]) + more
    if isinstance(value, int | Decimal | float):
        return f"{value:,}"
    return short(str(value), _MAX_CHARS)


def rows_at(state: address.State, wanted: Wanted, services: Services) -> tuple[dict[str, Any], str]:
    """Return the rows that a grid asks for, and what is said above them."""
    with services.reader() as history:
        selection = shown(state, history, services.now()).selection
        page = sessions_page(history, selection, wanted, segment_of(state.by))
        norms, total = norms_at(state, history, services)
        reasons = reasons_of(page.judged, norms)
        still_open = [row["session"] for row in page.rows if row["state"] == "open"]
        used = used_by(history, services.budgets, still_open)
    said = f", {total:,} {'stands' if total == 1 else 'stand'} out"
    outliers = "" if wanted.filters else said  # which are of the grid alone
    return {
        "rowData": [
            _row(row, reasons.get(row["session"]), used.get(row["session"])) for row in page.rows
        ],
        "rowCount": page.total,
    }, f"{many(page.total, 'session')}{outliers}"
