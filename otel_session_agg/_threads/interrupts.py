"""Ctrl-C while this package is imported for its command line.

Python raises `KeyboardInterrupt` in an import, which would be a traceback.  So Ctrl-C ends the
process by the system's own means meanwhile: quietly, and shells say 130.  Whoever imports the
package for anything else is left alone.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

__all__ = ["ended_on_command_line"]

_SCRIPT = "otel-session-agg"
_MODULE = "otel_session_agg"
_FLAG = "-m"
"""Also the first argument while Python looks for the module that is run."""


@contextmanager
def ended_on_command_line() -> Iterator[None]:
    """Let Ctrl-C end the process meanwhile, if it is the command line and handles Ctrl-C itself."""
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_default and is_main and _is_command_line()):
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_command_line() -> bool:
    name = sys.argv[0] if getattr(sys, "argv", None) else ""
    if name != _FLAG:
        return PurePath(name).stem == _SCRIPT
    words = sys.orig_argv
    return _FLAG in words and _MODULE in words[words.index(_FLAG) + 1 :][:1]
