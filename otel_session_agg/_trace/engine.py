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

from collections.abc import Callable, Iterable

from otel_session_agg._collections.deadlines import Deadlines, Phase, PhaseDeadlines
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
from otel_session_agg._trace.call_totals import Price
from otel_session_agg._trace.cross_trace import RecentCalls
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.folding import Folding
from otel_session_agg._trace.totals import Text, no_text
from otel_session_agg._trace.trace import ENDED, LEFT, OPEN, Corrected, Out, P, Released, Trace
from otel_session_agg._trace.trace_table import TraceTable
from otel_session_agg._trace.trace_totals import TraceTotals
from otel_session_agg._trace.traces_by_session import TracesBySession

_SHARE = 100
"""On a bound, one in this many roots or spans is let go: finding the oldest costs little then."""


class Engine(SpanCounts):
    """All session roots of a process.

    ``read`` reads a span, ``price`` prices a call, ``text`` makes an output readable.  A trace
    without a root waits ``rootless_seconds`` for it, else, where starts are seen, as long as one.
    """

    def __init__(  # noqa: PLR0913 -- what the pipeline has
        self,
        settings: Settings,
        read: Callable[[SpanData], Reading],
        price: Price,
        deadlines: Deadlines,
        rootless_seconds: float | None = None,
        text: Text = no_text,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._read = read
        self._rootless_seconds = (
            settings.linger_seconds if rootless_seconds is None else rootless_seconds
        )
        self._deadlines: PhaseDeadlines[Trace] = deadlines.of(Phase.LINGERING)
        self.ended_spans = EndedSpans()
        self.roots = TraceTable(self.ended_spans, sees_starts=rootless_seconds is None)
        self.traces_by_session = TracesBySession(self.roots.keeps)
        self._folding = Folding(self.ended_spans, price, settings)
        self._recent_calls = RecentCalls(self._folding.counting)
        self.totals = TraceTotals(self._folding, self._recent_calls, self, text)

    @property
    def open(self) -> int:
        """Number of session roots in memory."""
        return len(self.roots)

    # -- spans ------------------------------------------------------------------------------

    def started(
        self,
        trace_id: int,
        span_id: int,
        parent_id: int | None,
        out: Out[P],
        carried_parent_id: int | None = None,
    ) -> Trace | None:
        """Add a span that started; return its trace, if that is known.

        ``parent_id`` is ``None`` for a session root.  Some emitters pass a context around inside
        the process, which makes a parent look remote: ``carried_parent_id`` is that parent, and
        when it is known here the span is no root.
        """
        trace: Trace | None
        if parent_id is not None:
            trace = self.roots.find(trace_id, parent_id)
        elif carried_parent_id is not None:
            trace, parent_id = self.roots.knowing(trace_id, carried_parent_id), carried_parent_id
            if trace is None:
                return self._root_started(trace_id, span_id, out)
        else:
            return self._root_started(trace_id, span_id, out)
        if trace is not None:
            num_open = trace.started(span_id, parent_id)
            if trace.shares_id:
                self.roots.started(trace, span_id)
            if num_open > self._settings.max_open_spans:
                self._folding.give_up(trace, trace.oldest_open(1 + num_open // _SHARE))
                trace.partial = OPEN_SPANS
        return trace

    def top_started(self, trace_id: int, span_id: int, parent_id: int, out: Out[P]) -> Trace | None:
        """Add a span that started below a parent that will not come; return its trace.

        It is no root when that parent, or the root that begins the trace, is known.
        """
        if not self.roots.begins_at(trace_id, parent_id):
            return self.started(trace_id, span_id, parent_id, out)
        trace = self._root_started(trace_id, span_id, out)
        self.roots.tops.add(trace, parent_id)
        return trace

    def _root_started(self, trace_id: int, span_id: int, out: Out[P]) -> Trace:
        trace = self.roots.root(trace_id, span_id) or self.roots.put_above(trace_id, span_id)
        return trace or self._opened(Trace(trace_id, span_id), out)

    def _opened(self, trace: Trace, out: Out[P]) -> Trace:
        """Add a new trace; make room for it."""
        self.opened += 1
        if self.roots.num_open >= self._settings.max_open_roots:
            self._make_room(out)  # first: the new one is not the oldest
        self.roots.add(trace)
        return trace

    def ended(
        self, span: SpanData, payload: P, now: float, out: Out[P], reading: Reading | None = None
    ) -> None:
        """Fold a span that ended; append to ``out`` what may leave, the span's payload included.

        ``reading``: of a span that was read already.
        """
        self.received += 1
        trace_id, parent_id = span.trace_id, span.parent_id
        if parent_id is None or self.roots.tops.by_span:
            span = self.roots.as_it_began(span)
            parent_id = span.parent_id
            if parent_id is None:
                self._root_ended(span, payload, now, out, reading)
                return
        out.append(payload)
        trace = self.roots.find(trace_id, parent_id)
        if trace is None:
            if self.roots.is_parked(trace_id):
                self.ignored[OPEN_ROOTS] += 1
                return
            trace = self._opened(Trace(trace_id, None), out)
            self._wait(trace, now + self._rootless_seconds)
        is_open = trace.opened is not None and span.span_id in trace.opened
        if not is_open and self.ended_spans.get(trace_id, span.span_id) is not None:
            self.ignored[DUPLICATE] += 1
            return
        self._fold(trace, span, reading or self.reading_of(span))
        if trace.state >= LEFT:
            self.late += 1
            out.append(Corrected(trace))
            if not trace.opened:
                self.traces_by_session.remove(trace)
        elif trace.state == ENDED and not trace.opened:
            self._release(trace, out)

    def _fold(self, trace: Trace, span: SpanData, reading: Reading) -> None:
        if not (reading.is_plain and self._folding.ended_plain(trace, span, reading)):
            self._folding.ended(trace, span, reading)
            if trace.calls is not None and trace.calls.fresh:
                self._recent_calls.note(trace, trace.calls)
        self.folded += 1
        if trace.shares_id:
            self.roots.ended(trace, span.parent_id)
        if reading.session_id is not None or trace.attribution.session is not None:
            self.traces_by_session.folded(reading.session_id, trace)
        if trace.root_id is None:
            trace.note_first(span)

    def reading_of(self, span: SpanData) -> Reading:
        """Read a span; count the values on it that are not used."""
        reading = self._read(span)
        if reading.ignored:
            self.unread.update(reading.ignored)
        return reading

    def _root_ended(
        self, span: SpanData, payload: P, now: float, out: Out[P], reading: Reading | None
    ) -> None:
        trace = self.roots.root(span.trace_id, span.span_id)
        is_again = trace.state == ENDED if trace is not None else self.roots.has_ended(span)
        if is_again:
            out.append(payload)
            self.ignored[DUPLICATE] += 1
            return
        if trace is None:
            trace = self._root_started(span.trace_id, span.span_id, out)
            trace.partial = NO_START
        trace.end(span, reading or self.reading_of(span), payload)
        self.folded += 1
        if trace.opened:
            self._wait(trace, now + self._settings.linger_seconds)
        else:
            self._release(trace, out)

    def fault(self, span: SpanData) -> None:
        """Drop what a span that raised while read or folded may have left half done.

        The root above it is marked partial.
        """
        self.ignored[FAULT] += 1
        span = self.roots.as_it_began(span)
        if span.parent_id is not None:
            trace = self.roots.find(span.trace_id, span.parent_id)
            if trace is not None:
                trace.partial = FAULT
                self._folding.give_up(trace, [span.span_id])
            return
        trace = self.roots.root(span.trace_id, span.span_id)
        if trace is not None:
            self.roots.remove(trace)
            self._recent_calls.forget(trace)
            self.released[FAULT] += 1

    # -- roots that leave -------------------------------------------------------------------

    def expired(self, out: Out[P]) -> None:
        """Release what has waited long enough."""
        self._release_all(self._deadlines.take(), LINGER, out)

    def _wait(self, trace: Trace, until: float) -> None:
        self.roots.waiting[trace] = None
        trace.deadline = self._deadlines.add(until, trace)

    def drain(self, reason: str, out: Out[P]) -> None:
        """Release every root that has ended, at once; on shutdown also traces without a root."""
        waiting = self.roots.waiting  # their root has ended, or is not known
        ended = [one for one in waiting if one.state == ENDED or reason == SHUTDOWN]
        self._release_all(ended, reason, out)

    def _release_all(self, traces: Iterable[Trace], reason: str, out: Out[P]) -> None:
        parts: Out[P] = []
        for trace in traces:
            trace.partial = trace.partial or reason
            self._release(trace, out, parts)
        out[:0] = parts

    def _release(self, trace: Trace, out: Out[P], parts: Out[P] | None = None) -> None:
        """Release a root; ``parts``: where parts go, instead of before all others in ``out``."""
        self.roots.leave(trace)
        span, reading = trace.root_span, trace.root_reading
        if span is None or reading is None:
            self.released[NO_ROOT] += 1
            out.append(Corrected(trace))
        else:
            if not span.is_part:
                out.append(Released(trace))
            elif parts is not None:
                parts.append(Released(trace))
            else:
                out.insert(0, Released(trace))  # a root that begins a trace sums up its parts
            self.ended_spans.add(span.trace_id, span.span_id, span.parent_id, reading)
            self.released[trace.partial or COMPLETE] += 1
        if trace.opened:
            self.traces_by_session.lingers(trace)
        else:
            self.traces_by_session.remove(trace)
        if trace.attribution.conflicts:
            self.unread[SESSION_CONFLICT] += trace.attribution.conflicts

    def _make_room(self, out: Out[P]) -> None:
        """Release the oldest roots if they have ended, else park them."""
        for trace in self.roots.oldest(1 + self._settings.max_open_roots // _SHARE):
            trace.partial = OPEN_ROOTS
            if trace.state == OPEN and trace.root_id is not None:
                self.roots.park(trace)
                self._recent_calls.forget(trace)
                self._folding.settle(trace)
            else:
                self._release(trace, out)
        self.released[DISCARDED] += self.roots.drop_parked(self._settings.max_open_roots)
