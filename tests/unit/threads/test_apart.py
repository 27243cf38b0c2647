"""What the main thread asks for."""

from __future__ import annotations

import signal
import threading
import time
from typing import Any

import pytest

from otel_session_agg import current_rollup, session
from otel_session_agg._collections.deadlines import Phase
from otel_session_agg._threads.apart import Apart
from otel_session_agg._threads.background import Done
from tests.support.apps import DEADLINE_SECONDS, App, in_threads
from tests.support.builds import not_compiled


class _Limit(Exception):  # noqa: N818 -- as Celery's, which is an ``Exception``
    """Raised by a signal handler."""


class TestCall:
    """Work that no signal interrupts."""

    def test_threads(self) -> None:
        """Another thread does it for the main one, any other thread itself."""
        apart, threads = Apart(), list[threading.Thread | None]()
        assert threading.main_thread() is not apart.call(threading.current_thread)
        in_threads(1, lambda _: threads.append(apart.call(threading.current_thread)))
        assert threading.main_thread() not in threads
        assert apart._worker.thread not in threads

    def test_time(self) -> None:
        """What takes too long is not waited for, and is brought to its end."""
        apart, go_on, done = Apart(), Done(), Done()

        def work() -> None:
            go_on.wait(DEADLINE_SECONDS)
            done.set()

        assert apart.call(work, time.monotonic()) is None
        go_on.set()
        assert done.wait(DEADLINE_SECONDS)

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no alarms here")
    def test_interrupted(self) -> None:
        """What a handler raises meanwhile goes on at once, and what was begun is brought to its end."""
        apart, go_on, done = Apart(), Done(), Done()

        def handle(*_: Any) -> None:
            raise _Limit

        def work() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            go_on.wait(DEADLINE_SECONDS)
            done.set()

        before = signal.signal(signal.SIGALRM, handle)
        try:
            with pytest.raises(_Limit):
                apart.call(work)
        finally:
            signal.signal(signal.SIGALRM, before)
        go_on.set()
        assert done.wait(DEADLINE_SECONDS)


class TestInsideOurs:
    """Calls from the middle of our own work."""

    def test_within_a_fold(self, app: App) -> None:
        """Whoever is in the middle of a fold on the same thread, as a handler or a finalizer, waits for nothing and hangs nobody."""
        with session("s"):
            app.call()
            with app.span_worker.fold_lock:
                began = time.monotonic()
                found = current_rollup()
                is_flushed = app.processor.force_flush(20_000)
                assert time.monotonic() - began < DEADLINE_SECONDS
            assert found is not None
            assert found.total_tokens is None  # nothing is known from there
            assert is_flushed is False
            assert 15 == (again.total_tokens if (again := current_rollup()) is not None else None)

    def test_within_a_downstream(self, app: App) -> None:
        """A downstream that flushes does not wait for itself; what it was given and the rest leave."""
        answers: list[bool] = []
        export = app.exporter.export

        def exported(spans: Any) -> Any:
            answers.append(app.processor.force_flush(20_000))
            return export(spans)

        app.exporter.export = exported  # type: ignore[method-assign]
        began = time.monotonic()
        app.trace(2)
        app.flush()
        assert time.monotonic() - began < DEADLINE_SECONDS
        assert [True] * 3 == answers
        assert 3 == len(app.exporter.spans)


class TestTaken:
    """What was taken from the queue when something interrupts."""

    @not_compiled
    def test_interrupted_anywhere(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        """However far a fold has come, the next one goes on with it: every span leaves once."""
        pipeline, steps = (
            app.span_worker.pipeline,
            (
                (app.span_worker.pipeline.manager, "root_ended"),
                (app.span_worker.pipeline.engine.totals, "fold_roots"),
                (app.span_worker.pipeline, "add_roots"),
                (app.span_worker.pipeline, "turn"),
                (app.span_worker.pipeline, "due"),
                (app.span_worker, "hold"),
                (app.span_worker.pipeline, "finish"),
            ),
        )
        assert pipeline is app.span_worker.pipeline
        for owner, name in steps:
            for is_after in (False, True):
                app.exporter.clear()
                app.trace(2)
                pipeline.deadlines.of(Phase.PUBLISHING).add(0.0, "due")
                with monkeypatch.context() as patch:
                    _interrupts(patch, owner, name, is_after=is_after)
                    in_threads(1, lambda _: _interrupted(app))
                app.flush()
                assert ["chat", "chat", "request"] == sorted(span.name for span in app.exporter.spans), (name, is_after)


def _interrupts(patch: pytest.MonkeyPatch, owner: Any, name: str, *, is_after: bool) -> None:
    function = getattr(owner, name)

    def interrupted(*args: Any, **options: Any) -> Any:
        if is_after:
            function(*args, **options)
        raise KeyboardInterrupt

    patch.setattr(owner, name, interrupted)


def _interrupted(app: App) -> None:
    with pytest.raises(KeyboardInterrupt):
        app.span_worker.turn()
