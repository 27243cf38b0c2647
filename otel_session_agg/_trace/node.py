"""What is attached to a span that has not ended: counts and calls of the spans below it.

A span belongs to the session that it names itself, else to that of its nearest ancestor, else to
its trace's.  What an ancestor names is known when it ends, after its children; so counts that no
session has yet move up with the spans that end.  Session ids are strong or weak: strong ones are
set for sessions; weak ones are those of conversations and threads, which frameworks set by
themselves, on sub-agents too.  Of strong ids the nearest counts, of weak ones the outermost; a
strong id beats a weak one.
"""

from __future__ import annotations

from otel_session_agg._model.rollup import At
from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._trace.call import SETTLED, Call
from otel_session_agg._trace.duplicates import WINDOW

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member


class EventCounts:
    """Counts and extremes over spans; each span that is read counts as one event."""

    __slots__ = (
        "end_ns",
        "error",
        "feedback",
        "num_errors",
        "num_events",
        "num_tools",
        "output",
        "start_ns",
    )

    def __init__(self) -> None:
        self.num_events = self.num_tools = self.num_errors = 0
        self.feedback = False
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self.output: tuple[int, int, object] | None = None
        """End, span id and raw output of the last span to end that has one."""
        self.error: At | None = None

    def add(self, span: SpanData, reading: Reading) -> None:
        """Count one span."""
        self.num_events += 1
        if reading.kind is _TOOL:
            self.num_tools += 1
        if self.start_ns is None or span.start_ns < self.start_ns:
            self.start_ns = span.start_ns
        if self.end_ns is None or span.end_ns > self.end_ns:
            self.end_ns = span.end_ns
        if reading.error is not None:
            self.num_errors += 1
            self.error = max(
                filter(None, (self.error, At(span.end_ns, span.span_id, reading.error)))
            )
        if reading.output is not None and (
            self.output is None or (span.end_ns, span.span_id) >= self.output[:2]
        ):
            self.output = (span.end_ns, span.span_id, reading.output)
        if reading.has_feedback:
            self.feedback = True

    def add_root(self, span: SpanData, reading: Reading) -> None:
        """Add a root that is no event: its time, its feedback, and what no span below it states.

        That is its error and its output.
        """
        self.start_ns = (
            span.start_ns if self.start_ns is None else min(self.start_ns, span.start_ns)
        )
        self.end_ns = span.end_ns if self.end_ns is None else max(self.end_ns, span.end_ns)
        self.feedback = self.feedback or reading.has_feedback
        if self.error is None and reading.error is not None:
            self.error = At(span.end_ns, span.span_id, reading.error)
        if self.output is None and reading.output is not None:
            self.output = (span.end_ns, span.span_id, reading.output)

    def merge(self, other: EventCounts) -> None:
        """Add the counts of another."""
        self.num_events += other.num_events
        self.num_tools += other.num_tools
        self.num_errors += other.num_errors
        self.feedback = self.feedback or other.feedback
        if other.start_ns is not None and (self.start_ns is None or other.start_ns < self.start_ns):
            self.start_ns = other.start_ns
        if other.end_ns is not None and (self.end_ns is None or other.end_ns > self.end_ns):
            self.end_ns = other.end_ns
        if other.output is not None and (
            self.output is None or other.output[:2] >= self.output[:2]
        ):
            self.output = other.output
        if other.error is not None:
            self.error = other.error if self.error is None else max(self.error, other.error)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted."""
        return not self.num_events and not self.feedback and self.start_ns is None


class Node(EventCounts):
    """What is attached to a span that has not ended.

    These are the counts of ended spans below it that have no session yet, the calls that these
    spans reported, and flags for what the calls mean to spans above.
    """

    __slots__ = ("calls", "flags", "weak")

    def __init__(self) -> None:
        super().__init__()
        self.flags = 0
        self.calls: list[Call] = []
        self.weak: dict[str, EventCounts] | None = None
        """Counts by weak session id, as long as no ancestor states a better one."""

    def move_counts_to(self, target: EventCounts) -> None:
        """Move the counts, also those by weak session id, to those of a session."""
        target.merge(self)
        for counts in (self.weak or {}).values():
            target.merge(counts)
        EventCounts.__init__(self)
        self.weak = None

    def merge_below(self, below: Node) -> None:
        """Add the counts of a descendant that has ended."""
        self.merge(below)
        for session, counts in (below.weak or {}).items():
            self.weak_counts(session).merge(counts)

    def weak_counts(self, session: str) -> EventCounts:
        """Return the counts of a weak session id, to be added to."""
        self.weak = self.weak or {}
        return self.weak.get(session) or self.weak.setdefault(session, EventCounts())

    def with_calls(self, calls: list[Call], flags: int) -> Node:
        """Add the calls of a descendant that has ended, and return the node itself."""
        self.flags |= flags
        if not self.calls:
            self.calls = calls
        elif calls:
            self.calls += calls
            if len(self.calls) > 2 * WINDOW:
                self._prune()
        return self

    def _prune(self) -> None:
        """Drop calls that lost or are settled."""
        if any(call.settled for call in self.calls):
            self.flags |= SETTLED
        # a call comes again with each repeat
        self.calls = [call for call in dict.fromkeys(self.calls) if call.alive]
