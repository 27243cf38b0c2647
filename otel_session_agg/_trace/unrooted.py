"""The ended spans of one trace that wait for their root, and which is below which.

Children are found from their parent, so a root that leaves costs as much as it takes along,
whatever else waits.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from otel_session_agg._collections.deadlines import Deadline
from otel_session_agg._model.span import Reading, SpanData


class WaitingSpan(NamedTuple):
    """An ended span that waits for its root."""

    span: SpanData
    """Without attributes, which may hold whole conversations."""
    reading: Reading
    payload: Any
    """Of a root, what the entry point handed in; ``None`` of other spans, which have left."""
    number: int
    """Position in the order of arrival, over all traces."""

    @property
    def num_chars(self) -> int:
        """Characters of the texts that are kept."""
        reading = self.reading
        output = reading.output if isinstance(reading.output, str) else ""
        return len(output) + len(reading.error or "") + len(reading.metadata or "")


class WaitingTrace:
    """The waiting spans of one trace."""

    __slots__ = (
        "_below",
        "_loose",
        "_loose_starts",
        "idle",
        "last_seconds",
        "parts",
        "roots",
        "spans",
        "trace_id",
    )

    def __init__(self, trace_id: int) -> None:
        self.trace_id = trace_id
        self.spans: dict[int, WaitingSpan] = {}
        """By span id, in the order of arrival."""
        self.roots: dict[int, None] = {}
        """Roots that wait, in the same order."""
        self.parts: dict[int, None] = {}
        """Those of the roots that are in the middle of the trace."""
        self._below: dict[int, dict[int, None]] = {}
        """Children by parent, whether the parent has come or not."""
        self._loose: dict[int, None] = {}
        """Spans that are no roots and whose parent has not come."""
        self._loose_starts: list[int] | None = None
        """Sorted start times of those and all below them; ``None``: to be computed."""
        self.last_seconds = 0.0
        """When the last span came, in monotonic seconds."""
        self.idle: Deadline[Due] | None = None
        """When to give up spans that wait for a root."""

    def add(self, kept: WaitingSpan) -> None:
        """Add a span that has come."""
        span = kept.span
        parent_id = _parent_of(span)
        self.spans[span.span_id] = kept
        if parent_id is not None:
            self._below.setdefault(parent_id, {})[span.span_id] = None
        for child_id in self._below.get(span.span_id, ()):
            self._loose.pop(child_id, None)
        if span.parent_id is None:
            self.roots[span.span_id] = None
            if span.is_part:
                self.parts[span.span_id] = None
        elif parent_id not in self.spans:
            self._loose[span.span_id] = None
        self._loose_starts = None

    def take(self, span_ids: Collection[int]) -> list[WaitingSpan]:
        """Remove spans and return them in the order of arrival; their children become loose."""
        taken = sorted(
            (self.spans.pop(span_id) for span_id in span_ids), key=lambda kept: kept.number
        )
        for kept in taken:
            span_id, parent_id = kept.span.span_id, _parent_of(kept.span)
            alike = self._below.get(parent_id) if parent_id is not None else None
            if parent_id is not None and alike is not None:
                alike.pop(span_id, None)
                if not alike:
                    del self._below[parent_id]
            for child_id in self._below.get(span_id, ()):
                if child_id in self.spans and child_id not in self.roots:
                    self._loose[child_id], self._loose_starts = None, None
            if self._loose.pop(span_id, self) is None:
                self._loose_starts = None
            self.waits_no_longer(span_id)
        return taken

    def waits_no_longer(self, root_id: int) -> None:
        """Note that a root has waited long enough."""
        self.roots.pop(root_id, None)
        self.parts.pop(root_id, None)

    def parent(self, span_id: int) -> int | None:
        """Return the parent of a span, if that has come."""
        parent_id = _parent_of(self.spans[span_id].span)
        return parent_id if parent_id in self.spans else None

    def below(self, tops: Iterable[int], without: Container[int] = ()) -> dict[int, None]:
        """Return ``tops`` and all spans below them, as far as their parents have come.

        Spans in ``without``, and those below them, are left out.
        """
        found = dict.fromkeys(tops)
        todo = list(found)
        while todo:
            for child_id in self._below.get(todo.pop(), ()):
                if child_id not in found and child_id not in without:
                    found[child_id] = None
                    todo.append(child_id)
        return found

    def loose(self) -> dict[int, None]:
        """Return spans whose parent has not come, and all below them, except below roots."""
        return self.below(self._loose, self.roots)

    def has_loose(self, start_ns: int, end_ns: int) -> bool:
        """Return whether a loose span began in a time, both ends included."""
        if self._loose_starts is None:
            self._loose_starts = sorted(self.spans[one].span.start_ns for one in self.loose())
        at = bisect_left(self._loose_starts, start_ns)
        return at < len(self._loose_starts) and self._loose_starts[at] <= end_ns


Due = tuple[WaitingTrace, "int | None"]
"""A trace, and the root in it that has waited; ``None``: the spans that wait for a root."""


def _parent_of(span: SpanData) -> int | None:
    """Return the parent of a span, also where that only looks remote."""
    return span.parent_id if span.parent_id is not None else span.carried_parent_id


def downwards(spans: Mapping[int, SpanData]) -> Iterator[SpanData]:
    """Yield spans so that each comes after its parent."""
    done: set[int] = set()
    for span_id in spans:
        path = []
        at: int | None = span_id
        while at is not None and at in spans and at not in done:
            done.add(at)
            path.append(spans[at])
            at = _parent_of(spans[at])
        yield from reversed(path)
