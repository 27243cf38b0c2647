"""Files of older versions become newer ones, as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from otel_session_agg._history.database import Connection, HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.schema import MIGRATIONS, migrate, version_of
from tests.support.histories import kept, one_trace


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
        assert [(1,)] == connection.execute("SELECT version FROM internal.versions").fetchall()

    def test_older(self, connection: Connection) -> None:
        """Changes are made once, and rows stay."""
        for _ in range(2):
            migrate(connection, (*MIGRATIONS, _grow))
            assert [("s", 7)] == connection.execute("SELECT session, more FROM sessions").fetchall()
            assert 2 == version_of(connection)

    def test_fails(self, connection: Connection) -> None:
        """A change that fails changes nothing."""
        with pytest.raises(duckdb.Error):
            migrate(connection, (*MIGRATIONS, _grow, _fail))
        assert [("s",)] == connection.execute("SELECT session FROM sessions").fetchall()
        assert 1 == version_of(connection)

    def test_read_only(self, tmp_path: Path) -> None:
        """A file in which there is nothing yet cannot be read."""
        duckdb.connect(str(tmp_path / "h")).close()
        with pytest.raises(HistoryError, match="is empty or of an older version: write to it once"):
            History(tmp_path / "h", read_only=True)
