"""What spans and their calls add up to: at an open span, in a session, in a trace.

What an ancestor states of the session is known when it ends, mostly after its children; so counts
that no session has yet move up with the spans that end (``session_key`` has the rules).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import NO_DETAILS
from otel_session_agg._model.merges import MAX_MODELS
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._reading.output_text import Short
from otel_session_agg._trace.call_totals import CallTotals
from otel_session_agg._trace.tool_details import ToolDetails
from otel_session_agg._trace.trace_details import busy_between, details_of

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member

Text = Callable[[object], "str | None"]
"""Make a raw output readable; return ``None`` when there is no text or it is not wanted."""


def no_text(_raw: object) -> None:
    """Return ``None``: outputs are not wanted."""


def short(raw: object, text: Text) -> Short | None:
    """Return the readable text of an output; text that was made already is kept."""
    output = raw if isinstance(raw, Short) else text(raw)
    return Short(output) if output is not None else None


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
        "tools",
    )

    def __init__(self) -> None:
        self.num_events = self.num_tools = self.num_errors = 0
        self.feedback = False
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self.output: tuple[int, int, object] | None = None
        """End, span id and raw output of the last span to end that has one."""
        self.error: At | None = None
        self.tools: ToolDetails | None = None
        """What its tools did; ``None``: there were none, or nothing is broken down."""

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

    def add_plain(self, span: SpanData, kind: Kind) -> None:
        """Count one span that states nothing but its kind and its session."""
        self.num_events += 1
        if kind is _TOOL:
            self.num_tools += 1
        start_ns, end_ns = span.start_ns, span.end_ns
        if self.start_ns is None or start_ns < self.start_ns:
            self.start_ns = start_ns
        if self.end_ns is None or end_ns > self.end_ns:
            self.end_ns = end_ns

    def new_tools(self) -> ToolDetails:
        """Return what tools are added to, the first of these."""
        self.tools = ToolDetails()
        return self.tools

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
        """Add the counts of another, which is not used any more: its tools are taken over."""
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
        if other.tools is not None:
            if self.tools is None:
                self.tools = other.tools
            else:
                self.tools.merge(other.tools)

    def plus(self, other: EventCounts) -> None:
        """Add the counts of another, which is still used."""
        if self.tools is not None and other.tools is not None:
            self.tools = self.tools.copied()  # it may be another's own
        self.merge(other)


class Node(EventCounts):
    """What is attached to a span that has not ended: the counts of spans below it."""

    __slots__ = ("weak",)

    def __init__(self) -> None:
        super().__init__()
        self.weak: dict[str, EventCounts] | None = None
        """Counts by weak session id, as long as no ancestor states a better one."""

    def move_counts_to(self, target: EventCounts) -> None:
        """Move the counts, also those by weak session id, to those of a session."""
        target.merge(self)
        for counts in (self.weak or {}).values():
            target.merge(counts)

    def merge_below(self, below: Node) -> None:
        """Add the counts of a descendant that has ended."""
        self.merge(below)
        for session, counts in (below.weak or {}).items():
            self.weak_counts(session).merge(counts)

    def weak_counts(self, session: str) -> EventCounts:
        """Return the counts of a weak session id, to be added to."""
        self.weak = self.weak or {}
        return self.weak.get(session) or self.weak.setdefault(session, EventCounts())


class Totals:
    """What spans counted and what their calls came to: of one session in a trace."""

    __slots__ = ("calls", "counts")

    def __init__(self, counts: EventCounts, calls: CallTotals) -> None:
        self.counts, self.calls = counts, calls

    def rollup(
        self, session: At | None, text: Text, *, breakdown: bool, busy: Coverage | None = None
    ) -> Rollup:
        """Return the totals as a value.

        ``session``: that of the trace.  ``busy``: when traces ran; ``None``: it is one trace.
        """
        counts, calls = self.counts, self.calls
        if busy is None and breakdown:
            busy = busy_between(counts.start_ns, counts.end_ns)
        output = counts.output
        shown = short(output[2], text) if output is not None else None
        return Rollup(
            num_events=counts.num_events,
            num_model_events=calls.num_models,
            num_tool_events=counts.num_tools,
            num_errors=counts.num_errors,
            num_unpriced_events=calls.unpriced,
            num_computed=calls.computed,
            num_recorded=calls.recorded,
            cost_pusd=calls.cost_pusd,
            num_winners=calls.winners,
            prompt_tokens=calls.prompt_tokens,
            completion_tokens=calls.completion_tokens,
            total_tokens=calls.total_tokens,
            cache_read_tokens=calls.cache_read_tokens,
            cache_write_tokens=calls.cache_write_tokens,
            reasoning_tokens=calls.reasoning_tokens,
            has_feedback=counts.feedback,
            start_ns=counts.start_ns,
            end_ns=counts.end_ns,
            models=_shared(frozenset(calls.models)),
            output=At(output[0], output[1], str(shown))
            if output is not None and shown is not None
            else None,
            error=counts.error,
            session=session,
            details=details_of(busy, counts.tools, calls.details)
            if breakdown and busy is not None
            else NO_DETAILS,
        )


@lru_cache(maxsize=128)
def _shared(models: frozenset[str]) -> frozenset[str]:
    """Return the models of totals: a set is large, and nearly all sessions use the same."""
    return models if len(models) <= MAX_MODELS else frozenset(sorted(models)[:MAX_MODELS])
