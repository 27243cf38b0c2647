"""Run on another thread what the main thread asks for, so that signal handlers do not interrupt it.

Signal handlers run on the main thread, between any two steps of it, and what they raise ends what
is at hand: half a fold, with a lock held.  So the main thread folds nothing as long as another
thread can do it and only waits, which may be interrupted at any moment; what was begun is brought
to its end, and the exception goes on in the application.  Waiting costs about 10 us.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from otel_session_agg._guard import Guard
from otel_session_agg._threads.background import Worker

T = TypeVar("T")

_LONGEST_SECONDS = 60.0
"""A fold takes milliseconds; what has not ended by then never will."""


class Apart:
    """The other thread: one per process, since nothing that it runs waits for I/O."""

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._worker = Worker("otel-session-agg-asks", Guard(logging.getLogger("otel_session_agg")))

    def call(self, function: Callable[[], T], until: float | None = None) -> T | None:
        """Return the result of ``function``, which must not raise.

        ``until`` is monotonic; by default it is a minute from now.  ``None``: not in time.
        """
        if threading.current_thread() is not threading.main_thread():
            return function()
        result: list[T] = []
        self._worker.do(
            lambda: result.append(function()),
            time.monotonic() + _LONGEST_SECONDS if until is None else until,
        )
        return result[0] if result else None


apart = Apart()
"""The thread of this process."""
