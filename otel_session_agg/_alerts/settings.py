"""What was said about rules while the program runs: paused, muted, and rules made on the page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

_COLUMNS = frozenset({"is_paused", "is_muted", "muted_until", "definition"})


class Setting(NamedTuple):
    """What was said about one rule."""

    is_paused: bool = False
    """It is not checked."""
    is_muted: bool = False
    """What it finds is noted, and nobody is notified."""
    muted_until: float | None = None
    """Seconds since the Unix epoch; ``None``: until somebody says otherwise."""
    definition: Mapping[str, Any] | None = None
    """Of a rule that was made on the page."""

    def mutes(self, now: float) -> bool:
        """Return whether it is muted at a time."""
        return self.is_muted and (self.muted_until is None or now < self.muted_until)


UNSET = Setting()


def settings(connection: sqlite3.Connection) -> dict[str, Setting]:
    """Return what was said, by rule."""
    rows = connection.execute(
        "SELECT rule, is_paused, is_muted, muted_until, definition FROM settings"
    )
    return {
        rule: Setting(bool(paused), bool(muted), until, json.loads(text) if text else None)
        for rule, paused, muted, until, text in rows
    }


def change(connection: sqlite3.Connection, rule: str, **values: Any) -> None:
    """Note something about a rule; the rest stays."""
    connection.execute("INSERT OR IGNORE INTO settings (rule) VALUES (?)", (rule,))
    for column in values.keys() & _COLUMNS:
        sql = f"UPDATE settings SET {column} = ? WHERE rule = ?"
        connection.execute(sql, (values[column], rule))


def rename(connection: sqlite3.Connection, rule: str, name: str) -> None:
    """Let what was said about a rule be said about another name, of which nothing else is."""
    forget(connection, name)
    connection.execute("UPDATE settings SET rule = ? WHERE rule = ?", (name, rule))


def forget(connection: sqlite3.Connection, rule: str) -> None:
    """Forget everything that was said about a rule."""
    connection.execute("DELETE FROM settings WHERE rule = ?", (rule,))
