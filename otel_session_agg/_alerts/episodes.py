"""Episodes: when a rule began to hold for a session or a segment, and when it was seen not to.

Rules
-----
* An episode begins when a rule holds for a target and the last episode of both was seen to end.
  So of each session, and each segment, there is one for as long as the rule holds for it.
* What is delivered is decided in the transaction that notes the episode: on each channel of the
  rule once, unless the rule is muted, or a cool-down is not over.  Of a rule about sessions that
  counts from the last notification of the rule, of one about segments from the last one of the
  segment; the next one says how many were held back.
* An episode of a session that nothing is heard of any more is resolved after a while, for show: it
  was not seen to end, so nobody is notified of it again.
* A clock that is set back neither ends a cool-down early nor makes it last more than twice as long.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from typing import Any
from uuid import uuid4

from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.rule import Rule

NOTIFIED, MUTED, HELD = "notified", "muted", "cool-down"
"""What was done about an episode; that of a rule without channels is on the page."""
TRIGGERED, RESOLVED = "triggered", "resolved"
"""What is notified of an episode."""

QUIET_SECONDS = 3600.0
"""After how long an episode of a session is shown as resolved."""

MAX_WAITING = 1000
"""Notifications that wait for one channel; more are lost: nobody would read them."""

_KEEP_SECONDS = 90 * 86_400
_MAX_KEPT = 200_000


def note(
    connection: sqlite3.Connection,
    rule: Rule,
    findings: Iterable[Finding],
    now: float,
    *,
    is_muted: bool,
) -> int:
    """Begin the episodes of what was found that have not begun; return how many."""
    number = 0
    for finding in findings:
        row = connection.execute(
            "SELECT number, is_cleared FROM episodes WHERE rule = ? AND target = ?"
            " ORDER BY number DESC LIMIT 1",
            (rule.name, finding.target),
        ).fetchone()
        if row is None or row[1]:
            _begin(connection, rule, finding, row[0] + 1 if row else 1, now, is_muted=is_muted)
            number += 1
    return number


def _begin(  # noqa: PLR0913 -- a row
    connection: sqlite3.Connection,
    rule: Rule,
    finding: Finding,
    number: int,
    now: float,
    *,
    is_muted: bool,
) -> None:
    since = _last_notified(connection, rule, finding)
    is_cooling = since is not None and abs(now - since) < rule.cooldown_seconds
    outcome = MUTED if is_muted else HELD if is_cooling else NOTIFIED
    held = _held_since(connection, rule, since) if outcome == NOTIFIED and since is not None else 0
    episode = uuid4().hex
    connection.execute(
        "INSERT INTO episodes (id, rule, target, number, fired_at, outcome, held, severity, kind,"
        " text, by_key, finding) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            episode,
            rule.name,
            finding.target,
            number,
            now,
            outcome,
            held,
            rule.severity,
            rule.kind,
            rule.text,
            rule.by or "",
            json.dumps(finding.to_dict()),
        ),
    )
    if outcome == NOTIFIED:
        _deliver(connection, rule, episode, TRIGGERED)


def _last_notified(connection: sqlite3.Connection, rule: Rule, finding: Finding) -> float | None:
    """Return when the rule, or the segment of it, was last notified of."""
    sql = "SELECT max(fired_at) FROM episodes WHERE outcome = 'notified' AND rule = ?"
    if rule.is_of_sessions:
        [since] = connection.execute(sql, (rule.name,)).fetchone()
    else:
        sql += " AND target = ?"
        [since] = connection.execute(sql, (rule.name, finding.target)).fetchone()
    return None if since is None else float(since)


def _held_since(connection: sqlite3.Connection, rule: Rule, since: float) -> int:
    [number] = connection.execute(
        "SELECT count(*) FROM episodes WHERE rule = ? AND outcome = 'cool-down' AND fired_at >= ?",
        (rule.name, since),
    ).fetchone()
    return int(number)


def _deliver(connection: sqlite3.Connection, rule: Rule, episode: str, phase: str) -> None:
    for channel in rule.notify:
        [waiting] = connection.execute(
            "SELECT count(*) FROM deliveries"
            " WHERE channel = ? AND status IN ('waiting', 'sending')",
            (channel,),
        ).fetchone()
        status = "waiting" if waiting < MAX_WAITING else "lost"
        connection.execute(
            "INSERT OR IGNORE INTO deliveries (episode, channel, phase, status)"
            " VALUES (?, ?, ?, ?)",
            (episode, channel, phase, status),
        )


def clear(connection: sqlite3.Connection, rule: Rule, targets: Iterable[str], now: float) -> int:
    """End the episodes of targets for which a rule was seen not to hold; return how many."""
    number = 0
    for target in targets:
        row = connection.execute(
            "SELECT id, resolved_at, outcome FROM episodes"
            " WHERE rule = ? AND target = ? AND is_cleared = 0 ORDER BY number DESC LIMIT 1",
            (rule.name, target),
        ).fetchone()
        if row is None:
            continue
        episode, resolved_at, outcome = row
        connection.execute(
            "UPDATE episodes SET is_cleared = 1, resolved_at = coalesce(resolved_at, ?)"
            " WHERE id = ?",
            (now, episode),
        )
        if rule.notifies_end and resolved_at is None and outcome == NOTIFIED:
            _deliver(connection, rule, episode, RESOLVED)
        number += 1
    return number


def open_targets(connection: sqlite3.Connection, rule: Rule) -> set[str]:
    """Return the targets with an episode of a rule that goes on."""
    rows = connection.execute(
        "SELECT target FROM episodes WHERE rule = ? AND resolved_at IS NULL", (rule.name,)
    )
    return {target for (target,) in rows}


def uncleared(connection: sqlite3.Connection, rule: Rule, targets: Collection[str]) -> set[str]:
    """Return those of some sessions that have an episode that was not seen to end."""
    rows = connection.execute(
        "SELECT DISTINCT target FROM episodes WHERE rule = ? AND is_cleared = 0"
        " AND target IN (SELECT value FROM json_each(?))",
        (rule.name, json.dumps(list(targets))),
    )
    return {target for (target,) in rows}


def tidy(connection: sqlite3.Connection, now: float) -> None:
    """Resolve what nothing is heard of any more; forget what is old, or too much."""
    connection.execute(
        "UPDATE episodes SET resolved_at = ? WHERE resolved_at IS NULL"
        " AND kind IN ('session', 'anomaly') AND fired_at < ?",
        (now, now - QUIET_SECONDS),
    )
    connection.execute(
        "DELETE FROM episodes WHERE resolved_at IS NOT NULL AND (fired_at < ? OR fired_at <"
        " (SELECT fired_at FROM episodes ORDER BY fired_at DESC LIMIT 1 OFFSET ?))",
        (now - _KEEP_SECONDS, _MAX_KEPT),
    )


# -- for show --------------------------------------------------------------------------------------


def fired(connection: sqlite3.Connection, limit: int, rule: str | None) -> list[dict[str, Any]]:
    """Return what fired as plain values, the latest first."""
    rows = connection.execute(
        "SELECT id, rule, number, fired_at, resolved_at, outcome, held, severity, kind, text,"
        " by_key, finding FROM episodes WHERE ? IS NULL OR rule = ?"
        " ORDER BY fired_at DESC, rowid DESC LIMIT ?",
        (rule, rule, limit),
    ).fetchall()
    names = ("id", "rule", "number", "fired_at", "resolved_at", "outcome", "held", "severity",
             "kind", "text", "by")  # fmt: skip
    found = [dict(zip(names, row, strict=False), **json.loads(row[-1])) for row in rows]
    for one in found:
        one["state"] = TRIGGERED if one["resolved_at"] is None else RESOLVED
        one["deliveries"] = [
            {"channel": channel, "phase": phase, "status": status, "attempts": attempts,
             "problem": problem}
            for channel, phase, status, attempts, problem in connection.execute(
                "SELECT channel, phase, status, attempts, problem FROM deliveries"
                " WHERE episode = ? ORDER BY id",
                (one["id"],),
            )
        ]  # fmt: skip
    return found


def number_fired(connection: sqlite3.Connection, rule: str | None) -> int:
    """Return how many episodes there are, of all rules or one."""
    [number] = connection.execute(
        "SELECT count(*) FROM episodes WHERE ? IS NULL OR rule = ?", (rule, rule)
    ).fetchone()
    return int(number)


def rename(connection: sqlite3.Connection, rule: str, name: str) -> None:
    """Let the episodes of a rule be those of another name, after those that this has already."""
    [last] = connection.execute(
        "SELECT coalesce(max(number), 0) FROM episodes WHERE rule = ?", (name,)
    ).fetchone()
    connection.execute(
        "UPDATE episodes SET rule = ?, number = number + ? WHERE rule = ?", (name, last, rule)
    )


def counts(connection: sqlite3.Connection) -> dict[str, tuple[int, int, float]]:
    """Return of each rule: episodes that go on, all episodes, and when the last one began."""
    rows = connection.execute(
        "SELECT rule, sum(resolved_at IS NULL), count(*), max(fired_at) FROM episodes GROUP BY rule"
    )
    return {rule: (number, total, last) for rule, number, total, last in rows}
