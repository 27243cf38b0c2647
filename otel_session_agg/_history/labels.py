"""Labels: what sessions are grouped by beside the columns, by name.

They are the dimensions of a session, else its metadata: ``plan`` and ``metadata.plan`` are the
same.  Their values have the type that they were stated with, as far as all of a name have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._history.columns import ColumnType, literal
from otel_session_agg._history.database import Connection
from otel_session_agg._history.rollup_tables import SESSIONS, TRACES
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg.attributes import METADATA_PREFIX

OBJECTS = ("dimensions", "metadata")
"""The columns that have labels; of a name in both, the first one counts."""

_WHOLE = frozenset({"BIGINT", "UBIGINT", "HUGEINT"})
_PLAIN = {float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR", type(None): "NULL"}
_TYPES = _WHOLE.union(_PLAIN.values())
"""Types of values as DuckDB names them in JSON."""
_MAX_INT, _MANY_DIGITS = 2**63 - 1, "many digits"

CREATE_LABELS = """
CREATE TABLE internal.labels (table_name VARCHAR, name VARCHAR, value_type VARCHAR)
"""
"""The labels that rows of a table have, or had: each type of its values has a row."""

_NOTE = """
INSERT INTO internal.labels
WITH forms AS (SELECT DISTINCT json_structure({column}) AS form FROM {rows}),
named AS (SELECT form, unnest(json_keys(form)) AS name FROM forms)
SELECT DISTINCT {table}, name,
       json_extract_string(form, '/' || replace(replace(name, '~', '~0'), '/', '~1'))
FROM named
EXCEPT SELECT * FROM internal.labels
"""


def note_labels(connection: Connection, table: str, objects: Iterable[str]) -> None:
    """Note the labels of some rows.

    Args:
        connection: Is in a transaction that writes.
        table: The name of the table that they are rows of.
        objects: What they have in columns with labels, in JSON.

    """
    found = {(table, name, _type_of(value)) for text in objects for name, value in _read(text)}
    new = found.difference(connection.execute("SELECT * FROM internal.labels").fetchall())
    if new:
        connection.executemany("INSERT INTO internal.labels VALUES (?, ?, ?)", sorted(new))


def _read(text: str) -> Iterable[tuple[str, object]]:
    try:
        value = loaded(text)
    except ValueError:
        return ()
    return value.items() if isinstance(value, dict) else ()


def _type_of(value: object) -> str:
    """Return the type of a value as DuckDB names it in JSON, where it is a plain one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _MANY_DIGITS if abs(value) > _MAX_INT else "UBIGINT" if value >= 0 else "BIGINT"
    return _PLAIN.get(type(value), "JSON")


def note_all_labels(connection: Connection) -> None:
    """Note the labels that there are, and no others."""
    connection.execute("DELETE FROM internal.labels")
    for table in (SESSIONS, TRACES):
        for name in OBJECTS:
            if name in table.by_name:
                given = {"table": literal(table.name), "rows": table.name, "column": name}
                connection.execute(_NOTE.format(**given))


def label_names(connection: Connection, table: str) -> list[str]:
    """Return the names of all labels of a table, sorted."""
    found = connection.execute(
        "SELECT DISTINCT name FROM internal.labels WHERE table_name = ?", [table]
    )
    return sorted(name for (name,) in found.fetchall())


def label_type(
    connection: Connection, table: str, source: str, columns: list[str], name: str
) -> ColumnType:
    """Return the type of all values of a label: a number, a flag, or else a text.

    Rows that are gone may have had others: where several are noted, or one that is not plain, it is
    looked at all rows.
    """
    key = name.removeprefix(METADATA_PREFIX)
    rows = connection.execute(
        "SELECT value_type FROM internal.labels WHERE table_name = ? AND name = ?", [table, key]
    ).fetchall()
    found = {kind for (kind,) in rows} - {"NULL"}
    if not found <= _TYPES or (len(found) > 1 and not found <= _WHOLE):
        found = _types_in_rows(connection, source, columns, name)
    if found and found <= _WHOLE:
        return ColumnType.COUNT
    if found and found <= {*_WHOLE, "DOUBLE"}:
        return ColumnType.NUMBER
    return ColumnType.FLAG if found == {"BOOLEAN"} else ColumnType.TEXT


def _types_in_rows(connection: Connection, source: str, columns: list[str], name: str) -> set[str]:
    value = _first_of(f"json_extract({column}, {_path(name)})" for column in columns)
    rows = connection.execute(f"SELECT DISTINCT json_type({value}) FROM {source}").fetchall()
    return {kind for (kind,) in rows if kind not in {None, "NULL"}}


def label_text(columns: Sequence[str], name: str) -> str:
    """Return the expression for a label as a text."""
    return _first_of(_text_in(column, name) for column in columns)


def label_value(columns: Sequence[str], name: str, kind: ColumnType) -> str:
    """Return the expression for a label with its type."""
    return _typed(label_text(columns, name), kind)


def _text_in(column: str, name: str) -> str:
    return f"json_extract_string({column}, {_path(name)})"


def _typed(text: str, kind: ColumnType) -> str:
    return text if kind is ColumnType.TEXT else f"TRY_CAST({text} AS {kind.value.sql})"


# -- labels of many rows ---------------------------------------------------------------------------

_SHARED = "dimensions"
"""The column that is the same in many rows: those of a service have few different ones."""
_ROWS_OF_FEW = 50
"""So many rows have the same dimensions on average where there are few; below, it is no faster."""
_SAMPLED = 200_000
"""Rows of which it is found out whether they have few different dimensions."""
_DISTINCT = f"""
SELECT count(DISTINCT {_SHARED}), count(*)
FROM (SELECT {_SHARED} FROM {{rows}} TABLESAMPLE system({{share}}%))
"""
_OF_FEW = f"""
SELECT stated, {{values}} FROM (SELECT DISTINCT {_SHARED} AS stated FROM {{rows}}) GROUP BY stated
"""
"""Values are aggregates, though of one row each: a condition on them is then not met before rows
with the same dimensions are put together, which would read every row."""


class Labels(NamedTuple):
    """How labels are read from many rows of a table."""

    rows: str
    """The table, or a query in brackets for its rows."""
    columns: Sequence[str]
    """Those of ``OBJECTS`` that it has."""
    has_few: bool
    """Whether many rows have the same dimensions, so that each of these is read once."""

    def added_to(self, source: str, labels: Mapping[str, tuple[str, ColumnType]]) -> str:
        """Return the query for some of the rows with labels as further columns.

        ``labels``: by the name of the column, that of the label, and its type.
        """
        if not labels:
            return source
        if not self.has_few:
            added = (f"{label_value(self.columns, *of)} AS {name}" for name, of in labels.items())
            return f"(SELECT *, {', '.join(added)} FROM {source})"
        others = [column for column in self.columns if column != _SHARED]
        values, added_ = [], []
        for name, (label, kind) in labels.items():
            values.append(f"any_value({_text_in('stated', label)}) AS {name}_shared")
            texts = [f"{name}_shared", *(_text_in(column, label) for column in others)]
            added_.append(f"{_typed(_first_of(iter(texts)), kind)} AS {name}")
        few = _OF_FEW.format(values=", ".join(values), rows=self.rows)
        return (
            f"(SELECT found.*, {', '.join(added_)} FROM {source} AS found"
            f" LEFT JOIN ({few}) AS few ON found.{_SHARED} = few.stated)"
        )


def labels_of(
    ask: Callable[[str], Sequence[tuple[Any, ...]]], rows: str, columns: Sequence[str]
) -> Labels:
    """Return how labels are read from a table; ``ask``: returns the rows of a query."""
    [(number,)] = ask(f"SELECT count(*) FROM {rows}")
    share = round(min(100.0 * _SAMPLED / max(number, 1), 100.0), 6)
    [(distinct, sampled)] = ask(_DISTINCT.format(rows=rows, share=share))
    return Labels(rows, columns, bool(distinct * _ROWS_OF_FEW <= sampled))


def _first_of(expressions: Iterator[str]) -> str:
    return f"coalesce({', '.join(expressions)}, NULL)"


def _path(name: str) -> str:
    """Return where a label is in an object, as a pointer, which any name can be in."""
    key = name.removeprefix(METADATA_PREFIX).replace("~", "~0").replace("/", "~1")
    return literal(f"/{key}")
