"""Take ended spans as applications have them: the SDK's, or ``SpanData``."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg import attributes as n
from otel_session_agg._model.span import SpanData
from otel_session_agg._spans.own_metadata import OWN_METADATA, without_totals
from otel_session_agg._spans.received import span_data

EndedSpan = ReadableSpan | SpanData

_WRITTEN = n.RESERVED | {n.DURATION}
"""Attributes of an exported root that are not its own; some would mean something else there."""


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


def is_own(span: SpanData) -> bool:
    """Return whether a span is one of this library's: a session record, or feedback."""
    return span.scope_name == n.OUR_SCOPE


def is_feedback(span: SpanData) -> bool:
    """Return whether a span is feedback that `record_feedback` was given."""
    return span.scope_name == n.OUR_SCOPE and span.name == n.FEEDBACK_SPAN


def as_made(span: SpanData) -> SpanData:
    """Return a span without the totals that a processor has written on it."""
    if n.ROLLUP not in span.attributes:
        return span
    kept = {key: value for key, value in span.attributes.items() if key not in _WRITTEN}
    if OWN_METADATA in kept:
        kept[OWN_METADATA] = without_totals(kept[OWN_METADATA])
    return span._replace(attributes=kept)
