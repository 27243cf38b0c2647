"""Jaeger's JSON: what its API answers, its user interface downloads, or its storage keeps.

Source: the model of Jaeger's user interface.  It carries everything that is counted; times are
whole microseconds, and attributes that are lists are texts.
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
from otel_session_agg._otlp.records import ResourceAndSpan, Row, each, one
from otel_session_agg._otlp.tags import take_fields

_EVENT_NAMES = ("event", "message")


def spans(row: Row, report: Report, place: str) -> Iterator[ResourceAndSpan]:
    processes = {name: _resource(process) for name, process in record(row.get("processes")).items()}

    def read(span: Row) -> ResourceAndSpan:
        known = processes.get(text(span.get("processID")))
        return known if known is not None else _resource(span.get("process")), _span(span)

    if "spans" in row:
        return each(items(row["spans"]), read, report, place)
    return one(row, read, report, place)


def _span(row: Row) -> SpanData:
    tags = _tags(row.get("tags"))
    fields = take_fields(tags)
    start_ns, end_ns = lasting(row.get("startTime"), row.get("duration"), NS_PER_US)
    return SpanData(
        name=text(row.get("operationName")),
        trace_id=trace_id(row.get("traceID")),
        span_id=span_id(row.get("spanID")),
        parent_id=_parent(row),
        span_kind=span_kind(fields.span_kind),
        scope_name=fields.scope_name,
        scope_version=fields.scope_version,
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=tags,
        events=tuple(map(_event, items(row.get("logs")))),
        failed=fields.failed,
        status_description=fields.status_description,
        dropped_attributes=fields.dropped_attributes,
    )


def _parent(row: Row) -> int | None:
    """Return the parent: the first reference to one in the same trace, else the older field."""
    for reference in map(record, items(row.get("references"))):
        is_same_trace = reference.get("traceID") == row["traceID"]
        if is_same_trace and reference.get("refType") == "CHILD_OF":
            return parent_id(reference.get("spanID"))
    return parent_id(row.get("parentSpanID"))


def _resource(process: object) -> Mapping[str, Any]:
    stated = record(process)
    name = text(stated.get("serviceName"))
    return {**({"service.name": name} if name else {}), **_tags(stated.get("tags"))}


def _event(log: object) -> SpanEvent:
    stated = record(log)
    fields = _tags(stated.get("fields"))
    name = next((text(fields.pop(key)) for key in _EVENT_NAMES if key in fields), "")
    return SpanEvent(name, fields, time_ns(stated.get("timestamp"), NS_PER_US))


def _tags(tags: object) -> dict[str, Any]:
    stated = [(text(tag.get("key")), tag.get("value")) for tag in map(record, items(tags))]
    return {key: value for key, value in stated if key and value is not None}
