"""The session roots that share one trace id.

Callers choose the trace id, so it may have one root or a hundred thousand.  Roots are found by the
id of a span, not by looking through them.  An entry that is found is checked before it is used:
entries of spans that have ended are removed whenever their number has doubled, which costs nothing
per span.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from otel_session_agg._trace.ended_spans import MAX_CLIMB, EndedSpans
from otel_session_agg._trace.trace import Trace

_MIN_SWEEP = 64
"""Entries of spans from which on outdated ones are removed whenever the number has doubled."""


class TracesOfOneId:
    """Roots with the same trace id, the oldest first."""

    __slots__ = (
        "_beginnings",
        "_by_span",
        "_ended_spans",
        "_parts",
        "_rootless",
        "_roots",
        "_sweep_at",
        "_trace_id",
        "_traces",
    )

    def __init__(self, first: Trace, ended_spans: EndedSpans) -> None:
        self._ended_spans = ended_spans
        self._trace_id = first.trace_id
        self._traces: OrderedDict[int, Trace] = OrderedDict()
        self._roots: dict[int, Trace] = {}
        """By the span id of the root."""
        self._rootless: Trace | None = None
        """The trace whose root is not known yet."""
        self._by_span: dict[int, Trace] = {}
        """By the id of a span that is open below it, or that has something attached."""
        self._sweep_at = _MIN_SWEEP
        self._parts: OrderedDict[int, Trace] = OrderedDict()
        """Those that may be in the middle of the trace, by identity."""
        self._beginnings: OrderedDict[int, Trace] = OrderedDict()
        """Those that may begin the trace, by identity."""
        self.add(first)

    def __contains__(self, trace: Trace) -> bool:
        return id(trace) in self._traces

    def add(self, trace: Trace) -> None:
        """Add a root, with all spans that are known below it."""
        self._traces[id(trace)] = trace
        self.named(trace)
        for span_id in (*(trace.opened or ()), *(trace.nodes or ())):
            self._put(span_id, trace)

    def named(self, trace: Trace) -> None:
        """Index a root again, after its span id or ``is_part`` was set."""
        if trace.root_id is None:
            self._rootless = trace
        else:
            self._roots[trace.root_id] = trace
            if self._rootless is trace:
                self._rootless = None
        self._parts[id(trace)] = self._beginnings[id(trace)] = trace

    def demoted(self, trace: Trace) -> None:
        """Index a root as a span below its parent, which is to take its place."""
        if trace.root_id is not None:
            self._roots.pop(trace.root_id, None)
            self._put(trace.root_id, trace)

    def remove(self, trace: Trace) -> Trace | None:
        """Remove a root; return the one of those left that was added last."""
        del self._traces[id(trace)]
        self._parts.pop(id(trace), None)
        self._beginnings.pop(id(trace), None)
        if trace.root_id is not None and self._roots.get(trace.root_id) is trace:
            del self._roots[trace.root_id]
        if self._rootless is trace:
            self._rootless = None
        return next(reversed(self._traces.values()), None)

    # -- spans ------------------------------------------------------------------------------

    def _put(self, span_id: int, trace: Trace) -> None:
        """Index a span; remove outdated entries first if there are too many."""
        if len(self._by_span) >= self._sweep_at:
            self._by_span = {
                one: its_trace
                for one, its_trace in self._by_span.items()
                if its_trace in self and its_trace.holds(one)
            }
            self._sweep_at = max(_MIN_SWEEP, 2 * len(self._by_span))
        self._by_span[span_id] = trace

    def started(self, span_id: int, trace: Trace) -> None:
        """Index a span that started below a root."""
        if trace in self:
            self._put(span_id, trace)

    def ended(self, parent_id: int | None, trace: Trace) -> None:
        """Index the parent of an ended span, if that was only named and has something attached."""
        if trace not in self:
            return
        for _ in range(MAX_CLIMB):
            if parent_id is None or parent_id == trace.root_id or trace.is_open(parent_id):
                return
            if trace.nodes is not None and parent_id in trace.nodes:
                self._put(parent_id, trace)
                return
            link = self._ended_spans.get(self._trace_id, parent_id)
            parent_id = link[1] if link is not None else None

    def knowing(self, span_id: int | None) -> Trace | None:
        """Return the root that a span is, is open below or was below recently."""
        for _ in range(MAX_CLIMB):
            if span_id is None:
                return None
            for found in (self._roots.get(span_id), self._by_span.get(span_id)):
                if found is not None and found in self and found.holds(span_id):
                    return found
            link = self._ended_spans.get(self._trace_id, span_id)
            span_id = link[1] if link is not None else None
        return None

    # -- roots ------------------------------------------------------------------------------

    def root(self, span_id: int) -> Trace | None:
        """Return the trace of this root, or the one whose root is not known yet."""
        return self._roots.get(span_id) or self._rootless

    def oldest(self, how_many: int) -> list[Trace]:
        """Return the roots that were added first."""
        return list(islice(self._traces.values(), how_many))

    def has_part(self) -> bool:
        """Return whether a root is in the middle of the trace."""
        while self._parts:
            name, trace = next(iter(self._parts.items()))
            if trace.is_part:
                return True
            del self._parts[name]  # ``named`` adds it again should it become one
        return False

    def has_beginning(self) -> bool:
        """Return whether a root begins the trace."""
        while self._beginnings:
            name, trace = next(iter(self._beginnings.items()))
            if trace.begins:
                return True
            del self._beginnings[name]
        return False
