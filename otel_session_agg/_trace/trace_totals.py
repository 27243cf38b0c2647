"""Fold the root of a trace, and read its totals: at any time, whatever is open below it.

While spans are open, calls are attached to them, and spans above that have ended are decided about
only when these calls move up.  So a reader looks ahead: it decides as if they moved up now.

The totals of a trace that has left are read only after the roots of all traces that leave with it
are folded: only then is it known which trace a call counts in that two of them report.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add, attrgetter

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import CALLS, Kind
from otel_session_agg._model.span_counts import SpanCounts
from otel_session_agg._reading.plan import MAX_SCOPE_CHARS
from otel_session_agg._reasons import OTHER_TRACE
from otel_session_agg._trace.call import COUNTED, MODEL, Call, flags_behind, flags_of
from otel_session_agg._trace.cross_trace import RecentCalls
from otel_session_agg._trace.ended_spans import MAX_CLIMB
from otel_session_agg._trace.folding import Folding
from otel_session_agg._trace.nesting import gives_way, nest_late, relevant_below
from otel_session_agg._trace.outlived import Outlived, OutlivedSpan
from otel_session_agg._trace.totals import Node, Text, no_text, short
from otel_session_agg._trace.trace import CLOSED, FOLDED, LEFT, Corrected, P, Released, Trace

_UNPRICED = attrgetter("num_unpriced_events")
_ROOT_IS_EVENT = frozenset({Kind.MODEL, Kind.EMBEDDING, Kind.TOOL, Kind.RETRIEVER})


class TraceTotals:
    """Folds the roots, and reads the totals, of all traces of an engine."""

    def __init__(
        self, folding: Folding, recent_calls: RecentCalls, counts: SpanCounts, text: Text
    ) -> None:
        self._folding = folding
        self._ended_spans = folding.ended_spans
        self._recent_calls = recent_calls
        self._counts = counts
        self.text = text

    def rollups(
        self, trace: Trace, *, above: bool = True, with_output: bool = True
    ) -> dict[str | None, Rollup]:
        """Return the totals so far by session id; ``None``: no session is known.

        ``above``: as sessions see them, where a root in the middle of a trace counts as an event.
        ``with_output``: the last output is made readable, else it is left out.
        """
        if LEFT <= trace.state < CLOSED:
            self.fold_roots((Released(trace),))
            trace.close()
            if left_out := self._recent_calls.close(trace):
                self._counts.unread[OTHER_TRACE] += left_out
        elif trace.opened and trace.state < LEFT:
            self._look_ahead(trace)
        nodes, calls = trace.attached(), trace.recent_calls()
        if above:
            nodes += _root_as_event(trace)
        if trace.outlived is not None and trace.outlived.spans:
            calls += _calls_of_waiting(trace, trace.outlived)
        text = self.text if with_output else no_text
        rollups = trace.attribution.rollups(nodes, calls, self._folding.price, text)
        if trace.state >= LEFT:
            unpriced = sum(map(_UNPRICED, rollups.values()))
            self._counts.unpriced += max(0, unpriced - trace.num_unpriced)
            trace.num_unpriced = max(trace.num_unpriced, unpriced)
        return rollups

    def rollup(self, trace: Trace, *, above: bool = False) -> Rollup:
        """Return the totals of a trace over all of its sessions, as its root sees them."""
        return reduce(add, self.rollups(trace, above=above).values())

    def drop_details(self, trace: Trace, *, with_output: bool) -> None:
        """Drop what only the totals of a trace needed, once they are written.

        ``with_output``: raw outputs are replaced by their readable text, else they are dropped.
        """
        text = self.text if with_output else no_text
        span, reading = trace.root_span, trace.root_reading
        if span is not None and reading is not None:
            trace.root_span = span._replace(
                name="",
                scope_name=span.scope_name[:MAX_SCOPE_CHARS],
                attributes={},
                events=(),
                status_description=None,
            )
            if reading.output is not None or reading.metadata is not None:
                output = short(reading.output, text) if reading.output is not None else None
                trace.root_reading = reading._replace(metadata=None, output=output)
        trace.attribution.shorten_outputs(trace.attached(), text)

    # -- roots ------------------------------------------------------------------------------

    def fold_roots(self, leaving: Iterable[Released | Corrected | P]) -> None:
        """Fold the roots of all traces that leave at once, before the totals of one are read."""
        for item in leaving:
            if isinstance(item, Released) and item.trace.state == LEFT:
                trace = item.trace
                self._fold_root(trace)
                if trace.window is not None and trace.window.fresh:
                    self._recent_calls.note(trace, trace.window)

    def _fold_root(self, trace: Trace) -> None:
        """Fold the root itself: the last span, except for late ones."""
        trace.fold()
        if trace.outlived is not None and trace.outlived.spans:
            self._folding.stop_all_waiting(trace, trace.outlived)
        ahead, flags = self._look_ahead(trace) if trace.nodes else ([], 0)
        root, span, reading = trace.root or Node(), trace.root_span, trace.root_reading
        trace.root = root
        if span is None or reading is None:
            return
        trace.lacks |= reading.lacks
        if reading.user_id is not None or reading.metadata is not None:
            trace.attribution.label(span, reading)
        if ahead or flags:
            # as seen from the open spans to which the calls are still attached
            was_behind = [call.behind_tool for call, _ in ahead]
            for call, is_behind in ahead:
                call.behind_tool = is_behind
            root.with_calls([call for call, _ in ahead], flags)
            root.flags = self._folding.decide(trace, span, reading, root)
            for (call, _), is_behind in zip(ahead, was_behind, strict=True):
                call.behind_tool = is_behind
        else:
            root.flags = self._folding.decide(trace, span, reading, root)
        if reading.session_id is not None:
            trace.attribution.note_span(span, reading)
            trace.attribution.root = (reading.session_id, reading.session_is_weak)
        if reading.kind in _ROOT_IS_EVENT:
            root.add(span, reading)
        else:
            root.add_root(span, reading)

    def _look_ahead(self, trace: Trace) -> tuple[list[tuple[Call, bool]], int]:
        """Decide between calls below open spans and ended spans above those; move nothing.

        Return these calls, each with whether it is behind a tool, and their flags, all as seen from
        the root.
        """
        found: list[tuple[Call, bool]] = []
        seen, nodes = 0, trace.nodes or {}
        for span_id in dict.fromkeys((*reversed(trace.opened or {}), *nodes)):
            node = nodes.get(span_id)
            if node is not None and node.calls:
                calls, flags, is_behind = self._decided_above(trace, node, span_id)
                found += [(call, is_behind or call.behind_tool) for call in calls]
                seen |= flags
        return found, seen

    def _decided_above(
        self, trace: Trace, node: Node, span_id: int
    ) -> tuple[list[Call], int, bool]:
        """Decide between the calls at an open span and ended spans above it.

        Return the calls that are left, their flags, and whether they are behind a tool.
        """
        calls, flags, is_behind = list(node.calls), node.flags, False
        for _ in range(MAX_CLIMB):
            parent_id = trace.opened.get(span_id) if trace.opened is not None else None
            link = (
                self._ended_spans.get(trace.trace_id, span_id)
                if parent_id is None
                else (0, parent_id, False)
            )
            if link is None or link[1] is None or link[1] == trace.root_id:
                break
            span_id, is_tool = link[1], link[2]
            if is_tool:
                flags, is_behind = flags_behind(flags), True
            ended = trace.window.by_span(span_id) if trace.window is not None else None
            if ended is not None and ended not in calls:
                if is_behind and ended.kind in CALLS:
                    calls, flags = [*calls, ended], flags | flags_of(ended)
                else:
                    calls, flags = nest_late(ended, calls, flags)
        return calls, flags, is_behind


def _calls_of_waiting(trace: Trace, outlived: Outlived) -> list[Call]:
    """Return the calls of waiting spans, unless ended spans below or beside them report these."""
    found = [_as_it_stands(trace, one) for one in outlived.innermost(trace.opened or {})]
    return [call for call in found if call is not None]


def _as_it_stands(trace: Trace, ended: OutlivedSpan) -> Call | None:
    call, node = Call(ended.span, ended.reading), trace.node(ended.span.span_id)
    seen, below = relevant_below(call, node.calls, node.flags)
    if (
        seen & COUNTED
        or (seen & MODEL and not call.usage_counts)
        or gives_way(call, seen, below)
        or (trace.window is not None and trace.window.same_call(call, node.calls) is not None)
    ):
        return None
    return call


def _root_as_event(trace: Trace) -> list[Node]:
    """Return counts of the root as an event, if it is a part that is not counted as one yet."""
    span, reading = trace.root_span, trace.root_reading
    if (
        trace.state < FOLDED
        or span is None
        or reading is None
        or not span.is_part
        or reading.kind in _ROOT_IS_EVENT
    ):
        return []
    node = Node()
    node.add(span, reading)
    return [node]
