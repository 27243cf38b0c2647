"""One heap of monotonic deadlines for all parts of a pipeline; time comes in as ``now``.

Each part has its own `PhaseDeadlines` in the heap, to add to and to take from.  The coordinator
compares ``first_seconds``, lets `Deadlines.due` find out which parts have something that is due,
and calls those, in the order of `Phase`.  Where nothing is due, no part is called.
"""

from __future__ import annotations

from collections.abc import Container
from enum import IntEnum
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_MIN_SWEEP = 1024
"""Entries from which on cancelled ones are removed whenever the number has doubled."""

_NEVER, _AT_ONCE = float("inf"), float("-inf")


class Phase(IntEnum):
    """Whose deadlines there are, in the order in which they are acted on."""

    ASSEMBLING = 0
    """`TraceAssembler`: a root has waited for spans that end later, or spans for their root."""
    LINGERING = 1
    """`Engine`: a root has waited for open spans below it, or spans for their root."""
    PARTS = 2
    """`RootRelease`: a root has waited for its parts."""
    DELAYED_ENDS = 3
    """`DelayedEnds`: a session is to end, now that the spans that were on their way are here."""
    SESSIONS = 4
    """`SessionLifecycle`: a session may have ended."""
    PUBLISHING = 5
    """`SessionPublisher`: something new of a session is to be written to the store."""


class Deadline(Generic[T]):
    """One entry; ``cancel()`` leaves it in the heap, where it is skipped."""

    __slots__ = ("item", "phase")

    def __init__(self, phase: Phase, item: T) -> None:
        self.phase = phase
        self.item: T | None = item

    def cancel(self) -> None:
        """Cancel the entry."""
        self.item = None


class Deadlines:
    """The heap: entries by time; those of equal times in the order in which they were added."""

    def __init__(self) -> None:
        self.first_seconds = _NEVER
        """Nothing is due before this."""
        self._heap: list[tuple[float, int, Deadline[Any]]] = []
        self._due: dict[Phase, list[Deadline[Any]]] = {}
        """What was due and is not taken yet."""
        self._count = 0
        self._sweep_at = _MIN_SWEEP

    def of(self, phase: Phase) -> PhaseDeadlines[Any]:
        """Return the part of the heap that belongs to a phase."""
        return PhaseDeadlines(self, phase)

    def add(self, when_seconds: float, phase: Phase, item: T) -> Deadline[T]:
        """Add ``item``, due at ``when_seconds`` on the caller's monotonic clock."""
        entry = Deadline(phase, item)
        self._count += 1
        heappush(self._heap, (when_seconds, self._count, entry))
        self.first_seconds = min(self.first_seconds, when_seconds)
        if len(self._heap) >= self._sweep_at:
            self._heap = [row for row in self._heap if row[2].item is not None]
            heapify(self._heap)
            self._sweep_at = max(_MIN_SWEEP, 2 * len(self._heap))
        return entry

    def next(self) -> float | None:
        """Return when the next entry is due, ``None`` if there is none."""
        heap = self._heap
        while heap and heap[0][2].item is None:
            heappop(heap)
        self.first_seconds = _AT_ONCE if self._due else heap[0][0] if heap else _NEVER
        return None if self.first_seconds == _NEVER else self.first_seconds

    def due(self, now: float) -> Container[Phase]:
        """Return the phases that have something to take."""
        while self._heap and self._heap[0][0] <= now:
            entry = heappop(self._heap)[2]
            if entry.item is not None:
                self._due.setdefault(entry.phase, []).append(entry)
        self.next()
        return self._due

    def take(self, phase: Phase) -> list[Any]:
        """Remove and return the items of a phase that are due."""
        due = self._due.pop(phase, ())
        self.next()
        return [entry.item for entry in due if entry.item is not None]


class PhaseDeadlines(Generic[T]):
    """The deadlines of one phase, in the heap of all."""

    def __init__(self, deadlines: Deadlines, phase: Phase) -> None:
        self.heap = deadlines
        self._phase = phase

    def add(self, when_seconds: float, item: T) -> Deadline[T]:
        """Add ``item``, due at ``when_seconds`` on the caller's monotonic clock."""
        return self.heap.add(when_seconds, self._phase, item)

    def take(self) -> list[T]:
        """Remove and return the items that are due, the first one first."""
        return self.heap.take(self._phase)
