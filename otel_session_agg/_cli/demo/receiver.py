"""An OTLP/HTTP endpoint for traces on loopback, which gets what any backend would get."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from otel_session_agg._cli.demo.loopback import Handler, serve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

__all__ = ["ReceivedSpan", "Receiver"]

Value: TypeAlias = "str | bool | int | float | bytes | Sequence[Value] | Mapping[str, Value] | None"

_CONTENT_TYPE = "application/x-protobuf"


@dataclass(frozen=True)
class ReceivedSpan:
    """One span of a request."""

    name: str
    trace_id: str
    """Hexadecimal, like the span ids."""
    span_id: str
    parent_span_id: str
    """Empty for a span without a parent."""
    start_ns: int
    end_ns: int
    scope: str
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]


class Receiver:
    """The endpoint; ``with receiver.running() as base_url`` listens until the block is left."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._spans: list[ReceivedSpan] = []
        self._lock = threading.Lock()

    @property
    def spans(self) -> list[ReceivedSpan]:
        """The spans so far, in order of arrival."""
        with self._lock:
            return list(self._spans)

    def running(self) -> AbstractContextManager[str]:
        """Listen until the block is left."""
        return serve(type("_Requests", (_Requests,), {"receiver": self}))

    def take(self, request: ExportTraceServiceRequest) -> None:
        """Keep the spans of a request."""
        spans = list(_spans(request))
        with self._lock:
            self._spans.extend(spans)


class _Requests(Handler):
    receiver: Receiver

    def do_POST(self) -> None:
        """Take one request of an exporter, or refuse it."""
        body = self.body()
        if body is None:
            return
        if self.path != "/v1/traces":
            self.answer(HTTPStatus.NOT_FOUND, "text/plain", b"only /v1/traces is here\n")
            return
        if self.headers.get("Content-Type") != _CONTENT_TYPE:
            self.answer(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "text/plain", b"only protobuf is read here\n"
            )
            return
        try:
            request = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            self.answer(HTTPStatus.BAD_REQUEST, "text/plain", b"not an ExportTraceServiceRequest\n")
            return
        self.receiver.take(request)
        self.answer(HTTPStatus.OK, _CONTENT_TYPE, ExportTraceServiceResponse().SerializeToString())


def _spans(request: ExportTraceServiceRequest) -> Iterable[ReceivedSpan]:
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _received(span, scope_spans.scope.name, resource)


def _received(span: Span, scope: str, resource: Mapping[str, Value]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        scope=scope,
        attributes=_attributes(span.attributes),
        resource=resource,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Value:
    field = value.WhichOneof("value")
    if field is None:
        return None
    if field == "array_value":
        return [_value(item) for item in value.array_value.values]
    if field == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    plain: Value = getattr(value, field)
    return plain
