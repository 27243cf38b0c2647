"""OTLP in protobuf -> ``SpanData``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from otel_session_agg._extras import needed
from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._otlp.batches import Report, SpanBatch
from otel_session_agg._otlp.raw_attributes import Attribute, RawAttributes, raw_request_class
from otel_session_agg._otlp.repaired import repaired
from otel_session_agg._otlp.span_fields import (
    KEYS,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    Scope,
    kept_key,
    made_span,
    nanoseconds,
    scope_of,
)

_NO_EVENTS: tuple[SpanEvent, ...] = ()


@cache
def request_class() -> Any:
    """Return the class of an export request of traces.

    Raises:
        SessionAggError: the library is not installed.

    """
    return needed(
        "opentelemetry.proto.collector.trace.v1.trace_service_pb2", "replay"
    ).ExportTraceServiceRequest


@cache
def _decode_error() -> type[Exception]:
    error: type[Exception] = needed("google.protobuf.message", "replay").DecodeError
    return error


@cache
def _key_value() -> Any:
    return needed("opentelemetry.proto.common.v1.common_pb2", "replay").KeyValue


@cache
def _status() -> Any:
    return needed("opentelemetry.proto.trace.v1.trace_pb2", "replay").Status


def parsed(data: bytes, place: str, report: Report) -> Any:
    """Return a message with all that can be read; ``None``: nothing can."""
    request = request_class()
    try:
        return request.FromString(data)
    except (_decode_error(), ValueError):  # the library in Python raises the latter for text
        pass
    try:
        message = request.FromString(repaired(data, request.DESCRIPTOR))
    except (_decode_error(), ValueError):
        message = None
    if message is None or not message.resource_spans:
        report(place, "no OTLP message, or nothing that can be read of it")
        return None
    report(
        place, "parts of the message are broken and left out, or text that is not UTF-8 replaced"
    )
    return message


def batches(data: bytes, place: str, report: Report) -> Iterator[SpanBatch]:
    """Read the spans of an export request."""
    found: list[SpanBatch] = []
    problems: list[str] = []
    try:
        _read(data, found, problems)
    except (_decode_error(), ValueError):
        message = parsed(data, place, report)
        if message is None:
            return
        found, problems = [], []  # what was read before the place where it is broken is in it, too
        _read(message.SerializeToString(), found, problems)
    for problem in problems:
        report(place, problem)
    yield from found


def _read(data: bytes, found: list[SpanBatch], problems: list[str]) -> None:
    """Add the spans of a request, and what is wrong with it.

    Raises:
        DecodeError, ValueError: it cannot be read as a whole.

    """
    for group in raw_request_class(request_class()).FromString(data).resource_spans:
        spans: list[SpanData] = []
        for scope_group in group.scope_spans:
            scope = scope_group.scope
            spans += _spans(scope_group.spans, scope_of(scope.name, scope.version), problems)
        if spans:
            found.append(SpanBatch(attributes_of(group.resource.attributes), spans))


def _spans(messages: Iterable[Any], scope: Scope, problems: list[str]) -> Iterator[SpanData]:
    """Read the spans of a scope."""
    number, known = int.from_bytes, _KNOWN
    for span in messages:
        trace_id, span_id, parent_id = span.trace_id, span.span_id, span.parent_span_id
        if len(trace_id) != TRACE_ID_BYTES or len(span_id) != SPAN_ID_BYTES:
            problems.append("a span without a valid trace id or span id")
            continue
        attributes: dict[str, Any] = {}
        for raw in span.attributes:
            key, value = known[raw]
            attributes[key] = value
        events, status, code, description = span.events, span.status, 0, ""
        if status:
            stated = _status().FromString(status)
            code, description = stated.code, stated.message
        yield made_span(
            scope,
            span.name,
            number(trace_id, "big"),
            number(span_id, "big"),
            (number(parent_id, "big") or None) if parent_id else None,
            span.flags,
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            attributes,
            tuple(map(_event, events)) if events else _NO_EVENTS,
            code,
            description,
            span.dropped_attributes_count,
        )


def _attribute(raw: bytes) -> Attribute:
    """Read one attribute."""
    [found] = attributes_of((_key_value().FromString(raw),)).items()
    return found


_KNOWN = RawAttributes(_attribute)


def _event(event: Any) -> SpanEvent:
    return SpanEvent(event.name, attributes_of(event.attributes), nanoseconds(event.time_unix_nano))


def attributes_of(pairs: Iterable[Any]) -> dict[str, Any]:
    """Return attributes as a dict; of a key that is there twice the last value."""
    found: dict[str, Any] = {}
    known = KEYS.get
    for pair in pairs:
        value, key = pair.value, pair.key
        # most values are texts or numbers, which need not be asked for their type
        found[known(key) or kept_key(key)] = (
            value.string_value or value.int_value or value_of(value)
        )
    return found


def value_of(value: Any) -> Any:
    """Return an attribute's value; ``None``: it has none, or one of an unknown type."""
    read = _VALUES.get(value.WhichOneof("value"))
    return None if read is None else read(value)


def _array(value: Any) -> Any:
    return tuple(map(value_of, value.array_value.values))


def _mapping(value: Any) -> Mapping[str, Any]:
    return attributes_of(value.kvlist_value.values)


_VALUES: Mapping[str | None, Callable[[Any], Any]] = {
    "string_value": lambda value: value.string_value,
    "int_value": lambda value: value.int_value,
    "double_value": lambda value: value.double_value,
    "bool_value": lambda value: value.bool_value,
    "bytes_value": lambda value: value.bytes_value,
    "array_value": _array,
    "kvlist_value": _mapping,
}
