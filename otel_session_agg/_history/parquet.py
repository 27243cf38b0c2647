"""Write the tables as Parquet, a folder for each day: ``sessions/day=2026-01-12/data_0.parquet``.

Spark, Trino, BigQuery, ClickHouse and others read that as it is.  Everything is written beside the
folder first, which then takes its place as a whole.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from otel_session_agg._history.columns import literal
from otel_session_agg._history.database import Connection, HistoryError
from otel_session_agg._history.tables import TABLES
from otel_session_agg._untrusted.formatting import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = frozenset(table.name for table in TABLES)


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of one at the end, unless there is an error.

    Raises:
        HistoryError: there is something in it that is not of this kind, or it cannot be written.

    """
    folder = folder.absolute()
    check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        new, old = work / "new", work / "old"
        new.mkdir()
        yield new
        try:
            if folder.exists():
                folder.rename(old)
            new.rename(folder)
        except OSError as error:
            raise _unwritable(folder, error) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def check_folder(folder: Path) -> None:
    """Raise a `HistoryError` if what would be replaced is not what was written before."""
    if not folder.exists():
        return
    try:
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise _unwritable(folder, error) from None
    if not names <= _NAMES:
        message = (
            f"{printable(str(folder))} has other files in it: name a folder of its own,"
            " which is replaced as a whole"
        )
        raise HistoryError(message)


def _unwritable(folder: Path, error: OSError) -> HistoryError:
    return HistoryError(f"{printable(str(folder))} cannot be written: {error.strerror}")


def write_tables(connection: Connection, folder: Path) -> None:
    """Write all tables that have rows into an empty folder, to which the connection may write."""
    for table in TABLES:
        if connection.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone() is None:
            continue
        connection.execute(
            f"COPY (SELECT * FROM {table.name} ORDER BY start_time)"
            f" TO {literal(str(folder / table.name))}"
            " (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day))"
        )
