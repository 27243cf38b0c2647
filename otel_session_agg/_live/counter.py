"""`LiveCounter`: what comes is counted while it comes.

::

    accept(request)      any thread        requests.py    is it OTLP?
                                           journal.py     on disk: from here on it is not lost
    journal -> process   a thread          feeding.py     not more than there is room for
    request -> rows      another process   counting.py    traces are counted again when they grow
    rows -> history      a thread          writing.py     one transaction; then the journal forgets
    changed sessions     a thread          changes.py     those who want to know

Ingestion, counting and reading share no lock: a slow page slows nothing, and a process that counts
slows no page.  Whatever ends - a process, this program, the machine - counting goes on with the
requests that the journal has and the history does not; what is in both is replaced, not doubled.  A
request that ends the process each time is set aside (``suspects.py``), and stays on disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import monotonic, time

from otel_session_agg._guard import Guard
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._history.tables import KEPT
from otel_session_agg._live.changes import Changed, Changes
from otel_session_agg._live.clocks import passed
from otel_session_agg._live.feeding import Feeder
from otel_session_agg._live.journal import Journal
from otel_session_agg._live.open_sessions import OPEN_SECONDS, OpenSessions
from otel_session_agg._live.requests import Accepted, NotAcceptedError, looked_at
from otel_session_agg._live.state import JOURNAL, BusyError, State, Status
from otel_session_agg._live.writing import RowWriter
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.progress import Progress, Replayed
from otel_session_agg._offline.replay import Given, Replay
from otel_session_agg._threads.background import Background

__all__ = ["Accepted", "BusyError", "LiveCounter", "NotAcceptedError", "Status"]

MAX_BACKLOG_BYTES = 256 * 1024 * 1024
"""Requests that wait on disk: about half a minute of a busy server."""

_SYNC_SECONDS = 0.4
"""How often the journal is made to survive a loss of power."""

_OPEN = """
SELECT session, coalesce(epoch(end_time), 0) AS ended FROM sessions
WHERE end_time >= make_timestamp((? * 1000000)::BIGINT) OR (state = 'open' AND open_roots = 0)
ORDER BY ended
"""
"""Also sessions that are idle by now: they were open when a run was killed."""

_logger = logging.getLogger("otel_session_agg")


class LiveCounter:
    """Counts requests while they come, into a history that others read meanwhile."""

    def __init__(
        self,
        history: SharedHistory,
        options: Options,
        *,
        journal: Path | None = None,
        keep_days: float | None = None,
        max_backlog_bytes: int = MAX_BACKLOG_BYTES,
    ) -> None:
        """Open the journal; `start` begins to count.

        Args:
            history: Where totals and spans go.
            options: How spans are read and priced.
            journal: The folder of requests that are not counted yet; ``None``: one beside the
                history, of its name and ``.requests``.
            keep_days: Sessions are deleted so long after their end; ``None``: never.
            max_backlog_bytes: Requests that may wait on disk.

        Raises:
            SessionAggError: the journal cannot be used.

        """
        self._history, self._options = history, replace(options, tables=KEPT)
        folder = journal or history.path.with_name(f"{history.path.name}.requests")
        self._guard = Guard(_logger)
        self._state = State(max_backlog_bytes)
        self._journal = Journal(folder)
        self._open = OpenSessions()
        self._changes = Changes(self._guard)
        self._feeder = Feeder(self._journal, self._state)
        self._writer = RowWriter(
            history,
            self._options,
            self._journal,
            self._feeder,
            self._state,
            self._open,
            self._changes,
            keep_days,
        )
        self._threads = {
            name: Background(f"otel-session-agg {name}", run, self._guard)
            for name, run in (
                ("feeding", self._feeder.run),
                ("writing", self._writer.run),
                ("syncing", self._sync),
            )
        }
        if self._journal.damaged:
            number = len(self._journal.damaged)
            what = "files of requests are damaged: what can be read is counted, and they are kept"
            self._state.note(JOURNAL, f"{number} {what}")
        self._state.waits(self._journal.num_bytes)
        self._recall()

    def _recall(self) -> None:
        """Find the sessions that an earlier run has left open, by the ends of their spans."""
        now, now_passed = time(), passed()
        for session, end in self._history.rows(_OPEN, [now - OPEN_SECONDS]):
            at = min(end, now)
            self._open.got_spans([session], now_passed - (now - at), at)

    def __enter__(self) -> LiveCounter:  # noqa: PYI034 -- final in effect
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- before -----------------------------------------------------------------------------------

    def load(
        self, given: Iterable[Given], progress: Callable[[Progress], object] = lambda _: None
    ) -> Replayed:
        """Count files first, as `replay` does, into the same history; before `start`.

        Raises:
            SessionAggError: something that is given cannot be replayed at all.

        """
        with ExitStack() as stack:
            job = Replay(given, self._history, self._options, progress=progress)
            stack.callback(job.close)
            job.run()
        return job.done

    def start(self) -> None:
        """Begin to count: first what an earlier run has left in the journal.

        Raises:
            SessionAggError: the history cannot be written.

        """
        if sessions := self._open.all():
            self._history.note_open(sessions)
        for thread in self._threads.values():
            thread.begin()

    # -- while spans come -------------------------------------------------------------------------

    def accept(self, content: bytes) -> Accepted:
        """Accept a request; when this returns, it is on disk and will be counted.

        Args:
            content: An export request of OTLP, protobuf or JSON, not compressed.

        Raises:
            NotAcceptedError: it is no such request; nothing of it is counted.
            BusyError: nothing is accepted now: it has to be sent again later.

        """
        self._state.check_room(len(content))
        found = looked_at(content)
        if not found.num_spans:
            self._state.accepted(0, found.num_rejected, 0)
            return found
        try:
            self._journal.append(content)
        except OSError as error:
            self._state.refused()
            message = f"requests cannot be written to disk: {error.strerror}"
            self._state.note(JOURNAL, message)
            raise BusyError(message, 5.0) from None
        self._state.accepted(found.num_spans, found.num_rejected, len(content))
        return found

    def subscribe(self, function: Changed) -> None:
        """Call a function with the ids of sessions after each write that changes them.

        It is called on a thread of its own: while it runs, further changes are put together.
        """
        self._changes.subscribe(function)

    def status(self) -> Status:
        """Return how counting goes."""
        return self._state.status(_size(self._history.path), self._journal.aside, self._open.all())

    @property
    def left(self) -> Path | None:
        """The folder of requests that are accepted and not counted; ``None``: there are none."""
        return None if self._journal.is_empty() else self._journal.folder

    def wait(self, seconds: float) -> bool:
        """Wait until all that was accepted is counted; return whether it was in time."""
        with self._state.changed:
            return self._state.changed.wait_for(self._journal.is_empty, seconds)

    def _sync(self) -> bool:
        """Make requests survive a loss of power, again and again."""
        while True:
            with self._state.changed:
                self._state.changed.wait_for(lambda: self._state.is_finished, _SYNC_SECONDS)
                is_finished = self._state.is_finished
            try:
                self._journal.sync()
            except OSError as error:
                what = f"requests cannot be kept on disk: {error.strerror}"
                self._state.fault(JOURNAL, what)
            else:
                self._state.fault(JOURNAL, None)
            if is_finished:
                return True

    # -- the end ----------------------------------------------------------------------------------

    def close(self, seconds: float = 10.0) -> None:
        """Accept nothing more; count what was accepted, for so long; end.

        What is not counted then is counted after the next start.
        """
        until = monotonic() + seconds
        with self._state.changed:
            self._state.is_closing = True
            self._state.changed.notify_all()
            if self._threads["writing"].thread is not None:
                self._state.changed.wait_for(lambda: self._state.is_finished, seconds)
            self._state.is_finished = True
            self._state.changed.notify_all()
        for thread in self._threads.values():
            if thread.thread is not None:
                thread.thread.join(max(until - monotonic(), 1.0))
        self._writer.close()
        self._changes.close()
        self._journal.close()


def _size(path: Path) -> int:
    """Return the size of a history."""
    files = (path, path.with_name(f"{path.name}.wal"))
    return sum(one.stat().st_size for one in files if one.exists())
