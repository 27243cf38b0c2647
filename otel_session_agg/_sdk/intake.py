"""Take started and ended spans from the queue, and hand them to the engine.

Rules
-----
* Every ended span that is taken is appended to ``out``, or is held by the assembler or the engine
  and comes out later, whatever fails here or interrupts.
* A span stays in the queue until ``_item`` is that span, so at any moment it is in the queue, is
  ``_item``, or has gone on.  What an interrupted call had at hand leaves as a span that failed.
* The caller holds the fold lock around all calls but ``note_top``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span

from otel_session_agg._api.context import Label
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._reading.span import Reader
from otel_session_agg._sdk.parents import Top, is_unsampled
from otel_session_agg._sessions.blocks import Block
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._spans.received import carried_parent_id, ids_of, nanoseconds, span_data
from otel_session_agg._trace.assembler import TraceAssembler
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Out, Released, Trace

Child = tuple[int, int, int]
"""The ids of the trace, the span and the parent of one that started below an open span.

The span itself would live until this is taken: nearly all starts are such, and the garbage
collector passes over a tuple of numbers.
"""
ChildInBlock = tuple[int, int, int, Label, "int | None"]
"""The same with the ``session()`` block around the span, and when it started."""
_MayBeRoot = tuple[Span] | tuple[Span, Label] | Top
_Other = _MayBeRoot | tuple[None, Label] | Block
Start = Child | ChildInBlock | _MayBeRoot
Queue = deque["Child | ChildInBlock | _Other | ReadableSpan"]
"""Started spans (with the label around them, if there is one), labels alone, entered and left
blocks, and ended spans, in the order in which they happened."""

_CHILD = len(("trace", "span", "parent"))


class Intake:
    """Takes what is queued into the engine; ended spans first into the assembler of an exporter."""

    def __init__(  # noqa: PLR0913 -- the parts that a start or an end concerns
        self,
        engine: Engine,
        assembler: TraceAssembler | None,
        reader: Reader,
        manager: SessionManager,
        guard: Guard,
        *,
        is_live: bool,
    ) -> None:
        self._engine = engine
        self._assembler = assembler
        self._first = engine if assembler is None else assembler
        """Where ended spans go."""
        self.reader = reader
        self._manager = manager
        self._guard = guard
        self._is_live = is_live
        self._turns: Iterator[None] = iter(())
        """One for each start or end that is still to be taken."""
        self._item: ReadableSpan | tuple[object, ...] | None = None
        """The start or end at hand."""
        self._before = 0
        """How long ``out`` was before ``_item``."""
        self._resource: Resource | None = None
        """The resource of the root that began last."""

    def take(self, queue: Queue, number: int, now: float, out: Out[ReadableSpan]) -> None:
        """Take ``number`` starts and ends from the queue; append to ``out`` what leaves."""
        if not (queue and queue[0] is self._item):
            self._failed(out)
        self._turns = repeat(None, number)
        # when it raised: go on behind that span
        while self._guard.call("folding", self._take, queue, now, out) is None:
            self._failed(out)

    def _take(self, queue: Queue, now: float, out: Out[ReadableSpan]) -> bool:
        started, ended = self._engine.started, self._first.ended
        for _ in self._turns:
            item: Any = queue[0]  # ``Queue`` says what it may be
            self._item = item
            queue.popleft()
            if not isinstance(item, tuple):
                self._before = len(out)
                self._resource = self._resource or item.resource
                if self._assembler is not None and is_unsampled(item):
                    self.note_top(item)
                if scopes and self._assembler is None:  # else batches come out of order
                    self._manager.before_fold(span_data(item), now)
                ended(span_data(item), item, now, out)
            elif type(item[0]) is int:
                trace = started(item[0], item[1], item[2], out)
                if len(item) > _CHILD:
                    self._in_block(trace, item[0], item[1], item[4], item[3], now)
            else:
                self._take_other(item, now, out)
            self._item = None
        return True

    def _take_other(self, item: _Other, now: float, out: Out[ReadableSpan]) -> None:
        """Take the start of a span that may be a root, or a label or block alone."""
        span = item[0]
        if span is None:
            self._manager.update_block(item, time.time_ns(), now)  # type: ignore[arg-type]
            return
        trace_id, span_id, parent_id = ids_of(span)
        if parent_id is None:
            trace = self._root_started(span, out)
        elif type(item) is Top:
            trace = self._top_started(span, parent_id, out)
        else:
            trace = self._engine.started(trace_id, span_id, parent_id, out)
        if len(item) > 1:
            self._in_block(trace, trace_id, span_id, span.start_time, item[1], now)

    def _in_block(  # noqa: PLR0913 -- what is known of the start
        self,
        trace: Trace | None,
        trace_id: int,
        span_id: int,
        start: object,
        label: Label,
        now: float,
    ) -> None:
        """Note that a span started inside a ``session()`` block."""
        self.reader.began(trace_id, span_id, label.session_id, label.around)
        if trace is None or trace.block is not label or scopes:  # else another span was registered
            self._manager.begin_in_block(trace, span_id, nanoseconds(start), label, now)

    def _root_started(self, span: Span, out: Out[ReadableSpan]) -> Trace | None:
        context = span.context
        return self._began(
            span,
            self._engine.started(
                context.trace_id,
                context.span_id,
                None,
                out,
                carried_parent_id(span) if span.parent is not None else None,
            ),
        )

    def _top_started(self, span: Span, parent_id: int, out: Out[ReadableSpan]) -> Trace | None:
        context = span.context
        return self._began(
            span, self._engine.top_started(context.trace_id, context.span_id, parent_id, out)
        )

    def _began(self, span: Span, trace: Trace | None) -> Trace | None:
        """Note the start of a span that may be a root; return its trace."""
        self._resource = span.resource
        if trace is not None and trace.root_id == span.context.span_id:
            self._manager.root_started(trace, is_part=span.parent is not None)
            if self._is_live:
                trace.payload = span
        return trace

    def note_top(self, span: ReadableSpan) -> None:
        """Note a span whose parent will not come, where starts are not queued; from any thread."""
        if self._assembler is not None and span.context is not None:
            self._assembler.tops.put(span.context.span_id, span.context.trace_id)

    def _failed(self, out: Out[ReadableSpan]) -> None:
        """Let the ended span at hand leave without being counted, unless it has left."""
        span, self._item = self._item, None
        if span is None or isinstance(span, tuple):  # a start
            return
        data = self._guard.call("reading a span", span_data, span)
        if data is None:
            self._engine.unreadable()
        else:
            self._engine.fault(data)
        if not any(
            item is span or (isinstance(item, Released) and item.trace.payload is span)
            for item in out[self._before :]
        ):
            out.append(span)

    def resource(self) -> Resource:
        """Return the resource of the spans that this library makes: that of the last root."""
        if self._resource is None:  # at the interpreter's end it cannot be made any more
            self._resource = self._guard.call("making a resource", Resource.create)
        return self._resource or Resource.get_empty()
