"""``explain()``: why the totals of a set of spans are what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otel_session_agg._explain.counted import SpanKey, count_spans
from otel_session_agg._explain.explanation import Explanation
from otel_session_agg._explain.rows import SpanExplanation
from otel_session_agg._explain.tree import Link, branches
from otel_session_agg._explain.verdicts import verdicts
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._pricing.given import prices_of
from otel_session_agg._pricing.overrides import ModelPrice
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._reading.plan import Scopes
from otel_session_agg._reading.span import INDEX, Reader, read
from otel_session_agg._spans.given import EndedSpan, as_made, data_of, is_own

__all__ = ["explain"]

_SCOPES = Scopes(INDEX)
"""What the keys of explained spans mean, with and without each of them: many more sets of keys than
applications have, which would displace theirs."""


def explain(
    spans: Iterable[EndedSpan],
    *,
    prices: PriceBook | Mapping[str, ModelPrice | Mapping[str, Any]] | None = None,
) -> Explanation:
    """Explain the totals of spans: which calls count, what each costs, and which keys say so.

    The sum is what a processor writes for these spans.

    Args:
        spans: Ended spans of whole traces, in any order, as an in-memory exporter has them.
        prices: Your own prices, as the processor has them.

    Raises:
        SettingsError: a key or a price of ``prices`` is not allowed.
        TypeError: ``prices`` is something else.

    """
    return explained(spans, prices_of(prices))


def explained(
    spans: Iterable[EndedSpan], book: PriceBook, *, ignores_recorded: bool = False
) -> Explanation:
    """Explain spans as `explain` does; ``ignores_recorded``: costs that spans state."""
    reader = Reader(lambda span: read(span, _SCOPES))
    rows: dict[SpanKey, tuple[SpanData, Reading]] = {}
    links: list[Link] = []
    num_repeated = num_unreadable = 0
    for one in spans:
        found = data_of(one)
        if found is None:
            num_unreadable += 1
            continue
        data, parent_id = as_made(found[0]), found[1]
        key = (data.trace_id, data.span_id)
        if key in rows:
            num_repeated += 1
        elif not is_own(data):
            reading = reader.read(data)
            rows[key] = (
                data,
                reading._replace(recorded_pusd=None) if ignores_recorded else reading,
            )
            links.append(Link(key, (data.trace_id, parent_id or 0), data.start_ns))
    counted = count_spans(rows, book)
    decided = verdicts(counted.calls, book)
    explained = tuple(
        SpanExplanation(number, branch, rows[branch.key], decided.get(branch.key), _SCOPES)
        for number, branch in enumerate(branches(links), 1)
    )
    return Explanation(explained, counted.rollup, counted.sessions, num_repeated, num_unreadable)
