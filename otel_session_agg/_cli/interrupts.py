"""Ctrl-C while the command line is imported.

What is imported may catch an interrupt, or say that a library is missing: so until something is
opened, which is to be closed again, Ctrl-C ends the process at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["INTERRUPTED", "ended_at_once", "interruptible"]

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def interruptible() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again: a command begins, which may open something."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process at once, with a line: while nothing is open that is to be closed.

    Whoever handles it otherwise, or runs this beside the main thread, is left alone.
    """
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not is_default or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        interruptible()


def _end(_number: int, _frame: FrameType | None) -> None:
    if sys.stderr is not None:
        os.write(sys.stderr.fileno(), b"interrupted\n")
    os._exit(INTERRUPTED)
