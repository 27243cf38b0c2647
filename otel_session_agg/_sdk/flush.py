"""Release and forward everything, on the calling thread, within the time that it is given."""

from __future__ import annotations

import time
from functools import partial

from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._threads.apart import apart
from otel_session_agg._threads.locks import is_mine, locked
from otel_session_agg._threads.suppress import suppressed

_CALLBACK_SECONDS = 1.0
"""How long ``drain`` waits for the application's callbacks, which are not what it drains."""

_PATIENCE_SECONDS = 10.0
"""How long ``drain`` waits for room downstream: as long as OTLP's exporters try to send a batch by
default.  Shutdown must not wait twice for one that hangs."""

_FOREVER = float("inf")


def run_here(worker: SpanWorker) -> None:
    """Fold and forward everything before returning; roots that wait go on waiting."""
    apart.call(partial(locked, worker.fold_lock, _FOREVER, partial(worker.fold_until, _FOREVER)))
    _forward(worker, _FOREVER)


def drain(worker: SpanWorker, reason: str, until: float) -> bool:
    """Release and forward everything; return whether there was time enough.

    From within a fold nothing can be released, and from within a downstream nothing forwarded: that
    goes on afterwards.
    """
    if is_mine(worker.fold_lock):
        return False
    is_released = _released(worker, reason, until)
    if is_mine(worker.forward_lock):
        return is_released
    is_forwarded = _forward(worker, until)
    worker.callbacks.flush(min(until, time.monotonic() + _CALLBACK_SECONDS))
    return is_released and is_forwarded


def _released(worker: SpanWorker, reason: str, until: float) -> bool:
    release = partial(_release, worker, reason, until)
    if not apart.call(partial(locked, worker.fold_lock, until, release), until):
        return False
    store_worker = worker.pipeline.store_worker
    return store_worker is None or _exchange(worker, store_worker, reason, until)


def _release(worker: SpanWorker, reason: str, until: float) -> bool:
    if not worker.fold_until(until):
        return False
    pipeline = worker.pipeline
    pipeline.drain(reason, worker.clock(), gives_up=pipeline.store_worker is None)
    worker.hold()
    return True


def _exchange(worker: SpanWorker, store_worker: StoreWorker, reason: str, until: float) -> bool:
    """Read what waits for the store, then write what follows; return whether there was time.

    A store that cannot be reached does not count as lacking time.
    """
    turn = partial(locked, worker.fold_lock, until, partial(_turn, worker, reason))
    for _ in range(2):
        worker.guard.call("flushing the store", store_worker.flush, until)
        if not apart.call(turn, until):
            return False
    return True


def _turn(worker: SpanWorker, reason: str) -> bool:
    worker.pipeline.turn(worker.clock(), reason)
    worker.hold()
    return True


def _forward(worker: SpanWorker, until: float) -> bool:
    """Let the worker forward everything and wait for that, or do it here without a worker.

    Return whether there was time.
    """
    results: list[bool | None] = []

    def forward() -> None:
        with suppressed():  # it may be the application's thread
            patiently = partial(worker.forward, until, _PATIENCE_SECONDS)
            results.append(locked(worker.forward_lock, until, patiently))

    if worker.worker.is_inside or worker.is_shut_down:
        forward()
        return results == [True]
    return worker.worker.do(forward, until) and results == [True]
