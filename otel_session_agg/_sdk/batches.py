"""Fold the queue in batches, under a lock.

What was taken from the queue is at any moment in exactly one of: ``taken``,
``pipeline.forwarding.spans``, ``held``.
"""

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
from otel_session_agg._sdk.intake import Queue
from otel_session_agg._sdk.pipeline import Pipeline
from otel_session_agg._sdk.taken import Taken
from otel_session_agg._settings import Settings
from otel_session_agg._threads.locks import weakly
from otel_session_agg.stores.base import SessionStore

HandOn = Callable[["deque[ReadableSpan]", Until], bool]
"""Takes spans off the deque and hands them on while ``Until`` allows it, and counts them there;
returns true."""

_BATCH = 2048
"""Starts and ends folded under one hold of the lock: about 10 ms."""

_FOREVER = float("inf")


class BatchFolder:
    """The queue of one processor or exporter, and what is folded of it."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    pipeline: Pipeline

    def __init__(  # noqa: PLR0913 -- what a processor or exporter was given
        self,
        hand_on: HandOn | None,
        settings: Settings,
        prices: PriceBook,
        store: SessionStore | None,
        on_record: Callable[[SessionRecord], object],
        batch_seconds: float | None = None,
        siblings: Callable[[], list[Any] | None] | None = None,
    ) -> None:
        """Start empty.

        ``hand_on`` is ``None`` in live mode.  ``batch_seconds``: see ``Pipeline``.  ``siblings``
        returns the workers of this process that may have shares of the same sessions, see
        ``joint_records.py``.
        """
        self.siblings = siblings
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
        """Start empty, with free locks."""
        self.pipeline = Pipeline(
            self._settings,
            self._prices,
            self._store,
            weakly(self.wake_worker),
            self._on_record,
            is_live=self._hand_on is None,
            batch_seconds=self._batch_seconds,
            has_siblings=self.siblings,
        )
        self.queue: Queue = deque()
        self.taken = Taken()
        """What came out of the fold that is going on, or was interrupted."""
        self.held: deque[ReadableSpan] = deque()
        """Spans that wait for the downstream."""
        self.callbacks = CallbackThread(self.guard)
        self.fold_lock = threading.RLock()
        self.awake = False
        """Whether the worker was woken and has not come to rest since."""
        self.lost: dict[str, int] = {}

    def wake_worker(self) -> None:
        """Let the worker take a turn."""
        raise NotImplementedError

    def fold_some(self) -> bool:
        """Fold one batch; return whether there was anything.  The caller holds the fold lock."""
        pipeline, queue = self.pipeline, self.queue
        number = min(len(queue), _BATCH)
        now = self.clock()
        pipeline.intake.take(queue, number, now, self.taken)
        if pipeline.deadlines.first_seconds <= now:
            # what was taken leaves all the same
            self.guard.call("releasing", pipeline.due, now, self.taken)
        self.finish(now)
        pipeline.turn(now)
        self.hold()
        return number > 0

    def fold_all(self) -> bool:
        """Fold everything that is there now.  The caller holds the fold lock.

        What comes meanwhile is left for later: the application may be faster.
        """
        return self.fold_until(_FOREVER)

    def fold_until(self, until: float) -> bool:
        """Fold as ``fold_all`` until a monotonic time; return whether there was time for all."""
        for _ in range(1 + (len(self.queue) - 1) // _BATCH if self.queue else 1):
            if self.fold_some() and time.monotonic() >= until:
                return False
        return True

    def finish(self, now: float) -> None:
        """Finish what came out of the engine, see ``Pipeline.finish``."""
        self.pipeline.finish(self.taken, now)
        self.taken = Taken()

    def hold(self) -> None:
        """Move what may leave to ``held``, and the application's callbacks to their thread.

        Beyond ``max_held_spans``, spans are lost and counted.
        """
        leaving = self.pipeline.forwarding.spans
        if self._hand_on is None:
            leaving.clear()
        number, room = len(leaving), max(0, self._settings.max_held_spans - len(self.held))
        # one step: each is here or there
        self.held.extend(map(_first, repeat(leaving, min(number, room))))
        for _ in range(number - room):
            leaving.popleft()
            self.lose(HELD)
        calls = self.pipeline.manager.budgets.calls
        while calls:
            self.callbacks.add(calls[:1])
            del calls[0]
        if self.held and not self.awake:  # the caller folded what the worker was not woken for
            self.wake_worker()

    def lose(self, reason: str) -> None:
        """Count a span that is never forwarded."""
        self.lost[reason] = self.lost.get(reason, 0) + 1
        self.guard.once("lost", reason, "spans are lost: %s", reason)

    def faults(self) -> dict[str, int]:
        """Return the number of faults that were caught, by place."""
        return dict(self.guard.faults + self.pipeline.guard.faults)

    def store_counts(self, *names: str) -> dict[str, int]:
        """Return the counters of the store's thread with these names that are not 0."""
        store_worker = self.pipeline.store_worker
        return (
            {name: store_worker.counts[name] for name in names if store_worker.counts[name]}
            if store_worker is not None
            else {}
        )


_first = methodcaller("popleft")
