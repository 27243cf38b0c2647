"""Choose the calls of a trace that are added up for good, and what stays of them.

A trace keeps a bounded number of calls (``trace_calls``).  Of too many, the oldest *groups* are
settled: calls that are below or above each other, or reports of one call.  What a group means to
the spans above it stays as a mark at the nearest ancestor that has not ended: figures above it do
not count beside those of the group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import Call, winners
from otel_session_agg._trace.tree import Above, Mark, Tree

_TOOL, _EMBEDDING, _MODEL = Kind.TOOL, Kind.EMBEDDING, Kind.MODEL

MAX_WAITING = 1024
"""Calls up to which those are kept that something is open below; then half as many are.

A stream may outlive the spans above it, and what those state is known better then.  More concurrent
calls were never seen.
"""

MAX_MARKS = 256
"""Ancestors per root that are only named and have marks; the root gets those of any others."""


def oldest(
    outer: Mapping[Call, Above], opened: Iterable[int], tree: Tree, keep: int
) -> Iterator[Call]:
    """Yield calls that may be settled, whole groups, until ``keep`` others are left.

    ``outer``: the nearest call above each.  The oldest come first.  Those with something open
    below may only be settled if there are very many, or if none is to be left.
    """
    leaders = _leaders(outer)
    groups: dict[Call, list[Call]] = {}
    for call, leader in leaders.items():
        groups.setdefault(leader, []).append(call)
    above_open = [tree.above(span_id)[0] for span_id in opened]
    waiting = {leaders[above] for above in above_open if above is not None}
    ages = {one: (one in waiting, max(c.end_ns for c in group)) for one, group in groups.items()}
    num_waiting = sum(len(groups[one]) for one in waiting)
    left = {False: len(outer) - num_waiting, True: num_waiting}
    most = {False: keep, True: MAX_WAITING // 2 if num_waiting > MAX_WAITING else num_waiting}
    for one in sorted(groups, key=lambda one: ages[one]):
        is_waiting = one in waiting
        if not keep or left[is_waiting] > most[is_waiting]:
            left[is_waiting] -= len(groups[one])
            yield from groups[one]


def _leaders(outer: Mapping[Call, Above]) -> dict[Call, Call]:
    """Return one call of its group for each: the same for all of a group."""
    leader = {call: call for call in outer}

    def find(call: Call) -> Call:
        while leader[call] is not call:
            leader[call] = leader[leader[call]]
            call = leader[call]
        return call

    for call, (above, _) in outer.items():
        for other in (above, call.lost_to, call.figures_at):
            if other is not None and other in leader:
                leader[find(call)] = find(other)
    return {call: find(call) for call in outer}


def marks_of(
    gone: Collection[Call],
    before: Iterable[Mark],
    outer: Mapping[Call, Above],
    tree: Tree,
    num_open: int,
) -> list[Mark]:
    """Return the marks of a trace when calls are settled, each above all reports around it.

    ``before``: its marks until now; those of spans that have ended since move up.
    """
    marks: dict[tuple[int | None, bool, bool], Mark] = {}

    def put(parent_id: int | None, call: Call, *, is_behind: bool) -> None:
        above_id, is_tool = tree.not_ended(parent_id, gone)
        if tree.is_top(above_id):
            return  # the root itself was decided about with these
        is_behind, is_embedding = is_behind or is_tool, call.kind is _EMBEDDING
        if (above_id, is_behind, is_embedding) not in marks and len(marks) >= MAX_MARKS + num_open:
            above_id = None
        key = (above_id, is_behind, is_embedding)
        if key not in marks:
            mark = Call.mark(_EMBEDDING if is_embedding else _MODEL)
            marks[key] = Mark(above_id, is_behind, mark)
        marks[key].note(call)

    for mark in before:
        put(mark.parent_id, mark.call, is_behind=mark.is_behind_tool)
    tops, counting = _outermost(gone, outer), winners(gone)
    for call in gone:
        if not counting[call].is_fee:
            top, is_behind = tops[call]
            put(top.parent_id, counting[call], is_behind=is_behind)
    return list(marks.values())


def _outermost(calls: Iterable[Call], outer: Mapping[Call, Above]) -> dict[Call, tuple[Call, bool]]:
    """Return the outermost call above each, and whether a tool is on the way."""
    found: dict[Call, tuple[Call, bool]] = {}
    for call in calls:
        path: list[tuple[Call, bool]] = []
        at = call
        while at not in found:
            above, is_tool = outer[at]
            if above is None:
                found[at] = (at, False)
            else:
                path.append((at, is_tool or above.kind is _TOOL))
                at = above
        top, is_behind = found[at]
        for one, is_cut in reversed(path):
            is_behind = is_behind or is_cut
            found[one] = (top, is_behind)
    return found
