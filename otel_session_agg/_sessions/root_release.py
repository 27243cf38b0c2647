"""Decide which roots leave with which totals, and what their sessions and the store get.

Rules
-----
* A root whose trace is all in this process leaves at once.
* One that begins a trace which other roots are in, here or in other processes, waits for those
  that are open; the rules are in `distributed_trace`.
* With each that leaves, the sessions of its trace get what is new, and so does the store for other
  processes (`release_policy`).
* Spans that end later still correct the sessions and what is in the store, not the root.

Nothing is done here: `Release` says what is to be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._reasons import OPEN_TRACES, STORE
from otel_session_agg._sessions.distributed_trace import DistributedTraces, WaitingRoot, writer_of
from otel_session_agg._sessions.release_policy import ReleasePolicy, Rollups
from otel_session_agg._sessions.released_root import Release, ReleasedRoot, reported_of, why_lacking
from otel_session_agg._sessions.session_delta import SessionDelta, take_delta
from otel_session_agg._sharing.keys import SlotWrite
from otel_session_agg._sharing.parts import RemoteParts, TraceParts
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import FOLDED, Trace

LAST_LOOK_SECONDS = 0.25
"""How long before a root has to leave its parts are last looked up.

So the parts from the store are there in time.
"""


class RootRelease:
    """Decides about the roots of one processor; it reads their totals from the engine."""

    def __init__(
        self,
        engine: Engine,
        policy: ReleasePolicy,
        linger_seconds: float,
        deadlines: Deadlines,
    ) -> None:
        self._engine = engine
        self._roots = engine.roots
        self._policy = policy
        self._linger_seconds = linger_seconds
        self.traces = DistributedTraces(deadlines)

    def started(self, trace: Trace, *, is_part: bool) -> Sequence[SlotWrite]:
        """Register a root that began; return what is to be written of it.

        For one whose parent is in another process the root of that process has to wait.
        """
        retraction = self._retraction(trace)
        self._roots.began(trace, is_part=is_part)
        if not is_part or trace.root_id is None:
            return retraction
        return [*retraction, *self._policy.part(trace, trace.session_id, {}, is_open=True)]

    def _retraction(self, trace: Trace) -> Sequence[SlotWrite]:
        return self._policy.retraction(trace) if trace.demoted_id is not None else ()

    # -- roots that have ended ---------------------------------------------------------------

    def ended(self, trace: Trace, rollups: Rollups, now: float) -> Release:
        """Decide about a root below which everything has ended or was waited for long enough."""
        if trace.root_span is not None and trace.root_span.is_part:
            return self._part_ended(trace, rollups)
        if self._policy.known is not None:
            if not trace.shares_id:  # all of it is here, as nearly always
                session_id, rollup = trace.session_id, reduce(add, rollups.values())
                delta = self._delta(trace, session_id, rollups, on_root=rollup)
                return Release((delta,), self._ready(trace, session_id, rollup, trace.partial))
            if not self._roots.has_part(trace.trace_id):
                return self._whole(trace, rollups, self._policy.known, trace.partial)
        return self._wait(trace, rollups, now)

    def _delta(
        self,
        trace: Trace,
        session_id: str | None,
        rollups: Rollups,
        on_root: Rollup | None = None,
        *,
        is_late: bool = False,
    ) -> SessionDelta | None:
        """Return what the sessions of a root that left get; parts follow into its session."""
        delta = take_delta(
            trace,
            session_id,
            rollups,
            has_left=trace.state >= FOLDED,
            is_late=is_late,
            on_root=on_root,
        )
        is_part = trace.root_span is None or trace.root_span.is_part
        if delta is not None and session_id is not None and not is_part:
            self.traces.set_session(trace.trace_id, session_id)
        return delta

    def _wait(self, trace: Trace, rollups: Rollups, now: float) -> Release:
        retraction = self._retraction(trace)
        # a partial one has lingered already
        linger_seconds = self._linger_seconds if trace.partial is None else 0.0
        until = now + max(linger_seconds, LAST_LOOK_SECONDS)
        self.traces.wait(trace, rollups, until)
        session_id = trace.session_id
        delta = self._delta(trace, session_id, rollups, on_root=reduce(add, rollups.values()))
        writes: Sequence[SlotWrite] = ()
        if session_id is not None:  # without one, its parts are of no use before it is released
            carried = self.traces.published(trace.trace_id)
            writes = self._policy.root(trace, session_id, NOTHING, carried, looks=False)
        asks_until = until - LAST_LOOK_SECONDS
        return Release((delta,), writes=[*retraction, *writes], asks_until=asks_until)

    def _part_ended(self, trace: Trace, rollups: Rollups) -> Release:
        retraction = self._retraction(trace)
        session_id = self._session_of_part(trace)
        delta, writes = self._part_left(trace, session_id, rollups)
        rollup = self._engine.totals.rollup(trace)
        ready = self._ready(trace, session_id, rollup, trace.partial)
        return Release((delta,), ready, [*retraction, *writes])

    def _part_left(
        self, trace: Trace, session_id: str | None, rollups: Rollups
    ) -> tuple[SessionDelta | None, Sequence[SlotWrite]]:
        self.traces.add_part(trace)
        delta = self._delta(trace, session_id, rollups)
        return delta, self._policy.part(trace, session_id, rollups, is_open=False)

    def _session_of_part(self, part: Trace) -> str | None:
        """Return the session of a part; one that names none is in that of its root."""
        session_id = part.session_id or self.traces.session_of(part.trace_id)
        if session_id is not None:
            reported_of(part).session_id = session_id
        return session_id

    # -- roots that wait -----------------------------------------------------------------------

    def complete(self, trace_id: int) -> Sequence[WaitingRoot]:
        """Return the roots of a trace that wait for nothing more."""
        if not self.traces.is_awaited(trace_id) or self._roots.has_part(trace_id):
            return ()
        return [
            waiting
            for waiting in self.traces.waiting(trace_id)
            if waiting.remote_parts is not None or self._policy.known is not None
        ]

    def parts_came(self, answer: TraceParts) -> Sequence[WaitingRoot]:
        """Take what the store has of a trace; return the roots that wait for nothing more."""
        for waiting in self.traces.waiting(answer.trace_id):
            waiting.remote_parts = answer.parts
        return self.complete(answer.trace_id)

    def waited(self, waiting: WaitingRoot, reason: str | None = None) -> Release:
        """Let a root that waited leave; ``reason``: why it is partial if something is open."""
        trace, remote, why = waiting.trace, waiting.remote_parts, waiting.trace.partial
        remote = self._policy.known if remote is None else remote
        if why is None and (remote is None or not remote.is_reached):
            why = STORE
        elif why is None and (
            self._roots.has_part(trace.trace_id)
            or (remote is not None and any(part.is_open for _, part in remote.parts))
        ):
            why = reason or OPEN_TRACES
        rollups = self._engine.totals.rollups(trace) if trace.has_changed else waiting.rollups
        return self._whole(trace, rollups, remote, why)

    def _whole(
        self, trace: Trace, rollups: Rollups, remote_parts: RemoteParts | None, why: str | None
    ) -> Release:
        """Let a root leave with the totals of the whole trace; ``why``: it is partial."""
        here = {writer_of(part): part for part in self.traces.parts(trace.trace_id)}
        own_rollups = [(trace, rollups)] + [
            (part, self._engine.totals.rollups(part))
            for part in here.values()
            if part.reported is None or not part.reported.is_carried
        ]
        sums = [reduce(add, totals.values()) for _, totals in own_rollups]
        remote = {
            writer: part
            for writer, part in (remote_parts.parts if remote_parts is not None else ())
            if writer not in here
        }
        rollup = reduce(
            add,
            [rollup for part in remote.values() for rollup in part.rollups.values()],
            reduce(add, sums),
        )
        session_id = rollup.session.value if rollup.session is not None else None
        num_published = trace.reported.num_published if trace.reported is not None else 0
        is_news = remote or not num_published or session_id != trace.session_id
        deltas: list[SessionDelta | None] = []
        for one, totals in own_rollups:
            reported = reported_of(one)
            reported.session_id, reported.is_carried = session_id, True
            on_root = rollup if one is trace else None
            deltas.append(self._delta(one, one.session_id, totals, on_root=on_root))
        carried = self.traces.published(trace.trace_id)
        carried.update({writer: part.seq for writer, part in remote.items() if not part.is_open})
        # then parts that are written later have seen that it ended
        is_sure = remote_parts is not None and remote_parts.is_reached and num_published > 0
        writes: list[SlotWrite] = list(self._retraction(trace))
        if is_news or not is_sure:
            writes += self._policy.root(trace, session_id, sums[0], carried, looks=not is_sure)
        if session_id is not None:
            writes += self._policy.reassignments(session_id, trace, remote.items())
        return Release(deltas, self._ready(trace, trace.session_id, rollup, why), writes)

    def _ready(
        self, trace: Trace, session_id: str | None, rollup: Rollup, why: str | None
    ) -> ReleasedRoot:
        """Return a root that leaves; drop what only its totals needed."""
        is_part = trace.root_span is not None and trace.root_span.is_part
        ready = ReleasedRoot(
            trace,
            session_id,
            rollup,
            why or why_lacking(trace, rollup),
            is_carried=is_part and self._is_carried(trace.trace_id),
        )
        # the root above a part still needs the output of the part
        self._engine.totals.drop_details(trace, with_output=is_part)
        return ready

    def _is_carried(self, trace_id: int) -> bool:
        """Return whether the root that begins a trace gets the totals of its parts."""
        is_elsewhere = self._policy.known is None
        return (
            is_elsewhere or self.traces.is_awaited(trace_id) or self._roots.has_beginning(trace_id)
        )

    def release_unchanged(self, trace: Trace) -> ReleasedRoot:
        """Let a root leave without totals, because something failed."""
        for waiting in self.traces.waiting(trace.trace_id):
            if waiting.trace is trace:
                self.traces.stop_waiting(waiting)
        return ReleasedRoot(trace, None, None, None)

    # -- late spans ------------------------------------------------------------------------------

    def late_span_ended(self, trace: Trace) -> Release:
        """Correct the sessions of a trace: a span ended after its root left, or without a root."""
        rollups = self._engine.totals.rollups(trace)
        if trace.root_span is None and not self.traces.has_left(trace):
            # its root may still come
            delta, writes = self._part_left(trace, self._session_of_part(trace), rollups)
            return Release((delta,), writes=writes)
        writes = ()
        if trace.root_span is None or trace.root_span.is_part:
            session_id = self._session_of_part(trace)
            writes = self._policy.part(trace, session_id, rollups, is_open=False)
        elif trace.state >= FOLDED and trace.session_id is None:
            if self._policy.known is not None:
                return self._becomes_session(trace, rollups)
            # the process that sees it in the store makes it a session, with all of its parts
            rollup = self._engine.totals.rollup(trace)
            writes = self._policy.root(trace, None, rollup, looks=True)
        # if only now its session is known, that gets the root, too
        delta = self._delta(trace, trace.session_id, rollups, is_late=trace.state >= FOLDED)
        return Release((delta,), writes=writes)

    def _becomes_session(self, trace: Trace, rollups: Rollups) -> Release:
        """Make a trace without a session one itself; its root was the first record of it."""
        session_id = reported_of(trace).session_id = f"{trace.trace_id:032x}"
        delta = self._delta(trace, session_id, rollups, is_late=True)
        deltas = [delta._replace(was_record=True) if delta is not None else None]
        for part in self.traces.parts(trace.trace_id):
            reported_of(part).session_id = session_id
            its_rollups = self._engine.totals.rollups(part)
            deltas.append(take_delta(part, session_id, its_rollups, is_late=True))
        return Release(deltas)

    def trace_totals(self, trace_id: int, span_id: int) -> Rollup | None:
        """Return the totals so far of the trace that a span is in; ``None``: it is not known."""
        trace = self._engine.roots.find(trace_id, span_id)
        return self.totals_of(trace) if trace is not None else None

    def totals_of(self, trace: Trace) -> Rollup:
        """Return the totals so far of a trace, with those of its parts in this process."""
        rollup = self._engine.totals.rollup(trace)
        for part in self.traces.parts(trace.trace_id):
            if part is not trace:
                rollup += self._engine.totals.rollup(part, above=True)
        return rollup
