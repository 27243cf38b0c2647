"""Tell others which sessions have changed, on a thread that nothing else waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Condition

from otel_session_agg._guard import Guard
from otel_session_agg._threads.background import Background

Changed = Callable[[frozenset[str]], object]
"""Takes the ids of sessions that have changed; their totals are in the history."""

_MAX_IDS = 100_000
"""Ids that wait while a function is slow; further ones are passed on once they change again."""


class Changes:
    """The functions that are called when sessions have changed."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._functions: list[Changed] = []
        self._ids: set[str] = set()
        self._more = Condition()
        self._is_closed = False
        self._thread = Background("otel-session-agg changes", self._run, guard)

    def subscribe(self, function: Changed) -> None:
        """Call a function from now on; while it runs, further changes are put together."""
        with self._more:
            self._functions.append(function)
        self._thread.begin()

    def add(self, ids: Iterable[str]) -> None:
        """Tell that sessions have changed; return at once."""
        with self._more:
            if not self._functions:
                return
            for name in ids:
                if len(self._ids) < _MAX_IDS or name in self._ids:
                    self._ids.add(name)
                    continue
                text = "more than %s changed sessions wait; rules miss others until these change"
                self._guard.once("changes", "too many", text, _MAX_IDS)
            self._more.notify_all()

    def _run(self) -> bool:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._ids or self._is_closed)
                ids, self._ids = frozenset(self._ids), set()
                functions = tuple(self._functions)
            if not ids:
                return True
            for function in functions:
                self._guard.part("telling which sessions changed", function, ids)

    def close(self) -> None:
        """Tell what waits, and end the thread."""
        with self._more:
            self._is_closed = True
            self._more.notify_all()
        thread = self._thread.thread
        if thread is not None and not self._thread.is_inside:
            thread.join(5.0)
