"""Export what is open when the process gets ``SIGTERM``, as from ``docker stop`` and Kubernetes.

Without a handler that signal ends a process at once: no ``atexit``, so what waits here is lost, the
totals and records of open sessions included.  So there is one handler per process, set in the main
thread, which works with other handlers:

* Where there is no other handler, everything leaves (at most 5 seconds), then the signal ends the
  process as before: a supervisor sees the same exit status.
* Where there is one (of a server that lets requests finish), what has ended leaves at once and
  keeps leaving while the process goes on, with records of the sessions in which nothing is open,
  after 5 seconds of all; then that handler is called.  What changes later is in the next revision
  of a record.
* uvicorn restores the handler that it found and raises the signal again when it has finished.  When
  this one was set inside of it, as in ``uvicorn app:app``, it found none, and that would end the
  process.  There the signal is blocked for the main thread until the interpreter's end, where
  everything leaves before the signal ends the process.
* A signal that is ignored stays ignored; a handler that the application sets later replaces this
  one.

A handler runs in the middle of what the main thread was doing, so it takes no lock of Python: the
work is done by a thread of its own, and where the main thread may hold a lock that this work needs,
it is not waited for.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol
from weakref import WeakSet

from otel_session_agg._threads.locks import all_of

STOP_SECONDS = 5.0
"""How long everything may take: half of the time that ``docker stop`` allows."""

CHAINED_SECONDS = 1.0
"""How long another handler is kept waiting: a server goes on with its requests."""

_AGAIN_SECONDS = 0.1
_GOING_ON_SECONDS = 60.0
"""After how long the application evidently does not mean to stop."""

_RAISES_AGAIN = "uvicorn"
_MAY_LOCK = (
    "otel_session_agg",
    "opentelemetry.sdk",
    "opentelemetry.exporter",
    "threading",
    "logging",
    "queue",
)
"""Modules in which the main thread may hold a lock that the work needs."""


class Stoppable(Protocol):
    """An object with data that must not be lost: an ``Aggregator``."""

    def stop(self, until: float, *, is_last: bool) -> None:
        """Let leave what can, until a monotonic time; ``is_last``: open sessions, too."""
        ...


class Stopping:
    """The handler of a process.  ``stoppables`` are stopped by it, and not kept alive."""

    def __init__(self) -> None:
        self.stoppables: WeakSet[Stoppable] = WeakSet()
        self._previous: Callable[[int, FrameType | None], Any] | None = None
        """The handler that was there before; ``None``: there was none."""
        self._pid: int | None = None
        """The process that has the handler."""
        self._is_signalled = self._is_inside = self._is_blocked = False

    @property
    def is_looked_after(self) -> bool:
        """Whether this process has the handler, or cannot; false in a forked child at first."""
        return self._pid == os.getpid()

    def install(self) -> None:
        """Handle the signal from now on, unless it is ignored; only the main thread can."""
        if self.is_looked_after or threading.current_thread() is not threading.main_thread():
            return
        found = signal.getsignal(signal.SIGTERM)
        if found in (None, signal.SIG_IGN):
            return
        if self._pid is None:
            atexit.register(self._at_exit)
        if found != self._handle:  # else a fork has it already
            with suppress(ValueError):  # not the main interpreter
                signal.signal(signal.SIGTERM, self._handle)
                self._previous = found if callable(found) else None
        self._pid = os.getpid()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous
        waits = not _may_hold_lock(frame)
        done = _locked()
        if previous is None:
            signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
            self._begin(self._end, number, done)
            if waits:
                done.acquire(timeout=STOP_SECONDS)
        elif not self._is_inside:
            if not self._is_signalled:
                self._is_signalled = True
                self._block(previous, number)
                self._begin(self._go_on, number, done)
                if waits:
                    done.acquire(timeout=CHAINED_SECONDS)
            self._is_inside = True
            try:
                previous(number, frame)
            finally:
                self._is_inside = False

    @staticmethod
    def _begin(
        work: Callable[[int, _thread.LockType], None], number: int, done: _thread.LockType
    ) -> None:
        try:
            _thread.start_new_thread(work, (number, done))  # ``threading`` takes locks to begin one
        except RuntimeError:  # there can be no more threads
            work(number, done)

    def _end(self, number: int, _: _thread.LockType) -> None:
        """Let everything leave, then end the process."""
        self._all(is_last=True)
        os.kill(os.getpid(), number)

    def _go_on(self, _: int, done: _thread.LockType) -> None:
        """Let leave what has ended, as long as the process goes on."""
        began = time.monotonic()
        was_last = False
        while self.stoppables and time.monotonic() < began + _GOING_ON_SECONDS:
            is_last = not was_last and time.monotonic() >= began + STOP_SECONDS
            self._all(is_last=is_last)
            was_last = was_last or is_last
            if done.locked():
                done.release()
            time.sleep(_AGAIN_SECONDS)
        self._is_signalled = False

    def _all(self, *, is_last: bool) -> None:
        """Stop all, each on a thread of its own, so that one that hangs holds up no other."""
        until = time.monotonic() + STOP_SECONDS
        begun = []
        for stoppable in all_of(self.stoppables):
            done = _locked()
            try:
                _thread.start_new_thread(_stop, (stoppable, until, is_last, done))
                begun.append(done)
            except RuntimeError:
                _stop(stoppable, until, is_last, done)
        for done in begun:
            done.acquire(timeout=max(0.0, until - time.monotonic()))

    # -- servers that raise the signal again ------------------------------------------------------

    def _block(self, previous: Callable[..., Any], number: int) -> None:
        """Delay a signal that will be raised again to the interpreter's end."""
        module = str(getattr(previous, "__module__", ""))
        if hasattr(signal, "pthread_sigmask") and module.partition(".")[0] == _RAISES_AGAIN:
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
            self._is_blocked = True

    def _at_exit(self) -> None:
        if self._is_blocked:
            self._all(is_last=True)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _locked() -> _thread.LockType:
    lock = _thread.allocate_lock()
    lock.acquire()
    return lock


def _stop(
    stoppable: Stoppable,
    until: float,
    is_last: bool,  # noqa: FBT001 -- started as a thread
    done: _thread.LockType,
) -> None:
    try:
        stoppable.stop(until, is_last=is_last)
    finally:
        done.release()


def _may_hold_lock(frame: FrameType | None) -> bool:
    """Return whether the main thread was interrupted where it may hold a lock that is needed."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_MAY_LOCK):
            return True
        frame = frame.f_back
    return False


stopping = Stopping()
"""The handler of this process."""
