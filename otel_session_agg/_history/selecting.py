"""Select sessions, traces or calls, or groups of them: what the options of commands ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from fractions import Fraction
from functools import cached_property
from typing import Any

from otel_session_agg._history import figures
from otel_session_agg._history.breakdown import PARTS
from otel_session_agg._history.columns import ColumnType, naive, quoted
from otel_session_agg._history.conditions import in_sql
from otel_session_agg._history.database import Connection, HistoryError, described, time_limit
from otel_session_agg._history.expressions import Names, checked, label_column, no_such
from otel_session_agg._history.labels import (
    OBJECTS,
    Labels,
    label_names,
    label_text,
    label_type,
    label_value,
    labels_of,
)
from otel_session_agg._history.sources import SOURCES, Filtered, Result, Selection, Source, Value
from otel_session_agg._history.user_sql import read

TIME_LIMIT_SECONDS = 300.0
_NOT_MET = "the condition cannot be met"
_KEYS = frozenset({ColumnType.TEXT, ColumnType.FLAG})
"""Types of columns by which rows are grouped."""


def select(
    connection: Connection, selection: Selection, seconds: float = TIME_LIMIT_SECONDS
) -> Result:
    """Return what is wanted.

    Args:
        connection: A connection that cannot write, which is closed after the last row.
        selection: What is wanted.
        seconds: For the first row, and again for every thousand.

    Raises:
        HistoryError: a name or the condition is not understood, or it took too long; reading the
            rows may raise it, too.

    """
    with described(_NOT_MET), time_limit(connection, seconds):
        return _Query(connection, selection, _source_of(selection), seconds).result()


def filtered(
    connection: Connection, selection: Selection, seconds: float = TIME_LIMIT_SECONDS
) -> Filtered:
    """Return what meets a selection, up to its limit, as a part of a query.

    Raises:
        HistoryError: a condition is not understood, or it took too long to find out.

    """
    with described(_NOT_MET), time_limit(connection, seconds):
        found = _Query(connection, selection, _source_of(selection), seconds).first()
        connection.execute(f"SELECT 1 FROM {found.sql} LIMIT 0", found.parameters)
        return found


def _source_of(selection: Selection) -> Source:
    source = SOURCES.get(selection.by)
    if source is None:
        message = f"there is no selection by {selection.by!r}: use one of {', '.join(SOURCES)}"
        raise HistoryError(message)
    return source


class _Query:
    """One selection while it is put together."""

    def __init__(
        self, connection: Connection, selection: Selection, source: Source, seconds: float
    ) -> None:
        self._connection, self._selection, self._source = connection, selection, source
        self._seconds = seconds
        known = {column.name for column in source.columns}
        self._objects = [name for name in OBJECTS if name in known]
        self._names = Names({column.name: column for column in source.columns}, self._labels)
        self._found, self._parameters = self._filtered()

    def result(self) -> Result:
        """Return the rows and the total."""
        return self._groups() if self._selection.group_by else self._plain()

    def first(self) -> Filtered:
        """Return the query for the rows up to the limit, which one of groups is not."""
        limit = self._selection.limit
        if limit is None or self._selection.group_by:
            return Filtered(self._found, self._parameters)
        sql = f"(SELECT * FROM {self._found} ORDER BY {self._order()} LIMIT {limit:d})"
        return Filtered(sql, self._parameters)

    def _labels(self) -> list[str]:
        table = self._source.labels_of
        found = label_names(self._connection, table) if table is not None else []
        return list(dict.fromkeys([*self._selection.labels, *found]))

    def _label_type(self, name: str) -> ColumnType:
        table, source = self._source.labels_of or "", self._source.sql
        return label_type(self._connection, table, source, self._objects, name)

    def _label_value(self, name: str) -> str:
        return label_value(self._objects, name, self._label_type(name))

    def _filtered(self) -> Filtered:
        """Return the query for what fits the conditions and the times."""
        selection, found = self._selection, self._source.sql
        for condition in selection.conditions:
            found = self._fitting(condition, found)
        times = (("start_time >= ?", selection.since), ("start_time < ?", selection.until))
        given = {condition: naive(time) for condition, time in times if time is not None}
        where = f" WHERE {' AND '.join(given)}" if given else ""
        return Filtered(f"(SELECT * FROM {found}{where})", list(given.values()))

    def _fitting(self, condition: str, source: str) -> str:
        """Return the query for what fits one condition."""
        text = in_sql(condition, self._names, self._label_type) or condition
        where = checked(self._connection, text, self._names)
        if where.labels:
            labels = {
                label_column(number): (name, self._label_type(name))
                for number, name in enumerate(where.labels)
            }
            source = self._reading_labels.added_to(source, labels)
        columns = ", ".join(map(quoted, self._names.columns))
        return f"(SELECT {columns} FROM {source} WHERE ({where.sql}))"

    @cached_property
    def _reading_labels(self) -> Labels:
        def ask(sql: str) -> list[tuple[Any, ...]]:
            return self._connection.execute(sql).fetchall()

        return labels_of(ask, self._source.sql, self._objects)

    # -- rows one by one --------------------------------------------------------------------------

    def _plain(self) -> Result:
        known = self._names.columns
        names = self._selection.columns or list(known)
        expressions = [f"{self._value(name)} AS c{at}" for at, name in enumerate(names)]
        sql = f"SELECT {', '.join(expressions)} FROM {self._found} ORDER BY {self._order()}"
        total = self._figures(self._source.figures, self._found, is_split=False)
        return Result(tuple(names), self._rows(sql, len(names)), total)

    def _order(self) -> str:
        sort = self._selection.sort or self._source.order
        ids = ", ".join(self._source.ids)
        return f"{self._value(sort.removeprefix('-'))} {_direction(sort)}, {ids}"

    def _value(self, name: str) -> str:
        """Return the expression for a column or label."""
        if name in self._names.columns:
            return quoted(name)
        if self._names.has_label(name):
            return self._label_value(name)
        raise self._names.unknown(name)

    # -- groups -----------------------------------------------------------------------------------

    def _groups(self) -> Result:
        keys, kind = self._selection.group_by, self._part()
        known = self._source.figures if kind is None else figures.OF_PARTS
        found = self._found if kind is None else f"({figures.split(self._found, kind)})"
        everything = found if kind is None else f"({figures.whole(self._found, kind)})"
        names = self._selection.columns or list(known)
        sort = self._selection.sort or keys[0]
        expressions = {**known, **{name: self._key(name, kind) for name in keys}}
        for name in (*names, sort.removeprefix("-")):
            if name not in expressions:
                raise no_such(name, expressions)
        shown = [*keys, *(name for name in names if name not in keys)]
        select = [f"{expressions[name]} AS c{at}" for at, name in enumerate(shown)]
        select += figures.AVERAGED[kind is not None]
        select.append(f"{expressions[sort.removeprefix('-')]} AS sort")
        order = [f"sort {_direction(sort)}", *(f"c{at} NULLS LAST" for at in range(len(keys)))]
        by = ", ".join(str(at + 1) for at in range(len(keys)))
        total = self._figures(known, everything, is_split=kind is not None)
        rows = self._rows(
            f"SELECT * FROM (SELECT {', '.join(select)} FROM {found} GROUP BY {by})"
            f" ORDER BY {', '.join(order)}",
            len(shown) + 2,
        )
        return Result(tuple(shown), (_averaged(shown, row) for row in rows), total)

    def _part(self) -> str | None:
        """Return the key by which sessions are split; ``None``: they are not."""
        known = self._names.columns
        parts = [name for name in self._selection.group_by if name in PARTS and name not in known]
        if parts and self._selection.by != "session":
            message = f"traces cannot be grouped by {parts[0]}: group sessions or calls"
            raise HistoryError(message)
        if len(parts) > 1:
            message = f"sessions can be split by one of {', '.join(PARTS)}, not by several"
            raise HistoryError(message)
        return parts[0] if parts else None

    def _key(self, name: str, kind: str | None) -> str:
        """Return the expression for a key, as a text."""
        if name == kind:
            return "part_name"
        columns = self._names.columns
        if name in columns and columns[name].type in _KEYS:
            return f"{quoted(name)}::VARCHAR"
        if name not in columns and self._names.has_label(name):
            return label_text(self._objects, name)
        known = [one for one, column in columns.items() if column.type in _KEYS]
        parts = PARTS if self._selection.by == "session" else ()
        raise no_such(name, dict.fromkeys([*known, *parts, *self._names.labels]), "key to group by")

    # -- both -------------------------------------------------------------------------------------

    def _figures(
        self, known: Mapping[str, str], found: str, *, is_split: bool
    ) -> Mapping[str, Value]:
        names = list(known)
        expressions = ", ".join([*known.values(), *figures.AVERAGED[is_split]])
        [row] = self._connection.execute(
            f"SELECT {expressions} FROM {found}", self._parameters
        ).fetchall()
        return dict(zip(names, _averaged(names, row), strict=True))

    def _rows(self, sql: str, width: int) -> Iterator[tuple[Value, ...]]:
        """Run the last query; return its rows as they are read."""
        limit = self._selection.limit
        sql += "" if limit is None else f" LIMIT {limit:d}"
        with time_limit(self._connection, self._seconds):
            self._connection.execute(sql, self._parameters)
        return _read(self._connection, width, self._seconds)


def _read(rows: Connection, width: int, seconds: float) -> Iterator[tuple[Value, ...]]:
    for row in read(rows, seconds):
        yield tuple(map(_shown, row[:width]))


def _shown(value: Any) -> Value:
    if isinstance(value, datetime):
        return value.replace(tzinfo=timezone.utc)
    return tuple(value) if isinstance(value, list) else value


def _direction(sort: str) -> str:
    return f"{'DESC' if sort.startswith('-') else 'ASC'} NULLS LAST"


def _averaged(names: Sequence[str], row: Sequence[Any]) -> tuple[Value, ...]:
    """Return the figures of a row, with the average of what is behind them, rounded once."""
    *values, total, number = row
    if figures.AVERAGE in names:
        share = float(Fraction(total) / number) if number else None
        values[names.index(figures.AVERAGE)] = share
    return tuple(values)
