"""Which of two events counts when one is above the other.

Rules
-----
* Leaf wins: usage counts if and only if no usage below it counted.
* Usage of other kinds than model and embedding is weak, and so is a model server's own span: it also loses against a model
  or embedding with usage above it.
* What stands behind a tool below a model call is another call, not a part of it; so is an embedding with another input.
* A model event counts as one when no model event below it does; failed attempts inside one that succeeded do not.
* A container's recorded cost stands for its calls when none of them has a recorded cost of its own.
* What was billed, states nothing and is no model event (an embedding, a reranker, an agent without spans for its calls) gives
  way to any call below it.  A sum above it has the calls of agents, and nothing of the rest.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind, Reading
from otel_session_agg._trace.call import Call, absorb
from otel_session_agg._trace.duplicates import WINDOW
from otel_session_agg._trace.event_counts import EventCounts
from otel_session_agg._trace.token_counts import agree, has_usage, same_figures, same_prompt

COUNTED = 1
"""Some usage below counted."""
STRONG = 2
"""Usage of a model below counted."""
MODEL = 4
"""There is a model event below."""
RECORDED = 8
"""Some recorded cost below counted."""
SETTLED = 16
"""Some call below can no longer be corrected."""
EMBEDDED = 32
"""Usage of an embedding below counted."""

_HERE = 0xFF
_BEHIND = 8
"""Shift of the same flags for what is behind a tool."""

_MODEL, _EMBEDDING, _GUARDRAIL = (
    Kind.MODEL,
    Kind.EMBEDDING,
    Kind.GUARDRAIL,
)  # faster to read than an enum's members
CALLS = frozenset({_MODEL, _EMBEDDING})
_CONTAINERS = frozenset({Kind.AGENT, Kind.CHAIN, Kind.SPAN})


class Node(EventCounts):
    """What hangs at a span that has not ended: the events below it that no session owns, the calls and what they mean to it."""

    __slots__ = ("calls", "flags", "weak")

    def __init__(self) -> None:
        super().__init__()
        self.flags = 0
        self.calls: list[Call] = []
        self.weak: dict[str, EventCounts] | None = None
        """Events that a conversation owns, as long as no ancestor knows better."""

    def rise(self, below: Node) -> None:
        """Events of a descendant that has ended."""
        self.merge(below)
        for session, counts in (below.weak or {}).items():
            self.weak_counts(session).merge(counts)

    def weak_counts(self, session: str) -> EventCounts:
        """The events that a conversation owns for now."""
        self.weak = self.weak or {}
        return self.weak.get(session) or self.weak.setdefault(session, EventCounts())

    def take(self, calls: list[Call], flags: int) -> None:
        """Calls of a descendant that has ended."""
        self.flags |= flags
        if not self.calls:
            self.calls = calls
            return
        self.calls += calls
        if len(self.calls) > 2 * WINDOW:
            self.prune()

    def taking(self, calls: list[Call], flags: int) -> Node:
        """Itself, after it took calls, if there are any."""
        if calls or flags:
            self.take(calls, flags)
        return self

    def prune(self) -> None:
        """Let go of calls that lost or are settled."""
        if any(call.settled for call in self.calls):
            self.flags |= SETTLED
        self.calls = [
            call for call in dict.fromkeys(self.calls) if call.alive
        ]  # a call comes again with each repeat


def _is_fee(call: Call) -> bool:
    """Whether it is no call, but a cost that comes on top of those of calls."""
    return call.kind is _GUARDRAIL and not call.usage_counts


def flags_of(call: Call) -> int:
    """What a call means to the spans above it."""
    if _is_fee(call):
        return 0
    flags = MODEL if call.model_events and not call.engine else 0
    if call.usage_counts:
        flags |= EMBEDDED if call.kind is _EMBEDDING else COUNTED | (STRONG if call.strong else 0)
    return flags | (RECORDED if call.recorded_pusd is not None else 0)


def put_behind_tool(calls: list[Call], flags: int) -> int:
    """Put everything below a tool behind it; returns the flags as seen from above."""
    for call in calls:
        call.behind_tool = True
    return flags_behind(flags)


def flags_behind(flags: int) -> int:
    """Flags below a tool as seen from above it."""
    return (flags & _HERE) << _BEHIND | flags & (_HERE << _BEHIND)


def relevant_below(call: Call, calls: list[Call], flags: int) -> tuple[int, list[Call]]:
    """The flags and calls below that matter to a call: what another call used is no part of its figures."""
    if call.kind not in CALLS:
        seen = (flags | flags >> _BEHIND) & _HERE
        return seen | (COUNTED | STRONG if seen & EMBEDDED else 0), [
            c for c in calls if c.alive and not _is_fee(c)
        ]
    below = [
        other for other in calls if other.alive and not other.behind_tool and not _is_fee(other)
    ]
    if call.kind is _MODEL:
        below = [
            other
            for other in below
            if other.kind is not _EMBEDDING or same_prompt(other.usage, call.usage)
        ]
    seen = flags & _HERE & ~EMBEDDED
    return seen | (
        COUNTED | STRONG
        if any(other.kind is _EMBEDDING and other.usage_counts for other in below)
        else 0
    ), below


def reports_call(reading: Reading) -> bool:
    """Whether an event is a call, or the repeat of one."""
    return (
        reading.kind is _MODEL
        or reading.is_billed
        or has_usage(reading.usage)
        or reading.recorded_pusd is not None
    )


def gives_way(call: Call, seen: int, below: list[Call]) -> bool:
    """Whether a call states nothing of what others below it may be the whole of."""
    return call.silent and (
        bool(seen & (MODEL | SETTLED)) or any(other.silent and not other.failed for other in below)
    )


def _is_covered(call: Call, above: Call) -> bool:
    """Whether the figures of a call above are those of one that states none, too."""
    return (
        above.usage_counts
        and not call.usage_counts
        and (not call.silent or call.kind is above.kind or call.kind in _CONTAINERS)
    )


def nest(call: Call, reading: Reading, calls: list[Call], flags: int) -> Call | None:
    """Decide between an event and the calls below it.

    Calls that lose are no longer alive.  Returns the call that the event now stands for, or ``None`` when it loses.
    """
    seen, below = relevant_below(call, calls, flags)
    settled = bool(seen & SETTLED) or any(other.settled for other in calls)
    if reading.misplaced:
        return _move_misplaced(call, below)
    if seen & COUNTED and not (
        call.strong and has_usage(call.usage) and not seen & STRONG and not settled
    ):
        call.model_events = 0 if seen & MODEL else call.model_events
        _outer_loses(call, reading, below, settled=settled, recorded=bool(seen & RECORDED))
        return call if call.alive and call.kind is _MODEL and _without_figures(call) else None
    _drop_weak(below)
    if any(other.alive and other.recorded_pusd is not None for other in below):
        call.recorded_pusd, call.covered = None, True
    if call.kind is _MODEL:
        _drop_failed(call, below)
    silent = [
        other
        for other in below
        if _is_silent(other) and (other.model_events or call.kind is not _MODEL)
    ]
    if len(silent) == 1 and (call.kind is _MODEL or (call.silent and call.kind is silent[0].kind)):
        absorb(silent[0], call)
        return silent[0]
    call.silent = call.silent and not gives_way(call, seen, below)
    call.model_events = (
        0 if any(other.alive and other.model_events for other in below) else call.model_events
    )
    for other in silent:
        other.covered = _is_covered(other, call)
        if call.kind is _EMBEDDING:
            other.model_events = 0
    return (
        call
        if call.usage_counts or call.model_events or call.silent or call.recorded_pusd is not None
        else None
    )


def _is_silent(call: Call) -> bool:
    return (
        call.alive
        and bool(call.model_events or call.silent)
        and not call.usage_counts
        and not call.failed
    )


def _drop_weak(below: list[Call]) -> None:
    """Only weak usage below a call: a repeat of it."""
    for other in below:
        if other.usage_counts and not other.strong:
            other.alive = _without_figures(other)


def _without_figures(call: Call) -> bool:
    """Take the figures of a call away, which others have; returns whether it is still a model event."""
    call.usage_counts, call.usage, call.recorded_pusd, call.covered = False, None, None, True
    return bool(call.model_events) and not call.engine


def _drop_failed(call: Call, below: list[Call]) -> None:
    """Failed attempts inside a model call that succeeded are no events of their own."""
    if not call.failed:
        for other in below:
            if other.failed and not other.usage_counts:
                other.alive = False


def _move_misplaced(call: Call, below: list[Call]) -> Call:
    """A call whose figures were written on a span above it, as if it were that span's child."""
    told = [
        other for other in below if other.usage_counts and same_figures(other.usage, call.usage)
    ]
    silent = [
        c
        for c in below
        if not c.usage_counts and not c.failed and (not c.silent or c.kind is call.kind)
    ]
    for other in told[-1:] or silent[-1:]:
        if other.usage_counts:
            call.model_events = min(call.model_events, other.model_events)
        elif call.kind is _EMBEDDING:
            other.model_events = 0
        absorb(other, call)
        return other
    return call


def _outer_loses(
    call: Call, reading: Reading, below: list[Call], *, settled: bool, recorded: bool
) -> None:
    """Leaf wins; what only the outer event knows is kept where it is sure to be the same call."""
    counted = [other for other in below if other.usage_counts]
    if call.kind is _MODEL:
        _drop_failed(call, below)
    if (
        reading.kind in _CONTAINERS
        and reading.recorded_pusd is not None
        and counted
        and not settled
        and not recorded
    ):
        for other in counted:
            other.covered = True
        counted[0].covered = False
        counted[0].recorded_pusd = reading.recorded_pusd
    if len(counted) != 1 or settled:
        return
    if call.kind in CALLS:
        call.failed = True
        absorb(counted[0], call, outer=True)
    elif agree(counted[0].usage, call.usage) and has_usage(call.usage):
        call.model_events, call.strong = 0, False
        call.scopes = ()
        absorb(counted[0], call, outer=True)


def nest_late(ended: Call, calls: list[Call], flags: int) -> tuple[list[Call], int]:
    """Decide again for a span that told of a call and ended before what is below it; returns what hangs above it now."""
    seen, below = relevant_below(ended, calls, flags)
    if ended.misplaced:
        if below and _move_misplaced(ended, below) is not ended:
            flags |= COUNTED
    elif seen & COUNTED and not (ended.usage_counts and ended.strong and not seen & STRONG):
        _late_loses(ended, [call for call in below if call.usage_counts], is_model=not seen & MODEL)
    elif seen & COUNTED:
        _drop_weak(below)
    else:
        ended.model_events = 0 if seen & MODEL else ended.model_events
        for call in below:
            call.covered = call.covered or _is_covered(call, ended)
        ended.alive = ended.alive and not gives_way(ended, seen, below)
    kept = [call for call in calls if call.alive]
    if ended.alive and ended not in kept:
        kept.append(ended)
    return kept, flags | flags_of(ended)


def _late_loses(ended: Call, counted: list[Call], *, is_model: bool) -> None:
    ended.usage_counts = False
    ended.failed = True
    ended.model_events = ended.model_events if is_model else 0
    if len(counted) == 1 and ended.kind in CALLS:
        ended.model_events = 0
        absorb(counted[0], ended, outer=True)
    ended.alive = ended.alive and ended.model_events > 0
