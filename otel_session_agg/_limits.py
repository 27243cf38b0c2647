"""The budgets of sessions: which there are, and who has to be told that one is exceeded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from otel_session_agg import _blind_spots
from otel_session_agg._budgets import Budget
from otel_session_agg._context import Label
from otel_session_agg._rollup import Rollup

_MAX_BUDGETS = 16
"""Budgets per session: nested blocks have one each; a block that is entered with a new one each time must not fill memory."""


class Limits:
    """Budgets by session."""

    def __init__(self) -> None:
        self._budgets: dict[str, tuple[Budget, ...]] = {}
        self.calls: list[Callable[[], object]] = []
        """The application's functions that are to be called, outside of any lock."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._budgets)

    def __len__(self) -> int:
        return len(self._budgets)

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._budgets

    def bind(self, label: Label) -> None:
        """A block of a session began: its budget, and those of the blocks around it with the same session, hold."""
        inner: Label | None = label
        while inner is not None and inner.session_id == label.session_id:
            budgets = self._budgets.get(label.session_id, ())
            if isinstance(inner.budget, Budget) and inner.budget not in budgets:
                self._budgets[label.session_id] = (*budgets[1 - _MAX_BUDGETS :], inner.budget)
            inner = inner.outer

    def forget(self, session_id: str) -> None:
        """A session has ended."""
        self._budgets.pop(session_id, None)

    def look_at(self, session_id: str, rollup: Rollup | None) -> bool:
        """The totals of a session have changed; returns whether it has used more than one of its budgets."""
        is_exceeded = False
        for budget in self._budgets.get(session_id, ()):
            if rollup is not None and rollup.num_unpriced_events:
                _blind_spots.warn(budget.missing(rollup))
            found = budget.exceeded(session_id, rollup) if rollup is not None else None
            is_exceeded = is_exceeded or found is not None
            if found is not None and budget.on_exceeded is not None and budget.is_news(session_id):
                self.calls.append(partial(budget.on_exceeded, found))
        return is_exceeded

    def is_exceeded(self, session_id: str, rollup: Rollup) -> bool:
        """Whether a session with these totals has used more than one of its budgets."""
        return any(budget.exceeded(session_id, rollup) for budget in self._budgets.get(session_id, ()))
