"""Threads of the application that wait, because they asked to, for what other processes have of a session.

Whoever waits goes on when no other process says that something of the session is open, at the earliest at ``settles_at``, and
at the latest when its own time is over.  What a process that was killed left open stays in the store; so what has said the same
for ``_MAX_SILENT_SECONDS`` is not waited for until it says something else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from otel_session_agg._recent import Recent
from otel_session_agg._sharing.session_slots import RemoteTotals, SessionSlots, Spent
from otel_session_agg._threads.background import Done

GRACE_SECONDS = 0.15
"""How long other processes get at least to write what they know: they gather for 20 ms, then write."""

POLL_SECONDS = 0.02
"""Between two looks while somebody waits."""

_MAX_SILENT_SECONDS = 60.0
"""How long what is open may say nothing new: a process that is at work writes at the end of each call."""

_MAX_SEEN = 8192
"""Open slots that are remembered."""


class Fetch:
    """One thread that waits."""

    __slots__ = (
        "done",
        "is_patient",
        "name",
        "ours",
        "owner",
        "settles_at",
        "until",
        "when",
        "writer",
    )

    def __init__(  # noqa: PLR0913 -- what is waited for, and by whom
        self,
        until: float,
        name: str | None = None,
        writer: str = "",
        ours: frozenset[str] = frozenset(),
        *,
        owner: str | None = None,
        is_patient: bool = False,
    ) -> None:
        """``name``: ``None`` for one that waits only until what was put before is written."""
        self.until = until
        self.name = name
        """Of a session, or of an account."""
        self.owner = owner
        """Whose the account is; ``None``: it is a session."""
        self.writer = writer
        """Our own writer there."""
        self.ours = ours
        """Names of this process: what is open here is not waited for."""
        self.is_patient = is_patient
        """Whether others may be about to write what they have not told of yet."""
        self.settles_at = 0.0
        self.when = 0.0
        """When to look next, monotonic seconds."""
        self.done = Done()


class Fetches:
    """All that wait; calls from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fetch] = []
        self._seen: Recent[tuple[str, str], tuple[bytes, float]] = Recent(_MAX_SEEN // 2)
        """What stands in open slots, and since when; of the thread that looks only."""

    def add(self, fetch: Fetch, now: float, grace_seconds: float = GRACE_SECONDS) -> None:
        """Look for somebody from now on."""
        if fetch.is_patient:
            fetch.settles_at = min(now + grace_seconds, fetch.until)
        with self._lock:
            self._waiting.append(fetch)

    def remove(self, *fetches: Fetch) -> None:
        """Look no longer."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one not in fetches]
        for fetch in fetches:
            fetch.done.set()

    def refuse(self) -> None:
        """Let nobody wait: the store cannot be reached."""
        self.remove(*self._waiting)

    def next(self) -> float:
        """When the next look is due, monotonic seconds."""
        return min((fetch.when for fetch in list(self._waiting)), default=float("inf"))

    def look(
        self,
        sessions: SessionSlots,
        tell: Callable[[list[RemoteTotals | Spent]], object],
        now: float,
    ) -> None:
        """Look for those that it is time for; ``tell`` gets what others have.  Raises what the store raises."""
        for fetch in [one for one in list(self._waiting) if one.when <= now]:
            is_open: Mapping[str, bytes] = {}
            heard: RemoteTotals | Spent | None = None
            if fetch.name is not None and fetch.owner is not None:
                heard, is_open = sessions.spent_and_open(
                    fetch.name, fetch.writer, fetch.owner, fetch.ours
                )
            elif fetch.name is not None:
                heard, is_open = sessions.others_and_open(fetch.name, fetch.writer, fetch.ours)
            if heard is not None:
                tell([heard])
            self._looked(fetch, is_open, now)

    def _looked(self, fetch: Fetch, is_open: Mapping[str, bytes], now: float) -> None:
        alive = [
            writer
            for writer, value in is_open.items()
            if self._is_alive((fetch.owner or fetch.name or "", writer), value, now)
        ]
        if alive and now < fetch.until:
            fetch.when = min(now + POLL_SECONDS, fetch.until)
        elif now < fetch.settles_at:
            fetch.when = fetch.settles_at
        else:
            self.remove(fetch)

    def _is_alive(self, slot: tuple[str, str], value: bytes, now: float) -> bool:
        seen = self._seen.get(slot)
        since = seen[1] if seen is not None and seen[0] == value else now
        self._seen.put(slot, (value, since))
        return now - since < _MAX_SILENT_SECONDS
