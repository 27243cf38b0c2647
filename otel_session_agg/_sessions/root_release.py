"""Release roots with the totals of their trace over all of its parts, and report them.

Rules
-----
* A root whose trace is all in this process is released at once.
* One that begins a trace which other roots are in, here or in other processes, waits for those
  that are open; the rules are in `distributed_trace`.
* Each release is reported to the sessions of the trace, and to the store for other processes.
* Spans that end later still correct the sessions and what is in the store, not the root.
* A root whose release fails is released unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add

from otel_session_agg._deadlines import Deadlines
from otel_session_agg._guard import Guard
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._reasons import LATE, OPEN_TRACES, STORE
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.distributed_trace import DistributedTraces, WaitingRoot, writer_of
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.released_root import ReleasedRoot, reported_of, why_lacking
from otel_session_agg._sessions.session_reporter import SessionReporter
from otel_session_agg._sessions.trace_publisher import TracePublisher
from otel_session_agg._sharing.parts import RemoteParts
from otel_session_agg._trace.attribution import by_session
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.totals import Text, no_text
from otel_session_agg._trace.trace import Trace

LAST_LOOK_SECONDS = 0.25
"""How long before a root has to be released its parts are last looked up.

So the parts from the store are there in time.
"""


class RootRelease:
    """Releases the roots of one processor; `ready` has those that the caller is to export."""

    def __init__(  # noqa: PLR0913 -- what the session manager has
        self,
        engine: Engine,
        text: Text,
        publisher: TracePublisher,
        lifecycle: SessionLifecycle,
        budgets: BudgetTable,
        linger_seconds: float,
        guard: Guard,
        deadlines: Deadlines,
    ) -> None:
        self._guard = guard
        self._engine = engine
        self._roots = engine.roots
        self._text = text
        self._publisher = publisher
        self._lifecycle = lifecycle
        self._budgets = budgets
        self._linger_seconds = linger_seconds
        self._distributed_traces = DistributedTraces(deadlines)
        self.reporter = SessionReporter(engine, text, lifecycle, budgets, self._distributed_traces)
        self.ready: list[ReleasedRoot] = []

    def root_started(self, trace: Trace, *, is_part: bool) -> None:
        """Register a root that began; write one whose parent is in another process to the store.

        The root of that process has to wait for it.
        """
        self._roots.began(trace, is_part=is_part)
        self._publisher.claim(trace)
        self._publisher.retract_demoted(trace)
        if is_part and trace.root_id is not None:
            self._publisher.write_part(trace, trace.session_id, {}, is_open=True)

    def root_ended(self, trace: Trace, now: float) -> None:
        """Release a root below which everything has ended or was waited for long enough.

        One that may have parts waits for them.
        """
        span = trace.root_span
        if span is None:
            self.late_span_ended(trace, now)
            return
        self._publisher.claim(trace)
        self._publisher.retract_demoted(trace)
        # first: the root itself may name the session
        rollups = self._engine.rollups(trace, self._text)
        if len(self._budgets):  # a root may be a call itself
            self._engine.traces_by_session.touched.update(by_session(rollups, trace.session_id))
        if span.is_part:
            self._release_part(trace, rollups, now)
        elif not self._publisher.is_shared and not trace.shares_id:
            # all of it is here, as nearly always
            self.reporter.report(trace, now, rollups)
            self.reporter.report_root(trace, now)
            self._add_ready(trace, reduce(add, rollups.values()), trace.partial)
        elif not self._publisher.is_shared and not self._roots.has_part(trace.trace_id):
            self._release_whole(trace, rollups, None, trace.partial, now)
        else:
            self._wait_for_parts(trace, rollups, now)

    def _wait_for_parts(
        self, trace: Trace, rollups: Mapping[str | None, Rollup], now: float
    ) -> None:
        # a partial one has lingered already
        linger_seconds = self._linger_seconds if trace.partial is None else 0.0
        until = now + max(linger_seconds, LAST_LOOK_SECONDS)
        self._distributed_traces.wait(trace, rollups, until)
        self.reporter.report(trace, now, rollups)
        self.reporter.report_root(trace, now)
        self.reporter.report_written(trace, reduce(add, rollups.values()))
        session_id = trace.session_id
        if session_id is not None:  # without one, its parts are of no use before it is released
            carried = self._distributed_traces.published(trace.trace_id)
            self._publisher.write_root(trace, session_id, NOTHING, carried, looks=False)
        self._publisher.ask(trace, until - LAST_LOOK_SECONDS)

    def _release_part(self, trace: Trace, rollups: Mapping[str | None, Rollup], now: float) -> None:
        self._report_part(trace, rollups, now)
        self._add_ready(trace, self._engine.rollup(trace, self._text), trace.partial)
        self._release_if_complete(trace.trace_id, now)

    def _report_part(self, trace: Trace, rollups: Mapping[str | None, Rollup], now: float) -> None:
        self._take_session(trace)
        self._distributed_traces.add_part(trace)
        self.reporter.report(trace, now, rollups)
        self._publisher.write_part(trace, trace.session_id, rollups, is_open=False)
        self.reporter.report_root(trace, now)

    def _take_session(self, part: Trace) -> None:
        """Let a part that names no session be in that of its root."""
        session_id = part.session_id or self._distributed_traces.session_of(part.trace_id)
        if session_id is not None:
            reported_of(part).session_id = session_id

    def _release_if_complete(self, trace_id: int, now: float) -> None:
        """Release the roots of a trace that wait when nothing more is to come."""
        if not self._distributed_traces.is_awaited(trace_id) or self._roots.has_part(trace_id):
            return
        for waiting in self._distributed_traces.waiting(trace_id):
            if waiting.remote_parts is not None or not self._publisher.is_shared:
                self._complete(waiting, now)

    def _complete(self, waiting: WaitingRoot, now: float, reason: str | None = None) -> None:
        """Release a root that waited; unchanged, if that fails."""
        self._distributed_traces.stop_waiting(waiting)
        if self._guard.call("ending a trace", self._completed, waiting, now, reason) is None:
            self.release_unchanged(waiting.trace)

    def release_unchanged(self, trace: Trace) -> None:
        """Release a root without totals, because something failed; once, whatever failed."""
        for waiting in self._distributed_traces.waiting(trace.trace_id):
            if waiting.trace is trace:
                self._distributed_traces.stop_waiting(waiting)
        if not any(row.trace is trace for row in self.ready):
            self.ready.append(ReleasedRoot(trace, None, None, is_exceeded=False))

    def _completed(self, waiting: WaitingRoot, now: float, reason: str | None) -> bool:
        trace, remote = waiting.trace, waiting.remote_parts
        why = trace.partial
        if why is None and self._publisher.is_shared and (remote is None or not remote.is_reached):
            why = STORE
        elif why is None and (
            self._roots.has_part(trace.trace_id)
            or (remote and any(part.is_open for _, part in remote.parts))
        ):
            why = reason or OPEN_TRACES
        rollups = self._engine.rollups(trace, self._text) if trace.has_changed else waiting.rollups
        self._release_whole(trace, rollups, remote, why, now)
        return True

    def _release_whole(
        self,
        trace: Trace,
        rollups: Mapping[str | None, Rollup],
        remote_parts: RemoteParts | None,
        why: str | None,
        now: float,
    ) -> None:
        """Release a root with the totals of the whole trace; ``why``: it is known to be partial."""
        here = {writer_of(part): part for part in self._distributed_traces.parts(trace.trace_id)}
        own_rollups = [(trace, rollups)] + [
            (part, self._engine.rollups(part, self._text))
            for part in here.values()
            if part.reported is None or not part.reported.is_carried
        ]
        sums = [reduce(add, rollups.values()) for _, rollups in own_rollups]
        remote = {
            writer: part
            for writer, part in (remote_parts.parts if remote_parts is not None else ())
            if writer not in here
        }
        rollup = reduce(
            add,
            (rollup for part in remote.values() for rollup in part.rollups.values()),
            reduce(add, sums),
        )
        session_id = rollup.session.value if rollup.session is not None else None
        num_published = trace.reported.num_published if trace.reported is not None else 0
        is_news = remote or not num_published or session_id != trace.session_id
        for one, its_rollups in own_rollups:
            reported = reported_of(one)
            reported.session_id, reported.is_carried = session_id, True
            self.reporter.report(one, now, its_rollups)
            self.reporter.report_root(one, now)
        carried = self._distributed_traces.published(trace.trace_id)
        carried.update({writer: part.seq for writer, part in remote.items() if not part.is_open})
        # then parts that are written later have seen that it ended
        is_sure = remote_parts is not None and remote_parts.is_reached and num_published > 0
        if is_news or not is_sure:
            self._publisher.write_root(trace, session_id, sums[0], carried, looks=not is_sure)
        if session_id is not None:
            self._publisher.reassign(session_id, trace, remote.items())
        self._add_ready(trace, rollup, why)

    def _add_ready(self, trace: Trace, rollup: Rollup, why: str | None) -> None:
        is_part = trace.root_span is not None and trace.root_span.is_part
        is_carried = is_part and self._is_carried(trace.trace_id)
        if not is_part:
            self.reporter.report_written(trace, rollup)
        why = why or why_lacking(trace, rollup)
        is_exceeded, labels = self.reporter.is_exceeded(trace), self.reporter.labels_of(trace)
        self.ready.append(ReleasedRoot(trace, rollup, why, is_exceeded, is_carried, labels))
        # the root above a part still needs the output of the part
        trace.drop_details(self._text if is_part else no_text)

    def _is_carried(self, trace_id: int) -> bool:
        """Return whether the root that begins a trace gets the totals of its parts."""
        roots = self._roots
        is_here = self._distributed_traces.is_awaited(trace_id) or roots.has_beginning(trace_id)
        return is_here or self._publisher.is_shared

    def late_span_ended(self, trace: Trace, now: float) -> None:
        """Correct the sessions of a trace: a span ended after its root left, or without a root."""
        is_part = trace.root_span is None or trace.root_span.is_part
        if trace.root_span is None and not self._distributed_traces.has_left(trace):
            self._publisher.claim(trace)
            # its root may still come
            self._report_part(trace, self._engine.rollups(trace, self._text), now)
            return
        if is_part:
            self._take_session(trace)
            rollups = self._engine.rollups(trace, self._text)
            self._publisher.write_part(trace, trace.session_id, rollups, is_open=False)
        elif trace.is_folded and trace.session_id is None:
            self._make_session(trace, now)
        if trace.is_folded:
            self.reporter.report_root(trace, now)  # if only now its session is known
        self.reporter.report(trace, now, is_late=trace.is_folded)

    def _make_session(self, trace: Trace, now: float) -> None:
        """Make a trace without a session one itself; its root was the first record of it."""
        if self._publisher.is_shared:
            # the process that sees it in the store makes it a session, with all of its parts
            rollup = self._engine.rollup(trace, self._text)
            self._publisher.write_root(trace, None, rollup, looks=True)
            return
        session_id = reported_of(trace).session_id = f"{trace.trace_id:032x}"
        self.reporter.report_root(trace, now)
        self._lifecycle.set_recorded(session_id, LATE, now)
        for part in self._distributed_traces.parts(trace.trace_id):
            reported_of(part).session_id = session_id
            self.reporter.report(part, now, is_late=True)

    def trace_totals(self, trace_id: int, span_id: int) -> Rollup | None:
        """Return the totals so far of the trace that a span is in; ``None``: it is not known."""
        trace = self._engine.below(trace_id, span_id)
        if trace is None:
            return None
        parts = [part for part in self._distributed_traces.parts(trace_id) if part is not trace]
        own = self._engine.rollup(trace, self._text)
        return reduce(
            add, (self._engine.rollup(part, self._text, above=True) for part in parts), own
        )

    def receive_parts(self, trace_id: int, remote_parts: RemoteParts, now: float) -> None:
        """Take what the store has of a trace from other processes."""
        for waiting in self._distributed_traces.waiting(trace_id):
            waiting.remote_parts = remote_parts
        self._release_if_complete(trace_id, now)

    def expired(self, now: float) -> None:
        """Release roots that have waited long enough, with what is known."""
        for waiting in self._distributed_traces.take_expired():
            self._complete(waiting, now)

    def give_up(self, reason: str, now: float) -> None:
        """Release all roots that wait for parts, with what is known."""
        for waiting in self._distributed_traces.all():
            self._complete(waiting, now, reason)
