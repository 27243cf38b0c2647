"""The calls of a trace as rows, with whom they belong to, and what was decided about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from otel_session_agg._model.replayed import ReplayedCall
from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_callers import CallCallers
from otel_session_agg._trace.call_sessions import CallSessions
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.caller import NO_CALLER, Caller, caller_of
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.trace import Trace
from otel_session_agg._trace.tree import Place

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member
_NO_USAGE = Usage()
_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much


class CallRows:
    """The spans of one trace, as far as calls need them."""

    def __init__(self) -> None:
        self._calls: dict[int, Call] = {}
        self._names: dict[int, str] = {}
        self._places: dict[int, Place] = {}
        self._roots: dict[int, Trace] = {}

    def add(self, span: SpanData, reading: Reading, trace: Trace | None) -> None:
        """Add a span that ended; ``trace``: what has its call, which is decided about later."""
        call = trace.calls.calls.get(span.span_id) if trace is not None and trace.calls else None
        if trace is not None and call is not None:
            self._calls[span.span_id] = call
            self._roots[span.span_id] = trace
            self._names[span.span_id] = span.name
        else:
            session = (reading.session_id, reading.session_is_weak)
            fields = (span.parent_id, reading.kind is _TOOL, session, caller_of(reading))
            self._places[span.span_id] = _new(Place, fields)

    def add_whole(
        self, spans: Iterable[SpanData], readings: Iterable[Reading], trace: Trace
    ) -> None:
        """Add a trace that is whole, as its spans ended: those with calls, and those above them."""
        reports = trace.calls.calls if trace.calls is not None else {}
        above: set[int | None] = set()
        for span, reading in zip(spans, readings, strict=True):
            if span.span_id in reports or span.span_id in above:
                self.add(span, reading, trace)
                above.add(span.parent_id)

    def rows(
        self, roots: Sequence[Trace], session_id: str, prices: PriceBook
    ) -> list[ReplayedCall]:
        """Return the calls, after all was decided; ``session_id``: that of the trace."""
        calls = self._calls.values()
        callers = CallCallers(self._calls, self._places, {}, (None, NO_CALLER)).of(calls)
        sessions = CallSessions(self._calls, self._places, {}, None).of(calls)
        price = partial(cost_of, prices)
        found = []
        for span_id, call in self._calls.items():
            at = sessions.get(call, (None, False))
            stated = self._roots[span_id].attribution.resolved(at)
            place = roots[0].trace_id, self._names[span_id], stated or session_id
            caller = callers.get(call, NO_CALLER)
            found.append(_row(call, caller, price, place))
        return found

    def counting(self) -> list[tuple[Call, Trace]]:
        """Return the calls that count, in this trace or in another one, with their roots."""
        return [
            (call, self._roots[span_id])
            for span_id, call in self._calls.items()
            if call.lost_to is None or call.rule is Rule.TRACE
        ]

    def add_roots(self, roots: Sequence[Trace]) -> None:
        """Add the calls that roots themselves report, which are known when these are folded."""
        for root in roots:
            reports = root.calls.calls if root.calls is not None else {}
            for span_id, call in reports.items():
                self._roots[span_id] = root
                if span_id not in self._calls:
                    self._calls[span_id] = call
                    self._names[span_id] = root.root_span.name if root.root_span else ""
                    self._places.pop(span_id, None)


def _row(
    call: Call, caller: Caller, price: partial[int | None], place: tuple[int, str, str]
) -> ReplayedCall:
    """Return a call as a row; ``place``: its trace, the name of its span, and its session."""
    totals = CallTotals()
    if call.stands:
        totals.add_costs((call,), price, None)
    other = call.lost_to or call.figures_at
    models = call.response_models or call.request_models
    usage = call.usage.with_total() if call.usage is not None and call.usage_counts else _NO_USAGE
    agent, tool = caller
    trace_id, name, session_id = place
    return _new(
        ReplayedCall,
        (
            trace_id,
            call.span_id,
            session_id,
            name,
            call.start_ns,
            call.end_ns,
            models[0] if models else None,
            call.provider,
            agent if isinstance(agent, str) else None,
            tool if isinstance(tool, str) else None,
            usage,
            totals.cost_pusd if totals.computed or totals.recorded else None,
            bool(totals.unpriced),
            bool(totals.recorded),
            call.failed,
            call.stands,
            other.span_id if other is not None else None,
            call.rule.value if call.rule is not None else None,
        ),
    )
