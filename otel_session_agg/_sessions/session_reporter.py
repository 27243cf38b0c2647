"""Report the totals and the roots of traces to their sessions.

A session gets what is new since the last report of a trace, so reporting twice changes nothing.
A trace that another processor of this process reports to the same store is not reported here.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._model.session_totals import Member, SessionTotals
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.distributed_trace import DistributedTraces
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.released_root import NO_LABELS, is_published_elsewhere, reported_of
from otel_session_agg._trace.attribution import by_session
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.totals import Text, no_text
from otel_session_agg._trace.trace import Trace


class SessionReporter:
    """Reports the traces of one processor to its sessions."""

    def __init__(
        self,
        engine: Engine,
        text: Text,
        lifecycle: SessionLifecycle,
        budgets: BudgetTable,
        distributed_traces: DistributedTraces,
    ) -> None:
        self._engine = engine
        self._text = text
        self._lifecycle = lifecycle
        self._budgets = budgets
        self._distributed_traces = distributed_traces

    def report(
        self,
        trace: Trace,
        now: float,
        rollups: Mapping[str | None, Rollup] | None = None,
        *,
        is_late: bool = False,
    ) -> None:
        """Report what is new in a trace to its sessions; outputs only once its root has left.

        ``rollups``: the totals of the trace by session, if the caller has them already.
        """
        is_known = trace.reported is not None and bool(trace.reported.totals)
        if is_published_elsewhere(trace) or (trace.session_id is None and not is_known):
            return
        if rollups is None:
            rollups = self._engine.rollups(trace, self._text if trace.has_left else no_text)
        whole = trace.reported.session_id if trace.reported is not None else None
        own = by_session(rollups, whole)
        if own or is_known:
            self._lifecycle.report(trace, own, now, is_late=is_late)
        if trace.attribution.labels:
            for name, labels in trace.attribution.labelled().items():
                self._lifecycle.add_span_labels(name or whole or "", labels)

    def report_root(self, trace: Trace, now: float) -> None:
        """Report the root of a trace, which has left, to the sessions of the trace.

        A session that the trace does not belong to gets only the time that the trace was in it.
        """
        span = trace.root_span
        first = trace.first if span is None else (span.start_ns, span.span_id, span.end_ns)
        if first is None or is_published_elsewhere(trace):
            return
        is_part = span is None or span.is_part
        own = trace.session_id
        if own is None and trace.reported is None:
            return
        reported = reported_of(trace)
        totals, known = reported.totals, reported.announced_to or set()
        reported.announced_to = known
        for session_id in ({*totals, own} if own is not None else {*totals}) - known:
            known.add(session_id)
            is_whole, rollup = session_id == own, totals.get(session_id, NOTHING)
            start_ns, end_ns = (
                (first[0], first[2]) if is_whole else (rollup.start_ns or 0, rollup.end_ns or 0)
            )
            self._lifecycle.add_root(
                session_id,
                Member(start_ns, trace.trace_id, first[1]),
                end_ns,
                now,
                is_part=is_part or not is_whole,
                is_sampled=trace.is_sampled,
                is_double=reported.is_double,
            )
            if is_whole and not is_part:
                self._distributed_traces.set_session(trace.trace_id, session_id)

    def report_written(self, trace: Trace, rollup: Rollup) -> None:
        """Report to the session of a trace which totals are written on the root that begins it."""
        session_id = trace.session_id
        if session_id is not None and trace.is_sampled and not is_published_elsewhere(trace):
            reported = reported_of(trace)
            num_more = max(0, rollup.num_events - reported.num_on_root)
            reported.num_on_root = rollup.num_events
            self._lifecycle.add_written_on_root(
                session_id, num_more, has_feedback=rollup.has_feedback, is_double=reported.is_double
            )

    def labels_of(self, trace: Trace) -> SessionTotals:
        """Return the user and the metadata of the session of a trace, as far as they are known."""
        session_id = trace.session_id
        session = self._lifecycle.get(session_id) if session_id is not None else None
        if session is not None:
            return session.totals
        if trace.attribution.labels:
            return trace.attribution.labelled().get(session_id, NO_LABELS)
        return NO_LABELS

    def is_exceeded(self, trace: Trace) -> bool:
        """Return whether the session of a trace has used more than a budget."""
        session = self._lifecycle.get(trace.session_id or "") if len(self._budgets) else None
        return session is not None and self._budgets.is_exceeded(
            session.session_id, session.totals.rollup
        )
