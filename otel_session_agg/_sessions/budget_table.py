"""The budgets of sessions and accounts, and the callbacks for those that are exceeded.

`KnownSessions` owns the table; the caller holds a lock around all calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from otel_session_agg._api import blind_spots
from otel_session_agg._api.budget import Budget
from otel_session_agg._api.context import Label
from otel_session_agg._api.owners import value_of
from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.budget_scopes import HOUR_NS, Scope, in_words, owner
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._sessions.accounts import Account

_MAX_BUDGETS = 16
"""Budgets per session: nested blocks have one each.

A block that is entered with a new one each time must not fill memory.
"""


_MAX_OWNERS = 65_536
"""Users and other owners of accounts whose budgets are remembered."""


class BudgetTable:
    """Budgets by session, and by owner of accounts."""

    def __init__(self) -> None:
        self.by_session: dict[str, tuple[Budget, ...]] = {}
        """The budgets of each session that has any."""
        self._values: dict[str, dict[str, object]] = {}
        """By session, the values of the keys that budgets over something else are over.

        As in the last block that has such a budget.
        """
        self._owners: Recent[str, tuple[Budget, ...]] = Recent(_MAX_OWNERS // 2)
        """Budgets over something else than sessions, by the owner of accounts."""
        self._exceeded: Recent[tuple[Budget, str], bool] = Recent(_MAX_OWNERS // 2)
        """Budgets that were exceeded, with the account."""
        self.calls: list[Callable[[], object]] = []
        """The application's functions that the caller is to call, outside of any lock."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_session)

    def __len__(self) -> int:
        return len(self.by_session)

    def __contains__(self, session_id: object) -> bool:
        return session_id in self.by_session

    def bind(self, label: Label) -> None:
        """Add the budgets of a block that began, and of those around it with the same session."""
        inner: Label | None = label
        while inner is not None and inner.session_id == label.session_id:
            budgets = self.by_session.get(label.session_id, ())
            if isinstance(inner.budget, Budget) and inner.budget not in budgets:
                self.by_session[label.session_id] = (*budgets[1 - _MAX_BUDGETS :], inner.budget)
            if isinstance(inner.budget, Budget) and inner.budget.scope is not None:
                scope = inner.budget.scope
                self._bind(inner.budget, scope, label.session_id, value_of(scope, inner))
            inner = inner.outer

    def _bind(self, budget: Budget, scope: Scope, session_id: str, value: object) -> None:
        if value is None:
            return
        self._values.setdefault(session_id, {})[scope.per] = value
        name = owner(scope.per, value)
        budgets = self._owners.get(name) or ()
        if budget not in budgets:
            self._owners.put(name, (*budgets[1 - _MAX_BUDGETS :], budget))

    def forget(self, session_id: str) -> None:
        """Forget the budgets of a session that has ended."""
        self.by_session.pop(session_id, None)
        self._values.pop(session_id, None)

    def check(self, session_id: str, rollup: Rollup | None) -> bool:
        """Compare the totals of a session with its budgets; return whether one is exceeded.

        Callbacks go to ``calls``.
        """
        is_exceeded = rollup is not None and self._is_account_exceeded(session_id, rollup)
        for budget in self._sessions_own(session_id):
            if rollup is not None and rollup.num_unpriced_events:
                blind_spots.warn(budget.missing(rollup))
            found = budget.exceeded(session_id, rollup) if rollup is not None else None
            is_exceeded = is_exceeded or found is not None
            if found is not None and budget.on_exceeded is not None and budget.is_news(session_id):
                self.calls.append(partial(budget.on_exceeded, found))
        return is_exceeded

    def is_exceeded(self, session_id: str, rollup: Rollup) -> bool:
        """Return whether a session with these totals has used more than one of its budgets."""
        own = any(budget.exceeded(session_id, rollup) for budget in self._sessions_own(session_id))
        return own or self._is_account_exceeded(session_id, rollup)

    def _sessions_own(self, session_id: str) -> list[Budget]:
        return [budget for budget in self.by_session.get(session_id, ()) if budget.scope is None]

    # -- accounts --------------------------------------------------------------------------

    def check_account(self, account: Account) -> None:
        """Compare the totals of an account with the budgets of its owner."""
        for budget in self._owners.get(account.owner) or ():
            scope = budget.scope
            if scope is None or not scope.has(account.name):
                continue
            blind_spots.warn(budget.missing(account.rollup))
            found = budget.exceeded(account.name, account.rollup, in_words(account.name))
            if found is not None:
                self._exceeded.put((budget, account.name), True)  # noqa: FBT003 -- a value
                if budget.on_exceeded is not None and budget.is_news(account.name):
                    self.calls.append(partial(budget.on_exceeded, found))

    def _is_account_exceeded(self, session_id: str, rollup: Rollup) -> bool:
        """Return whether a budget over an account that a session belongs to was exceeded.

        In the hour in which the last event of the session ended.
        """
        known, hour = self._values.get(session_id), (rollup.end_ns or 0) // HOUR_NS
        if known is None:
            return False
        return any(
            self._exceeded.get((budget, budget.scope.account(known[budget.scope.per], hour)))
            for budget in self.by_session.get(session_id, ())
            if budget.scope is not None and budget.scope.per in known
        )
