"""What was found: a session or a segment for which a rule holds, and why.

A finding has figures, times and ids, and nothing of what was said in a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_session_agg._alerts.rule import Rule

MAX_SESSIONS = 20
"""Sessions that a finding about a segment lists: those that did most of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule holds for a session, or for a segment."""

    target: str
    """The id of the session, or the value of the segment; empty: all sessions."""
    segment: str
    """The value of the segment; empty: sessions are not divided."""
    reason: str
    """The figures, in words: no text of a session is in it."""
    figures: Mapping[str, float | int | None]
    """The same as numbers: USD, milliseconds, percent."""
    sessions: tuple[str, ...]
    """The sessions that did it, those that did most of it first; at most ``MAX_SESSIONS``."""
    time_ns: int
    """When that was by the times of spans, nanoseconds since the Unix epoch."""
    ended: tuple[float, float] | None = None
    """Of a segment: from when on, and before when, the sessions ended that were counted, seconds
    since the Unix epoch."""
    where: str = ""
    """Of a segment: the condition of the rule that these sessions met; empty: all were counted."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "target": self.target,
            "segment": self.segment,
            "reason": self.reason,
            "figures": dict(self.figures),
            "sessions": list(self.sessions),
            "time_ns": self.time_ns,
            "ended": self.ended,
            "where": self.where,
        }

    @staticmethod
    def from_dict(given: Mapping[str, Any]) -> Finding:
        """Return what ``to_dict`` was made of; that of an older version has no period."""
        ended = given.get("ended")
        return Finding(
            given["target"],
            given["segment"],
            given["reason"],
            given["figures"],
            tuple(given["sessions"]),
            given["time_ns"],
            (ended[0], ended[1]) if ended else None,
            given.get("where", ""),
        )


def subject(rule: Rule, finding: Finding) -> tuple[str, str]:
    """Return what a finding is about: words of ours, and a foreign text or an empty one."""
    if rule.is_of_sessions:
        return "session", finding.target
    return (rule.by, finding.target) if rule.by is not None else ("all sessions", "")
