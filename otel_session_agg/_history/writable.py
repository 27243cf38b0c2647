"""`WritableHistory`: what is written to a history, whoever holds its connections."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

from otel_session_agg._extras import needed
from otel_session_agg._history.database import Connection, transaction
from otel_session_agg._history.growing_sums import GrowingSums
from otel_session_agg._history.prepared import Prepared, arrays_of_sessions, prepared
from otel_session_agg._history.readable import ReadableHistory
from otel_session_agg._history.recounting import Run, recount, write_counted
from otel_session_agg._history.retention import (
    ended_before,
    forget_before,
    forgotten_before,
    note_forgotten,
)
from otel_session_agg._history.span_tables import StoredSpan
from otel_session_agg._history.writing import insert_sessions, note_ended, note_open, write
from otel_session_agg._model.replayed import ReplayedCall, ReplayedTrace, SessionPart
from otel_session_agg._sharing.stored_sessions import StoredSession

_SESSIONS = 5000
"""Sessions that are written at once."""

T = TypeVar("T")


class WritableHistory(ReadableHistory):
    """A history that can be written; everything may raise `HistoryError`."""

    @abstractmethod
    def _write(self, action: Callable[[Connection], T]) -> T:
        """Do something on the connection that writes; return what it returns."""

    def add(
        self,
        parts: Iterable[SessionPart],
        traces: Iterable[ReplayedTrace],
        calls: Iterable[ReplayedCall],
        spans: Iterable[StoredSpan] = (),
    ) -> None:
        """Write everything of some traces, or nothing of it; replace what is there of them.

        Sessions are right after `recount`.
        """
        self.add_prepared(prepared(parts, traces, calls, spans))

    def add_prepared(self, given: Prepared, open_sessions: Collection[str] = ()) -> None:
        """Write as `add` does what was made ready, perhaps by another process.

        ``open_sessions``: those that get spans, and so are open although their traces have ended.
        """
        self._write(partial(_add, given=given, open_sessions=open_sessions))

    def add_counted(self, given: Prepared, still_open: Collection[str], sums: GrowingSums) -> None:
        """Write what was made ready of traces that get spans, with all sessions that change by it.

        Args:
            given: What was made ready; its sessions are open, although their traces have ended.
            still_open: Others that get spans.
            sums: Knows what was summed up before.

        """
        self._write(
            partial(write_counted, given=given, still_open=still_open, sums=sums),
        )

    def add_sessions(self, sessions: Sequence[StoredSession]) -> None:
        """Write sessions that are known as a whole; none of them may be there."""
        for at in range(0, len(sessions), _SESSIONS):
            rows = arrays_of_sessions(sessions[at : at + _SESSIONS])
            self._write(partial(insert_sessions, rows=rows))

    def recount(
        self,
        run: Run = map,
        open_sessions: Collection[str] = (),
        sums: GrowingSums | None = None,
    ) -> int:
        """Add up the sessions that have changed; return how many there were.

        Args:
            run: Calls a function for each of many values, as ``map`` does; it may do so in other
                processes.
            open_sessions: Those that get spans, as `add_prepared` has them.
            sums: Knows what was summed up before; for those who recount again and again.

        """
        given = partial(recount, run=run, open_sessions=open_sessions, sums=sums)
        return self._write(given)

    def note_open(self, sessions: Iterable[str]) -> None:
        """Note that sessions get spans, and so are open."""
        self._write(partial(note_open, names=sessions))

    def note_ended(self, sessions: Iterable[str]) -> None:
        """Note that sessions get no spans any more."""
        self._write(partial(note_ended, names=sessions))

    def forget_before(self, time: datetime, *, notes: bool = False) -> int:
        """Delete the sessions that ended before a time, and their traces.

        Return how many there were.  A trace stays as long as one of its sessions does.  ``notes``:
        the time is remembered, for `recount_kept`.
        """
        self.recount()
        return self._write(partial(_forget, time=time, notes=notes))

    def recount_kept(self, run: Run = map) -> int:
        """Recount, and delete again what has come of sessions that were forgotten.

        Return how many of these there were: those that ended before the time that was noted.
        """
        self.recount(run)
        time = self.forgotten_before()
        return 0 if time is None else self.forget_before(time)

    def forgotten_before(self) -> datetime | None:
        """Return the time before which sessions are forgotten; ``None``: nothing is forgotten."""
        return self._write(forgotten_before)

    def ended_before(self, time: datetime, sessions: Iterable[str]) -> list[str]:
        """Return those of some sessions that `forget_before` would delete."""
        return self._write(partial(ended_before, time=time, names=sessions))


def _add(connection: Connection, given: Prepared, open_sessions: Collection[str]) -> None:
    with transaction(connection):
        write(connection, given, open_sessions)


def _forget(connection: Connection, time: datetime, *, notes: bool) -> int:
    with transaction(connection):
        if notes:
            note_forgotten(connection, time)
        number = forget_before(connection, time)
    with suppress(needed("duckdb", "replay").TransactionException):  # others read or write now
        connection.execute("CHECKPOINT")  # so that the space is used again
    return number
