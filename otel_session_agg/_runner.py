"""The queue between the application's threads and the worker, and everything the worker does.

How it works
------------
The application's threads only append to one queue: a started span in a tuple, an ended one as it is.  One daemon worker wakes
at the first ended span, waits a moment to gather a batch, folds what is there under a lock and forwards it outside the lock,
until nothing is left; then it sleeps until the next deadline.  When the queue is full, the thread that appends folds what is
there itself; it never forwards, so it never waits for I/O.

* A span is appended when it starts and when it ends, so the queue has them in that order, whatever the threads do.
* ``drain`` folds and forwards on the calling thread, inside its own time.
* Whoever asks for totals folds what is there first, so they are exact.
* Behind the exporter's door only ended spans come, in batches: ``run_here`` folds and forwards them on the thread that exports.
* A forked child starts empty: what was open belongs to the parent.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._caller import Caller
from otel_session_agg._courier import Courier
from otel_session_agg._guard import Guard
from otel_session_agg._keeper import Keeper
from otel_session_agg._pipeline import Pipeline, Queue
from otel_session_agg._pricing import PriceBook
from otel_session_agg._reasons import HELD, SHUTDOWN
from otel_session_agg._session_record import SessionRecord
from otel_session_agg._settings import Settings
from otel_session_agg._stopping import stopping
from otel_session_agg._store import SessionStore
from otel_session_agg._suppress import suppressed
from otel_session_agg._threads import always, weakly, within
from otel_session_agg._together import merged

T = TypeVar("T")

HandOn = Callable[["deque[ReadableSpan]", Callable[[], bool]], bool]
"""Takes spans and hands them on, as long as there are any and it may; returns true."""

GATHER_SECONDS = 0.02
"""How long the worker waits after waking, so that a burst is one batch."""

_CALLBACK_SECONDS = 1.0
"""How long ``drain`` waits for the application's callbacks: they are not what is drained."""

_BATCH = 2048
"""Starts and ends folded under one hold of the lock: about 10 ms."""


class Runner:
    """Queue, locks and worker of one door."""

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
        others: Callable[[], list[Runner] | None] | None = None,
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
        self.held: deque[ReadableSpan] = deque()
        self.caller = Caller(self.guard)
        self.fold_lock = threading.Lock()
        self.folding: int | None = None
        """The thread that folds: a log handler of the application may end spans in the middle of it."""
        self.forward_lock = threading.Lock()
        self.forwarding: int | None = None
        """The thread that forwards: a downstream may end spans in the middle of it."""
        self.wake, self.awake = threading.Event(), False
        self._worker: threading.Thread | None = None
        self._worker_lock = threading.Lock()
        self.lost: dict[str, int] = {}

    def wake_worker(self) -> None:
        if self._worker is None:
            with self._worker_lock:
                if self._worker is None:
                    wake = self.wake
                    mine = weakref.ref(self, lambda _: wake.set())
                    worker = threading.Thread(target=_work, args=(mine, wake), name="otel-session-agg", daemon=True)
                    worker.start()
                    self._worker = worker
            if self._settings.handle_sigterm:
                stopping.install()  # a forked process may have set handlers of its own since
        self.awake = True  # only now: without a thread the next span tries again
        self.wake.set()

    def fold_when_full(self) -> None:
        # another thread that folds already will take this span, too, unless it falls behind
        must = len(self.queue) >= 2 * self._settings.max_queue_size and self.folding != threading.get_ident()
        if self.fold_lock.acquire(blocking=must):
            try:
                self.fold_some()
            finally:
                self.fold_lock.release()

    # -- folding and forwarding -------------------------------------------------------------------------------------------

    def fold_some(self) -> bool:
        """Fold one batch; the caller holds the fold lock.  Returns whether there was anything."""
        pipeline, queue = self.pipeline, self.queue
        number = min(len(queue), _BATCH)
        now = self.clock()
        out: list[object] = []
        self.folding = threading.get_ident()
        pipeline.take(queue, number, now, out)
        self.guard.call("releasing", pipeline.due, now, out)  # what was taken leaves all the same
        self.hold(pipeline.finish(out, now))
        self.hold(pipeline.turn(now))
        self.folding = None
        return number > 0

    def hold(self, spans: list[ReadableSpan]) -> None:
        calls = self.pipeline.keeper.limits.calls
        if calls:
            self.caller.add(calls)
            calls.clear()
        if self._hand_on is None:
            return
        room = self._settings.max_held_spans - len(self.held)
        for _ in spans[room:] if room < len(spans) else ():
            self.lose(HELD)
        self.held.extend(spans[: max(room, 0)])
        if self.held and not self.awake:  # the caller folded what the worker was not woken for
            self.wake_worker()

    def forward(self, still: Callable[[], bool]) -> None:
        """Hand on what is held; outside the fold lock, so that a downstream that hangs stops nobody else."""
        if self._hand_on is None:
            return
        if self.pipeline.keeper.unmerged and self.others is not None:
            records = merged(self.asked, [one.asked for one in self.others() or ()])
            with self.fold_lock:
                self.hold(self.pipeline.told(records))
        self.forwarding = threading.get_ident()
        with suppressed():
            while self.guard.call("downstream on_end", self._hand_on, self.held, still) is None:
                pass  # it raised: what it had taken was handed on, the rest follows
        self.forwarding = None

    @property
    def is_inside(self) -> bool:
        """Whether the calling thread is in the middle of folding or forwarding."""
        return threading.get_ident() in (self.folding, self.forwarding)

    def run_here(self) -> None:
        """Fold and forward everything on the calling thread; roots that wait go on waiting."""
        with self.fold_lock:
            while self.fold_some():
                pass
        with self.forward_lock:
            self.forward(always)

    def lose(self, reason: str) -> None:
        self.lost[reason] = self.lost.get(reason, 0) + 1
        self.guard.once("lost", reason, "spans are lost: %s", reason)

    def turn(self) -> float | None:
        """One turn of the worker; returns how long it may sleep, ``None`` for until it is woken."""
        busy = True
        while busy and not self.is_shut_down:
            with self.fold_lock:
                busy = self.fold_some()
            with self.forward_lock:
                self.forward(always)
        self.awake = False
        if self.queue or self.held:  # appended before the flag fell
            self.awake = True
            return 0.0
        deadline = self.pipeline.next_deadline(self.clock())
        return None if deadline is None else max(0.0, deadline - self.clock())

    def drain(self, reason: str, until: float) -> bool:
        """Release and forward everything; returns whether there was time enough."""
        with within(self.fold_lock, until) as mine:
            if not mine:
                return False
            while self.fold_some():
                if time.monotonic() >= until:
                    return False
            out: list[object] = []
            now = self.clock()
            self.guard.call("releasing", self.pipeline.drain, reason, now, out)
            self.hold(self.pipeline.finish(out, now))
            self.hold(self.pipeline.turn(now, reason, gives_up=self.pipeline.courier is None))
        if self.pipeline.courier is not None and not self._exchange(self.pipeline.courier, reason, until):
            return False
        with within(self.forward_lock, until) as mine:
            if not mine:
                return False
            self.forward(lambda: time.monotonic() < until)
        self.caller.flush(min(until, time.monotonic() + _CALLBACK_SECONDS))
        return not self.held

    def _exchange(self, courier: Courier, reason: str, until: float) -> bool:
        """Ask the store what is asked of it, then write what follows; whether or not it can be reached."""
        for _ in range(2):
            self.guard.call("flushing the store", courier.flush, until)
            with within(self.fold_lock, until) as mine:
                if not mine:
                    return False
                self.hold(self.pipeline.turn(self.clock(), reason))
        return True

    def asked(self, ask: Callable[[Keeper, float], T]) -> T | None:
        """Ask the keeper of sessions when everything that has ended is folded; from within nothing can be asked."""
        if self.folding == threading.get_ident():
            return None
        with self.fold_lock:
            while self.fold_some():
                pass
            return self.guard.call("reading totals", ask, self.pipeline.keeper, self.clock())

    def write_live(self, span: ReadableSpan) -> None:
        """Write the totals on the root above a span that has ended, while that is still open."""
        parent = span.parent
        if parent is None or parent.is_remote or self.folding == threading.get_ident():
            return
        with self.fold_lock:  # also so that of two threads the one with the later totals writes last
            while self.fold_some():
                pass
            self.pipeline.write_live(parent.trace_id, parent.span_id)

    def faults(self) -> dict[str, int]:
        """Faults that were caught, by place."""
        return dict(self.guard.faults + self.pipeline.guard.faults)

    def store_counts(self, *names: str) -> dict[str, int]:
        """What happened with the store."""
        courier = self.pipeline.courier
        return {name: courier.counts[name] for name in names if courier.counts[name]} if courier is not None else {}

    def shut_down(self) -> None:
        """End the worker; what has not left is lost."""
        self.is_shut_down = True
        for _ in range(len(self.held) + sum(not isinstance(item, tuple) for item in list(self.queue))):
            self.lose(SHUTDOWN)
        self.wake.set()
        self.caller.stop()
        self.pipeline.close()


def _work(runner: weakref.ref[Runner], wake: threading.Event) -> None:
    """The worker: it does not keep the runner alive."""
    sleep: float | None = None
    while True:
        woken = wake.wait(sleep)
        if woken:
            wake.clear()
            time.sleep(GATHER_SECONDS)
        mine = runner()
        if mine is None or mine.is_shut_down or mine.wake is not wake:
            return
        sleep = mine.guard.call("working", mine.turn)
        del mine
        if sleep is None:
            sleep = _LOOK_AGAIN_SECONDS


_LOOK_AGAIN_SECONDS = 60.0
"""An idle worker looks this often whether its runner is still there."""
