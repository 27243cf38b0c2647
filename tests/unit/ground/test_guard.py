"""The boundary to the host application."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from asyncio import CancelledError
from functools import partial
from types import FrameType
from typing import Any

import pytest

from otel_session_agg import _guard
from otel_session_agg._guard import _MAX_KINDS, Guard, PendingMessages
from otel_session_agg._threads.messages import messages
from tests.support.apps import DEADLINE_SECONDS

_LOGGER = logging.getLogger("tests.guard")


def _fail(error: BaseException) -> None:
    raise error


class TestCall:
    """Calls whose faults stay here."""

    def test_result(self) -> None:
        """The result is handed through."""
        guard = Guard(_LOGGER)
        assert 5 == guard.call("adding", lambda a, b: a + b, 2, 3)
        assert {} == guard.faults

    def test_fault(self, caplog: pytest.LogCaptureFixture) -> None:
        """A fault is counted and logged with its place, type and traceback."""
        guard = Guard(_LOGGER)
        assert guard.call("failing", _fail, ValueError("bad")) is None
        assert {"failing": 1} == guard.faults
        assert ["failing failed: ValueError: bad"] == caplog.messages
        assert caplog.records[0].exc_info is not None

    def test_logged_once_per_type(self, caplog: pytest.LogCaptureFixture) -> None:
        """Each type of error is logged once per place, and counted each time."""
        guard = Guard(_LOGGER)
        for place in ("here", "there"):
            for error in (ValueError("1"), ValueError("2"), TypeError("3")):
                guard.call(place, _fail, error)
        assert {"here": 3, "there": 3} == guard.faults
        assert [f"{place} failed: {what}" for place in ("here", "there") for what in ("ValueError: 1", "TypeError: 3")] == (
            caplog.messages
        )

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
    def test_not_ours(self, error: BaseException) -> None:
        """What ends the program is not held up."""
        with pytest.raises(type(error)):
            Guard(_LOGGER).call("stopping", _fail, error)


class TestSignals:
    """What signal handlers raise in the middle of a call."""

    @staticmethod
    def _interrupt(handler: Any) -> None:
        before = signal.signal(signal.SIGUSR1, handler)
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
        finally:
            signal.signal(signal.SIGUSR1, before)

    @pytest.mark.parametrize("form", ["plain", "any", "method", "partial", "nested"])
    @pytest.mark.parametrize("door", ["call", "part"])
    def test_goes_on(self, door: str, form: str) -> None:
        """It goes on to the application, however the handler is declared, and is no fault."""

        def plain(_number: int, _frame: FrameType | None) -> None:
            raise ValueError

        class Limit:
            def handle(self, number: int, frame: FrameType | None) -> None:
                plain(number, frame)

        handlers = {
            "plain": plain,
            "any": lambda *args: plain(*args),  # noqa: PLW0108 -- a function that takes anything
            "method": Limit().handle,
            "partial": partial(lambda _name, number, frame: plain(number, frame), "a"),
            "nested": lambda _number, _frame=None: exec("raise ValueError"),  # noqa: S102
        }
        guard = Guard(_LOGGER)
        with pytest.raises(ValueError):  # noqa: PT011 -- made here
            getattr(guard, door)("working", self._interrupt, handlers[form])
        assert {} == guard.faults

    def test_own_faults(self) -> None:
        """A function that is given the frame below it by others is rare, one that raises below a handler is a fault of its own."""
        guard = Guard(_LOGGER)
        self._interrupt(lambda _number, _frame: guard.call("in a handler", _fail, ValueError("1")))
        assert {"in a handler": 1} == guard.faults


class TestPart:
    """Parts of the application."""

    @pytest.mark.parametrize("error", [ValueError("1"), SystemExit(1), CancelledError()])
    def test_stays(self, error: BaseException) -> None:
        """What they raise stays here, whatever it is."""
        guard = Guard(_LOGGER)
        assert guard.part("exporting", _fail, error) is None
        assert {"exporting": 1} == guard.faults

    def test_interrupt(self) -> None:
        """Ctrl-C is the user's."""
        with pytest.raises(KeyboardInterrupt):
            Guard(_LOGGER).part("exporting", _fail, KeyboardInterrupt())


class TestOwnThreads:
    """Threads of this library."""

    def test_everything_stays(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody else would hear of it."""
        monkeypatch.setattr(_guard, "own_threads", {threading.get_ident()})
        guard = Guard(_LOGGER)
        for error in (KeyboardInterrupt(), SystemExit(1), CancelledError()):
            assert guard.call("working", _fail, error) is None
        assert {"working": 3} == guard.faults


class TestPendingMessages:
    """Messages."""

    def test_breaking_logger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A logger that raises keeps no other message from being logged."""
        logged: list[str] = []

        class Breaks(logging.Logger):
            def warning(self, msg: object, *_: object, **__: Any) -> None:
                logged.append(str(msg))
                raise SystemExit

        pending = PendingMessages()
        monkeypatch.setattr(_guard, "pending_messages", pending)
        guard = Guard(Breaks("b"))
        guard.once("a", "b", "first")
        guard.once("a", "c", "second")
        assert ["first", "second"] == logged

    def test_not_here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever has something to say may hold a lock, so another thread logs."""
        threads: list[threading.Thread] = []
        logger = logging.getLogger("tests.guard.mine")
        monkeypatch.setattr(logger, "filter", lambda _: threads.append(threading.current_thread()))
        guard = Guard(logger)
        guard.once("a", "b", "something")
        assert messages.flush(time.monotonic() + DEADLINE_SECONDS)
        assert [messages.thread] == threads


class TestOnce:
    """Warnings that come once."""

    def test_once(self, caplog: pytest.LogCaptureFixture) -> None:
        """The same thing is told of once, another one too."""
        guard = Guard(_LOGGER)
        for what in ("a", "a", "b"):
            guard.once("place", what, "it is %s", what)
        assert ["it is a", "it is b"] == caplog.messages

    def test_bounded(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither the log nor the memory grows with the names that users make up."""
        guard = Guard(_LOGGER)
        for number in range(2 * _MAX_KINDS):
            guard.once("unpriced", f"model-{number}", "model")
        assert _MAX_KINDS == len(caplog.messages) == len(guard._logged)
