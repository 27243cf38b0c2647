"""The sessions of this process: when they change, and when they end.  No clock, thread or lock.

Rules
-----
* A session gets what is new in a trace (`session_delta`).  So its totals may be read while traces
  are open, and a late span corrects them.
* Without a shared store, a session ends here: on request, after ``session_idle_seconds`` without
  anything new and with nothing open, after ``session_max_seconds``, or at shutdown.  One record is
  made; one more each time that something changed since, ``linger_seconds`` after a late span or
  feedback, or when it ends again after it came back.
* With one, the store decides when a session is idle, whether it has come back and which process
  writes the record; here is only this process's part (`endings`).
* The ``max_sessions`` that were used last stay in memory, so that one that comes back goes on;
  older ones end.

How many traces of a session are open comes in as ``num_open``, time as ``now``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from otel_session_agg._collections.deadlines import Deadlines, Phase, PhaseDeadlines
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._reasons import IDLE, LATE, MAX_AGE, SHUTDOWN
from otel_session_agg._sessions.endings import Endings
from otel_session_agg._sessions.gains import add_of_whole, add_root
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_delta import Gain, SessionDelta
from otel_session_agg._settings import Settings
from otel_session_agg.attributes import USER_ID


class SessionLifecycle:
    """All sessions of a processor; the caller holds a lock around all calls.

    Args:
        settings: The settings.
        process: The name of this processor in the store.
        deadlines: Those of the pipeline.
        endings: What is done with sessions that have ended.

    """

    def __init__(
        self, settings: Settings, process: str, deadlines: Deadlines, endings: Endings
    ) -> None:
        self._settings = settings
        self._process = process
        self._endings = endings
        self._deadlines: PhaseDeadlines[str] = deadlines.of(Phase.SESSIONS)
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        """The one used last is the last."""
        self.get: Callable[[str], Session | None] = self._sessions.get
        """Returns a session; ``None``: it is not in memory."""
        self._num_writers = 0
        self.are_too_many = False
        """Whether the caller is to `forget` sessions."""
        self.forgotten: list[Session] = []
        """Sessions that are no longer in memory; the caller empties the list."""
        self._has_user = USER_ID in settings.dimensions
        self.num_conflicts = 0
        """Dimensions of roots with another value than their session has; the caller's."""
        self.unwritten: dict[str, None] = {}
        """Sessions with something new for the store, in the order it came; the caller's."""

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    # -- changes ---------------------------------------------------------------------------

    def apply(self, delta: SessionDelta, now: float) -> list[tuple[Session, Rollup]]:
        """Give sessions what is new in a trace; return the totals that each of them got."""
        got: list[tuple[Session, Rollup]] = []
        for gain in delta.gains:
            if gain.root is not None or (gain.rollup is not None and not delta.is_late):
                session: Session | None = self.begin(gain.session_id, now)
            elif gain.rollup is not None:
                session = self.touch(gain.session_id, now)
            else:
                session = self._sessions.get(gain.session_id)
            if session is not None:
                self._add(session, gain, delta, now)
                if gain.rollup is not None:
                    got.append((session, gain.rollup))
        return got

    def _add(self, session: Session, gain: Gain, delta: SessionDelta, now: float) -> None:
        grown, root = session.grown, gain.root
        growing = session.growing() if delta.is_double else (grown,)
        is_changed = root is not None or gain.rollup is not None
        if root is not None:
            self.num_conflicts += add_root(
                session, growing, root, is_sampled=delta.trace.is_sampled
            )
            if delta.was_record:  # what is new goes into the next record
                session.revision, session.end_reason = 1, LATE
                self._check_later(session, now + self._settings.linger_seconds)
        if gain.rollup is not None:
            for one in growing:
                one.add_rollup(gain.rollup)
        if gain.labels is not None:
            is_new = grown.add_labels(gain.labels, has_user=self._has_user)
            is_changed = is_new or is_changed
        if add_of_whole(growing, gain, self._settings.max_output_chars):
            self.unwritten[session.session_id] = None  # but this makes no new record
        if is_changed:
            self._set_changed(session)

    def touch(self, session_id: str, now: float) -> Session:
        """Return a session that is asked for, and count that as activity."""
        session = self._used(session_id, now)
        self._set_active(session, now)
        return session

    def begin(self, session_id: str, now: float) -> Session:
        """Return a session in which something begins; it goes on if it had ended."""
        session = self._used(session_id, now)
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

    def add_labels(self, session_id: str, now: float, at_ns: int, labels: SessionTotals) -> None:
        """Add what a ``session()`` block states.

        ``at_ns``: when it began, nanoseconds since the Unix epoch.
        """
        session = self.begin_root(session_id, now, at_ns)
        session.grown.add_labels(labels, has_user=self._has_user)

    def add_feedback(self, session_id: str, now: float) -> None:
        """Note that feedback was given for a session."""
        session = self.touch(session_id, now)
        session.grown.add_rollup(Rollup(has_feedback=True))
        self._set_changed(session)

    def set_budget_exceeded(self, session_id: str) -> None:
        """Note that a session has used more than a budget."""
        session = self._sessions.get(session_id)
        if session is not None and not session.grown.is_budget_exceeded:
            session.grown.exceeded()
            self._set_changed(session)

    def _used(self, session_id: str, now: float) -> Session:
        """Return a session, new if it is not in memory, and make it the one used last."""
        session = self._sessions.get(session_id)
        if session is None:
            self._num_writers += 1
            self.are_too_many = len(self._sessions) >= self._settings.max_sessions
            session = self._sessions[session_id] = Session(
                session_id, f"{self._process}.{self._num_writers}", now
            )
        else:
            self._sessions.move_to_end(session_id)
        return session

    def _set_changed(self, session: Session) -> None:
        session.changed = True
        self.unwritten[session.session_id] = None

    def _set_active(self, session: Session, now: float) -> None:
        session.active_seconds = now
        if session.deadline is None:
            settings = self._settings
            wait_seconds = (
                settings.linger_seconds
                if session.end_reason is not None
                else settings.session_idle_seconds
            )
            self._check_later(session, now + min(wait_seconds, settings.session_max_seconds))

    def _check_later(self, session: Session, when: float) -> None:
        session.cancel_deadline()
        session.deadline = self._deadlines.add(when, session.session_id)

    # -- ends ------------------------------------------------------------------------------

    def oldest(self) -> Session:
        """Return the session that is unused for longest, which is to be forgotten first."""
        return next(iter(self._sessions.values()))

    def forget(self, session: Session, reason: str, num_open: int) -> None:
        """Remove a session from memory; if it ends here, for this reason."""
        self.forgotten.append(session)
        if self._endings.are_here and session.changed:
            self._end(session, session.end_reason or reason, num_open)
        session.cancel_deadline()
        del self._sessions[session.session_id]
        self.are_too_many = len(self._sessions) > self._settings.max_sessions

    def end(self, session_id: str, reason: str, num_open: int, now: float) -> None:
        """End a session as soon as nothing of it is open, at the latest after lingering."""
        session = self._sessions.get(session_id)
        if session is None:
            self._endings.unknown(session_id, reason)
            return
        waits, session.ending = session.ending is not None, reason
        if not num_open:
            self._end(session, reason, num_open)
        elif not waits:
            self._check_later(session, now + self._settings.linger_seconds)

    def end_if_asked(self, session_id: str, num_open: int) -> None:
        """End a session whose traces have all come to their end, if it is to end."""
        session = self._sessions.get(session_id)
        if session is not None and session.ending is not None:
            self._end(session, session.ending, num_open)

    def take_expired(self) -> list[str]:
        """Return the sessions that have waited long enough, which are to be checked."""
        return self._deadlines.take()

    def check(self, session_id: str, num_open: int, now: float) -> None:
        """End a session whose time has come, or have it checked again later."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        session.cancel_deadline()
        settings = self._settings
        is_old = now - session.began_seconds >= settings.session_max_seconds
        is_idle = now - session.active_seconds >= settings.session_idle_seconds and not num_open
        if session.ending is not None:
            self._end(session, session.ending, num_open)
        elif session.end_reason is not None:
            if session.changed:
                self._end(session, session.end_reason, num_open)
        elif is_old:
            self._end(session, MAX_AGE, num_open)
        elif is_idle and self._endings.are_here:
            self._end(session, IDLE, num_open)
        elif is_idle:
            self.forget(session, IDLE, num_open)
        else:
            again = min(
                session.active_seconds + settings.session_idle_seconds,
                session.began_seconds + settings.session_max_seconds,
            )
            self._check_later(
                session, again if again > now else now + settings.session_idle_seconds
            )

    def shut_down(self, session: Session, num_open: int) -> None:
        """End a session with the process."""
        if session.changed and self._endings.are_here:
            self._end(session, session.ending or session.end_reason or SHUTDOWN, num_open)

    def _end(self, session: Session, reason: str, num_open: int) -> None:
        session.ending, session.end_reason = None, reason
        session.cancel_deadline()  # it was for the idle time
        is_changed, session.changed = session.changed, False
        self._endings.ended(session, reason, num_open, is_changed=is_changed)
