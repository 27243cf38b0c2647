"""An OTLP/HTTP receiver on loopback in a process of its own, so that its CPU is not counted with the sender's."""

from __future__ import annotations

import multiprocessing
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any, ClassVar

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

_LAST = 64
"""Requests that are kept until they are asked for; while timing, nobody asks."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    bodies: ClassVar[deque[bytes]] = deque(maxlen=_LAST)

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(b"")

    def do_GET(self) -> None:
        # protobuf messages put end to end are one message with all their repeated fields
        bodies = b"".join(self.bodies)
        self.bodies.clear()
        self._answer(bodies)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(port: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port.send(server.server_address[1])
    try:
        port.recv()  # until the other end is closed
    except EOFError:
        server.shutdown()
        server.server_close()


class Receiver:
    """The running receiver."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.port: int = self._pipe.recv()

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()

    def taken(self) -> list[dict[str, Any]]:
        """Attributes of the spans received since the last call."""
        connection = HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("GET", "/")
            body = connection.getresponse().read()
        finally:
            connection.close()
        request = ExportTraceServiceRequest.FromString(body)
        return [
            {pair.key: _value(pair.value) for pair in span.attributes}
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


def _value(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return tuple(_value(item) for item in value.array_value.values)
    return getattr(value, which) if which is not None else None


def otlp_exporter(receiver: Receiver) -> OTLPSpanExporter:
    """An exporter that sends to it."""
    return OTLPSpanExporter(endpoint=f"http://127.0.0.1:{receiver.port}/v1/traces")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that runs inside the block."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()
