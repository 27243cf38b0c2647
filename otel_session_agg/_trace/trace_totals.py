"""Fold the root of a trace, and read its totals: at any time, whatever is open below it.

Which calls count is decided here, about all that have ended so far: asking changes nothing of what
comes out later.

The totals of a trace that has left are read only after the roots of all traces that leave with it
are folded: only then is it known which trace a call counts in that two of them report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add, attrgetter
from typing import NamedTuple

from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._model.span_counts import SpanCounts
from otel_session_agg._reading.plan import MAX_SCOPE_CHARS
from otel_session_agg._reasons import COMPLETE, OTHER_TRACE, SESSION_CONFLICT
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.caller import Caller
from otel_session_agg._trace.cross_trace import RecentCalls
from otel_session_agg._trace.dimension_rows import with_dimensions
from otel_session_agg._trace.folding import Folding
from otel_session_agg._trace.totals import EventCounts, Node, Text, no_text, short
from otel_session_agg._trace.trace import CLOSED, FOLDED, LEFT, Corrected, P, Released, Trace
from otel_session_agg._trace.whole_trace import fold_at_once, state_one_session
from otel_session_agg._untrusted.values import MAX_WHOLE

_UNPRICED = attrgetter("num_unpriced_events")
_TOOL = Kind.TOOL
_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much
_ROOT_IS_EVENT = frozenset({Kind.MODEL, Kind.EMBEDDING, Kind.TOOL, Kind.RETRIEVER})


class Taken(NamedTuple):
    """What a trace counts that is whole and in one session."""

    root: SpanData
    counts: EventCounts
    calls: Sequence[Call]
    """Those that count."""
    callers: Mapping[Call, Caller] | None
    """Who made them, of those that somebody did; ``None``: nothing is broken down."""


class TraceTotals:
    """Folds the roots, and reads the totals, of all traces of an engine."""

    def __init__(
        self, folding: Folding, recent_calls: RecentCalls, counts: SpanCounts, text: Text
    ) -> None:
        self._folding = folding
        self._counting = folding.counting
        self._recent_calls = recent_calls
        self._counts = counts
        self.text = text
        self._breakdown_by = folding.breakdown_by

    def rollups(
        self, trace: Trace, *, above: bool = True, with_output: bool = True
    ) -> dict[str | None, Rollup]:
        """Return the totals so far by session id; ``None``: no session is known.

        ``above``: as sessions see them, where a root in the middle of a trace counts as an event.
        ``with_output``: the last output is made readable, else it is left out.
        """
        self.close(trace)
        nodes = trace.attached()
        if above and trace.root_span is not None and trace.root_span.is_part:
            nodes += _root_as_event(trace)
        text = self.text if with_output else no_text
        calls = self._counting.totals(trace)
        breakdown = self._counting.breakdown
        rollups = trace.attribution.rollups(nodes, calls, text, breakdown=breakdown)
        if self._breakdown_by and breakdown:
            rollups = {
                name: with_dimensions(trace, name, rollup, self._breakdown_by)
                for name, rollup in rollups.items()
            }
        if trace.state >= LEFT:
            unpriced = sum(map(_UNPRICED, rollups.values()))
            self._counts.unpriced += max(0, unpriced - trace.num_unpriced)
            trace.num_unpriced = max(trace.num_unpriced, unpriced)
        return rollups

    def close(self, trace: Trace) -> None:
        """Decide about the calls of a trace that has left, once: its totals are to be read."""
        if LEFT <= trace.state < CLOSED:
            self.fold_roots((Released(trace),))
            trace.close()
            if left_out := self._recent_calls.close(trace):
                self._counts.unread[OTHER_TRACE] += left_out

    def take(self, trace: Trace) -> Taken | None:
        """Close a trace that is whole; return what it counts, to be added to that of others.

        ``None``: its totals have to be read, as not all of it is in one session, or a call of it
        counts in another trace.
        """
        root, counts, recent = trace.root_span, trace.root, self._recent_calls
        if not trace.attribution.is_in_one or root is None or root.is_part or counts is None:
            return None
        if not 0 <= root.start_ns <= root.end_ns <= MAX_WHOLE:  # run times know no others
            return None
        trace.close()
        if trace.calls is not None:
            if left_out := recent.leave_out(trace, trace.calls):
                self._counts.unread[OTHER_TRACE] += left_out
            if trace.has_repeats:
                return None
            recent.forget(trace)
        return _new(Taken, (root, counts, *self._counting.take(trace)))

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
            scope_name = span.scope_name[:MAX_SCOPE_CHARS]
            # without name, attributes, events and error; ``_replace`` takes four times as long
            trace.root_span = SpanData(
                "", *span[1:5], scope_name, *span[6:9], {}, (), span.failed, None, *span[13:]
            )
            if reading.output is not None or reading.metadata is not None:
                output = short(reading.output, text) if reading.output is not None else None
                trace.root_reading = reading._replace(metadata=None, output=output)
        trace.attribution.shorten_outputs(trace.attached(), text)

    # -- roots ------------------------------------------------------------------------------

    def whole(
        self, spans: Sequence[SpanData], readings: Sequence[Reading], payload: object
    ) -> Trace:
        """Fold a trace that is whole, with its root; it has left, and no more of it may come.

        ``spans``: all of their trace id, as `in_order_of_ends` returns them, with their readings.
        """
        root, folding, counts = spans[-1], self._folding, self._counts
        trace, below, read = Trace(root.trace_id, root.span_id), spans[:-1], readings[:-1]
        if state_one_session(readings):
            fold_at_once(trace, below, read, breakdown=self._counting.breakdown)
        else:
            trace.opened = {span.span_id: span.parent_id for span in below}
            for span, reading in zip(below, read, strict=True):
                if not (reading.is_plain and folding.ended_plain(trace, span, reading)):
                    folding.ended(trace, span, reading)
        trace.end(root, readings[-1], payload)
        trace.leave()
        self._fold_released(trace)
        counts.opened += 1
        counts.received += len(spans)
        counts.folded += len(spans)
        counts.released[COMPLETE] += 1
        if trace.attribution.conflicts:
            counts.unread[SESSION_CONFLICT] += trace.attribution.conflicts
        return trace

    def fold_roots(self, leaving: Iterable[Released | Corrected | P]) -> None:
        """Fold the roots of all traces that leave at once, before the totals of one are read."""
        for item in leaving:
            if isinstance(item, Released) and item.trace.state == LEFT:
                self._fold_released(item.trace)

    def _fold_released(self, trace: Trace) -> None:
        self._fold_root(trace)
        if trace.calls is not None and trace.calls.fresh:
            self._recent_calls.note(trace, trace.calls)

    def _fold_root(self, trace: Trace) -> None:
        """Fold the root itself: the last span, except for late ones."""
        trace.fold()
        root, span, reading = trace.root or Node(), trace.root_span, trace.root_reading
        trace.root = root
        if span is None or reading is None:
            return
        trace.lacks |= reading.lacks
        if reading.user_id is not None or reading.metadata is not None:
            trace.attribution.label(span, reading)
        if not reading.is_plain:
            self._folding.keep_root(trace, span, reading)
        if reading.session_id is not None:
            trace.attribution.note_span(span, reading)
            trace.attribution.root = (reading.session_id, reading.session_is_weak)
        if reading.kind in _ROOT_IS_EVENT:
            root.add(span, reading)
            if reading.kind is _TOOL and self._counting.breakdown:
                (root.tools or root.new_tools()).add(span, reading)
        else:
            root.add_root(span, reading)


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
