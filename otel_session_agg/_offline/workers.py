"""Do the work of a replay in several processes, or in this one."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TypeVar

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._offline import work
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.spool import Batch
from otel_session_agg._offline.work import Counted, Decoded, Frames, Work

SMALL_BYTES = 8_000_000
"""Inputs up to which further processes would take longer to start than they save."""

T = TypeVar("T")
R = TypeVar("R")

_WAITING = 2
"""Tasks for each process that are under way: one is done while the next one waits."""


class Workers:
    """Processes that decode and count; close it in the end.

    Until then Python's garbage collector does not run by itself in this process, either: what is
    counted is let go of batch by batch, and looking through it again and again takes a quarter of
    the time.

    Args:
        number: How many; 1: all is done in this process.
        folder: Where spans are put aside.
        options: How they are read and priced.

    """

    def __init__(self, number: int, folder: Path, options: Options) -> None:
        self._number = number
        self._own = Work(folder, options)
        self._pool: ProcessPoolExecutor | None = None
        if number > 1:
            self._pool = ProcessPoolExecutor(
                number,
                mp_context=multiprocessing.get_context("spawn"),  # safe beside threads
                initializer=work.start,
                initargs=(folder, options),
            )
        self._collects = gc.isenabled()
        gc.disable()

    def decode(self, tasks: Iterable[Frames]) -> Iterator[Decoded]:
        """Yield what comes of each task, in order."""
        if self._pool is None:
            return map(self._own.decode, tasks)
        return self._done(self._pool, work.decode, tasks)

    def count(self, batches: Iterable[Batch]) -> Iterator[Counted]:
        """Yield what the traces of each batch came to, in order."""
        if self._pool is None:
            return map(self._own.count, batches)
        return self._done(self._pool, work.count, batches)

    def map(self, function: Callable[[T], R], values: Iterable[T]) -> Iterator[R]:
        """Yield what a function returns for each value, in order."""
        if self._pool is None:
            return map(function, values)
        return self._done(self._pool, function, values)

    def _done(
        self, pool: ProcessPoolExecutor, function: Callable[[T], R], tasks: Iterable[T]
    ) -> Iterator[R]:
        waiting: deque[Future[R]] = deque()
        try:
            for task in tasks:
                with no_interrupt():  # a process may start here
                    waiting.append(pool.submit(function, task))
                if len(waiting) >= _WAITING * self._number:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            message = "a process that read spans was killed, perhaps for want of memory"
            raise SessionAggError(message) from None
        finally:
            for one in waiting:
                one.cancel()

    def close(self) -> None:
        """Stop the processes; let the garbage collector be as it was."""
        if self._collects:
            gc.enable()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._own.close()


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Let Ctrl-C wait; processes that start meanwhile never see it."""
    resource_tracker.ensure_running()  # the first process starts it, which lets signals in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def num_cores() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux has it
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
