"""Let Ctrl-C end a query."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection
else:
    Connection = Any

__all__ = ["interruptible"]

_AGAIN_SECONDS = 0.05


@contextmanager
def interruptible(connection: Connection) -> Iterator[None]:
    """Interrupt what runs on a connection at Ctrl-C; raise `KeyboardInterrupt` when it has ended.

    When Python raises while a query runs, DuckDB waits for its threads, which do not know: for
    ever, if they have enough to do.  It forgets an interruption when the next query begins, so it
    is interrupted again until all has ended.  Nothing is changed where Ctrl-C is handled otherwise.
    """
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not is_default or current_thread() is not main_thread():
        yield
        return
    has_ended, interrupting = Event(), list[Thread]()

    def interrupt() -> None:
        while not has_ended.wait(_AGAIN_SECONDS):
            connection.interrupt()

    def begin(_number: int, _frame: FrameType | None) -> None:
        if not interrupting:
            interrupting.append(Thread(target=interrupt, daemon=True))
            interrupting[0].start()

    signal.signal(signal.SIGINT, begin)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        has_ended.set()
        if interrupting:
            interrupting[0].join()
            raise KeyboardInterrupt from None
