"""Take ended spans as applications have them: the SDK's, or ``SpanData``."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._model.span import SpanData
from otel_session_agg._spans.received import span_data

EndedSpan = ReadableSpan | SpanData


def data_of(span: EndedSpan) -> tuple[SpanData, int | None] | None:
    """Return what is read of a span, and the id of its parent, in whatever process.

    ``None``: it has no context, so nothing can be read.
    """
    if isinstance(span, SpanData):
        return span, span.parent_id if span.parent_id is not None else span.carried_parent_id
    try:
        data = span_data(span)
    except ValueError:
        return None
    return data, span.parent.span_id if span.parent is not None else None
