"""Budgets: how much a session may cost, and what happens when it is more."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from otel_session_agg import _blind_spots
from otel_session_agg._budget_errors import BudgetExceeded, BudgetUnknown
from otel_session_agg._context import current_label
from otel_session_agg._formatting import as_html, as_repr, counted, dollars, short
from otel_session_agg._recent import Recent
from otel_session_agg._registry import session_rollup
from otel_session_agg._rollup import Rollup

__all__ = ["Budget", "BudgetExceeded", "BudgetUnknown"]

_MAX_TOLD = 4096
"""Sessions of one budget that are remembered as told of: more than are open at once."""


class Budget:
    """What a session may use, over all of its traces and processes.

    Give it to ``session(..., budget=...)``.  ``check()`` raises when more was used; an agent loop calls it before the next call.
    A budget is never enforced behind the application's back.

    Args:
        cost_usd: Most that the session may cost, USD.  Calls without a known price do not count.
        total_tokens: Most tokens it may use.
        on_exceeded: Called once for each session, on a thread of this library, within 100 ms of the end of the span that
            was too much, or of the news from another process.  It gets the ``BudgetExceeded`` that ``check`` would raise.
        strict: Whether ``check`` also raises when what was used is not known, or not all of it: no processor, tracing off, a
            trace that is sampled out, calls without figures or without a price.  Each of these is warned of once in any case.

    Raises:
        ValueError: neither limit is given, or one is negative or no number.

    """

    def __init__(
        self,
        cost_usd: float | None = None,
        total_tokens: int | None = None,
        on_exceeded: Callable[[BudgetExceeded], object] | None = None,
        *,
        strict: bool = False,
    ) -> None:
        if cost_usd is None and total_tokens is None:
            message = "a budget needs cost_usd or total_tokens"
            raise ValueError(message)
        for name, limit in (("cost_usd", cost_usd), ("total_tokens", total_tokens)):
            if limit is not None and not _is_limit(limit):
                message = f"{name}={limit!r} is not allowed: use a number from 0"
                raise ValueError(message)
        self.cost_usd = cost_usd
        self.total_tokens = total_tokens
        self.on_exceeded = on_exceeded
        self.strict = strict
        self._last: str | None = None
        self._told: Recent[str, object] = Recent(_MAX_TOLD // 2)

    def __repr__(self) -> str:
        return as_repr("Budget", (value if name == "limit" else f"{name} {short(value)}" for name, value in self._rows()))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html("Budget", self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        limits = [dollars(self.cost_usd)] if self.cost_usd is not None else []
        limits += [counted(self.total_tokens, "token")] if self.total_tokens is not None else []
        return [("limit", " and ".join(limits)), *([("session", self._last)] if self._last is not None else [])]

    def bind(self, session_id: str) -> None:
        """Belong to a session; ``session()`` does it."""
        self._last = session_id
        _blind_spots.warn(_blind_spots.of_process())

    def exceeded(self, session_id: str, rollup: Rollup) -> BudgetExceeded | None:
        """What ``check`` raises for these totals, if it does."""
        cost = rollup.cost_usd
        over_cost = self.cost_usd is not None and cost is not None and cost > self.cost_usd
        over_tokens = self.total_tokens is not None and (rollup.total_tokens or 0) > self.total_tokens
        if not over_cost and not over_tokens:
            return None
        return BudgetExceeded(session_id, rollup, self.cost_usd, self.total_tokens)

    def is_news(self, session_id: str) -> bool:
        """Whether nobody was told yet that this session has used more; from now on somebody was."""
        mine = object()
        return self._told.setdefault(session_id, mine) is mine  # several processors may see the same spans, at once

    def check(self, wait_seconds: float = 0.0) -> None:
        """Raise when the session has used more than this.

        The session is the one around the call if this is its budget, else the last one that this was given to.

        Args:
            wait_seconds: With a store that is shared, how long to wait at most for what other processes have open in the
                session or are about to write; 0 looks at what is known here already and never waits.

        Raises:
            BudgetExceeded: it has; the error has the figures.
            BudgetUnknown: this is ``strict``, and it is not known; the error has the reason.

        """
        label = current_label()
        while label is not None and label.budget is not self:
            label = label.outer
        session_id = label.session_id if label is not None else self._last
        if session_id is not None:
            self.check_session(session_id, wait_seconds)
        else:
            self._not_known("", Rollup(), [_blind_spots.NO_SESSION])

    def check_session(self, session_id: str, wait_seconds: float = 0.0) -> None:
        """Raise when a session has used more than this; as ``check``."""
        rollup = session_rollup(session_id, wait_seconds) or Rollup()
        found = self.exceeded(session_id, rollup)
        if found is not None:
            raise found
        reasons = _blind_spots.of_process() or _blind_spots.of_trace()
        self._not_known(session_id, rollup, reasons + self.missing(rollup))

    def missing(self, rollup: Rollup) -> list[str]:
        """Why totals are less than what was used, as far as they tell."""
        return _blind_spots.of_totals(rollup, has_cost=self.cost_usd is not None, has_tokens=self.total_tokens is not None)

    def _not_known(self, session_id: str, rollup: Rollup, reasons: list[str]) -> None:
        _blind_spots.warn(reasons)
        if reasons and self.strict:
            raise BudgetUnknown(session_id, rollup, self.cost_usd, self.total_tokens, "; ".join(reasons))


def _is_limit(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value >= 0
