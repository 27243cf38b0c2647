"""Spans that have ended although something below them is open.

A span whose stream outlives it (its client's span, its HTTP call) says less than what is below it, so which of them counts can
only be decided when all have ended.  Until then it waits here.  Deciding from the leaves up makes the totals a function of the
spans, whatever the order of their ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.ended_spans import EndedSpans
from otel_session_agg._trace.nesting import reports_call

MAX_WAITING = 1024
"""Spans of one trace that wait: deeper stacks times more calls at once than were ever seen.  Of more the oldest wait no longer."""


class OutlivedSpan(NamedTuple):
    """A span that has ended and waits for what is below it."""

    span: SpanData
    """Without attributes and events, which may hold whole conversations."""
    reading: Reading
    """Without output, which is counted already."""
    parent_id: int | None


class Outlived:
    """The spans of one trace that wait, and how many spans below each are awaited."""

    __slots__ = ("_num_below", "spans")

    def __init__(
        self, opened: dict[int, int | None], trace_id: int, ended_spans: EndedSpans
    ) -> None:
        for span_id, parent_id in opened.items():
            if parent_id not in opened:
                opened[span_id] = ended_spans.nearest(trace_id, parent_id, opened)
        self._num_below: dict[int | None, int] = dict(Counter(opened.values()))
        """By parent, its children that are open or wait themselves."""
        self.spans: dict[int, OutlivedSpan] = {}
        """Those that wait by span id, the first to end first."""

    def began(self, parent_id: int | None) -> None:
        """A span was opened below a parent."""
        self._num_below[parent_id] = self._num_below.get(parent_id, 0) + 1

    def is_outlived(self, span_id: int) -> bool:
        """Whether something directly below a span is open, or waits."""
        return span_id in self._num_below

    def wait(self, span: SpanData, reading: Reading, parent_id: int | None) -> None:
        """Keep a span that ended before what is below it."""
        self.spans[span.span_id] = OutlivedSpan(
            span._replace(attributes={}, events=()), reading._replace(output=None), parent_id
        )

    def done(self, parent_id: int | None) -> OutlivedSpan | None:
        """A child is open no more; returns its parent if that waited for nothing else."""
        left = self._num_below.pop(parent_id, 1) - 1
        if left:
            self._num_below[parent_id] = left
            return None
        return self.spans.pop(parent_id, None) if parent_id is not None else None

    def pop_oldest(self) -> OutlivedSpan:
        """The span that ended first of those that wait waits no longer."""
        return self.spans.pop(next(iter(self.spans)))

    def innermost(self, opened: Mapping[int, int | None]) -> list[OutlivedSpan]:
        """Those that tell of a call and wait for none that does; ``opened``: open spans and their parents."""
        reporting = [waiting for waiting in self.spans.values() if reports_call(waiting.reading)]
        above: set[int | None] = set()
        for waiting in reporting:
            at = waiting.parent_id
            while at is not None and at not in above:
                above.add(at)
                at = self.spans[at].parent_id if at in self.spans else opened.get(at)
        return [waiting for waiting in reporting if waiting.span.span_id not in above]

    def innermost_first(self) -> list[int]:
        """All that wait, each after those that wait below it; in a ring of parents, the first to end is the first."""
        num_below = Counter(waiting.parent_id for waiting in self.spans.values())
        found: dict[int, None] = {}
        for span_id in [*(one for one in self.spans if not num_below[one]), *self.spans]:
            at: int | None = span_id
            while (
                at is not None
                and at in self.spans
                and at not in found
                and (not num_below[at] or at == span_id)
            ):
                found[at] = None
                at = self.spans[at].parent_id
                num_below[at] -= 1
        return list(found)
