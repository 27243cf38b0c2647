"""What leaves when: spans come in as values with ``now``, and what may leave comes out.  No clock, thread or lock.

Rules
-----
* A span below a session root leaves at once, the root when it has ended and nothing below it is open.
* A root that ended waits ``linger_seconds`` for spans still open below it, then leaves marked partial.
* On a bound the oldest leave with what they have, marked partial; a root that is still open keeps only its totals.
* A span that ends after its root left is *late*: it leaves at once and corrects what the root's sessions have got of it.
* What belongs to no root that is known leaves at once; if a root appears within ``linger_seconds``, it gets the totals.
* A span whose parent is in this process but will not come (``_parents`` tells which) is a session root, unless that parent, or
  what begins its trace, is known here.  When the parent comes after all while it is open, that takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from operator import add

from otel_session_agg._deadlines import Deadlines
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._model.span_counts import SpanCounts
from otel_session_agg._reasons import (
    COMPLETE,
    DISCARDED,
    DUPLICATE,
    FAULT,
    LINGER,
    NO_ROOT,
    NO_START,
    OPEN_ROOTS,
    OPEN_SPANS,
    SESSION_CONFLICT,
    SHUTDOWN,
)
from otel_session_agg._settings import Settings
from otel_session_agg._trace.attribution import Text
from otel_session_agg._trace.call_budget import MAX_RECENT_CALLS, CallBudget
from otel_session_agg._trace.call_totals import Price
from otel_session_agg._trace.cross_trace import CrossTraceDuplicates
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.trace import Changed, Out, Trace, no_text
from otel_session_agg._trace.trace_table import TraceTable
from otel_session_agg._trace.traces_by_session import TracesBySession

_SHARE = 100
"""On a bound, one part in so many leaves at once, so that finding the oldest costs nothing per span."""


class Engine(SpanCounts):
    """All session roots of a process."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[SpanData], Reading],
        price: Price,
        rootless_seconds: float | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._rootless_seconds = (
            settings.linger_seconds if rootless_seconds is None else rootless_seconds
        )
        self._read = read
        self._price = price
        self.ended_spans = EndedSpans()
        self.roots = TraceTable(self.ended_spans)
        self._call_budget = CallBudget(price, MAX_RECENT_CALLS)
        self._deadlines: Deadlines[Trace] = Deadlines()
        self._cross_trace = CrossTraceDuplicates()
        self.traces_by_session = TracesBySession(self.roots.keeps)

    def started(
        self,
        trace_id: int,
        span_id: int,
        parent_id: int | None,
        out: Out,
        carried_parent_id: int | None = None,
    ) -> Trace | None:
        """A span began; ``parent_id`` is ``None`` for a session root.  Returns the trace that it is in, if that is known.

        Some emitters carry a context around inside the process, which makes a parent look remote: a span below it is no root
        when that parent is known here.
        """
        if parent_id is None:
            trace = (
                self.roots.knowing(trace_id, carried_parent_id)
                if carried_parent_id is not None
                else None
            )
            if trace is None:
                return self._root_started(trace_id, span_id, out)
            parent_id = carried_parent_id
        else:
            trace = self.roots.below(trace_id, parent_id)
            if trace is None or trace.shares_id:
                trace = self.roots.sharing(trace, trace_id, parent_id)
        if trace is not None:
            num_open = trace.started(span_id, parent_id)
            if trace.shares_id:
                self.roots.started(trace, span_id)
            if num_open > self._settings.max_open_spans:
                trace.give_up(
                    trace.oldest_open(1 + num_open // _SHARE), self.ended_spans, self._price
                )
                trace.partial = OPEN_SPANS
        return trace

    def top_started(self, trace_id: int, span_id: int, parent_id: int, out: Out) -> Trace | None:
        """A span began whose parent is in this process but will not come, unless it is known here; returns its trace."""
        if not self.roots.begins_at(trace_id, parent_id):
            return self.started(trace_id, span_id, parent_id, out)
        trace = self._root_started(trace_id, span_id, out)
        self.roots.add_top(trace, parent_id)
        return trace

    def _root_started(self, trace_id: int, span_id: int, out: Out) -> Trace:
        trace = self.roots.root(trace_id, span_id) or self.roots.put_above(trace_id, span_id)
        return trace or self._opened(Trace(trace_id, span_id), out)

    def _opened(self, trace: Trace, out: Out) -> Trace:
        self.opened += 1
        if self.roots.num_open >= self._settings.max_open_roots:
            self._make_room(out)  # first: the new one is not the oldest
        self.roots.add(trace)
        return trace

    def ended(
        self, span: SpanData, payload: object, now: float, out: Out, reading: Reading | None = None
    ) -> None:
        """A span ended; what may leave is appended to ``out``, the span itself included.  ``event``: if it was read already."""
        self.received += 1
        if self.roots.tops or span.carried_parent_id is not None:
            span = self._as_it_began(span)
        if span.parent_id is None:
            self._root_ended(span, payload, now, out, reading)
            return
        out.append(payload)
        trace = self.roots.below(span.trace_id, span.parent_id)
        if trace is None or trace.shares_id:
            trace = self.roots.sharing(trace, span.trace_id, span.parent_id)
        if trace is None and self.roots.is_parked(span.trace_id):
            self.ignored[OPEN_ROOTS] += 1
            return
        trace = trace or self._rootless(span.trace_id, now, out)
        if (not trace.opened or span.span_id not in trace.opened) and self.ended_spans.get(
            span.trace_id, span.span_id
        ) is not None:
            self.ignored[DUPLICATE] += 1
            return
        self._fold(trace, span, reading or self.reading_of(span))
        if trace.root_id is None:
            trace.note_first(span)
        if trace.has_left:
            self.late += 1
            out.append(Changed(trace))
            if not trace.opened:
                self.traces_by_session.remove(trace)
        elif trace.root_span is not None and not trace.opened:
            self._release(trace, out)

    def _fold(self, trace: Trace, span: SpanData, reading: Reading) -> None:
        trace.ended(span, reading, self.ended_spans, self._price)
        self.folded += 1
        if trace.shares_id:
            self.roots.ended(trace, span.parent_id)
        if (
            reading.session_id is not None
            or trace.attribution.first
            or trace.attribution.first_weak
        ):
            self.traces_by_session.folded(reading.session_id, trace)
        if trace.window is not None and trace.window.fresh:
            self._note_calls(trace)

    def _note_calls(self, trace: Trace) -> None:
        """Remember the calls that a trace told of since it was asked last."""
        if fresh := trace.fresh_calls():
            self._call_budget.changed(trace)
            self._cross_trace.note(trace, fresh)

    def reading_of(self, span: SpanData) -> Reading:
        """What a span says; what of it is not used is counted."""
        reading = self._read(span)
        if reading.ignored:
            self.unread.update(reading.ignored)
        return reading

    def _root_ended(
        self, span: SpanData, payload: object, now: float, out: Out, reading: Reading | None
    ) -> None:
        trace = self.roots.root(span.trace_id, span.span_id)
        if trace is None:
            if (
                self.roots.left(span.trace_id) is not None
                and self.ended_spans.get(span.trace_id, span.span_id) is not None
            ):
                out.append(payload)
                self.ignored[DUPLICATE] += 1
                return
            trace = self._root_started(span.trace_id, span.span_id, out)
            trace.partial = NO_START
        elif trace.root_span is not None:
            out.append(payload)
            self.ignored[DUPLICATE] += 1
            return
        trace.payload = payload
        trace.root_span = span
        trace.root_reading = reading or self.reading_of(span)
        self.folded += 1
        if trace.opened:
            trace.deadline = self._deadlines.add(now + self._settings.linger_seconds, trace)
        else:
            self._release(trace, out)

    def _rootless(self, trace_id: int, now: float, out: Out) -> Trace:
        """A trace whose root is not known yet."""
        trace = self._opened(Trace(trace_id, None), out)
        trace.deadline = self._deadlines.add(now + self._rootless_seconds, trace)
        return trace

    def _as_it_began(self, span: SpanData) -> SpanData:
        """A span, as a root or below its parent as it was when it began."""
        if span.parent_id is None and span.carried_parent_id is not None:
            trace = self.roots.knowing(span.trace_id, span.span_id)
            return (
                span
                if trace is None or trace.root_id == span.span_id
                else span._replace(parent_id=span.carried_parent_id)
            )
        return self.roots.as_root(span)

    # -- leaving ------------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When ``due`` has something to do."""
        return self._deadlines.next()

    def due(self, now: float, out: Out) -> None:
        """Release what has waited long enough."""
        self._release_all(self._deadlines.pop_due(now), LINGER, out)

    def drain(self, reason: str, _now: float, out: Out) -> None:
        """Release every root that has ended, at once; at the end also what has none."""
        ended = [
            one
            for one in self.roots
            if one.root_span is not None or (one.root_id is None and reason == SHUTDOWN)
        ]
        self._release_all(ended, reason, out)

    def _release_all(self, traces: Iterable[Trace], reason: str, out: Out) -> None:
        parts: Out = []
        for trace in traces:
            trace.partial = trace.partial or reason
            self._release(trace, out, parts)
        out[:0] = parts

    def _release(self, trace: Trace, out: Out, parts: Out | None = None) -> None:
        self.roots.leave(trace)
        if trace.root_span is None or trace.root_reading is None:
            trace.root_id = trace.first[1] if trace.first is not None else None
            self.released[NO_ROOT] += 1
            out.append(Changed(trace))
        else:
            if not trace.root_span.is_part:
                out.append(trace)
            elif parts is not None:
                parts.append(trace)
            else:
                out.insert(0, trace)  # a root that begins a trace sums up its parts
            self.ended_spans.add(trace.root_span, trace.root_reading.kind)
            self.released[trace.partial or COMPLETE] += 1
        (self.traces_by_session.lingers if trace.opened else self.traces_by_session.remove)(trace)
        if trace.attribution.conflicts:
            self.unread[SESSION_CONFLICT] += trace.attribution.conflicts

    def fold_roots(self, leaving: Iterable[object]) -> None:
        """Fold the roots of traces that leave at once, before the totals of any of them are asked for."""
        for trace in leaving:
            if type(trace) is Trace and not trace.is_folded:
                trace.fold_root(self.ended_spans, self._price)
                self._note_calls(trace)

    def rollups(
        self, trace: Trace, text: Text = no_text, *, above: bool = True
    ) -> dict[str | None, Rollup]:
        """The totals of a trace by session, so far, as its sessions see them; ``text`` makes an output readable."""
        if trace.has_left and not trace.is_closed:
            self.fold_roots((trace,))
            trace.is_closed = True
            self._cross_trace.leave_out(trace, self.unread)
            if not trace.can_be_corrected():
                self._call_budget.settle(trace)
        rollups = trace.rollups(self.ended_spans, self._price, text, above=above)
        self.unpriced += trace.newly_unpriced(rollups.values())
        return rollups

    def rollup(self, trace: Trace, text: Text = no_text, *, above: bool = False) -> Rollup:
        """The totals of a trace over all of its sessions, as its root sees them."""
        return reduce(add, self.rollups(trace, text, above=above).values())

    @property
    def open(self) -> int:
        """Session roots that are in memory."""
        return len(self.roots)

    def below(self, trace_id: int, span_id: int | None) -> Trace | None:
        """The session root that is a span, or that it is below."""
        return self.roots.sharing(self.roots.below(trace_id, span_id), trace_id, span_id)

    def fault(self, span: SpanData) -> None:
        """Reading or folding a span raised: forget what it may have left half done; a root above it says so."""
        self.ignored[FAULT] += 1
        span = self.roots.as_root(span)
        is_root = span.parent_id is None
        trace = (
            self.roots.root(span.trace_id, span.span_id)
            if is_root
            else self.below(span.trace_id, span.parent_id)
        )
        if trace is not None and not is_root:
            trace.partial = FAULT
            trace.give_up([span.span_id], self.ended_spans, self._price)
        elif trace is not None:
            self.roots.remove(trace)
            self._call_budget.forget(trace)
            self.released[FAULT] += 1

    def _make_room(self, out: Out) -> None:
        """Too many roots: the oldest leave if they have ended, else keep only their totals."""
        for trace in self.roots.oldest(1 + self._settings.max_open_roots // _SHARE):
            trace.partial = OPEN_ROOTS
            if trace.root_span is not None or trace.root_id is None:
                self._release(trace, out)
            else:
                self.roots.park(trace)
                self._call_budget.forget(trace)
                trace.settle(self.ended_spans, self._price)
        self.released[DISCARDED] += self.roots.drop_parked(self._settings.max_open_roots)
