"""`History`: the tables of one file, to write and to ask."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from otel_session_agg._extras import needed
from otel_session_agg._history.database import (
    Bounds,
    Connection,
    HistoryError,
    connect,
    described,
)
from otel_session_agg._history.parquet import replaced_folder, write_tables
from otel_session_agg._history.schema import MIGRATIONS, check_version, migrate, version_of
from otel_session_agg._history.temporary import TemporaryFolder
from otel_session_agg._history.writable import WritableHistory
from otel_session_agg._untrusted.formatting import printable

MEMORY_LIMIT = "384MB"
"""What DuckDB may take, beside what Python does; beyond that it uses the disk.

Together they stay below 600 MB.
"""

WRITING_MEMORY_LIMIT = "256MB"
"""The same while it writes: it takes more than it may, and Python has rows to be written."""

_LARGE_MEMORY_LIMIT = "2GB"
"""The same where one text needs more: DuckDB has it in memory as a whole, and then some."""

T = TypeVar("T")


class History(WritableHistory):
    """What stored traces come to: tables in a kept file, or in one that is gone after `close`.

    One process at a time uses a file.  Results are read to their end, or dropped, before something
    is written.  Everything may raise `SessionAggError`.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        memory_limit: str | None = None,
        threads: int | None = None,
        read_only: bool = False,
    ) -> None:
        """Open a file, which is created if it is not there.

        Args:
            path: The file; ``None``: a temporary one.
            memory_limit: As DuckDB takes it; ``None``: as is usual.
            threads: Threads of DuckDB; ``None``: one for each core.
            read_only: Whether the file is only read, and so has to be there.

        Raises:
            SessionAggError: DuckDB is not installed, or the file cannot be used.

        """
        self._folder = TemporaryFolder()
        folder = self._folder.path
        self._path = path if path is not None else folder / "history.duckdb"
        self._bounds = Bounds(
            memory_limit or MEMORY_LIMIT, threads or os.cpu_count() or 1, folder / "spill"
        )
        self._writing_limits = [WRITING_MEMORY_LIMIT, _LARGE_MEMORY_LIMIT]
        if memory_limit is not None:
            self._writing_limits = [memory_limit]
        self._connection: Connection | None = None
        self._is_read_only, self._writes = read_only, False
        with ExitStack() as undo:
            undo.callback(self.close)
            if read_only:
                self._check_version()
            else:
                with described(f"{printable(str(self._path))} cannot be written"):
                    migrate(self._writer())
            undo.pop_all()

    def __enter__(self) -> History:  # noqa: PYI034 -- final in effect
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; delete what is temporary."""
        self._disconnect()
        self._folder.close()

    # -- connections ------------------------------------------------------------------------------

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with described(f"{printable(str(self._path))} cannot be closed"):
                connection.close()

    def _writer(self) -> Connection:
        """Return the connection that writes."""
        if self._is_read_only:
            message = f"{printable(str(self._path))} was opened to be read"
            raise HistoryError(message)
        if self._connection is None or not self._writes:
            self._disconnect()
            bounds = self._bounds._replace(memory_limit=self._writing_limits[0])
            self._connection, self._writes = connect(self._path, bounds), True
        return self._connection

    def _reader(self) -> Connection:
        """Return a connection that cannot write: that for all that users wrote."""
        if self._connection is None or self._writes:
            self._disconnect()
            self._connection = connect(self._path, self._bounds, read_only=True)
            self._writes = False
        return self._connection

    def _check_version(self) -> None:
        version = version_of(self._reader())
        check_version(version)
        if version < len(MIGRATIONS):
            message = (
                f"{printable(str(self._path))} is empty or of an older version:"
                " write to it once to bring it up to date"
            )
            raise HistoryError(message)

    def let_go(self) -> Path:
        """Let others open the file, until this is used again; return it."""
        self._disconnect()
        return self._path

    # -- for all that is asked and written --------------------------------------------------------

    def _write(self, action: Callable[[Connection], T]) -> T:
        too_little = needed("duckdb", "replay").OutOfMemoryException
        connection = self._writer()
        with described("the history cannot be written"), ExitStack() as undo:
            undo.callback(self._note_written)
            try:
                return action(connection)
            except too_little:
                if len(self._writing_limits) == 1:
                    raise
            del self._writing_limits[0]
            self._disconnect()
            return action(self._writer())

    def _note_written(self) -> None:
        self.revision += 1

    def _own_cursor(self) -> Connection:
        return (self._connection or self._reader()).cursor()

    def _guarded_cursor(self) -> Connection:
        return self._reader().cursor()

    def write_parquet(self, folder: Path) -> None:
        """Write all tables that have rows as Parquet, which takes the place of the folder."""
        with replaced_folder(folder) as new:
            self._disconnect()
            connection = connect(self._path, self._bounds, read_only=True, folder=new)
            try:
                with described(f"{printable(str(folder))} cannot be written"):
                    write_tables(connection, new)
            finally:
                connection.close()
