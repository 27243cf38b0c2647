"""The tables of an SQLite store, and what is done with one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from otel_session_agg._exceptions import StoreError
from otel_session_agg._store import Slot, Stored

if TYPE_CHECKING:
    import sqlite3

BUSY_SECONDS = 5.0
"""How long to wait for other processes, which hold the file for milliseconds."""
_APPLICATION = 0x6F736167
"""Says in the file's head whose it is: "osag"."""
_VERSION = 1
"""Of the schema."""
_SCHEMA = (
    """CREATE TABLE keys (
        key BLOB PRIMARY KEY, version INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0, expires REAL NOT NULL, due REAL
    ) WITHOUT ROWID""",
    "CREATE INDEX keys_by_expiry ON keys (expires)",
    "CREATE INDEX keys_by_due ON keys (due) WHERE due IS NOT NULL",
    "CREATE TABLE slots (key BLOB, writer BLOB, seq INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (key, writer))",
    "CREATE TABLE claims (key BLOB PRIMARY KEY, owner BLOB NOT NULL, until REAL NOT NULL) WITHOUT ROWID",
    "CREATE INDEX claims_by_end ON claims (until)",
    "CREATE TABLE state (version INTEGER NOT NULL, written REAL NOT NULL)",
    "INSERT INTO state VALUES (0, 0)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)
"""``state`` has one row: the last version given to any key, so that none has one again that it had before, and the time of the
last write.  Texts are BLOBs of UTF-8, which have an order, a beginning and no forbidden characters."""
_REBASE = (
    "UPDATE keys SET expires = expires - :ahead, due = due - :ahead",
    "UPDATE claims SET until = until - :ahead",
    "UPDATE state SET written = written - :ahead",
)


class _Row(NamedTuple):
    version: int
    settled: bool


def encoded(text: str) -> bytes:
    """A text as a BLOB, whatever is in it."""
    return text.encode("utf-8", "surrogatepass")


def decoded(text: bytes) -> str:
    """The text that ``encoded`` was given."""
    return text.decode("utf-8", "surrogatepass")


def connect(path: Path, clock: Callable[[], float]) -> sqlite3.Connection:
    """Open a file; what a reboot did to its stamps is made good.

    Raises:
        StoreError: It is not ours, or of another version.

    """
    import sqlite3  # noqa: PLC0415 -- some builds of Python come without it

    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    with ExitStack() as stack:
        stack.callback(connection.close)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection, path)
        _rebase(connection, clock())
        connection.execute("COMMIT")
        with suppress(sqlite3.OperationalError):  # another process has the file just now: whoever opens it next, does this
            connection.execute("PRAGMA journal_mode = WAL")
        stack.pop_all()
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables, or see that they are the ones we know."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        for statement in _SCHEMA:
            connection.execute(statement)
    elif application != _APPLICATION:
        message = f"{path} belongs to another application: name another file"
        raise StoreError(message)
    elif version != _VERSION:
        message = (
            f"{path} was written by another version of otel-session-agg (schema {version}, this one has {_VERSION}):"
            " name another file, or delete this one, which forgets the sessions in it"
        )
        raise StoreError(message)


def _rebase(connection: sqlite3.Connection, now: float) -> None:
    """Move stamps of before a reboot, so that what was left to wait is waited now."""
    (written,) = connection.execute("SELECT written FROM state").fetchone()
    if written > now:
        for statement in _REBASE:
            connection.execute(statement, {"ahead": written - now})


def live(connection: sqlite3.Connection, key: str, now: float) -> _Row | None:
    """The row of a key; what is left of one that has expired is deleted."""
    row = connection.execute("SELECT version, settled, expires FROM keys WHERE key = ?", (encoded(key),)).fetchone()
    if row is None:
        return None
    if row[2] <= now:
        _delete(connection, encoded(key))
        return None
    return _Row(row[0], bool(row[1]))


def put(connection: sqlite3.Connection, slots: Sequence[Slot], now: float, expires: float, due: float | None) -> bool:
    """Put slots of one key; whether it was settled."""
    row = live(connection, slots[0].key, now)
    key = encoded(slots[0].key)
    if row is None:
        create(connection, key)
    replaced = sum([replace(connection, slot) for slot in slots])
    if replaced and row is not None:
        connection.execute("UPDATE keys SET version = ?, settled = 0 WHERE key = ?", (_next_version(connection), key))
    connection.execute("UPDATE keys SET expires = max(expires, ?), due = coalesce(?, due) WHERE key = ?", (expires, due, key))
    return row is not None and row.settled


def replace(connection: sqlite3.Connection, slot: Slot) -> bool:
    """Put a slot if it is newer; whether it was."""
    statement = """INSERT INTO slots VALUES (?, ?, ?, ?) ON CONFLICT (key, writer) DO UPDATE SET seq = excluded.seq,
        value = excluded.value WHERE excluded.seq > seq"""
    row = (encoded(slot.key), encoded(slot.writer), slot.seq, slot.value)
    return connection.execute(statement, row).rowcount == 1


def create(connection: sqlite3.Connection, key: bytes) -> None:
    """Add the row of a key, with a version it never had."""
    connection.execute("INSERT INTO keys (key, version, expires) VALUES (?, ?, 0)", (key, _next_version(connection)))


def _next_version(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE state SET version = version + 1")
    return int(connection.execute("SELECT version FROM state").fetchone()[0])


def get(connection: sqlite3.Connection, key: str, now: float) -> Stored:
    """What stands below a key, as one statement sees it."""
    query = "SELECT version, writer, value FROM keys JOIN slots USING (key) WHERE key = ? AND expires > ?"
    rows = connection.execute(query, (encoded(key), now)).fetchall()
    slots = {decoded(writer): value for _, writer, value in rows}
    return Stored(rows[0][0] if rows else 0, slots)


def purge(connection: sqlite3.Connection, now: float, limit: int) -> None:
    """Delete some keys that have expired."""
    for (key,) in connection.execute("SELECT key FROM keys WHERE expires <= ? LIMIT ?", (now, limit)).fetchall():
        _delete(connection, key)


def _delete(connection: sqlite3.Connection, key: bytes) -> None:
    connection.execute("DELETE FROM slots WHERE key = ?", (key,))
    connection.execute("DELETE FROM keys WHERE key = ?", (key,))
