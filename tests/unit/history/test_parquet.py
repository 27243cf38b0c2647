"""Parquet has the same figures, whoever reads it, and is there as a whole or not at all."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds  # type: ignore[import-untyped]
import pytest

from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.tables import TABLES
from tests.support.histories import many, one_trace

_COST = sum(part.totals.rollup.cost_pusd for part in many(60, 20).parts)


@pytest.fixture
def history() -> History:
    """A history of sixty traces."""
    history = History()
    history.add(*many(60, 20))
    history.recount()
    return history


class TestReaders:
    """Whoever reads it finds all of it."""

    def test_days(self, history: History, tmp_path: Path) -> None:
        """There is a folder for each day."""
        history.write_parquet(tmp_path / "out")
        assert {table.name for table in TABLES} == {path.name for path in (tmp_path / "out").iterdir()}
        days = {day for (day,) in history.rows("SELECT DISTINCT day FROM traces")}
        assert len(days) > 1
        assert {f"day={day}" for day in days} == {path.name for path in (tmp_path / "out" / "traces").iterdir()}

    def test_duckdb(self, history: History, tmp_path: Path) -> None:
        """DuckDB, every column of every table but for the type of the day."""
        history.write_parquet(tmp_path / "out")
        for table in TABLES:
            names = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "day")
            sql = f"SELECT {names} FROM {{}} ORDER BY ALL"  # noqa: S608
            files = f"read_parquet('{tmp_path}/out/{table.name}/*/*.parquet', hive_partitioning = true)"
            assert history.rows(sql.format(table.name)) == duckdb.execute(sql.format(files)).fetchall()

    def test_pyarrow(self, history: History, tmp_path: Path) -> None:
        """PyArrow, with exact money and times."""
        history.write_parquet(tmp_path / "out")
        table = ds.dataset(tmp_path / "out" / "sessions", partitioning="hive").to_table()
        costs = [cost for cost in table["cost"].to_pylist() if cost is not None]
        assert Decimal(_COST).scaleb(-12) == sum(costs)
        assert {type(time) for time in table["start_time"].to_pylist()} == {datetime}
        assert history.rows("SELECT models FROM sessions ORDER BY session") == [
            (row["models"],) for row in table.select(["session", "models"]).sort_by("session").to_pylist()
        ]

    def test_polars(self, history: History, tmp_path: Path) -> None:
        """Polars, lazily and by day."""
        history.write_parquet(tmp_path / "out")
        calls = pl.scan_parquet(tmp_path / "out" / "calls" / "**" / "*.parquet", hive_partitioning=True)
        found = calls.filter(pl.col("counts")).select(pl.len(), pl.col("cost").sum()).collect()
        assert [(60, Decimal(_COST).scaleb(-12))] == found.rows()


class TestFolder:
    """The folder is complete, or as it was."""

    def test_again(self, history: History, tmp_path: Path) -> None:
        """What was written before is replaced as a whole, and nothing else is left."""
        history.write_parquet(tmp_path / "deep" / "out")
        history.add(*one_trace(1000, "late", hours=9000))
        history.recount()
        history.write_parquet(tmp_path / "deep" / "out")
        files = f"{tmp_path}/deep/out/traces/*/*.parquet"
        assert [(61,)] == duckdb.execute(f"SELECT count(*) FROM '{files}'").fetchall()  # noqa: S608
        assert ["out"] == [path.name for path in (tmp_path / "deep").iterdir()]

    def test_empty(self, tmp_path: Path) -> None:
        """Nothing is an empty folder."""
        with History() as history:
            history.write_parquet(tmp_path / "it's")
        assert [] == list((tmp_path / "it's").iterdir())

    def test_others(self, history: History, tmp_path: Path) -> None:
        """Files of others are not replaced."""
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(HistoryError, match="has other files in it"):
            history.write_parquet(tmp_path)
        assert ["mine.txt"] == [path.name for path in tmp_path.iterdir()]

    def test_no_folder(self, history: History, tmp_path: Path) -> None:
        """Where there can be no folder, there is an error."""
        (tmp_path / "file").write_text("mine")
        for path in (tmp_path / "file", tmp_path / "file" / "out"):
            with pytest.raises(HistoryError, match=r"cannot be written: (Not a directory|File exists)"):
                history.write_parquet(path)

    def test_error(self, tmp_path: Path) -> None:
        """After an error, what was there is there."""
        with History() as history:
            history.add(*one_trace(1))
            history.write_parquet(tmp_path / "out")
            before = sorted(tmp_path.rglob("*"))
            history._writer().execute("ALTER TABLE calls RENAME TO gone")
            with pytest.raises(HistoryError, match="cannot be written: Catalog Error"):
                history.write_parquet(tmp_path / "out")
        assert before == sorted(tmp_path.rglob("*"))
