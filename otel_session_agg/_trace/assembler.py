"""Build traces from ended spans only, for exporters.  No clock, thread or lock.

An exporter gets spans when they have ended: children mostly before their parents, and nothing
states which spans are still open.  So they are kept, without their attributes, until the root of
their trace has come and has waited for spans that end later.  Then they are passed to the engine as
if every start had been seen: first all starts, from the root down, then the ends in the order of
arrival.

Rules
-----
* A root waits ``linger_seconds``; one that begins a trace waits longer when other processes report
  parts of it in the same way.
* Spans below a root whose parents have come leave with it.  Spans whose parent has not come leave
  with the root that begins the trace, which is then partial; a root in the middle of a trace leaves
  without them, and is partial, too.
* A span that was seen to begin below a parent that will not come (``_sdk/parents.py``) is a root in
  the middle of a trace.
* A span below a root that the engine knows goes to the engine at once; if that root has left, the
  span is late.
* Spans that wait for a root longer than ``session_idle_seconds``, or are beyond the bounds, go to
  the engine as they are.  Totals are then the same, except for the share of each root where one
  trace has several of them in this process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from otel_session_agg._collections.deadlines import Deadlines, Phase, PhaseDeadlines
from otel_session_agg._collections.recent import Recent
from otel_session_agg._guard import Guard
from otel_session_agg._model.span import SpanData
from otel_session_agg._reasons import LINGER, OPEN_SPANS, SHUTDOWN
from otel_session_agg._settings import Settings
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.totals import short
from otel_session_agg._trace.trace import Out, P, Released
from otel_session_agg._trace.unrooted import Due, WaitingSpan, WaitingTrace, downwards

MAX_KEPT = 20_000
"""Spans kept over all traces, about 1 kB each.

Beyond that the spans of the trace that began first go to the engine.
"""

MAX_KEPT_CHARS = 32_000_000
"""The same bound for texts that are kept: outputs, errors and metadata.

Ten times what spans of calls have.
"""

MAX_TOPS = 8192
"""Open roots whose parent will not come that are remembered until they have ended."""


class TraceAssembler:
    """The stage before the engine where only ends of spans are seen."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        guard: Guard,
        deadlines: Deadlines,
        wait_for_parts_seconds: float = 0.0,
    ) -> None:
        self._engine = engine
        self._guard = guard
        self._linger_seconds = settings.linger_seconds
        self._wait_for_parts_seconds = wait_for_parts_seconds
        self._idle_seconds = settings.session_idle_seconds
        self._max_spans = settings.max_open_spans
        self._traces: OrderedDict[int, WaitingTrace] = OrderedDict()
        self._deadlines: PhaseDeadlines[Due] = deadlines.of(Phase.ASSEMBLING)
        self.tops: Recent[int, int] = Recent(MAX_TOPS // 2)
        """Trace ids by span id: spans that were seen to begin below a parent that will not come."""
        self.number = 0
        """Number of spans that are kept."""
        self._num_come = 0
        self._num_chars = 0
        """Characters of their texts."""

    # -- ended spans ------------------------------------------------------------------------

    def ended(self, span: SpanData, payload: P, now: float, out: Out[P]) -> None:
        """Add a span that ended; append to ``out`` what may leave."""
        if span.parent_id is not None and self.tops.get(span.span_id) == span.trace_id:
            span = span._replace(parent_id=None, carried_parent_id=span.parent_id, is_part=True)
        waiting = self._traces.get(span.trace_id)
        has_ended = self._engine.ended_spans.get(span.trace_id, span.span_id) is not None
        if has_ended or (waiting is not None and span.span_id in waiting.spans):
            self._engine.repeated()
            out.append(payload)
            return
        if self._engine.roots.has_any(span.trace_id):
            self._engine.ended(span, payload, now, out)
            return
        is_root = span.parent_id is None
        kept = self._kept(span, payload if is_root else None)
        if not is_root:
            out.append(payload)
        if waiting is None:
            waiting = self._traces[span.trace_id] = WaitingTrace(span.trace_id)
        waiting.add(kept)
        waiting.last_seconds = now
        self.number += 1
        self._num_chars += kept.num_chars
        if is_root:
            waits = self._linger_seconds + (0.0 if span.is_part else self._wait_for_parts_seconds)
            self._deadlines.add(now + waits, (waiting, span.span_id))
        elif self._engine.roots.remembers(span.trace_id, span.parent_id):
            self._hand_on(waiting, waiting.below((span.span_id,)), now, out)
        if len(waiting.spans) > self._max_spans:
            self._give_up(waiting, now, out)
        while self.number > MAX_KEPT or self._num_chars > MAX_KEPT_CHARS:
            self._give_up(next(iter(self._traces.values())), now, out)
        self._settled(waiting)

    def _kept(self, span: SpanData, payload: object) -> WaitingSpan:
        """Read a span; return what is kept of it."""
        reading = self._engine.reading_of(span)
        if reading.output is not None:
            reading = reading._replace(output=short(reading.output, self._engine.totals.text))
        self._num_come += 1
        return WaitingSpan(
            span._replace(name="", attributes={}, events=(), status_description=None),
            reading,
            payload,
            self._num_come,
        )

    def _settled(self, waiting: WaitingTrace) -> None:
        """Forget a trace without waiting spans; limit how long spans wait for a root."""
        if not waiting.spans:
            # roots of one trace id may come again: a deadline of the first is not the second's
            if self._traces.get(waiting.trace_id) is waiting:
                del self._traces[waiting.trace_id]
            if waiting.idle is not None:
                waiting.idle.cancel()
        elif not waiting.roots and waiting.idle is None:
            waiting.idle = self._deadlines.add(
                waiting.last_seconds + self._idle_seconds, (waiting, None)
            )

    # -- release ----------------------------------------------------------------------------

    def expired(self, now: float, out: Out[P]) -> None:
        """Release what has waited long enough."""
        for waiting, root_id in self._deadlines.take():
            if root_id is None:
                waiting.idle = None
                if (
                    waiting.spans
                    and not waiting.roots
                    and waiting.last_seconds + self._idle_seconds <= now
                ):
                    self._give_up(waiting, now, out)
            elif root_id in waiting.roots:
                self._root_due(waiting, root_id, now, LINGER, out)
            self._settled(waiting)

    def drain(self, reason: str, now: float, out: Out[P]) -> None:
        """Release every root that has come, at once; on shutdown also spans without a root."""
        for waiting in list(self._traces.values()):
            self._roots_due(waiting, now, reason, out)
            if reason == SHUTDOWN:
                self._give_up(waiting, now, out)
            self._settled(waiting)

    def _roots_due(self, waiting: WaitingTrace, now: float, reason: str, out: Out[P]) -> None:
        for root_id in list(waiting.roots):
            if root_id in waiting.roots:  # it may have gone with the one that begins its trace
                self._root_due(waiting, root_id, now, reason, out)

    def _root_due(
        self, waiting: WaitingTrace, root_id: int, now: float, reason: str, out: Out[P]
    ) -> None:
        """Release a root that has waited; ``reason``: why it is partial, if it is."""
        root = waiting.spans[root_id].span
        if not root.is_part:  # its parts first
            for part_id in list(waiting.parts):
                self._root_due(waiting, part_id, now, reason, out)
        waiting.waits_no_longer(root_id)
        if waiting.parent(root_id) is not None:
            return  # no root: a context was passed around inside the process
        own = waiting.below((root_id,))
        if root.is_part:
            is_partial = waiting.has_loose(root.start_ns, root.end_ns)
        else:
            number = len(own)
            own = {**own, **waiting.loose()} if waiting.roots else dict.fromkeys(waiting.spans)
            is_partial = len(own) > number
        self._hand_on(waiting, own, now, out, reason if is_partial else None)

    def _give_up(self, waiting: WaitingTrace, now: float, out: Out[P]) -> None:
        """Pass the spans of a trace to the engine as they are."""
        self._roots_due(waiting, now, OPEN_SPANS, out)
        for kept in waiting.take(list(waiting.spans)):
            self._end(kept, now, out)
        self._settled(waiting)

    def _hand_on(
        self,
        waiting: WaitingTrace,
        span_ids: Collection[int],
        now: float,
        out: Out[P],
        why_partial: str | None = None,
    ) -> None:
        """Pass spans to the engine as if it had seen them begin."""
        group = waiting.take(span_ids)
        for span in downwards({kept.span.span_id: kept.span for kept in group}):
            self._guard.call("folding", self._start, span, why_partial, out)
        for kept in group:
            self._end(kept, now, out)

    def _start(self, span: SpanData, why_partial: str | None, out: Out[P]) -> None:
        """Pass the start of a span to the engine."""
        trace = self._engine.started(
            span.trace_id, span.span_id, span.parent_id, out, span.carried_parent_id
        )
        if trace is not None and trace.root_id == span.span_id:
            trace.partial = why_partial

    def _end(self, kept: WaitingSpan, now: float, out: Out[P]) -> None:
        """Pass the end of a span to the engine; a root's payload leaves even on a fault."""
        self.number -= 1
        self._num_chars -= kept.num_chars
        leaving: Out[P] = []
        if self._guard.call("folding", self._ended, kept, now, leaving) is None:
            self._engine.fault(kept.span)
            if not any(
                isinstance(item, Released) and item.trace.payload is kept.payload
                for item in leaving
            ):
                leaving.append(kept.payload)
        out += [item for item in leaving if item is not None]  # spans that are no roots have left

    def _ended(self, kept: WaitingSpan, now: float, out: Out[P]) -> bool:
        """Pass the end to the engine; return ``True``, which the guard does not on a fault."""
        self._engine.ended(kept.span, kept.payload, now, out, kept.reading)
        return True
