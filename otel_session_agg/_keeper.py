"""The sessions behind the roots: what is told to them, what comes from other processes, and what follows.

The caller holds a lock around all calls.  What has to be done outside of it is left in ``ready`` (roots that may leave),
``ledger.records`` and ``limits.calls`` (the application's callbacks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from operator import add
from typing import NamedTuple

from otel_session_agg._context import Label
from otel_session_agg._courier import ANSWER_SECONDS, Courier
from otel_session_agg._desk import Others
from otel_session_agg._engine import Engine
from otel_session_agg._gathering import Answer, Gathering, Waiting, writer_of
from otel_session_agg._ledger import Ledger
from otel_session_agg._limits import Limits
from otel_session_agg._owners import Text, by_session
from otel_session_agg._publisher import Publisher
from otel_session_agg._reasons import LATE, OPEN_TRACES, STORE
from otel_session_agg._recent import Recent
from otel_session_agg._rollup import Rollup
from otel_session_agg._session_record import SessionRecord
from otel_session_agg._session_totals import Member
from otel_session_agg._settings import Settings
from otel_session_agg._traces import Trace, no_text

_MAX_LABELS = 2048
"""Blocks that are remembered; one that is forgotten is told of again."""


class Ready(NamedTuple):
    """A root that may leave."""

    trace: Trace
    rollup: Rollup
    why_partial: str | None
    is_exceeded: bool
    """Its session has used more than a budget."""


class Keeper:
    """What one processor knows of sessions."""

    def __init__(self, settings: Settings, engine: Engine, text: Text, process: str, courier: Courier | None) -> None:
        self._settings = settings
        self._engine = engine
        self._text = text
        self._publisher = Publisher(courier, engine)
        self.ledger = Ledger(settings, process, is_shared=bool(courier), num_open=engine.members.number, refresh=self.totals)
        self.gathering = Gathering()
        self.ready: list[Ready] = []
        self.limits = Limits()
        self._labels: Recent[Label, bool] = Recent(_MAX_LABELS // 2)
        """Blocks that the ledger knows of."""
        self._ending: set[str] = set()
        """Sessions that are to end when nothing of them is open."""

    # -- beginnings -------------------------------------------------------------------------------------------------------

    def began(self, trace: Trace | None, span_id: int, start_ns: int, label: Label, now: float) -> None:
        """A span began inside a ``session()`` block."""
        if trace is not None:
            if trace.owners.first is None:
                trace.owners.note(start_ns, span_id, label.session_id, is_weak=False)
            self._engine.members.add(label.session_id, trace)
        if self._labels.get(label) is None:
            self._labels.put(label, True)  # noqa: FBT003 -- a value
            self.ledger.label(label.session_id, now, start_ns, label.user_id, label.metadata)
            self.limits.bind(label)
        elif trace is not None and trace.root_id == span_id:
            self.ledger.root_began(label.session_id, now)

    def part_began(self, trace: Trace) -> None:
        """A root began whose parent is in another process: that one's root has to know."""
        if trace.root_id is not None:
            self._publisher.part(trace, _session_of(trace), {}, is_open=True)

    # -- roots that leave -------------------------------------------------------------------------------------------------

    def left(self, trace: Trace, now: float) -> None:
        """Everything below a root has ended, or waiting is over."""
        span = trace.root_span
        if span is None:
            self.changed(trace, now)
            return
        rollups = self._engine.rollups(trace, self._text)  # first: the root itself may name the session
        if span.is_part:
            self._part_left(trace, rollups, now)
        elif not self._publisher.is_shared and not trace.shares_id:  # all of it is here, as nearly always
            self._tell(trace, now, rollups)
            self._member(trace, now)
            self._leaves(trace, reduce(add, rollups.values()), trace.partial)
        elif not self._publisher.is_shared and not self._engine.has_root(trace.trace_id):
            self._whole(trace, None, trace.partial, now)
        else:
            linger_seconds = self._settings.linger_seconds if trace.partial is None else 0.0  # it has lingered already
            until = now + max(linger_seconds, ANSWER_SECONDS)
            self.gathering.wait(trace, until)
            self._tell(trace, now, rollups)
            self._member(trace, now)
            if _session_of(trace) is not None:  # else its parts are of no use to anybody before it has left
                self._publisher.root(trace, _session_of(trace), Rollup(), self.gathering.published(trace.trace_id), looks=False)
            self._publisher.ask(trace, until - ANSWER_SECONDS)

    def _part_left(self, trace: Trace, rollups: Mapping[str | None, Rollup], now: float) -> None:
        trace.session_id = _session_of(trace) or self.gathering.session_of(trace.trace_id)
        self.gathering.add_part(trace)
        self._tell(trace, now, rollups)
        self._publisher.part(trace, _session_of(trace), rollups, is_open=False)
        rollup = self._engine.rollup(trace, self._text)
        self._member(trace, now)
        self._leaves(trace, rollup, trace.partial)
        waiting = self.gathering.waiting(trace.trace_id)
        if waiting is not None:
            self._go_on(waiting, now)

    def _go_on(self, waiting: Waiting, now: float) -> None:
        """A root waits no longer when nothing more is to come."""
        if (waiting.answer is not None or not self._publisher.is_shared) and not self._engine.has_root(waiting.trace.trace_id):
            self._complete(waiting, now)

    def _complete(self, waiting: Waiting, now: float, reason: str | None = None) -> None:
        self.gathering.done(waiting)
        trace, answer = waiting.trace, waiting.answer
        why = trace.partial
        if why is None and self._publisher.is_shared and (answer is None or not answer.is_reached):
            why = STORE
        elif why is None and (self._engine.has_root(trace.trace_id) or (answer and any(p.is_open for _, p in answer.parts))):
            why = reason or OPEN_TRACES
        self._whole(trace, answer, why, now)

    def _whole(self, trace: Trace, answer: Answer | None, why: str | None, now: float) -> None:
        """A root leaves with the totals of the whole trace."""
        here = {writer_of(part): part for part in self.gathering.parts(trace.trace_id)}
        rollups = [self._engine.rollup(one, self._text, above=True) for one in (trace, *here.values())]
        away = {writer: part for writer, part in (answer.parts if answer is not None else ()) if writer not in here}
        rollup = reduce(add, (rollup for part in away.values() for rollup in part.rollups.values()), reduce(add, rollups))
        session_id = rollup.session.value if rollup.session is not None else None
        is_news = away or not trace.num_published or session_id != _session_of(trace)
        for mine in (trace, *here.values()):
            mine.session_id = session_id
            self._tell(mine, now)
            self._member(mine, now)
        carried = self.gathering.published(trace.trace_id)
        carried.update({writer: part.seq for writer, part in away.items() if not part.is_open})
        is_sure = answer is not None and answer.is_reached and trace.num_published > 0  # later ones have seen that it ended
        if is_news or not is_sure:
            self._publisher.root(trace, session_id, rollups[0], carried, looks=not is_sure)
        if session_id is not None:
            self._publisher.adopt(session_id, trace, away.items())
        self._leaves(trace, rollup, why)

    def _leaves(self, trace: Trace, rollup: Rollup, why: str | None) -> None:
        self.ready.append(Ready(trace, rollup, why, self.is_exceeded(trace)))
        # the root above a part still needs the output of that
        trace.has_told(self._text if trace.root_span is not None and trace.root_span.is_part else no_text)

    def _member(self, trace: Trace, now: float) -> None:
        """The session gets to know a root that has left."""
        span, session_id = trace.root_span, _session_of(trace)
        if span is not None and session_id is not None and not trace.is_member:
            trace.is_member = True
            member = Member(span.start_ns, span.trace_id, span.span_id)
            self.ledger.left(session_id, member, span.end_ns, now, is_part=span.is_part)
            if not span.is_part:
                self.gathering.found(trace.trace_id, session_id)

    def changed(self, trace: Trace, now: float) -> None:
        """A span ended after its root left, or without one."""
        if trace.root_span is not None and trace.root_span.is_part:
            trace.session_id = _session_of(trace) or self.gathering.session_of(trace.trace_id)
            self._publisher.part(trace, _session_of(trace), self._engine.rollups(trace, self._text), is_open=False)
        elif trace.root_span is not None and trace.is_folded and _session_of(trace) is None:
            self._becomes_session(trace, now)
        if trace.is_folded:
            self._member(trace, now)  # if only now it is known in which session it is
        self._tell(trace, now, is_late=trace.is_folded)

    def _becomes_session(self, trace: Trace, now: float) -> None:
        """A trace without a session is one itself; its root was the first record of it."""
        if self._publisher.is_shared:  # whoever sees it in the store makes it one, with all of its parts
            self._publisher.root(trace, None, self._engine.rollup(trace, self._text), looks=True)
            return
        trace.session_id = f"{trace.trace_id:032x}"
        self._member(trace, now)
        self.ledger.was_recorded(trace.session_id, LATE, now)
        for part in self.gathering.parts(trace.trace_id):
            part.session_id = trace.session_id
            self._tell(part, now, is_late=True)

    def _tell(
        self, trace: Trace, now: float, rollups: Mapping[str | None, Rollup] | None = None, *, is_late: bool = False
    ) -> None:
        """Sessions get what is new in a trace; outputs only when its root has left."""
        if _session_of(trace) is None and not trace.reported:
            return
        if rollups is None:
            rollups = self._engine.rollups(trace, self._text if trace.has_left else no_text)
        own = by_session(rollups, trace.session_id)
        if own or trace.reported:
            self.ledger.report(trace, own, now, is_late=is_late)

    # -- asked for --------------------------------------------------------------------------------------------------------

    def totals(self, session_id: str, now: float) -> Rollup | None:
        """What is known of a session at this moment."""
        for trace in self._engine.members.of(session_id):
            self._tell(trace, now)
        session = self.ledger.get(session_id)
        return session.totals.rollup if session is not None else None

    def waits_for_others(self, session_id: str, now: float) -> Callable[[float], None] | None:
        """What waits until it is known what other processes have of a session; ``None``: there are none."""
        if not self._publisher.is_shared:
            return None
        return partial(self._publisher.fetch, self.ledger.seen(session_id, now))

    def trace_totals(self, trace_id: int, span_id: int) -> Rollup | None:
        """What is known of the trace that a span is in."""
        trace = self._engine.below(trace_id, span_id)
        if trace is None:
            return None
        parts = [part for part in self.gathering.parts(trace_id) if part is not trace]
        mine = self._engine.rollup(trace, self._text)
        return reduce(add, (self._engine.rollup(part, self._text, above=True) for part in parts), mine)

    def is_exceeded(self, trace: Trace) -> bool:
        """Whether the session of a trace has used more than a budget."""
        session = self.ledger.get(_session_of(trace) or "") if len(self.limits) else None
        return session is not None and self.limits.is_exceeded(session.session_id, session.totals.rollup)

    def end(self, session_id: str, reason: str, now: float) -> None:
        """A session is to end."""
        self.ledger.end(session_id, reason, now)
        self._ending.add(session_id)

    def feedback(self, session_id: str | None, above: tuple[int, int] | None, now: float) -> None:
        """Somebody gave feedback, for a session or for the trace in which a span is: its trace and span id."""
        trace = self._engine.below(*above) if above is not None else None
        if trace is not None:
            trace.feedback()
            if trace.has_left:
                self.changed(trace, now)
            session_id = session_id or _session_of(trace)
        if session_id is not None:
            self.ledger.feedback(session_id, now)

    # -- turns ------------------------------------------------------------------------------------------------------------

    def next_deadline(self, now: float) -> float | None:
        """When ``turn`` has something to do although nothing ends."""
        times = [self.gathering.next_deadline(), self.ledger.next_deadline(), self._publisher.next_deadline(now)]
        return min((time for time in times if time is not None), default=None)

    def turn(self, now: float, *, all_now: bool = False) -> None:
        """Do what follows from what has ended, from time, and from what others say; ``all_now``: nothing waits to be written."""
        for word in self._publisher.heard():
            self._heard(word, now)
        for waiting in self.gathering.due(now):
            self._complete(waiting, now)
        touched, self._engine.members.touched = self._engine.members.touched, set()
        for session_id in touched.intersection(self.limits):
            self.limits.look_at(session_id, self.totals(session_id, now))
        for session_id in [name for name in self._ending if not self._engine.members.number(name)]:
            self._ending.discard(session_id)
            self.ledger.settled(session_id)
        self.ledger.due(now)
        for session in self.ledger.dropped:
            self.limits.forget(session.session_id)
        self._publisher.turn(self.ledger, touched, self.limits, lambda name: self.totals(name, now), now, all_now=all_now)
        for record in self.ledger.records:
            self.limits.forget(record.session_id)

    def shutdown(self, now: float) -> None:
        """Sessions end with the process, with what their open traces have by now."""
        for session in self.ledger:
            self.totals(session.session_id, now)
        self.ledger.shutdown()

    def give_up(self, reason: str, now: float) -> None:
        """Roots that wait for parts leave with what is known."""
        for waiting in self.gathering.all():
            self._complete(waiting, now, reason)

    def _heard(self, word: object, now: float) -> None:
        if isinstance(word, SessionRecord):
            self.ledger.records.append(word)
        elif isinstance(word, Others):
            session = self.ledger.get(word.session_id)
            if session is not None:
                session.others = word.totals
                self.limits.look_at(word.session_id, self.totals(word.session_id, now))
        elif isinstance(word, tuple):
            waiting = self.gathering.waiting(word[0])
            if waiting is not None:
                waiting.answer = word[1]
                self._go_on(waiting, now)


def _session_of(trace: Trace) -> str | None:
    """The session that a trace itself goes by."""
    return trace.session_id or (trace.owners.session.value if trace.owners.session is not None else None)
