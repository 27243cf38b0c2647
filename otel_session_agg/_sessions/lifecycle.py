"""The sessions of this process: when they change, and when they end.  No clock, thread or lock.

Rules
-----
* A trace reports to its sessions what is new: its totals now, less those it reported before.  So
  totals of a session may be read while its traces are open, and a late span corrects them.
* Without a shared store, a session ends here: on request, after ``session_idle_seconds`` without
  anything new and with nothing open, after ``session_max_seconds``, or at shutdown.  One record is
  made; one more each time that something changed since, ``linger_seconds`` after a late span or
  feedback, or when it ends again after it came back.
* With one, the store decides when a session is idle, whether it has come back and which process
  writes the record; here is only this process's part.
* The ``max_sessions`` that were used last stay in memory, so that one that comes back goes on;
  older ones end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from otel_session_agg._deadlines import Deadlines
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._model.rollup import NOTHING, At, Rollup
from otel_session_agg._model.session_totals import STATED, Labelled, LastRoot, Member, SessionTotals
from otel_session_agg._reasons import IDLE, MAX_AGE, SHUTDOWN
from otel_session_agg._sessions.released_root import reported_of
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_table import SessionTable
from otel_session_agg._settings import Settings
from otel_session_agg._trace.trace import Trace


class SessionLifecycle(SessionTable):
    """All sessions of a processor; the caller holds a lock around all calls.

    Args:
        settings: The settings.
        process: The name of this processor in the store.
        deadlines: Those of the pipeline.
        is_shared: Whether there is a store that processes share.
        num_open: Returns the number of traces of a session that have not come to their end.
        refresh: Lets the open traces of a session report what they have by now.

    """

    def __init__(  # noqa: PLR0913 -- what the session manager has
        self,
        settings: Settings,
        process: str,
        deadlines: Deadlines,
        *,
        is_shared: bool,
        num_open: Callable[[str], int],
        refresh: Callable[[str, float], object] | None = None,
    ) -> None:
        super().__init__(settings, process, deadlines, is_shared=is_shared, num_open=num_open)
        self._refresh = refresh

    # -- changes ---------------------------------------------------------------------------

    def touch(self, session_id: str, now: float) -> Session:
        """Return a session that is asked for, and count that as activity."""
        session = self._session(session_id, now)
        self._set_active(session, now)
        return session

    def set_recorded(self, session_id: str, reason: str, now: float) -> None:
        """Note that a session root was the first record of a session.

        What is new goes into the next record.
        """
        session = self.begin(session_id, now)
        session.revision, session.end_reason = 1, reason
        self._check_later(session, now + self._settings.linger_seconds)

    def begin(self, session_id: str, now: float) -> Session:
        """Return a session in which something begins; it goes on if it had ended."""
        session = self._session(session_id, now)
        if session.end_reason is not None:  # it comes back
            session.end_reason = None
            session.began_seconds = now
            session.cancel_deadline()
        self._set_active(session, now)
        return session

    def begin_root(self, session_id: str, now: float, at_ns: int) -> Session:
        """Begin a root or a block in a session, at ``at_ns`` since the Unix epoch.

        Other processes find in the store that something is open.
        """
        session = self.begin(session_id, now)
        session.grown.began(at_ns)
        self._set_changed(session)
        return session

    def add_label(
        self,
        session_id: str,
        now: float,
        at_ns: int,
        user_id: str | None,
        metadata: Mapping[str, str | bool | int | float],
    ) -> None:
        """Add the user and the metadata that a ``session()`` block states.

        ``at_ns``: when it began, nanoseconds since the Unix epoch.
        """
        session = self.begin_root(session_id, now, at_ns)
        labels = SessionTotals(
            user=At(at_ns, STATED, user_id) if user_id is not None else None,
            metadata={name: Labelled(at_ns, value) for name, value in metadata.items()},
        )
        if labels.user is not None or labels.metadata:
            session.grown.add_labels(labels)

    def add_span_labels(self, session_id: str, labels: SessionTotals) -> None:
        """Add the user and the metadata that spans state, if the session is in memory."""
        session = self._sessions.get(session_id)
        if session is not None and session.grown.add_labels(labels):
            self._set_changed(session)

    def report(
        self, trace: Trace, rollups: Mapping[str, Rollup], now: float, *, is_late: bool = False
    ) -> None:
        """Add to sessions what is new in a trace.

        Args:
            trace: The trace.
            rollups: The totals of the trace by now, by session.
            now: Monotonic seconds.
            is_late: The root has left: a session that had ended does not go on by this.

        """
        known = reported_of(trace)
        for session_id in rollups.keys() | known.totals.keys():
            before, after = known.totals.get(session_id), rollups.get(session_id, NOTHING)
            if before == after:
                continue
            session = self._session(session_id, now) if is_late else self.begin(session_id, now)
            new = after if before is None else after.since(before)
            for grown in session.growing(is_double=known.is_double):
                grown.add_rollup(new)
            if scopes:
                self.deltas.append((trace, session, new))
            self._set_active(session, now)
            self._set_changed(session)
        known.totals = dict(rollups)

    def add_root(  # noqa: PLR0913 -- what is known of a root
        self,
        session_id: str,
        member: Member,
        end_ns: int,
        now: float,
        *,
        is_part: bool,
        is_sampled: bool = True,
        is_double: bool = False,
    ) -> None:
        """Add a root that has left to a session.

        ``is_sampled``: it is exported; ``is_double``: another processor counts it, too.
        """
        session = self.begin(session_id, now)
        session.grown.began(member.start_ns)
        for grown in session.growing(is_double=is_double):
            grown.add_root(member, end_ns, is_part=is_part, is_sampled=is_sampled)
        if is_sampled:
            session.grown.exported(LastRoot(end_ns, member.trace_id, member.span_id))
        self._set_changed(session)

    def add_written_on_root(
        self, session_id: str, num_events: int, *, has_feedback: bool, is_double: bool = False
    ) -> None:
        """Add so many events that are in the totals on an exported root of a session.

        That makes no new record.
        """
        session = self._sessions.get(session_id)
        if session is None:
            return
        are_new = [
            one.stands_on_root(num_events, has_feedback=has_feedback)
            for one in session.growing(is_double=is_double)
        ]
        if are_new[0] and self._is_shared:
            self.unwritten[session_id] = None

    def add_feedback(self, session_id: str, now: float) -> None:
        """Note that feedback was given for a session."""
        session = self._session(session_id, now)
        session.grown.add_rollup(Rollup(has_feedback=True))
        self._set_active(session, now)
        self._set_changed(session)

    def set_budget_exceeded(self, session_id: str) -> None:
        """Note that a session has used more than a budget."""
        session = self._sessions.get(session_id)
        if session is not None and not session.grown.is_budget_exceeded:
            session.grown.exceeded()
            self._set_changed(session)

    # -- ends ------------------------------------------------------------------------------

    def end(self, session_id: str, reason: str, now: float) -> None:
        """End a session as soon as nothing of it is open, at the latest after lingering."""
        session = self._sessions.get(session_id)
        if session is None:
            if self._is_shared:
                self.ends.append((session_id, reason))
            return
        waits, session.ending = session.ending is not None, reason
        if not self._num_open(session_id):
            self._end(session)
        elif not waits:
            self._check_later(session, now + self._settings.linger_seconds)

    def end_if_asked(self, session_id: str) -> None:
        """End a session of which nothing is open any more, if it is to end."""
        session = self._sessions.get(session_id)
        if session is not None and session.ending is not None:
            self._end(session)

    def expired(self, now: float) -> None:
        """End sessions that have waited long enough."""
        for session_id in self._deadlines.take():
            if (
                self._refresh is not None
                and session_id in self._sessions
                and self._num_open(session_id)
            ):
                self._refresh(session_id, now)
            session = self._sessions.get(session_id)
            if session is not None:
                session.cancel_deadline()
                self._check(session, now)

    def _check(self, session: Session, now: float) -> None:
        """End a session whose time has come, or check it again later."""
        settings = self._settings
        is_old = now - session.began_seconds >= settings.session_max_seconds
        is_idle = (
            now - session.active_seconds >= settings.session_idle_seconds
            and not self._num_open(session.session_id)
        )
        if session.ending is not None:
            self._end(session)
        elif session.end_reason is not None:
            if session.changed:
                session.ending = session.end_reason
                self._end(session)
        elif is_old:
            session.ending = MAX_AGE
            self._end(session)
        elif is_idle and self._is_shared:
            self._forget(session.session_id, IDLE)
        elif is_idle:
            session.ending = IDLE
            self._end(session)
        else:
            again = min(
                session.active_seconds + settings.session_idle_seconds,
                session.began_seconds + settings.session_max_seconds,
            )
            if again <= now:
                again = now + settings.session_idle_seconds
            self._check_later(session, again)

    def shutdown(self, *, with_open: bool = True) -> None:
        """End the sessions that end with the process.

        ``with_open``: also those of which something is open.
        """
        for session in self:
            if (
                session.changed
                and not self._is_shared
                and (with_open or not self._num_open(session.session_id))
            ):
                session.ending = session.ending or session.end_reason or SHUTDOWN
                self._end(session)
