"""Zipkin's JSON, version 2.

Source: Zipkin's API; OpenTelemetry specification, "OpenTelemetry to Zipkin Transformation".  It
carries everything that is counted, as text; times are whole microseconds.  An attribute of the
resource differs from one of the span by its name only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._otlp.batches import Report
from otel_session_agg._otlp.field_values import (
    NS_PER_US,
    items,
    lasting,
    parent_id,
    record,
    span_id,
    span_kind,
    text,
    time_ns,
    trace_id,
)
from otel_session_agg._otlp.records import ResourceAndSpan, Row, one
from otel_session_agg._otlp.tags import take_fields
from otel_session_agg._untrusted.json_text import loaded

_RESOURCE_KEYS = (
    "cloud.", "container.", "deployment.", "host.", "k8s.", "os.", "process.", "service.",
    "telemetry.",
)  # fmt: skip
"""How the names of attributes of resources begin, in the semantic conventions."""
_SHARED = 1 << 63
"""Turns the id of a call's span into one for its server's span, which has the same in Zipkin."""


def spans(row: Row, report: Report, place: str) -> Iterator[ResourceAndSpan]:
    return one(row, _resource_and_span, report, place)


def _resource_and_span(row: Row) -> ResourceAndSpan:
    tags = {key: value for key, value in record(row.get("tags")).items() if value is not None}
    fields = take_fields(tags)
    of_resource = [key for key in tags if key.startswith(_RESOURCE_KEYS)]
    resource = {key: tags.pop(key) for key in of_resource}
    service = text(record(row.get("localEndpoint")).get("serviceName"))
    if service:
        resource["service.name"] = service
    start_ns, end_ns = lasting(row.get("timestamp"), row.get("duration"), NS_PER_US)
    own_id, above_id = span_id(row.get("id")), parent_id(row.get("parentId"))
    if row.get("shared") is True:
        own_id, above_id = own_id ^ _SHARED or 1, own_id
    return resource, SpanData(
        name=text(row.get("name")),
        trace_id=trace_id(row.get("traceId")),
        span_id=own_id,
        parent_id=above_id,
        span_kind=span_kind(row.get("kind") or fields.span_kind),
        scope_name=fields.scope_name,
        scope_version=fields.scope_version,
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=tags,
        events=tuple(map(_event, items(row.get("annotations")))),
        failed=fields.failed,
        status_description=fields.status_description,
        dropped_attributes=fields.dropped_attributes,
    )


def _event(annotation: object) -> SpanEvent:
    stated = record(annotation)
    name, attributes = _name_and_attributes(text(stated.get("value")))
    return SpanEvent(name, attributes, time_ns(stated.get("timestamp"), NS_PER_US))


def _name_and_attributes(value: str) -> tuple[str, Mapping[str, Any]]:
    """Take apart an annotation that holds an event with attributes.

    OpenTelemetry's SDKs write ``{"name": {...}}``, its collector ``name|{...}|0``.
    """
    name, _, rest = value.partition("|")
    attributes = _object(rest.rpartition("|")[0])
    if attributes:
        return name, attributes
    whole = _object(value)
    ((name, inner),) = whole.items() if len(whole) == 1 else [(value, None)]
    return (name, inner) if isinstance(inner, dict) else (value, {})


def _object(value: str) -> Mapping[str, Any]:
    try:
        return record(loaded(value)) if value.startswith("{") else {}
    except ValueError:
        return {}
