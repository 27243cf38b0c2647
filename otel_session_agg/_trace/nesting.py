"""Decide which of two reports counts when one span is above the other.

Rules
-----
* Leaf wins: usage counts if and only if no usage below it counted.
* Usage of other kinds than model and embedding is weak, and so is a model server's own span: weak
  usage also loses against a model or embedding with usage above it.
* A call behind a tool below a model call is another call, not a part of it; so is an embedding with
  another input.
* A model event counts as one when no model event below it does; failed attempts inside one that
  succeeded do not count.
* A container's recorded cost stands for its calls when none of them has one of its own.
* A span that was billed, states no figures and is no model event (an embedding, a reranker, an
  agent without spans for its calls) gives way to any call below it.  Figures above it include the
  calls of agents, but no other such spans.
"""

from __future__ import annotations

from otel_session_agg._model.span import CALLS, Kind, Reading
from otel_session_agg._trace.call import (
    COUNTED,
    DIRECT,
    EMBEDDED,
    MODEL,
    RECORDED,
    SETTLED,
    STRONG,
    TOOL_SHIFT,
    Call,
    flags_of,
    has_usage,
    is_fee,
)
from otel_session_agg._trace.same_call import absorb
from otel_session_agg._trace.token_counts import agree, same_figures, same_prompt

# faster to read than an enum's members
_MODEL, _EMBEDDING = Kind.MODEL, Kind.EMBEDDING
_CONTAINERS = frozenset({Kind.AGENT, Kind.CHAIN, Kind.SPAN})


def relevant_below(call: Call, calls: list[Call], flags: int) -> tuple[int, list[Call]]:
    """Return the flags and calls below that matter to a call.

    What another call used is no part of its figures.
    """
    if call.kind not in CALLS:
        seen = (flags | flags >> TOOL_SHIFT) & DIRECT
        return seen | (COUNTED | STRONG if seen & EMBEDDED else 0), [
            c for c in calls if c.alive and not is_fee(c)
        ]
    below = [
        other for other in calls if other.alive and not other.behind_tool and not is_fee(other)
    ]
    if call.kind is _MODEL:
        below = [
            other
            for other in below
            if other.kind is not _EMBEDDING or same_prompt(other.usage, call.usage)
        ]
    seen = flags & DIRECT & ~EMBEDDED
    return seen | (
        COUNTED | STRONG
        if any(other.kind is _EMBEDDING and other.usage_counts for other in below)
        else 0
    ), below


def gives_way(call: Call, seen: int, below: list[Call]) -> bool:
    """Return whether a call states no figures, and calls below it may be all that it made."""
    return call.silent and (
        bool(seen & (MODEL | SETTLED)) or any(other.silent and not other.failed for other in below)
    )


def _is_covered(call: Call, above: Call) -> bool:
    """Return whether the figures of a call above include a call that states none."""
    return (
        above.usage_counts
        and not call.usage_counts
        and (not call.silent or call.kind is above.kind or call.kind in _CONTAINERS)
    )


def nest(call: Call, reading: Reading, calls: list[Call], flags: int) -> Call | None:
    """Decide between the call that a span reports and the calls below it.

    Calls that lose are no longer alive.  Return the call that the span now stands for, or ``None``
    when it loses.
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
    """Take the figures of weak usage away: it repeats those of a call above."""
    for other in below:
        if other.usage_counts and not other.strong:
            other.alive = _without_figures(other)


def _without_figures(call: Call) -> bool:
    """Take away a call's figures, which others have; return whether it is still a model event."""
    call.usage_counts, call.usage, call.recorded_pusd, call.covered = False, None, None, True
    return bool(call.model_events) and not call.is_server_side


def _drop_failed(call: Call, below: list[Call]) -> None:
    """Drop failed attempts inside a model call that succeeded."""
    if not call.failed:
        for other in below:
            if other.failed and not other.usage_counts:
                other.alive = False


def _move_misplaced(call: Call, below: list[Call]) -> Call:
    """Give figures that were written on a span above their call to that call.

    Return the call that has them now: one below, or ``call`` itself when none is found.
    """
    same = [
        other for other in below if other.usage_counts and same_figures(other.usage, call.usage)
    ]
    silent = [
        c
        for c in below
        if not c.usage_counts and not c.failed and (not c.silent or c.kind is call.kind)
    ]
    for other in same[-1:] or silent[-1:]:
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
    """Let a call lose against those below it.

    What only the outer span states is kept where it is certain to be the same call.
    """
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
    """Decide again for a call whose span ended before the spans below it.

    Return the calls and flags that go on to the spans above.
    """
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
    """Let an ended call lose against those below it; ``is_model``: it stays a model event."""
    ended.usage_counts = False
    ended.failed = True
    ended.model_events = ended.model_events if is_model else 0
    if len(counted) == 1 and ended.kind in CALLS:
        ended.model_events = 0
        absorb(counted[0], ended, outer=True)
    ended.alive = ended.alive and ended.model_events > 0
