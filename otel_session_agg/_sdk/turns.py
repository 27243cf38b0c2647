"""The worker thread: it takes turns when woken or due, and does jobs that a caller waits for."""

from __future__ import annotations

import time
import weakref
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from otel_session_agg._guard import Guard
from otel_session_agg._threads.background import Background, Done, Job, finally_, next_of, wait_for
from otel_session_agg._threads.suppress import suppressed

GATHER_SECONDS = 0.02
"""How long the worker waits after waking, so that a burst is one batch."""

LATER_SECONDS = 1.0
"""How long it waits for a root after the first span that ended below one: nothing needs that span
sooner, and each time that a thread wakes costs as much as forty spans."""

_LOOK_AGAIN_SECONDS = 60.0
"""How often an idle worker looks whether its ``SpanWorker`` still exists."""


class Turned(Protocol):
    """What the thread works for: a ``SpanWorker``."""

    awake: bool
    is_shut_down: bool
    guard: Guard
    worker: TurnWorker

    def turn(self) -> float | None:
        """Do what there is to do; return how many seconds to sleep, ``None`` until woken."""
        ...


class TurnWorker(Background):
    """The thread of one ``SpanWorker``, which it does not keep alive."""

    def __init__(self, span_worker: Turned, guard: Guard) -> None:
        jobs: SimpleQueue[Job | None] = SimpleQueue()
        mine = weakref.ref(span_worker, lambda _: jobs.put(_nothing))
        super().__init__("otel-session-agg", partial(_work, mine, jobs), guard)
        self._jobs = jobs

    def wake(self, *, gathers: bool = True) -> bool:
        """Let the thread take a turn; return whether there is a thread.

        ``gathers``: soon, so that what comes until then is in the same turn; else at once.
        """
        return self._put(_nothing if gathers else _at_once)

    def wake_later(self) -> bool:
        """Let the thread take a turn after a while, or when woken; return whether there is one."""
        return self._put(_later)

    def _put(self, job: Job) -> bool:
        is_there = self.begin()
        if is_there:
            self._jobs.put(job)
        return is_there

    def do(self, job: Job, until: float) -> bool:
        """Do a job and wait for it, here if there is no thread; return whether that was in time."""
        if self.is_inside:
            job()
            return True
        done = Done()
        self._jobs.put(partial(finally_, done, job))
        return wait_for(done, until, self, self._here)

    def stop(self) -> None:
        """Let the thread see that its ``SpanWorker`` is shut down."""
        self._jobs.put(_nothing)

    def _here(self) -> None:
        while (job := next_of(self._jobs)) is not None:
            job()


def _nothing() -> None:
    """Wake the worker: a job with nothing to do."""


def _later() -> None:
    """Wake the worker after a while: a job with nothing to do."""


def _at_once() -> None:
    """Wake the worker, and end its wait for more."""


def _work(span_worker: weakref.ref[Turned], jobs: SimpleQueue[Job | None]) -> bool:
    """Take turns; HTTP clients that exporters use are not traced."""
    with suppressed():
        return _take_turns(span_worker, jobs)


def _take_turns(span_worker: weakref.ref[Turned], jobs: SimpleQueue[Job | None]) -> bool:
    sleep = GATHER_SECONDS  # then a turn: the thread before may have died with a wake in hand
    worker = None
    while True:
        due = time.monotonic() + sleep
        job = next_of(jobs, sleep)
        if job is _later:
            job = _other(jobs, min(due, time.monotonic() + LATER_SECONDS), _later)
        if job is _nothing:
            job = _other(jobs, time.monotonic() + GATHER_SECONDS, _nothing, _later)
        mine = span_worker()
        worker = worker or (mine.worker if mine is not None else None)
        if mine is None or mine.is_shut_down or mine.worker is not worker:
            return True
        if job is not None:
            mine.guard.call("forwarding", job)
        turned = mine.guard.call("working", mine.turn)
        sleep = _LOOK_AGAIN_SECONDS if turned is None else turned
        del mine, job


def _other(jobs: SimpleQueue[Job | None], until: float, *ignored: Job) -> Job | None:
    """Wait until a monotonic time, so that a burst is one batch; stop at a job of another sort."""
    while (left := until - time.monotonic()) > 0:
        job = next_of(jobs, left)
        if job not in ignored:
            return job
    return None
