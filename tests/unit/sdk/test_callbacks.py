"""The thread of the application's callbacks."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from otel_session_agg._guard import Guard
from otel_session_agg._sdk import callbacks
from otel_session_agg._sdk.callbacks import CallbackThread

_SECONDS = 30.0


def later() -> float:
    """Long after everything should have been done."""
    return time.monotonic() + _SECONDS


class TestCaller:
    """Calls, one after the other."""

    def test_in_order(self) -> None:
        """All are made in the order they came, also after one that raises."""
        made: list[int] = []
        caller = CallbackThread(Guard(logging.getLogger("tests")))
        caller.add([lambda: made.append(1), lambda: 1 // 0, lambda: made.append(2)])
        assert caller.flush(later())
        assert [1, 2] == made

    def test_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Behind one that does not come back only so many wait; the others are lost and counted."""
        monkeypatch.setattr(callbacks, "MAX_CALLS", 2)
        go_on, began, made = threading.Event(), threading.Event(), list[int]()
        caller = CallbackThread(Guard(logging.getLogger("tests")))

        def hang() -> None:
            began.set()
            go_on.wait(_SECONDS)

        caller.add([hang])
        assert began.wait(_SECONDS)
        caller.add([lambda number=number: made.append(number) for number in range(5)])  # type: ignore[misc]
        assert 3 == caller.num_lost
        assert not caller.flush(time.monotonic())
        go_on.set()
        assert caller.flush(later())
        assert [0, 1] == made

    def test_from_within(self) -> None:
        """A call that flushes does not wait for itself."""
        answers: list[bool] = []
        caller = CallbackThread(Guard(logging.getLogger("tests")))
        caller.add([lambda: answers.append(caller.flush(later()))])
        assert caller.flush(later())
        assert [True] == answers
