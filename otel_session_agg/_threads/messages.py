"""Log on a thread of its own, apart from what handlers and filters of the application do.

They may hang, raise, or ask for what another thread has locked.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time

from otel_session_agg._guard import Guard, pending_messages
from otel_session_agg._threads.background import Worker

_END_SECONDS = 1.0
"""How long shutdown and the interpreter's end wait for messages that are not logged yet."""


class Messages:
    """The thread that logs the messages of ``_guard``."""

    def __init__(self) -> None:
        self._begin()
        pending_messages.notify = self._notify
        atexit.register(self.flush)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._worker = Worker("otel-session-agg-log", Guard(logging.getLogger("otel_session_agg")))

    def _notify(self) -> None:
        self._worker.put(pending_messages.log)

    def flush(self, until: float | None = None) -> bool:
        """Wait until all is logged, by default one second; without a thread, log it here.

        Return whether that was in time.
        """
        return self._worker.do(
            pending_messages.log, time.monotonic() + _END_SECONDS if until is None else until
        )

    @property
    def thread(self) -> threading.Thread | None:
        """The thread that logs, if there is one."""
        return self._worker.thread


messages = Messages()
"""The thread of this process."""
