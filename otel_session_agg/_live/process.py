"""The process that counts: its messages, its loop, and how it is started.

It ends with the process that started it.  What it was sent and has not answered is sent again to
the next one when it is killed.
"""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Lock
from time import monotonic
from typing import NamedTuple

from otel_session_agg._live.counting import LiveWork, Rows, Stored
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.work import prepare_process
from otel_session_agg._offline.workers import no_interrupt

MAX_UNWRITTEN = 2
"""Rows that are sent before the first of them are written: some are counted meanwhile."""

_TAKE_SECONDS = 0.05
"""How long requests are taken before traces that are due are counted."""

_COLLECT_SPANS = 5_000
"""Spans after which what counting them has left behind is let go of: 50 MB."""

_COLLECT_ALL = 100
"""How often that is so until all objects are looked at: those that are kept are many, and mostly
there is nothing to let go of among them."""

_ENOUGH_SPANS = 5_000
"""Spans that are counted at once while rows are being written: fewer wait for that."""

_WAIT_SECONDS = 1.0
"""How long nothing is looked at when nothing comes."""


class Request(NamedTuple):
    """A request, to be counted."""

    number: int
    content: bytes
    is_alone: bool = False
    """Whether it is counted at once: no other one is sent before that."""


class Recall(NamedTuple):
    """What was counted last, before the process began; the first message to it."""

    spans: Stored


class Started(NamedTuple):
    """The process can count."""


class Wanted(NamedTuple):
    """All spans that the history has of these traces are wanted."""

    trace_ids: Sequence[int]


class Given(NamedTuple):
    """All spans that the history has of these traces."""

    trace_ids: Sequence[int]
    spans: Stored


class Written(NamedTuple):
    """Rows are written."""


class Finish(NamedTuple):
    """Nothing more comes: all is to be counted now."""


class Finished(NamedTuple):
    """All is counted, and the process ends."""


FromProcess = Started | Rows | Wanted | Finished
ToProcess = Recall | Request | Given | Written | Finish


class ProcessEndedError(Exception):
    """The process was killed."""


class CountingProcess:
    """A process that counts, and the messages to and from it.

    One thread sends, one receives and closes.
    """

    def __init__(self, options: Options) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")  # safe beside threads
        self._own, other = context.Pipe()
        self._process = context.Process(
            target=_run, args=(other, options), name="otel-session-agg counting", daemon=True
        )
        with no_interrupt():  # Ctrl-C in a terminal is meant for those that the user has started
            self._process.start()
        other.close()
        self._lock = Lock()
        """Held while a message is sent, so that nothing is written to a file of that number."""
        self._closing = Lock()

    def send(self, message: ToProcess) -> None:
        """Send a message.

        Raises:
            ProcessEndedError: the process was killed.

        """
        try:
            with self._lock:
                self._own.send(message)
        except OSError:
            raise ProcessEndedError from None

    def receive(self, seconds: float) -> FromProcess | None:
        """Return the next message; ``None``: there was none for so long.

        Raises:
            ProcessEndedError: the process was killed.

        """
        try:
            if not self._own.poll(seconds):
                return None
            message: FromProcess = self._own.recv()
        except (EOFError, OSError):
            raise ProcessEndedError from None
        return message

    @property
    def pid(self) -> int | None:
        """The number of the process."""
        return self._process.pid

    def end(self) -> None:
        """End the process, for the thread that sends: the one that receives finds out."""
        with self._lock:
            if not self._own.closed:
                self._process.kill()

    def close(self) -> None:
        """End the process, and wait for that; for any thread, also when others do so meanwhile."""
        with self._closing:
            if self._own.closed:
                return
            self._process.kill()
            self._process.join()
            with self._lock:
                self._own.close()
            self._process.close()


def _run(connection: Connection, options: Options) -> None:
    """Count what comes until it is said that nothing more does."""
    prepare_process()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _Loop(connection, options).run()


class _Loop:
    """Take requests and count traces in turns."""

    def __init__(self, connection: Connection, options: Options) -> None:
        self._connection = connection
        self._work = LiveWork(options)
        self._num_unwritten = 0
        self._num_collected = 0
        self._is_last = self._is_hurried = False

    def run(self) -> None:
        """Do it until all is counted."""
        while not self._is_done():
            self._take()
            self._ask()
            self._count()
        self._connection.send(Finished())

    def _is_done(self) -> bool:
        is_counted = self._work.traces.first_number() is None
        return self._is_last and is_counted and not self._num_unwritten

    def _take(self) -> None:
        """Take messages, for a moment if there are many."""
        until = monotonic() + _TAKE_SECONDS
        wait = self._wait_seconds()
        while self._connection.poll(wait):
            self._handle(self._connection.recv())
            wait = 0.0
            if monotonic() > until:
                return

    def _wait_seconds(self) -> float:
        """Return how long nothing is to be done unless a message comes."""
        due = self._work.traces.next_due()
        if due is None or self._num_unwritten:
            return _WAIT_SECONDS
        return min(max(due - monotonic(), 0.0), _WAIT_SECONDS)

    def _handle(self, message: ToProcess) -> None:
        if isinstance(message, Request):
            self._is_hurried = message.is_alone
            self._work.take(message.number, message.content, monotonic())
        elif isinstance(message, Given):
            self._work.take_stored(message.trace_ids, message.spans)
        elif isinstance(message, Recall):
            self._work.recall(message.spans)
            self._connection.send(Started())
        elif isinstance(message, Written):
            self._num_unwritten -= 1
        else:
            self._is_last = True

    def _ask(self) -> None:
        wanted = self._work.traces.unasked()
        if wanted:
            self._connection.send(Wanted(wanted))

    def _count(self) -> None:
        if self._num_unwritten >= MAX_UNWRITTEN:
            return
        if self._num_unwritten and self._work.traces.num_new < _ENOUGH_SPANS:
            return
        now = monotonic()
        if self._is_last or self._is_hurried:
            self._work.traces.all_new(now)
        rows = self._work.count(now)
        if rows is None:
            return
        self._connection.send(rows)
        self._num_unwritten += 1
        if self._work.num_counted >= _COLLECT_SPANS:
            self._work.num_counted = 0
            self._collect()

    def _collect(self) -> None:
        """Let go of what counting has left behind."""
        if self._num_collected % _COLLECT_ALL:
            gc.collect(1)  # of what was made since the last time
        else:
            gc.collect()
        if not self._num_collected:  # modules and prices need not be looked at again
            gc.freeze()
        self._num_collected += 1
