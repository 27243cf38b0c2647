"""Labels: what sessions are grouped by beside the columns, by name.

They are the dimensions of a session, else its metadata: ``plan`` and ``metadata.plan`` are the
same.  Their values have the type that they were stated with, as far as all of a name have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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


def label_text(columns: list[str], name: str) -> str:
    """Return the expression for a label as a text."""
    return _first_of(f"json_extract_string({column}, {_path(name)})" for column in columns)


def label_value(columns: list[str], name: str, kind: ColumnType) -> str:
    """Return the expression for a label with its type."""
    text = label_text(columns, name)
    return text if kind is ColumnType.TEXT else f"TRY_CAST({text} AS {kind.value.sql})"


def _first_of(expressions: Iterator[str]) -> str:
    return f"coalesce({', '.join(expressions)}, NULL)"


def _path(name: str) -> str:
    """Return where a label is in an object."""
    key = name.removeprefix(METADATA_PREFIX).replace("\\", "\\\\").replace('"', '\\"')
    return literal(f'$."{key}"')
