"""Connect roots, sessions, budgets and the store: the sessions of one processor.

The caller holds a lock around all calls.  What has to be done outside of it is left in
``root_release.ready`` (roots to export), ``lifecycle.records`` (records to write) and
``budgets.calls`` (the application's callbacks).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import partial

from otel_session_agg._api.context import Label
from otel_session_agg._deadlines import Deadline, Deadlines, Phase, PhaseDeadlines
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import HOUR_NS, scopes
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._model.span import SpanData
from otel_session_agg._recent import Recent
from otel_session_agg._sessions.accounts import Accounts
from otel_session_agg._sessions.blocks import Block
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.released_root import is_published_elsewhere
from otel_session_agg._sessions.remote_reads import RemoteReads
from otel_session_agg._sessions.root_release import RootRelease
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_publisher import SessionPublisher
from otel_session_agg._sessions.trace_publisher import TracePublisher
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.session_slots import RemoteTotals, Spent
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.totals import Text
from otel_session_agg._trace.trace import Trace

_MAX_LABELS = 2048
"""Blocks that are remembered; one that is forgotten is added to its session again."""


class SessionManager:
    """The sessions, accounts and budgets of one processor.

    Args:
        settings: The settings.
        engine: The traces.
        text: Renders outputs.
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
        text: Text,
        process: str,
        store_worker: StoreWorker | None,
        guard: Guard,
        deadlines: Deadlines,
        store: Hashable = None,
        settles_seconds: float = 0.0,
    ) -> None:
        self._engine = engine
        self._idle_seconds = settings.session_idle_seconds
        is_shared, texts = store_worker is not None, settings.outputs and settings.store_outputs
        self.accounts = Accounts(process, settings.max_sessions, guard, is_shared=is_shared)
        self._publisher = SessionPublisher(
            store_worker, engine, self.accounts, process, deadlines, texts=texts
        )
        self._trace_publisher = TracePublisher(store_worker, process, store, texts=texts)
        self.lifecycle = SessionLifecycle(
            settings,
            process,
            deadlines,
            is_shared=is_shared,
            num_open=engine.traces_by_session.number,
            refresh=self.totals,
        )
        self.budgets = BudgetTable()
        self.root_release = RootRelease(
            engine,
            text,
            self._trace_publisher,
            self.lifecycle,
            self.budgets,
            settings.linger_seconds,
            guard,
            deadlines,
        )
        self._reporter = self.root_release.reporter
        self.remote_reads = RemoteReads(
            self._publisher, self.lifecycle, self.accounts, is_shared=is_shared
        )
        self.unmerged: list[SessionRecord] = []
        """Records that were not written, as other processors of this process may have a share."""
        self._labels: Recent[Label, bool] = Recent(_MAX_LABELS // 2)
        """Blocks that were added to their sessions."""
        self._settles_seconds = settles_seconds
        self._deadlines = deadlines
        self._ends: PhaseDeadlines[tuple[str, str]] = deadlines.of(Phase.DELAYED_ENDS)
        self._delayed_ends: dict[str, Deadline[tuple[str, str]]] = {}
        """Sessions that are to end when what is on its way has come, each with the reason."""

    # -- beginnings ------------------------------------------------------------------------

    def begin_in_block(
        self, trace: Trace | None, span_id: int, start_ns: int, label: Label, now: float
    ) -> None:
        """Register a span that began inside a ``session()`` block.

        ``trace``: the trace of the span; ``None``: the span is not seen.
        """
        if trace is not None and is_published_elsewhere(trace):
            self.lifecycle.touch(label.session_id, now)
            self.budgets.bind(label)
            return
        if trace is not None:
            if trace.attribution.first is None:
                trace.attribution.note(start_ns, span_id, label.session_id, is_weak=False)
            self._engine.traces_by_session.add(label.session_id, trace)
            if scopes and self.accounts.is_other(trace, label=label):
                self._report(trace, now)
                self.accounts.switch(trace, label=label)
        if self._labels.get(label) is None:
            self._labels.put(label, True)  # noqa: FBT003 -- a value
            self.lifecycle.add_label(label.session_id, now, start_ns, label.user_id, label.metadata)
            self.budgets.bind(label)
        elif trace is not None and trace.root_id == span_id:
            self.lifecycle.begin_root(label.session_id, now, start_ns)

    def update_block(self, item: Block | tuple[None, Label], at_ns: int, now: float) -> None:
        """Count a ``session()`` block as entered or left, or register a span that is not seen."""
        if isinstance(item, Block):
            self._publisher.blocks.update(item)
        else:
            self.begin_in_block(None, 0, at_ns, item[1], now)

    def before_fold(self, span: SpanData, now: float) -> None:
        """Report what a trace has before a span of it is folded that ended in another hour.

        So accounts get it in the hour before.
        """
        trace, hour = self._engine.below(span.trace_id, span.span_id), span.end_ns // HOUR_NS
        if trace is not None and self.accounts.is_other(trace, hour):
            self._report(trace, now)
            self.accounts.switch(trace, hour)

    def _report(self, trace: Trace, now: float) -> None:
        self._reporter.report(trace, now)
        self._update_accounts()

    def _update_accounts(self) -> None:
        """Add to accounts what sessions got."""
        deltas, self.lifecycle.deltas = self.lifecycle.deltas, []
        for trace, session, delta in deltas:
            self.accounts.add(trace, session, delta)

    # -- questions -------------------------------------------------------------------------

    def totals(self, session_id: str, now: float) -> Rollup | None:
        """Return the totals of a session at this moment; ``None``: it is not in memory."""
        for trace in self._engine.traces_by_session.of(session_id):
            self._reporter.report(trace, now)
        session = self.lifecycle.get(session_id)
        return session.totals.rollup if session is not None else None

    def _check_budgets(self, session_id: str, now: float) -> None:
        """Note whether a session has used more than a budget by now."""
        if self.budgets.check(session_id, self.totals(session_id, now)):
            self.lifecycle.set_budget_exceeded(session_id)

    def join(self) -> None:
        """Share sessions with other processors of this process that have no store."""
        self._trace_publisher.joins = True

    def num_open(self, session_id: str) -> int:
        """Return the number of traces of a session that have not come to their end."""
        return self._engine.traces_by_session.number(session_id)

    def is_active(self, session: Session, now: float) -> bool:
        """Return whether a session is not idle."""
        return now - session.active_seconds < self._idle_seconds or bool(
            self.num_open(session.session_id)
        )

    def end(self, session_id: str, reason: str, now: float) -> None:
        """End a session when the spans that are on their way have come."""
        if self._settles_seconds:
            if (before := self._delayed_ends.pop(session_id, None)) is not None:
                before.cancel()
            self._delayed_ends[session_id] = self._ends.add(
                now + self._settles_seconds, (session_id, reason)
            )
        else:
            self._end(session_id, reason, now)

    def _end(self, session_id: str, reason: str, now: float) -> None:
        self.lifecycle.end(session_id, reason, now)
        self._engine.traces_by_session.waits_for(session_id)

    def add_feedback(
        self, session_id: str | None, above: tuple[int, int] | None, now: float
    ) -> None:
        """Add feedback for a session, or for the trace of a span: its trace id and span id."""
        trace = self._engine.below(*above) if above is not None else None
        if trace is not None:
            trace.feedback()
            if trace.has_left:
                self.root_release.late_span_ended(trace, now)
            session_id = session_id or trace.session_id
        if session_id is not None:
            self.lifecycle.add_feedback(session_id, now)

    # -- turns -----------------------------------------------------------------------------

    def turn(self, now: float, *, all_now: bool = False) -> None:
        """Do what follows from ended spans, from time, and from what comes from the store.

        ``all_now``: nothing waits to be written.
        """
        due = self._deadlines.due(now) if self._deadlines.first_seconds <= now else ()
        for received in self._publisher.receive(is_due=Phase.PUBLISHING in due):
            self._receive(received, now)
        if Phase.PARTS in due:
            self.root_release.expired(now)
        by_session = self._engine.traces_by_session
        touched, by_session.touched = by_session.touched, set()
        if scopes:
            self.check_accounts(touched, now)
        for session_id in [name for name in touched if name in self.budgets]:
            self._check_budgets(session_id, now)
        if Phase.DELAYED_ENDS in due or (all_now and self._delayed_ends):
            self._end_delayed(now, all_now=all_now)
        for session_id in by_session.take_ended():
            self.lifecycle.end_if_asked(session_id)
        if Phase.SESSIONS in due:
            self.lifecycle.expired(now)
        for session in self.lifecycle.dropped:
            self.budgets.forget(session.session_id)
        refresh = partial(self.totals, now=now)
        self._publisher.turn(self.lifecycle, touched, self.budgets, refresh, now, all_now=all_now)
        for record in self.lifecycle.records:
            self.budgets.forget(record.session_id)

    def _end_delayed(self, now: float, *, all_now: bool) -> None:
        """End the sessions for which it is time, or all that are to end."""
        ends = self._ends.take()
        if all_now:
            ends += [one.item for one in self._delayed_ends.values() if one.item is not None]
        for session_id, reason in ends:
            if (end := self._delayed_ends.pop(session_id, None)) is not None:
                end.cancel()
                self._end(session_id, reason, now)

    def check_accounts(self, touched: Iterable[str], now: float) -> None:
        """Note which accounts have used more than a budget by now; ``touched``: sessions."""
        for session_id in touched:
            self.totals(session_id, now)
        self._update_accounts()
        changed, self.accounts.changed = self.accounts.changed, {}
        for account in changed.values():
            self.budgets.check_account(account)
        # only now the accounts have what these roots came to
        self.root_release.ready = [
            row._replace(is_exceeded=self._reporter.is_exceeded(row.trace))
            for row in self.root_release.ready
        ]

    def shutdown(self, now: float, *, with_open: bool = True) -> None:
        """End sessions with the process, with what their open traces have by now.

        ``with_open``: also those of which something is open.
        """
        for session_id in self._engine.traces_by_session.names():
            self.totals(session_id, now)
        if with_open:
            self._publisher.blocks.clear()
        self.lifecycle.shutdown(with_open=with_open)

    def _receive(self, received: object, now: float) -> None:
        if isinstance(received, SessionRecord):
            self.lifecycle.records.append(received)
        elif isinstance(received, RemoteTotals):
            session = self.lifecycle.get(received.session_id)
            if session is not None:
                session.remote_totals = received.totals
                self._check_budgets(received.session_id, now)
        elif isinstance(received, Spent):
            self.accounts.set_remote(received.account, received.rollup)
        elif isinstance(received, tuple):
            self.root_release.receive_parts(received[0], received[1], now)
