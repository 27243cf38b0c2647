"""Count a set of ended spans as a processor does, and keep what was decided about each call.

The engine counts; it is given the starts and ends of all spans in the order of their times, so its
bounds hold, too.  What it decided stands on the reports of calls, which are taken from its traces
while it still has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import add

from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._reasons import SHUTDOWN
from otel_session_agg._settings import Settings
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.steps import steps
from otel_session_agg._trace.trace import Corrected, Out, Released, Trace

SpanKey = tuple[int, int]
"""Trace id and span id."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What an engine made of a set of spans."""

    calls: Mapping[SpanKey, Call]
    """The call that a span reports, decided about."""
    sessions: Mapping[str | None, Rollup]
    """Totals by session id; ``None``: no session is known."""

    @property
    def rollup(self) -> Rollup:
        """The totals of all spans."""
        return reduce(add, self.sessions.values(), Rollup())


def count_spans(rows: Mapping[SpanKey, tuple[SpanData, Reading]], prices: PriceBook) -> Counted:
    """Return what spans count as, whatever their order."""
    settings = Settings(max_open_roots=max(len(rows), 1), max_open_spans=max(len(rows), 1))
    readings = {key: reading for key, (_, reading) in rows.items()}

    def read(span: SpanData) -> Reading:
        return readings[span.trace_id, span.span_id]

    engine = Engine(settings, read, partial(cost_of, prices), Deadlines())
    out: Out[None] = []
    calls: dict[SpanKey, Call] = {}
    for is_end, span in steps(span for span, _ in rows.values()):
        if is_end:
            engine.ended(span, None, 0.0, out)
            trace = engine.roots.find(span.trace_id, span.span_id)
            report = _reports(trace).get(span.span_id)
            if report is not None:
                calls[span.trace_id, span.span_id] = report
        else:
            engine.started(span.trace_id, span.span_id, span.parent_id, out, span.carried_parent_id)
    engine.drain(SHUTDOWN, out)
    traces = _traces(out)
    engine.totals.fold_roots(out)
    for trace in traces:
        for span_id, report in _reports(trace).items():
            calls.setdefault((trace.trace_id, span_id), report)
    for trace in traces:  # which decides about calls that another trace reports, too
        engine.totals.rollups(trace)
    sessions: dict[str | None, Rollup] = {}
    for trace in traces:
        for session, rollup in engine.totals.rollups(trace).items():
            sessions[session] = sessions.get(session, Rollup()) + rollup
    return Counted(calls, sessions)


def _reports(trace: Trace | None) -> Mapping[int, Call]:
    """Return the reports of calls that a trace can still decide about."""
    return {} if trace is None or trace.calls is None else trace.calls.calls


def _traces(out: Out[None]) -> list[Trace]:
    """Return the traces that left, in order."""
    left = (item.trace for item in out if isinstance(item, (Released, Corrected)))
    return list({id(trace): trace for trace in left}.values())


def figures_of(call: Call, prices: PriceBook) -> CallTotals:
    """Return what one call adds to the totals."""
    totals = CallTotals()
    if call.lost_to is None:
        totals.add(call, partial(cost_of, prices))
    return totals
