"""Run a query that a user wrote: on a connection that reads one file, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from otel_session_agg._extras import needed
from otel_session_agg._history.database import Connection, HistoryError, described, time_limit
from otel_session_agg._untrusted.values import encodable

TIME_LIMIT_SECONDS = 60.0
_ROWS = 1000
"""Rows that are read at once."""


class Answer(NamedTuple):
    """What a query has found."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    """Read as they are asked for; values as DuckDB's Python client has them."""


def answer(connection: Connection, sql: str, seconds: float = TIME_LIMIT_SECONDS) -> Answer:
    """Return what a query finds.

    Args:
        connection: A connection that cannot write, which is closed after the last row.
        sql: One query.
        seconds: For the first row, and again for every thousand.

    Raises:
        HistoryError: it is no query, or has an error, or takes too long; reading the rows may
            raise it, too.

    """
    types = needed("duckdb", "replay").StatementType
    with described("the query cannot be run"), time_limit(connection, seconds):
        statements = connection.extract_statements(encodable(sql))
        if len(statements) != 1 or statements[0].type not in {types.SELECT, types.EXPLAIN}:
            message = "one query is needed: SELECT, WITH, FROM, SHOW, DESCRIBE or EXPLAIN"
            raise HistoryError(message)
        connection.execute(statements[0])
        columns = tuple(str(column[0]) for column in connection.description or ())
    return Answer(columns, read(connection, seconds))


def read(connection: Connection, seconds: float) -> Iterator[tuple[Any, ...]]:
    """Return the rows of the query that runs on a connection; close it after the last one."""
    while True:
        with described("the rows cannot be read"), time_limit(connection, seconds):
            some = connection.fetchmany(_ROWS)
        if not some:
            connection.close()
            return
        yield from some
