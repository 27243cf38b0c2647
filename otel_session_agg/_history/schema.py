"""What is in a file: the tables of users, the parts of sessions, and the version of all that.

============  ====================================================================================
``parts``     what one trace adds to one session, encoded; a session is what its parts add up to
``stale``     sessions with parts that are not in ``sessions`` yet
``labels``    names and types of what sessions and traces are grouped by beside columns
``forgotten`` the time before which sessions are forgotten, also those that come later
``versions``  the versions that the file has had; the last one is that of the file
============  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from otel_session_agg._history.columns import Column, Table, literal, quoted
from otel_session_agg._history.database import Connection, HistoryError, transaction
from otel_session_agg._history.labels import CREATE_LABELS, note_all_labels
from otel_session_agg._history.retention import CREATE_FORGOTTEN
from otel_session_agg._history.rollup_tables import NAMES_OF_PARTS, SESSIONS
from otel_session_agg._history.span_tables import CALLS
from otel_session_agg._history.tables import SESSION_PARTS, TABLES
from otel_session_agg._model.breakdown import NONE, OTHER

INTERNAL = "internal"
"""The schema with the tables that are no user's business."""

_ROWS = 1_000_000
"""Rows of a large table that are changed at once."""


def _create(connection: Connection) -> None:
    """Create all tables."""
    for table in (*TABLES, SESSION_PARTS):
        _create_documented(connection, table)
    connection.execute("CREATE TABLE internal.stale (session VARCHAR)")
    connection.execute(CREATE_LABELS)
    connection.execute(CREATE_FORGOTTEN)


def _add_labels(connection: Connection) -> None:
    """Give calls the user and the dimensions of their traces, and note all labels."""
    if _has_column(connection, CALLS.name, "dimensions"):
        return
    connection.execute("ALTER TABLE calls RENAME TO calls_before")
    _create_documented(connection, CALLS)
    ours = {"user", "dimensions"}
    names = [quoted(column.name) for column in CALLS.stored if column.name not in ours]
    [(number,)] = connection.execute(
        "SELECT coalesce(max(rowid), -1) + 1 FROM calls_before"
    ).fetchall()
    for first in range(0, number, _ROWS):
        connection.execute(
            f'INSERT INTO calls ({", ".join(names)}, "user", dimensions)'
            f' SELECT {", ".join(f"before.{name}" for name in names)}, of."user", of.dimensions'
            " FROM (SELECT rowid AS place, * FROM calls_before WHERE rowid >= ? AND rowid < ?)"
            " AS before LEFT JOIN traces AS of USING (trace_id) ORDER BY place",
            [first, first + _ROWS],
        )
    connection.execute("DROP TABLE calls_before")
    connection.execute(CREATE_LABELS)
    note_all_labels(connection)


def _add_forgotten(connection: Connection) -> None:
    """Make room for the time before which sessions are forgotten."""
    connection.execute(CREATE_FORGOTTEN)


def _add_names_of_parts(connection: Connection) -> None:
    """Give sessions the names of their agents and tools."""
    for column in NAMES_OF_PARTS:
        if _has_column(connection, SESSIONS.name, column.name):
            continue
        connection.execute(f"ALTER TABLE sessions ADD COLUMN {_declared(column)}")
        _comment(connection, SESSIONS, column)
        connection.execute(
            f"UPDATE sessions SET {column.name} = coalesce((SELECT list(name ORDER BY name)"
            " FROM breakdown WHERE breakdown.session = sessions.session AND kind = ?"
            " AND name NOT IN (?, ?)), [])",
            [column.name.removesuffix("s"), NONE, OTHER],
        )


def _has_column(connection: Connection, table: str, name: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM information_schema.columns WHERE table_name = ? AND column_name = ?",
        [table, name],
    ).fetchall()
    return bool(found)


def _create_documented(connection: Connection, table: Table) -> None:
    connection.execute(create_table(table))
    connection.execute(f"COMMENT ON TABLE {table.name} IS {literal(table.meaning)}")
    for column in table.columns:
        _comment(connection, table, column)


def _comment(connection: Connection, table: Table, column: Column) -> None:
    name = f"{table.name}.{quoted(column.name)}"
    connection.execute(f"COMMENT ON COLUMN {name} IS {literal(column.meaning)}")


MIGRATIONS: Sequence[Callable[[Connection], None]] = (
    _create,
    _add_labels,
    _add_forgotten,
    _add_names_of_parts,
)
"""What makes a file of each version one of the next; the first makes one of an empty file.

The first creates what is declared now: what a later one adds may be there already.
"""


def create_table(table: Table) -> str:
    """Return the statement that creates a table."""
    return f"CREATE TABLE {table.name} ({', '.join(map(_declared, table.columns))})"


def _declared(column: Column) -> str:
    derived = f" GENERATED ALWAYS AS ({column.derived}) VIRTUAL" if column.derived else ""
    return f"{quoted(column.name)} {column.type.value.sql}{derived}"


def migrate(
    connection: Connection,
    migrations: Sequence[Callable[[Connection], None]] = MIGRATIONS,
) -> None:
    """Bring a file to the version of this program, in one transaction.

    Raises:
        HistoryError: it is another program's, or of a newer version.

    """
    version = version_of(connection)
    check_version(version, len(migrations))
    if version == len(migrations):
        return
    with transaction(connection):
        if not version:
            connection.execute("CREATE SCHEMA internal")
            connection.execute("CREATE TABLE internal.versions (version INTEGER)")
        for number, change in enumerate(migrations[version:], start=version + 1):
            change(connection)
            connection.execute("INSERT INTO internal.versions VALUES (?)", [number])


def check_version(version: int, known: int = len(MIGRATIONS)) -> None:
    """Raise a `HistoryError` if a file is of a newer version."""
    if version > known:
        message = (
            f"the history is of a newer version ({version}) of this program, which reads up to"
            f" {known}: upgrade otel-session-agg"
        )
        raise HistoryError(message)


def version_of(connection: Connection) -> int:
    """Return the version of a file; 0: there is nothing in it.

    Raises:
        HistoryError: it is another program's.

    """
    found = {
        f"{schema}.{name}"
        for schema, name in connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
        ).fetchall()
    }
    if f"{INTERNAL}.versions" not in found:
        if found:
            message = "the history cannot be used: it has tables of another program"
            raise HistoryError(message)
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM internal.versions").fetchone()
    return int(row[0]) if row else 0
