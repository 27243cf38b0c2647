"""The connection of a store to its SQLite file.

Rules
-----
* No connection is open across a fork.  SQLite remembers by process which locks it holds: a child
  would believe that it holds those of its parent, and the parent then takes away the log that the
  child writes to.  See "Carrying an open database connection across a fork()" on
  https://www.sqlite.org/howtocorrupt.html.  So connections are closed before a fork and opened
  again when they are used.  Where Python does not see the fork (servers that fork in C), the child
  leaves what it finds alone and opens its own; then call ``close()`` before forking.
* A connection that failed is closed, which rolls back what it had begun.
* Writes to a file that was deleted, replaced or moved while it was open would be lost.  So before
  each call the files that are open are compared with those that have their names; if they are
  others, the file is opened again, and ``lost_sight`` returns ``True``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakMethod

from otel_session_agg._threads.imports import imports
from otel_session_agg.stores._sqlite_files import Files, create_file
from otel_session_agg.stores._sqlite_tables import BUSY_SECONDS, check_version, connect

if TYPE_CHECKING:
    import sqlite3

_MAX_ROUNDS = 10
"""How often a file is opened that is replaced meanwhile."""
_FORK_WAIT_SECONDS = 2 * BUSY_SECONDS
"""How long a fork waits for a call in another thread, if a disk hangs.

A call that waits for other processes does not hold it up.
"""
_YIELD_SECONDS = 0.001
"""Pause in which a fork that waits gets the lock."""
_LEFT_ALONE: list[object] = []
"""Connections of a parent, kept here so that nothing closes them."""


def _nothing() -> None:
    """Do nothing at a fork: the store is gone."""


class FileConnection:
    """A connection that is opened when it is used, and opened again when the file was replaced.

    Its lock is held around each use, so one thread at a time has it.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._open: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._stopped: set[int] = set()
        """Threads that hold the lock for a fork."""
        self._files = Files(path)
        self.lost = False
        """Whether the file was replaced; the store clears it."""
        if hasattr(os, "register_at_fork"):
            stop, go_on = WeakMethod(self._before_fork), WeakMethod(self._after_fork)
            os.register_at_fork(
                before=lambda: (stop() or _nothing)(),  # noqa: PLW0108 -- looked up at the fork
                after_in_parent=lambda: (go_on() or _nothing)(),  # noqa: PLW0108
            )

    @contextmanager
    def reading(self, begin: str | None = None) -> Iterator[tuple[sqlite3.Connection, float]]:
        """Yield a connection and the time; close the connection when something fails.

        ``begin``: the statement that begins a transaction, if there is to be one.
        """
        until = time.monotonic() + BUSY_SECONDS
        while True:
            with self._own_lock(), ExitStack() as stack:
                stack.callback(self._disconnect)
                is_ready = self._is_ready(begin, until)
                if is_ready:
                    yield self._open, self._clock()  # type: ignore[misc]  # it is open
                stack.pop_all()
            if is_ready:
                return
            time.sleep(_YIELD_SECONDS)

    @contextmanager
    def writing(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """Yield a connection in a transaction, and its time."""
        with self.reading("BEGIN IMMEDIATE") as (connection, _):
            # after other processes are done, so that the time of the last write never goes back
            now = self._clock()
            yield connection, now
            connection.execute("UPDATE state SET written = ?", (now,))
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._own_lock():
            self._disconnect()

    def _is_ready(self, begin: str | None, until: float) -> bool:
        """Open the file if it is not open, and begin.

        Return ``False`` when other processes use it, and there is time to wait for them.
        """
        with imports:
            import sqlite3  # noqa: PLC0415 -- some builds of Python come without it

        try:
            if self._open is not None and self._files.are_others():
                self._disconnect()
                self._files.drop_left_over()
                self.lost = True
            if self._open is None:
                self._connect()
            else:
                check_version(self._open, self._path)
            if begin is not None and self._open is not None:
                self._open.execute(begin)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
            return False
        return True

    def _connect(self) -> None:
        """Open the file that has the name; again, if it is replaced meanwhile."""
        for _ in range(_MAX_ROUNDS):
            create_file(self._path)
            self._files.look()
            self._open = connect(self._path, self._clock)
            if not self._files.are_others():
                break
            self._disconnect()

    def _own_lock(self) -> threading.Lock:
        if self._pid != os.getpid():
            _LEFT_ALONE.append(self._open)
            self._open, self._lock = None, threading.Lock()
            self._stopped, self._pid = set(), os.getpid()
        return self._lock

    def _disconnect(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def _before_fork(self) -> None:
        if self._own_lock().acquire(timeout=_FORK_WAIT_SECONDS):
            self._stopped.add(threading.get_ident())
            self._disconnect()

    def _after_fork(self) -> None:
        if threading.get_ident() in self._stopped:
            self._stopped.discard(threading.get_ident())
            self._lock.release()
