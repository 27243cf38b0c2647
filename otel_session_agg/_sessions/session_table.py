"""The sessions in memory: the last used ones, with when each is next checked for its end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from otel_session_agg._deadlines import Deadlines, Phase, PhaseDeadlines
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._reasons import IDLE, MAX_SESSIONS
from otel_session_agg._sessions.session import Session
from otel_session_agg._settings import Settings
from otel_session_agg._trace.trace import Trace


class SessionTable:
    """The ``max_sessions`` sessions that were used last, so that one that comes back goes on.

    Older ones end.  `SessionLifecycle` has the rules and is the only subclass; it is one so that
    no call stands between a span and its session.  What the caller has to do is left in the lists,
    which the caller empties.
    """

    def __init__(
        self,
        settings: Settings,
        process: str,
        deadlines: Deadlines,
        *,
        is_shared: bool,
        num_open: Callable[[str], int],
    ) -> None:
        self._settings = settings
        self._process = process
        self._is_shared = is_shared
        self._num_open = num_open
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._deadlines: PhaseDeadlines[str] = deadlines.of(Phase.SESSIONS)
        self._num_writers = 0
        self.records: list[SessionRecord] = []
        """Records that were made and not taken yet."""
        self.ends: list[tuple[str, str]] = []
        """Sessions that are to end in the shared store, and why; not taken yet."""
        self.deltas: list[tuple[Trace, Session, Rollup]] = []
        """What sessions got of traces; not taken yet.

        Only while there are budgets over anything else than sessions.
        """
        self.dropped: list[Session] = []
        """Sessions that were forgotten here, as the store has them; not taken yet."""
        self.unwritten: dict[str, None] = {}
        """Sessions with something new for the store, in the order it came."""

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._sessions.values()))

    def get(self, session_id: str) -> Session | None:
        """Return a session; ``None``: it is not in memory."""
        return self._sessions.get(session_id)

    def _session(self, session_id: str, now: float) -> Session:
        """Return a session, new if it is not in memory, and make it the one used last."""
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

    def _forget(self, session_id: str, reason: str) -> None:
        session = self._sessions[session_id]
        if self._is_shared:
            self.dropped.append(session)
        elif session.changed:
            session.ending = session.end_reason or reason
            self._end(session)
        session.cancel_deadline()
        del self._sessions[session_id]

    def _set_changed(self, session: Session) -> None:
        session.changed = True
        if self._is_shared:
            self.unwritten[session.session_id] = None

    def _set_active(self, session: Session, now: float) -> None:
        session.active_seconds = now
        if session.deadline is None:
            wait_seconds = (
                self._settings.linger_seconds
                if session.end_reason is not None
                else self._settings.session_idle_seconds
            )
            self._check_later(session, now + min(wait_seconds, self._settings.session_max_seconds))

    def _check_later(self, session: Session, when: float) -> None:
        session.cancel_deadline()
        session.deadline = self._deadlines.add(when, session.session_id)

    def _end(self, session: Session) -> None:
        """End a session for the reason in ``ending``: make its record, or have the store do so."""
        reason, session.ending = session.ending or IDLE, None
        session.end_reason = reason
        session.cancel_deadline()  # it was for the idle time
        changed, session.changed = session.changed, False
        if self._is_shared:  # also when nothing is new here: other processes may have more
            self.ends.append((session.session_id, reason))
        elif changed:
            session.revision += 1
            session.grown.set_open(self._num_open(session.session_id))
            self.records.append(
                SessionRecord(session.session_id, session.revision, reason, session.totals)
            )
