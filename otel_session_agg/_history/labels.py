"""Labels: what sessions are grouped by beside the columns, by name.

They are the dimensions of a session, else its metadata: ``plan`` and ``metadata.plan`` are the
same.  Their values have the type that they were stated with, as far as all of a name have one.
"""

from __future__ import annotations

from collections.abc import Iterator

from otel_session_agg._history.columns import ColumnType, literal
from otel_session_agg._history.database import Connection
from otel_session_agg.attributes import METADATA_PREFIX

OBJECTS = ("dimensions", "metadata")
"""The columns that have labels; of a name in both, the first one counts."""

_WHOLE = frozenset({"BIGINT", "UBIGINT", "HUGEINT"})


def label_names(connection: Connection, source: str, columns: list[str]) -> list[str]:
    """Return the names of all labels that rows have, sorted."""
    keys = " UNION ".join(f"SELECT unnest(json_keys({column})) FROM {source}" for column in columns)
    return sorted(name for (name,) in connection.execute(keys).fetchall()) if columns else []


def label_type(connection: Connection, source: str, columns: list[str], name: str) -> ColumnType:
    """Return the type of all values of a label: a number, a flag, or else a text."""
    value = _first_of(f"json_extract({column}, {_path(name)})" for column in columns)
    rows = connection.execute(f"SELECT DISTINCT json_type({value}) FROM {source}").fetchall()
    found = {kind for (kind,) in rows if kind not in {None, "NULL"}}
    if found and found <= _WHOLE:
        return ColumnType.COUNT
    if found and found <= {*_WHOLE, "DOUBLE"}:
        return ColumnType.NUMBER
    return ColumnType.FLAG if found == {"BOOLEAN"} else ColumnType.TEXT


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
