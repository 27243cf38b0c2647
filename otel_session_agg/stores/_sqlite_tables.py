"""The tables of an SQLite store, and the statements on one row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from otel_session_agg._exceptions import StoreError
from otel_session_agg._threads.imports import imports
from otel_session_agg.stores.base import LeftOut, Slot, Stored

if TYPE_CHECKING:
    import sqlite3

BUSY_SECONDS = 5.0
"""How long to wait for other processes, which hold the file for milliseconds."""
_STEP_SECONDS = 0.05
"""How long SQLite itself waits at a time: meanwhile a fork waits, too."""
_APPLICATION = 0x6F736167
"""The application id in the head of the file: "osag"."""
_VERSION = 1
"""The version of the schema."""
_SCHEMA = (
    (
        "CREATE TABLE keys (\n"
        "        key BLOB PRIMARY KEY, version INTEGER NOT NULL,"
        " settled INTEGER NOT NULL DEFAULT 0, expires REAL NOT NULL, due REAL\n    ) WITHOUT ROWID"
    ),
    "CREATE INDEX keys_by_expiry ON keys (expires)",
    "CREATE INDEX keys_by_due ON keys (due) WHERE due IS NOT NULL",
    (
        "CREATE TABLE slots (key BLOB, writer BLOB, seq INTEGER NOT NULL, value BLOB NOT NULL,"
        " PRIMARY KEY (key, writer))"
    ),
    (
        "CREATE TABLE claims (key BLOB PRIMARY KEY, owner BLOB NOT NULL, until REAL NOT NULL)"
        " WITHOUT ROWID"
    ),
    "CREATE INDEX claims_by_end ON claims (until)",
    "CREATE TABLE state (version INTEGER NOT NULL, written REAL NOT NULL)",
    "INSERT INTO state VALUES (0, 0)",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {_VERSION}",
)
"""``state`` has one row: the last version given to any key, and the time of the last write.

So no key has a version again that it had before.  Texts are BLOBs of UTF-8, which have an order, a
beginning and no forbidden characters.
"""
_REBASE = (
    "UPDATE keys SET expires = expires - :ahead, due = due - :ahead",
    "UPDATE claims SET until = until - :ahead",
    "UPDATE state SET written = written - :ahead",
)


class _Row(NamedTuple):
    version: int
    settled: bool


def encoded(text: str) -> bytes:
    """Return a text as a BLOB, whatever is in it."""
    return text.encode("utf-8", "surrogatepass")


def decoded(text: object) -> str | None:
    """Return the text that ``encoded`` was given; ``None`` for what it cannot have made."""
    try:
        return text.decode("utf-8", "surrogatepass") if isinstance(text, bytes) else None
    except UnicodeDecodeError:
        return None


def known(keys: Iterable[object], left_out: LeftOut) -> Iterator[str]:
    """Return the texts of keys; note those that this library cannot have written."""
    for key in keys:
        text = decoded(key)
        if text is not None:
            yield text
        else:
            left_out.note(f"key {key!r:.80}")


def connect(path: Path, clock: Callable[[], float]) -> sqlite3.Connection:
    """Open a file, and correct its times after a reboot.

    Raises:
        StoreError: It belongs to another application, or is of another version.

    """
    with imports:
        import sqlite3  # noqa: PLC0415 -- some builds of Python come without it

    connection = sqlite3.connect(
        path, timeout=_STEP_SECONDS, isolation_level=None, check_same_thread=False
    )
    with ExitStack() as stack:
        stack.callback(connection.close)
        connection.text_factory = _no_text
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection, path)
        _repair(connection)
        _rebase(connection, clock())
        connection.execute("COMMIT")
        # where another process has the file just now, the next one that opens it does this
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        check_version(connection, path)  # this reads, so that the files beside are there
        stack.pop_all()
    return connection


def _no_text(_: bytes) -> None:
    """Read any TEXT as ``None``.

    This library writes only BLOBs, and what is not UTF-8 would be an error of the whole query.
    """


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables, or check that they are those of this version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        for statement in _SCHEMA:
            connection.execute(statement)
        connection.execute("UPDATE state SET version = ?", (_first_version(),))
    elif application != _APPLICATION:
        message = f"{path} belongs to another application: name another file"
        raise StoreError(message)
    else:
        check_version(connection, path)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Check that the tables are still those of this version.

    A newer one may have changed them while they were open here.

    Raises:
        StoreError: They are not.

    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != _VERSION:
        message = (
            f"{path} was written by another version of otel-session-agg"
            f" (schema {version}, this one has {_VERSION}):"
            " name another file, or delete this one, which forgets the sessions in it"
        )
        raise StoreError(message)


def _repair(connection: sqlite3.Connection) -> None:
    """Give ``state`` its one row, whatever was done to it."""
    rows = connection.execute("SELECT version, written FROM state LIMIT 2").fetchall()
    if [(int, float)] != [(type(version), type(written)) for version, written in rows]:
        connection.execute("DELETE FROM state")
        connection.execute("INSERT INTO state VALUES (?, 0)", (_first_version(),))


def _first_version() -> int:
    """Return a version that no key of an earlier file of that name has had.

    Versions grow slower than microseconds.
    """
    return time.time_ns() // 1000


def _rebase(connection: sqlite3.Connection, now: float) -> None:
    """Move times from before a reboot back, so that the time that was left runs from now."""
    (written,) = connection.execute("SELECT written FROM state").fetchone()
    if written > now:
        for statement in _REBASE:
            connection.execute(statement, {"ahead": written - now})


def live(connection: sqlite3.Connection, key: str, now: float) -> _Row | None:
    """Return the row of a key; delete what is left of one that has expired."""
    row = connection.execute(
        "SELECT version, settled, expires FROM keys WHERE key = ?", (encoded(key),)
    ).fetchone()
    if row is None:
        return None
    version, settled, expires = row
    if isinstance(expires, (int, float)) and expires <= now:
        _delete(connection, encoded(key))
        return None
    return _Row(_whole(version), bool(settled))


def _whole(version: object) -> int:
    return version if isinstance(version, int) else 0


def put(
    connection: sqlite3.Connection,
    slots: Sequence[Slot],
    now: float,
    expires: float,
    due: float | None,
) -> bool:
    """Put slots of one key; return whether it was settled."""
    row = live(connection, slots[0].key, now)
    key = encoded(slots[0].key)
    if row is None:
        create(connection, key)
    replaced = sum([replace(connection, slot) for slot in slots])
    if replaced and row is not None:
        connection.execute(
            "UPDATE keys SET version = ?, settled = 0 WHERE key = ?",
            (_next_version(connection), key),
        )
    prolong(connection, key, expires, due)
    return row is not None and row.settled


def prolong(
    connection: sqlite3.Connection, key: bytes, expires: float, due: float | None = None
) -> None:
    """Let a key live until a time, unless it lives longer, and set when it is due."""
    statement = """UPDATE keys SET
        expires = CASE typeof(expires) WHEN 'real' THEN max(expires, ?) ELSE ? END,
        due = coalesce(?, due) WHERE key = ?"""
    connection.execute(statement, (expires, expires, due, key))


def replace(connection: sqlite3.Connection, slot: Slot) -> bool:
    """Put a slot if it is newer; return whether it was."""
    statement = """INSERT INTO slots VALUES (?, ?, ?, ?) ON CONFLICT (key, writer)
        DO UPDATE SET seq = excluded.seq, value = excluded.value
        WHERE excluded.seq > seq OR typeof(seq) != 'integer'"""
    row = (encoded(slot.key), encoded(slot.writer), slot.seq, slot.value)
    return connection.execute(statement, row).rowcount == 1


def create(connection: sqlite3.Connection, key: bytes) -> None:
    """Add the row of a key, with a version it never had."""
    connection.execute(
        "INSERT INTO keys (key, version, expires) VALUES (?, ?, 0)",
        (key, _next_version(connection)),
    )


def _next_version(connection: sqlite3.Connection) -> int:
    row = _counted(connection)
    if row is None:
        _repair(connection)
        row = _counted(connection)
    return row or 0


def _counted(connection: sqlite3.Connection) -> int | None:
    """Return the next version from ``state``; ``None`` when its row is damaged."""
    connection.execute("UPDATE state SET version = version + 1 WHERE typeof(version) = 'integer'")
    rows = connection.execute("SELECT version FROM state LIMIT 2").fetchall()
    return rows[0][0] if len(rows) == 1 and isinstance(rows[0][0], int) else None


def get(connection: sqlite3.Connection, key: str, now: float, left_out: LeftOut) -> Stored:
    """Return the slots below a key, as one statement sees them."""
    query = (
        "SELECT version, writer, value FROM keys JOIN slots USING (key)"
        " WHERE key = ? AND expires > ?"
    )
    rows = connection.execute(query, (encoded(key), now)).fetchall()
    slots = {}
    for _, writer, value in rows:
        name = decoded(writer)
        if name is not None and isinstance(value, bytes):
            slots[name] = value
        else:
            left_out.note(f"{key}: {writer!r:.80}")
    return Stored(_whole(rows[0][0]) if rows else 0, slots, len(rows) - len(slots))


def purge(connection: sqlite3.Connection, now: float, limit: int) -> None:
    """Delete some keys that have expired."""
    for (key,) in connection.execute(
        "SELECT key FROM keys WHERE expires <= ? LIMIT ?", (now, limit)
    ).fetchall():
        _delete(connection, key)


def _delete(connection: sqlite3.Connection, key: bytes) -> None:
    connection.execute("DELETE FROM slots WHERE key = ?", (key,))
    connection.execute("DELETE FROM keys WHERE key = ?", (key,))
