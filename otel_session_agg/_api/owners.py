"""Whose accounts a ``session()`` block is about: users, and other keys that budgets are over."""

from __future__ import annotations

from otel_session_agg._api.context import Label
from otel_session_agg._model.budget_scopes import Scope, owner, scopes, values


def values_of(label: Label) -> dict[str, object]:
    """What a block and those around it say of the keys that budgets are over; the innermost has the say."""
    found: dict[str, object] = {}
    around: Label | None = label
    while around is not None:
        found = {**values(label.session_id, around.user_id, around.metadata.get), **found}
        around = around.outer
    return found


def owners_of(label: Label) -> list[str]:
    """Whose accounts what ends in a block is added to."""
    return [owner(per, value) for per, value in values_of(label).items()] if scopes else []


def value_of(scope: Scope, label: Label) -> object:
    """The value of a block for a scope; ``None`` when neither it nor those around it say whose it is."""
    return values_of(label).get(scope.per)
