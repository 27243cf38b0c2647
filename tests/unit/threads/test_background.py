"""Threads of this library."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from otel_session_agg._guard import Guard, own_threads
from otel_session_agg._threads import background as _background
from otel_session_agg._threads.background import Background, Done, Worker
from tests.support.apps import DEADLINE_SECONDS

_LOGGER = logging.getLogger("tests.background")


def later() -> float:
    """Long after everything should have been done."""
    return time.monotonic() + DEADLINE_SECONDS


def refuse(patch: pytest.MonkeyPatch) -> None:
    """No thread can be had."""

    def refused(_: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    patch.setattr(threading.Thread, "start", refused)


class TestBackground:
    """A thread that is there when it is needed."""

    def test_ends(self) -> None:
        """It is one of ours while it works, and ends with its work."""
        seen: list[bool] = []

        def work() -> bool:
            seen.append(threading.get_ident() in own_threads)
            return True

        background = Background("mine", work, Guard(_LOGGER))
        assert background.begin()
        thread = background.thread
        assert thread is not None
        thread.join(DEADLINE_SECONDS)
        assert ([True], False) == (seen, thread.ident in own_threads)

    @pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
    def test_goes_on(self, error: type[BaseException], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        """Work that is ended by whatever error is begun again; it is counted and said once."""
        monkeypatch.setattr(_background, "_AGAIN_SECONDS", 0.0)
        guard, errors, done = Guard(_LOGGER), [error("1"), error("2")], Done()

        def work() -> bool:
            if errors:
                raise errors.pop()
            done.set()
            return True

        Background("mine", work, guard).begin()
        assert done.wait(DEADLINE_SECONDS)
        assert {"mine": 2} == guard.faults
        assert [f"mine failed: {error.__name__}: 2"] == caplog.messages

    def test_begun_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The main thread never is inside of ``Thread.start``, where a signal handler that needs the thread would wait for itself."""
        starters: list[int] = []
        start = threading.Thread.start

        def started(thread: threading.Thread) -> None:
            starters.append(threading.get_ident())
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", started)
        assert Background("mine", lambda: True, Guard(_LOGGER)).begin()
        assert (1, False) == (len(starters), threading.main_thread().ident in starters)

    def test_refused(self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        """A thread that cannot be had is said once, and asked for again a second later."""
        guard = Guard(_LOGGER)
        background = Background("mine", lambda: True, guard)
        with monkeypatch.context() as patch:
            refuse(patch)
            assert [False, False] == [background.begin(), background.begin()]
        assert not background.begin()
        monkeypatch.setattr(background, "_retry_at", 0.0)
        assert background.begin()
        assert {"thread": 1} == guard.faults
        assert ["no thread can be had (can't start new thread): flush and shutdown do what there is to do"] == caplog.messages

    def test_died(self, caplog: pytest.LogCaptureFixture) -> None:
        """A thread that is gone without having done its work is replaced, which is counted and said."""
        guard, done = Guard(_LOGGER), Done()
        background = Background("mine", lambda: bool(done.wait(DEADLINE_SECONDS)), guard)
        background.thread = gone = threading.Thread(target=lambda: None)
        gone.start()
        gone.join(DEADLINE_SECONDS)
        assert background.begin()
        assert background.thread is not gone
        done.set()
        assert {"mine": 1} == guard.faults
        assert ["the thread mine died; another one goes on"] == caplog.messages


class TestWorker:
    """Jobs, one after the other."""

    def test_without_a_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever waits does all that was put before, in order, also what comes after one that ends a thread."""
        refuse(monkeypatch)
        done: list[int] = []
        worker = Worker("mine", Guard(_LOGGER))
        jobs: list[Callable[[], object]] = [lambda: done.append(1), lambda: exec("raise SystemExit"), lambda: done.append(2)]  # noqa: S102
        for job in jobs:
            worker.put(job)
        assert worker.do(lambda: done.append(3), later())
        assert [1, 2, 3] == done

    def test_time(self) -> None:
        """A job that takes long is not waited for longer than asked."""
        worker, go_on = Worker("mine", Guard(_LOGGER)), Done()
        worker.put(lambda: go_on.wait(DEADLINE_SECONDS))
        assert not worker.do(lambda: None, time.monotonic())
        go_on.set()
        assert worker.do(lambda: None, later())

    def test_stops(self) -> None:
        """The thread ends when all is done, and with its owner."""
        for end in (Worker.stop, lambda _: None):
            worker = Worker("mine", Guard(_LOGGER))
            assert worker.do(lambda: None, later())
            thread = worker.thread
            assert thread is not None
            end(worker)
            del worker
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive()


class TestDone:
    """Something that happens once."""

    def test_happens(self) -> None:
        """Whoever waits hears of it, however often it is said."""
        done = Done()
        assert (False, False) == (done.is_set(), done.wait(0.0))
        done.set()
        done.set()
        assert (True, True, True) == (done.is_set(), done.wait(0.0), done.wait(DEADLINE_SECONDS))

    def test_at_the_same_moment(self) -> None:
        """It happens again while whoever waits hears of it."""
        done = Done()
        done.set()

        class Lock:
            lock = done._lock

            def acquire(self, *, timeout: float) -> bool:
                acquired = self.lock.acquire(timeout=timeout)
                done.set()
                return acquired

            def locked(self) -> bool:
                return self.lock.locked()

            def release(self) -> None:
                self.lock.release()

        done._lock = Lock()  # type: ignore[assignment]
        assert done.wait(DEADLINE_SECONDS)
        assert done.is_set()
