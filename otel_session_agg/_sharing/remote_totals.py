"""Application threads that wait, on request, for what other processes have of a session.

Rules
-----
* A thread goes on when nothing of the session is open in another process, at the earliest at
  ``settles_at``, and at the latest when its own time is over.
* What a process that was killed left open stays in the store.  So a slot with something open that
  is the same for ``_MAX_SILENT_SECONDS`` is not waited for until it changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from otel_session_agg._collections.recent import Recent
from otel_session_agg._sharing.session_slots import RemoteTotals, SessionSlots, Spent
from otel_session_agg._threads.background import Done

GRACE_SECONDS = 0.15
"""How long other processes get at least to write what they have.

They collect for 20 ms, then write.
"""

POLL_SECONDS = 0.02
"""Between two looks while a thread waits."""

_MAX_SILENT_SECONDS = 60.0
"""How long an open slot may stay the same: a process at work writes at the end of each call."""

_MAX_SEEN = 8192
"""Open slots that are remembered."""


class Fetch:
    """One thread that waits.

    Args:
        until: When it stops waiting, monotonic seconds.
        name: The session or the account; ``None`` for a thread that waits only until what was put
            before is written.
        writer: The own writer there.
        own_processes: Names of the processors of this process; what is open there is not waited
            for.
        owner: The owner of the account; ``None``: it is a session.
        is_patient: Whether other processes may be about to write something that is open.

    """

    __slots__ = (
        "done",
        "is_patient",
        "name",
        "own_processes",
        "owner",
        "settles_at",
        "until",
        "when",
        "writer",
    )

    def __init__(  # noqa: PLR0913 -- what is waited for, and by which thread
        self,
        until: float,
        name: str | None = None,
        writer: str = "",
        own_processes: frozenset[str] = frozenset(),
        *,
        owner: str | None = None,
        is_patient: bool = False,
    ) -> None:
        self.until = until
        self.name = name
        self.owner = owner
        self.writer = writer
        self.own_processes = own_processes
        self.is_patient = is_patient
        self.settles_at = 0.0
        """The earliest end of the wait, monotonic seconds."""
        self.when = 0.0
        """When to look next, monotonic seconds."""
        self.done = Done()


class Fetches:
    """All threads that wait.  Any thread may call; only the store thread calls `look`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fetch] = []
        self._seen: Recent[tuple[str, str], tuple[bytes, float]] = Recent(_MAX_SEEN // 2)
        """The values of open slots, and since when they are the same; only `look` uses it."""

    def add(self, fetch: Fetch, now: float, grace_seconds: float = GRACE_SECONDS) -> None:
        """Add a thread that waits."""
        if fetch.is_patient:
            fetch.settles_at = min(now + grace_seconds, fetch.until)
        with self._lock:
            self._waiting.append(fetch)

    def remove(self, *fetches: Fetch) -> None:
        """Let threads go on."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one not in fetches]
        for fetch in fetches:
            fetch.done.set()

    def refuse(self) -> None:
        """Let all threads go on: the store cannot be reached."""
        self.remove(*self._waiting)

    def next(self) -> float:
        """Return when the next look is due, monotonic seconds."""
        return min((fetch.when for fetch in list(self._waiting)), default=float("inf"))

    def look(
        self,
        sessions: SessionSlots,
        add_results: Callable[[list[RemoteTotals | Spent]], object],
        now: float,
    ) -> None:
        """Read what the threads wait for whose next look is due.

        ``add_results`` is called with what other processes have.  Raises what the store raises.
        """
        for fetch in [one for one in list(self._waiting) if one.when <= now]:
            is_open: Mapping[str, bytes] = {}
            found: RemoteTotals | Spent | None = None
            if fetch.name is not None and fetch.owner is not None:
                found, is_open = sessions.spent_and_open(
                    fetch.name, fetch.writer, fetch.owner, fetch.own_processes
                )
            elif fetch.name is not None:
                found, is_open = sessions.remote_and_open(
                    fetch.name, fetch.writer, fetch.own_processes
                )
            if found is not None:
                add_results([found])
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
