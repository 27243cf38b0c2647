"""Fold ended spans into the tree of open ones below one session root.

How it works
------------
* Of an open span its id and its parent are kept; of an ended one only the call that it reported.
* A call is attached to the nearest open ancestor and moves up when that ends, so the state is
  bounded by the open spans and the window of recent calls.
* On the way up ``nesting`` decides which calls count, and ``attribution`` to which session they
  belong.
* A span is decided about when it and all spans below it have ended (``outlived``), so the order of
  ends makes no difference where starts are seen.
* Calls are also attached to parents that are not known (these end without a start, or later than
  their children); nothing waits for those.
* An ended span that reported a call stays in the window, so a late descendant still corrects it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._trace.call import SETTLED, Call, flags_of, put_behind_tool, reports_call
from otel_session_agg._trace.duplicates import Window
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.nesting import nest
from otel_session_agg._trace.node import EventCounts, Node
from otel_session_agg._trace.outlived import MAX_WAITING, Outlived, OutlivedSpan
from otel_session_agg._trace.placement import Placement
from otel_session_agg._trace.totals import Price

_MODEL, _TOOL = Kind.MODEL, Kind.TOOL  # globals are read twenty times faster than an enum's members


class OpenTree(Placement):
    """The spans below one session root."""

    __slots__ = ()

    # -- open spans -------------------------------------------------------------------------

    def started(self, span_id: int, parent_id: int | None) -> int:
        """Add a span that started below the root; return the number of open spans."""
        self.opened = self.opened or {}
        self.opened[span_id] = parent_id
        if self.outlived is not None:
            self.outlived.began(parent_id)
        self.has_changed = True  # it may name a session
        return len(self.opened)

    def put_below(self, root_id: int) -> None:
        """Put the open root below its parent, which takes its place."""
        span_id = self.demoted_id = self.root_id or 0
        self.opened = {span_id: root_id, **(self.opened or {})}
        if self.outlived is not None:
            self.outlived.began(root_id)
        if self.root is not None:
            self.nodes = {**(self.nodes or {}), span_id: self.root}
            self.root = None
        self.root_id, self.above_id, self.is_part, self.has_changed = root_id, None, False, True

    def note_first(self, span: SpanData) -> None:
        """Note an ended span: where no root is known, the span that began first stands for it."""
        if self.root_id is None:
            at = (span.start_ns, span.span_id, span.end_ns)
            self.first = at if self.first is None else min(at, self.first)

    def give_up(self, span_ids: Iterable[int], ended_spans: EndedSpans, price: Price) -> None:
        """Stop waiting for spans; what is attached to them moves up."""
        self.has_changed = True
        for span_id in span_ids:
            is_open = self.opened is not None and span_id in self.opened
            parent_id = self.opened.pop(span_id) if self.opened is not None and is_open else None
            ended_spans.keep(self.trace_id, span_id, parent_id)
            node = self.nodes.pop(span_id, None) if self.nodes else None
            if node is not None:
                self._attach(node.calls, node.flags, parent_id, ended_spans).merge_below(node)
            if is_open:
                self._child_done(parent_id, ended_spans, price)

    def oldest_open(self, how_many: int) -> list[int]:
        """Return the spans that have been open longest."""
        return list(islice(self.opened or (), how_many))

    def settle(self, ended_spans: EndedSpans, price: Price) -> None:
        """Keep only the totals: nothing can be corrected any more."""
        self.give_up(list(reversed(self.opened or {})), ended_spans, price)
        while self.nodes:
            self.give_up(list(self.nodes), ended_spans, price)
        self.settle_calls(price)
        if self.root is not None:
            self.root.flags, self.root.calls = 0, []

    def settle_calls(self, price: Price) -> None:
        """Add all recent calls to the totals for good."""
        calls = self.window.calls() if self.window is not None else []
        self.window = None
        self.attribution.settle(calls, price)
        for node in self.all_nodes():
            if node.calls:
                node.flags |= SETTLED
                node.calls = []

    # -- ended spans ------------------------------------------------------------------------

    def ended(
        self, span: SpanData, reading: Reading, ended_spans: EndedSpans, price: Price
    ) -> None:
        """Fold a span that ended below the root, or let it wait for open spans below it."""
        self.has_changed = True
        self.lacks |= reading.lacks
        if reading.user_id is not None or reading.metadata is not None:
            self.attribution.label(span, reading)
        ended_spans.add(span, reading.kind)
        if not self.opened or span.span_id not in self.opened:
            self._fold_span(span, reading, ended_spans, price)
            return
        outlived = self.outlived
        if outlived is None and (
            reading.usage is not None or reading.kind is _MODEL or reading.is_billed
        ):
            outlived = self.outlived = Outlived(self.opened, self.trace_id, ended_spans)
        parent_id = self.opened.pop(span.span_id)
        if outlived is None:
            self._fold_span(span, reading, ended_spans, price)
        elif outlived.is_outlived(span.span_id) and not self.is_folded:
            self._wait(outlived, OutlivedSpan(span, reading, parent_id), ended_spans, price)
        else:
            self._fold_span(span, reading, ended_spans, price)
            self._child_done(parent_id, ended_spans, price)

    def _wait(
        self, outlived: Outlived, ended: OutlivedSpan, ended_spans: EndedSpans, price: Price
    ) -> None:
        """Let a span wait for open spans below it; all but its call counts now."""
        span, reading, parent_id = ended
        self._node(span.span_id).add(span, reading)
        if reading.session_id is not None:
            self.attribution.note(
                span.start_ns, span.span_id, reading.session_id, is_weak=reading.session_is_weak
            )
        outlived.wait(span, reading, parent_id)
        if len(outlived.spans) > MAX_WAITING:
            self._stop_waiting(outlived.pop_oldest(), ended_spans, price)

    def _stop_waiting(self, ended: OutlivedSpan, ended_spans: EndedSpans, price: Price) -> None:
        """Decide about a span that stops waiting, and about spans above that waited only for it."""
        self._fold_waited(ended, ended_spans, price)
        self._child_done(ended.parent_id, ended_spans, price)

    def _child_done(self, parent_id: int | None, ended_spans: EndedSpans, price: Price) -> None:
        """Count off an open child of a span, and decide about spans that waited only for it."""
        outlived = self.outlived
        while outlived is not None:
            ended = outlived.done(parent_id)
            if ended is None:
                break
            self._fold_waited(ended, ended_spans, price)
            parent_id = ended.parent_id
        if not self.opened and outlived is not None and outlived.spans:  # a ring of parents
            self.stop_all_waiting(ended_spans, price)

    def stop_all_waiting(self, ended_spans: EndedSpans, price: Price) -> None:
        """Decide about all waiting spans, innermost first, whatever is open below them."""
        outlived = self.outlived
        if outlived is not None and outlived.spans:
            # innermost first: what is below a span stays attached to it until it is decided about
            for span_id in outlived.innermost_first():
                self._fold_waited(outlived.spans.pop(span_id), ended_spans, price)

    def _fold_waited(self, ended: OutlivedSpan, ended_spans: EndedSpans, price: Price) -> None:
        """Decide about a span that has waited; all but its call counted before."""
        span, reading, _ = ended
        node = self.nodes.pop(span.span_id, None) if self.nodes else None
        node = node or Node()
        flags = self._fold_call(span, reading, node.calls, node.flags, price)
        if reading.session_id is not None:
            self.attribution.attribute(node, reading)
        self._attach(node.calls, flags, span.parent_id, ended_spans).merge_below(node)

    def _fold_span(
        self, span: SpanData, reading: Reading, ended_spans: EndedSpans, price: Price
    ) -> None:
        """Decide about a span and what is attached to it, and move that up."""
        node = self.nodes.pop(span.span_id, None) if self.nodes else None
        # a leaf, as nearly all are: only its own call moves up
        if node is None and reading.session_id is None:
            calls: list[Call] = []
            flags = self._fold_call(span, reading, calls, 0, price) if reports_call(reading) else 0
            self._attach(calls, flags, span.parent_id, ended_spans).add(span, reading)
            return
        node = node or Node()
        flags = self._fold_call(span, reading, node.calls, node.flags, price)
        counts_at: EventCounts | None = None
        if reading.session_id is not None:
            self.attribution.note(
                span.start_ns, span.span_id, reading.session_id, is_weak=reading.session_is_weak
            )
            counts_at = self.attribution.attribute(node, reading)
        ancestor = self._attach(node.calls, flags, span.parent_id, ended_spans)
        (counts_at or ancestor).add(span, reading)
        ancestor.merge_below(node)

    def _fold_call(
        self, span: SpanData, reading: Reading, calls: list[Call], flags: int, price: Price
    ) -> int:
        """Decide between the call that a span reports and the calls below it.

        ``calls`` is changed to those that are left; return their flags.
        """
        if not reports_call(reading):
            return put_behind_tool(calls, flags) if reading.kind is _TOOL else flags
        outer = Call(span, reading)
        if not calls and not flags:  # a leaf, as nearly all calls are
            calls.append(self._place(outer, calls, price))
            return flags_of(outer) if calls[0] is outer else flags_of(outer) | flags_of(calls[0])
        call = nest(outer, reading, calls, flags)
        if reading.kind is _TOOL:
            flags = put_behind_tool(calls, flags)
        if call is not None:
            flags |= flags_of(call)
            call = self._place(call, calls, price)
            flags |= flags_of(call)
        flags |= SETTLED if any(other.settled for other in calls) else 0
        calls[:] = [other for other in calls if other.alive and other is not call]
        if call is not None:
            calls.append(call)
        elif not outer.alive and self.window is not None:  # what it reported went to one of these
            for other in calls:
                self.window.index(other)
                flags |= flags_of(other)
        return flags

    def _place(self, call: Call, nested: list[Call], price: Price) -> Call:
        """Take a call into the window, unless it is there already; return the one that counts."""
        self.window = self.window or Window()
        placed, oldest = self.window.place(call, nested)
        if oldest is not None and oldest.alive:
            self.attribution.settle((oldest,), price)
        return placed
