"""Hand spans on to a processor, not more at once than a batch processor has room for.

A batch processor drops what its queue (2048 spans by default) cannot hold.  Its thread takes spans
out while the application makes them, so an application alone seldom fills it; a worker that has
folded thousands would.  So what there is no room for waits here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

_AT_ONCE = 256
"""Spans that are handed on between two checks of the room and the time."""

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.0005, 0.02


class Until:
    """How far spans are handed on: at most ``number``, and until a monotonic time.

    ``patience_seconds``: how long to wait while no room is made.  It is true while more may go.
    """

    __slots__ = ("_seconds", "number", "patience_seconds")

    def __init__(self, seconds: float, number: int, patience_seconds: float) -> None:
        self._seconds = seconds
        self.number = number
        """How many are still to be handed on; the function that hands them on counts down."""
        self.patience_seconds = patience_seconds

    def __call__(self) -> bool:
        return self.number > 0 and time.monotonic() < self._seconds


def room_of(processor: SpanProcessor) -> Callable[[], int] | None:
    """Return a function for how many spans a batch processor can take now.

    ``None`` for any other processor.
    """
    inner: Any = getattr(processor, "_batch_processor", processor)
    if isinstance(getattr(inner, "_queue", None), deque) and isinstance(
        getattr(inner, "_max_queue_size", None), int
    ):
        return lambda: inner._max_queue_size - len(inner._queue)  # noqa: SLF001 -- not public
    if isinstance(getattr(inner, "queue", None), deque) and isinstance(
        getattr(inner, "max_queue_size", None), int
    ):
        return lambda: inner.max_queue_size - len(inner.queue)  # of the SDK until 1.32
    return None


def one_by_one(processor: SpanProcessor, held: deque[ReadableSpan], until: Until) -> bool:
    """Hand on what is held, as long as there is room; see ``HandOn``."""
    room = room_of(processor)
    while held and until():
        number = min(len(held), until.number, _AT_ONCE)
        if room is not None:
            number = min(number, _free(room, until))
        if not number:
            break
        for _ in range(number):
            span = held[0]
            until.number -= 1
            try:
                processor.on_end(span)
            finally:
                if held and held[0] is span:
                    held.popleft()
    return True


def _free(room: Callable[[], int], until: Until) -> int:
    """Wait for room; return how many spans fit, 0 when it took too long."""
    free = room()
    if free > 0:
        return free
    impatient_at, pause = time.monotonic() + until.patience_seconds, _FIRST_PAUSE_SECONDS
    while free <= 0 and until() and time.monotonic() < impatient_at:
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        free = room()
    return max(free, 0)
