"""The span processor: the door for applications that set up tracing themselves.

How it works
------------
The application's threads only append to one queue: a started span in a tuple, an ended one as it is.  One daemon worker wakes
at the first ended span, waits a moment to gather a batch, folds what is there under a lock and forwards it outside the lock,
until nothing is left; then it sleeps until the next deadline.  When the queue is full, the thread that appends folds what is
there itself; it never forwards, so it never waits for I/O.

* A span is appended when it starts and when it ends, so the queue has them in that order, whatever the threads do.
* ``force_flush`` and ``shutdown`` fold and forward on the calling thread, inside their own time.
* A forked child starts empty: what was open belongs to the parent.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from otel_session_agg._guard import Guard
from otel_session_agg._pipeline import Pipeline, Queue
from otel_session_agg._pricing import PriceBook
from otel_session_agg._reasons import AFTER_SHUTDOWN, FLUSH, HELD, SHUTDOWN
from otel_session_agg._settings import Settings
from otel_session_agg._suppress import suppressed

if TYPE_CHECKING:
    from opentelemetry.context import Context

_logger = logging.getLogger("otel_session_agg")

GATHER_SECONDS = 0.02
"""How long the worker waits after waking, so that a burst is one batch."""

_BATCH = 2048
"""Starts and ends folded under one hold of the lock: about 10 ms."""


class SessionSpanProcessor(SpanProcessor):
    """Adds the totals of everything below a session root to that root, before it is exported.

    Args:
        downstream: Where spans go: a span processor, or an exporter, which is put behind a ``BatchSpanProcessor``.
        settings: Default: ``Settings.from_env()``.
        prices: The user's own prices; default: those of genai-prices only.

    Raises:
        TypeError: ``downstream`` is neither a processor nor an exporter.

    """

    _clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(
        self,
        downstream: SpanProcessor | SpanExporter,
        *,
        settings: Settings | None = None,
        prices: PriceBook | None = None,
    ) -> None:
        if isinstance(downstream, SpanExporter):
            downstream = BatchSpanProcessor(downstream)
        if not isinstance(downstream, SpanProcessor):
            message = f"downstream must be a SpanProcessor or a SpanExporter, not {type(downstream).__name__}"
            raise TypeError(message)
        self._downstream = downstream
        self._settings = Settings.from_env() if settings is None else settings
        self._max_queue_size = self._settings.max_queue_size
        self._prices = PriceBook() if prices is None else prices
        self._guard = Guard(_logger)
        self._calls_on_start = not _is_empty(downstream, "on_start")
        self._calls_on_ending = not _is_empty(downstream, "_on_ending")
        self._shut_down = False
        self._reset()
        if self._settings.prices_update:
            self._guard.call("starting price updates", self._prices.start_updates)
        if hasattr(os, "register_at_fork"):
            reset = weakref.WeakMethod(self._reset)
            os.register_at_fork(after_in_child=lambda: (reset() or _nothing)())  # noqa: PLW0108 -- looked up after the fork

    def _reset(self) -> None:
        """Start empty, with locks that nobody holds."""
        self._pipeline = Pipeline(self._settings, self._prices)
        self._queue: Queue = deque()
        self._held: deque[ReadableSpan] = deque()
        self._fold_lock = threading.Lock()
        self._folding: int | None = None
        """The thread that folds: a log handler of the application may end spans in the middle of it."""
        self._forward_lock = threading.Lock()
        self._wake = threading.Event()
        self._awake = False
        self._worker: threading.Thread | None = None
        self._worker_lock = threading.Lock()
        self._lost: dict[str, int] = {}

    # -- the application's threads ------------------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note that a span began."""
        if not self._shut_down:
            self._queue.append((span,))
            if len(self._queue) >= self._max_queue_size:
                self._guard.call("folding on the application thread", self._fold_when_full)
        if self._calls_on_start:
            self._guard.call("downstream on_start", self._downstream.on_start, span, parent_context)

    def _on_ending(self, span: Span) -> None:
        if self._calls_on_ending:
            self._guard.call("downstream _on_ending", self._downstream._on_ending, span)  # noqa: SLF001 -- of the interface

    def on_end(self, span: ReadableSpan) -> None:
        """Queue an ended span for the worker."""
        if self._shut_down:
            self._lose(AFTER_SHUTDOWN)
            return
        self._queue.append(span)
        if not self._awake:
            self._guard.call("waking the worker", self._wake_worker)
        elif len(self._queue) >= self._max_queue_size:
            self._guard.call("folding on the application thread", self._fold_when_full)

    def _wake_worker(self) -> None:
        if self._worker is None:
            with self._worker_lock:
                if self._worker is None:
                    wake = self._wake
                    mine = weakref.ref(self, lambda _: wake.set())
                    worker = threading.Thread(target=_work, args=(mine, wake), name="otel-session-agg", daemon=True)
                    worker.start()
                    self._worker = worker
        self._awake = True  # only now: without a thread the next span tries again
        self._wake.set()

    def _fold_when_full(self) -> None:
        # another thread that folds already will take this span, too, unless it falls behind
        must = len(self._queue) >= 2 * self._max_queue_size and self._folding != threading.get_ident()
        if self._fold_lock.acquire(blocking=must):
            try:
                self._fold_some()
            finally:
                self._fold_lock.release()

    # -- folding and forwarding ---------------------------------------------------------------------------------------------

    def _fold_some(self) -> bool:
        """Fold one batch; the caller holds the fold lock.  Returns whether there was anything."""
        pipeline, queue = self._pipeline, self._queue
        number = min(len(queue), _BATCH)
        now = self._clock()
        out: list[object] = []
        self._folding = threading.get_ident()
        pipeline.take(queue, number, now, out)
        self._guard.call("releasing", pipeline.engine.due, now, out)  # what was taken leaves all the same
        self._hold(pipeline.finish(out))
        self._folding = None
        return number > 0

    def _hold(self, spans: list[ReadableSpan]) -> None:
        room = self._settings.max_held_spans - len(self._held)
        for _ in spans[room:] if room < len(spans) else ():
            self._lose(HELD)
        self._held.extend(spans[: max(room, 0)])

    def _forward(self, still: Callable[[], bool]) -> None:
        """Hand on what is held; outside the fold lock, so that a downstream that hangs stops nobody else."""
        with suppressed():
            while self._guard.call("downstream on_end", self._hand_on, still) is None:
                pass  # it raised: that span was handed on, the next one follows

    def _hand_on(self, still: Callable[[], bool]) -> bool:
        held, on_end = self._held, self._downstream.on_end
        while held and still():
            on_end(held.popleft())
        return True

    def _lose(self, reason: str) -> None:
        self._lost[reason] = self._lost.get(reason, 0) + 1
        self._guard.once("lost", reason, "spans are lost: %s", reason)

    def _round(self) -> float | None:
        """One turn of the worker; returns how long it may sleep, ``None`` for until it is woken."""
        busy = True
        while busy and not self._shut_down:
            with self._fold_lock:
                busy = self._fold_some()
            with self._forward_lock:
                self._forward(_always)
        self._awake = False
        if self._queue:  # appended before the flag fell
            self._awake = True
            return 0.0
        deadline = self._pipeline.engine.next_deadline()
        return None if deadline is None else max(0.0, deadline - self._clock())

    # -- asked for ----------------------------------------------------------------------------------------------------------

    def force_flush(self, timeout_millis: int | None = 30000) -> bool:
        """Release every root that has ended and forward everything; ``False`` when the time was not enough."""
        until = time.monotonic() + (30000 if timeout_millis is None else timeout_millis) / 1000
        done = self._guard.call("force_flush", self._drain, FLUSH, until) or False
        left = max(0, int((until - time.monotonic()) * 1000))
        return (self._guard.call("downstream force_flush", self._flush_downstream, left) or False) and done

    def _flush_downstream(self, timeout_millis: int) -> bool:
        return self._downstream.force_flush(timeout_millis) is not False  # some return nothing

    def shutdown(self) -> None:
        """Forward everything and shut the downstream down; later spans are lost and counted."""
        if self._shut_down:
            return
        self._guard.call("shutdown", self._drain, SHUTDOWN, time.monotonic() + 30)
        self._shut_down = True
        for _ in range(len(self._held) + sum(not isinstance(item, tuple) for item in list(self._queue))):
            self._lose(SHUTDOWN)
        self._wake.set()
        self._guard.call("stopping price updates", self._prices.stop_updates)
        self._guard.call("downstream shutdown", self._downstream.shutdown)

    def _drain(self, reason: str, until: float) -> bool:
        with _within(self._fold_lock, until) as mine:
            if not mine:
                return False
            while self._fold_some():
                if time.monotonic() >= until:
                    return False
            out: list[object] = []
            self._guard.call("releasing", self._pipeline.engine.drain, reason, out)
            self._hold(self._pipeline.finish(out))
        with _within(self._forward_lock, until) as mine:
            if not mine:
                return False
            self._forward(lambda: time.monotonic() < until)
        return not self._held


def _work(processor: weakref.ref[SessionSpanProcessor], wake: threading.Event) -> None:
    """The worker: it does not keep the processor alive."""
    sleep: float | None = None
    while True:
        woken = wake.wait(sleep)
        if woken:
            wake.clear()
            time.sleep(GATHER_SECONDS)
        mine = processor()
        if mine is None or mine._shut_down or mine._wake is not wake:  # noqa: SLF001 -- its own worker
            return
        sleep = mine._guard.call("working", mine._round)  # noqa: SLF001
        del mine
        if sleep is None:
            sleep = _LOOK_AGAIN_SECONDS


_LOOK_AGAIN_SECONDS = 60.0
"""An idle worker looks this often whether its processor is still there."""


class _within(AbstractContextManager[bool]):  # noqa: N801 -- reads as a statement
    """A lock held, if it could be had before a time."""

    def __init__(self, lock: threading.Lock, until: float) -> None:
        self._lock = lock
        self._until = until
        self._mine = False

    def __enter__(self) -> bool:
        self._mine = self._lock.acquire(timeout=max(0.0, self._until - time.monotonic()))
        return self._mine

    def __exit__(self, *_: object) -> None:
        if self._mine:
            self._lock.release()


_EMPTY = {SpanProcessor.on_start.__code__.co_code, (lambda: None).__code__.co_code}
"""A body that does nothing, with a docstring and without."""


def _is_empty(processor: SpanProcessor, hook: str) -> bool:
    """Whether a hook does nothing, as the batch processor's, and need not be called."""
    code = getattr(getattr(processor, hook, _nothing), "__code__", None)
    return code is not None and code.co_code in _EMPTY


def _always() -> bool:
    return True


def _nothing() -> None:
    """What a processor that is gone does after a fork."""
