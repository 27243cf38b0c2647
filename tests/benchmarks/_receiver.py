"""The demo's OTLP receiver in a process of its own, so that its CPU is not counted with the sender's; read only when asked."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from typing import Any, ClassVar

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_session_agg._cli.demo import receiver as demo
from otel_session_agg._cli.demo.loopback import Handler, serve

_LAST = 64
"""Requests that are kept until they are asked for; while timing, nobody asks."""


class _Requests(Handler):
    bodies: ClassVar[deque[bytes]] = deque(maxlen=_LAST)

    def do_POST(self) -> None:
        if (body := self.body()) is not None:
            self.bodies.append(body)
            self.answer(HTTPStatus.OK, "application/x-protobuf", b"")

    def do_GET(self) -> None:
        # protobuf messages put end to end are one message with all their repeated fields
        bodies = b"".join(self.bodies)
        self.bodies.clear()
        self.answer(HTTPStatus.OK, "application/x-protobuf", bodies)


def _serve(to_parent: Connection) -> None:
    with serve(_Requests) as url, suppress(EOFError):
        to_parent.send(url)
        to_parent.recv()  # until the other end is closed


class Receiver:
    """The running receiver."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.url: str = self._pipe.recv()

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()

    def taken(self) -> list[dict[str, Any]]:
        """Attributes of the spans received since the last call."""
        taken = demo.Receiver()
        with closing(HTTPConnection(self.url.removeprefix("http://"))) as connection:
            connection.request("GET", "/")
            taken.take(ExportTraceServiceRequest.FromString(connection.getresponse().read()))
        return [
            {name: tuple(value) if isinstance(value, list) else value for name, value in span.attributes.items()}
            for span in taken.spans
        ]


def otlp_exporter(receiver: Receiver) -> OTLPSpanExporter:
    """An exporter that sends to it."""
    return OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that runs inside the block."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()
