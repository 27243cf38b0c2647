"""The queue between the application's threads and the worker, and everything the worker does.

Before this: ``processor.py`` and ``exporter.py``; then: ``batches.py``, ``pipeline.py``.

How it works
------------
The application's threads only append to one queue: a started span in a tuple, an ended one as it
is.  One daemon worker wakes at the first ended span, waits a moment to gather a batch, folds what
is there under a lock and forwards it outside the lock, until nothing is left; then it sleeps until
the next deadline.  When the queue is full, the thread that appends folds what is there itself; it
never forwards, so it never waits for I/O.

* A span is appended when it starts and when it ends, so the queue has them in that order, whatever
  the threads do.
* ``drain`` folds on the calling thread, within the time that it is given, and waits for the worker
  to forward.
* A thread that asks for totals folds what is there first, so they are exact.
* In place of the main thread another one folds (``_threads/apart.py``).  Where no thread can be
  had, the thread that needs the work done does it.
* An exception of a signal handler may still come between any two steps.  So locks are held by
  ``with``, the lock itself is asked which thread holds it, and what was taken from the queue is in
  ``taken``, ``pipeline.forwarding`` or ``held`` at any moment; the next fold goes on with it.
* An exporter gets only ended spans, in batches: ``run_here`` folds and forwards them before it
  returns.
* A forked child starts empty: what was open belongs to the parent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._reasons import SHUTDOWN
from otel_session_agg._sdk.backpressure import Until
from otel_session_agg._sdk.batches import BatchFolder
from otel_session_agg._sdk.joint_records import merged
from otel_session_agg._sdk.sigterm import stopping
from otel_session_agg._sdk.turns import TurnWorker
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._threads.apart import apart
from otel_session_agg._threads.locks import is_mine, locked
from otel_session_agg._threads.messages import messages
from otel_session_agg._threads.suppress import suppressed

T = TypeVar("T")

_CALLBACK_SECONDS = 1.0
"""How long ``drain`` waits for the application's callbacks, which are not what it drains."""

_TURN_SECONDS = 0.1
"""How long a turn waits for room downstream before it folds what has come meanwhile."""

_PATIENCE_SECONDS = 10.0
"""How long ``drain`` waits for room downstream: as long as OTLP's exporters try to send a batch by
default.  Shutdown must not wait twice for one that hangs."""

_FULL_SECONDS = 60.0
_FOREVER = float("inf")


class SpanWorker(BatchFolder):
    """Queue, locks and worker of one processor or exporter.

    ``fold_lock`` is held while folding, ``forward_lock`` while handing on.
    """

    def reset(self) -> None:
        """Start empty, with free locks."""
        super().reset()
        self.forward_lock = threading.RLock()
        self.worker = TurnWorker(self, self.guard)

    def wake_worker(self) -> None:
        """Let the worker take a turn.

        Where no thread can be had, the next span tries again, and a full queue is folded here.
        """
        is_new = self.worker.thread is None
        if self.worker.wake():
            self.awake = True
        elif len(self.queue) >= self._settings.max_queue_size:
            self.fold_when_full()
        if is_new and self._settings.handle_sigterm:
            stopping.install()  # a forked process may have set handlers of its own since

    def fold_when_full(self) -> None:
        """Fold a batch on the calling thread, unless a fold is going on.

        At twice the allowed size, wait for that one and fold then: it has fallen behind.
        """
        if is_mine(self.fold_lock):
            return
        must = len(self.queue) >= 2 * self._settings.max_queue_size
        locked(self.fold_lock, time.monotonic() + _FULL_SECONDS if must else 0.0, self.fold_some)

    # -- folding and forwarding -------------------------------------------------------------------

    def forward(self, until: float, patience_seconds: float = _TURN_SECONDS) -> bool:
        """Hand on what is held now, as far as there is room for it; return whether that was all.

        The caller does not hold the fold lock, so that a downstream that hangs stops no other
        thread.
        """
        if self._hand_on is None:
            return True
        if self.pipeline.manager.unmerged and self.siblings is not None:
            records = merged(self.ask_manager, [one.ask_manager for one in self.siblings() or ()])
            with self.fold_lock:
                self.pipeline.forwarding.add_records(records, self.pipeline.intake.resource)
                self.hold()
        with suppressed():
            still = Until(until, len(self.held), patience_seconds)
            while self.guard.part("downstream on_end", self._hand_on, self.held, still) is None:
                pass  # it raised: what it had taken was handed on, the rest follows
        return still.number <= 0 or not self.held

    @property
    def is_inside(self) -> bool:
        """Whether the calling thread is in the middle of folding or forwarding."""
        return is_mine(self.fold_lock) or is_mine(self.forward_lock)

    def run_here(self) -> None:
        """Fold and forward everything before returning; roots that wait go on waiting."""
        apart.call(partial(locked, self.fold_lock, _FOREVER, self.fold_all))
        self._forward(_FOREVER)

    def _forward(self, until: float) -> bool:
        """Let the worker forward everything and wait for that, or do it here without a worker.

        Return whether there was time.
        """
        forward = partial(
            locked, self.forward_lock, until, partial(self.forward, until, _PATIENCE_SECONDS)
        )
        if self.worker.is_inside or self.is_shut_down:
            return bool(forward())
        results: list[bool | None] = []
        return self.worker.do(lambda: results.append(forward()), until) and results == [True]

    def turn(self) -> float | None:
        """Take one turn; return how many seconds to sleep, ``None`` for until the next wake."""
        busy = True
        while busy and not self.is_shut_down:
            with self.fold_lock:
                busy = self.fold_some()
            with self.forward_lock:
                self.forward(_FOREVER)
        self.awake = False
        if self.queue or self.held:  # appended before the flag fell
            self.awake = True
            return 0.0
        deadline = self.pipeline.deadlines.next()
        return None if deadline is None else max(0.0, deadline - self.clock())

    def drain(self, reason: str, until: float) -> bool:
        """Release and forward everything; return whether there was time enough.

        From within a fold nothing can be released, and from within a downstream nothing forwarded:
        that goes on afterwards.
        """
        if is_mine(self.fold_lock):
            return False
        is_released = self._released(reason, until)
        if is_mine(self.forward_lock):
            return is_released
        is_forwarded = self._forward(until)
        self.callbacks.flush(min(until, time.monotonic() + _CALLBACK_SECONDS))
        return is_released and is_forwarded

    def _released(self, reason: str, until: float) -> bool:
        if not apart.call(
            partial(locked, self.fold_lock, until, partial(self._release, reason, until)), until
        ):
            return False
        return self.pipeline.store_worker is None or self._exchange(
            self.pipeline.store_worker, reason, until
        )

    def _release(self, reason: str, until: float) -> bool:
        if not self.fold_until(until):
            return False
        now = self.clock()
        self.guard.call("releasing", self.pipeline.drain, reason, now, self.taken)
        self.finish(now)
        return self._turn(reason, gives_up=self.pipeline.store_worker is None)

    def _turn(self, reason: str, *, gives_up: bool = True) -> bool:
        self.pipeline.turn(self.clock(), reason, gives_up=gives_up)
        self.hold()
        return True

    def _exchange(self, store_worker: StoreWorker, reason: str, until: float) -> bool:
        """Read what waits for the store, then write what follows; return whether there was time.

        A store that cannot be reached does not count as lacking time.
        """
        for _ in range(2):
            self.guard.call("flushing the store", store_worker.flush, until)
            if not apart.call(
                partial(locked, self.fold_lock, until, partial(self._turn, reason)), until
            ):
                return False
        return True

    def ask_manager(self, ask: Callable[[SessionManager, float], T]) -> T | None:
        """Return ``ask(manager, now)``, called when everything that has ended is folded.

        Return ``None`` from within a fold, and when ``ask`` raised.
        """
        if is_mine(self.fold_lock):
            return None
        return apart.call(
            partial(locked, self.fold_lock, _FOREVER, partial(self._call_with_manager, ask))
        )

    def _call_with_manager(self, ask: Callable[[SessionManager, float], T]) -> T | None:
        self.fold_all()
        return self.guard.call("reading totals", ask, self.pipeline.manager, self.clock())

    def write_live(self, span: ReadableSpan) -> None:
        """Write the totals on the root above an ended span, while that root is open."""
        parent = span.parent
        if parent is None or parent.is_remote or is_mine(self.fold_lock):
            return
        # also so that of two threads the one with the later totals writes last
        with self.fold_lock:
            self.fold_all()
            self.pipeline.write_live(parent.trace_id, parent.span_id)

    def shut_down(self) -> None:
        """End the worker, and count what has not left as lost."""
        self.is_shut_down = True
        for _ in range(
            len(self.held) + sum(not isinstance(item, tuple) for item in list(self.queue))
        ):
            self.lose(SHUTDOWN)
        self.worker.stop()
        self.callbacks.stop()
        self.pipeline.close()
        messages.flush()
