"""Servers of the library on loopback, and requests to them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import NamedTuple

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.batches import Frame, SpanBatch
from otel_session_agg._otlp.otlp import decode
from otel_session_agg._serve.access import Access
from otel_session_agg._serve.asgi import App
from otel_session_agg._serve.guard import ingestion_check
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.receiver import Outcome, Receiver
from otel_session_agg._serve.refusals import Refused
from otel_session_agg._serve.servers import Listener, Servers, listening
from tests.support.otlp import Problems

SECONDS = 120.0
"""How long a client waits for an answer."""


class Response(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@contextmanager
def served(app: App, limits: Limits, proxies: Sequence[str] = ()) -> Iterator[int]:
    """Run an application; return its port."""
    listener = Listener(app, listening("127.0.0.1", 0), limits)
    servers = Servers([listener], None, proxies)
    servers.start()
    try:
        yield listener.port
    finally:
        servers.stop()


class Kept:
    """Keeps the spans that a receiver takes."""

    def __init__(self) -> None:
        self._batches: list[SpanBatch] = []
        self._lock = threading.Lock()

    def take(self, content: bytes) -> Outcome:
        """Take those of a request."""
        problems = Problems()
        batches = list(decode(Frame("", content), problems))
        rejected = sum(what.startswith("a span ") for _, what in problems)
        if problems and not rejected:
            raise Refused(400, problems[0][1])
        with self._lock:
            self._batches += batches
        return Outcome(rejected, problems[0][1] if problems else "")

    @property
    def spans(self) -> list[SpanData]:
        """All of them, in the order in which they came."""
        with self._lock:
            return [span for batch in self._batches for span in batch.spans]

    @property
    def resources(self) -> list[Mapping[str, object]]:
        """The attributes of the resource of each batch."""
        with self._lock:
            return [batch.resource for batch in self._batches]


@contextmanager
def receiving(kept: Kept, limits: Limits | None = None, access: Access | None = None) -> Iterator[int]:
    """Run a receiver; return its port."""
    limits = limits or Limits()
    receiver = Receiver(kept.take, ingestion_check(access or Access(), limits), limits)
    try:
        with served(receiver.app, limits) as port:
            yield port
    finally:
        receiver.close()


def request(port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """Send a request; return the answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def export(port: int, body: bytes, media_type: str = "application/x-protobuf", **headers: str) -> Response:
    """Send spans; underscores in the names of headers are dashes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request(port, "POST", "/v1/traces", body, {"Content-Type": media_type, **named})


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection, to write on by hand."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as found:
        yield found


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes a connection."""
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except ConnectionResetError:
        pass
    return found
