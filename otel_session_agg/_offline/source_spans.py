"""Spans as they were stored, and each of them once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from otel_session_agg._model.span import SpanData
from otel_session_agg._spans.given import is_feedback
from otel_session_agg.attributes import OUR_SCOPE


class Resource:
    """The attributes of a resource; one object for all spans of it."""

    __slots__ = ("attributes",)

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes


class SourceSpan(NamedTuple):
    """A span as it was stored."""

    span: SpanData
    resource: Resource


def each_once(spans: Iterable[SourceSpan]) -> tuple[dict[int, SourceSpan], list[SourceSpan]]:
    """Return each span once, of several the one that ends last and says most, and feedback.

    Session records, which repeat totals, are left out.
    """
    found: dict[int, SourceSpan] = {}
    feedback: dict[int, SourceSpan] = {}
    for row in spans:
        span = row.span
        of_its_kind = found
        if span.scope_name == OUR_SCOPE:
            if not is_feedback(span):
                continue
            of_its_kind = feedback
        known = of_its_kind.get(span.span_id)
        if known is None or _says_more(span, known.span):
            of_its_kind[span.span_id] = row
    return found, [*feedback.values()]


def _says_more(new: SpanData, known: SpanData) -> bool:
    """Return whether a repeated span beats the one that is known, whatever their order."""
    return new != known and _weight(new) > _weight(known)


def _weight(span: SpanData) -> tuple[int, int, int, str]:
    return span.end_ns, len(span.attributes), len(span.events), repr(span)


def only_resource(rows: Iterable[SourceSpan]) -> Resource | None:
    """Return the resource of all spans; ``None``: they have several."""
    first: Resource | None = None
    for row in rows:
        if first is None:
            first = row.resource
        elif row.resource is not first and row.resource.attributes != first.attributes:
            return None
    return first
