"""Queries of users find what is there, and reach nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.tables import TABLES
from tests.support.histories import kept, many


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A history in a file, opened to be read, with little memory."""
    path = tmp_path_factory.mktemp("history") / "h"
    kept(path, many(20, 5)).close()
    with History(path, read_only=True, memory_limit="100MB", threads=1) as made:
        yield made


class TestAnswers:
    """What queries find."""

    @pytest.mark.parametrize(
        ("sql", "columns", "rows"),
        [
            ("SELECT count(*) AS n, sum(traces) FROM sessions", ("n", "sum(traces)"), [(5, 20)]),
            ("WITH a AS (FROM sessions) SELECT 1 FROM a LIMIT 1;", ("1",), [(1,)]),
            ("FROM (VALUES (1, 'a')) AS t(x, y)", ("x", "y"), [(1, "a")]),
            ("SELECT session FROM sessions WHERE false", ("session",), []),
            ("SELECT trace_id FROM calls JOIN traces USING (trace_id) WHERE counts AND spans = 0", ("trace_id",), []),
        ],
    )
    def test_rows(self, history: History, sql: str, columns: tuple[str, ...], rows: list[object]) -> None:
        """Columns and rows."""
        found = history.query(sql)
        assert (columns, rows) == (found.columns, list(found.rows))

    def test_documented(self, history: History) -> None:
        """Tables and columns say what they are."""
        for table in TABLES:
            comments = history.query(f"SELECT column_name, comment FROM duckdb_columns() WHERE table_name = '{table.name}'")  # noqa: S608
            assert {column.name: column.meaning for column in table.columns} == dict(comments.rows)
        assert {table.name for table in TABLES} == {name for (name,) in history.query("SHOW TABLES").rows}

    def test_streams(self, history: History) -> None:
        """Rows are read as they are asked for, and others meanwhile."""
        rows = history.query("SELECT * FROM range(1000000000000)").rows
        assert [(0,), (1,)] == [next(rows), next(rows)]
        assert [(5,)] == list(history.query("SELECT count(*) FROM sessions").rows)
        assert (2,) == next(rows)


class TestRefused:
    """What queries cannot do."""

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT 1; SELECT 2",
            "DROP TABLE sessions",
            "DELETE FROM sessions",
            "CREATE TEMP TABLE t (a INTEGER)",
            "COPY sessions TO '/tmp/x.csv'",
            "ATTACH '/tmp/x.db'",
            "SET memory_limit = '9GB'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "EXPORT DATABASE '/tmp/x'",
            "BEGIN; DROP TABLE sessions; COMMIT",
            "CALL pragma_version()",
            "",
            ";",
        ],
    )
    def test_no_query(self, history: History, sql: str) -> None:
        """Only one query is run."""
        with pytest.raises(HistoryError, match="one query is needed"):
            history.query(sql)

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM read_csv('/etc/passwd')",
            "SELECT * FROM '/etc/passwd'",
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT * FROM glob('/*')",
            "SELECT * FROM read_parquet('https://example.com/x.parquet')",
            "SELECT * FROM sqlite_scan('/tmp/x', 't')",
            "SELECT getenv('HOME')",
            "SELECT nope FROM sessions",
            "SELECT",
            "SELECT 'a\ud800'; SELECT",
        ],
    )
    def test_errors(self, history: History, sql: str) -> None:
        """Other files, the network and the environment are out of reach."""
        with pytest.raises(HistoryError, match="the query cannot be run: "):
            history.query(sql)

    def test_locked(self, history: History, tmp_path: Path) -> None:
        """The locks hold even for what would be run unchecked, and cannot be taken off."""
        connection = history._reader().cursor()
        for sql in (
            f"COPY sessions TO '{tmp_path / 'x'}'",
            f"ATTACH '{tmp_path / 'x'}'",
            "SET enable_external_access = true",
            "SET memory_limit = '9GB'",
            "RESET lock_configuration",
            "LOAD httpfs",
            "DELETE FROM sessions",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(sql)
        assert [] == list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT count(*) FROM range(1000000000000)",
            "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT count(*) FROM r",
            "SELECT count(*) FROM spans a, spans b, spans c, calls d, calls e, calls f WHERE hash(a, b, c, d, e, f) = 1",
            "SELECT * FROM range(1000000000000) WHERE range < 0",
        ],
    )
    def test_time(self, history: History, sql: str) -> None:
        """What takes too long is stopped, and the next query works."""
        with pytest.raises(HistoryError, match=r"longer than 0\.2 seconds"):
            list(history.query(sql, 0.2).rows)
        assert [(1,)] == list(history.query("SELECT 1").rows)

    def test_memory(self, history: History) -> None:
        """What does not fit into memory is an error."""
        with pytest.raises(HistoryError, match="Out of Memory"):
            list(history.query("SELECT list(i::VARCHAR || repeat('x', 1000)) FROM range(10000000) t(i)", 30).rows)
