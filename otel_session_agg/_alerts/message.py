"""What a notification says: as text for people, and as plain values for programs.

It has the name of the rule, figures, times, ids and the segment, and nothing of what was said in a
session.  Ids and segments are foreign text.  Chats and mail programs take some characters for
mark-up, mentions or links, each others; so in text all but letters, digits and a few signs is
written as percent and hexadecimal, as in URLs.  Programs get the text as it is, in JSON.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, NamedTuple

from otel_session_agg._alerts.episodes import RESOLVED
from otel_session_agg._alerts.notifications import Notification
from otel_session_agg._untrusted.formatting import counted

_PLAIN = frozenset(" -_:")
_MAX_CHARS = 120
_MAX_LISTED = 5
_SECOND_NS = 10**9


class Text(NamedTuple):
    """A notification for people."""

    title: str
    body: str


def plain(text: str) -> str:
    """Return a foreign text of letters, digits, blanks and ``-_:``, the rest as ``%40``.

    A full stop stays between digits, where it makes no link.
    """
    shown = text[:_MAX_CHARS]
    parts = [
        char
        if char.isalnum() or char in _PLAIN or (char == "." and _is_in_number(shown, at))
        else "".join(f"%{byte:02X}" for byte in char.encode(errors="replace"))
        for at, char in enumerate(shown)
    ]
    return "".join(parts) + ("..." if len(text) > _MAX_CHARS else "")


def _is_in_number(text: str, at: int) -> bool:
    return text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit()


def in_words(given: Notification) -> Text:
    """Return a notification for people."""
    found = given.finding
    subject = _subject(given)
    lines = [f"{subject}: {found.reason}"]
    if found.segment and given.kind == "anomaly":
        lines.append(f"{plain(given.by)}: {plain(found.segment)}")
    lines.append(f"rule: {plain(given.rule)} ({given.severity})")
    if given.kind not in {"session", "anomaly"} and found.sessions:
        listed = ", ".join(map(plain, found.sessions[:_MAX_LISTED]))
        lines.append(f"sessions: {listed}")
    if given.held:
        lines.append(f"{counted(given.held, 'other')} held back since the last notification")
    lines += [f"at {_time(given.fired_at)}", f"id {given.id}"]
    if given.phase == RESOLVED:
        lines[0] = f"{subject}: it was {found.reason}"
        lines.insert(-1, f"over since {_time(given.resolved_at)}")
    return Text(f"{given.phase}: {plain(given.rule)}", "\n".join(lines))


def _subject(given: Notification) -> str:
    if given.kind in {"session", "anomaly"}:
        return f"session {plain(given.finding.target)}"
    return f"{plain(given.by)} {plain(given.finding.target)}" if given.by else "all sessions"


def as_values(given: Notification) -> dict[str, Any]:
    """Return the same as plain values for JSON; times are in ISO 8601, UTC."""
    found = given.finding
    return {
        "id": given.id,
        "state": given.phase,
        "rule": given.rule,
        "kind": given.kind,
        "condition": given.text,
        "severity": given.severity,
        "session_id": found.target if given.kind in {"session", "anomaly"} else None,
        "segment_by": given.by or None,
        "segment": found.segment if given.by else None,
        "reason": found.reason,
        "figures": dict(found.figures),
        "sessions": list(found.sessions),
        "event_time": _time(found.time_ns / _SECOND_NS),
        "fired_at": _time(given.fired_at),
        "resolved_at": _time(given.resolved_at) if given.resolved_at is not None else None,
        "held_back": given.held,
    }


def _time(seconds: float | None) -> str:
    try:
        time = datetime.fromtimestamp(seconds or 0, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return "unknown"
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
