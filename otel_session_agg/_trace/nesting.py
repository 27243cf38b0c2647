"""Decide between the call that a span reports and the calls below that span.

The rules are at the head of ``resolve``.
"""

from __future__ import annotations

from otel_session_agg._model.span import CALLS, Kind
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.merging import absorb
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.token_counts import agree, same_figures, same_prompt

_MODEL, _EMBEDDING = Kind.MODEL, Kind.EMBEDDING
_CONTAINERS = frozenset({Kind.AGENT, Kind.CHAIN, Kind.SPAN})

_HAS_NO_FIGURES = (None, Rule.INCLUDED)
"""Rules of calls that stand although they never had figures; those of others were taken away."""

Below = dict[Call, bool]
"""The calls below a span, and whether a tool is between."""


def nest(call: Call, nested: Below) -> Call:
    """Decide between a call and those below it; return the call that its span stands for now.

    That one may have lost.
    """
    below = _in_sight(call, nested)
    call.is_changed = True
    for other in below:
        other.is_changed = True
    is_settled = any(other.settled for other in below)
    if call.reading.misplaced:
        return _move_misplaced(call, below)
    counted = [other for other in below if other.usage_counts]
    if counted and not (
        call.strong
        and call.usage_counts
        and not is_settled
        and not any(other.strong for other in counted)
    ):
        _outer_loses(call, below, counted, is_settled=is_settled)
        return call
    for other in counted:
        other.lose_figures(call, Rule.WEAK)
    return _outer_stands(call, below)


def _in_sight(call: Call, nested: Below) -> list[Call]:
    """Return the calls below that matter to a call: what another one used is no part of it."""
    if call.kind not in CALLS:
        return [other for other in nested if other.lost_to is None and not other.is_fee]
    return [
        other
        for other, is_behind in nested.items()
        if other.lost_to is None
        and not is_behind
        and not other.is_fee
        and (
            call.kind is not _MODEL
            or other.kind is not _EMBEDDING
            or same_prompt(other.usage, call.usage)
        )
    ]


def _drop_attempts(call: Call, below: list[Call]) -> list[Call]:
    """Drop failed attempts inside a model call that succeeded; return the others that stand."""
    if call.kind is _MODEL and not call.failed:
        for other in below:
            if other.failed and not other.usage_counts and other.lost_to is None:
                other.lose(call, Rule.ATTEMPT)
    return [other for other in below if other.lost_to is None]


def _move_misplaced(call: Call, below: list[Call]) -> Call:
    """Give figures that were written on a span above their call to that call.

    Return the call that has them now: one below, or ``call`` itself when none is found.
    """
    same = [
        other for other in below if other.usage_counts and same_figures(other.usage, call.usage)
    ]
    silent = [
        other
        for other in below
        if not (other.usage_counts or other.failed or other.settled)
        and (not other.silent or other.kind is call.kind)
    ]
    for other in same[-1:] or silent[-1:]:
        if other.usage_counts:
            call.model_events = min(call.model_events, other.model_events)
        elif call.kind is _EMBEDDING:
            other.model_events = 0
        absorb(other, call, Rule.MISPLACED)
        return other
    return call


def _outer_loses(call: Call, below: list[Call], counted: list[Call], *, is_settled: bool) -> None:
    """Let a call lose against those below it.

    What only the outer span states is kept where it is certain to be the same call.
    """
    below = _drop_attempts(call, below)
    if any(other.is_model_event for other in below):
        call.model_events = 0
    first = counted[0]
    is_one = len(counted) == 1 and not is_settled
    if call.kind in _CONTAINERS and call.recorded_pusd is not None and not is_settled:
        _spread_cost(call, below, counted)
    if is_one and call.kind in CALLS:
        call.failed, call.answered = True, False  # it says nothing of the inner one
        absorb(first, call, Rule.LAYER)
    elif is_one and call.usage_counts and agree(first.usage, call.usage):
        absorb(first, call, Rule.LAYER, is_sum=True)
    elif call.kind is _MODEL:
        call.lose_figures(first, Rule.SUM)
    else:
        call.lose(first, Rule.SUM)


def _spread_cost(call: Call, below: list[Call], counted: list[Call]) -> None:
    """Let a container's recorded cost stand for its calls, if none of them has one of its own."""
    if any(other.recorded_pusd is not None for other in below):
        return
    for other in counted[1:]:
        other.covered = True
    counted[0].covered, counted[0].recorded_pusd = False, call.recorded_pusd
    call.gave = ("recorded_pusd",)


def _outer_stands(call: Call, below: list[Call]) -> Call:
    """Decide when no usage below counts, or none is left."""
    below = _drop_attempts(call, [other for other in below if other.lost_to is None])
    if not below:
        return call
    if any(other.recorded_pusd is not None for other in below):
        call.recorded_pusd, call.covered = None, True
    unstated = [
        other
        for other in below
        if other.states_nothing
        and other.rule in _HAS_NO_FIGURES
        and (other.model_events or call.kind is not _MODEL)
    ]
    if len(unstated) == 1 and (
        call.kind is _MODEL or (call.silent and call.kind is unstated[0].kind)
    ):
        absorb(unstated[0], call, Rule.LAYER)
        return unstated[0]
    if call.kind is _EMBEDDING:
        below = _drop_events(call, below, unstated)
    if call.silent and _gives_way(below):
        call.silent = False
    if any(other.model_events for other in below):
        call.model_events = 0
    for other in unstated:
        if other.lost_to is None and _includes(call, other):
            other.covered, other.figures_at, other.rule = True, call, Rule.INCLUDED
    if not (
        call.usage_counts or call.model_events or call.silent or call.recorded_pusd is not None
    ):
        call.lose(below[0], Rule.EVENT)
    return call


def _drop_events(call: Call, below: list[Call], unstated: list[Call]) -> list[Call]:
    """Drop model events below an embedding that state nothing; return the calls that are left."""
    for other in unstated:
        other.model_events = 0
        if not other.silent and other.recorded_pusd is None:
            other.lose(call, Rule.LAYER)
    return [other for other in below if other.lost_to is None]


def _gives_way(below: list[Call]) -> bool:
    """Return whether calls may be all that a silent one above them made."""
    return any(
        other.settled or other.is_model_event or (other.silent and not other.failed)
        for other in below
    )


def _includes(call: Call, other: Call) -> bool:
    """Return whether the figures of a call include one below it that states none."""
    return call.usage_counts and (
        not other.silent or other.kind is call.kind or other.kind in _CONTAINERS
    )
