"""Engine, prices and writer put together: ended spans in, spans to forward out.  The only place that names concrete parts."""

from __future__ import annotations

import logging
from collections import deque

from opentelemetry.sdk.trace import ReadableSpan, Span

from otel_session_agg import _writer, conventions
from otel_session_agg._calls import Call
from otel_session_agg._engine import Changed, Engine, Out
from otel_session_agg._guard import Guard
from otel_session_agg._model import Usage
from otel_session_agg._outputs import readable
from otel_session_agg._pricing import PriceBook
from otel_session_agg._sdk import EnrichedSpan, attributes_of, carried_parent_id, span_data
from otel_session_agg._settings import Settings
from otel_session_agg._traces import Trace

_logger = logging.getLogger("otel_session_agg")
_warned = Guard(_logger)
"""Reserved names are warned of once per process, however many processors there are."""


Queue = deque["tuple[Span] | ReadableSpan"]
"""Started spans, each in a tuple, and ended ones as they are, in the order of their moments."""


class Pipeline:
    """What one processor does, without threads; the caller holds a lock around all calls."""

    def __init__(self, settings: Settings, prices: PriceBook) -> None:
        self.guard = Guard(_logger)
        self._unpriced = Guard(_logger)  # its names come from users: they must not use up the room for faults
        self._settings = settings
        self._prices = prices
        self.engine = Engine(settings, conventions.read, self._price)
        self._left = self._before = 0
        self._item: ReadableSpan | None = None
        """The ended span at hand."""

    def take(self, queue: Queue, number: int, now: float, out: Out) -> None:
        """Take so many starts and ends from the queue.

        Every ended span is appended to ``out``, or is held and comes out later, whatever fails in us.
        """
        self._left = number
        while self.guard.call("folding", self._take, queue, now, out) is None:  # it raised: go on behind that span
            self._failed(out)

    def _take(self, queue: Queue, now: float, out: Out) -> bool:
        engine = self.engine
        while self._left > 0:
            self._left -= 1
            item = queue.popleft()
            if isinstance(item, tuple):
                self._item, span = None, item[0]
                context, parent = span.context, span.parent
                if parent is None or parent.is_remote:
                    engine.started(context.trace_id, context.span_id, None, out, carried_parent_id(span))
                else:
                    engine.started(context.trace_id, context.span_id, parent.span_id, out)
            else:
                self._item, self._before = item, len(out)
                engine.ended(span_data(item), item, now, out)
        return True

    def _failed(self, out: Out) -> None:
        span = self._item
        if span is None:
            return
        data = self.guard.call("reading a span", span_data, span)
        if data is None:
            self.engine.unreadable()
        else:
            self.engine.fault(data)
        if span not in out[self._before :]:
            out.append(span)

    def finish(self, out: Out) -> list[ReadableSpan]:
        """Spans to forward: released roots get their totals; one that fails leaves as it came."""
        return [self._finished(item) if isinstance(item, Trace) else item for item in out if not isinstance(item, Changed)]  # type: ignore[misc]

    def _finished(self, trace: Trace) -> ReadableSpan:
        root: ReadableSpan = trace.carrier  # type: ignore[assignment]  # what this door handed in
        return self.guard.call("writing a root", self._enriched, trace, root) or root

    def _enriched(self, trace: Trace, root: ReadableSpan) -> ReadableSpan:
        existing = attributes_of(root)
        replaced = _writer.overwritten(existing)
        for name in replaced:
            _warned.once(
                "reserved", name, "attribute %s is reserved for session totals: the value set on a root is replaced", name
            )
        rollup = self.engine.rollup(trace, self._readable)
        return EnrichedSpan(root, _writer.attributes(rollup, existing, trace.partial), replaced)

    def _readable(self, raw: object) -> str | None:
        return readable(raw, self._settings.max_output_chars) if self._settings.outputs else None

    def _price(self, call: Call) -> int | None:
        cost = self.guard.call("pricing", self._cost, call)
        if cost is None:
            named = call.models[0] if call.models else "a model without a name"
            self._unpriced.once(
                "unpriced", named, "no price is known for %s (provider %s): its cost is left out", named, call.provider
            )
        return cost

    def _cost(self, call: Call) -> int | None:
        return self._prices.cost_pusd(
            provider=call.provider,
            models=call.models,
            usage=call.usage or Usage(),
            at_ns=call.start_ns,
            server_address=call.server_address,
            service_tier=call.service_tier,
        )
