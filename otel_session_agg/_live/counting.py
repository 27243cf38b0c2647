"""What is done in the process that counts: requests in, rows for the history out.

No clock and no channel: `process.py` has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from otel_session_agg._history.prepared import Prepared
from otel_session_agg._live.open_traces import OpenTrace, OpenTraces
from otel_session_agg._live.related import RelatedTraces, ReportedCall
from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.counter import CountedTrace, TraceCounter
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.records import Record, RecordReader, records_of
from otel_session_agg._offline.source_spans import Resource, SourceSpan
from otel_session_agg._offline.work import Counted, counted_of
from otel_session_agg._otlp.batches import Frame
from otel_session_agg._otlp.otlp import decode
from otel_session_agg._spans.given import is_feedback, is_own
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.sightings import Sighting, figures, is_findable
from otel_session_agg._trace.trace import Trace

MAX_SPANS = 10_000
"""Spans that are counted at once: half a second's work, so that rows come often."""

Stored = Sequence[tuple[SpanData, Mapping[str, Any]]]
"""Spans, each with the attributes of its resource."""


class Rows(NamedTuple):
    """What some traces came to."""

    prepared: Prepared
    num_new: int
    """Spans that were not counted before."""
    share: int
    """Bytes of requests that these came in."""
    done: int
    """All requests up to this one are counted when this is written."""


class LiveWork:
    """The state of the process that counts."""

    def __init__(self, options: Options, traces: OpenTraces | None = None) -> None:
        self._options = options
        self._prices = options.price_book()
        self._keys, self._taken = options.resource_keys, options.taken
        self.traces = traces if traces is not None else OpenTraces()
        self._related = RelatedTraces()
        self._reader = RecordReader()
        self.last = 0
        """The last request that was taken."""
        self.num_counted = 0
        """Spans that were counted."""
        self._done_share = 0
        """Bytes of requests without spans that are to be counted."""

    # -- in ---------------------------------------------------------------------------------------

    def take(self, number: int, content: bytes, now: float) -> None:
        """Take the spans of a request."""
        records: list[Record] = []
        for batch in decode(Frame("", content), _was_reported):
            spans = [span for span in batch.spans if not is_own(span) or is_feedback(span)]
            records += records_of(self._taken(spans), batch.resource, self._keys)
        self.last = number
        num_spans = sum(record.num_spans for record in records)
        share = len(content) // max(num_spans, 1)
        self._done_share += len(content) - share * num_spans
        self._done_share += self.traces.add(number, records, share, now)

    def take_stored(self, trace_ids: Iterable[int], stored: Stored) -> None:
        """Take all that the history has of some traces."""
        self.traces.add_stored(
            trace_ids,
            (
                record
                for span, resource in stored
                for record in records_of(self._taken([span]), resource, self._keys)
            ),
        )

    def recall(self, stored: Stored) -> None:
        """Note the calls of traces that were counted before this: others may report them, too."""
        traces: dict[int, list[SourceSpan]] = {}
        for span, resource in stored:
            traces.setdefault(span.trace_id, []).append(SourceSpan(span, Resource(resource)))
        for spans in traces.values():  # each by itself: counted together, one report hides another
            counter = TraceCounter(self._options, self._prices)
            counter.add(spans)
            self._note(counter.results())
        self.num_counted += len(stored)

    # -- out --------------------------------------------------------------------------------------

    def count(self, now: float) -> Rows | None:
        """Count the traces that are due; ``None``: there is nothing to write."""
        due = self._with_related(now)
        if not due:
            return self._nothing()
        found, counted = self._counted(due)
        apart = self._apart(found, {trace.trace_id for trace in due}, now)
        if apart:
            for trace in due:
                if trace.trace_id in apart:
                    self.traces.put_back(trace, now)
            due = [trace for trace in due if trace.trace_id not in apart]
            if not due:
                return None
            _, counted = self._counted(due)
        num_new = sum(trace.num_new for trace in due)
        share = sum(trace.new_share for trace in due) + self._done_share
        self._done_share = 0
        self.traces.counted(due, now)
        return Rows(counted.rows, num_new, share, self._done())

    def _counted(self, due: list[OpenTrace]) -> tuple[list[CountedTrace], Counted]:
        counter = TraceCounter(self._options, self._prices)
        for trace in sorted(due, key=lambda trace: (trace.start_ns, trace.trace_id)):
            counter.add(chain.from_iterable(map(self._reader.read, trace.records)))
        found = list(counter.results())
        counted = counted_of(found, counter.feedback(), self._options)
        self.num_counted += counted.num_spans
        return found, counted

    def _with_related(self, now: float) -> list[OpenTrace]:
        """Return the traces that are due, with those that are to be counted with them."""
        found: dict[int, OpenTrace] = {}
        for trace in self.traces.due(now, MAX_SPANS):
            for other_id in self._related.of([trace.trace_id]):
                self.traces.add_related(other_id, trace.first_number, now)
            others = [self.traces.get(other) for other in self._related.of([trace.trace_id])]
            together = [trace, *filter(None, others)]
            if all(one.is_whole for one in together):
                found.update((one.trace_id, one) for one in together)
            else:
                self.traces.put_back(trace, now + 0.01)
        return list(found.values())

    def _apart(self, found: Iterable[CountedTrace], due: set[int], now: float) -> set[int]:
        """Return traces that have to be counted together with others that are not due."""
        self._note(found)
        apart: set[int] = set()
        for trace_id in due:
            trace = self.traces.get(trace_id)
            others = self._related.of([trace_id]) - due
            if others and trace is not None:
                apart.add(trace_id)
                for other in others:
                    self.traces.add_related(other, trace.first_number, now)
        return apart

    def _note(self, found: Iterable[CountedTrace]) -> None:
        calls = (call for one in found if one.rows is not None for call in one.rows.counting())
        self._related.note(_reported(calls))

    def _done(self) -> int:
        first = self.traces.first_number()
        return self.last if first is None else first - 1

    def _nothing(self) -> Rows | None:
        """Return that there is nothing to write of some requests."""
        share, self._done_share = self._done_share, 0
        return Rows(Prepared((), {}, (), {}), 0, share, self._done()) if share else None


def _reported(calls: Iterable[tuple[Call, Trace]]) -> Iterator[ReportedCall]:
    for call, trace in calls:
        if is_findable(call):
            has_figures = call.usage_counts and call.usage is not None
            yield ReportedCall(
                trace.trace_id,
                call.scopes,
                call.start_ns,
                call.end_ns,
                call.response_id,
                figures(call) if has_figures else None,
                Sighting(call, trace).begins(call),
            )


def _was_reported(_place: str, _what: str) -> None:
    """Pass over what was rejected when the request was accepted."""
