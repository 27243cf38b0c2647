"""What sessions get of a trace: what is new since the trace was last reported.

Taking a delta twice gives nothing the second time, so reporting twice changes nothing.  A trace
that another processor of this process reports to the same store is not reported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._model.session_totals import Member, SessionTotals
from otel_session_agg._model.turns import Turn, has_calls, turn_of
from otel_session_agg._reading.dimensions import NO_ROOT, NONE, Values
from otel_session_agg._reading.input_text import RawInput
from otel_session_agg._trace.reported import Reported
from otel_session_agg._trace.trace import Trace

_make = tuple.__new__  # the named tuple's own ``__new__`` costs twice as much
_NOT_WHOLE = (None, None, None, 0)
"""What a session gets of a trace that is in it with some of its spans only."""
_FEW_SESSIONS = 4
"""Sessions of a trace up to which their ids are in a tuple."""


class NewRoot(NamedTuple):
    """A root that a session does not know yet."""

    member: Member
    end_ns: int
    is_part: bool
    """It does not begin the trace, or the session has only some of its spans."""
    dimensions: Values = NONE
    """What it states of the session."""


class OnRoot(NamedTuple):
    """What is in the totals on an exported root that begins a trace."""

    num_events: int
    """Events that were not in it before."""
    has_feedback: bool


class Gain(NamedTuple):
    """What one session gets."""

    session_id: str
    rollup: Rollup | None = None
    """Totals to be added; ``None``: nothing changed."""
    root: NewRoot | None = None
    labels: SessionTotals | None = None
    """The user and the metadata that spans state, for a session that is in memory."""
    on_root: OnRoot | None = None
    turn: Turn | None = None
    """What the trace has used by now, if it begins in the session."""
    first_input: RawInput | None = None
    """The first input of the trace, which is in the session as a whole."""
    num_repeats: int = 0
    """1 if the trace only repeats calls of other traces; -1 if by now it does not."""


_OfAny = tuple[str, "Rollup | None", "NewRoot | None", "SessionTotals | None"]
"""The first fields of a `Gain`: what any session of a trace gets."""


class SessionDelta(NamedTuple):
    """What is new in a trace, for all of its sessions."""

    trace: Trace
    gains: list[Gain]
    is_late: bool = False
    """The root has left before: a session that had ended does not go on by this."""
    was_record: bool = False
    """The root that has left was the first record of its session."""
    is_double: bool = False
    """Another processor of this process counts the trace, too."""


def take_delta(  # noqa: PLR0913 -- what is known of a trace
    trace: Trace,
    own_id: str | None,
    rollups: Mapping[str | None, Rollup],
    *,
    has_left: bool = False,
    is_late: bool = False,
    on_root: Rollup | None = None,
) -> SessionDelta | None:
    """Return what is new in a trace for its sessions, and note it as reported.

    Args:
        trace: The trace.
        own_id: The session of the whole trace, if that is known.
        rollups: Its totals by session; ``None``: those for which no session is known.
        has_left: Whether its sessions are to know of its root.
        is_late: Whether the sessions know of the root by now, so that all this is late.
        on_root: The totals that are written on the root, if it begins the trace.

    """
    reported = trace.reported
    if reported is None:
        if own_id is None:
            return None
        reported = trace.reported = Reported()
    elif reported.has_other_publisher or (own_id is None and not reported.totals):
        return None
    before, after = reported.totals, by_session(rollups, reported.session_id)
    roots = _new_roots(trace, reported, own_id, before if is_late else after) if has_left else {}
    reported.totals = after
    labels = _labels(trace, reported.session_id) if trace.attribution.labels else {}
    gains: list[Gain] = []
    for name in _names(own_id, after, before, roots, labels):
        gain = name, _new(before.get(name), after.get(name)), roots.get(name), labels.get(name)
        whole = _of_whole(trace, reported, gain, on_root) if name == own_id else _NOT_WHOLE
        gains.append(_make(Gain, (*gain, *whole)))
    return _make(SessionDelta, (trace, gains, is_late, False, reported.is_double))


def by_session(rollups: Mapping[str | None, Rollup], default: str | None) -> dict[str, Rollup]:
    """Return totals by session id; those without a session go to ``default``, if that is given."""
    own: dict[str, Rollup] = {}
    for name, one in rollups.items():
        session_id = name if name is not None else default
        if session_id is not None:
            own[session_id] = own[session_id] + one if session_id in own else one
    return own


def _names(own_id: str | None, *found: Iterable[str]) -> Iterable[str]:
    names: dict[str, None] = dict.fromkeys(chain.from_iterable(found))
    if own_id is not None:
        names.setdefault(own_id)
    return names


def _new(before: Rollup | None, after: Rollup | None) -> Rollup | None:
    if before is None:
        return after
    after = NOTHING if after is None else after
    return None if before == after else after.since(before)


def _new_roots(
    trace: Trace, reported: Reported, own_id: str | None, rollups: Mapping[str, Rollup]
) -> dict[str, NewRoot]:
    """Return the root for each session that does not know it yet.

    A session that the trace does not belong to gets only the time that the trace was in it.
    """
    span = trace.root_span
    first = trace.first if span is None else (span.start_ns, span.span_id, span.end_ns)
    if first is None:
        return {}
    is_part = span is None or span.is_part
    known = reported.announced_to
    found: dict[str, NewRoot] = {}
    for session_id in _names(own_id, rollups):
        if session_id in known:
            continue
        is_whole, rollup = session_id == own_id, rollups.get(session_id, NOTHING)
        start_ns, end_ns = (
            (first[0], first[2]) if is_whole else (rollup.start_ns or 0, rollup.end_ns or 0)
        )
        member = Member(start_ns, trace.trace_id, first[1])
        has_dimensions = trace.dimensions is not NO_ROOT or trace.stated is not None
        values = trace.dimensions_of(session_id, is_own=is_whole) if has_dimensions else NONE
        found[session_id] = NewRoot(member, end_ns, is_part or not is_whole, values)
    if found:
        both = (*known, *found)
        # nearly always one, for which a set is large
        reported.announced_to = both if len(both) <= _FEW_SESSIONS else {*both}
    return found


def _labels(trace: Trace, whole_id: str | None) -> dict[str, SessionTotals]:
    """Return users and metadata by session, as far as a session is known."""
    return {
        session_id: labels
        for name, labels in trace.attribution.labelled().items()
        if (session_id := name or whole_id) is not None
    }


def _of_whole(
    trace: Trace, reported: Reported, gain: _OfAny, on_root: Rollup | None
) -> tuple[OnRoot | None, Turn | None, RawInput | None, int]:
    """Return what concerns the root and the input of a trace, for the session of all of it."""
    turn = _turn(trace, reported, gain, on_root)  # which notes what the trace has used
    return (
        _on_root(trace, reported, on_root) if on_root is not None else None,
        turn,
        trace.first_input,
        _num_repeats(reported, gain[0]) if trace.has_repeats else 0,
    )


def _turn(trace: Trace, reported: Reported, gain: _OfAny, on_root: Rollup | None) -> Turn | None:
    """Return what a trace that begins in its session has used, if that is new."""
    span = trace.root_span
    if span is None or span.is_part or not trace.has_left:
        return None
    session_id, new, *_ = gain
    before, is_whole = reported.turn, reported.totals.keys() <= {session_id}
    if on_root is not None and is_whole:  # with the parts in other processes
        rollup = on_root
    elif before is None or on_root is not None:
        rollup = reported.totals.get(session_id, NOTHING)
    else:
        rollup = before if new is None else before + new
    if rollup is before:
        return None
    reported.turn = rollup
    return turn_of(trace.trace_id, rollup)


def _num_repeats(reported: Reported, session_id: str) -> int:
    """Return what to add to the traces of a session that only repeat calls of other traces.

    Such a trace has reported calls, and all of them count in other traces.
    """
    if reported.turn is None:  # it has not left, or does not begin here
        return 0
    is_repeat = not any(map(has_calls, (reported.turn, *reported.totals.values())))
    before, reported.repeats_in = reported.repeats_in, session_id if is_repeat else None
    return is_repeat - (before == session_id)


def _on_root(trace: Trace, reported: Reported, rollup: Rollup) -> OnRoot | None:
    if not trace.is_sampled:
        return None
    num_more = max(0, rollup.num_events - reported.num_on_root)
    reported.num_on_root = rollup.num_events
    return OnRoot(num_more, rollup.has_feedback)
