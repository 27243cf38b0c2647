"""Stored spans, and what they are counted as without files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.counter import CountedTrace, TraceCounter
from otel_session_agg._offline.options import Options
from otel_session_agg._offline.source_spans import Resource, SourceSpan
from tests.support.replay import real_prices

EPOCH_NS = 1_790_000_000_000_000_000
SERVICE = Resource({"service.name": "shop"})


def counted(
    spans: Iterable[SpanData], options: Options | None = None, *, seed: int = 0, resource: Resource = SERVICE
) -> list[CountedTrace]:
    """What traces come to whose spans come in some order."""
    options = options or Options()
    has_real_prices = options.prices is None and options.prices_at_ns is None
    counter = TraceCounter(options, real_prices() if has_real_prices else options.price_book())
    rows = list(spans)
    Random(seed).shuffle(rows)  # noqa: S311 -- repeatable
    traces: dict[int, list[SourceSpan]] = {}
    for span in rows:
        traces.setdefault(span.trace_id, []).append(SourceSpan(span, resource))
    for one in traces.values():
        counter.add(one)
    return list(counter.results())


def stored_span(span_id: int, parent_id: int | None = None, *, trace_id: int = 1, **fields: Any) -> SpanData:
    """A span of a second's length; ``fields``: others of ``SpanData``, with ``at`` in seconds for its start."""
    start_ns = EPOCH_NS + round(fields.pop("at", span_id) * 1_000_000_000)
    attributes: Mapping[str, Any] = fields.pop("attributes", {})
    span = SpanData(
        f"span {span_id}", trace_id, span_id, parent_id, "INTERNAL", "app", "", start_ns, start_ns + 10**9, attributes
    )
    return span._replace(**fields)


def call(
    span_id: int, parent_id: int | None, *, model: str = "gpt-4o-mini", tokens: tuple[int, int] = (1000, 100), **fields: Any
) -> SpanData:
    """A model call."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens[0],
        "gen_ai.usage.output_tokens": tokens[1],
        **fields.pop("attributes", {}),
    }
    return stored_span(span_id, parent_id, attributes=attributes, **fields)
