"""Engine, prices and writer put together: ended spans in, spans to forward out.  The only place that names concrete parts."""

from __future__ import annotations

import logging
from dataclasses import replace

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg import _writer, conventions
from otel_session_agg._calls import Call
from otel_session_agg._engine import Engine, Out
from otel_session_agg._guard import Guard
from otel_session_agg._outputs import readable
from otel_session_agg._pricing import PriceBook
from otel_session_agg._rollup import At
from otel_session_agg._sdk import EnrichedSpan, attributes_of, carried_parent_id, local_parent_id, span_data
from otel_session_agg._settings import Settings
from otel_session_agg._traces import Trace

_logger = logging.getLogger("otel_session_agg")
_warned = Guard(_logger)
"""Reserved names are warned of once per process, however many processors there are."""


class Pipeline:
    """What one processor does, without threads; the caller holds a lock around ``started``, ``ended``, ``due`` and ``drain``."""

    def __init__(self, settings: Settings, prices: PriceBook) -> None:
        self.guard = Guard(_logger)
        self._settings = settings
        self._prices = prices
        self.engine = Engine(settings, conventions.read, self._price)

    def started(self, span: ReadableSpan, out: Out) -> None:
        """A span began."""
        context = span.context
        if context is not None:
            self.engine.started(context.trace_id, context.span_id, local_parent_id(span), out, carried_parent_id(span))

    def ended(self, span: ReadableSpan, now: float, out: Out) -> None:
        """A span ended; it is appended to ``out``, or is held and comes out later, whatever fails in us."""
        before = len(out)
        if self.guard.call("folding a span", self._fold, span, now, out) is None:
            data = self.guard.call("reading a span", span_data, span)
            if data is None:
                self.engine.unreadable()
            else:
                self.engine.fault(data)
            if span not in out[before:]:
                out.append(span)

    def _fold(self, span: ReadableSpan, now: float, out: Out) -> bool:
        self.engine.ended(span_data(span), span, now, out)
        return True

    def finish(self, out: Out) -> list[ReadableSpan]:
        """Spans to forward: released roots get their totals; one that fails leaves as it came."""
        return [self._finished(item) if isinstance(item, Trace) else item for item in out]  # type: ignore[misc]

    def _finished(self, trace: Trace) -> ReadableSpan:
        root: ReadableSpan = trace.carrier  # type: ignore[assignment]  # what this door handed in
        return self.guard.call("writing a root", self._enriched, trace, root) or root

    def _enriched(self, trace: Trace, root: ReadableSpan) -> ReadableSpan:
        rollup = self.engine.rollup(trace)
        existing = attributes_of(root)
        replaced = _writer.overwritten(existing)
        for name in replaced:
            _warned.once(
                "reserved", name, "attribute %s is reserved for session totals: the value set on a root is replaced", name
            )
        if self._settings.outputs and trace.output is not None:
            time_ns, span_id, raw = trace.output
            output = readable(raw, self._settings.max_output_chars)
            rollup = replace(rollup, output=At(time_ns, span_id, output) if output is not None else None)
        return EnrichedSpan(root, _writer.attributes(rollup, existing, trace.partial), replaced)

    def _price(self, call: Call) -> int | None:
        cost = self.guard.call("pricing", self._cost, call)
        if cost is None:
            named = call.models[0] if call.models else "a model without a name"
            self.guard.once(
                "unpriced", named, "no price is known for %s (provider %s): its cost is left out", named, call.provider
            )
        return cost

    def _cost(self, call: Call) -> int | None:
        if call.usage is None:
            return None
        return self._prices.cost_pusd(
            provider=call.provider,
            models=call.models,
            usage=call.usage,
            at_ns=call.start_ns,
            server_address=call.server_address,
            service_tier=call.service_tier,
        )
