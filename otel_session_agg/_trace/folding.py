"""Fold ended spans into the trees of open ones.

How it works
------------
* Of an ended span only its counts are kept, and the call that it reported (``trace_calls``).
* Counts are attached to the nearest open ancestor and move up when that ends, so the state is
  bounded by the open spans and the recent calls.
* On the way up ``attribution`` decides to which session they belong.  Which calls count is decided
  when totals are asked for, not here.
* Counts are also attached to parents that are not known (these end without a start, or later than
  their children); nothing waits for those.
* A child that ends after its parent climbs up by what ``EndedSpans`` remembers.  The path is then
  remembered as one step, so that in a deep chain that ends from the outside in each span climbs
  once, not as often as there are spans below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._settings import Settings
from otel_session_agg._trace.call import Call, reports_call
from otel_session_agg._trace.call_totals import Price
from otel_session_agg._trace.caller import caller_of
from otel_session_agg._trace.counting import Counting
from otel_session_agg._trace.ended_spans import MAX_CLIMB, EndedSpans
from otel_session_agg._trace.session_key import NO_SESSION, SessionKey, within
from otel_session_agg._trace.totals import EventCounts, Node
from otel_session_agg._trace.trace import Trace
from otel_session_agg._trace.trace_calls import TraceCalls
from otel_session_agg._trace.tree import Place

_MODEL, _TOOL = Kind.MODEL, Kind.TOOL  # globals are read twenty times faster than an enum's members

MAX_AWAITED = 256
"""Parents per root that children named and that were not seen.

Most of them belong to another process, and never end here.
"""

_NONE: Mapping[int, object] = {}


class Folding:
    """Folds the ended spans of all traces of an engine; ``price`` returns a call's cost."""

    def __init__(self, ended_spans: EndedSpans, price: Price, settings: Settings) -> None:
        self.ended_spans = ended_spans
        self.counting = Counting(price, ended_spans, breakdown=settings.breakdown)
        self.breakdown_by = settings.breakdown_by

    def ended(self, trace: Trace, span: SpanData, reading: Reading) -> None:
        """Fold a span that ended below the root."""
        trace.has_changed = True
        trace.lacks |= reading.lacks
        if reading.user_id is not None or reading.metadata is not None:
            trace.attribution.label(span, reading)
        span_id, parent_id, was_open = span.span_id, span.parent_id, False
        session = self.ended_spans.add(trace.trace_id, span_id, parent_id, reading)
        opened = trace.opened
        if opened and span_id in opened:
            was_open = True
            del opened[span_id]
            if not opened:
                trace.opened = None  # an empty one keeps its memory
        self._keep(trace, span, reading, was_open=was_open)
        node = trace.nodes.pop(span_id, None) if trace.nodes else None
        is_stated = session[0] is not None
        found = trace.nodes.get(parent_id) if trace.nodes and parent_id is not None else None
        if found is not None:  # most have something attached already
            above = found
        else:
            above, session = self._above(trace, parent_id, session)
        if is_stated:
            trace.attribution.note_span(span, reading)
        counts: EventCounts = above
        if session[0] is not None:
            counts = trace.attribution.counts_for(session, above)
        counts.add(span, reading)
        if reading.kind is _TOOL and self.counting.breakdown:
            (counts.tools or counts.new_tools()).add(span, reading)
        if node is None:  # a leaf, as nearly all are
            return
        if counts is above:
            above.merge_below(node)
        else:
            node.move_counts_to(counts)

    def ended_plain(self, trace: Trace, span: SpanData, reading: Reading) -> bool:
        """Fold a span that states nothing but its kind and its session, as most spans do.

        Return whether it could be done in this one step: nothing is below it, its parent is open.
        """
        nodes, opened, span_id, parent_id = trace.nodes, trace.opened, span.span_id, span.parent_id
        if parent_id is None or (nodes and span_id in nodes):
            return False
        if trace.calls is not None and span_id in trace.calls.awaited:
            return False
        above = nodes.get(parent_id) if nodes else None
        if above is None:
            if parent_id == trace.root_id:
                above = trace.root = trace.root or Node()
            elif opened and parent_id in opened and parent_id != span_id:
                above = trace.node(parent_id)
            else:
                return False
        trace.has_changed = True
        session = self.ended_spans.add(trace.trace_id, span_id, parent_id, reading)
        if opened:
            opened.pop(span_id, None)
            if not opened:
                trace.opened = None
        counts: EventCounts = above
        if session[0] is not None:
            trace.attribution.note_span(span, reading)
            counts = trace.attribution.counts_for(session, above)
        counts.add_plain(span, reading.kind)
        if reading.kind is _TOOL and self.counting.breakdown:
            (counts.tools or counts.new_tools()).add(span, reading)
        return True

    def _keep(self, trace: Trace, span: SpanData, reading: Reading, *, was_open: bool) -> None:
        """Keep the call that a span reports, or where the span is if there are calls below it."""
        calls = trace.calls
        if reading.kind is _MODEL or reports_call(reading):
            call = Call(span, reading)
            if calls is None:
                calls = trace.calls = TraceCalls()
            if calls.repeated is None or not calls.repeats(call):
                calls.add(call, (trace.trace_id, trace.root_id, trace.opened, self.ended_spans))
        elif calls is None or span.span_id not in calls.awaited:
            return
        if span.span_id in calls.awaited:
            session = (reading.session_id, reading.session_is_weak)
            place = Place(span.parent_id, reading.kind is _TOOL, session, caller_of(reading))
            around = (trace.trace_id, trace.root_id, trace.opened, self.ended_spans)
            calls.put(span.span_id, place, around, was_open=was_open)
        if calls.is_full:
            self.counting.settle(trace, calls.num_kept)

    def keep_root(self, trace: Trace, span: SpanData, reading: Reading) -> None:
        """Keep the call that the root itself reports."""
        if reading.kind is _MODEL or reports_call(reading):
            trace.calls = trace.calls or TraceCalls()
            around = (trace.trace_id, trace.root_id, trace.opened, self.ended_spans)
            trace.calls.add(Call(span, reading), around)
            trace.calls.may_nest = True  # it is above all of them

    def _above(
        self, trace: Trace, parent_id: int | None, session: SessionKey
    ) -> tuple[Node, SessionKey]:
        """Return the node of the nearest open ancestor, or of one that is only named.

        Return also the session that counts of the one that a span states and those of its ancestors
        that have ended.
        """
        at, outer = self._climb(trace, parent_id)
        node = trace.root if at is None else trace.node(at)
        if node is None:
            node = trace.root = Node()
        return node, session if outer[0] is None else within(session, outer)

    def _climb(self, trace: Trace, parent_id: int | None) -> tuple[int | None, SessionKey]:
        """Find the span that counts are attached to, ``None`` for the root.

        Return also the session that the ended spans on the way state.
        """
        at: int | None = None
        session = NO_SESSION
        path: list[int] = []
        opened, nodes = trace.opened or _NONE, trace.nodes or _NONE
        for _ in range(MAX_CLIMB):
            if parent_id is None or parent_id in opened or parent_id in nodes:
                at = parent_id
                break
            if parent_id == trace.root_id:
                break
            link = self.ended_spans.get(trace.trace_id, parent_id)
            if link is None:
                place = trace.calls.link(parent_id) if trace.calls is not None else None
                if place is not None:  # it ended long ago
                    parent_id, session = place.parent_id, within(session, place.session)
                    continue
                if len(trace.nodes or ()) < MAX_AWAITED + len(trace.opened or ()):
                    at = parent_id
                break
            session = within(session, link[3])
            path.append(parent_id)
            parent_id = link[1]
        if path:
            self.ended_spans.shorten(trace.trace_id, path, parent_id, trace.calls or ())
        return at, session

    # -- bounds -----------------------------------------------------------------------------

    def give_up(self, trace: Trace, span_ids: Iterable[int]) -> None:
        """Stop waiting for spans; what is attached to them moves up."""
        trace.has_changed = True
        opened, calls = trace.opened, trace.calls
        for span_id in span_ids:
            parent_id = opened.pop(span_id, None) if opened is not None else None
            self.ended_spans.keep(trace.trace_id, span_id, parent_id)
            if calls is not None and span_id in calls.awaited:
                place, was_open = Place(parent_id), parent_id is not None
                around = (trace.trace_id, trace.root_id, opened, self.ended_spans)
                calls.put(span_id, place, around, was_open=was_open)
            node = trace.nodes.pop(span_id, None) if trace.nodes else None
            if node is not None:
                above, session = self._above(trace, parent_id, NO_SESSION)
                if session[0] is None:
                    above.merge_below(node)
                else:
                    node.move_counts_to(trace.attribution.counts_for(session, above))

    def settle(self, trace: Trace) -> None:
        """Keep only the totals: nothing can be corrected any more."""
        self.give_up(trace, list(reversed(trace.opened or {})))
        while trace.nodes:
            self.give_up(trace, list(trace.nodes))
        self.counting.settle(trace)
