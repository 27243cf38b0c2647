"""What calls that count come to: events, tokens, cost, and what they are made of."""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._model.merges import MAX_MODELS
from otel_session_agg._model.span import Usage
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_details import CallDetails, Tokens
from otel_session_agg._trace.caller import Caller

Price = Callable[[Call], "int | None"]
"""Return the cost of a call in picodollars, or ``None`` when it is unknown."""

_NO_COST = (0, 0, 0)
_NO_TOKENS: Tokens = (0, 0, 0, 0, 0, 0)
_NUM_TOKENS = 1 + Usage._fields.index("reasoning_tokens")
"""Fields of usage that are added up; what follows are parts of these."""


class CallTotals:
    """Totals over calls; costs in picodollars (``_pusd``)."""

    __slots__ = (
        "cache_read_tokens", "cache_write_tokens", "completion_tokens", "computed", "cost_pusd",
        "details", "models", "num_models", "prompt_tokens", "reasoning_tokens", "recorded",
        "total_tokens", "unpriced", "winners",
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
        self.details: CallDetails | None = None
        """What the calls are made of; ``None``: there are none, or nothing is broken down."""

    def add(self, call: Call, price: Price, caller: Caller | None = None) -> None:
        """Add one call, and price it, which happens once; ``caller``: to break it down."""
        self.num_models += call.model_events
        usage, tokens = call.usage, _NO_TOKENS
        if call.usage_counts and usage is not None:
            self.winners += 1
            prompt, completion, total, read, written, _, reasoning = usage[:_NUM_TOKENS]
            if prompt is not None:
                self.prompt_tokens = prompt + (self.prompt_tokens or 0)
            if completion is not None:
                self.completion_tokens = completion + (self.completion_tokens or 0)
            if total is None:
                total = (prompt or 0) + (completion or 0)
            read, written, reasoning = read or 0, written or 0, reasoning or 0
            self.total_tokens = total + (self.total_tokens or 0)
            self.cache_read_tokens += read
            self.cache_write_tokens += written
            self.reasoning_tokens += reasoning
            tokens = (prompt or 0, completion or 0, total, read, written, reasoning)
        models = call.response_models or call.request_models
        if (
            models
            and (call.usage_counts or call.model_events or call.silent)
            and models[0] not in self.models
        ):
            self.models.add(models[0])
            if len(self.models) > 2 * MAX_MODELS:
                self.models = set(sorted(self.models)[:MAX_MODELS])
        cost = _NO_COST if call.covered else self._add_cost(call, price)
        if caller is not None:
            self.details = self.details or CallDetails()
            self.details.add(call, caller, tokens, cost)

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
        if other.details is not None:
            self.details = self.details or CallDetails()
            self.details.merge(other.details)

    def copied(self) -> CallTotals:
        """Return the same totals, to be added to; faster than to merge them."""
        twin = CallTotals()
        details, self.details = self.details, None
        twin.merge(self)
        self.details = details
        twin.details = details.copied() if details is not None else None
        return twin

    def _add_cost(self, call: Call, price: Price) -> tuple[int, int, int]:
        """Add the cost of a call; return picodollars, and the numbers of priced and unpriced."""
        if call.recorded_pusd is not None:
            self.recorded += 1
            self.cost_pusd += call.recorded_pusd
            return call.recorded_pusd, 1, 0
        if call.usage_counts:
            if not call.is_priced:
                call.cost_pusd, call.is_priced = price(call), True
            cost = call.cost_pusd
            if cost is not None:
                self.computed += 1
                self.cost_pusd += cost
                return cost, 1, 0
        elif not (call.model_events or call.silent) or call.failed:
            return _NO_COST
        self.unpriced += 1  # it was answered, so it cost something, but it is not known how much
        return 0, 0, 1
