"""Explain traces by their spans, priced as they were counted."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from otel_session_agg._explain.explain import explained
from otel_session_agg._explain.explanation import Explanation
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.source_spans import SourceSpan, each_once

_PICO = Decimal(1).scaleb(-12)


def explained_traces(traces: Iterable[Iterable[SourceSpan]], options: Options) -> Explanation:
    """Explain the totals of traces; of a span that is there twice, the one that counts."""
    spans = [row.span for trace in traces for row in each_once(trace)[0].values()]
    ignores = options.recorded_cost == "ignore"
    return explained(spans, options.price_book(), ignores_recorded=ignores)


class OtherCost(NamedTuple):
    """An explanation and what was counted differ."""

    explained: Decimal
    """USD; known costs."""
    counted: Decimal | None
    """``None``: it is unknown."""


def rollup_of(explanation: Explanation, session_id: str) -> Rollup:
    """Return the totals of a session that is explained; one without an id has that of its trace."""
    found = explanation.sessions
    return found.get(session_id, found.get(None, explanation.rollup))


def other_cost(explained: Rollup, counted: Decimal | None) -> OtherCost | None:
    """Return both costs; ``None``: they are the same.

    They differ where a call is reported by a trace that is not explained, too, and counts there,
    and where it was counted at other prices.
    """
    found = explained.cost_pusd * _PICO
    return None if found == (counted or 0) else OtherCost(found, counted)
