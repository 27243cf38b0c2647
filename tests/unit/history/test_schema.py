"""Files of older versions become newer ones, as a whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from otel_session_agg._history import schema
from otel_session_agg._history.database import Connection, HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.schema import MIGRATIONS, migrate, version_of
from tests.support.histories import kept, many, one_trace


def _grow(connection: Connection) -> None:
    connection.execute("ALTER TABLE sessions ADD COLUMN IF NOT EXISTS more INTEGER DEFAULT 7")


def _fail(connection: Connection) -> None:
    connection.execute("DROP TABLE sessions")
    connection.execute("SELECT nope")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A file of this version with a session in it."""
    kept(tmp_path / "h", one_trace(1, "s")).close()
    with duckdb.connect(str(tmp_path / "h")) as opened:
        yield opened


class TestMigrate:
    """``migrate``."""

    def test_current(self, connection: Connection) -> None:
        """Nothing happens to a file of this version."""
        migrate(connection)
        numbers = [(number,) for number in range(1, len(MIGRATIONS) + 1)]
        assert numbers == connection.execute("SELECT version FROM internal.versions ORDER BY version").fetchall()

    def test_older(self, connection: Connection) -> None:
        """Changes are made once, and rows stay."""
        for _ in range(2):
            migrate(connection, (*MIGRATIONS, _grow))
            assert [("s", 7)] == connection.execute("SELECT session, more FROM sessions").fetchall()
            assert len(MIGRATIONS) + 1 == version_of(connection)

    def test_fails(self, connection: Connection) -> None:
        """A change that fails changes nothing."""
        with pytest.raises(duckdb.Error):
            migrate(connection, (*MIGRATIONS, _grow, _fail))
        assert [("s",)] == connection.execute("SELECT session FROM sessions").fetchall()
        assert len(MIGRATIONS) == version_of(connection)

    def test_read_only(self, tmp_path: Path) -> None:
        """A file in which there is nothing yet cannot be read."""
        duckdb.connect(str(tmp_path / "h")).close()
        with pytest.raises(HistoryError, match="is empty or of an older version: write to it once"):
            History(tmp_path / "h", read_only=True)


def _tables(connection: Connection) -> dict[str, object]:
    names = ("sessions", "traces", "calls", "internal.labels")
    return {name: connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in names}  # noqa: S608


def _first_version(path: Path) -> None:
    """Make a file what it would be if the first version had written it."""
    with duckdb.connect(str(path)) as connection:
        for sql in (
            'ALTER TABLE calls DROP COLUMN "user"',
            "ALTER TABLE calls DROP COLUMN dimensions",
            "DROP TABLE internal.labels",
            "DROP TABLE internal.forgotten",
            "ALTER TABLE sessions DROP COLUMN agents",
            "ALTER TABLE sessions DROP COLUMN tools",
            "DELETE FROM internal.versions WHERE version > 1",
        ):
            connection.execute(sql)


class TestFirstVersion:
    """Files of the first version: calls did not have what their traces state, and labels were not noted."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Such a file."""
        path = tmp_path / "h"
        kept(path, many(40, 9)).close()
        with duckdb.connect(str(path)) as connection:
            connection.execute("DELETE FROM traces WHERE trace_id = (SELECT min(trace_id) FROM traces)")
            connection.execute(
                'UPDATE calls SET "user" = NULL, dimensions = NULL WHERE trace_id NOT IN (SELECT trace_id FROM traces)'
            )
        return path

    def test_changed(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """They become what this version writes, in any number of steps."""
        with duckdb.connect(str(path)) as connection:
            expected = _tables(connection)
            columns = "SELECT * FROM duckdb_columns() WHERE table_name IN ('calls', 'sessions')"
            declared = connection.execute(columns).fetchall()
        _first_version(path)
        monkeypatch.setattr(schema, "_ROWS", 7)
        History(path).close()
        with duckdb.connect(str(path)) as connection:
            assert expected == _tables(connection)
            assert [(9,)] == connection.execute("SELECT count(*) FROM sessions WHERE tools <> []").fetchall()
            found = connection.execute(columns).fetchall()
            assert [row[7:] for row in declared] == [row[7:] for row in found]

    def test_interrupted(self, path: Path) -> None:
        """When changing one ends in between, it is as it was, and can be changed later."""
        with duckdb.connect(str(path)) as connection:
            expected = _tables(connection)
        _first_version(path)
        code = (
            "import os, sys; from pathlib import Path; from otel_session_agg._history import history, schema;"
            " schema.note_all_labels = lambda connection: os._exit(9); history.History(Path(sys.argv[1]))"
        )
        assert 9 == subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode  # noqa: S603 -- this one
        with duckdb.connect(str(path)) as connection:
            assert 1 == version_of(connection)
            assert [(80,)] == connection.execute("SELECT count(*) FROM calls").fetchall()
        History(path).close()
        with duckdb.connect(str(path)) as connection:
            assert expected == _tables(connection)
