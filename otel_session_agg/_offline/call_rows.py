"""The calls of a trace as rows, with whom they belong to, and what was decided about them."""

from __future__ import annotations

from collections.abc import Sequence
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
            is_tool = reading.kind is Kind.TOOL
            place = Place(span.parent_id, is_tool, session, caller_of(reading))
            self._places[span.span_id] = place

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
        totals.add(call, price)
    other = call.lost_to or call.figures_at
    models = call.response_models or call.request_models
    usage = call.usage.with_total() if call.usage is not None and call.usage_counts else Usage()
    agent, tool = caller
    trace_id, name, session_id = place
    return ReplayedCall(
        trace_id=trace_id,
        span_id=call.span_id,
        session_id=session_id,
        name=name,
        start_ns=call.start_ns,
        end_ns=call.end_ns,
        model=models[0] if models else None,
        provider=call.provider,
        agent=agent if isinstance(agent, str) else None,
        tool=tool if isinstance(tool, str) else None,
        usage=usage,
        cost_pusd=totals.cost_pusd if totals.computed or totals.recorded else None,
        is_unpriced=bool(totals.unpriced),
        is_recorded=bool(totals.recorded),
        failed=call.failed,
        counts=call.stands,
        lost_to=other.span_id if other is not None else None,
        rule=call.rule.value if call.rule is not None else None,
    )
