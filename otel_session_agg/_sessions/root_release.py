"""Roots that leave: what their trace comes to over all of its parts, and what its sessions get of it.

A root with everything in this process leaves at once; one that begins a trace which other roots are in, here or in other
processes, waits for those that are open.  Spans that end later still are told to the sessions, and to whoever reads the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import add

from otel_session_agg._guard import Guard
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._model.session_totals import Member, SessionTotals
from otel_session_agg._reasons import LATE, OPEN_TRACES, STORE
from otel_session_agg._sessions.budget_table import BudgetTable
from otel_session_agg._sessions.distributed_trace import DistributedTraces, WaitingRoot, writer_of
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.publisher import Publisher
from otel_session_agg._sessions.released_root import NOBODY, ReleasedRoot, session_of, why_lacking
from otel_session_agg._sharing.parts import RemoteParts
from otel_session_agg._trace.attribution import Text, by_session
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Trace, no_text

ANSWER_SECONDS = 0.25
"""How long before a root has to leave its parts are looked for the last time, so that the answer is there in time."""


class RootRelease:
    """The roots of one processor that leave, or have left."""

    def __init__(  # noqa: PLR0913 -- what the keeper has
        self,
        engine: Engine,
        text: Text,
        publisher: Publisher,
        lifecycle: SessionLifecycle,
        limits: BudgetTable,
        linger_seconds: float,
        guard: Guard,
    ) -> None:
        self._guard = guard
        self._engine = engine
        self._roots = engine.roots
        self._text = text
        self._publisher = publisher
        self._lifecycle = lifecycle
        self._limits = limits
        self._linger_seconds = linger_seconds
        self._distributed_traces = DistributedTraces()
        self.ready: list[ReleasedRoot] = []

    def root_began(self, trace: Trace, *, is_part: bool) -> None:
        """A root began; when its parent is in another process, that one's root has to know."""
        self._roots.began(trace, is_part=is_part)
        self._publisher.claim(trace)
        self._publisher.demoted(trace)
        if is_part and trace.root_id is not None:
            self._publisher.part(trace, session_of(trace), {}, is_open=True)

    def left(self, trace: Trace, now: float) -> None:
        """Everything below a root has ended, or waiting is over."""
        span = trace.root_span
        if span is None:
            self.changed(trace, now)
            return
        self._publisher.claim(trace)
        self._publisher.demoted(trace)
        rollups = self._engine.rollups(
            trace, self._text
        )  # first: the root itself may name the session
        if len(self._limits):  # a root may be a call itself
            self._engine.traces_by_session.touched.update(by_session(rollups, session_of(trace)))
        if span.is_part:
            self._part_left(trace, rollups, now)
        elif (
            not self._publisher.is_shared and not trace.shares_id
        ):  # all of it is here, as nearly always
            self.tell(trace, now, rollups)
            self._member(trace, now)
            self._leaves(trace, reduce(add, rollups.values()), trace.partial)
        elif not self._publisher.is_shared and not self._roots.has_part(trace.trace_id):
            self._whole(trace, None, trace.partial, now)
        else:
            linger_seconds = (
                self._linger_seconds if trace.partial is None else 0.0
            )  # it has lingered already
            until = now + max(linger_seconds, ANSWER_SECONDS)
            self._distributed_traces.wait(trace, until)
            trace.totals = rollups
            self.tell(trace, now, rollups)
            self._member(trace, now)
            self._stands(trace, reduce(add, rollups.values()))
            if (
                session_of(trace) is not None
            ):  # else its parts are of no use to anybody before it has left
                self._publisher.root(
                    trace,
                    session_of(trace),
                    NOTHING,
                    self._distributed_traces.published(trace.trace_id),
                    looks=False,
                )
            self._publisher.ask(trace, until - ANSWER_SECONDS)

    def _part_left(self, trace: Trace, rollups: Mapping[str | None, Rollup], now: float) -> None:
        self._part_told(trace, rollups, now)
        self._leaves(trace, self._engine.rollup(trace, self._text), trace.partial)
        self._go_on(trace.trace_id, now)

    def _part_told(self, trace: Trace, rollups: Mapping[str | None, Rollup], now: float) -> None:
        trace.session_id = session_of(trace) or self._distributed_traces.session_of(trace.trace_id)
        self._distributed_traces.add_part(trace)
        self.tell(trace, now, rollups)
        self._publisher.part(trace, session_of(trace), rollups, is_open=False)
        self._member(trace, now)

    def _go_on(self, trace_id: int, now: float) -> None:
        """The roots of a trace wait no longer when nothing more is to come."""
        if not self._distributed_traces.is_awaited(trace_id) or self._roots.has_part(trace_id):
            return
        for waiting in self._distributed_traces.waiting(trace_id):
            if waiting.answer is not None or not self._publisher.is_shared:
                self._complete(waiting, now)

    def _complete(self, waiting: WaitingRoot, now: float, reason: str | None = None) -> None:
        """A root that waited leaves, whatever fails."""
        self._distributed_traces.done(waiting)
        if self._guard.call("ending a trace", self._completed, waiting, now, reason) is None:
            self.failed(waiting.trace)

    def failed(self, trace: Trace) -> None:
        """A root could not be told of: it leaves as it came."""
        for waiting in self._distributed_traces.waiting(trace.trace_id):
            if waiting.trace is trace:
                self._distributed_traces.done(waiting)
        if not any(row.trace is trace for row in self.ready):
            self.ready.append(ReleasedRoot(trace, None, None, is_exceeded=False))

    def _completed(self, waiting: WaitingRoot, now: float, reason: str | None) -> bool:
        trace, answer = waiting.trace, waiting.answer
        why = trace.partial
        if why is None and self._publisher.is_shared and (answer is None or not answer.is_reached):
            why = STORE
        elif why is None and (
            self._roots.has_part(trace.trace_id)
            or (answer and any(p.is_open for _, p in answer.parts))
        ):
            why = reason or OPEN_TRACES
        self._whole(trace, answer, why, now)
        return True

    def _whole(self, trace: Trace, answer: RemoteParts | None, why: str | None, now: float) -> None:
        """A root leaves with the totals of the whole trace."""
        here = {writer_of(part): part for part in self._distributed_traces.parts(trace.trace_id)}
        mine = [trace, *(part for part in here.values() if not part.is_carried)]
        told = [(one, one.totals or self._engine.rollups(one, self._text)) for one in mine]
        rollups = [reduce(add, totals.values()) for _, totals in told]
        away = {
            writer: part
            for writer, part in (answer.parts if answer is not None else ())
            if writer not in here
        }
        rollup = reduce(
            add,
            (rollup for part in away.values() for rollup in part.rollups.values()),
            reduce(add, rollups),
        )
        session_id = rollup.session.value if rollup.session is not None else None
        is_news = away or not trace.num_published or session_id != session_of(trace)
        for one, totals in told:
            one.session_id, one.totals, one.is_carried = session_id, None, True
            self.tell(one, now, totals)
            self._member(one, now)
        carried = self._distributed_traces.published(trace.trace_id)
        carried.update({writer: part.seq for writer, part in away.items() if not part.is_open})
        is_sure = (
            answer is not None and answer.is_reached and trace.num_published > 0
        )  # later ones have seen that it ended
        if is_news or not is_sure:
            self._publisher.root(trace, session_id, rollups[0], carried, looks=not is_sure)
        if session_id is not None:
            self._publisher.reassign(session_id, trace, away.items())
        self._leaves(trace, rollup, why)

    def _leaves(self, trace: Trace, rollup: Rollup, why: str | None) -> None:
        is_part = trace.root_span is not None and trace.root_span.is_part
        is_carried = is_part and self._is_carried(trace.trace_id)
        if not is_part:
            self._stands(trace, rollup)
        self.ready.append(
            ReleasedRoot(
                trace,
                rollup,
                why or why_lacking(trace, rollup),
                self.is_exceeded(trace),
                is_carried,
                self.labels_of(trace),
            )
        )
        trace.drop_details(
            self._text if is_part else no_text
        )  # the root above a part still needs the output of that

    def _is_carried(self, trace_id: int) -> bool:
        """Whether the root that begins a trace gets the totals of its parts."""
        is_here = self._distributed_traces.is_awaited(trace_id) or self._roots.has_beginning(
            trace_id
        )
        return is_here or self._publisher.is_shared

    def _stands(self, trace: Trace, rollup: Rollup) -> None:
        """The session of a trace gets to know which totals are on the root that begins it."""
        session_id = session_of(trace)
        if session_id is not None and trace.is_sampled and not trace.has_other_publisher:
            num_more, trace.num_on_root = (
                max(0, rollup.num_events - trace.num_on_root),
                rollup.num_events,
            )
            self._lifecycle.stands_on_root(
                session_id, num_more, has_feedback=rollup.has_feedback, is_double=trace.is_double
            )

    def _member(self, trace: Trace, now: float) -> None:
        """The sessions of a trace get to know its root, which has left; those that it does not go by, as far as they are in it."""
        span = trace.root_span
        first = trace.first if span is None else (span.start_ns, span.span_id, span.end_ns)
        if first is None or trace.has_other_publisher:
            return
        is_part = span is None or span.is_part
        own = session_of(trace)
        told = trace.reported or {}
        trace.announced_to = known = trace.announced_to or set()
        for session_id in ({*told, own} if own is not None else {*told}) - known:
            known.add(session_id)
            is_whole, rollup = session_id == own, told.get(session_id, NOTHING)
            start_ns, end_ns = (
                (first[0], first[2]) if is_whole else (rollup.start_ns or 0, rollup.end_ns or 0)
            )
            member = Member(start_ns, trace.trace_id, first[1])
            is_apart = is_part or not is_whole
            self._lifecycle.left(
                session_id,
                member,
                end_ns,
                now,
                is_part=is_apart,
                is_sampled=trace.is_sampled,
                is_double=trace.is_double,
            )
            if is_whole and not is_part:
                self._distributed_traces.found(trace.trace_id, session_id)

    def changed(self, trace: Trace, now: float) -> None:
        """A span ended after its root left, or without one."""
        is_part = trace.root_span is None or trace.root_span.is_part
        if trace.root_span is None and not self._distributed_traces.has_left(trace):
            self._publisher.claim(trace)
            self._part_told(
                trace, self._engine.rollups(trace, self._text), now
            )  # its root may still come
            return
        if is_part:
            trace.session_id = session_of(trace) or self._distributed_traces.session_of(
                trace.trace_id
            )
            self._publisher.part(
                trace, session_of(trace), self._engine.rollups(trace, self._text), is_open=False
            )
        elif trace.is_folded and session_of(trace) is None:
            self._becomes_session(trace, now)
        if trace.is_folded:
            self._member(trace, now)  # if only now it is known in which session it is
        self.tell(trace, now, is_late=trace.is_folded)

    def _becomes_session(self, trace: Trace, now: float) -> None:
        """A trace without a session is one itself; its root was the first record of it."""
        if (
            self._publisher.is_shared
        ):  # whoever sees it in the store makes it one, with all of its parts
            self._publisher.root(trace, None, self._engine.rollup(trace, self._text), looks=True)
            return
        trace.session_id = f"{trace.trace_id:032x}"
        self._member(trace, now)
        self._lifecycle.was_recorded(trace.session_id, LATE, now)
        for part in self._distributed_traces.parts(trace.trace_id):
            part.session_id = trace.session_id
            self.tell(part, now, is_late=True)

    def tell(
        self,
        trace: Trace,
        now: float,
        rollups: Mapping[str | None, Rollup] | None = None,
        *,
        is_late: bool = False,
    ) -> None:
        """Sessions get what is new in a trace; outputs only when its root has left."""
        if trace.has_other_publisher or (session_of(trace) is None and not trace.reported):
            return
        if rollups is None:
            rollups = self._engine.rollups(trace, self._text if trace.has_left else no_text)
        own = by_session(rollups, trace.session_id)
        if own or trace.reported:
            self._lifecycle.report(trace, own, now, is_late=is_late)
        for name, labels in (
            trace.attribution.labelled().items() if trace.attribution.labels else ()
        ):
            self._lifecycle.said(name or trace.session_id or "", labels)

    def trace_totals(self, trace_id: int, span_id: int) -> Rollup | None:
        """What is known of the trace that a span is in."""
        trace = self._engine.below(trace_id, span_id)
        if trace is None:
            return None
        parts = [part for part in self._distributed_traces.parts(trace_id) if part is not trace]
        mine = self._engine.rollup(trace, self._text)
        return reduce(
            add, (self._engine.rollup(part, self._text, above=True) for part in parts), mine
        )

    def labels_of(self, trace: Trace) -> SessionTotals:
        """Who uses the session of a trace and its metadata, as far as that is known."""
        session_id = session_of(trace)
        session = self._lifecycle.get(session_id) if session_id is not None else None
        if session is not None:
            return session.totals
        return (
            trace.attribution.labelled().get(session_id, NOBODY)
            if trace.attribution.labels
            else NOBODY
        )

    def is_exceeded(self, trace: Trace) -> bool:
        """Whether the session of a trace has used more than a budget."""
        session = self._lifecycle.get(session_of(trace) or "") if len(self._limits) else None
        return session is not None and self._limits.is_exceeded(
            session.session_id, session.totals.rollup
        )

    def answered(self, trace_id: int, answer: RemoteParts, now: float) -> None:
        """The store has said what other processes have of a trace."""
        for waiting in self._distributed_traces.waiting(trace_id):
            waiting.answer = answer
        self._go_on(trace_id, now)

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do."""
        return self._distributed_traces.next_deadline()

    def due(self, now: float) -> None:
        """Roots that have waited long enough leave with what is known."""
        for waiting in self._distributed_traces.due(now):
            self._complete(waiting, now)

    def give_up(self, reason: str, now: float) -> None:
        """Roots that wait for parts leave with what is known."""
        for waiting in self._distributed_traces.all():
            self._complete(waiting, now, reason)
