"""Sessions in an SQLite file: for the processes of one machine, and across their restarts.

Rules
-----
* Every call that changes something is one transaction; SQLite's locks are the only ones between processes.
* Time is ``time.monotonic()``, which the processes of a machine share and which no step of the wall clock changes.  It starts
  again at a reboot: the file says when it was written last, and when that lies ahead, all stamps are moved back by the difference.
* No connection is open across a fork.  SQLite remembers by process which locks it holds: a child would believe that it holds
  those of its parent, and the parent then takes away the log that the child writes to.  See "Carrying an open database
  connection across a fork()" on https://www.sqlite.org/howtocorrupt.html.  So connections are closed before a fork and opened
  again when they are used.  Where nobody tells Python of the fork (servers that fork in C), the child leaves what it finds
  alone and opens its own; then call ``close()`` before forking.
* A connection that failed is closed, which rolls back what it had begun.
* A file that was deleted, replaced or moved while it was open would be written on into nowhere.  So before each call the files that
  are open are compared with those that have their names; if they are others, the file is opened again, and ``lost_sight`` says so.
* Only its owner can read a file that is created here; SQLite gives the files beside it the same mode.  What exists is left as it is.
* A row may be anybody's: what cannot be ours is left out and noted.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakMethod

from otel_session_agg._threads.imports import imports
from otel_session_agg.stores._sqlite_files import Files, create_file
from otel_session_agg.stores._sqlite_tables import (
    BUSY_SECONDS,
    check_version,
    connect,
    create,
    encoded,
    get,
    known,
    live,
    prolong,
    purge,
    put,
    replace,
)
from otel_session_agg.stores.base import LeftOut, Slot, Stored

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SqliteStore"]

_MAX_ROUNDS = 10
"""How often a file is opened that is replaced meanwhile."""
_FORK_WAIT_SECONDS = 2 * BUSY_SECONDS
"""How long a fork waits for a call in another thread, if a disk hangs; one that waits for other processes lets it go by."""
_YIELD_SECONDS = 0.001
"""For a fork that waits to have its turn."""
_PAGE_KEYS = 1000
"""Keys that are read at once."""
_MIN_PURGE = 64
"""Expired keys that a put deletes at most, or twice as many as it puts, so that deleting keeps up with putting."""
_AFTER_ALL = b"\xff"
"""Greater than any UTF-8."""
_LEFT_ALONE: list[object] = []
"""Connections of a parent, kept here so that nothing closes them."""


def _nothing() -> None:
    """What a store that is gone does at a fork."""


class SqliteStore:
    """A :class:`SessionStore` in a file.

    Nothing is opened before the first call.  The file is in WAL mode, so it has to be on a disk of this machine; a write that
    was answered outlives the process, and may be lost when the machine loses power.

    Args:
        path: The file; it is created when it is not there, its folder is not.
        clock: Seconds that never go back, the same for all processes that use the file.

    """

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = Path(path).absolute()
        self._clock = clock
        self._open: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._stopped: set[int] = set()
        """Threads that hold the lock for a fork."""
        self._files = Files(self._path)
        self._lost = False
        """Whether the file is another one than it was."""
        self.left_out = LeftOut()
        """Rows that cannot be ours."""
        if hasattr(os, "register_at_fork"):
            stop, go_on = WeakMethod(self._before_fork), WeakMethod(self._after_fork)
            os.register_at_fork(
                before=lambda: (stop() or _nothing)(),  # noqa: PLW0108 -- looked up at the fork
                after_in_parent=lambda: (go_on() or _nothing)(),  # noqa: PLW0108
            )

    @property
    def path(self) -> Path:
        """The file, from the root."""
        return self._path

    @property
    def name(self) -> str:
        """What this store is, whichever object stands for it."""
        return str(self._path)

    def put(
        self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None
    ) -> list[bool]:
        """See :meth:`SessionStore.put`."""
        by_key: dict[str, list[Slot]] = {}
        for slot in slots:
            by_key.setdefault(slot.key, []).append(slot)
        if not by_key:
            return []
        with self._writing() as (connection, now):
            due = None if due_seconds is None else now + due_seconds
            settled = {
                key: put(connection, rows, now, now + ttl_seconds, due)
                for key, rows in by_key.items()
            }
            purge(connection, now, max(_MIN_PURGE, 2 * len(by_key)))
        return [settled[slot.key] for slot in slots]

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """See :meth:`SessionStore.get`."""
        if not keys:
            return []
        with self._reading() as (connection, now):
            return [get(connection, key, now, self.left_out) for key in keys]

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See :meth:`SessionStore.keys`."""
        first = encoded(prefix)
        end = first[:-1] + bytes([first[-1] + 1]) if first else _AFTER_ALL
        query = (
            "SELECT key FROM keys WHERE key >= ? AND key < ? AND expires > ? ORDER BY key LIMIT ?"
        )
        while True:
            with self._reading() as (connection, now):
                page = [key for (key,) in connection.execute(query, (first, end, now, _PAGE_KEYS))]
            yield from known(page, self.left_out)
            if len(page) < _PAGE_KEYS:
                return
            first = page[-1] + b"\0"

    def due(self, limit: int) -> list[str]:
        """See :meth:`SessionStore.due`."""
        query = "SELECT key FROM keys WHERE due <= ? AND expires > ? ORDER BY due"
        with (
            self._reading() as (connection, now),
            closing(connection.execute(query, (now, now))) as rows,
        ):
            return list(islice(known((key for (key,) in rows), self.left_out), limit))

    def postpone(self, keys: Sequence[str], due_seconds: float) -> None:
        """See :meth:`SessionStore.postpone`."""
        if keys:
            with self._writing() as (connection, now):
                rows = [(now + due_seconds, encoded(key), now) for key in keys]
                connection.executemany(
                    "UPDATE keys SET due = ? WHERE key = ? AND expires > ?", rows
                )

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """See :meth:`SessionStore.settle`."""
        with self._writing() as (connection, now):
            row = live(connection, slot.key, now)
            settled = version == (row.version if row else 0)
            replace(connection, slot)
            key = encoded(slot.key)
            if row is None:
                create(connection, key)
            prolong(connection, key, now + ttl_seconds)
            if settled:
                connection.execute("UPDATE keys SET settled = 1, due = NULL WHERE key = ?", (key,))
            return settled

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See :meth:`SessionStore.claim`."""
        statement = """INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET owner = excluded.owner,
            until = excluded.until WHERE owner = excluded.owner OR until <= ? OR typeof(until) != 'real'"""
        with self._writing() as (connection, now):
            row = (encoded(key), encoded(owner), now + seconds, now)
            taken = connection.execute(statement, row).rowcount == 1
            connection.execute("DELETE FROM claims WHERE until <= ?", (now,))
            return taken

    def unclaim(self, key: str, owner: str) -> None:
        """See :meth:`SessionStore.unclaim`."""
        with self._writing() as (connection, _):
            connection.execute(
                "DELETE FROM claims WHERE key = ? AND owner = ?", (encoded(key), encoded(owner))
            )

    def lost_sight(self) -> bool:
        """Whether the file was deleted or replaced since this was asked last."""
        lost, self._lost = self._lost, False
        return lost

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._own_lock():
            self._disconnect()

    @contextmanager
    def _reading(self, begin: str | None = None) -> Iterator[tuple[sqlite3.Connection, float]]:
        """A connection, with a transaction if it is to ``begin``, and the time; it is closed when something fails."""
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

    def _is_ready(self, begin: str | None, until: float) -> bool:
        """Have the file open, and begin; ``False``: other processes are at it, and there is time to wait for them."""
        with imports:
            import sqlite3  # noqa: PLC0415 -- some builds of Python come without it

        try:
            if self._open is not None and self._files.are_others():
                self._disconnect()
                self._files.drop_left_over()
                self._lost = True
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
        """Open the file that has the name; a race with who replaces it is run again."""
        for _ in range(_MAX_ROUNDS):
            create_file(self._path)
            self._files.look()
            self._open = connect(self._path, self._clock)
            if not self._files.are_others():
                break
            self._disconnect()

    @contextmanager
    def _writing(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """A transaction and its time."""
        with self._reading("BEGIN IMMEDIATE") as (connection, _):
            now = (
                self._clock()
            )  # once the others are done, so that the time of the last write never goes back
            yield connection, now
            connection.execute("UPDATE state SET written = ?", (now,))
            connection.execute("COMMIT")

    def _own_lock(self) -> threading.Lock:
        if self._pid != os.getpid():
            _LEFT_ALONE.append(self._open)
            self._open, self._lock, self._stopped, self._pid = (
                None,
                threading.Lock(),
                set(),
                os.getpid(),
            )
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
