"""Decide which calls of a trace count: one pass over all reports, whatever order they came in.

Every span that is a model's, was billed, or states figures reports a call.  The pass goes from the
leaves up, as if each span had ended when it and all below it had, so the order of ends makes no
difference.  A report counts, or it loses to another call by one of these rules (``rules``).

One span above others (``nesting``)
    * Leaf wins: usage counts if and only if no usage below it counts.
    * Usage of other kinds than model and embedding is weak, and so is a model server's own span:
      weak usage also loses against a model or embedding with usage above it.
    * A call behind a tool below a model call is another call, not a part of it; so is an embedding
      with another input.  A guardrail's cost is a fee on top: no part of any call.
    * What only the span above states is kept where it is certain to be of the same call: when it is
      a call above one with usage, or a container with the figures of its only call.
    * A model event counts as one when no model event below it does; failed attempts inside one that
      succeeded do not count.  A model's span below an embedding that states nothing is no event.
    * A model call above one that states nothing is that call; of several below it, the figures
      above are those of all.
    * A container's recorded cost stands for its calls when none of them has one of its own.
    * A span that was billed, states no figures and is no model event (an embedding, a reranker, an
      agent without spans for its calls) gives way to any call below it.  Figures above it include
      the calls of agents, but no other such spans.
    * Figures that are known to be misplaced are those of a call below, or a call of their own.
Spans that do not nest (``same_call``, found by ``duplicates``)
    * The same response id with figures that do not contradict is the same call.
    * Reports of two scopes at one time, whose figures do not contradict, are of one call.  A call
      takes one report of each scope; one with the same figures takes the place of one without any.
    * A run of an agent that states nothing gives way to a call of another scope that begins in its
      time.

What a report that loses states and the winner does not is merged (``merging``).

What the pass cannot know
    * A call that no span reports, and whether figures that only a container states are of one call.
    * Two calls of one scope with one response id and equal figures (a cache that answers twice).
    * Which of several calls at one time and with equal figures two scopes mean: their sum is right.
    * How far the clocks of several hosts are apart: times decide about reports that do not nest.
    * Of more than ``LOOK_BACK`` calls at one time that state nothing, which are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from otel_session_agg._model.span import Kind
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.duplicates import Standing, are_all_different
from otel_session_agg._trace.nesting import Below, nest
from otel_session_agg._trace.rules import MERGED
from otel_session_agg._trace.tree import Above, Mark, Tree

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member
_NOTHING_BELOW: Below = {}


def resolve(calls: Collection[Call], tree: Tree, marks: Iterable[Mark] = ()) -> dict[Call, Above]:
    """Decide about calls of a trace: all of them, or all that are connected with some.

    Calls are connected when one is the nearest above the other, when they have the same response
    id, and when they are of different scopes and in each other's time.  ``marks``: of settled ones.
    Return the nearest call above each.
    """
    for call in calls:
        if call.is_changed:
            call.reset()
    outer = tree.outer(calls)
    below = _marked(tree, marks)
    is_nested = below or any(above is not None for above, _ in outer.values())
    if is_nested or (len(outer) > 1 and not are_all_different(calls)):
        _decide(outer, below)
    return outer


def _marked(tree: Tree, marks: Iterable[Mark]) -> dict[Call, Below]:
    """Return the marks below each call."""
    below: dict[Call, Below] = {}
    for mark in marks:
        above, is_tool = tree.above(mark.parent_id)
        if above is not None:
            below.setdefault(above, {})[mark.call] = mark.is_behind_tool or is_tool
    return below


def _decide(outer: Mapping[Call, Above], below: dict[Call, Below]) -> None:
    """Decide about calls from the leaves up; ``below``: what is below each, filled on the way."""
    standing = Standing(outer)
    for ended_ns, call in _leaves_first(outer):
        nested = _counting(below.pop(call, _NOTHING_BELOW))
        one = nest(call, nested) if nested else call
        if one.lost_to is None:
            one = standing.place(one, ended_ns, nested)
        elif "response_id" in one.gave:
            one = standing.place_named(one.winner(), ended_ns, nested)
        above, is_tool = outer[call]
        if above is not None:
            is_cut = is_tool or call.kind is _TOOL
            _hang(below.setdefault(above, {}), nested, one, is_tool=is_tool, is_cut=is_cut)


def _counting(nested: Below) -> Below:
    """Return the calls below a span that stand, in place of other reports of them."""
    for call in nested:
        if call.lost_to is not None:
            break
    else:
        return nested
    found: Below = {}
    for call, is_behind in nested.items():
        if call.lost_to is None or call.rule in MERGED:
            one = call.winner()
            found[one] = is_behind and found.get(one, True)
    return found


def _hang(hung: Below, nested: Below, one: Call, *, is_tool: bool, is_cut: bool) -> None:
    """Hang what is left below a call, and what that stands for, at the next call above."""
    for other, is_behind in nested.items():
        if other.lost_to is None:
            hung[other] = (is_behind or is_cut) and hung.get(other, True)
    if one.lost_to is None and one not in nested:
        hung[one] = is_tool and hung.get(one, True)


def _leaves_first(outer: Mapping[Call, Above]) -> list[tuple[int, Call]]:
    """Return calls in the order in which they and all below them had ended, and when that was."""
    ends = {call: call.end_ns for call in outer}
    inner = [call for call, (above, _) in outer.items() if above is not None]
    inner.sort(key=_latest_first)  # so that no end is put off twice
    for call in inner:
        at, above = call, outer[call][0]
        while above is not None and ends[above] <= ends[at]:
            ends[above] = ends[at] + 1
            at, above = above, outer[above][0]
    rows = [(ended_ns, call.start_ns, call.span_id, call) for call, ended_ns in ends.items()]
    rows.sort()
    return [(row[0], row[3]) for row in rows]


def _latest_first(call: Call) -> tuple[int, int, int]:
    return -call.end_ns, call.start_ns, call.span_id
