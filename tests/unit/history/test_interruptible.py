"""Ctrl-C while DuckDB works: the query ends, and what was opened can be used and closed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread, Timer

import pytest

from otel_session_agg._history.database import HistoryError, time_limit
from otel_session_agg._history.history import History
from otel_session_agg._history.interruptible import interruptible
from tests.support.histories import kept, many

_ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range % 7 = 3"
_press = partial(os.kill, os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """A history with several threads of DuckDB."""
    with kept(tmp_path_factory.mktemp("history") / "h", many(20, 5)) as made:
        yield made


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    """Python's own, which is not there in programs that are started in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def _pressed(after: float) -> Iterator[None]:
    timer = Timer(after, _press)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _rows(history: History) -> object:
    return history.rows(_ENDLESS)


def _query(history: History) -> object:
    return list(history.query(_ENDLESS, seconds=600).rows)


@pytest.mark.parametrize("after", [0.05, 0.1, 0.4, 0.8])
@pytest.mark.parametrize("ask", [_rows, _query])
def test_ends(history: History, ask: Callable[[History], object], after: float) -> None:
    """Whenever it is pressed; the next query answers."""
    with _pressed(after):
        ask(history)
    assert [(5,)] == history.rows("SELECT count(*) FROM sessions")


def test_before_the_query(history: History) -> None:
    """DuckDB forgets what was interrupted before its query begins."""
    with history._reading() as connection, pytest.raises(KeyboardInterrupt), interruptible(connection):  # noqa: PT012
        _press()
        connection.execute(_ENDLESS).fetchall()
    assert [(5,)] == history.rows("SELECT count(*) FROM sessions")


def test_no_limit_of_time(history: History) -> None:
    """It is Ctrl-C, not a query that took too long; that still is one."""
    with history._reading() as connection:
        with _pressed(0.2), time_limit(connection, 600):
            connection.execute(_ENDLESS).fetchall()
        with pytest.raises(HistoryError, match="took longer"), time_limit(connection, 0.2):
            connection.execute(_ENDLESS).fetchall()


def test_handled_otherwise(history: History) -> None:
    """A handler of the application's, and threads that are not the main one, are left alone."""
    seen = list[int]()
    signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        with history._reading() as connection, interruptible(connection):
            _press()
            assert [(1,)] == connection.execute("SELECT 1").fetchall()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert [signal.SIGINT] == seen
    answers = list[object]()
    thread = Thread(target=lambda: answers.append(history.rows("SELECT 1")))
    thread.start()
    thread.join()
    assert [[(1,)]] == answers
