"""Budgets: how much a session, a user or another key may use, and what happens beyond that."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite

from otel_session_agg._api import blind_spots
from otel_session_agg._api.budget_errors import BudgetExceeded, BudgetUnknown
from otel_session_agg._api.context import Label, labels_around
from otel_session_agg._api.owners import value_of
from otel_session_agg._api.registry import account_rollup, session_rollup
from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.budget_scopes import HOUR_NS, in_words, known_scope, owner
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._untrusted.formatting import as_html, as_repr, counted, dollars, short

__all__ = ["Budget", "BudgetExceeded", "BudgetUnknown"]

wall_ns = time.time_ns
"""The clock for periods."""

_MAX_NOTIFIED = 4096
"""Sessions for which one budget remembers that ``on_exceeded`` was called: more than are open at
once."""


class Budget:
    """What a session, a user or another key of the metadata may use, over traces and processes.

    Give it to ``session(..., budget=...)``.  ``check()`` raises when more was used; an agent loop
    calls it before the next call.  A budget is never enforced behind the application's back.

    Args:
        cost_usd: Most that the session may cost, USD.  Calls without a known price do not count.
        total_tokens: Most tokens it may use.
        on_exceeded: Called once for each session, on a thread of this library, within 100 ms of the
            end of the span that was too much, or of the news from another process.  It gets the
            ``BudgetExceeded`` that ``check`` would raise.
        per: What it is over: ``"session"`` (as ``None``), ``"user"``, or a name of the metadata.
            The value is that of the innermost ``session()`` block around the calls that has one,
            else that of the session.  All sessions of a user together may use so much.
        period: ``"hour"``, ``"day"`` or ``"month"`` of UTC: so much in each; a call counts when it
            ends.  ``None``: ever.
        strict: Whether ``check`` also raises when what was used is not known, or not all of it: no
            processor, tracing off, a trace that is sampled out, calls without tokens or without a
            price.  Each of these is warned of once in any case.

    Raises:
        ValueError: neither limit is given, or one is negative or no number; the period is none of
            these.

    """

    def __init__(  # noqa: PLR0913 -- all that a budget has
        self,
        cost_usd: float | None = None,
        total_tokens: int | None = None,
        on_exceeded: Callable[[BudgetExceeded], object] | None = None,
        *,
        per: str | None = None,
        period: str | None = None,
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
        self.per = per
        self.period = period
        self.strict = strict
        self.scope = known_scope(per, period)
        """What it is over; ``None``: each session."""
        self._last: str | None = None
        self._last_label: Label | None = None
        self._notified: Recent[str, object] = Recent(_MAX_NOTIFIED // 2)

    def __repr__(self) -> str:
        return as_repr(
            "Budget",
            (
                value if name == "limit" else f"{name} {short(value)}"
                for name, value in self._rows()
            ),
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return as_html("Budget", self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        limits = [dollars(self.cost_usd)] if self.cost_usd is not None else []
        limits += [counted(self.total_tokens, "token")] if self.total_tokens is not None else []
        rows = [
            ("limit", " and ".join(limits)),
            ("per", self.per),
            ("period", self.period),
            ("session", self._last),
        ]
        rows.append(("strict", "yes" if self.strict else None))
        return [(name, value) for name, value in rows if value is not None]

    def bind(self, session_id: str, label: Label | None = None) -> None:
        """Note the session and the block that ``check`` is for; ``session()`` calls it."""
        self._last = session_id
        self._last_label = label
        blind_spots.warn(blind_spots.of_process())

    def exceeded(self, session_id: str, rollup: Rollup, whose: str = "") -> BudgetExceeded | None:
        """Return the error that ``check`` raises for these totals; ``None``: it raises none."""
        cost = rollup.cost_usd
        over_cost = self.cost_usd is not None and cost is not None and cost > self.cost_usd
        over_tokens = (
            self.total_tokens is not None and (rollup.total_tokens or 0) > self.total_tokens
        )
        if not over_cost and not over_tokens:
            return None
        return BudgetExceeded(session_id, rollup, self.cost_usd, self.total_tokens, whose)

    def is_news(self, session_id: str) -> bool:
        """Return whether ``on_exceeded`` is still to be called for a session, and note the call."""
        mine = object()
        # several processors may see the same spans, at once
        return self._notified.setdefault(session_id, mine) is mine

    def check(self, wait_seconds: float = 0.0) -> None:
        """Raise when the session has used more than this.

        The session is the one around the call if this is its budget, else the last one that this
        was given to.

        Args:
            wait_seconds: With a store that is shared, how long to wait at most for what other
                processes are known to have open in the session; 0 looks at what is known
                here already and never waits.

        Raises:
            BudgetExceeded: it has; the error has the totals.
            BudgetUnknown: this is ``strict``, and it is not known; the error has the reason.

        """
        label = next((label for label in labels_around() if label.budget is self), None)
        if label is not None or self._last is not None:
            self.check_session(
                label.session_id if label is not None else self._last or "", wait_seconds, label
            )
        else:
            self._not_known("", Rollup(), [blind_spots.NO_SESSION])

    def check_session(
        self, session_id: str, wait_seconds: float = 0.0, label: Label | None = None
    ) -> None:
        """Raise as ``check`` for a session, or for what else the block ``label`` is about."""
        name, whose = session_id, ""
        if self.scope is None:
            rollup = session_rollup(session_id, wait_seconds) or Rollup()
        else:
            found = self._account(label or self._last_label)
            if found is None:
                self._not_known(session_id, Rollup(), [blind_spots.NO_OWNER])
                return
            name, whose = found[0], in_words(found[0])
            rollup = account_rollup(*found, wait_seconds) or Rollup()
        exceeded = self.exceeded(name, rollup, whose)
        if exceeded is not None:
            raise exceeded
        reasons = blind_spots.of_process() or blind_spots.of_trace()
        self._not_known(name, rollup, reasons + self.missing(rollup), whose)

    def _account(self, label: Label | None) -> tuple[str, str] | None:
        """Return the account of a block at this moment, and its owner; ``None``: it names none."""
        value = (
            value_of(self.scope, label) if self.scope is not None and label is not None else None
        )
        if self.scope is None or value is None:
            return None
        return self.scope.account(value, wall_ns() // HOUR_NS), owner(self.scope.per, value)

    def missing(self, rollup: Rollup) -> list[str]:
        """Return why totals are less than what was used, as far as they show it."""
        return blind_spots.of_totals(
            rollup, has_cost=self.cost_usd is not None, has_tokens=self.total_tokens is not None
        )

    def _not_known(self, name: str, rollup: Rollup, reasons: list[str], whose: str = "") -> None:
        blind_spots.warn(reasons)
        if reasons and self.strict:
            raise BudgetUnknown(
                name, rollup, self.cost_usd, self.total_tokens, whose, "; ".join(reasons)
            )


def _is_limit(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and isfinite(value)
        and value >= 0
    )
