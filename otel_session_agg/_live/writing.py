"""Write what was counted to the history, say what it has of traces, forget what is old."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._history.database import HistoryError, RefusedValuesError
from otel_session_agg._history.growing_sums import GrowingSums
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live.changes import Changes
from otel_session_agg._live.clocks import passed
from otel_session_agg._live.counting import Rows
from otel_session_agg._live.feeding import Feeder
from otel_session_agg._live.journal import GoneError, Journal
from otel_session_agg._live.keeping import Keeping
from otel_session_agg._live.open_sessions import OpenSessions
from otel_session_agg._live.process import (
    CountingProcess,
    Finished,
    FromProcess,
    Given,
    ProcessEndedError,
    Recall,
    Started,
    Wanted,
)
from otel_session_agg._live.recalling import latest_spans, spans_of
from otel_session_agg._live.state import ASIDE, HISTORY, JOURNAL, KEPT, PROCESS, State
from otel_session_agg._live.suspects import Suspects
from otel_session_agg._offline.options import Options
from otel_session_agg._untrusted.formatting import counted, printable

_AGAIN_SECONDS = 1.0
"""After how long something is tried again that failed."""

_MOST_AGAIN_SECONDS = 30.0
"""The same when it has failed often."""

_LOOK_SECONDS = 0.5
"""How often it is looked at what there is to do beside writing."""

_COMPARE_SECONDS = 2.0
"""How often open sessions are looked for in the history: one may have become a part of others."""

_FORGET_SECONDS = 3600.0
"""How often sessions are forgotten."""

_FORGET_AGAIN_SECONDS = 10.0
"""The same when late spans bring parts of them back: a large history takes some time to do so."""

_KILLED = "the process that counts was killed; another one is started"
_NOT_SENT = "the process that counts could not be sent what came; it begins again"

T = TypeVar("T")

_OPEN = "SELECT session FROM sessions WHERE state = 'open'"


class RowWriter:
    """Receives from the process that counts; `run` is for a thread of its own."""

    def __init__(  # noqa: PLR0913 -- all that it connects
        self,
        history: SharedHistory,
        options: Options,
        journal: Journal,
        feeder: Feeder,
        state: State,
        open_sessions: OpenSessions,
        changes: Changes,
        keep_days: float | None,
    ) -> None:
        self._history, self._options, self._journal = history, options, journal
        self._feeder, self._state, self._changes = feeder, state, changes
        self._open, self._compare_at = open_sessions, 0.0
        self._keeping = Keeping(keep_days, time.time, passed)
        self._forget_at, self._forgot_at = time.monotonic(), -_FORGET_SECONDS
        self._process: CountingProcess | None = None
        self._done = 0
        self._suspects = Suspects()
        self._sums, self._is_recounted = GrowingSums(), False

    @property
    def process(self) -> CountingProcess | None:
        """The process that counts now."""
        return self._process

    def run(self) -> bool:
        """Write what comes, until all is counted or it is to stop."""
        if self._process is not None:  # an error has ended this, and what came is not written
            self._ended("counting failed; it begins again")
        while not self._state.is_finished:
            try:
                process = self._process or self._begin()
                message = process.receive(_LOOK_SECONDS)
            except ProcessEndedError:
                self._ended(_NOT_SENT if self._feeder.has_failed else _KILLED)
                continue
            except OSError as error:  # too many processes or open files
                what = f"the process that counts cannot be started: {error.strerror}"
                self._state.fault(PROCESS, what)
                self._wait(_AGAIN_SECONDS)
                continue
            try:
                self._handle(message)
            except RefusedValuesError as error:
                self._ended(str(error))
                continue
            self._in_the_end(self._tidy)
        return True

    def _handle(self, message: FromProcess | None) -> None:
        if isinstance(message, Wanted):
            self._give(message.trace_ids)
        elif isinstance(message, Rows):
            self._write(message)
        elif isinstance(message, Started):
            self._feeder.started()
        elif isinstance(message, Finished):
            self._finish()
        else:
            self._release()  # which deletes what is old enough by now

    def close(self) -> None:
        """End the process; sessions get no spans any more."""
        self._end_process()
        if sessions := self._open.all():
            with suppress(HistoryError):  # those are open after the next start, for some time
                self._history.note_ended(sessions)

    # -- the process ------------------------------------------------------------------------------

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def _begin(self) -> CountingProcess:
        self._process = CountingProcess(self._options)
        self._state.fault(PROCESS, None)
        self._feeder.begin(self._process, self._done, self._suspects.alone_until)
        latest = self._in_the_end(partial(latest_spans, self._history))
        self._feeder.answer(Recall(latest or ()))
        return self._process

    def _ended(self, what: str) -> None:
        """Begin anew after something has ended: nothing is lost, the journal has it."""
        self._end_process()
        guilty = self._suspects.ended(self._feeder.sent)
        self._state.fault(PROCESS, what)
        if guilty is not None:
            self._set_aside(guilty)
        seconds = _AGAIN_SECONDS * 2 ** max(self._suspects.num_ends - 1, 0)
        self._wait(min(seconds, _MOST_AGAIN_SECONDS))
        self._state.fault(PROCESS, None)

    def _set_aside(self, number: int) -> None:
        """Do without a request that ends the process each time."""
        try:
            path = self._journal.set_aside(number)
        except GoneError:  # which is as good
            return
        except OSError as error:  # it is tried again
            self._state.note(ASIDE, f"a request cannot be set aside: {error.strerror}")
        else:
            self._state.note(
                ASIDE,
                "a request ends counting each time it comes: it was set aside as"
                f" {printable(str(path))}",
            )

    def _finish(self) -> None:
        with self._state.changed:
            self._state.is_finished = True
            self._state.changed.notify_all()

    def _wait(self, seconds: float) -> None:
        with self._state.changed:
            self._state.changed.wait_for(lambda: self._state.is_finished, seconds)

    # -- the history ------------------------------------------------------------------------------

    def _give(self, trace_ids: Sequence[int]) -> None:
        """Answer with all spans that the history has of traces."""
        stored = self._in_the_end(partial(spans_of, self._history, trace_ids))
        if stored is not None:
            self._feeder.answer(Given(trace_ids, stored))

    def _write(self, rows: Rows) -> None:
        sessions = rows.prepared.sessions
        if self._in_the_end(partial(self._add, rows)) is None:
            return
        self._done = rows.done
        self._suspects.counted(rows.done)
        self._open.got_spans(sessions, passed(), time.time())
        self._state.counted(rows.num_new, rows.share)
        self._release()
        self._feeder.counted(rows.share, rows.done)
        self._changes.add(sessions)

    def _release(self) -> None:
        """Forget the requests that are counted."""
        try:
            self._journal.release(self._done)
        except OSError as error:  # it is tried again
            self._state.note(JOURNAL, f"counted requests cannot be deleted: {error.strerror}")

    def _add(self, rows: Rows) -> bool:
        if rows.prepared.trace_ids:
            still_open = self._open.all().keys()
            if not self._is_recounted:  # what others have left, in transactions of their own
                self._history.recount(open_sessions=still_open)
                self._is_recounted = True
            self._history.add_counted(rows.prepared, still_open, self._sums)
            self._look_for_old(rows.prepared.sessions)
        return True

    def _in_the_end(self, ask: Callable[[], T]) -> T | None:
        """Return what the history answers, as soon as it does; ``None``: it is to stop before."""
        while not self._state.is_finished:
            try:
                found = ask()
            except RefusedValuesError:  # noqa: PERF203 -- each attempt by itself
                raise
            except HistoryError as error:
                self._failed(error)
            else:
                self._state.fault(HISTORY, None)
                return found
        return None

    def _failed(self, error: SessionAggError) -> None:
        """Accept nothing while the history cannot be used, and try again."""
        self._state.fault(HISTORY, str(error))
        self._wait(_AGAIN_SECONDS)

    # -- from time to time ------------------------------------------------------------------------

    def _tidy(self) -> bool:
        self._end_idle()
        self._compare()
        self._forget()
        return True

    def _end_idle(self) -> None:
        """End sessions that got nothing for long; they count as changed."""
        if idle := self._open.idle(passed()):
            self._history.note_ended(idle)
            self._open.ended(idle)
            self._changes.add(idle)

    def _compare(self) -> None:
        """Do without open sessions that are gone, such as those that were named later."""
        known = self._open.all().keys()
        if known and time.monotonic() >= self._compare_at:
            self._compare_at = time.monotonic() + _COMPARE_SECONDS
            self._open.ended(known - {session for (session,) in self._history.rows(_OPEN)})

    def _forget(self) -> None:
        """Delete sessions that are older than they are to be kept, or were deleted once."""
        if time.monotonic() < self._forget_at:
            return
        self._forgot_at = time.monotonic()
        self._forget_at = self._forgot_at + _FORGET_SECONDS
        if (oldest := self._oldest()) is not None:
            self._history.forget_before(oldest)

    def _look_for_old(self, sessions: Collection[str]) -> None:
        """Delete soon what came of sessions that are not kept."""
        oldest = self._oldest()
        if oldest is None or not (old := self._history.ended_before(oldest, sessions)):
            return
        self._forget_at = min(self._forget_at, self._forgot_at + _FORGET_AGAIN_SECONDS)
        number = counted(len(old), "session")
        self._state.note(KEPT, f"{number} not kept, which ended before {oldest:%Y-%m-%d %H:%M} UTC")

    def _oldest(self) -> datetime | None:
        """Return the time before which sessions are not kept; ``None``: all are."""
        found = self._keeping.since(), self._history.forgotten_before()
        return max(filter(None, found), default=None)
