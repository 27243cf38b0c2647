"""The sessions of this process: what each has got of its traces, and when it ends.  No clock, thread or lock.

Rules
-----
* A trace tells its sessions what is new: the totals now, less what it has told before.  So a session may be asked while its
  traces are open, and a late span corrects it.
* Without a store that is shared, a session ends here: asked to, after ``session_idle_seconds`` without anything new and with
  nothing open, after ``session_max_seconds``, or at shutdown.  One record is made; one more each time that something changed
  since, ``linger_seconds`` after a late span or feedback, or when it ends again after it came back.
* With one, the store says when a session is idle, whether it has come back and who writes the record; here is only this
  process' part.
* The ``max_sessions`` that were used last stay in memory, so that one that comes back goes on; older ones end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from otel_session_agg._deadlines import Deadlines
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._model.rollup import NOTHING, At, Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.session_totals import STATED, Labelled, LastRoot, Member, SessionTotals
from otel_session_agg._reasons import IDLE, MAX_AGE, MAX_SESSIONS, SHUTDOWN
from otel_session_agg._sessions.session import Session
from otel_session_agg._settings import Settings
from otel_session_agg._trace.trace import Trace


class SessionLifecycle:
    """All sessions of a process."""

    def __init__(
        self,
        settings: Settings,
        process: str,
        *,
        is_shared: bool,
        num_open: Callable[[str], int],
        refresh: Callable[[str, float], object] | None = None,
    ) -> None:
        self._settings = settings
        self._process = process
        self._is_shared = is_shared
        self._num_open = num_open
        """Traces of a session that have not come to their end."""
        self._refresh = refresh
        """Lets those say what they have by now."""
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._deadlines: Deadlines[str] = Deadlines()
        self._num_writers = 0
        self.records: list[SessionRecord] = []
        """Made and not taken yet."""
        self.ends: list[tuple[str, str]] = []
        """Sessions that are to end in the shared store, and why; not taken yet."""
        self.deltas: list[tuple[Trace, Session, Rollup]] = []
        """What sessions got of traces, while there are budgets over anything else than sessions; not taken yet."""
        self.dropped: list[Session] = []
        """Forgotten here, as the store has them; not taken yet."""
        self.news: dict[str, None] = {}
        """Sessions with something new for the store, in the order it came."""

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def get(self, session_id: str) -> Session | None:
        """A session that is in memory."""
        return self._sessions.get(session_id)

    # -- what is new ------------------------------------------------------------------------------------------------------

    def seen(self, session_id: str, now: float) -> Session:
        """Somebody asks for a session."""
        session = self._session(session_id, now)
        self._active(session, now)
        return session

    def was_recorded(self, session_id: str, reason: str, now: float) -> None:
        """A session root was the first record of a session; what is new goes into the next one."""
        session = self.began(session_id, now)
        session.revision, session.end_reason = 1, reason
        self._look_later(session, now + self._settings.linger_seconds)

    def began(self, session_id: str, now: float) -> Session:
        """Something begins in a session: it is there, and goes on if it had ended."""
        session = self._session(session_id, now)
        if session.end_reason is not None:  # it comes back
            session.end_reason = None
            session.born_seconds = now
            session.look_no_more()
        self._active(session, now)
        return session

    def root_began(self, session_id: str, now: float, at_ns: int) -> Session:
        """A root or a block begins in a session, at ``at_ns`` since the Unix epoch.

        Whoever reads the store gets to know that something is open.
        """
        session = self.began(session_id, now)
        session.grown.began(at_ns)
        self._new(session)
        return session

    def label(
        self,
        session_id: str,
        now: float,
        at_ns: int,
        user_id: str | None,
        metadata: Mapping[str, str | bool | int | float],
    ) -> None:
        """The application says something of a session; times in nanoseconds since the Unix epoch."""
        session = self.root_began(session_id, now, at_ns)
        labels = SessionTotals(
            user=At(at_ns, STATED, user_id) if user_id is not None else None,
            metadata={name: Labelled(at_ns, value) for name, value in metadata.items()},
        )
        if labels.user is not None or labels.metadata:
            session.grown.add_labels(labels)

    def said(self, session_id: str, labels: SessionTotals) -> None:
        """Spans say who uses a session that is in memory, and metadata."""
        session = self._sessions.get(session_id)
        if session is not None and session.grown.add_labels(labels):
            self._new(session)

    def report(
        self, trace: Trace, rollups: Mapping[str, Rollup], now: float, *, is_late: bool = False
    ) -> None:
        """A trace says what its sessions have of it by now."""
        told = trace.reported or {}
        for session_id in rollups.keys() | told.keys():
            before, after = told.get(session_id), rollups.get(session_id, NOTHING)
            if before == after:
                continue
            session = self._session(session_id, now) if is_late else self.began(session_id, now)
            new = after if before is None else after.since(before)
            for grown in session.growing(is_double=trace.is_double):
                grown.add_rollup(new)
            if scopes:
                self.deltas.append((trace, session, new))
            self._active(session, now)
            self._new(session)
        trace.reported = dict(rollups)

    def left(  # noqa: PLR0913 -- what is known of a root
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
        """A root of a session has left; ``is_sampled``: it is exported; ``is_double``: another processor tells it, too."""
        session = self.began(session_id, now)
        session.grown.began(member.start_ns)
        for grown in session.growing(is_double=is_double):
            grown.add_root(member, end_ns, is_part=is_part, is_sampled=is_sampled)
        if is_sampled:
            session.grown.exported(LastRoot(end_ns, member.trace_id, member.span_id))
        self._new(session)

    def stands_on_root(
        self, session_id: str, num_events: int, *, has_feedback: bool, is_double: bool = False
    ) -> None:
        """So many more events of a session are in the totals on a root of it, which is exported; that makes no new record."""
        session = self._sessions.get(session_id)
        if session is None:
            return
        news = [
            one.stands_on_root(num_events, has_feedback=has_feedback)
            for one in session.growing(is_double=is_double)
        ]
        if news[0] and self._is_shared:
            self.news[session_id] = None

    def feedback(self, session_id: str, now: float) -> None:
        """Somebody gave feedback."""
        session = self._session(session_id, now)
        session.grown.add_rollup(Rollup(has_feedback=True))
        self._active(session, now)
        self._new(session)

    def budget_exceeded(self, session_id: str) -> None:
        """A session has used more than a budget."""
        session = self._sessions.get(session_id)
        if session is not None and not session.grown.is_budget_exceeded:
            session.grown.exceeded()
            self._new(session)

    def _session(self, session_id: str, now: float) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            while len(self._sessions) >= self._settings.max_sessions:
                self._forget(next(iter(self._sessions)), MAX_SESSIONS)
            self._num_writers += 1
            session = self._sessions[session_id] = Session(
                session_id, f"{self._process}.{self._num_writers}", now
            )
        else:
            self._sessions.move_to_end(session_id)
        return session

    def _new(self, session: Session) -> None:
        session.changed = True
        if self._is_shared:
            self.news[session.session_id] = None

    def _active(self, session: Session, now: float) -> None:
        session.active_seconds = now
        if session.deadline is None:
            waits = (
                self._settings.linger_seconds
                if session.end_reason is not None
                else self._settings.session_idle_seconds
            )
            self._look_later(session, now + min(waits, self._settings.session_max_seconds))

    def _look_later(self, session: Session, when: float) -> None:
        session.look_no_more()
        session.deadline = self._deadlines.add(when, session.session_id)

    # -- ends -------------------------------------------------------------------------------------------------------------

    def end(self, session_id: str, reason: str, now: float) -> None:
        """A session is to end as soon as nothing of it is open, at the latest when lingering is over."""
        session = self._sessions.get(session_id)
        if session is None:
            if self._is_shared:
                self.ends.append((session_id, reason))
            return
        waits, session.ending = session.ending is not None, reason
        if not self._num_open(session_id):
            self._end(session)
        elif not waits:
            self._look_later(session, now + self._settings.linger_seconds)

    def settled(self, session_id: str) -> None:
        """Nothing of a session is open any more."""
        session = self._sessions.get(session_id)
        if session is not None and session.ending is not None:
            self._end(session)

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do."""
        return self._deadlines.next()

    def due(self, now: float) -> None:
        """End what has waited long enough."""
        for session_id in self._deadlines.pop_due(now):
            if (
                self._refresh is not None
                and session_id in self._sessions
                and self._num_open(session_id)
            ):
                self._refresh(session_id, now)
            session = self._sessions.get(session_id)
            if session is not None:
                session.look_no_more()
                self._look_at(session, now)

    def _look_at(self, session: Session, now: float) -> None:
        settings = self._settings
        is_old = now - session.born_seconds >= settings.session_max_seconds
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
                session.born_seconds + settings.session_max_seconds,
            )
            self._look_later(session, again if again > now else now + settings.session_idle_seconds)

    def _end(self, session: Session) -> None:
        reason, session.ending = session.ending or IDLE, None
        session.end_reason = reason
        session.look_no_more()  # it was for the idle time
        changed, session.changed = session.changed, False
        if self._is_shared:  # also when nothing is new here: other processes may have more
            self.ends.append((session.session_id, reason))
        elif changed:
            session.revision += 1
            session.grown.set_open(self._num_open(session.session_id))
            self.records.append(
                SessionRecord(session.session_id, session.revision, reason, session.totals)
            )

    def _forget(self, session_id: str, reason: str) -> None:
        session = self._sessions[session_id]
        if self._is_shared:
            self.dropped.append(session)
        elif session.changed:
            session.ending = session.end_reason or reason
            self._end(session)
        session.look_no_more()
        del self._sessions[session_id]

    def shutdown(self, *, with_open: bool = True) -> None:
        """End what ends with the process; unless ``with_open``, only sessions of which nothing is open."""
        for session in self:
            if (
                session.changed
                and not self._is_shared
                and (with_open or not self._num_open(session.session_id))
            ):
                session.ending = session.ending or session.end_reason or SHUTDOWN
                self._end(session)
