"""`SharedHistory`: one thread writes a history, others read what is committed.

How it works
------------
* One process has the file.  There is one database, and each reader has connections of its own to
  it, in transactions that cannot write: DuckDB refuses that, whatever is asked.
* A reader sees what was committed when it began, and does not wait for what is being written, nor
  does what is written wait for readers.
* Memory is one sum for all.  When there is not enough to write, readers are interrupted: what is
  written goes first.
* After a fault that DuckDB cannot go on from, such as a full disk, the file is opened again before
  the next write.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Condition, Lock
from time import monotonic
from typing import Any, TypeVar

from otel_session_agg._extras import needed
from otel_session_agg._history.database import (
    Bounds,
    Connection,
    HistoryError,
    NamedFile,
    connect,
    described,
    described_values,
    time_limit,
)
from otel_session_agg._history.readable import ReadableHistory
from otel_session_agg._history.schema import migrate
from otel_session_agg._history.temporary import TemporaryFolder
from otel_session_agg._history.writable import WritableHistory
from otel_session_agg._untrusted.formatting import printable

MEMORY_LIMIT = "512MB"
"""What DuckDB may take for all that is written and asked at once."""

READ_SECONDS = 10.0
"""How long a query of a reader may take, and how long it may wait for its turn."""

MAX_READERS = 4
"""Readers at once: further ones wait, so that many of them cannot slow down what is written."""

_ATTEMPTS = 3
"""How often something is written for which there is not enough memory while others read."""

T = TypeVar("T")


class HistoryReader(ReadableHistory):
    """What is committed of a history, to be asked by one thread until `close`.

    All `rows` are of one moment; each of the other questions is of that moment or a later one.
    """

    def __init__(self, connected: Callable[[], Connection], seconds: float, revision: int) -> None:
        """Begin to read.

        Args:
            connected: Returns a new connection.
            seconds: How long each query may take.
            revision: That of the history.

        """
        self._connected, self._seconds, self.revision = connected, seconds, revision
        self._opened: list[Connection] = []
        self._lock = Lock()
        """Held while connections begin or end: what interrupts a query must not hit these steps."""
        self._is_stopped = False
        self._snapshot = self._own_cursor()

    def _own_cursor(self) -> Connection:
        if self._is_stopped:
            message = "the history cannot be read: reading was stopped"
            raise HistoryError(message)
        with self._lock:
            connection = self._connected()
            self._opened.append(connection)
            connection.execute("BEGIN TRANSACTION READ ONLY")
        return connection

    def _guarded_cursor(self) -> Connection:
        with described("the history cannot be read"):
            return self._own_cursor()

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query of this library: it is not checked, but has a time limit."""
        with described("the history cannot be read"), ExitStack() as undo:
            undo.callback(self._renew)
            with described_values(), time_limit(self._snapshot, self._seconds):
                found = self._snapshot.execute(sql, parameters).fetchall()
            undo.pop_all()
        return found

    def _renew(self) -> None:
        """Begin anew: after an error nothing more can be asked in a transaction."""
        with self._lock:
            self._opened.remove(self._snapshot)
            self._snapshot.close()
        with suppress(HistoryError):
            self._snapshot = self._own_cursor()

    def interrupt(self) -> None:
        """Stop the query that runs, which raises `HistoryError`; for another thread."""
        with self._lock:
            for connection in self._opened:
                connection.interrupt()

    def stop(self) -> None:
        """Interrupt it, and refuse all further questions; for another thread."""
        self._is_stopped = True
        self.interrupt()

    def close(self) -> None:
        """Close all connections; results that were not read to their end are dropped."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()


class SharedHistory(WritableHistory):
    """A history that one thread writes, or several in turn, while others read."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        memory_limit: str = MEMORY_LIMIT,
        threads: int | None = None,
        max_readers: int = MAX_READERS,
    ) -> None:
        """Open a file, which is created if it is not there.

        Args:
            path: The file; ``None``: a temporary one, that is gone after `close`.
            memory_limit: What DuckDB may take, as it takes it; beyond that it uses the disk.
            threads: Threads of DuckDB; ``None``: one for each core.
            max_readers: How many may read at once.

        Raises:
            SessionAggError: DuckDB is not installed, or the file cannot be used.

        """
        self._folder = TemporaryFolder()
        folder = self._folder.path
        self.path = path if path is not None else folder / "history.duckdb"
        self._bounds = Bounds(memory_limit, threads or os.cpu_count() or 1, folder / "spill")
        self._max_readers = max_readers
        self._readers: set[HistoryReader] = set()
        self._turn = Condition()
        """Guards the readers, and whether there is a connection to read from."""
        self._writing = Lock()
        self._file: NamedFile | None = None
        self._connection: Connection | None = None
        """What all others are made of; nothing runs on it."""
        self._writer: Connection | None = None
        with ExitStack() as undo:
            undo.callback(self._remove)
            self._open()
            undo.pop_all()

    def __enter__(self) -> SharedHistory:  # noqa: PYI034 -- final in effect
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all readers; close the file, and delete what is temporary."""
        with self._writing:
            try:
                self._disconnect()
            finally:
                self._remove()

    def _remove(self) -> None:
        self._folder.close()

    # -- the connection ---------------------------------------------------------------------------

    def _open(self) -> Connection:
        connection = connect(self.path, self._bounds)
        with ExitStack() as undo:
            undo.callback(connection.close)
            with described(f"{printable(str(self.path))} cannot be written"):
                migrate(connection)
            undo.pop_all()
        self._file = NamedFile(self.path)
        with self._turn:
            self._connection, self._writer = connection, connection.cursor()
            self._turn.notify_all()
        return self._writer

    def _disconnect(self) -> None:
        """Close the file when all readers have left, who are stopped."""
        with self._turn:
            opened, self._connection, self._writer = (self._writer, self._connection), None, None
            until = monotonic() + READ_SECONDS
            while self._readers and monotonic() < until:
                self._stop_readers()
                self._turn.wait(0.1)
        with described(f"{printable(str(self.path))} cannot be closed"):
            for connection in filter(None, opened):
                connection.close()

    def _stop_readers(self) -> None:
        for reader in self._readers:
            reader.stop()

    # -- writing ----------------------------------------------------------------------------------

    def _write(self, action: Callable[[Connection], T]) -> T:
        duckdb = needed("duckdb", "replay")
        with self._writing, described("the history cannot be written"), ExitStack() as undo:
            undo.callback(self._note_written)
            if self._writer is not None and self._file is not None:
                self._file.check()
            for _ in range(_ATTEMPTS):
                connection = self._writer or self._open()
                try:
                    return action(connection)
                except duckdb.OutOfMemoryException:
                    with self._turn:
                        self._stop_readers()
                except duckdb.FatalException:  # nothing more can be done on the connection
                    self._disconnect()
                    raise
            return action(self._writer or self._open())

    def _note_written(self) -> None:
        """Begin a revision, after what it has is committed: no reader of it sees less."""
        with self._turn:
            self.revision += 1

    # -- reading ----------------------------------------------------------------------------------

    def _own_cursor(self) -> Connection:
        with self._turn:
            return self._cursor()

    def _guarded_cursor(self) -> Connection:
        with described("the history cannot be read"):
            connection = self._own_cursor()
            connection.execute("BEGIN TRANSACTION READ ONLY")
        return connection

    def _cursor(self) -> Connection:
        if self._connection is None:
            message = "the history cannot be read: it is closed, or being opened again"
            raise HistoryError(message)
        return self._connection.cursor()

    @contextmanager
    def reading(self, seconds: float = READ_SECONDS) -> Iterator[HistoryReader]:
        """Read what is committed, in any thread; results are valid inside the block.

        Args:
            seconds: How long each query may take, and how long it may wait for its turn.

        Raises:
            HistoryError: too many others read, or the history is closed.

        """
        reader = self._begun(seconds)
        try:
            yield reader
        finally:
            with self._turn:
                reader.close()
                self._readers.discard(reader)
                self._turn.notify_all()

    def _begun(self, seconds: float) -> HistoryReader:
        with self._turn:
            if not self._turn.wait_for(self._has_turn, seconds):
                message = "the history cannot be read: too many others read it, try again later"
                raise HistoryError(message)
            with described("the history cannot be read"):
                connected = partial(SharedHistory._cursor, self)
                reader = HistoryReader(connected, seconds, self.revision)
            self._readers.add(reader)
        return reader

    def _has_turn(self) -> bool:
        return self._connection is None or len(self._readers) < self._max_readers
