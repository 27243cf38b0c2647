"""Adding up calls, once nothing can change them any more."""

from __future__ import annotations

from collections.abc import Callable

from otel_session_agg._calls import Call, has_usage
from otel_session_agg._model import Usage
from otel_session_agg._rollup import MAX_MODELS

Price = Callable[[Call], "int | None"]
"""Cost of a call in picodollars, or ``None`` when it is unknown."""


class Sums:
    """Totals over calls."""

    __slots__ = ("computed", "cost_pusd", "models", "num_models", "recorded", "unpriced", "usage", "winners")

    def __init__(self) -> None:
        self.num_models = self.winners = self.cost_pusd = self.computed = self.recorded = self.unpriced = 0
        self.usage = Usage()
        self.models: set[str] = set()

    def add(self, call: Call, price: Price) -> None:
        """Add one call, which is priced here, once."""
        self.num_models += call.model
        if call.counted:
            self.winners += 1
            if call.usage is not None:
                pairs = zip(self.usage, call.usage, strict=True)
                self.usage = Usage(*[b if a is None else a if b is None else a + b for a, b in pairs])
        if call.models and (call.counted or call.model):
            self.models.add(call.models[0])
            if len(self.models) > 2 * MAX_MODELS:
                self.models = set(sorted(self.models)[:MAX_MODELS])
        if not call.covered:
            self._add_cost(call, price)

    def _add_cost(self, call: Call, price: Price) -> None:
        if call.counted and call.recorded_pusd is not None:
            self.recorded += 1
            self.cost_pusd += call.recorded_pusd
        elif call.counted and has_usage(call.usage):
            cost = price(call)
            if cost is None:
                self.unpriced += 1
            else:
                self.computed += 1
                self.cost_pusd += cost
        elif call.model and not call.failed:
            self.unpriced += 1  # it was answered, so it cost something, but nobody says how much
