"""Ends of sessions that wait until the spans that are on their way have come.

Where spans come in batches, a session is asked to end before its last spans are here.
"""

from __future__ import annotations

from otel_session_agg._collections.deadlines import Deadline, Deadlines, Phase, PhaseDeadlines


class DelayedEnds:
    """Sessions that are to end, and when."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines: PhaseDeadlines[tuple[str, str]] = deadlines.of(Phase.DELAYED_ENDS)
        self._ends: dict[str, Deadline[tuple[str, str]]] = {}

    def add(self, session_id: str, reason: str, when: float) -> None:
        """Let a session end at a monotonic time, and no longer at another one."""
        if (before := self._ends.pop(session_id, None)) is not None:
            before.cancel()
        self._ends[session_id] = self._deadlines.add(when, (session_id, reason))

    def take(self, *, all_now: bool) -> list[tuple[str, str]]:
        """Return sessions for which it is time, or all of them, each with the reason."""
        ends = self._deadlines.take()
        if all_now:
            ends += [one.item for one in self._ends.values() if one.item is not None]
        found: list[tuple[str, str]] = []
        for session_id, reason in ends:
            if (end := self._ends.pop(session_id, None)) is not None:
                end.cancel()
                found.append((session_id, reason))
        return found
