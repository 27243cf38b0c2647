"""Lists of sessions, traces and calls, page by page, in any order.

A page begins behind the last row of the one before, whose place is the cursor: rows that come in
meanwhile neither shift pages nor repeat rows.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.columns import Column, ColumnType, quoted
from otel_session_agg._history.expressions import no_such
from otel_session_agg._history.sources import SOURCES, Selection, Source
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._views.reads import Reads

__all__ = ["Listed", "columns_of", "listed"]

_NOT_SORTED = frozenset({ColumnType.OBJECT, ColumnType.TEXTS})
_MAX_CURSOR = 20_000
"""Characters of a cursor: it has an id in it."""


class Listed(NamedTuple):
    """Some rows of a list."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    """Times in UTC, amounts as ``Decimal``, objects as ``dict``, what is unknown as ``None``."""
    next_cursor: str | None
    """Where the next page begins; ``None``: there is none."""


class _Place(NamedTuple):
    """The place of a row."""

    sort: str
    value: str | None
    """Of the column by which rows are sorted, as a text."""
    ids: list[str]


def columns_of(by: str) -> Sequence[Column]:
    """Return the columns of a list: of ``session``, ``trace`` or ``call``."""
    return SOURCES[by].columns


def listed(
    history: Reads,
    selection: Selection,
    *,
    limit: int,
    cursor: str | None = None,
    equal: Mapping[str, str] | None = None,
) -> Listed:
    """Return the rows of a page.

    Args:
        history: Is asked.
        selection: What is listed: its conditions, times, columns and order.
        limit: How many rows a page has at most.
        cursor: Where it begins, as the page before states it; ``None``: with the first row.
        equal: Columns of text that have these values.

    Raises:
        SessionAggError: a name, the condition or the cursor is not understood.

    """
    source = SOURCES[selection.by]
    sort = selection.sort or source.order
    column = _sorted_by(source, sort.removeprefix("-"))
    names = tuple(selection.columns or (one.name for one in source.columns))
    known = {one.name: one for one in source.columns}
    for name in names:
        if name not in known:
            raise no_such(name, known)
    found = history.filtered(selection._replace(columns=None, sort=None, limit=None))
    conditions = [f"{quoted(name)} = ?" for name in equal or ()]
    parameters: list[object] = [*found.parameters, *(equal or {}).values()]
    if cursor is not None:
        condition, values = _after(_place_of(cursor, sort, len(source.ids)), source, column)
        conditions.append(condition)
        parameters += values
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    place = ", ".join([f"{quoted(column.name)}::VARCHAR", *map(quoted, source.ids)])
    direction = "DESC" if sort.startswith("-") else "ASC"
    ids = ", ".join(map(quoted, source.ids))
    rows = history.rows(
        f"SELECT {', '.join(map(quoted, names))}, {place} FROM {found.sql}{where}"
        f" ORDER BY {quoted(column.name)} {direction} NULLS LAST, {ids} LIMIT {limit + 1:d}",
        parameters,
    )
    next_cursor = None
    if len(rows) > limit:
        _, value, *last_ids = rows[limit - 1][len(names) - 1 :]
        next_cursor = _cursor_of(_Place(sort, value, last_ids))
    types = [known[name].type for name in names]
    shown = [tuple(map(_shown, types, row)) for row in rows[:limit]]
    return Listed(names, shown, next_cursor)


def _sorted_by(source: Source, name: str) -> Column:
    known = {one.name: one for one in source.columns if one.type not in _NOT_SORTED}
    if name not in known:
        raise no_such(name, known, "column to sort by")
    return known[name]


def _after(place: _Place, source: Source, column: Column) -> tuple[str, list[str]]:
    """Return the condition that a row is behind a place, and its parameters."""
    name = quoted(column.name)
    ids = ", ".join(map(quoted, source.ids))
    later = f"({ids}) > ({', '.join('?' for _ in source.ids)})"
    if place.value is None:
        return f"({name} IS NULL AND {later})", place.ids
    operator = "<" if place.sort.startswith("-") else ">"
    value = f"?::{column.type.value.sql}"
    condition = f"({name} {operator} {value} OR {name} IS NULL OR ({name} = {value} AND {later}))"
    return condition, [place.value, place.value, *place.ids]


def _cursor_of(place: _Place) -> str:
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def _place_of(cursor: str, sort: str, num_ids: int) -> _Place:
    """Return the place that a cursor states.

    Raises:
        SessionAggError: it is none of a list in this order.

    """
    try:
        given = loaded(urlsafe_b64decode(cursor[:_MAX_CURSOR]))
    except ValueError:
        given = None
    match given:
        case [str(stated), str() | None as value, [*ids]] if stated == sort:
            texts = [one for one in ids if isinstance(one, str)]
            if len(texts) == len(ids) == num_ids:
                return _Place(stated, value, texts)
    message = "the cursor is of no list in this order"
    raise SessionAggError(message)


def _shown(kind: ColumnType, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=timezone.utc)
    if kind is ColumnType.OBJECT and isinstance(value, str):
        try:
            return loaded(value)
        except ValueError:
            return {}
    return value
