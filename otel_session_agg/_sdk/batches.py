"""Batches of the queue, folded under a lock; what is taken stands in one place or another at any moment."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import repeat
from operator import methodcaller
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._guard import Guard
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._reasons import HELD
from otel_session_agg._sdk.backpressure import Until
from otel_session_agg._sdk.callbacks import CallbackThread
from otel_session_agg._sdk.pipeline import Pipeline, Queue, Taken
from otel_session_agg._settings import Settings
from otel_session_agg._threads.locks import weakly
from otel_session_agg.stores.base import SessionStore

HandOn = Callable[["deque[ReadableSpan]", Until], bool]
"""Takes spans and hands them on, as long as there are any and it may, and counts them; returns true."""

_BATCH = 2048
"""Starts and ends folded under one hold of the lock: about 10 ms."""

_FOREVER = float("inf")


class BatchFolder:
    """The queue of one door, and what is folded of it."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    pipeline: Pipeline

    def __init__(  # noqa: PLR0913 -- what a door was given
        self,
        hand_on: HandOn | None,
        settings: Settings,
        prices: PriceBook,
        store: SessionStore | None,
        on_record: Callable[[SessionRecord], object],
        batch_seconds: float | None = None,
        others: Callable[[], list[Any] | None] | None = None,
    ) -> None:
        """``hand_on``: ``None`` in live mode.  ``batch_seconds``: see ``Pipeline``; ``others``: those that are asked, see ``_together``."""
        self.others = others
        self.guard = Guard(logging.getLogger("otel_session_agg"))
        self._hand_on = hand_on
        self._batch_seconds = batch_seconds
        self._settings = settings
        self._prices = prices
        self._store = store
        self._on_record = on_record
        self.is_shut_down = False
        self.reset()

    def reset(self) -> None:
        """Start empty, with locks that nobody holds."""
        self.pipeline = Pipeline(
            self._settings,
            self._prices,
            self._store,
            weakly(self.wake_worker),
            self._on_record,
            is_live=self._hand_on is None,
            batch_seconds=self._batch_seconds,
            has_others=self.others,
        )
        self.queue: Queue = deque()
        self.taken = Taken()
        """What is being folded, and what came out of it."""
        self.held: deque[ReadableSpan] = deque()
        """What waits for the downstream."""
        self.callbacks = CallbackThread(self.guard)
        self.fold_lock = threading.RLock()
        self.awake = False
        """Whether the worker has been told that there is something to do."""
        self.lost: dict[str, int] = {}

    def wake_worker(self) -> None:
        """Let the worker look around."""
        raise NotImplementedError

    def fold_some(self) -> bool:
        """Fold one batch; the caller holds the fold lock.  Returns whether there was anything."""
        pipeline, queue = self.pipeline, self.queue
        number = min(len(queue), _BATCH)
        now = self.clock()
        pipeline.take(queue, number, now, self.taken)
        # what was taken leaves all the same
        self.guard.call("releasing", pipeline.due, now, self.taken)
        self.finish(now)
        pipeline.turn(now)
        self.hold()
        return number > 0

    def fold_all(self) -> bool:
        """Fold everything that is there now; the caller holds the fold lock.

        What comes meanwhile is not waited for: the application may be faster.
        """
        return self.fold_until(_FOREVER)

    def fold_until(self, until: float) -> bool:
        """The same, if there is time until then; returns whether there was."""
        for _ in range(1 + (len(self.queue) - 1) // _BATCH if self.queue else 1):
            if self.fold_some() and time.monotonic() >= until:
                return False
        return True

    def finish(self, now: float) -> None:
        """Let what came out of the engine leave."""
        self.pipeline.finish(self.taken, now)
        self.taken = Taken()

    def hold(self) -> None:
        """Keep what leaves until it is forwarded, and call the application's callbacks soon."""
        leaving = self.pipeline.leaving.spans
        if self._hand_on is None:
            leaving.clear()
        number, room = len(leaving), max(0, self._settings.max_held_spans - len(self.held))
        # one step: each is here or there
        self.held.extend(map(_first, repeat(leaving, min(number, room))))
        for _ in range(number - room):
            leaving.popleft()
            self.lose(HELD)
        calls = self.pipeline.manager.limits.calls
        while calls:
            self.callbacks.add(calls[:1])
            del calls[0]
        if self.held and not self.awake:  # the caller folded what the worker was not woken for
            self.wake_worker()

    def lose(self, reason: str) -> None:
        self.lost[reason] = self.lost.get(reason, 0) + 1
        self.guard.once("lost", reason, "spans are lost: %s", reason)

    def faults(self) -> dict[str, int]:
        """Faults that were caught, by place."""
        return dict(self.guard.faults + self.pipeline.guard.faults)

    def store_counts(self, *names: str) -> dict[str, int]:
        """What happened with the store."""
        store_worker = self.pipeline.store_worker
        return (
            {name: store_worker.counts[name] for name in names if store_worker.counts[name]}
            if store_worker is not None
            else {}
        )


_first = methodcaller("popleft")
