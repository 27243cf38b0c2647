"""The tables are named as the columns of a store's sessions."""

from __future__ import annotations

from otel_session_agg._history.columns import ColumnType
from otel_session_agg._history.history import History
from otel_session_agg._history.rollup_tables import SESSIONS
from otel_session_agg._history.tables import TABLES
from otel_session_agg._sharing.stored_sessions import COLUMNS, Form


class TestTables:
    """The declarations."""

    def test_sessions(self) -> None:
        """All columns of a store's sessions come first, in the same order, with types that hold their values."""
        assert list(COLUMNS) == [column.name for column in SESSIONS.columns][: len(COLUMNS)]
        kinds = {
            Form.TEXT: {ColumnType.TEXT, ColumnType.OBJECT},
            Form.NUMBER: {ColumnType.COUNT, ColumnType.NUMBER, ColumnType.USD},
            Form.FLAG: {ColumnType.FLAG},
            Form.TIME: {ColumnType.TIME},
            Form.NAMES: {ColumnType.TEXTS},
        }
        assert [] == [name for name, column in COLUMNS.items() if SESSIONS.by_name[name].type not in kinds[column.form]]

    def test_created(self) -> None:
        """They are in a file as they are declared."""
        with History() as history:
            for table in TABLES:
                created = history.rows(
                    "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table.name]
                )
                assert [(column.name,) for column in table.columns] == created
                assert len(table.columns) == len(table.by_name)
                assert all(column.meaning for column in table.columns)
