"""Find the trace of each span, fold the span into it, and release the root when it is complete.

Spans come in as values with ``now`` (monotonic seconds); what may leave comes out, in order.  No
clock, thread or lock.

Rules
-----
* A span below a session root leaves at once; the root leaves when it has ended and nothing below it
  is open.
* A root that ended waits ``linger_seconds`` for spans still open below it, then leaves marked
  partial.
* On a bound the oldest roots leave with what they have, marked partial; of a root that is still
  open only the totals are kept.
* A span that ends after its root left is *late*: it leaves at once, and the totals that the root's
  sessions have got are corrected.
* A span whose root is not known leaves at once; if the root appears within ``linger_seconds``, it
  gets the totals.
* A span whose parent is in this process but will not come (``_sdk/parents.py`` finds out which) is
  a session root, unless that parent, or the root that begins its trace, is known here.  When the
  parent comes after all while the span is open, the parent becomes the root.
"""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reasons import (
    DUPLICATE,
    FAULT,
    NO_START,
    OPEN_ROOTS,
    OPEN_SPANS,
)
from otel_session_agg._settings import Settings
from otel_session_agg._trace.cross_trace import MAX_RECENT_CALLS, RecentCalls
from otel_session_agg._trace.releases import SHARE, Releases
from otel_session_agg._trace.totals import Price
from otel_session_agg._trace.trace import Changed, Out, Trace


class Engine(Releases):
    """All session roots of a process.

    ``read`` turns a span into a reading; ``price`` returns a call's cost.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[SpanData], Reading],
        price: Price,
        deadlines: Deadlines,
        rootless_seconds: float | None = None,
    ) -> None:
        super().__init__(settings, price, RecentCalls(price, MAX_RECENT_CALLS), deadlines)
        self._rootless_seconds = (
            settings.linger_seconds if rootless_seconds is None else rootless_seconds
        )
        self._read = read

    def started(
        self,
        trace_id: int,
        span_id: int,
        parent_id: int | None,
        out: Out,
        carried_parent_id: int | None = None,
    ) -> Trace | None:
        """Add a span that started; return its trace, if that is known.

        ``parent_id`` is ``None`` for a session root.  Some emitters pass a context around inside
        the process, which makes a parent look remote: ``carried_parent_id`` is that parent, and
        when it is known here the span is no root.
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
                    trace.oldest_open(1 + num_open // SHARE), self.ended_spans, self._price
                )
                trace.partial = OPEN_SPANS
        return trace

    def top_started(self, trace_id: int, span_id: int, parent_id: int, out: Out) -> Trace | None:
        """Add a span that started below a parent that will not come; return its trace.

        It is no root when that parent, or the root that begins the trace, is known.
        """
        if not self.roots.begins_at(trace_id, parent_id):
            return self.started(trace_id, span_id, parent_id, out)
        trace = self._root_started(trace_id, span_id, out)
        self.roots.add_top(trace, parent_id)
        return trace

    def _root_started(self, trace_id: int, span_id: int, out: Out) -> Trace:
        trace = self.roots.root(trace_id, span_id) or self.roots.put_above(trace_id, span_id)
        return trace or self._opened(Trace(trace_id, span_id), out)

    def _opened(self, trace: Trace, out: Out) -> Trace:
        """Add a new trace; make room for it."""
        self.opened += 1
        if self.roots.num_open >= self._settings.max_open_roots:
            self._make_room(out)  # first: the new one is not the oldest
        self.roots.add(trace)
        return trace

    def ended(
        self, span: SpanData, payload: object, now: float, out: Out, reading: Reading | None = None
    ) -> None:
        """Fold a span that ended; append to ``out`` what may leave, the span's payload included.

        ``reading``: of a span that was read already.
        """
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
        if reading.session_id is not None or trace.attribution.session is not None:
            self.traces_by_session.folded(reading.session_id, trace)
        if trace.window is not None and trace.window.fresh:
            self._recent_calls.note(trace)

    def reading_of(self, span: SpanData) -> Reading:
        """Read a span; count the values on it that are not used."""
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
        """Add a trace whose root is not known yet."""
        trace = self._opened(Trace(trace_id, None), out)
        trace.deadline = self._deadlines.add(now + self._rootless_seconds, trace)
        return trace

    def _as_it_began(self, span: SpanData) -> SpanData:
        """Return a span as it began: as a root, or below its parent."""
        if span.parent_id is None and span.carried_parent_id is not None:
            trace = self.roots.knowing(span.trace_id, span.span_id)
            return (
                span
                if trace is None or trace.root_id == span.span_id
                else span._replace(parent_id=span.carried_parent_id)
            )
        return self.roots.as_root(span)

    @property
    def open(self) -> int:
        """Number of session roots in memory."""
        return len(self.roots)

    def below(self, trace_id: int, span_id: int | None) -> Trace | None:
        """Return the trace of the session root that a span is, or that it is below."""
        return self.roots.sharing(self.roots.below(trace_id, span_id), trace_id, span_id)

    def fault(self, span: SpanData) -> None:
        """Drop what a span that raised while read or folded may have left half done.

        The root above it is marked partial.
        """
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
            self._recent_calls.forget(trace)
            self.released[FAULT] += 1
