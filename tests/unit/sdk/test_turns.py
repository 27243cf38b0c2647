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

    def __init__(self, sleeps: float | None = None) -> None:
        self.sleeps = sleeps
        self.awake = self.is_shut_down = False
        self.guard = Guard(logging.getLogger("tests"))
        self.turned = threading.Event()
        self.worker = TurnWorker(self, self.guard)

    def turn(self) -> float | None:
        """Take a turn."""
        self.turned.set()
        return self.sleeps

    def stop(self) -> None:
        """End the thread."""
        self.is_shut_down = True
        self.worker.wake(gathers=False)
        assert self.worker.thread is not None
        self.worker.thread.join(DEADLINE_SECONDS)
        assert not self.worker.thread.is_alive()


def test_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn at once does not wait for more, also while the worker gathers."""
    monkeypatch.setattr(turns, "GATHER_SECONDS", NEVER_SECONDS)
    turning = Turning()
    assert turning.worker.wake()
    assert not turning.turned.wait(0.01)
    assert turning.worker.wake(gathers=False)
    assert turning.turned.wait(DEADLINE_SECONDS)
    turning.stop()


def test_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn after a while comes sooner when the worker is woken meanwhile."""
    monkeypatch.setattr(turns, "LATER_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(turns, "GATHER_SECONDS", 0.0)
    turning = Turning()
    assert turning.worker.wake_later()
    assert turning.turned.wait(DEADLINE_SECONDS)  # a new thread takes one
    turning.turned.clear()
    assert turning.worker.wake_later()
    assert not turning.turned.wait(0.01)
    assert turning.worker.wake_later()
    assert not turning.turned.wait(0.01)
    assert turning.worker.wake()
    assert turning.turned.wait(DEADLINE_SECONDS)
    turning.stop()


@pytest.mark.parametrize(("sleeps", "later_seconds"), [(None, 0.0), (0.02, NEVER_SECONDS)])
def test_not_forever(sleeps: float | None, later_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes after that while, or when something is due."""
    monkeypatch.setattr(turns, "LATER_SECONDS", later_seconds)
    monkeypatch.setattr(turns, "GATHER_SECONDS", 0.0)
    turning = Turning(sleeps)
    for _ in range(3):
        assert turning.worker.wake_later()
        assert turning.turned.wait(DEADLINE_SECONDS)
        turning.turned.clear()
    turning.stop()
