"""The file that remembers what fired and what was delivered: SQLite, and nothing beside Python.

============== ====================================================================================
``episodes``   a rule that held for a session or a segment: since when, until when, what was found
``deliveries`` an episode that is to be delivered to a channel, and how far that is
``settings``   rules that are paused or muted, and rules that were made on the page
============== ====================================================================================

Each change is one transaction, on disk before it is acted upon, so a killed program has noted all
of it or nothing.  The file is opened for each use and closed after it: several processes can share
it, and no connection is open across a fork.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from weakref import WeakMethod

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._untrusted.formatting import printable, short
from otel_session_agg.stores._sqlite_files import create_file

VERSION = 1
"""Of the tables."""

_BUSY_SECONDS = 10.0
"""How long a change waits for one of another process; each takes some milliseconds."""
_FORK_WAIT_SECONDS = 10.0
_TABLES = f"""
CREATE TABLE episodes (
    id TEXT PRIMARY KEY,
    rule TEXT NOT NULL,
    target TEXT NOT NULL,
    number INTEGER NOT NULL,
    fired_at REAL NOT NULL,
    resolved_at REAL,
    is_cleared INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL,
    held INTEGER NOT NULL,
    severity TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    by_key TEXT NOT NULL,
    finding TEXT NOT NULL,
    UNIQUE (rule, target, number)
);
CREATE INDEX episodes_by_time ON episodes (fired_at);
CREATE INDEX episodes_open ON episodes (rule) WHERE resolved_at IS NULL;
CREATE INDEX episodes_notified ON episodes (rule, fired_at) WHERE outcome = 'notified';
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    episode TEXT NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
    channel TEXT NOT NULL,
    phase TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    owner TEXT,
    claimed_at REAL,
    UNIQUE (episode, channel, phase)
);
CREATE INDEX deliveries_waiting ON deliveries (channel, id)
    WHERE status IN ('waiting', 'sending');
CREATE TABLE settings (
    rule TEXT PRIMARY KEY,
    is_paused INTEGER NOT NULL DEFAULT 0,
    is_muted INTEGER NOT NULL DEFAULT 0,
    muted_until REAL,
    definition TEXT
);
PRAGMA user_version = {VERSION};
"""


class StateError(SessionAggError):
    """The state of alerts cannot be used; the text says why."""


def _nothing() -> None:
    """Do nothing at a fork: the state is gone."""


class State:
    """What fired and what was delivered, in a file or in this process."""

    def __init__(self, path: Path | None) -> None:
        """Open a file, which is created if it is not there; ``None``: in memory.

        Raises:
            StateError: it cannot be used.

        """
        self._path = path
        self._lock = threading.Lock()
        self._stopped: set[int] = set()
        self._memory = _opened(":memory:") if path is None else None
        if hasattr(os, "register_at_fork"):
            stop, go_on = WeakMethod(self._before_fork), WeakMethod(self._after_fork)
            begin = WeakMethod(self._in_child)
            os.register_at_fork(
                before=lambda: (stop() or _nothing)(),  # noqa: PLW0108 -- looked up at the fork
                after_in_parent=lambda: (go_on() or _nothing)(),  # noqa: PLW0108
                after_in_child=lambda: (begin() or _nothing)(),  # noqa: PLW0108
            )
        with self.changing() as connection:
            _create(connection)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction, which is on disk afterwards, or undone.

        Raises:
            StateError: the file cannot be used.

        """
        with self._lock, self._described(), ExitStack() as stack:
            connection = self._memory
            if connection is None:
                connection = stack.enter_context(closing(self._file()))
            connection.execute("BEGIN IMMEDIATE")
            with ExitStack() as undo:
                undo.callback(connection.rollback)
                yield connection
                undo.pop_all()
            connection.commit()

    def _file(self) -> sqlite3.Connection:
        path = Path(self._path or "")
        create_file(path)
        return _opened(str(path))

    @contextmanager
    def _described(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = printable(str(self._path))
            message = f"the state of alerts in {name} cannot be used: {short(str(error))}"
            raise StateError(message) from None

    def _before_fork(self) -> None:
        if self._lock.acquire(timeout=_FORK_WAIT_SECONDS):
            self._stopped.add(threading.get_ident())

    def _after_fork(self) -> None:
        if threading.get_ident() in self._stopped:
            self._stopped.discard(threading.get_ident())
            self._lock.release()

    def _in_child(self) -> None:
        """Leave to the parent what waits in memory: there are two of it now."""
        self._after_fork()
        if self._memory is not None:
            with self.changing() as connection:
                connection.execute(
                    "UPDATE deliveries SET status = 'left to the parent process'"
                    " WHERE status IN ('waiting', 'sending')"
                )


def _opened(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        name, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    with ExitStack() as undo:
        undo.callback(connection.close)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        undo.pop_all()
    return connection


def _create(connection: sqlite3.Connection) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        message = f"it is of a newer version ({version}) of this program: upgrade otel-session-agg"
        raise sqlite3.DatabaseError(message)
    if version == 0:
        [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables:
            message = "it has tables of another program"
            raise sqlite3.DatabaseError(message)
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
