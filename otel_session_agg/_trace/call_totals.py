"""What calls that count come to: events, tokens, cost, and what they are made of.

Calls of one model that one agent and one tool made are added up in one go: mostly all calls of a
trace, or all that an agent made, are such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from otel_session_agg._model.breakdown import NONE
from otel_session_agg._model.merges import MAX_MODELS
from otel_session_agg._model.row_names import row_name
from otel_session_agg._model.span import Usage
from otel_session_agg._trace.call import UNASKED, Call
from otel_session_agg._trace.call_details import CallDetails
from otel_session_agg._trace.caller import NO_CALLER, Caller
from otel_session_agg._trace.run_times import RunTimes
from otel_session_agg._trace.session_key import SessionKey

Price = Callable[[Call], "int | None"]
"""Return the cost of a call in picodollars, or ``None`` when it is unknown."""

_NO_CALLERS: Mapping[Call, Caller] = {}
_NO_TOKENS = (0, 0, 0, 0, 0, 0)
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

    def add(self, call: Call, price: Price) -> None:
        """Add one call, without breaking it down."""
        self.add_all((call,), price, None)

    def add_all(
        self, calls: Iterable[Call], price: Price, callers: Mapping[Call, Caller] | None
    ) -> None:
        """Add calls, and price them, which happens once.

        ``callers``: who made them, of those that somebody did; ``None``: nothing is broken down.
        """
        groups: dict[tuple[str | None, Caller], list[Call]] = {}
        made_by = callers or _NO_CALLERS
        for call in calls:
            models = call.response_models or call.request_models
            group = (models[0] if models else None, made_by.get(call, NO_CALLER))
            known = groups.get(group)
            if known is None:
                groups[group] = [call]
            else:
                known.append(call)
        details = self.details
        ran_ns: list[int] = []
        for (model, caller), alike in groups.items():
            tokens = self._add_tokens(alike)
            costs = self.add_costs(alike, price, model)
            if callers is not None:
                if details is None:
                    details = self.details = CallDetails()
                name = NONE if model is None else row_name(model)
                ran_ns += details.add(name, caller, alike, (*tokens, *costs))
        if ran_ns and details is not None:
            its = RunTimes(ran_ns)  # at once: calls of several rows may have run meanwhile
            if details.times is None:
                details.times = its
            else:
                details.times.merge(its)

    def _add_tokens(self, calls: list[Call]) -> tuple[int, int, int, int, int, int]:
        """Add the tokens of calls; return their sums, 0 where none are stated."""
        counted = prompts = completions = totals = reads = writes = reasonings = 0
        states_prompt = states_completion = False
        for call in calls:
            usage = call.usage
            if usage is None or not call.usage_counts:
                continue
            counted += 1
            prompt, completion, total, read, written, _, reasoning = usage[:_NUM_TOKENS]
            if prompt is not None:
                prompts, states_prompt = prompts + prompt, True
            if completion is not None:
                completions, states_completion = completions + completion, True
            totals += (prompt or 0) + (completion or 0) if total is None else total
            if read or written or reasoning:
                reads += read or 0
                writes += written or 0
                reasonings += reasoning or 0
        if not counted:
            return _NO_TOKENS
        self.winners += counted
        if states_prompt:
            self.prompt_tokens = prompts + (self.prompt_tokens or 0)
        if states_completion:
            self.completion_tokens = completions + (self.completion_tokens or 0)
        self.total_tokens = totals + (self.total_tokens or 0)
        if reads or writes or reasonings:
            self.cache_read_tokens += reads
            self.cache_write_tokens += writes
            self.reasoning_tokens += reasonings
        return prompts, completions, totals, reads, writes, reasonings

    def add_costs(
        self, calls: Iterable[Call], price: Price, model: str | None
    ) -> tuple[int, int, int]:
        """Add calls of one model, and their costs, but not their tokens.

        Return picodollars, and the numbers of priced and unpriced.
        """
        num_models = cost_pusd = computed = recorded = unpriced = 0
        is_called = False
        for call in calls:
            events = call.model_events
            num_models += events
            if events or call.usage_counts or call.silent:
                is_called = True
            if call.covered:
                continue
            if call.recorded_pusd is not None:
                recorded += 1
                cost_pusd += call.recorded_pusd
            elif call.usage_counts:
                cost = call.cost_pusd
                if cost == UNASKED:
                    cost = call.cost_pusd = price(call)
                if cost is None:
                    unpriced += 1
                else:
                    computed += 1
                    cost_pusd += cost
            elif (events or call.silent) and call.answered:
                unpriced += 1  # it cost something, but it is not known how much
        if is_called and model is not None:
            self._name(model)
        self.num_models += num_models
        self.computed += computed
        self.recorded += recorded
        self.unpriced += unpriced
        self.cost_pusd += cost_pusd
        return cost_pusd, computed + recorded, unpriced

    def _name(self, model: str) -> None:
        self.models.add(model)
        if len(self.models) > 2 * MAX_MODELS:
            self.models = set(sorted(self.models)[:MAX_MODELS])

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


def sums_of_both(
    many: Mapping[SessionKey, CallTotals], few: dict[SessionKey, CallTotals]
) -> dict[SessionKey, CallTotals]:
    """Return the sums of two by session; only ``few`` is changed."""
    for session, totals in many.items():
        if session in few:
            both = totals.copied()
            both.merge(few[session])
            few[session] = both
        else:
            few[session] = totals
    return few


def add_sums(
    found: dict[SessionKey, CallTotals], more: Mapping[SessionKey, CallTotals]
) -> dict[SessionKey, CallTotals]:
    """Add totals by session to others, which are returned."""
    for session, totals in more.items():
        if session in found:
            found[session].merge(totals)
        else:
            found[session] = totals
    return found
