"""``explain_session()``: why the totals of a session are what they are, at this moment."""

from __future__ import annotations

from otel_session_agg._api.context import given_id
from otel_session_agg._api.registry import aggregators
from otel_session_agg._explain.explanation import Explanation

__all__ = ["explain_session"]


def explain_session(session_id: object) -> Explanation | None:
    """Explain the totals of a session so far, as far as this process remembers its calls.

    These are the calls of traces that are open, or that late spans can still change; earlier ones,
    and those of other processes, are one row.  Of several processors in this process, that with
    the most events is explained, without what others counted.  Names and attributes of ended spans
    are not remembered: ``explain`` of exported spans shows more.  ``None`` when the session is not
    known here.

    Raises:
        ValueError: the id is longer than 1024 characters.

    """
    name = given_id(session_id)
    if name is None:
        return None
    found = [one.explain_session(name) for one in aggregators()]
    return max(
        (explanation for explanation in found if explanation is not None),
        key=lambda explanation: explanation.rollup.num_events,
        default=None,
    )
