"""Spans that wait for what is behind, and are handed on no faster than it has room for them.

A batch processor drops what its queue (2048 spans by default) cannot hold.  Its thread takes spans
out while the application makes them, so an application alone seldom fills it; a worker that has
folded thousands would.  So what there is no room for waits here.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from itertools import repeat
from operator import methodcaller
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otel_session_agg._guard import Guard
from otel_session_agg._reasons import HELD

_AT_ONCE = 256
"""Spans that are handed on between two checks of the room and the time."""

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.0005, 0.02


class Until:
    """How far spans are handed on: at most ``number``, and until a monotonic time.

    ``patience_seconds``: how long to wait while no room is made.  Calling it returns whether more
    may go.
    """

    __slots__ = ("_seconds", "number", "patience_seconds")

    def __init__(self, seconds: float, number: int, patience_seconds: float) -> None:
        self._seconds = seconds
        self.number = number
        """How many are still to be handed on; the function that hands them on counts down."""
        self.patience_seconds = patience_seconds

    def __call__(self) -> bool:
        return self.number > 0 and time.monotonic() < self._seconds


HandOn = Callable[["deque[ReadableSpan]", Until], bool]
"""Takes spans off the deque and hands them on while ``Until`` allows it, and counts them there;
returns true."""


class HeldSpans:
    """The spans of one processor or exporter that may leave, in order.

    Args:
        hand_on: Hands spans on to what is behind; ``None``: nothing is, in live mode.
        max_spans: How many may wait; more are lost and counted.
        guard: Catches and logs faults.

    """

    def __init__(self, hand_on: HandOn | None, max_spans: int, guard: Guard) -> None:
        self._hand_on = hand_on
        self._max_spans = max_spans
        self._guard = guard
        self.spans: deque[ReadableSpan] = deque()
        self.lost: dict[str, int] = {}
        """Number of spans that are never forwarded, by reason."""

    def __len__(self) -> int:
        return len(self.spans)

    def add(self, leaving: deque[ReadableSpan]) -> None:
        """Take what may leave off a deque; the caller holds the fold lock."""
        if self._hand_on is None:
            leaving.clear()
        number, room = len(leaving), max(0, self._max_spans - len(self.spans))
        # one step: each is here or there
        self.spans.extend(map(_first, repeat(leaving, min(number, room))))
        for _ in range(number - room):
            leaving.popleft()
            self.lose(HELD)

    def lose(self, reason: str) -> None:
        """Count a span that is never forwarded."""
        self.lost[reason] = self.lost.get(reason, 0) + 1
        self._guard.once("lost", reason, "spans are lost: %s", reason)

    def forward(self, until: float, patience_seconds: float) -> bool:
        """Hand on what is held now, as far as there is room for it; return whether that was all.

        The caller holds the forward lock only, so that what hangs behind stops no other thread.
        """
        if self._hand_on is None or not self.spans:
            return True
        still = Until(until, len(self.spans), patience_seconds)
        while self._guard.part("downstream on_end", self._hand_on, self.spans, still) is None:
            pass  # it raised: what it had taken was handed on, the rest follows
        return still.number <= 0 or not self.spans


_first = methodcaller("popleft")


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


def one_by_one(
    processor: SpanProcessor,
    room: Callable[[], int] | None,
    held: deque[ReadableSpan],
    until: Until,
) -> bool:
    """Hand on what is held, as long as there is room; see ``HandOn`` and ``room_of``."""
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
