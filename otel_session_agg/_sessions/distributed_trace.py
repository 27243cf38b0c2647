"""Traces that have several session roots, in one process or in many: their parts come together at the root that begins them.

A root whose parent is elsewhere leaves at once with its own totals; it is a *part*.  The root that begins the trace carries the
totals of all parts, so it waits for those that are known to be open, at most until lingering is over.  What other processes
know comes as an answer from the store, when there is one that is shared.  Several roots may begin one trace, where an application
uses a trace id again: each waits and leaves by itself, and each part is carried by the one that leaves first.
"""

from __future__ import annotations

from collections.abc import Iterable

from otel_session_agg._deadlines import Deadline, Deadlines
from otel_session_agg._recent import Recent
from otel_session_agg._sharing.parts import RemoteParts
from otel_session_agg._trace.trace import Trace

MAX_REMEMBERED = 4096
"""Traces whose parts are remembered: seconds of a busy process, as long as a caller takes to end after its callee."""


_NONE: dict[int, Trace] = {}


def writer_of(part: Trace) -> str:
    """Whose slot a part stands in."""
    return f"{part.root_id or 0:016x}"


class WaitingRoot:
    """A root that begins a trace and waits for its parts."""

    __slots__ = ("answer", "deadline", "trace")

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.answer: RemoteParts | None = None
        self.deadline: Deadline[WaitingRoot] | None = None


class DistributedTraces:
    """The traces of this process that have parts."""

    def __init__(self) -> None:
        self._parts: Recent[int, dict[int, Trace]] = Recent(MAX_REMEMBERED // 2)
        self._sessions: Recent[int, str] = Recent(MAX_REMEMBERED // 2)
        self._waiting: dict[int, dict[int, WaitingRoot]] = {}
        self._deadlines: Deadlines[WaitingRoot] = Deadlines()

    def __len__(self) -> int:
        return sum(len(roots) for roots in self._waiting.values())

    def add_part(self, trace: Trace) -> None:
        """A part has left."""
        parts = self._parts.get(trace.trace_id)
        if parts is None:
            parts = {}
        parts[id(trace)] = trace
        self._parts.put(trace.trace_id, parts)

    def parts(self, trace_id: int) -> Iterable[Trace]:
        """Parts of this process that have left."""
        return (self._parts.get(trace_id) or _NONE).values()

    def has_left(self, part: Trace) -> bool:
        """Whether a trace is one of these."""
        return id(part) in (self._parts.get(part.trace_id) or _NONE)

    def published(self, trace_id: int) -> dict[str, int]:
        """The same parts, by the writer of each, with the ``seq`` of what was last written of it."""
        return {writer_of(part): part.num_published for part in self.parts(trace_id)}

    def found(self, trace_id: int, session_id: str) -> None:
        """The root of a trace is here, and names the session."""
        self._sessions.put(trace_id, session_id)

    def session_of(self, trace_id: int) -> str | None:
        """The session that the root of a trace named here."""
        return self._sessions.get(trace_id)

    def wait(self, trace: Trace, until: float) -> WaitingRoot:
        """A root waits."""
        waiting = WaitingRoot(trace)
        self._waiting.setdefault(trace.trace_id, {})[id(waiting)] = waiting
        waiting.deadline = self._deadlines.add(until, waiting)
        return waiting

    def waiting(self, trace_id: int) -> list[WaitingRoot]:
        """The roots of a trace that wait."""
        roots = self._waiting.get(trace_id)
        return list(roots.values()) if roots is not None else []

    def is_awaited(self, trace_id: int) -> bool:
        """Whether there are any."""
        return trace_id in self._waiting

    def all(self) -> list[WaitingRoot]:
        """All roots that wait."""
        return [waiting for roots in self._waiting.values() for waiting in roots.values()]

    def done(self, waiting: WaitingRoot) -> None:
        """A root waits no more."""
        if waiting.deadline is not None:
            waiting.deadline.cancel()
        roots = self._waiting.get(waiting.trace.trace_id)
        if roots is not None:
            roots.pop(id(waiting), None)
            if not roots:
                del self._waiting[waiting.trace.trace_id]

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do."""
        return self._deadlines.next()

    def due(self, now: float) -> list[WaitingRoot]:
        """Roots that have waited long enough."""
        return self._deadlines.pop_due(now)
