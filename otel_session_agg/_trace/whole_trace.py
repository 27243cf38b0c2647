"""Traces of which all spans are at hand: one root, everything below it, and times that nest.

Such a trace is folded in one go, span by span as they ended, with the same results as by starts and
ends one after the other: nothing in it waits, is late, or has a parent that is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._trace.call import Call, reports_call
from otel_session_agg._trace.caller import caller_of
from otel_session_agg._trace.totals import Node
from otel_session_agg._trace.trace import Trace
from otel_session_agg._trace.trace_calls import TraceCalls
from otel_session_agg._trace.tree import Place

MAX_SPANS = 200
"""So few that all of their calls can be decided about at the end, and nothing is settled before."""

_END, _SESSION = attrgetter("end_ns"), attrgetter("session_id")
_MODEL, _TOOL = Kind.MODEL, Kind.TOOL  # globals are read twenty times faster than an enum's members


def in_order_of_ends(spans: Mapping[int, SpanData]) -> list[SpanData] | None:
    """Return the spans of a trace, by id, as they ended: the root last; ``None``: it is no such."""
    if len(spans) > MAX_SPANS:
        return None
    root: SpanData | None = None
    has_equal = False
    for span in spans.values():
        parent_id = span.parent_id
        if parent_id is None:
            if root is not None or span.carried_parent_id is not None:
                return None
            root = span
            continue
        parent = spans.get(parent_id)
        if (
            parent is None
            or parent is span
            or span.start_ns < parent.start_ns
            or (end_ns := span.end_ns) > (parent_end_ns := parent.end_ns)
            or end_ns < span.start_ns
        ):
            return None
        if end_ns == parent_end_ns:
            has_equal = True
    if root is None or root.end_ns < root.start_ns:
        return None
    found = list(spans.values())
    found.sort(key=_END)  # spans of equal ends stay as they came: mostly inner ones first
    return _with_root_last(found, root) if has_equal else found  # else each ended first


def _with_root_last(found: list[SpanData], root: SpanData) -> list[SpanData] | None:
    """Return spans with the root at the end; ``None``: one is not before its parent."""
    if found[-1] is not root:
        found.remove(root)
        found.append(root)
    ended: set[int] = set()
    for span in found:
        if span.parent_id in ended:  # both ended at once, or each is below the other
            return None
        ended.add(span.span_id)
    return found


def state_one_session(readings: Iterable[Reading]) -> bool:
    """Return whether spans state one session at most."""
    stated = set(map(_SESSION, readings))
    return len(stated - {None}) <= 1


def fold_at_once(
    trace: Trace, spans: Sequence[SpanData], readings: Sequence[Reading], *, breakdown: bool
) -> None:
    """Fold all spans below the root of a trace that is whole and is in one session at most.

    All is attached to the root.  ``spans``: as they ended.
    """
    counts, calls, attribution = Node(), TraceCalls(), trace.attribution
    trace.root, attribution.is_in_one = counts, True
    above_calls: set[int | None] = set()
    num_plain = 0
    for span, reading in zip(spans, readings, strict=True):
        is_plain, kind = reading.is_plain, reading.kind
        if reading.session_id is not None:
            attribution.note_span(span, reading)
        if is_plain:
            num_plain += 1
        else:
            counts.add(span, reading)
            trace.lacks |= reading.lacks
            if reading.user_id is not None or reading.metadata is not None:
                attribution.label(span, reading)
        if kind is _TOOL:
            counts.num_tools += is_plain
            if breakdown:
                (counts.tools or counts.new_tools()).add(span, reading)
        if not is_plain and (kind is _MODEL or reports_call(reading)):
            calls.add_whole(Call(span, reading), nests=span.span_id in above_calls)
            above_calls.add(span.parent_id)
        elif span.span_id in above_calls:
            calls.place(span.span_id, _place(span, reading))
            above_calls.add(span.parent_id)
    counts.num_events += num_plain
    if calls.calls:
        trace.calls, calls.fresh = calls, [*calls.calls.values()]


def _place(span: SpanData, reading: Reading) -> Place:
    session = (reading.session_id, reading.session_is_weak)
    return Place(span.parent_id, reading.kind is _TOOL, session, caller_of(reading))
