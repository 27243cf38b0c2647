"""Fold ended spans into the trees of open ones.

How it works
------------
* Of an ended span only the call is kept that it reported.
* A call is attached to the nearest open ancestor and moves up when that ends, so the state is
  bounded by the open spans and the window of recent calls.
* On the way up ``nesting`` decides which calls count, and ``attribution`` to which session they
  belong.
* A span is decided about when it and all spans below it have ended (``outlived``), so the order of
  ends makes no difference where starts are seen.
* Calls are also attached to parents that are not known (these end without a start, or later than
  their children); nothing waits for those.
* A child that ends after its parent climbs up by what ``EndedSpans`` remembers.  The path is then
  remembered as one step, so that in a deep chain that ends from the outside in each span climbs
  once, not as often as there are spans below it.
* An ended span that reported a call stays in the window, so a late descendant still corrects it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._trace.call import SETTLED, Call, flags_of, put_behind_tool, reports_call
from otel_session_agg._trace.duplicates import Window
from otel_session_agg._trace.ended_spans import MAX_CLIMB, EndedSpans
from otel_session_agg._trace.nesting import nest, nest_late
from otel_session_agg._trace.outlived import MAX_WAITING, Outlived, OutlivedSpan
from otel_session_agg._trace.totals import EventCounts, Node, Price
from otel_session_agg._trace.trace import FOLDED, Trace

_MODEL, _TOOL = Kind.MODEL, Kind.TOOL  # globals are read twenty times faster than an enum's members

MAX_AWAITED = 256
"""Parents per root that children named and that were not seen.

Most of them belong to another process, and never end here.
"""

_NONE: Mapping[int, object] = {}


class Folding:
    """Folds the ended spans of all traces of an engine; ``price`` returns a call's cost."""

    def __init__(self, ended_spans: EndedSpans, price: Price) -> None:
        self.ended_spans = ended_spans
        self.price = price

    def ended(self, trace: Trace, span: SpanData, reading: Reading) -> None:
        """Fold a span that ended below the root, or let it wait for open spans below it."""
        trace.has_changed = True
        trace.lacks |= reading.lacks
        if reading.user_id is not None or reading.metadata is not None:
            trace.attribution.label(span, reading)
        self.ended_spans.add(span, reading.kind)
        opened, span_id = trace.opened, span.span_id
        if not opened or span_id not in opened:
            self._fold_span(trace, span, reading)
            return
        outlived = trace.outlived
        if outlived is None and (
            reading.usage is not None or reading.kind is _MODEL or reading.is_billed
        ):
            outlived = trace.outlived = self._outlived(trace, opened)
        parent_id = opened.pop(span_id)
        if outlived is None:
            self._fold_span(trace, span, reading)
        elif span_id in outlived.num_below and trace.state < FOLDED:
            self._wait(trace, outlived, OutlivedSpan(span, reading, parent_id))
        else:
            self._fold_span(trace, span, reading)
            self._child_done(trace, parent_id)

    # -- spans that wait for those below them -----------------------------------------------

    def _outlived(self, trace: Trace, opened: dict[int, int | None]) -> Outlived:
        """Count the children of open spans, from the first call on."""
        for span_id, parent_id in opened.items():
            if parent_id not in opened and parent_id != trace.root_id:
                opened[span_id] = self.ended_spans.nearest(trace.trace_id, parent_id, opened)
        return Outlived(opened.values())

    def _wait(self, trace: Trace, outlived: Outlived, ended: OutlivedSpan) -> None:
        """Let a span wait for open spans below it; all but its call counts now."""
        span, reading, _ = ended
        trace.node(span.span_id).add(span, reading)
        if reading.session_id is not None:
            trace.attribution.note_span(span, reading)
        outlived.wait(ended)
        if len(outlived.spans) > MAX_WAITING:
            oldest = outlived.pop_oldest()
            self._fold_waited(trace, oldest)
            self._child_done(trace, oldest.parent_id)

    def _child_done(self, trace: Trace, parent_id: int | None) -> None:
        """Count off an open child of a span, and decide about spans that waited only for it."""
        outlived = trace.outlived
        while outlived is not None:
            ended = outlived.done(parent_id)
            if ended is None:
                break
            self._fold_waited(trace, ended)
            parent_id = ended.parent_id
        if not trace.opened and outlived is not None and outlived.spans:  # a ring of parents
            self.stop_all_waiting(trace, outlived)

    def stop_all_waiting(self, trace: Trace, outlived: Outlived) -> None:
        """Decide about all waiting spans, whatever is open below them.

        The innermost come first: what is below a span stays attached to it until then.
        """
        for span_id in outlived.innermost_first():
            self._fold_waited(trace, outlived.spans.pop(span_id))

    def _fold_waited(self, trace: Trace, ended: OutlivedSpan) -> None:
        """Decide about a span that has waited; all but its call counted before."""
        span, reading, _ = ended
        node = (trace.nodes.pop(span.span_id, None) if trace.nodes else None) or Node()
        flags = self.decide(trace, span, reading, node)
        if reading.session_id is not None:
            trace.attribution.attribute(node, reading)
        self._attach(trace, node.calls, flags, span.parent_id).merge_below(node)

    # -- spans whose turn has come ----------------------------------------------------------

    def _fold_span(self, trace: Trace, span: SpanData, reading: Reading) -> None:
        """Decide about a span and what is attached to it, and move that up."""
        node = trace.nodes.pop(span.span_id, None) if trace.nodes else None
        if node is None:
            self._fold_leaf(trace, span, reading)
            return
        flags = self.decide(trace, span, reading, node)
        counts_at: EventCounts | None = None
        if reading.session_id is not None:
            trace.attribution.note_span(span, reading)
            counts_at = trace.attribution.attribute(node, reading)
        ancestor = self._attach(trace, node.calls, flags, span.parent_id)
        (counts_at or ancestor).add(span, reading)
        ancestor.merge_below(node)

    def _fold_leaf(self, trace: Trace, span: SpanData, reading: Reading) -> None:
        """Fold a span that nothing is attached to, as nearly all are: only its call moves up."""
        calls: list[Call] = []
        flags, session = 0, reading.session_id
        if reading.kind is _MODEL or reports_call(reading):
            flags = self._fold_call(trace, span, reading, calls, flags)
        if session is None:
            self._attach(trace, calls, flags, span.parent_id).add(span, reading)
            return
        is_weak, attribution = reading.session_is_weak, trace.attribution
        for call in calls:
            call.belongs_to(session, is_weak=is_weak)
        attribution.note_span(span, reading)
        counts_at = None if is_weak else attribution.counts_of(session)
        ancestor = self._attach(trace, calls, flags, span.parent_id)
        (counts_at or (ancestor.weak_counts(session) if is_weak else ancestor)).add(span, reading)

    def decide(self, trace: Trace, span: SpanData, reading: Reading, node: Node) -> int:
        """Decide between the call that a span reports, if any, and the calls attached to it.

        ``node.calls`` is changed to those that are left; return their flags.
        """
        if reading.kind is _MODEL or reports_call(reading):
            return self._fold_call(trace, span, reading, node.calls, node.flags)
        return put_behind_tool(node.calls, node.flags) if reading.kind is _TOOL else node.flags

    def _fold_call(
        self, trace: Trace, span: SpanData, reading: Reading, calls: list[Call], flags: int
    ) -> int:
        """Decide between the call that a span reports and the calls below it.

        ``calls`` is changed to those that are left; return their flags.
        """
        outer = Call(span, reading)
        if trace.window is None:
            trace.window = Window()
        if not calls and not flags:  # a leaf, as nearly all calls are
            call, oldest = trace.window.place(outer, calls)
            if oldest is not None and oldest.alive:
                trace.attribution.settle((oldest,), self.price)
            calls.append(call)
            return flags_of(outer) if call is outer else flags_of(outer) | flags_of(call)
        nested = nest(outer, reading, calls, flags)
        if reading.kind is _TOOL:
            flags = put_behind_tool(calls, flags)
        if nested is not None:
            flags |= flags_of(nested)
            nested, oldest = trace.window.place(nested, calls)
            if oldest is not None and oldest.alive:
                trace.attribution.settle((oldest,), self.price)
            flags |= flags_of(nested)
        flags |= SETTLED if any(other.settled for other in calls) else 0
        calls[:] = [other for other in calls if other.alive and other is not nested]
        if nested is not None:
            calls.append(nested)
        elif not outer.alive:  # what it reported went to one of these
            for other in calls:
                trace.window.index(other)
                flags |= flags_of(other)
        return flags

    def _attach(self, trace: Trace, calls: list[Call], flags: int, parent_id: int | None) -> Node:
        """Attach calls to the nearest open ancestor, or one that is only named; return its node."""
        node = trace.nodes.get(parent_id) if trace.nodes and parent_id is not None else None
        if node is None:  # most have something attached already
            at, calls, flags = self._climb(trace, calls, flags, parent_id)
            node = trace.root if at is None else trace.node(at)
            if node is None:
                node = trace.root = Node()
        return node.with_calls(calls, flags) if calls or flags else node

    def _climb(
        self, trace: Trace, calls: list[Call], flags: int, parent_id: int | None
    ) -> tuple[int | None, list[Call], int]:
        """Find the span that calls are attached to, ``None`` for the root.

        An ended ancestor that reported a call is decided about again on the way: return also the
        calls and flags that are left.
        """
        at: int | None = None
        path: list[int] = []
        window, opened = trace.window, trace.opened or _NONE
        waiting = trace.outlived.spans if trace.outlived is not None else _NONE
        for _ in range(MAX_CLIMB):
            if parent_id is None or parent_id in opened or parent_id in waiting:
                at = parent_id
                break
            ended = window.by_span(parent_id) if window is not None else None
            if ended is not None and (calls or flags) and ended not in calls:
                calls, flags = nest_late(ended, calls, flags)
            if parent_id == trace.root_id:
                break
            link = self.ended_spans.get(trace.trace_id, parent_id)
            if link is None:
                if len(trace.nodes or ()) < MAX_AWAITED + len(trace.opened or ()):
                    at = parent_id
                break
            if ended is None:
                path.append(parent_id)
            else:  # it must be met each time, so the path is not shortened past it
                self.ended_spans.shorten(trace.trace_id, path, parent_id)
                path = []
            _, parent_id, tool = link
            flags = put_behind_tool(calls, flags) if tool else flags
        if path:
            self.ended_spans.shorten(trace.trace_id, path, parent_id)
        return at, calls, flags

    # -- bounds -----------------------------------------------------------------------------

    def give_up(self, trace: Trace, span_ids: Iterable[int]) -> None:
        """Stop waiting for spans; what is attached to them moves up."""
        trace.has_changed = True
        opened = trace.opened
        for span_id in span_ids:
            is_open = opened is not None and span_id in opened
            parent_id = opened.pop(span_id) if opened is not None and is_open else None
            self.ended_spans.keep(trace.trace_id, span_id, parent_id)
            node = trace.nodes.pop(span_id, None) if trace.nodes else None
            if node is not None:
                self._attach(trace, node.calls, node.flags, parent_id).merge_below(node)
            if is_open:
                self._child_done(trace, parent_id)

    def settle(self, trace: Trace) -> None:
        """Keep only the totals: nothing can be corrected any more."""
        self.give_up(trace, list(reversed(trace.opened or {})))
        while trace.nodes:
            self.give_up(trace, list(trace.nodes))
        self.settle_calls(trace, trace.recent_calls())
        if trace.root is not None:
            trace.root.flags, trace.root.calls = 0, []

    def settle_calls(self, trace: Trace, calls: list[Call]) -> None:
        """Add ``calls``, which are all recent calls of a trace, to its totals for good."""
        trace.window = None
        trace.attribution.settle(calls, self.price)
        for node in trace.attached():
            if node.calls:
                node.flags |= SETTLED
                node.calls = []
