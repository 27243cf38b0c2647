"""Total calls that no longer change, and make one value of them and the counts of their spans."""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._model.merges import MAX_MODELS
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._reading.output_text import Short
from otel_session_agg._trace.call import Call, has_usage
from otel_session_agg._trace.node import EventCounts

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
        elif call.usage_counts and has_usage(call.usage):
            cost = price(call)
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
