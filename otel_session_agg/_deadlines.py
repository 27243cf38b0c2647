"""A heap of monotonic deadlines; time comes in as ``now``."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")

_MIN_SWEEP = 1024
"""Entries from which on cancelled ones are removed whenever the number has doubled."""


class Deadline(Generic[T]):
    """One entry; ``cancel()`` leaves it in the heap, where it is skipped."""

    __slots__ = ("item", "when_seconds")

    def __init__(self, when_seconds: float, item: T) -> None:
        self.when_seconds = when_seconds
        self.item: T | None = item

    def cancel(self) -> None:
        """Cancel the entry."""
        self.item = None


class Deadlines(Generic[T]):
    """Entries by time; those of equal times in the order in which they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline[T]]] = []
        self._count = 0
        self._sweep_at = _MIN_SWEEP

    def add(self, when_seconds: float, item: T) -> Deadline[T]:
        """Add ``item``, due at ``when_seconds`` on the caller's monotonic clock."""
        entry = Deadline(when_seconds, item)
        self._count += 1
        heappush(self._heap, (when_seconds, self._count, entry))
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
        return heap[0][0] if heap else None

    def pop_due(self, now: float) -> list[T]:
        """Remove and return all items that are due."""
        due: list[T | None] = []
        when = self.next()
        while when is not None and when <= now:
            due.append(heappop(self._heap)[2].item)
            when = self.next()
        return [item for item in due if item is not None]
