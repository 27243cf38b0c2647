"""Sessions for a grid: a few rows of however many there are, filtered and sorted by the database.

What a grid asks for names columns and operators; both are looked up in tables, and every value is a
parameter of the query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from otel_session_agg._history.columns import naive, of_rows, quoted
from otel_session_agg._history.rollup_tables import SESSIONS
from otel_session_agg._history.sources import Selection
from otel_session_agg._views.outlier_flags import judged_rows
from otel_session_agg._views.reads import Reads

__all__ = [
    "COLUMNS",
    "MAX_EXPORTED",
    "Exported",
    "GridColumn",
    "Page",
    "Wanted",
    "exported_sessions",
    "sessions_page",
]

MAX_ROWS = 500
"""Rows that are asked for at once."""
_MAX_CONDITIONS = 40
_MAX_CHARS = 1000
_MAX_NUMBER = 1e300


class GridColumn(NamedTuple):
    """A column of the grid of sessions."""

    name: str
    """Of the table of sessions."""
    title: str
    kind: str
    """``text``, ``number``, ``time``, ``list`` or ``flag``."""
    meaning: str = ""
    is_shown: bool = True
    """Whether it is there until it is hidden."""


COLUMNS: Mapping[str, GridColumn] = {
    one.name: one
    for one in (
        GridColumn("session", "Session", "text", "session id"),
        GridColumn("cost", "Cost USD", "number", "known cost; with a plus: calls without a price"),
        GridColumn("user", "User", "text", "user id"),
        GridColumn("start_time", "Started, UTC", "time", "the first start"),
        GridColumn("duration", "Duration", "number", "from the first start to the last end"),
        GridColumn("tokens", "Tokens", "number"),
        GridColumn("model_events", "Calls", "number", "model calls"),
        GridColumn("errors", "Errors", "number", "events that failed"),
        GridColumn("feedback", "Feedback", "flag", "whether there is feedback"),
        GridColumn("models", "Models", "list", "models that were called"),
        GridColumn("agents", "Agents", "list", "agents that ran", is_shown=False),
        GridColumn("tools", "Tools", "list", "tools that were called", is_shown=False),
        GridColumn("traces", "Traces", "number"),
        GridColumn("state", "State", "text", "running, or ended"),
        GridColumn("turns", "Turns", "number", "traces that begin in it", is_shown=False),
        GridColumn("unpriced", "Unpriced", "number", "calls without a price", is_shown=False),
        GridColumn("prompt_tokens", "Prompt tokens", "number", is_shown=False),
        GridColumn("completion_tokens", "Completion tokens", "number", is_shown=False),
        GridColumn("cache_read_tokens", "Cached tokens", "number", is_shown=False),
        GridColumn("tool_events", "Tool calls", "number", is_shown=False),
        GridColumn("end_time", "Ended, UTC", "time", "the last end", is_shown=False),
        GridColumn("model_duration", "Model time", "number", is_shown=False),
        GridColumn("tool_duration", "Tool time", "number", is_shown=False),
        GridColumn("error", "Last error", "text", is_shown=False),
    )
}
"""By name, in the order in which they are shown."""


class Wanted(NamedTuple):
    """Which rows a grid asks for."""

    start: int = 0
    end: int = 100
    """The first row, and the one after the last."""
    sort: Sequence[tuple[str, bool]] = (("cost", True),)
    """Columns, and whether they are descending; others are left out."""
    filters: Mapping[str, Any] = {}
    """By column, what the grid's filters say."""
    only: Sequence[str] | None = None
    """Ids of the only sessions that are wanted."""


class Page(NamedTuple):
    """Rows of a grid."""

    rows: list[dict[str, Any]]
    """By column; unknown values are ``None``."""
    total: int
    """Rows that there are in all."""
    judged: Sequence[Sequence[Any]]
    """Of each row what `reasons_of` takes."""


_PAGE = """
WITH page AS (
    SELECT session {rows} ORDER BY {order} LIMIT ? OFFSET ?
)
SELECT {names}, {judged} FROM {table} ORDER BY {order}
"""
"""All columns of the rows that are shown, but only what is sorted by of the others."""
_SHOWN = (
    f"(SELECT * FROM main.sessions WHERE"
    f" {of_rows('main.sessions', 'session IN (SELECT session FROM page)')})"
)


def sessions_page(
    history: Reads, selection: Selection, wanted: Wanted, segment: str | None = None
) -> Page:
    """Return the sessions that a grid asks for.

    Args:
        history: what is read.
        selection: the sessions of the view.
        wanted: what the grid wants of them.
        segment: within what they are compared.

    Raises:
        SessionAggError: the condition is not understood.

    """
    selected = history.filtered(selection)
    found, given = selected.sql, selected.parameters
    conditions, parameters = _conditions(wanted)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = f"FROM {found}{where}"
    names = ", ".join(f"sessions.{quoted(name)}" for name in COLUMNS)
    table, judged = judged_rows(history, segment, _SHOWN)
    start = max(wanted.start, 0)
    limit = min(max(wanted.end - start, 0), MAX_ROWS)
    order = _order(wanted.sort)
    sql = _PAGE.format(names=names, judged=judged, table=table, rows=rows, order=order)
    values = history.rows(sql, [*given, *parameters, limit, start])
    [(total,)] = history.rows(f"SELECT count(*) {rows}", [*given, *parameters])
    shown = [dict(zip(COLUMNS, row, strict=False)) for row in values]
    return Page(shown, total, [row[len(COLUMNS) :] for row in values])


def _order(sort: Sequence[tuple[str, bool]]) -> str:
    known = {name: is_descending for name, is_descending in sort if name in COLUMNS}
    keys = [
        f"{quoted(name)} {'DESC' if is_descending else 'ASC'} NULLS LAST"
        for name, is_descending in (known or {"cost": True}).items()
    ]
    return ", ".join([*keys, "session"] if "session" not in known else keys)


# -- filters ---------------------------------------------------------------------------------------


def _conditions(wanted: Wanted) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    parameters: list[object] = []
    if wanted.only is not None:
        conditions.append("session IN (SELECT unnest(?::VARCHAR[]))")
        parameters.append(list(wanted.only))
    for name, said in list(wanted.filters.items())[:_MAX_CONDITIONS]:
        column = COLUMNS.get(name)
        if column is None or not isinstance(said, Mapping):
            continue
        found = [one for part in _parts(said) for one in _condition(column, part)]
        if found:
            joint = " OR " if said.get("operator") == "OR" else " AND "
            conditions.append(f"({joint.join(sql for sql, _ in found)})")
            parameters += [value for _, values in found for value in values]
    return conditions, parameters


def _parts(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return the conditions that a filter of a column is made of."""
    parts = said.get("conditions")
    yield from (one for one in (parts if isinstance(parts, list) else [said])[:_MAX_CONDITIONS])


_Condition = tuple[str, list[object]]


def _condition(column: GridColumn, said: Mapping[str, Any]) -> Iterator[_Condition]:
    """Return what one condition is in SQL, or nothing if it is not understood."""
    name, kind = quoted(column.name), str(said.get("type"))
    if kind in _EMPTY:
        yield f"{name} {_EMPTY[kind]}", []
        return
    if column.kind == "flag":
        return
    table = _BY_KIND[column.kind]
    operator = table.operators.get(kind)
    low, high = table.value(said, table.low), table.value(said, table.high)
    if operator is None or low is None:
        return
    if kind == "inRange":
        if high is not None:
            yield f"({name} >= ? AND {name} < ?)", [low, high]
        return
    yield operator.format(table.column.format(name)), [low]


_EMPTY = {"blank": "IS NULL", "notBlank": "IS NOT NULL"}
_COMPARISONS = {
    "equals": "{0} = ?",
    "notEqual": "{0} <> ?",
    "lessThan": "{0} < ?",
    "lessThanOrEqual": "{0} <= ?",
    "greaterThan": "{0} > ?",
    "greaterThanOrEqual": "{0} >= ?",
    "inRange": "",
}
_TEXTS = {
    "contains": "contains(lower({0}), lower(?))",
    "notContains": "NOT contains(lower({0}), lower(?))",
    "equals": "{0} = ?",
    "notEqual": "{0} <> ?",
    "startsWith": "starts_with(lower({0}), lower(?))",
    "endsWith": "suffix(lower({0}), lower(?))",
}


def _text(said: Mapping[str, Any], key: str) -> str | None:
    value = said.get(key)
    return value[:_MAX_CHARS] if isinstance(value, str) else None


def _number(said: Mapping[str, Any], key: str) -> float | None:
    value = said.get(key)
    return float(value) if isinstance(value, int | float) and abs(value) < _MAX_NUMBER else None


def _time(said: Mapping[str, Any], key: str) -> datetime | None:
    try:
        return naive(datetime.fromisoformat(str(said.get(key))))
    except ValueError:
        return None


class _Kind(NamedTuple):
    """How filters of a kind of column are read."""

    operators: Mapping[str, str]
    value: Callable[[Mapping[str, Any], str], Any]
    low: str
    high: str
    column: str = "{0}"


_BY_KIND: Mapping[str, _Kind] = {
    "text": _Kind(_TEXTS, _text, "filter", ""),
    "list": _Kind(_TEXTS, _text, "filter", "", "array_to_string({0}, ' ')"),
    "number": _Kind(_COMPARISONS, _number, "filter", "filterTo"),
    "time": _Kind(_COMPARISONS, _time, "dateFrom", "dateTo"),
}


# -- export ----------------------------------------------------------------------------------------

MAX_EXPORTED = 100_000
"""Sessions of one export: a spreadsheet has about ten times as many rows."""


class Exported(NamedTuple):
    """Sessions with all columns."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    total: int
    """Sessions that there are in all; the first of them are in the rows."""


def exported_sessions(
    history: Reads, selection: Selection, wanted: Wanted | None = None
) -> Exported:
    """Return the sessions of a grid with their columns as the table has them.

    ``wanted``: how they are filtered and sorted; all are returned, up to ``MAX_EXPORTED``.
    """
    wanted = wanted or Wanted()
    selected = history.filtered(selection)
    conditions, parameters = _conditions(wanted)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    found, given = f"FROM {selected.sql}{where}", [*selected.parameters, *parameters]
    names = [column.name for column in SESSIONS.columns if not column.derived]
    listed, order = ", ".join(map(quoted, names)), _order(wanted.sort)
    rows = history.rows(f"SELECT {listed} {found} ORDER BY {order} LIMIT ?", [*given, MAX_EXPORTED])
    total = len(rows)
    if total == MAX_EXPORTED:
        [(total,)] = history.rows(f"SELECT count(*) {found}", given)
    return Exported(names, rows, total)
