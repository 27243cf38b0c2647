"""A store in an SQLite file: for the processes of one machine, and across their restarts.

Rules
-----
* Every call that changes something is one transaction; SQLite's locks are the only ones between
  processes.
* Time is ``time.monotonic()``, which the processes of a machine share and which no step of the
  wall clock changes.  It starts again at a reboot: the file has the time of its last write, and
  when that lies ahead, all times are moved back by the difference.
* How the file is opened, kept over forks and opened again is in `_sqlite_connection`.
* Only its owner can read a file that is created here; SQLite gives the files beside it the same
  mode.  An existing file is left as it is.
* Other programs may have written rows: what this library cannot have written is left out and
  noted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from otel_session_agg.stores._sqlite_connection import FileConnection
from otel_session_agg.stores._sqlite_tables import (
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

__all__ = ["SqliteStore"]

_PAGE_KEYS = 1000
"""Keys that are read at once."""
_MIN_PURGE = 64
"""Expired keys that a put deletes at most, or twice as many as it puts.

So deleting keeps up with putting.
"""
_AFTER_ALL = b"\xff"
"""Greater than any UTF-8."""


class SqliteStore:
    """A :class:`SessionStore` in a file.

    Nothing is opened before the first call.  The file is in WAL mode, so it has to be on a disk of
    this machine; a write that has returned outlives the process, and may be lost when the machine
    loses power.

    Args:
        path: The file; it is created when it is not there, its folder is not.
        clock: Seconds that never go back, the same for all processes that use the file.

    """

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = Path(path).absolute()
        self._connection = FileConnection(self._path, clock)
        self.left_out = LeftOut()
        """Rows that this library cannot have written."""

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self._path

    @property
    def name(self) -> str:
        """What identifies this store in all objects."""
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
        with self._connection.writing() as (connection, now):
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
        with self._connection.reading() as (connection, now):
            return [get(connection, key, now, self.left_out) for key in keys]

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See :meth:`SessionStore.keys`."""
        first = encoded(prefix)
        end = first[:-1] + bytes([first[-1] + 1]) if first else _AFTER_ALL
        query = (
            "SELECT key FROM keys WHERE key >= ? AND key < ? AND expires > ? ORDER BY key LIMIT ?"
        )
        while True:
            with self._connection.reading() as (connection, now):
                page = [key for (key,) in connection.execute(query, (first, end, now, _PAGE_KEYS))]
            yield from known(page, self.left_out)
            if len(page) < _PAGE_KEYS:
                return
            first = page[-1] + b"\0"

    def due(self, limit: int) -> list[str]:
        """See :meth:`SessionStore.due`."""
        query = "SELECT key FROM keys WHERE due <= ? AND expires > ? ORDER BY due"
        with (
            self._connection.reading() as (connection, now),
            closing(connection.execute(query, (now, now))) as rows,
        ):
            return list(islice(known((key for (key,) in rows), self.left_out), limit))

    def postpone(self, keys: Sequence[str], due_seconds: float) -> None:
        """See :meth:`SessionStore.postpone`."""
        if keys:
            with self._connection.writing() as (connection, now):
                rows = [(now + due_seconds, encoded(key), now) for key in keys]
                connection.executemany(
                    "UPDATE keys SET due = ? WHERE key = ? AND expires > ?", rows
                )

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """See :meth:`SessionStore.settle`."""
        with self._connection.writing() as (connection, now):
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
        statement = """INSERT INTO claims VALUES (?, ?, ?) ON CONFLICT (key)
            DO UPDATE SET owner = excluded.owner, until = excluded.until
            WHERE owner = excluded.owner OR until <= ? OR typeof(until) != 'real'"""
        with self._connection.writing() as (connection, now):
            row = (encoded(key), encoded(owner), now + seconds, now)
            taken = connection.execute(statement, row).rowcount == 1
            connection.execute("DELETE FROM claims WHERE until <= ?", (now,))
            return taken

    def unclaim(self, key: str, owner: str) -> None:
        """See :meth:`SessionStore.unclaim`."""
        with self._connection.writing() as (connection, _):
            connection.execute(
                "DELETE FROM claims WHERE key = ? AND owner = ?", (encoded(key), encoded(owner))
            )

    def lost_sight(self) -> bool:
        """Return whether the file was deleted or replaced since the last call."""
        lost, self._connection.lost = self._connection.lost, False
        return lost

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        self._connection.close()
