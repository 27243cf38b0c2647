"""Clients read the answer to a request whose body is not read to its end, on real connections."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg._serve.access import Access
from otel_session_agg._serve.limits import Limits
from tests.support.serving import Kept, connected, export, receiving

_MIB = 1 << 20
_LIMITS = Limits(max_body_bytes=_MIB, max_dropped_bytes=64 * _MIB, dropped_seconds=20.0)
_LARGE = bytes(24 * _MIB)
"""More than sockets hold."""
_PROTOBUF = "application/x-protobuf"
_HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"


@pytest.fixture
def port() -> Iterator[int]:
    """A receiver that takes small bodies."""
    with receiving(Kept(), _LIMITS) as found:
        yield found


class TestAnswers:
    """What clients see that send all of a body before they read."""

    def test_too_large(self, port: int) -> None:
        """413, whether the size was announced or not."""
        assert 413 == export(port, _LARGE).status
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        chunks = (_LARGE[at : at + _MIB] for at in range(0, len(_LARGE), _MIB))
        connection.request("POST", "/v1/traces", chunks, {"Content-Type": _PROTOBUF}, encode_chunked=True)
        assert 413 == connection.getresponse().status
        connection.close()

    def test_others(self, port: int) -> None:
        """What is refused for any other reason is, too."""
        assert 415 == export(port, _LARGE, "text/plain").status
        assert 415 == export(port, _LARGE, Content_Encoding="br").status
        with receiving(Kept(), _LIMITS, Access(token="secret")) as closed:  # noqa: S106 -- none
            assert 401 == export(closed, _LARGE).status
        with receiving(Kept(), Limits(max_waiting_bytes=_MIB)) as busy:
            assert "2" == export(busy, _LARGE[: 10 * _MIB]).headers["retry-after"]
        with receiving(Kept(), Limits(requests_per_second=0.001, burst=1)) as limited:
            export(limited, b"")
            assert 429 == export(limited, _LARGE[: 10 * _MIB]).status

    def test_exporter(self, port: int, caplog: pytest.LogCaptureFixture) -> None:
        """Python's exporter says that it is too large, and does not try again."""
        provider = TracerProvider(shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces", timeout=30)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        provider.get_tracer("app").start_span("s", attributes={"text": "x" * len(_LARGE)}).end()
        [record] = caplog.records
        assert "413" in record.getMessage()
        provider.shutdown()

    @pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
    @pytest.mark.parametrize("more", [(), ("-H", "Expect:")], ids=["asks", "sends"])
    def test_curl(self, port: int, tmp_path: Path, more: tuple[str, ...]) -> None:
        """Curl sees it, too, whether it asks before it sends or not, and does not wait."""
        path = tmp_path / "body"
        path.write_bytes(_LARGE)
        began = time.monotonic()
        url = f"http://127.0.0.1:{port}/v1/traces"
        command = ["curl", "-sS", "-o", "-", "-w", " %{http_code}", "-H", f"Content-Type: {_PROTOBUF}", *more]
        command += ["--data-binary", f"@{path}", url]
        done = subprocess.run(command, check=False, capture_output=True, timeout=60)  # noqa: S603
        assert (b"413", b"") == (done.stdout[-3:], done.stderr)
        assert time.monotonic() - began < 10


class TestBounds:
    """What is read after an answer."""

    def test_endless(self) -> None:
        """A body without end is read up to a size."""
        with receiving(Kept(), Limits(max_body_bytes=1000, max_dropped_bytes=8 * _MIB)) as port, connected(port) as client:
            client.sendall(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            sent = _sent_until_closed(client, b"10000\r\n" + bytes(0x10000) + b"\r\n", 200 * _MIB)
            assert 8 * _MIB < sent < 100 * _MIB

    def test_slow(self) -> None:
        """One that comes slowly is read for a moment; the answer has come at once."""
        limits = Limits(max_body_bytes=1000, dropped_seconds=1.0)
        with receiving(Kept(), limits) as port, connected(port) as client:
            client.sendall(_HEAD + b"Content-Length: 100000\r\n\r\n")
            began = time.monotonic()
            assert client.recv(12) == b"HTTP/1.1 413"
            stop = threading.Event()
            thread = threading.Thread(target=_drip, args=(client, stop))
            thread.start()
            assert _until_closed(client)
            stop.set()
            thread.join()
            assert 0.9 < time.monotonic() - began < 10

    def test_keeps_others(self, port: int) -> None:
        """An answer that does not close the connection waits for nothing."""
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        for _ in range(3):
            connection.request("POST", "/v1/traces", b"", {"Content-Type": _PROTOBUF})
            answer = connection.getresponse()
            assert (200, b"") == (answer.status, answer.read())
        connection.close()


def _drip(client: socket.socket, stop: threading.Event) -> None:
    try:
        while not stop.wait(0.05):
            client.sendall(b"x")
    except OSError:
        return


def _until_closed(client: socket.socket) -> bool:
    try:
        while client.recv(1000):
            pass
    except ConnectionResetError:
        return True
    return True


def _sent_until_closed(client: socket.socket, chunk: bytes, most: int) -> int:
    sent = 0
    try:
        while sent < most:
            client.sendall(chunk)
            sent += len(chunk)
    except OSError:
        return sent
    return sent
