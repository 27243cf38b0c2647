"""All that is known here of sessions: their totals, the accounts and budgets, and open traces."""

from __future__ import annotations

from otel_session_agg._api.context import Label
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._collections.recent import Recent
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._model.dimensions import Dimension, values_of
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import STATED, Labelled, SessionTotals
from otel_session_agg._reading.dimensions import NONE, DimensionReader, Values
from otel_session_agg._reasons import DIMENSION_CONFLICT, MAX_SESSIONS
from otel_session_agg._sessions.accounts import Accounts
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.delayed_ends import DelayedEnds
from otel_session_agg._sessions.endings import Endings
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.released_root import NO_LABELS, ReleasedRoot
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_delta import SessionDelta
from otel_session_agg._settings import Settings
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Trace

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
        engine: Engine,
        settles_seconds: float,
    ) -> None:
        self._idle_seconds = settings.session_idle_seconds
        self.lifecycle = SessionLifecycle(settings, process, deadlines, endings)
        self.endings = endings
        self.accounts = Accounts(
            process, settings.max_sessions, guard, is_shared=not endings.are_here
        )
        self.budgets = BudgetTable()
        self.traces = engine.traces_by_session
        """The unfinished traces of each session."""
        self._settles_seconds = settles_seconds
        self._delayed_ends = DelayedEnds(deadlines)
        names = dict.fromkeys((*settings.dimensions, *settings.breakdown_by))
        self.dimensions = DimensionReader(tuple(names))
        self._labels: Recent[Label, Values] = Recent(_MAX_LABELS // 2)
        """Blocks that were added to their sessions, with the dimensions that they state."""
        self._unread = engine.unread

    # -- changes ---------------------------------------------------------------------------

    def apply(self, delta: SessionDelta, now: float) -> None:
        """Give sessions and accounts what is new in a trace."""
        got = self.lifecycle.apply(delta, now)
        if self.lifecycle.num_conflicts:
            self._unread[DIMENSION_CONFLICT] += self.lifecycle.num_conflicts
            self.lifecycle.num_conflicts = 0
        if scopes:
            for session, rollup in got:
                self.accounts.add(delta.trace, session, rollup)
        self.make_room()

    def make_room(self) -> None:
        """Forget the sessions that were used first, if there are too many."""
        while self.lifecycle.are_too_many:
            oldest = self.lifecycle.oldest()
            self.lifecycle.forget(oldest, MAX_SESSIONS, self.traces.number(oldest.session_id))

    def begin_in_block(
        self, label: Label, at_ns: int, now: float, trace: Trace | None, *, is_root: bool
    ) -> None:
        """Register a span that began inside a ``session()`` block; ``trace``: that it is in."""
        stated = self._labels.get(label)
        if stated is None:
            stated = self.dimensions.of_block(label.metadata, label.user_id)
            self._labels.put(label, stated)
            labels = _labels_of(label, stated, at_ns)
            self.lifecycle.add_labels(label.session_id, now, at_ns, labels)
            self.budgets.bind(label)
        elif is_root:
            self.lifecycle.begin_root(label.session_id, now, at_ns)
        if stated and trace is not None:
            trace.state_dimensions(label.session_id, stated)
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
        trace, session_id, rollup, why_partial, is_carried, *_ = root
        is_exceeded = self.is_exceeded(session)
        dimensions = self.dimensions_of(trace, session)
        labels = self.labels_of(trace, session)
        # ``_replace`` takes four times as long
        return ReleasedRoot(
            trace, session_id, rollup, why_partial, is_carried, is_exceeded, labels, dimensions
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

    @staticmethod
    def dimensions_of(trace: Trace, session: Session | None) -> Values:
        """Return the dimensions of the session of a trace, or of a trace without one."""
        if session is None:
            return trace.dimensions_of(trace.session_id, is_own=True)
        is_alone = session.inherited is None and session.remote_totals is None
        known = session.grown.dimensions if is_alone else session.dimensions
        if trace.root_span is None:  # an open one is not in its session yet
            return {**trace.dimensions_of(trace.session_id, is_own=True), **values_of(known)}
        return values_of(known) if known else NONE

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


def _labels_of(label: Label, dimensions: Values, at_ns: int) -> SessionTotals:
    """Return what a block states of its session; ``at_ns``: when it began."""
    if label.user_id is None and not label.metadata:  # which has no dimensions, either
        return NO_LABELS
    return SessionTotals(
        user=At(at_ns, STATED, label.user_id) if label.user_id is not None else None,
        metadata={name: Labelled(at_ns, value) for name, value in label.metadata.items()},
        dimensions={name: Dimension(at_ns, STATED, value) for name, value in dimensions.items()},
    )
