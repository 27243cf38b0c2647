"""Notifications that wait: one process at a time tries one of them.

What a killed process had begun to hand over is tried again by the next one: at once where nobody
else can have it, else when the other process would have been done long ago.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, NamedTuple

from otel_session_agg._alerts.finding import Finding

LEASE_SECONDS = 60.0
"""How long an attempt may take, by far: then another process tries."""


class Notification(NamedTuple):
    """An episode's beginning or end, for one channel."""

    delivery: int
    id: str
    """The same each time that it is tried, and on each channel."""
    phase: str
    """``triggered`` or ``resolved``."""
    rule: str
    severity: str
    kind: str
    text: str
    """What the rule says."""
    by: str
    """What sessions are divided by; empty: nothing."""
    fired_at: float
    """Seconds since the Unix epoch, by the clock of the machine."""
    resolved_at: float | None
    held: int
    """Episodes before it that a cool-down held back."""
    finding: Finding
    attempts: int
    """How often it was tried before."""


def claim(
    connection: sqlite3.Connection, channel: str, owner: str, now: float
) -> Notification | None:
    """Return the oldest notification that waits for a channel, which is then this owner's."""
    row = connection.execute(
        "SELECT d.id, e.id, d.phase, e.rule, e.severity, e.kind, e.text, e.by_key, e.fired_at,"
        " e.resolved_at, e.held, e.finding, d.attempts"
        " FROM deliveries d JOIN episodes e ON e.id = d.episode WHERE d.channel = ?"
        " AND (d.status = 'waiting' OR (d.status = 'sending' AND abs(? - d.claimed_at) > ?))"
        " ORDER BY d.id LIMIT 1",
        (channel, now, LEASE_SECONDS),
    ).fetchone()
    if row is None:
        return None
    connection.execute(
        "UPDATE deliveries SET status = 'sending', owner = ?, claimed_at = ? WHERE id = ?",
        (owner, now, row[0]),
    )
    values: dict[str, Any] = dict(zip(Notification._fields, row, strict=True))
    values["id"] += f"-{values['phase']}"
    values["finding"] = Finding.from_dict(json.loads(values["finding"]))
    return Notification(**values)


def settle(
    connection: sqlite3.Connection, delivery: int, owner: str, status: str, problem: str | None
) -> None:
    """Note what came of an attempt; ``waiting``: it is to be tried again."""
    connection.execute(
        "UPDATE deliveries SET status = ?, problem = ?, attempts = attempts + 1, owner = NULL"
        " WHERE id = ? AND owner = ?",
        (status, problem, delivery, owner),
    )


def owners(connection: sqlite3.Connection) -> list[str]:
    """Return who has notifications in hand."""
    rows = connection.execute(
        "SELECT DISTINCT owner FROM deliveries WHERE status = 'sending' AND owner IS NOT NULL"
    )
    return [owner for (owner,) in rows]


def release(connection: sqlite3.Connection, owner: str) -> None:
    """Let what an owner had begun be tried again: it is gone."""
    connection.execute(
        "UPDATE deliveries SET status = 'waiting', owner = NULL"
        " WHERE status = 'sending' AND owner = ?",
        (owner,),
    )


def give_up_others(connection: sqlite3.Connection, channels: list[str]) -> None:
    """Note as failed what waits for channels that are not described any more."""
    connection.execute(
        "UPDATE deliveries SET status = 'failed', problem = 'there is no such channel any more'"
        " WHERE status = 'waiting' AND channel NOT IN (SELECT value FROM json_each(?))",
        (json.dumps(channels),),
    )


def waiting(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many notifications wait for each channel."""
    rows = connection.execute(
        "SELECT channel, count(*) FROM deliveries WHERE status IN ('waiting', 'sending')"
        " GROUP BY channel"
    )
    return dict(rows.fetchall())
