"""Spans that ended while something below them is open.

A span that its stream outlives (a client's span, an HTTP call) states less than the spans below it,
so which of them counts can only be decided when all have ended.  Until then it waits here.
Deciding from the leaves up makes the totals a function of the spans, whatever the order in which
they end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._trace.call import reports_call

MAX_WAITING = 1024
"""Spans of one trace that wait; beyond that the oldest stop waiting.

That is deeper stacks times more concurrent calls than were ever seen.
"""


class OutlivedSpan(NamedTuple):
    """A span that has ended and waits for the spans below it."""

    span: SpanData
    """Without attributes and events, which may hold whole conversations."""
    reading: Reading
    """Without output, which is counted already."""
    parent_id: int | None


class Outlived:
    """The spans of one trace that wait, and how many children each waits for."""

    __slots__ = ("num_below", "spans")

    def __init__(self, parents: Iterable[int | None]) -> None:
        """Start with the parents of all open spans."""
        self.num_below: dict[int | None, int] = dict(Counter(parents))
        """Number of children that are open, or wait themselves, by parent."""
        self.spans: dict[int, OutlivedSpan] = {}
        """Waiting spans by span id, in the order of their ends."""

    def began(self, parent_id: int | None) -> None:
        """Count a span that started below a parent."""
        self.num_below[parent_id] = self.num_below.get(parent_id, 0) + 1

    def wait(self, ended: OutlivedSpan) -> None:
        """Keep a span that ended before the spans below it, without what was counted already."""
        span, reading, parent_id = ended
        self.spans[span.span_id] = OutlivedSpan(
            span._replace(attributes={}, events=()), reading._replace(output=None), parent_id
        )

    def done(self, parent_id: int | None) -> OutlivedSpan | None:
        """Count off a child; remove and return its parent if that waited for no other child."""
        left = self.num_below.pop(parent_id, 1) - 1
        if left:
            self.num_below[parent_id] = left
            return None
        return self.spans.pop(parent_id, None) if parent_id is not None else None

    def pop_oldest(self) -> OutlivedSpan:
        """Remove and return the waiting span that ended first."""
        return self.spans.pop(next(iter(self.spans)))

    def innermost(self, opened: Mapping[int, int | None]) -> list[OutlivedSpan]:
        """Return waiting spans that report a call while no waiting span below them does.

        ``opened``: open spans and their parents.
        """
        reporting = [waiting for waiting in self.spans.values() if reports_call(waiting.reading)]
        above: set[int | None] = set()
        for waiting in reporting:
            at = waiting.parent_id
            while at is not None and at not in above:
                above.add(at)
                at = self.spans[at].parent_id if at in self.spans else opened.get(at)
        return [waiting for waiting in reporting if waiting.span.span_id not in above]

    def innermost_first(self) -> list[int]:
        """Return the ids of all waiting spans, each after those below it.

        In a ring of parents, the first to end comes first.
        """
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
