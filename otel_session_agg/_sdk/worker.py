"""The queue between the application's threads and the worker, and everything the worker does.

Before this: ``processor.py`` and ``exporter.py``; then: ``pipeline.py``, ``held.py``.

How it works
------------
The application's threads only append to one queue: a started span in a tuple, an ended one as it
is.  One daemon worker wakes when a root has ended, or a while after another span has, waits a
moment to gather a batch, folds what is there under a lock and forwards it outside the lock, until
nothing is left; then it sleeps until the next deadline.  When the queue is full, the thread that
appends folds what is there itself; it never forwards, so it never waits for I/O.

* A span is appended when it starts and when it ends, so the queue has them in that order, whatever
  the threads do.
* ``drain`` (``flush.py``) folds on the calling thread, within the time that it is given, and waits
  for the worker to forward.
* A thread that asks for totals folds what is there first, so they are exact.
* In place of the main thread another one folds (``_threads/apart.py``).  Where no thread can be
  had, the thread that needs the work done does it.
* An exception of a signal handler may still come between any two steps.  So locks are held by
  ``with``, the lock itself is asked which thread holds it, and what was taken from the queue is in
  ``pipeline.taken``, ``pipeline.leaving`` or ``held`` at any moment; the next fold goes on with it.
* An exporter gets only ended spans, in batches: ``flush.run_here`` folds and forwards them before
  it returns.
* A forked child starts empty: what was open belongs to the parent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._api.context import use
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._reasons import SHUTDOWN
from otel_session_agg._sdk.callbacks import CallbackThread
from otel_session_agg._sdk.held import HandOn, HeldSpans
from otel_session_agg._sdk.intake import Queue
from otel_session_agg._sdk.joint_records import merged
from otel_session_agg._sdk.pipeline import Pipeline
from otel_session_agg._sdk.sigterm import stopping
from otel_session_agg._sdk.turns import TurnWorker
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._settings import Settings
from otel_session_agg._threads.apart import apart
from otel_session_agg._threads.locks import is_mine, locked, weakly
from otel_session_agg._threads.messages import messages

T = TypeVar("T")

_BATCH = 2048
"""Starts and ends folded under one hold of the lock: about 10 ms."""

_TURN_SECONDS = 0.1
"""How long a turn waits for room downstream before it folds what has come meanwhile."""

_FULL_SECONDS = 60.0
_FOREVER = float("inf")


class SpanWorker:
    """Queue, locks and worker of one processor or exporter.

    ``fold_lock`` is held while folding, ``forward_lock`` while handing on.

    Args:
        build: Returns a new pipeline, given the function that wakes its worker.
        hand_on: See ``HeldSpans``.
        settings: Those of the processor or exporter.
        siblings: Returns the workers of this process that may have shares of the same sessions, see
            ``joint_records.py``; ``None``: there never are.

    """

    clock: Callable[[], float] = staticmethod(time.monotonic)
    pipeline: Pipeline

    def __init__(
        self,
        build: Callable[[Callable[[], object]], Pipeline],
        hand_on: HandOn | None,
        settings: Settings,
        siblings: Callable[[], list[Any] | None] | None = None,
    ) -> None:
        self._build = build
        self._hand_on = hand_on
        self._settings = settings
        self._siblings = siblings
        self.guard = Guard(logging.getLogger("otel_session_agg"))
        self.is_shut_down = False
        self.reset()

    def reset(self) -> None:
        """Start empty, with free locks."""
        self.pipeline = self._build(weakly(self._wake_for_results))
        self.queue: Queue = deque()
        self.held = HeldSpans(self._hand_on, self._settings.max_held_spans, self.guard)
        self.callbacks = CallbackThread(self.guard)
        self.fold_lock = threading.RLock()
        self.forward_lock = threading.RLock()
        self.worker = TurnWorker(self, self.guard)
        self.awake = False
        """Whether the worker was woken and has not come to rest since."""
        self.is_patient = False
        """Whether it waits a while for a root to end before it folds what has ended."""
        self.has_tops = False
        """Whether there were roots whose parent is in this process and will not come."""

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

    def span_ended(self, span: ReadableSpan) -> None:
        """Wake the worker, which rests, for an ended span; later if nothing waits for that span.

        What may: the export of a root, a budget, other processes.
        """
        parent, pipeline = span.parent, self.pipeline
        if (
            parent is None
            or parent.is_remote
            or self.has_tops
            or pipeline.engine.roots.waiting
            or pipeline.store_worker is not None
            or use.any_budget
            or scopes
            or len(self.queue) >= _BATCH
        ):
            self.wake_worker()
        elif not self.is_patient:
            self.wake_later()

    def wake_later(self) -> None:
        """Let the worker take a turn when a root has ended, or after a while."""
        if self.worker.thread is None:
            self.wake_worker()
        else:
            self.is_patient = self.worker.wake_later()

    def _wake_for_results(self) -> None:
        """Let the worker take what came from the store, which is a batch already."""
        if self.worker.wake(gathers=False):
            self.awake = True

    def fold_when_full(self) -> None:
        """Fold a batch on the calling thread, unless a fold is going on.

        At twice the allowed size, wait for that one and fold then: it has fallen behind.
        """
        if is_mine(self.fold_lock):
            return
        must = len(self.queue) >= 2 * self._settings.max_queue_size
        locked(self.fold_lock, time.monotonic() + _FULL_SECONDS if must else 0.0, self.fold_some)

    # -- folding and forwarding -------------------------------------------------------------------

    def fold_some(self) -> bool:
        """Fold one batch; return whether there was anything.  The caller holds the fold lock."""
        number = min(len(self.queue), _BATCH)
        self.pipeline.fold(self.queue, number, self.clock())
        self.hold()
        return number > 0

    def fold_until(self, until: float) -> bool:
        """Fold everything that is there now, until a monotonic time; return whether that was all.

        What comes meanwhile is left for later: the application may be faster.
        """
        for _ in range(1 + (len(self.queue) - 1) // _BATCH if self.queue else 1):
            if self.fold_some() and time.monotonic() >= until:
                return False
        return True

    def hold(self) -> None:
        """Move what may leave to ``held``, and the application's callbacks to their thread."""
        self.held.add(self.pipeline.leaving)
        calls = self.pipeline.manager.budgets.calls
        while calls:
            self.callbacks.add(calls[:1])
            del calls[0]
        if (
            self.held.spans and not self.awake
        ):  # the caller folded what the worker was not woken for
            self.wake_worker()

    def forward(self, until: float, patience_seconds: float = _TURN_SECONDS) -> bool:
        """Hand on what is held now, see ``HeldSpans.forward``."""
        if self.pipeline.manager.unmerged and self._siblings is not None and self._hand_on:
            records = merged(self.ask_manager, [one.ask_manager for one in self._siblings() or ()])
            with self.fold_lock:
                self.pipeline.add_records(records)
                self.hold()
        return self.held.forward(until, patience_seconds)

    @property
    def is_inside(self) -> bool:
        """Whether the calling thread is in the middle of folding or forwarding."""
        return is_mine(self.fold_lock) or is_mine(self.forward_lock)

    def turn(self) -> float | None:
        """Take one turn; return how many seconds to sleep, ``None`` for until the next wake."""
        self.is_patient = False  # first: what ends from now on may come too late for this turn
        goes_on = not self.is_shut_down
        while goes_on:
            with self.fold_lock:
                self.fold_some()
            with self.forward_lock:
                self.forward(_FOREVER)
            goes_on = bool(self.queue) and not self.is_shut_down
        self.awake = False
        # appended before the flag fell, or a fold was interrupted on another thread
        if self.queue or self.held.spans or self.pipeline.taken or self.pipeline.leaving:
            self.awake = True
            return 0.0
        first_seconds = self.pipeline.deadlines.first_seconds  # read only: others may be folding
        return None if first_seconds == _FOREVER else max(0.0, first_seconds - self.clock())

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
        self.fold_until(_FOREVER)
        return self.guard.call("reading totals", ask, self.pipeline.manager, self.clock())

    def write_live(self, span: ReadableSpan) -> None:
        """Write the totals on the root above an ended span, while that root is open."""
        parent = span.parent
        if parent is None or parent.is_remote or is_mine(self.fold_lock):
            return
        # also so that of two threads the one with the later totals writes last
        with self.fold_lock:
            if not self.pipeline.take(self.queue, len(self.queue), self.clock()):
                self.fold_until(_FOREVER)
            self.pipeline.write_live(parent.trace_id, parent.span_id)

    def shut_down(self) -> None:
        """End the worker, and count what has not left as lost."""
        self.is_shut_down = True
        for _ in range(
            len(self.held) + sum(not isinstance(item, tuple) for item in list(self.queue))
        ):
            self.held.lose(SHUTDOWN)
        self.worker.stop()
        self.callbacks.stop()
        self.pipeline.close()
        messages.flush()

    # -- what went wrong --------------------------------------------------------------------------

    @property
    def lost(self) -> dict[str, int]:
        """Number of spans that are never forwarded, by reason."""
        return self.held.lost

    def lose(self, reason: str) -> None:
        """Count a span that is never forwarded."""
        self.held.lose(reason)

    def faults(self) -> dict[str, int]:
        """Return the number of faults that were caught, by place."""
        # each copied in one step: another thread may add to them
        return dict(Counter(self.guard.faults) + Counter(self.pipeline.guard.faults))

    def store_counts(self, *names: str) -> dict[str, int]:
        """Return the counters of the store's thread with these names that are not 0."""
        worker = self.pipeline.store_worker
        counts = {} if worker is None else worker.counts
        return {name: counts[name] for name in names if counts.get(name)}
