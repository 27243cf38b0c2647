"""How much of their budgets sessions have used: those that are shown, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from otel_session_agg._alerts.budgets import Budget, Used, most_used
from otel_session_agg._alerts.reading import changed_rows
from otel_session_agg._views.reads import Reads
from otel_session_agg.analysis._numbers import grouped

__all__ = ["share_text", "tone_of", "used_by"]

_NEAR = 0.8
"""The share from which on a session is near its limit."""


def used_by(history: Reads, budgets: Sequence[Budget], ids: Iterable[str]) -> Mapping[str, Used]:
    """Return the budget of which each of these sessions has used most; not of those without one."""
    if not budgets:
        return {}
    rows = changed_rows(history, ids, 0.0)
    found = {row["session"]: most_used(budgets, row) for row in rows}
    return {session: used for session, used in found.items() if used is not None}


def share_text(used: Used) -> str:
    """Return how much was used, in words: ``42 % of 0.1 USD``."""
    if used.share is None:
        return f"unknown, of {used.limit}"
    least = "at least " if used.is_bound else ""
    share = 100 * used.share
    return f"{least}{'< 1' if 0 < share < 1 else grouped(share)}% of {used.limit}"


def tone_of(used: Used) -> str:
    """Return the colour of it: ``good``, ``warn`` near the limit, ``bad`` above it."""
    if used.share is None:
        return "plain"
    return "bad" if used.share > 1 else "warn" if used.share >= _NEAR else "good"
