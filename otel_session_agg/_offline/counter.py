"""Count whole traces by the engine, as a processor does that has seen all of their spans.

Traces come one after the other as they began, each with all of its spans, in any order; spans that
are there twice count once.  A call that two traces report counts in one of them: that is decided
when a trace is closed, as soon as no further one may report its calls.  No clock, thread or file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from operator import attrgetter, itemgetter
from typing import NamedTuple

from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._history.span_tables import FEEDBACK, StoredSpan
from otel_session_agg._model.replayed import ReplayedCall, ReplayedTrace, SessionPart
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._offline.call_rows import CallRows
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.root_attributes import OnRoot, RootAttributes
from otel_session_agg._offline.session_sums import SessionSums
from otel_session_agg._offline.source_spans import (
    Resource,
    SourceSpan,
    as_all_made,
    begins,
    each_once,
    only_resource,
    without_attributes,
)
from otel_session_agg._offline.trace_parts import Rollups, parts_of, sums_of, trace_of
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._reading.dimensions import DimensionReader
from otel_session_agg._reading.output_text import readable
from otel_session_agg._reading.span import Reader
from otel_session_agg._reasons import SHUTDOWN
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.steps import steps
from otel_session_agg._trace.totals import no_text
from otel_session_agg._trace.trace import Corrected, Out, Released, Trace
from otel_session_agg._trace.whole_trace import in_order_of_ends
from otel_session_agg._writing.inputs import Inputs

_UNBOUNDED = 10**9
"""Everything is open at once here, so the bounds of a process do not apply."""

_APART_NS = 1_000_000_000
"""Nanoseconds between two traces that do not report one call: reports end within milliseconds."""

_START, _END, _ID = attrgetter("start_ns"), attrgetter("end_ns"), attrgetter("span_id")
_NUMBER = itemgetter(1)
_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much
_Stored = Mapping[int, SourceSpan]
"""Spans of a trace as they were stored, by id."""


class CountedTrace(NamedTuple):
    """What one trace came to."""

    trace: ReplayedTrace
    parts: list[SessionPart]
    calls: list[ReplayedCall]
    """Empty where they are not wanted."""
    on_roots: list[OnRoot]
    """Empty where they are not wanted."""
    spans: list[StoredSpan]
    """Empty where they are not wanted."""
    rows: CallRows | None


class Feedback(NamedTuple):
    """Feedback that was given outside of any trace."""

    part: SessionPart
    """What its session gets of it."""
    span: StoredSpan


class _Entry(NamedTuple):
    """A trace that was counted."""

    trace_id: int
    num_spans: int
    name: str
    """Of the span that begins it, as far as is known."""
    start_ns: int
    """Of that span."""
    end_ns: int
    roots: list[Trace]
    """The engine's traces of this id."""
    calls: CallRows | None
    spans: list[tuple[SourceSpan, str]]
    """Those that are kept, each with its kind."""


_Open = tuple[int, int, _Entry]
"""When a trace ended, its number, and itself."""


class TraceCounter:
    """Counts a batch of traces.

    Args:
        options: What is wanted; bounds on what is open do not apply.
        prices: Prices of calls.

    """

    def __init__(self, options: Options, prices: PriceBook) -> None:
        self._options, self._prices = options, prices
        settings = replace(
            options.settings,
            max_open_roots=_UNBOUNDED,
            max_open_spans=_UNBOUNDED,
            outputs=options.settings.outputs and options.with_texts,
            breakdown=options.settings.breakdown and options.with_details,
        )
        self._with_calls, self._with_spans = options.with_calls, options.with_spans
        self._max_chars = settings.max_output_chars if settings.outputs else 0
        self._inputs = Inputs(self._max_chars)
        self._read = Reader(self._inputs.noting(options.reads)).read
        names = dict.fromkeys((*settings.dimensions, *settings.breakdown_by))
        self._dimensions = DimensionReader(tuple(names))
        self._roots = RootAttributes(settings) if options.with_roots else None
        text = partial(readable, max_chars=self._max_chars) if self._max_chars else no_text
        self._engine = Engine(
            settings, self._read, partial(cost_of, prices), Deadlines(), text=text
        )
        self._entries: list[_Entry] = []
        """All traces, where these are wanted."""
        self._sums: SessionSums | None = None
        """Else what sessions get of those that are closed, of which nothing else is kept."""
        if not options.with_traces:
            self._sums = SessionSums(self._engine.totals, prices, settings, self._max_chars)
        self._open: list[_Open] = []
        """Traces whose calls another one may report; a heap."""
        self.num_spans = self._num_traces = 0
        self._feedback: list[SourceSpan] = []
        """Feedback that was given outside of any trace."""

    def add(self, spans: Iterable[SourceSpan]) -> None:
        """Add a trace: all of its spans."""
        rows = list(spans)
        stored, feedback = each_once(rows)
        if not stored:
            self._feedback += feedback
            return
        made = as_all_made(stored)
        ordered = in_order_of_ends(made)
        if ordered is None:
            start_ns, end_ns = min(map(_START, made.values())), max(map(_END, made.values()))
        else:  # the root is around all others
            start_ns, end_ns = ordered[-1].start_ns, ordered[-1].end_ns
        self._close_before(start_ns)
        calls = CallRows() if self._with_calls else None
        if ordered is None:
            roots, readings = self._one_by_one(made, stored, calls)
        else:
            roots, readings = self._whole(ordered, stored, calls)
        kept: list[tuple[SourceSpan, str]] = []
        if self._with_spans:
            kept = [(row, readings[span_id].kind.value) for span_id, row in stored.items()]
            kept += [(row, FEEDBACK) for row in feedback]
        for root in roots:
            if feedback:
                root.feedback()
            self._note_root(root, stored)
            if self._roots is not None and root.root_span is not None:
                own = stored[root.root_span.span_id].span
                self._roots.note(own, (row.span for row in rows))
        if calls is not None:
            calls.add_roots(roots)
        is_root = ordered is not None and not ordered[-1].is_part
        first = ordered[-1] if ordered and is_root else min(made.values(), key=begins)
        begin = first.trace_id, len(made), first.name, first.start_ns
        entry = _new(_Entry, (*begin, end_ns, roots, calls, kept))
        heappush(self._open, (end_ns, self._num_traces, entry))
        self.num_spans += len(made)
        self._num_traces += 1
        if self._sums is None:
            self._entries.append(entry)
        self._inputs.drop(first.trace_id)

    def _whole(
        self, spans: list[SpanData], stored: _Stored, calls: CallRows | None
    ) -> tuple[list[Trace], dict[int, Reading]]:
        """Count a trace whose spans nest, as they ended; return readings where spans are kept."""
        readings = list(map(self._engine.reading_of, spans))
        resource = stored[spans[-1].span_id].resource
        trace = self._engine.totals.whole(spans, readings, resource)
        if calls is not None:
            calls.add_whole(spans, readings, trace)
        found = zip(map(_ID, spans), readings, strict=True) if self._with_spans else ()
        return [trace], dict(found)

    def _one_by_one(
        self, spans: Mapping[int, SpanData], stored: _Stored, calls: CallRows | None
    ) -> tuple[list[Trace], dict[int, Reading]]:
        """Count any trace, by the starts and ends of its spans."""
        engine, found = self._engine, {}
        out: Out[Resource] = []
        for is_end, span in steps(spans.values()):
            if not is_end:
                engine.started(
                    span.trace_id, span.span_id, span.parent_id, out, span.carried_parent_id
                )
                continue
            reading = found[span.span_id] = engine.reading_of(span)
            engine.ended(span, stored[span.span_id].resource, 0.0, out, reading)
            if calls is not None:
                calls.add(span, reading, engine.roots.find(span.trace_id, span.span_id))
        engine.drain(SHUTDOWN, out)
        engine.totals.fold_roots(out)
        return _traces(out), found

    def _note_root(self, trace: Trace, stored: _Stored) -> None:
        """Note what a root says beside its totals, or what its spans do until it is there."""
        root = trace.root_span
        resource = trace.payload if root is not None else only_resource(stored.values())
        if isinstance(resource, Resource):
            attributes = root.attributes if root is not None else {}
            trace.dimensions = self._dimensions.of_root(attributes, resource)
        if self._max_chars:
            since_ns = root.start_ns if root is not None else 0
            trace.first_input = self._inputs.raw(trace.trace_id, since_ns)
        if root is not None:
            trace.root_span = without_attributes(root)

    def _close_before(self, start_ns: int) -> None:
        """Close what ended before a trace began: the engine knows a bounded number of calls."""
        while self._open and self._open[0][0] + _APART_NS < start_ns:
            self._close(heappop(self._open)[-1])

    def _close(self, entry: _Entry) -> None:
        """Decide about the calls of a trace, which another one may report, too."""
        if self._sums is not None:
            self._sums.add(entry.trace_id, entry.roots)
            return
        for root in entry.roots:
            self._engine.totals.close(root)

    def _close_all(self) -> None:
        """Close all traces as they began."""
        for _, _, entry in sorted(self._open, key=_NUMBER):
            self._close(entry)
        self._open.clear()

    def feedback(self) -> Iterator[Feedback]:
        """Yield feedback that was given outside of any trace, where it is of a session."""
        for row in self._feedback:
            session_id = self._read(row.span).session_id
            if session_id is not None:
                totals = SessionTotals(rollup=Rollup(has_feedback=True))
                part = SessionPart(row.span.trace_id, session_id, totals)
                yield Feedback(part, _stored(row, FEEDBACK, session_id))

    def _rollups(self, entry: _Entry) -> Rollups:
        """Return the totals of the roots of a trace that is closed."""
        return [(root, self._engine.totals.rollups(root)) for root in entry.roots]

    def sessions(self) -> list[SessionPart]:
        """Return what each session gets of all traces, where these are not wanted themselves."""
        self._close_all()
        return self._sums.parts() if self._sums is not None else []

    def results(self) -> Iterator[CountedTrace]:
        """Yield what the traces came to, where these are wanted."""
        self._close_all()
        for entry in self._entries:
            rollups = self._rollups(entry)
            sums = sums_of(entry.trace_id, rollups)
            session_id = sums.session_id
            parts = parts_of(entry.trace_id, rollups, sums, self._max_chars)
            facts = entry.name, entry.start_ns, entry.end_ns, entry.num_spans
            trace = trace_of(sums, facts, entry.roots, parts)
            calls: list[ReplayedCall] = []
            on_roots: list[OnRoot] = []
            if entry.calls is not None:
                calls = entry.calls.rows(entry.roots, session_id, self._prices)
            if self._roots is not None:
                own = next((part.totals for part in parts if part.session_id == session_id), None)
                on_roots = self._roots.of(sums, own)
            spans = [_stored(row, kind, session_id) for row, kind in entry.spans]
            yield CountedTrace(trace, parts, calls, on_roots, spans, entry.calls)


def _stored(row: SourceSpan, kind: str, session_id: str) -> StoredSpan:
    return _new(StoredSpan, (row.span, row.resource.attributes, session_id, kind))


def _traces(out: Out[Resource]) -> list[Trace]:
    """Return the traces that left, each once."""
    left = (item.trace for item in out if isinstance(item, (Released, Corrected)))
    return list({id(trace): trace for trace in left}.values())
