"""Owners of the accounts that a ``session()`` block adds to: users, and other keys of budgets."""

from __future__ import annotations

from otel_session_agg._api.context import Label
from otel_session_agg._model.budget_scopes import Scope, owner, scopes, values


def values_of(label: Label) -> dict[str, object]:
    """Return the values of a block for the keys that budgets are over; ``None``: no value.

    Of the block and those around it, the innermost that has a value counts.
    """
    found: dict[str, object] = {}
    around: Label | None = label
    while around is not None:
        found = {**values(label.session_id, around.user_id, around.metadata.get), **found}
        around = around.outer
    return found


def owners_of(label: Label) -> list[str]:
    """Return the owners of the accounts to which calls in a block are added."""
    return [owner(per, value) for per, value in values_of(label).items()] if scopes else []


def value_of(scope: Scope, label: Label) -> object:
    """Return the value of a block for a scope; ``None``: neither it nor those around have one."""
    return values_of(label).get(scope.per)
