"""When the worker takes its turns."""

from __future__ import annotations

import logging
import threading

import pytest

from otel_session_agg._guard import Guard
from otel_session_agg._sdk import turns
from otel_session_agg._sdk.turns import TurnWorker
from tests.support.apps import DEADLINE_SECONDS

NEVER_SECONDS = 3600.0


class Turning:
    """What a worker works for."""

    def __init__(self) -> None:
        self.awake = self.is_shut_down = False
        self.guard = Guard(logging.getLogger("tests"))
        self.turned = threading.Event()
        self.worker = TurnWorker(self, self.guard)

    def turn(self) -> None:
        """Take a turn."""
        self.turned.set()


def test_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn at once does not wait for more, also while the worker gathers."""
    monkeypatch.setattr(turns, "GATHER_SECONDS", NEVER_SECONDS)
    turning = Turning()
    assert turning.worker.wake()
    assert not turning.turned.wait(0.01)
    assert turning.worker.wake(gathers=False)
    assert turning.turned.wait(DEADLINE_SECONDS)
    turning.is_shut_down = True
    turning.worker.wake(gathers=False)
    assert turning.worker.thread is not None
    turning.worker.thread.join(DEADLINE_SECONDS)
    assert not turning.worker.thread.is_alive()
