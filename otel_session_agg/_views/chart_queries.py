"""The query of a chart: rows become groups, the smaller groups become ``other``, all over time.

Aggregations that can be put together are worked out for every group once; quantiles need the rows
again, so that those of ``other`` are quantiles of its rows and not of its groups.  Where many rows
have few different dimensions, rows with the same are put together before one is read from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg._history.columns import ColumnType, naive
from otel_session_agg._history.expressions import no_such
from otel_session_agg._history.labels import OBJECTS, Labels, labels_of
from otel_session_agg._history.sources import Selection
from otel_session_agg._views.measures import (
    FOLDS,
    OF_PARTS,
    PARTS,
    REFOLDS,
    SCOPES,
    Aggregation,
    Metric,
    Scope,
    key_of,
)
from otel_session_agg._views.names import Names, names_of
from otel_session_agg._views.reads import Reads

__all__ = [
    "Cell",
    "Rows",
    "Shape",
    "check_key",
    "counted_rows",
    "grouped",
    "keyed_rows",
    "keys_of",
    "rows_of",
]

_OF_PARTS = """
(SELECT parts.* FROM main.breakdown AS parts SEMI JOIN {found} AS found USING (session)
 WHERE parts.kind = '{kind}')
"""
_ALL_PARTS = "(SELECT * FROM main.breakdown WHERE kind = '{kind}')"
"""They begin when their session does."""
_ROWS = """
SELECT {bucket} AS bucket, {key} AS key, {value} AS value, {partial} AS part FROM {source}{sample}
WHERE {rows}
"""
_FOLDED = """
WITH rows AS ({rows}),
cells AS MATERIALIZED ({cells}),
ranked AS (
    SELECT key, row_number() OVER (ORDER BY {rank} DESC NULLS LAST, key NULLS LAST) AS place
    FROM cells GROUP BY key
),
shown AS (
    SELECT cells.*, least(place, ? + 1) AS place, CASE WHEN place <= ? THEN cells.key END AS name
    FROM cells JOIN ranked ON cells.key IS NOT DISTINCT FROM ranked.key
)
SELECT place, name, bucket, {figure}, coalesce(sum(n), 0)::BIGINT,
       coalesce(sum(unknown), 0)::BIGINT, coalesce(sum(partial), 0)::BIGINT,
       count(DISTINCT {distinct}), grouping(place), grouping(bucket)
FROM shown GROUP BY GROUPING SETS ((place, name, bucket), (place, name), (bucket), ())
ORDER BY place, bucket
"""
_CELLS = """
SELECT bucket, key, count(*) AS n, count(*) FILTER (value IS NULL) AS unknown,
       count(*) FILTER (part AND value IS NOT NULL) AS partial, {folds}
FROM rows GROUP BY bucket, key
"""
_CELLS_OF_LABELS = """
SELECT bucket, {label} AS key, sum(n) AS n, sum(unknown) AS unknown, sum(partial) AS partial,
       {refolds}
FROM ({cells}) AS cells(bucket, dimensions, n, unknown, partial, s, c, low, high)
GROUP BY bucket, key
"""
_OF_ROWS = """
WITH rows AS MATERIALIZED ({rows}),
ranked AS (
    SELECT key, row_number() OVER (ORDER BY count(*) DESC, key NULLS LAST) AS place
    FROM rows GROUP BY key
),
shown AS (
    SELECT rows.*, least(place, ? + 1) AS place, CASE WHEN place <= ? THEN rows.key END AS name
    FROM rows JOIN ranked ON rows.key IS NOT DISTINCT FROM ranked.key
)
SELECT place, name, bucket, {figure}, count(*), count(*) FILTER (value IS NULL),
       count(*) FILTER (part AND value IS NOT NULL), count(DISTINCT {distinct}), grouping(place),
       grouping(bucket)
FROM shown GROUP BY GROUPING SETS ((place, name, bucket), (place, name), (bucket), ())
ORDER BY place, bucket
"""


_HAS_KEY = "SELECT count(*) > 0 FROM (SELECT 1 FROM {table} WHERE {key} IS NOT NULL LIMIT 1)"
_HAS_ROWS = "SELECT count(*) > 0 FROM (SELECT 1 FROM {table} LIMIT 1)"
_LABEL = "label_of_key"
"""The column that `keyed_rows` adds."""
_DISTINCT = "coalesce('=' || key, '')"
"""A key as a text that is never NULL, so that what has none is counted, too."""


class Cell(NamedTuple):
    """The figure of a group in a time."""

    place: int | None
    """Of the group: 1 is the first, one more than are shown are all others."""
    name: str | None
    start: datetime | None
    value: Decimal | float | int | None
    rows: int
    unknown: int
    """Rows without the figure."""
    partial: int
    """Rows with a part of it."""
    keys: int
    """Groups in it."""
    of_all: int
    """1: it is of all groups."""
    of_all_time: int
    """1: it is of all time."""


class Rows(NamedTuple):
    """The rows of a chart, as a query that lacks the time they are put into and the metric."""

    source: str
    """A table or a query in parentheses."""
    parameters: Sequence[object]
    key: str
    condition: str
    is_split: bool = False
    """Whether they are parts of sessions."""
    label: str | None = None
    """The expression for a key that is read from ``dimensions``, of which there are few: ``key`` is
    that column then."""

    def metric(self, scope: Scope, name: str) -> Metric | None:
        """Return a metric that they have; ``None``: they have none of the name."""
        return (OF_PARTS if self.is_split else scope.metrics).get(name)


class Shape(NamedTuple):
    """What is made of rows."""

    metric: Metric
    aggregation: Aggregation
    period: str | None
    """As ``date_trunc`` has it; ``None``: all time is one."""
    top: int
    """Groups that are shown by name."""
    percent: float | None = None
    """Of the rows, those that are read; ``None``: all."""


def keys_of(scope: Scope, names: Names) -> Sequence[str]:
    """Return what rows of a scope can be grouped by; ``names``: those of their history."""
    if scope.by == "session":
        return list(dict.fromkeys([*names.groups, *scope.columns]))
    labels = [
        name
        for name in names.groups
        if name not in PARTS and name != "user" and not name.startswith("metadata.")
    ]
    return [*scope.columns, *(labels if scope.has_dimensions else ())]


def check_key(history: Reads, scope: Scope, key: str) -> None:
    """Raise `SessionAggError` if no row of a scope can have a value for a key of groups.

    A history without any row knows no dimensions, so that each may come.
    """
    if key in scope.columns or (scope.by == "session" and key in PARTS):
        return
    expression = key_of(scope, key)
    table = SCOPES["sessions" if scope.by == "session" else "traces"].table
    [(is_known,)] = history.rows(_HAS_KEY.format(table=table, key=expression))
    [(has_rows,)] = history.rows(_HAS_ROWS.format(table=table))
    if has_rows and not is_known:
        raise no_such(key, keys_of(scope, names_of(history)), "key to group by")


def rows_of(
    history: Reads, scope: Scope, wanted: Selection, of_sessions: Sequence[str], key: str | None
) -> Rows:
    """Return the rows of a scope that meet conditions.

    Args:
        history: What is read.
        scope: What rows are.
        wanted: Conditions on rows, and their time.
        of_sessions: Conditions on the sessions that rows belong to.
        key: What groups are made by; ``None``: all are one.

    """
    is_session = scope.by == "session"
    if is_session and of_sessions:
        wanted = wanted._replace(where=[*wanted.conditions, *of_sessions])
    is_split = is_session and key in PARTS
    is_plain = key is None or key in scope.columns
    if wanted.conditions or not ((is_plain and scope.is_large) or is_split):
        found = history.filtered(wanted)
        source, parameters = found.sql, list[object](found.parameters)
        condition = scope.rows
        if is_split:
            source = _OF_PARTS.format(found=source, kind=key)
    else:  # without what conditions and other keys need
        times = {"start_time >= ?": wanted.since, "start_time < ?": wanted.until}
        known = {text: naive(time) for text, time in times.items() if time is not None}
        source, parameters = scope.table, [*known.values()]
        condition = " AND ".join([scope.rows, *known])
        if is_split:
            source = _ALL_PARTS.format(kind=key)
    if of_sessions and not is_session:
        sessions = history.filtered(Selection("session", where=of_sessions))
        condition += f" AND session IN (SELECT session FROM {sessions.sql})"
        parameters += sessions.parameters
    if key is None or is_split:
        by = "NULL::VARCHAR" if key is None else "name"
        return Rows(source, parameters, by, condition, is_split)
    is_label = key not in scope.columns
    if is_label and scope.is_large and _labels_of(history, scope).has_few:
        return Rows(source, parameters, "dimensions", condition, label=key_of(scope, key))
    source, by = keyed_rows(history, scope, source, key)
    return Rows(source, parameters, by, condition)


def keyed_rows(history: Reads, scope: Scope, source: str, key: str) -> tuple[str, str]:
    """Return some rows of a scope with what a key is read from, and the expression for the key."""
    expression = key_of(scope, key)
    if key in scope.columns:
        return source, expression
    labels = _labels_of(history, scope)
    return labels.added_to(source, {_LABEL: (key, ColumnType.TEXT)}), _LABEL


def _labels_of(history: Reads, scope: Scope) -> Labels:
    columns = OBJECTS if scope.by == "session" else OBJECTS[:1]
    return labels_of(history.rows, scope.table, columns)


def counted_rows(history: Reads, rows: Rows) -> int:
    """Return how many rows there are."""
    sql = f"SELECT count(*) FROM {rows.source} WHERE {rows.condition}"
    [(number,)] = history.rows(sql, rows.parameters)
    return int(number)


def grouped(history: Reads, rows: Rows, shape: Shape) -> list[Cell]:
    """Return figures by group and time, also over all groups and over all time."""
    period, aggregation = shape.period, shape.aggregation
    is_of_rows = aggregation.folded is None
    sample = "" if shape.percent is None else f" TABLESAMPLE system({round(shape.percent, 6)}%)"
    sql = _ROWS.format(
        bucket="NULL::TIMESTAMP" if period is None else f"date_trunc('{period}', start_time)",
        key=rows.label if is_of_rows and rows.label is not None else rows.key,
        value=shape.metric.sql,
        partial=shape.metric.is_partial,
        source=rows.source,
        sample=sample,
        rows=rows.condition,
    )
    if aggregation.folded is None:
        sql = _OF_ROWS.format(rows=sql, figure=aggregation.sql, distinct=_DISTINCT)
    else:
        rank = aggregation.folded if aggregation.is_additive else "sum(n)"
        cells = _CELLS.format(folds=FOLDS)
        if rows.label is not None:
            cells = _CELLS_OF_LABELS.format(label=rows.label, refolds=REFOLDS, cells=cells)
        sql = _FOLDED.format(
            rows=sql, cells=cells, figure=aggregation.folded, rank=rank, distinct=_DISTINCT
        )
    return [Cell(*row) for row in history.rows(sql, [*rows.parameters, shape.top, shape.top])]
