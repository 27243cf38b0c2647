"""``explain_session()``: why the totals of a session are what they are, at this moment."""

from __future__ import annotations

from otel_session_agg._api.context import given_id
from otel_session_agg._api.registry import aggregators
from otel_session_agg._explain.explanation import Explanation
from otel_session_agg._explain.in_memory import explain_remembered

__all__ = ["explain_session"]


def explain_session(session_id: object) -> Explanation | None:
    """Explain the totals of a session so far, as far as this process remembers its calls.

    These are the calls of traces that are open, or that late spans can still change; earlier ones,
    and those of other processes, are one row.  Of several processors in this process without a
    store, all that they share is explained, else that with the most events.  Names and attributes
    of ended spans are not remembered: ``explain`` of exported spans shows more.  ``None`` when the
    session is not known here.

    Raises:
        ValueError: the id is longer than 1024 characters.

    """
    name = given_id(session_id)
    if name is None:
        return None
    parts = [part for one in aggregators() if (part := one.remembered(name)) is not None]
    return explain_remembered(name, parts) if parts else None
