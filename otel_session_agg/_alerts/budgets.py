"""How much of what a rule allows a session has used: what is known of budgets of sessions that run.

Spans do not say what a session may use, but rules do: one about each session that has a single
comparison with an upper limit of what is used up, such as ``session: cost > 0.10``, is a budget for
the sessions that it is about.  Where calls are unpriced, what is used is a lower bound; where
nothing of it is known, it is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg._alerts.columns import COSTS, Row
from otel_session_agg._alerts.quantities import shown
from otel_session_agg._alerts.rule import Rule
from otel_session_agg._alerts.terms import UPWARDS, Term, unit_of

__all__ = ["Budget", "Used", "budgets_of", "most_used"]


class Budget(NamedTuple):
    """What sessions may use."""

    rule: Rule
    term: Term
    limit: Decimal

    @property
    def text(self) -> str:
        """The limit, as people read it."""
        name = self.term.name
        return f"{shown(self.limit, unit_of(name))} {_USED_UP[name]}".strip()


_USED_UP: Mapping[str, str] = {
    "cost": "",
    "duration": "",
    "tokens": "tokens",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "model_events": "calls",
    "tool_events": "tool calls",
    "turns": "turns",
}
"""Columns that a session uses up, and what is counted where the amount does not say it."""


class Used(NamedTuple):
    """How much of a budget a session has used."""

    rule: str
    """The name of the rule."""
    limit: str
    """As people read it."""
    share: float | None
    """1.0: all of it; ``None``: it is not known."""
    is_bound: bool
    """Whether it may be more: calls are unpriced."""


def budgets_of(rules: Iterable[Rule]) -> list[Budget]:
    """Return the budgets among rules."""
    found = []
    for rule in rules:
        terms = rule.holds.terms if rule.holds is not None else ()
        if len(terms) != 1 or terms[0].name not in _USED_UP or terms[0].operator not in UPWARDS:
            continue
        limit = terms[0].value
        if isinstance(limit, Decimal) and limit > 0:
            found.append(Budget(rule, terms[0], limit))
    return found


def most_used(budgets: Sequence[Budget], row: Row) -> Used | None:
    """Return the budget of which a session has used the largest share; ``None``: it has none.

    A share that is not known comes after all others.
    """
    found = [
        _used(one, row) for one in budgets if one.rule.where is None or one.rule.where.fits(row)
    ]
    return max(found, key=lambda one: -1.0 if one.share is None else one.share, default=None)


def _used(budget: Budget, row: Row) -> Used:
    name = budget.term.name
    value = row[name]
    share = None if value is None else float(value) / float(budget.limit)
    is_bound = name in COSTS and bool(row["unpriced"])
    return Used(budget.rule.name, budget.text, share, is_bound)
