"""What spans and their calls add up to: at an open span, in a session, in a trace.

What an ancestor states of the session is known when it ends, mostly after its children; so counts
that no session has yet move up with the spans that end (``session_key`` has the rules).
"""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._model.merges import MAX_MODELS
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.span import Kind, Reading, SpanData
from otel_session_agg._reading.output_text import Short
from otel_session_agg._trace.call import Call

_TOOL = Kind.TOOL  # a global is read twenty times faster than an enum's member

Price = Callable[[Call], "int | None"]
"""Return the cost of a call in picodollars, or ``None`` when it is unknown."""

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


class CallTotals:
    """Totals over calls; costs in picodollars (``_pusd``)."""

    __slots__ = (
        "cache_read_tokens", "cache_write_tokens", "completion_tokens", "computed", "cost_pusd",
        "models", "num_models", "prompt_tokens", "reasoning_tokens", "recorded", "total_tokens",
        "unpriced", "winners",
    )  # fmt: skip

    def __init__(self) -> None:
        self.num_models = self.winners = self.cost_pusd = self.computed = self.recorded = (
            self.unpriced
        ) = 0
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.total_tokens: int | None = None
        self.cache_read_tokens = self.cache_write_tokens = self.reasoning_tokens = 0
        self.models: set[str] = set()

    def add(self, call: Call, price: Price) -> None:
        """Add one call, and price it: this happens once for each call."""
        self.num_models += call.model_events
        usage = call.usage
        if call.usage_counts and usage is not None:
            self.winners += 1
            if usage.prompt_tokens is not None:
                self.prompt_tokens = usage.prompt_tokens + (self.prompt_tokens or 0)
            if usage.completion_tokens is not None:
                self.completion_tokens = usage.completion_tokens + (self.completion_tokens or 0)
            self.total_tokens = (usage.total_tokens or 0) + (self.total_tokens or 0)
            self.cache_read_tokens += usage.cache_read_tokens or 0
            self.cache_write_tokens += usage.cache_write_tokens or 0
            self.reasoning_tokens += usage.reasoning_tokens or 0
        models = call.response_models or call.request_models
        if (
            models
            and (call.usage_counts or call.model_events or call.silent)
            and models[0] not in self.models
        ):
            self.models.add(models[0])
            if len(self.models) > 2 * MAX_MODELS:
                self.models = set(sorted(self.models)[:MAX_MODELS])
        if not call.covered:
            self._add_cost(call, price)

    def merge(self, other: CallTotals) -> None:
        """Add the totals of another."""
        self.num_models += other.num_models
        self.winners += other.winners
        self.computed += other.computed
        self.recorded += other.recorded
        self.unpriced += other.unpriced
        self.cost_pusd += other.cost_pusd
        self.models = set(sorted(self.models | other.models)[: 2 * MAX_MODELS])
        if other.prompt_tokens is not None:
            self.prompt_tokens = other.prompt_tokens + (self.prompt_tokens or 0)
        if other.completion_tokens is not None:
            self.completion_tokens = other.completion_tokens + (self.completion_tokens or 0)
        if other.total_tokens is not None:
            self.total_tokens = other.total_tokens + (self.total_tokens or 0)
        self.cache_read_tokens += other.cache_read_tokens
        self.cache_write_tokens += other.cache_write_tokens
        self.reasoning_tokens += other.reasoning_tokens

    def _add_cost(self, call: Call, price: Price) -> None:
        if call.recorded_pusd is not None:
            self.recorded += 1
            self.cost_pusd += call.recorded_pusd
        elif call.usage_counts:
            if not call.is_priced:
                call.cost_pusd, call.is_priced = price(call), True
            cost = call.cost_pusd
            if cost is None:
                self.unpriced += 1
            else:
                self.computed += 1
                self.cost_pusd += cost
        elif (call.model_events or call.silent) and not call.failed:
            self.unpriced += 1  # it was answered, so it cost something, but no span states how much


class Totals:
    """What spans counted and what their calls came to: of one session in a trace."""

    __slots__ = ("calls", "counts")

    def __init__(self, counts: EventCounts | None = None, calls: CallTotals | None = None) -> None:
        self.counts = counts or EventCounts()
        self.calls = calls or CallTotals()

    def rollup(self, session: At | None, text: Text) -> Rollup:
        """Return the totals as a value; ``session``: that of the trace."""
        counts, calls = self.counts, self.calls
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
            models=frozenset(sorted(calls.models)[:MAX_MODELS]),
            output=At(output[0], output[1], str(shown))
            if output is not None and shown is not None
            else None,
            error=counts.error,
            session=session,
        )
