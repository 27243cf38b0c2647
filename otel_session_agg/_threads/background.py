"""Threads of this library: started when needed, replaced when they die, and never indispensable.

A thread may be refused: Python 3.12.0 to 3.12.2 start no new ones at the interpreter's end, the
system has limits, isolated subinterpreters have none.  Then the thread that needs the work done
does it.

Where the application's threads pass, no locks and events that are written in Python are used, but
``SimpleQueue``, plain locks in ``with`` and single calls of them: in the middle of ``Event.set`` or
``Condition.wait`` an exception of a signal handler leaves a lock behind that no thread holds.
"""

from __future__ import annotations

import _thread
import sys
import threading
import time
import weakref
from _thread import allocate_lock, get_ident
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from otel_session_agg._guard import Guard, own_threads

Job = Callable[[], object]

_RETRY_SECONDS = 1.0
"""How long after a refused thread none is requested."""

_AGAIN_SECONDS = 0.1
"""After how long a thread goes on when an error ended its work."""

_LOOK_SECONDS = 1.0
"""How often a thread that waits for another one checks whether that is alive."""

_AT_THE_END = "interpreter shutdown"
"""Part of Python's error at its own end, when a missing thread is no fault any more."""


class Background:
    """A daemon thread for some work, which returns ``True`` when it is done for good.

    When it raises, it is called again after a moment.
    """

    def __init__(self, name: str, work: Callable[[], bool], guard: Guard) -> None:
        self._name = name
        self._work = work
        self._guard = guard
        self._lock = threading.RLock()
        self._retry_at = 0.0
        self._is_done = False
        self.thread: threading.Thread | None = None

    def begin(self) -> bool:
        """Start the thread unless it is alive; return whether there is one."""
        thread = self.thread
        return (thread is not None and thread.is_alive()) or self._begin()

    @property
    def is_inside(self) -> bool:
        """Whether the calling thread is this one."""
        return self.thread is threading.current_thread()

    def _begin(self) -> bool:
        """Start the thread.

        ``Thread.start`` waits with locks that are written in Python, so it is not called on the
        main thread.
        """
        if sys.is_finalizing() or time.monotonic() < self._retry_at:
            return False
        if get_ident() != threading.main_thread().ident:
            return self._start()
        done, started = Done(), list[bool]()
        try:
            _thread.start_new_thread(finally_, (done, lambda: started.append(self._start())))
        except RuntimeError as error:
            self._refused(error)
            return False
        done.wait(_LOOK_SECONDS)
        return started != [False]

    def _refused(self, error: RuntimeError) -> None:
        self.thread, self._retry_at = None, time.monotonic() + _RETRY_SECONDS
        self._guard.faults["thread"] += 1
        if _AT_THE_END in str(error):
            return
        self._guard.once(
            "thread",
            str(error),
            "no thread can be had (%s): flush and shutdown do what there is to do",
            error,
        )

    def _start(self) -> bool:
        with self._lock:
            before = self.thread
            if before is not None and before.is_alive():
                return True
            # else it never began
            if before is not None and before.ident is not None and not self._is_done:
                self._guard.faults[self._name] += 1
                self._guard.once(
                    self._name, "died", "the thread %s died; another one goes on", self._name
                )
            try:
                self.thread = thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                self._is_done = False
                thread.start()
            except RuntimeError as error:
                self._refused(error)
                return False
            return True

    def _run(self) -> None:
        me = threading.current_thread()
        own_threads.add(get_ident())
        try:
            while self.thread is me:
                if self._guard.call(self._name, self._work) is not None:
                    self._is_done = True
                    return
                time.sleep(_AGAIN_SECONDS)
        finally:
            own_threads.discard(get_ident())


class Worker:
    """Does jobs one after the other, on a thread that starts with the first."""

    def __init__(self, name: str, guard: Guard) -> None:
        self._name = name
        self._guard = guard
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._background = Background(name, partial(_work, self._jobs, guard, name), guard)
        weakref.finalize(self, self._jobs.put, None).atexit = False

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, if there is one."""
        return self._background.thread

    def put(self, job: Job) -> None:
        """Do a job soon."""
        self._jobs.put(job)
        self._background.begin()

    def waiting(self) -> int:
        """Return how many jobs wait."""
        return self._jobs.qsize()

    def do(self, job: Job, until: float = float("inf")) -> bool:
        """Do a job and all before it, and wait for that; return whether it was in time.

        Within one of the jobs, only return true.
        """
        if self._background.is_inside:
            return True
        done = Done()
        self._jobs.put(partial(finally_, done, job))
        return wait_for(done, until, self._background, self._here)

    def stop(self) -> None:
        """Let the thread end when all is done."""
        if self._background.thread is not None:
            self._jobs.put(None)

    def _here(self) -> None:
        """Do what waits on the calling thread."""
        while (job := next_of(self._jobs)) is not None:
            self._guard.part(self._name, job)


def _work(jobs: SimpleQueue[Job | None], guard: Guard, name: str) -> bool:
    while (job := jobs.get()) is not None:
        guard.call(name, job)
        del job
    return True


def next_of(jobs: SimpleQueue[Job | None], seconds: float = 0.0) -> Job | None:
    """Return the next job; ``None``: there is none within so many seconds."""
    try:
        return jobs.get(timeout=seconds) if seconds > 0 else jobs.get_nowait()
    except Empty:
        return None


class Done:
    """An event that is set once, for one waiting thread; no interruption leaves it half done."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Set it."""
        if self._lock.locked():
            with suppress(RuntimeError):  # at the same moment for the second time
                self._lock.release()

    def is_set(self) -> bool:
        """Return whether it is set."""
        return not self._lock.locked()

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, at most so long; return whether it is."""
        is_done = self._lock.acquire(timeout=max(0.0, min(seconds, threading.TIMEOUT_MAX)))
        if is_done:
            with suppress(RuntimeError):  # it is set for the second time, at this moment
                self._lock.release()
        return is_done


def finally_(done: Done, job: Job) -> None:
    """Do a job, then set ``done``, also when it raises."""
    try:
        job()
    finally:
        done.set()


def wait_for(done: Done, until: float, background: Background, here: Job) -> bool:
    """Wait until a thread has set ``done``; where there is no thread, call ``here`` for its work.

    Return whether it was in time.
    """
    while True:
        if not background.begin():
            here()
        left = until - time.monotonic()
        if done.wait(min(left, _LOOK_SECONDS)):
            return True
        if left <= 0:
            return False
