"""A thread for the application's callbacks: one that takes long, or never comes back, holds up nothing but other callbacks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from otel_session_agg._guard import Guard
from otel_session_agg._suppress import suppressed

MAX_CALLS = 10_000
"""Calls that may wait for one that takes long; as many as sessions in memory, each of which may end at once."""


class Caller:
    """Calls functions, one after the other, on a thread that begins with the first."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._changed = threading.Condition()
        self._calls: deque[Callable[[], object]] = deque()
        self._is_busy = self._is_stopped = False
        self._thread: threading.Thread | None = None
        self.num_lost = 0
        """Calls that were not made because too many waited."""

    def add(self, calls: Iterable[Callable[[], object]]) -> None:
        """Call these soon."""
        with self._changed:
            for call in calls:
                if len(self._calls) < MAX_CALLS:
                    self._calls.append(call)
                else:
                    self.num_lost += 1
                    self._guard.once("lost", "callback", "callbacks are lost: one of them does not come back")
            if self._thread is None and self._calls:
                thread = threading.Thread(target=self._run, name="otel-session-agg-calls", daemon=True)
                thread.start()
                self._thread = thread
            self._changed.notify_all()

    def flush(self, until: float) -> bool:
        """Wait until all are made; from within one of them nothing can be waited for."""
        if self._thread is threading.current_thread():
            return True
        with self._changed:
            return self._changed.wait_for(lambda: not self._calls and not self._is_busy, max(0.0, until - time.monotonic()))

    def stop(self) -> None:
        """Let the thread end when there is nothing to call."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._calls or self._is_stopped, _IDLE_SECONDS)
                if not self._calls:
                    self._thread = None
                    return
                call = self._calls.popleft()
                self._is_busy = True
            with suppressed():
                self._guard.call("a callback", call)
            del call


_IDLE_SECONDS = 30.0
"""After so long without a call the thread ends; the next call begins another one."""
