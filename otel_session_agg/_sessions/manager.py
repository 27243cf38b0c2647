"""Connect roots, sessions, budgets and the store: the coordinator of one processor's sessions.

The parts hold no reference to each other.  What follows from a trace comes from `RootRelease` as a
value, and is given to sessions, accounts, budgets and the store here, in one place (`_carry_out`).

The caller holds a lock around all calls.  What has to be done outside of it is left in ``ready``
(roots to export), ``records`` (records to write) and ``budgets.calls`` (the application's
callbacks).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from otel_session_agg._api.context import Label
from otel_session_agg._collections.deadlines import Deadlines, Phase
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import HOUR_NS, scopes
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.span import SpanData
from otel_session_agg._sessions.blocks import Block
from otel_session_agg._sessions.claims import ShareClaims
from otel_session_agg._sessions.distributed_trace import WaitingRoot
from otel_session_agg._sessions.known_sessions import KnownSessions
from otel_session_agg._sessions.released_root import Release, ReleasedRoot, is_published_elsewhere
from otel_session_agg._sessions.remote_reads import RemoteReads
from otel_session_agg._sessions.root_release import RootRelease
from otel_session_agg._sessions.session_delta import by_session, take_delta
from otel_session_agg._sessions.session_publisher import SessionPublisher
from otel_session_agg._sessions.store_side import store_side
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.session_slots import RemoteTotals, Spent
from otel_session_agg._sharing.store_queue import Received
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Trace


class SessionManager:
    """The sessions, accounts and budgets of one processor.

    Args:
        settings: The settings.
        engine: The traces.
        process: The name of this processor in the store.
        store_worker: The thread that talks to the shared store; ``None``: there is none.
        guard: Catches and logs faults.
        deadlines: Those of the pipeline.
        store: What the store is known by in this process; ``None``: there is none.
        settles_seconds: How long spans that have ended may still be on their way here.

    """

    def __init__(  # noqa: PLR0913 -- what the pipeline has
        self,
        settings: Settings,
        engine: Engine,
        process: str,
        store_worker: StoreWorker | None,
        guard: Guard,
        deadlines: Deadlines,
        store: Hashable = None,
        settles_seconds: float = 0.0,
    ) -> None:
        self._engine, self._process, self._guard = engine, process, guard
        side = store_side(store_worker, store, process, settings, deadlines)
        self._claims, self._publisher = side.claims, side.publisher
        self._traces = engine.traces_by_session
        self.sessions = KnownSessions(
            settings, process, guard, deadlines, side.endings, engine, settles_seconds
        )
        self.lifecycle, self.budgets = self.sessions.lifecycle, self.sessions.budgets
        self.accounts = self.sessions.accounts
        self.root_release = RootRelease(engine, side.policy, settings.linger_seconds, deadlines)
        self.remote_reads: RemoteReads | None = None
        """``None``: there are no other processes."""
        if isinstance(side.publisher, SessionPublisher):
            self.remote_reads = RemoteReads(side.publisher, self.sessions)
        self.ready: list[ReleasedRoot] = []
        """Roots that leave and that the caller is to export."""
        self.records = side.endings.records
        """Records that were made and that the caller is to write."""
        self.unmerged: list[SessionRecord] = []
        """Records that were not written, as other processors of this process may have a share."""
        self._deadlines = deadlines

    # -- roots -----------------------------------------------------------------------------

    def root_started(self, trace: Trace, *, is_part: bool) -> None:
        """Register a root that began."""
        self._claims.claim(trace)
        if writes := self.root_release.started(trace, is_part=is_part):
            self._publisher.put(writes)

    def root_ended(self, trace: Trace, now: float) -> None:
        """Let a root leave below which everything has ended or was waited for long enough."""
        span = trace.root_span
        if span is None:
            self.late_span_ended(trace, now)
            return
        self._claims.claim(trace)
        # first: the root itself may name the session
        rollups = self._engine.totals.rollups(trace)
        if self.budgets.by_session:  # a root may be a call itself
            self._traces.touched.update(by_session(rollups, trace.session_id))
        self._carry_out(self.root_release.ended(trace, rollups, now), trace, now)
        if span.is_part:
            self._complete(self.root_release.complete(trace.trace_id), now)

    def late_span_ended(self, trace: Trace, now: float) -> None:
        """Correct the sessions of a trace: a span ended after its root left, or without a root."""
        if trace.root_span is None:
            self._claims.claim(trace)
        self._carry_out(self.root_release.late_span_ended(trace), trace, now)

    def give_up(self, reason: str, now: float) -> None:
        """Let all roots leave that wait for parts, with what is known."""
        self._complete(self.root_release.traces.all(), now, reason)

    def _complete(self, roots: Iterable[WaitingRoot], now: float, why: str | None = None) -> None:
        """Let roots leave that waited; unchanged, if that fails."""
        for root in roots:
            self.root_release.traces.stop_waiting(root)
            if self._guard.call("ending a trace", self._completed, root, now, why) is None:
                self.release_unchanged(root.trace)

    def _completed(self, root: WaitingRoot, now: float, why: str | None) -> bool:
        self._carry_out(self.root_release.waited(root, why), root.trace, now)
        return True

    def release_unchanged(self, trace: Trace) -> None:
        """Let a root leave without totals, because something failed; once, whatever failed."""
        unchanged = self.root_release.release_unchanged(trace)
        if not any(row.trace is trace for row in self.ready):
            self.ready.append(unchanged)

    def _carry_out(self, release: Release, trace: Trace, now: float) -> None:
        """Give sessions, accounts and the store what they get of a trace, then the root its own."""
        for delta in release.deltas:
            if delta is not None:
                self.sessions.apply(delta, now)
        if release.writes:
            self._publisher.put(release.writes)
        if release.asks_until is not None:
            self._publisher.ask(trace.trace_id, release.asks_until)
        if release.ready is not None:
            self.ready.append(self.sessions.labelled(release.ready))

    def _report(self, trace: Trace, now: float) -> None:
        """Give sessions what is new in a trace; outputs only once its root has left."""
        session_id = trace.session_id
        if session_id is None or is_published_elsewhere(trace):
            return
        rollups = self._engine.totals.rollups(trace, with_output=trace.has_left)
        delta = take_delta(trace, session_id, rollups)
        if delta is not None:
            self.sessions.apply(delta, now)

    # -- blocks and spans --------------------------------------------------------------------

    def begin_in_block(
        self, trace: Trace | None, span_id: int, start_ns: int, label: Label, now: float
    ) -> None:
        """Register a span that began inside a ``session()`` block; ``trace``: its own, if seen."""
        if trace is not None:
            if is_published_elsewhere(trace):
                self.sessions.touch(label, now)
                return
            trace.block = label  # further spans of the block need not be registered
            if trace.attribution.first is None:
                trace.attribution.note(start_ns, span_id, label.session_id, is_weak=False)
            self._traces.add(label.session_id, trace)
            if scopes and self.accounts.is_other(trace, label=label):
                self._report(trace, now)
                self.accounts.switch(trace, label=label)
        is_root = trace is not None and trace.root_id == span_id
        self.sessions.begin_in_block(label, start_ns, now, trace, is_root=is_root)

    def update_block(self, item: Block | tuple[None, Label], at_ns: int, now: float) -> None:
        """Count a ``session()`` block as entered or left, or register a span that is not seen."""
        if isinstance(item, Block):
            self._publisher.update_block(item)
        else:
            self.begin_in_block(None, 0, at_ns, item[1], now)

    def before_fold(self, span: SpanData, now: float) -> None:
        """Report what a trace has before a span of it is folded that ended in another hour.

        So accounts get it in the hour before.
        """
        trace, hour = self._engine.roots.find(span.trace_id, span.span_id), span.end_ns // HOUR_NS
        if trace is not None and self.accounts.is_other(trace, hour):
            self._report(trace, now)
            self.accounts.switch(trace, hour)

    # -- questions -------------------------------------------------------------------------

    def totals(self, session_id: str, now: float) -> Rollup | None:
        """Return the totals of a session at this moment; ``None``: it is not in memory."""
        for trace in self._traces.of(session_id):
            self._report(trace, now)
        session = self.lifecycle.get(session_id)
        return session.totals.rollup if session is not None else None

    def unfinished(self, session_id: str) -> list[Trace]:
        """Return the traces of a session whose totals can still change."""
        return self._traces.of(session_id)

    def _check_budgets(self, session_id: str, now: float) -> None:
        """Note whether a session has used more than a budget by now."""
        if self.budgets.check(session_id, self.totals(session_id, now)):
            self.lifecycle.set_budget_exceeded(session_id)

    def join(self) -> None:
        """Share sessions with other processors of this process that have no store."""
        self._claims = ShareClaims(self._process)

    def add_feedback(
        self, session_id: str | None, above: tuple[int, int] | None, now: float
    ) -> None:
        """Add feedback for a session, or for the trace of a span: its trace id and span id."""
        trace = self._engine.roots.find(*above) if above is not None else None
        if trace is not None:
            trace.feedback()
            if trace.has_left:
                self.late_span_ended(trace, now)
            session_id = session_id or trace.session_id
        elif above is not None:  # it was forgotten
            session_id = session_id or self.root_release.traces.session_of(above[0])
        if session_id is not None:
            self.sessions.add_feedback(session_id, now)

    # -- turns -----------------------------------------------------------------------------

    def turn(self, now: float, *, all_now: bool = False) -> None:
        """Do what follows from ended spans, from time, and from what comes from the store.

        ``all_now``: nothing waits to be written.
        """
        due = self._deadlines.due(now) if self._deadlines.first_seconds <= now else ()
        for received in self._publisher.receive(is_due=Phase.PUBLISHING in due):
            self._receive(received, now)
        if Phase.PARTS in due:
            self._complete(self.root_release.traces.take_expired(), now)
        touched, self._traces.touched = self._traces.touched, set()
        if scopes or self.budgets.by_session:
            self._check_spending(touched, now)
        if Phase.DELAYED_ENDS in due or all_now or self._traces.ended:
            self.sessions.end_awaited(now, all_now=all_now)
        if Phase.SESSIONS in due:
            self._check_ends(now)
        if self.records or self.lifecycle.forgotten:
            self.sessions.forget_budgets()
        for session_id in self._publisher.outdated(self.sessions, touched, now):
            self.totals(session_id, now)
        self._publisher.publish(self.sessions, now, all_now=all_now)

    def _check_spending(self, touched: set[str], now: float) -> None:
        """Note which sessions and accounts have used more than a budget by now."""
        if scopes:
            for session_id in touched:
                self.totals(session_id, now)
            self.sessions.check_accounts()
        for session_id in touched & self.budgets.by_session.keys():
            self._check_budgets(session_id, now)

    def _check_ends(self, now: float) -> None:
        """End the sessions that have waited long enough, with what their open traces have."""
        for session_id in self.lifecycle.take_expired():
            if self.lifecycle.get(session_id) is not None and self._traces.number(session_id):
                self.totals(session_id, now)
            self.lifecycle.check(session_id, self._traces.number(session_id), now)

    def shutdown(self, now: float, *, with_open: bool = True) -> None:
        """End sessions with the process, with what their open traces have by now.

        ``with_open``: also those of which something is open.
        """
        for session_id in self._traces.names():
            self.totals(session_id, now)
        if with_open:
            self._publisher.leave_blocks()
        self.sessions.shut_down(with_open=with_open)

    def _receive(self, received: Received, now: float) -> None:
        """Take what has come from the store."""
        if isinstance(received, SessionRecord):
            self.records.append(received)
        elif isinstance(received, RemoteTotals):
            session = self.lifecycle.get(received.session_id)
            if session is not None:
                session.remote_totals = received.totals
                self._check_budgets(received.session_id, now)
        elif isinstance(received, Spent):
            self.accounts.set_remote(received.account, received.rollup)
        else:
            self._complete(self.root_release.parts_came(received), now)
