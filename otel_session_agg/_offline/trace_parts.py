"""What a trace that was counted adds to its sessions, and what it is as a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

from otel_session_agg._model.replayed import ReplayedTrace, SessionPart
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._reasons import NO_ROOT, SHUTDOWN
from otel_session_agg._sessions.gains import add_of_whole, add_root
from otel_session_agg._sessions.released_root import reported_of, why_lacking
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_delta import take_delta
from otel_session_agg._trace.trace import Trace
from otel_session_agg.attributes import USER_ID

Rollups = Sequence[tuple[Trace, Mapping[str | None, Rollup]]]
"""The roots of one trace id, and the totals of each by session."""


Facts = tuple[str, int, int, int]
"""The name and the start of a trace, its end, and its number of spans."""


class TraceSums(NamedTuple):
    """The totals of a trace."""

    trace_id: int
    session_id: str
    """That of the trace."""
    whole: Rollup
    on_roots: Mapping[Trace, Rollup]
    """What is written on each root: the one that begins the trace has the totals of its parts."""


def sums_of(trace_id: int, rollups: Rollups) -> TraceSums:
    """Return the totals of a trace.

    A root in the middle of the trace that names no session is in that of the trace.  A trace
    without a session is one itself, by its id.
    """
    sums = {trace: _sum(its.values()) for trace, its in rollups}
    whole = _sum(sums.values())
    begins = [trace for trace in sums if trace.begins and trace.root_span is not None]
    begins.sort(key=_began)
    on_roots = {trace: sums[trace] for trace in sums if trace.root_span is not None}
    if begins:
        others = [sums[trace] for trace in sums if trace not in begins]
        on_roots[begins[0]] = reduce(add, others, sums[begins[0]])
    stated = whole.session.value if whole.session is not None else None
    session_id = f"{trace_id:032x}" if stated is None else stated
    return TraceSums(trace_id, session_id, whole, on_roots)


def _sum(rollups: Collection[Rollup]) -> Rollup:
    return next(iter(rollups)) if len(rollups) == 1 else reduce(add, rollups, Rollup())


def _began(trace: Trace) -> tuple[int, int]:
    return trace.root_span.start_ns if trace.root_span is not None else 0, trace.root_id or 0


def parts_of(trace_id: int, rollups: Rollups, sums: TraceSums, max_chars: int) -> list[SessionPart]:
    """Return what each session of a trace gets; ``max_chars``: of its first input."""
    sessions: dict[str, Session] = {}
    add_parts(sessions, rollups, sums, max_chars)
    return [SessionPart(trace_id, name, session.own) for name, session in sessions.items()]


def add_parts(
    sessions: dict[str, Session], rollups: Rollups, sums: TraceSums, max_chars: int
) -> None:
    """Add to sessions, by name, what each of them gets of a trace."""
    for trace, its in rollups:
        if trace.session_id is None:
            reported_of(trace).session_id = sums.session_id
        delta = take_delta(
            trace,
            trace.session_id,
            its,
            has_left=True,
            on_root=sums.on_roots.get(trace) if trace.begins else None,
        )
        for gain in delta.gains if delta is not None else ():
            session = sessions.get(gain.session_id)
            if session is None:
                session = sessions[gain.session_id] = Session(gain.session_id, "", 0.0)
            growing = (session.grown,)
            if gain.root is not None:
                add_root(session, growing, gain.root, is_sampled=True)
            if gain.rollup is not None:
                session.grown.add_rollup(gain.rollup)
            if gain.labels is not None:
                session.grown.add_labels(gain.labels, has_user=True)
            add_of_whole(growing, gain, max_chars)


def trace_of(
    sums: TraceSums, facts: Facts, roots: Sequence[Trace], parts: Sequence[SessionPart]
) -> ReplayedTrace:
    """Return a trace with what its roots say about it."""
    begins = next((root for root in roots if root.begins and root.root_span is not None), None)
    own = next((part.totals for part in parts if part.session_id == sums.session_id), None)
    partial = NO_ROOT if begins is None else None
    for root in roots:
        why = root.partial if root.partial != SHUTDOWN else None
        partial = partial or why or why_lacking(root, sums.whole)
    dimensions = {} if own is None else own.dimension_values
    user_id = None if own is None else own.user_id
    if user_id is not None and USER_ID in dimensions:
        dimensions[USER_ID] = user_id
    name, start_ns, end_ns, num_spans = facts
    return ReplayedTrace(
        trace_id=sums.trace_id,
        session_id=sums.session_id,
        root_id=begins.root_id if begins is not None else None,
        name=name,
        start_ns=start_ns,
        end_ns=end_ns,
        num_spans=num_spans,
        rollup=sums.whole,
        partial=partial,
        user_id=user_id,
        dimensions=dimensions,
    )
