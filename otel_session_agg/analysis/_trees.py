"""The spans of a session as a tree, with what each of them counts for."""

from __future__ import annotations

from typing import NamedTuple

from otel_session_agg._offline.explaining import OtherCost, other_cost, rollup_of
from otel_session_agg.analysis._numbers import exact
from otel_session_agg.analysis._source import Explains, Source

__all__ = ["Tree", "tree_of"]

MAX_SPANS = 500
"""Spans of a session whose tree is shown: more would not be read."""

_SPANS = "SELECT coalesce(sum(spans), 0)::BIGINT FROM traces WHERE session = ?"
_COST = "SELECT cost FROM sessions WHERE session = ?"


class Tree(NamedTuple):
    """The spans of a session."""

    html: str | None
    """``None``: they are not there, or too many."""
    note: str = ""
    """Where their sum is not the cost of the session, why."""


def tree_of(sessions: Source, session: str) -> Tree:
    """Return the spans of a session, as far as the sessions have them."""
    if not isinstance(sessions, Explains):
        return Tree(None)
    [(number,)] = sessions.rows(_SPANS, [session])
    if number > MAX_SPANS:
        return Tree(None)
    explanation = sessions.explain(session_id=session)
    if not 0 < len(explanation.spans) <= MAX_SPANS:
        return Tree(None)
    [(cost,)] = sessions.rows(_COST, [session])
    other = other_cost(rollup_of(explanation, session), cost)
    return Tree(explanation._repr_html_(), _note(other) if other is not None else "")


def _note(other: OtherCost) -> str:
    known = "unknown" if other.counted is None else f"{exact(other.counted)} USD"
    return (
        f"These spans come to {exact(other.explained)} USD now, but the session to {known}: it was"
        " counted at other prices, or shares a call with a trace of another session."
    )
