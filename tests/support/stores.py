"""Stores in tests: what is put into them, what is there, and scripts that use them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from otel_session_agg.stores import (
    SessionStore,
    Slot,
    Stored,
)

LONG = 1000.0


SHORT = 0.05


ODD = [
    "",
    "plain",
    "a:b",
    "{a}",
    "}{",
    "a b",
    "a\nb",
    "a*?[b]\\",
    "50%",
    "ü€😀",
    "nul\0",
    "\ud800",
    "x" * 5000,
    "é" * 5000,
    "a/b",
    "#1",
]


def put(store: SessionStore, *slots: tuple[str, str, int, bytes], due: float | None = None, ttl: float = LONG) -> list[bool]:
    """Put slots."""
    return store.put([Slot(*slot) for slot in slots], ttl_seconds=ttl, due_seconds=due)


def only(store: SessionStore, key: str) -> Stored:
    """What stands below one key."""
    (found,) = store.get([key])
    return found


def statements(path: Path, *sql: str) -> list[Any]:
    """What a database answers to each statement."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchone() for statement in sql]
