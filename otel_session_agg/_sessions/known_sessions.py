"""All that is known here of sessions: their totals, the accounts and budgets, and open traces."""

from __future__ import annotations

from otel_session_agg._api.context import Label
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._collections.recent import Recent
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._reasons import MAX_SESSIONS
from otel_session_agg._sessions.accounts import Accounts
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.delayed_ends import DelayedEnds
from otel_session_agg._sessions.endings import Endings
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.released_root import NO_LABELS, ReleasedRoot
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_delta import SessionDelta
from otel_session_agg._settings import Settings
from otel_session_agg._trace.trace import Trace
from otel_session_agg._trace.traces_by_session import TracesBySession

_MAX_LABELS = 2048
"""Blocks that are remembered; one that is forgotten is added to its session again."""


class KnownSessions:
    """The sessions, accounts and budgets of one processor, which change together.

    `SessionManager` owns it; publishers read it and take what is new.
    """

    def __init__(  # noqa: PLR0913 -- what its parts need
        self,
        settings: Settings,
        process: str,
        guard: Guard,
        deadlines: Deadlines,
        endings: Endings,
        traces: TracesBySession,
        settles_seconds: float,
    ) -> None:
        self._idle_seconds = settings.session_idle_seconds
        self.lifecycle = SessionLifecycle(settings, process, deadlines, endings)
        self.endings = endings
        self.accounts = Accounts(
            process, settings.max_sessions, guard, is_shared=not endings.are_here
        )
        self.budgets = BudgetTable()
        self.traces = traces
        """The unfinished traces of each session."""
        self._settles_seconds = settles_seconds
        self._delayed_ends = DelayedEnds(deadlines)
        self._labels: Recent[Label, bool] = Recent(_MAX_LABELS // 2)
        """Blocks that were added to their sessions."""

    # -- changes ---------------------------------------------------------------------------

    def apply(self, delta: SessionDelta, now: float) -> None:
        """Give sessions and accounts what is new in a trace."""
        got = self.lifecycle.apply(delta, now)
        if scopes:
            for session, rollup in got:
                self.accounts.add(delta.trace, session, rollup)
        self.make_room()

    def make_room(self) -> None:
        """Forget the sessions that were used first, if there are too many."""
        while self.lifecycle.are_too_many:
            oldest = self.lifecycle.oldest()
            self.lifecycle.forget(oldest, MAX_SESSIONS, self.traces.number(oldest.session_id))

    def begin_in_block(self, label: Label, at_ns: int, now: float, *, is_root: bool) -> None:
        """Register a span that began inside a ``session()`` block, see `lifecycle.add_label`."""
        if self._labels.get(label) is None:
            self._labels.put(label, True)  # noqa: FBT003 -- a value
            self.lifecycle.add_label(label.session_id, now, at_ns, label.user_id, label.metadata)
            self.budgets.bind(label)
        elif is_root:
            self.lifecycle.begin_root(label.session_id, now, at_ns)
        self.make_room()

    def touch(self, label: Label, now: float) -> None:
        """Register a block in whose session only another processor counts."""
        self.lifecycle.touch(label.session_id, now)
        self.make_room()
        self.budgets.bind(label)

    def add_feedback(self, session_id: str, now: float) -> None:
        """Note that feedback was given for a session."""
        self.lifecycle.add_feedback(session_id, now)
        self.make_room()

    def check_accounts(self) -> None:
        """Note which accounts have used more than a budget by now."""
        changed, self.accounts.changed = self.accounts.changed, {}
        for account in changed.values():
            self.budgets.check_account(account)

    def labelled(self, root: ReleasedRoot) -> ReleasedRoot:
        """Return a root with what is known of its session, which has got its totals before."""
        if scopes:
            self.check_accounts()  # only now they have what this root came to
        session = self.lifecycle.get(root.session_id) if root.session_id is not None else None
        if session is None and not root.trace.attribution.labels:
            return root
        return root._replace(
            is_exceeded=self.is_exceeded(session), labels=self.labels_of(root.trace, session)
        )

    # -- questions -------------------------------------------------------------------------

    def of(self, trace: Trace) -> Session | None:
        """Return the session of a whole trace, if that is in memory."""
        session_id = trace.session_id
        return self.lifecycle.get(session_id) if session_id is not None else None

    def labels_of(self, trace: Trace, session: Session | None) -> SessionTotals:
        """Return the user and the metadata of the session of a trace, as far as they are known."""
        if session is not None:
            return session.labels or NO_LABELS
        if trace.attribution.labels:
            return trace.attribution.labelled().get(trace.session_id, NO_LABELS)
        return NO_LABELS

    def is_exceeded(self, session: Session | None) -> bool:
        """Return whether a session has used more than a budget."""
        return (
            session is not None
            and bool(self.budgets.by_session)
            and self.budgets.is_exceeded(session.session_id, session.totals.rollup)
        )

    def is_active(self, session: Session, now: float) -> bool:
        """Return whether a session is not idle."""
        return now - session.active_seconds < self._idle_seconds or bool(
            self.traces.number(session.session_id)
        )

    # -- ends ------------------------------------------------------------------------------

    def end(self, session_id: str, reason: str, now: float) -> None:
        """End a session when the spans that are on their way have come and nothing is open."""
        if self._settles_seconds:
            self._delayed_ends.add(session_id, reason, now + self._settles_seconds)
        else:
            self._end(session_id, reason, now)

    def _end(self, session_id: str, reason: str, now: float) -> None:
        self.lifecycle.end(session_id, reason, self.traces.number(session_id), now)
        self.traces.waits_for(session_id)

    def end_awaited(self, now: float, *, all_now: bool) -> None:
        """End the sessions whose spans, or whose last trace, was waited for.

        ``all_now``: spans are not waited for.
        """
        for session_id, reason in self._delayed_ends.take(all_now=all_now):
            self._end(session_id, reason, now)
        for session_id in self.traces.take_ended():
            self.lifecycle.end_if_asked(session_id, self.traces.number(session_id))

    def forget_budgets(self) -> None:
        """Forget the budgets of sessions that were recorded or are no longer in memory."""
        for record in self.endings.records:
            self.budgets.forget(record.session_id)
        for session in self.lifecycle.forgotten:
            if self.lifecycle.get(session.session_id) is None:
                self.budgets.forget(session.session_id)

    def shut_down(self, *, with_open: bool) -> None:
        """End sessions with the process; ``with_open``: also those of which something is open."""
        for session in self.lifecycle:
            num_open = self.traces.number(session.session_id)
            if with_open or not num_open:
                self.lifecycle.shut_down(session, num_open)
