"""Traces with several session roots, in one process or in many.

Rules
-----
* A root whose parent is in another process is a *part*.  It is released at once, with its own
  totals.
* The root that begins the trace carries the totals of all parts.  So it waits for those that are
  known to be open, at most until lingering is over.
* What other processes know is read from the shared store, if there is one.
* Several roots may begin one trace, where an application uses a trace id again: each waits and is
  released by itself, and each part is carried by the one that is released first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from otel_session_agg._collections.deadlines import Deadline, Deadlines, Phase, PhaseDeadlines
from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._sharing.parts import RemoteParts
from otel_session_agg._trace.trace import Trace

MAX_REMEMBERED = 4096
"""Traces whose parts are remembered.

Seconds of a busy process, as long as a caller takes to end after its callee.
"""


_NONE: dict[int, Trace] = {}


def writer_of(part: Trace) -> str:
    """Return the name of the slot that a part is written to, below the key of its trace."""
    return f"{part.root_id or 0:016x}"


class WaitingRoot:
    """A root that begins a trace and waits for its parts."""

    __slots__ = ("deadline", "remote_parts", "rollups", "trace")

    def __init__(self, trace: Trace, rollups: Mapping[str | None, Rollup]) -> None:
        self.trace = trace
        self.rollups = rollups
        """Its own totals when it began to wait, until ``trace.has_changed``."""
        self.remote_parts: RemoteParts | None = None
        """What the store has of other processes; ``None`` until it was read."""
        self.deadline: Deadline[WaitingRoot] | None = None


class DistributedTraces:
    """The traces of this process that have parts, and the roots that wait for them."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._parts: Recent[int, dict[int, Trace]] = Recent(MAX_REMEMBERED // 2)
        self._sessions: Recent[int, str] = Recent(MAX_REMEMBERED // 2)
        self._waiting: dict[int, dict[int, WaitingRoot]] = {}
        self._deadlines: PhaseDeadlines[WaitingRoot] = deadlines.of(Phase.PARTS)

    def add_part(self, trace: Trace) -> None:
        """Remember a part that was released."""
        parts = self._parts.get(trace.trace_id)
        if parts is None:
            parts = {}
        parts[id(trace)] = trace
        self._parts.put(trace.trace_id, parts)

    def parts(self, trace_id: int) -> Iterable[Trace]:
        """Return the parts of this process that were released."""
        return (self._parts.get(trace_id) or _NONE).values()

    def has_left(self, part: Trace) -> bool:
        """Return whether a part was released."""
        return id(part) in (self._parts.get(part.trace_id) or _NONE)

    def published(self, trace_id: int) -> dict[str, int]:
        """Return the ``seq`` of the last write of each released part of this process, by writer."""
        return {
            writer_of(part): part.reported.num_published if part.reported is not None else 0
            for part in self.parts(trace_id)
        }

    def set_session(self, trace_id: int, session_id: str) -> None:
        """Remember the session that the root of a trace, which is in this process, names."""
        self._sessions.put(trace_id, session_id)

    def session_of(self, trace_id: int) -> str | None:
        """Return the session that the root of a trace named in this process."""
        return self._sessions.get(trace_id)

    def wait(self, trace: Trace, rollups: Mapping[str | None, Rollup], until: float) -> WaitingRoot:
        """Let a root with these totals wait for its parts, until a monotonic time."""
        waiting = WaitingRoot(trace, rollups)
        trace.has_changed = False
        self._waiting.setdefault(trace.trace_id, {})[id(waiting)] = waiting
        waiting.deadline = self._deadlines.add(until, waiting)
        return waiting

    def waiting(self, trace_id: int) -> list[WaitingRoot]:
        """Return the roots of a trace that wait."""
        roots = self._waiting.get(trace_id)
        return list(roots.values()) if roots is not None else []

    def is_awaited(self, trace_id: int) -> bool:
        """Return whether a root of a trace waits."""
        return trace_id in self._waiting

    def all(self) -> list[WaitingRoot]:
        """Return all roots that wait."""
        return [waiting for roots in self._waiting.values() for waiting in roots.values()]

    def stop_waiting(self, waiting: WaitingRoot) -> None:
        """Remove a root from those that wait."""
        if waiting.deadline is not None:
            waiting.deadline.cancel()
        roots = self._waiting.get(waiting.trace.trace_id)
        if roots is not None:
            roots.pop(id(waiting), None)
            if not roots:
                del self._waiting[waiting.trace.trace_id]

    def take_expired(self) -> list[WaitingRoot]:
        """Return the roots that have waited long enough."""
        return self._deadlines.take()
