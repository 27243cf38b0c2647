"""Spans as rows, one each: the columns of several exports, read by one table.

* Phoenix: its client's table of spans, and what its API answers.  The scope, the resource and the
  kind of the span are not in it.
* ClickHouse: the ``otel_traces`` table of the OpenTelemetry Collector's exporter.  All attributes
  are texts there; everything that is counted is in it.
* What OpenTelemetry's ``ConsoleSpanExporter`` prints, and tables with columns that are called
  like the fields of OTLP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._otlp.batches import Report
from otel_session_agg._otlp.cells import flat, mapping, sequence
from otel_session_agg._otlp.field_values import (
    any_time_ns,
    interval,
    is_error,
    parent_id,
    record,
    span_id,
    span_kind,
    text,
    time_ns,
    trace_id,
)
from otel_session_agg._otlp.records import ResourceAndSpan, Row, one

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "trace_id": ("TraceId", "context.trace_id", "trace_id", "traceId"),
    "span_id": ("SpanId", "context.span_id", "span_id", "spanId"),
    "parent_id": ("ParentSpanId", "parent_id", "parent_span_id", "parentSpanId"),
    "name": ("SpanName", "name", "span_name"),
    "kind": ("SpanKind", "span_kind", "kind"),
    "scope_name": ("ScopeName", "scope.name", "scope_name"),
    "scope_version": ("ScopeVersion", "scope.version", "scope_version"),
    "start": ("Timestamp", "start_time", "start_time_unix_nano", "startTimeUnixNano"),
    "end": ("end_time", "end_time_unix_nano", "endTimeUnixNano"),
    "duration": ("Duration", "duration_ns"),
    "status": ("StatusCode", "status_code", "status.status_code", "status.code"),
    "description": (
        "StatusMessage",
        "status_message",
        "status.description",
        "status.message",
    ),
    "attributes": ("SpanAttributes", "attributes"),
    "resource": ("ResourceAttributes", "resource.attributes", "resource_attributes"),
    "service": ("ServiceName", "service_name"),
    "events": ("events",),
}
"""For each field the columns that it is taken from: the first one that has a value."""
_OBJECTS = ("context", "scope", "status", "resource")
"""Columns whose objects have fields of the span."""
_ATTRIBUTE_COLUMNS = "attributes."
"""How the names of columns begin that have one attribute each."""
_EVENTS = ("Events.Name", "Events.Timestamp", "Events.Attributes")
"""Columns with a list each, which together are the events."""
_OPENINFERENCE_KIND = "openinference.span.kind"
_KINDS = frozenset(
    {
        "AGENT", "CHAIN", "EMBEDDING", "EVALUATOR", "GUARDRAIL", "LLM", "PROMPT", "RERANKER",
        "RETRIEVER", "TOOL",
    }
)  # fmt: skip
"""Of OpenInference."""


def spans(row: Row, report: Report, place: str) -> Iterator[ResourceAndSpan]:
    """Read the span of a row."""
    return one(row, _resource_and_span, report, place)


def _resource_and_span(row: Row) -> ResourceAndSpan:
    get = _Fields(row).get
    resource = flat(mapping(get("resource")))
    service = text(get("service"))
    if service:
        resource = {"service.name": service, **resource}
    start_ns, end_ns = any_time_ns(get("start")), any_time_ns(get("end"))
    if start_ns and not end_ns:
        end_ns = start_ns + time_ns(get("duration"))
    start_ns, end_ns = interval(start_ns, end_ns)
    failed = is_error(get("status"))
    description = text(get("description"))
    return resource, SpanData(
        name=text(get("name")),
        trace_id=trace_id(get("trace_id")),
        span_id=span_id(get("span_id")),
        parent_id=parent_id(get("parent_id")),
        span_kind=span_kind(get("kind")),
        scope_name=text(get("scope_name")),
        scope_version=text(get("scope_version")),
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=_attributes(row, get("attributes"), get("kind")),
        events=tuple(_events(row, get("events"))),
        failed=failed,
        status_description=description if failed and description else None,
    )


class _Fields:
    """The fields of a row, by the names of ``_COLUMNS``."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._inner = {
            f"{name}.{key}": value
            for name in _OBJECTS
            if name in row
            for key, value in record(row[name]).items()
        }

    def get(self, field: str) -> Any:
        """Return the value of a field; ``None``: it has none."""
        for column in _COLUMNS[field]:
            value = self._row.get(column, self._inner.get(column))
            if value is not None:
                return value
        return None


def _attributes(row: Row, stated: object, kind: object) -> dict[str, Any]:
    in_columns = {
        column.removeprefix(_ATTRIBUTE_COLUMNS): value
        for column, value in row.items()
        if value is not None and column.startswith(_ATTRIBUTE_COLUMNS)
    }
    found = flat({**mapping(stated), **in_columns})
    # Phoenix's own column, which its API answers instead of the attribute
    if isinstance(kind, str) and kind in _KINDS and _OPENINFERENCE_KIND not in found:
        found[_OPENINFERENCE_KIND] = kind
    return found


def _events(row: Row, stated: object) -> Iterator[SpanEvent]:
    for event in map(record, sequence(stated)):
        time = event.get("timestamp", event.get("time_unix_nano"))
        yield _event(event.get("name"), time, event.get("attributes"))
    columns = [sequence(row.get(column)) for column in _EVENTS]
    for name, time, attributes in zip(*columns, strict=False):
        yield _event(name, time, attributes)


def _event(name: object, time: object, attributes: object) -> SpanEvent:
    return SpanEvent(text(name), flat(mapping(attributes)), any_time_ns(time))
