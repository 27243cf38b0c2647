"""Spans as they were stored, and each of them once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from otel_session_agg._model.span import SpanData
from otel_session_agg._spans.given import as_made, is_feedback
from otel_session_agg.attributes import OUR_SCOPE, ROLLUP

_ATTRIBUTES = SpanData._fields.index("attributes")  # after which the events come
_new = tuple.__new__  # the named tuple's own ``__new__`` costs three times as much


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
        known = of_its_kind.setdefault(span.span_id, row)
        if known is not row and _says_more(span, known.span):
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


def as_all_made(stored: Mapping[int, SourceSpan]) -> dict[int, SpanData]:
    """Return spans, by id, without the totals that a processor has written on them."""
    return {
        span_id: as_made(span) if ROLLUP in (span := row.span).attributes else span
        for span_id, row in stored.items()
    }


def begins(span: SpanData) -> tuple[bool, int, int, int]:
    """Sort spans so that the one that begins the trace is first."""
    return span.parent_id is not None or span.is_part, span.start_ns, -span.end_ns, span.span_id


def without_attributes(span: SpanData) -> SpanData:
    """Return a span without attributes and events; ``_replace`` takes three times as long."""
    return _new(SpanData, (*span[:_ATTRIBUTES], {}, (), *span[_ATTRIBUTES + 2 :]))
