"""Sending OTLP over HTTP."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess, ExportTraceServiceResponse

from otel_session_agg import SessionAggError, SettingsError
from otel_session_agg._otlp.endpoint import Endpoint, traces_url

Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {}, b"")


class _Server(ThreadingHTTPServer):
    """Gives answers in turn, and keeps what it got."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.got: list[tuple[str, str | None, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.path, self.headers["api-key"], body))
        status, headers, content = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[_Server]:
    """A server on loopback."""
    made = _Server([])
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def _endpoint(server: _Server, slept: list[float]) -> Endpoint:
    return Endpoint(f"http://127.0.0.1:{server.server_port}", slept.append)


class TestEndpoint:
    """``Endpoint``."""

    def test_send(self, server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request arrives compressed, with the headers of the environment."""
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
        server.answers = [OK]
        _endpoint(server, []).send(b"request")
        assert [("/v1/traces", "secret", b"request")] == server.got

    def test_later(self, server: _Server) -> None:
        """It is sent again when the endpoint is busy, after the time that that says."""
        server.answers = [(503, {"Retry-After": "7"}, b""), (429, {}, b""), OK]
        slept: list[float] = []
        _endpoint(server, slept).send(b"request")
        assert (3, [7.0, 2.0]) == (len(server.got), slept)

    def test_refused(self, server: _Server) -> None:
        """What is refused is not sent again."""
        server.answers = [(401, {}, b"")]
        with pytest.raises(SessionAggError, match="/v1/traces answered 401"):
            _endpoint(server, []).send(b"request")

    def test_partial(self, server: _Server) -> None:
        """Spans that are rejected alone are an error, too."""
        partial = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=3))
        server.answers = [(200, {"Content-Type": "application/x-protobuf"}, partial.SerializeToString())]
        with pytest.raises(SessionAggError, match="rejected 3 spans"):
            _endpoint(server, []).send(b"request")

    def test_unreachable(self) -> None:
        """Nobody listens: it is tried for some time."""
        slept: list[float] = []
        with pytest.raises(SessionAggError, match="cannot be reached"):
            Endpoint("http://127.0.0.1:9", slept.append).send(b"")
        assert [1.0, 2.0, 4.0, 8.0, 16.0] == slept


class TestUrl:
    """``traces_url``."""

    def test_completed(self) -> None:
        """The path of traces is added, unless it is there."""
        assert "http://h:4318/v1/traces" == traces_url("http://h:4318/")
        assert "https://h/x/v1/traces" == traces_url("https://h/x/v1/traces")

    @pytest.mark.parametrize("url", ["h:4318", "ftp://h", "http://", "http://[", "file:///etc/passwd"])
    def test_no_url(self, url: str) -> None:
        """Anything else is refused."""
        with pytest.raises(SettingsError, match="is not an HTTP URL"):
            traces_url(url)
