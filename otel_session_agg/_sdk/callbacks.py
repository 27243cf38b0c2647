"""The thread of the application's callbacks: one that never returns delays only other callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from otel_session_agg._guard import Guard
from otel_session_agg._threads.background import Worker
from otel_session_agg._threads.suppress import suppressed

MAX_CALLS = 10_000
"""Calls that may wait for one that takes long: the default bound of sessions in memory, all of
which may end at once."""


class CallbackThread:
    """Calls functions, one after the other, on a thread that begins with the first.

    Where no thread can be had, ``flush`` calls them.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.worker = Worker("otel-session-agg-calls", guard)
        self.num_lost = 0
        """Calls that were not made because too many waited."""

    def add(self, calls: Iterable[Callable[[], object]]) -> None:
        """Call these functions soon; beyond ``MAX_CALLS`` that wait, count them as lost."""
        for call in calls:
            if self.worker.waiting() < MAX_CALLS:
                self.worker.put(partial(_call, self._guard, call))
            else:
                self.num_lost += 1
                self._guard.once(
                    "lost", "callback", "callbacks are lost: one of them does not come back"
                )

    def flush(self, until: float) -> bool:
        """Wait until all are made; return whether they were.  Within one of them, do nothing."""
        return self.worker.do(_nothing, until)

    def stop(self) -> None:
        """Let the thread end when there is nothing to call."""
        self.worker.stop()


def _call(guard: Guard, call: Callable[[], object]) -> None:
    with suppressed():
        guard.part("a callback", call)


def _nothing() -> None:
    """Do nothing: a job that is done when all before it are."""
