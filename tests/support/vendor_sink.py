"""The network sink of a tracing vendor on loopback: it takes spans at any path and answers the rest as the vendor's server does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]  # protobuf ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_session_agg._cli.demo.loopback import Handler, serve
from otel_session_agg._cli.demo.receiver import ReceivedSpan, Receiver

__all__ = ["Answer", "Request", "Sink"]

_PROTOBUF = "application/x-protobuf"
_IDS = ("traceId", "spanId", "parentSpanId")

Answer = Callable[["Request"], object]
"""What is answered to a request: text as it is, anything else as JSON."""


@dataclass(frozen=True)
class Request:
    """What was sent."""

    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes


class Sink:
    """The server of one vendor; ``with sink.running() as base_url`` listens until the block is left.

    Args:
        trace_path: Where the vendor's SDK sends spans, as OTLP in protobuf or JSON.
        answers: What is answered at other paths; ``{}`` where nothing is said.

    """

    def __init__(self, trace_path: str, answers: Mapping[str, Answer]) -> None:
        self._trace_path = trace_path
        self._answers = answers
        self._receiver = Receiver()
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    @property
    def spans(self) -> list[ReceivedSpan]:
        """The spans that have arrived, in order."""
        return self._receiver.spans

    @property
    def trace_requests(self) -> list[Request]:
        """The requests that brought them."""
        with self._lock:
            return [request for request in self._requests if request.path == self._trace_path]

    def running(self) -> AbstractContextManager[str]:
        """Listen until the block is left."""
        return serve(type("_Requests", (_Requests,), {"sink": self}))

    def take(self, request: Request) -> tuple[str, bytes]:
        """Note a request; what is answered, as content type and content."""
        with self._lock:
            self._requests.append(request)
        if request.path == self._trace_path:
            self._receiver.take(_spans(request))
            return request.headers["content-type"], b"{}" if "json" in request.headers["content-type"] else b""
        answer = self._answers[request.path](request) if request.path in self._answers else {}
        if isinstance(answer, str):
            return "text/plain", answer.encode()
        return "application/json", json.dumps(answer).encode()


class _Requests(Handler):
    sink: Sink

    def do_GET(self) -> None:
        """Answer one request."""
        body = self.body()
        if body is not None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.answer(HTTPStatus.OK, *self.sink.take(Request(self.path, headers, body)))

    do_POST = do_GET


def _spans(request: Request) -> ExportTraceServiceRequest:
    if request.headers["content-type"] == _PROTOBUF:
        read: ExportTraceServiceRequest = ExportTraceServiceRequest.FromString(request.body)
        return read
    sent = json.loads(request.body)
    for resource_spans in sent["resourceSpans"]:
        for scope_spans in resource_spans["scopeSpans"]:
            scope_spans["spans"] = [_with_base64(span) for span in scope_spans["spans"]]
    taken = ExportTraceServiceRequest()
    json_format.ParseDict(sent, taken)
    return taken


def _with_base64(span: dict[str, Any]) -> dict[str, Any]:
    """OTLP's JSON has ids in hexadecimal, that of protobuf has them in base64."""
    return {**span, **{name: base64.b64encode(bytes.fromhex(span[name])).decode() for name in _IDS if span.get(name)}}
