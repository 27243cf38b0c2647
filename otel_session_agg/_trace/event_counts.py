"""Sum what every span adds to the totals: counts, times, the last output and error, feedback.

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
        self.clear()

    def clear(self) -> None:
        """Reset all counts."""
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
        # the same as ``span_time``, without the call
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

    def span_time(self, span: SpanData) -> None:
        """Extend the time to that of a span that does not count as an event."""
        if self.start_ns is None or span.start_ns < self.start_ns:
            self.start_ns = span.start_ns
        if self.end_ns is None or span.end_ns > self.end_ns:
            self.end_ns = span.end_ns

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
