"""The receiver of OTLP/HTTP, with real requests on loopback."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
import zstandard
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_session_agg._serve.access import Access
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.receiver import Outcome
from otel_session_agg._serve.refusals import Refused
from otel_session_agg.testing import make_span
from tests.support.otlp import json_line, protobuf
from tests.support.serving import Kept, connected, export, receiving, request, rest_of

SPANS = [make_span(f"span {number}") for number in range(3)]
JSON = "application/json"
SMALL = Limits(max_body_bytes=2_000, max_message_bytes=4_000, max_waiting_bytes=10_000, header_seconds=0.2, body_seconds=0.3)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def port(kept: Kept) -> Iterator[int]:
    with receiving(kept) as found:
        yield found


def status_of(body: bytes) -> tuple[int, str]:
    """The code and message of a ``google.rpc.Status`` in protobuf."""
    found = Status.FromString(body)
    return found.code, found.message


def partial_of(body: bytes) -> tuple[int, str]:
    """The rejected spans and the message of an answer in protobuf."""
    found = ExportTraceServiceResponse.FromString(body).partial_success
    return found.rejected_spans, found.error_message


class TestTaken:
    """What exporters send is taken."""

    @pytest.mark.parametrize("compression", list(Compression))
    def test_exporter_of_python(self, kept: Kept, port: int, compression: Compression) -> None:
        """The exporter of OpenTelemetry for Python, with each of its compressions."""
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces", compression=compression)
        assert SpanExportResult.SUCCESS == exporter.export(SPANS)
        exporter.shutdown()  # type: ignore[no-untyped-call]
        assert ["span 0", "span 1", "span 2"] == [span.name for span in kept.spans]

    @pytest.mark.parametrize(
        ("encoding", "encode"),
        [
            ("gzip", gzip.compress),
            ("gzip", lambda data: gzip.compress(data[:20]) + gzip.compress(data[20:])),
            ("deflate", zlib.compress),
            ("zstd", zstandard.compress),
            ("identity", bytes),
        ],
    )
    def test_encodings(self, kept: Kept, port: int, encoding: str, encode: object) -> None:
        """Each compression, in protobuf."""
        assert callable(encode)
        answer = export(port, encode(protobuf(SPANS)), Content_Encoding=encoding)
        assert (200, b"", "application/x-protobuf") == (answer.status, answer.body, answer.headers["content-type"])
        assert 3 == len(kept.spans)

    def test_json(self, kept: Kept, port: int) -> None:
        """JSON, and an answer in JSON."""
        answer = export(port, json_line(SPANS), f"{JSON}; charset=utf-8")
        assert (200, b"{}", JSON) == (answer.status, answer.body, answer.headers["content-type"])
        assert 3 == len(kept.spans)

    def test_chunks(self, kept: Kept, port: int) -> None:
        """A body whose size is not announced."""
        data = protobuf(SPANS)
        with connected(port) as connection:
            connection.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
                b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            )
            for at in range(0, len(data), 50):
                part = data[at : at + 50]
                connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            assert rest_of(connection).startswith(b"HTTP/1.1 200 ")
        assert 3 == len(kept.spans)

    @pytest.mark.parametrize(
        ("body", "media_type"), [(b"", "application/x-protobuf"), (b"{}", JSON), (b'{"resourceSpans":[]}', JSON)]
    )
    def test_empty(self, kept: Kept, port: int, body: bytes, media_type: str) -> None:
        """A request without spans is a success."""
        assert 200 == export(port, body, media_type).status
        assert [] == kept.spans

    def test_partial(self, kept: Kept, port: int) -> None:
        """Spans with wrong ids are rejected and counted, the others are taken."""
        message = ExportTraceServiceRequest.FromString(protobuf(SPANS))
        message.resource_spans[0].scope_spans[0].spans[1].trace_id = b"short"
        answer = export(port, message.SerializeToString())
        assert (200, (1, "a span without a valid trace id or span id")) == (
            answer.status,
            partial_of(answer.body),
        )
        assert ["span 0", "span 2"] == [span.name for span in kept.spans]

    def test_partial_json(self, kept: Kept, port: int) -> None:
        """The same in JSON; the number is a text there, as all of 64 bits are."""
        document = json.loads(json_line(SPANS))
        document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = "xyz"
        answer = export(port, json.dumps(document).encode(), JSON)
        assert "1" == json.loads(answer.body)["partialSuccess"]["rejectedSpans"]
        assert 2 == len(kept.spans)


class TestRefused:
    """What cannot be taken is refused, as the specification says."""

    @pytest.mark.parametrize(
        ("body", "encoding"),
        [(b"\xff\xff", ""), (b"{}", ""), (b"\x1f\x8bxx", "gzip"), (b"xx", "zstd"), (gzip.compress(b"x", mtime=0)[:-1], "gzip")],
    )
    def test_broken(self, kept: Kept, port: int, body: bytes, encoding: str) -> None:
        """A body that is none is 400, with a status that says so."""
        answer = export(port, body, Content_Encoding=encoding)
        code, message = status_of(answer.body)
        assert (400, "application/x-protobuf", 3) == (answer.status, answer.headers["content-type"], code)
        assert message
        assert [] == kept.spans

    @pytest.mark.parametrize("body", [b"", b"[", b"7", b'{"a":1}', b'"' * 9, b"\xff"])
    def test_broken_json(self, port: int, body: bytes) -> None:
        """The same in JSON."""
        answer = export(port, body, JSON)
        assert (400, 3) == (answer.status, json.loads(answer.body)["code"])

    @pytest.mark.parametrize(("media_type", "encoding"), [("text/plain", ""), ("", ""), ("application/grpc", ""), (JSON, "br")])
    def test_types(self, port: int, media_type: str, encoding: str) -> None:
        """Another type or compression is 415."""
        answer = export(port, b"{}", media_type, Content_Encoding=encoding)
        assert (415, "gzip, deflate, zstd") == (answer.status, answer.headers["accept-encoding"])

    @pytest.mark.parametrize("path", ["/v1/metrics", "/v1/logs", "/", "/v1/traces/", "/../v1/traces"])
    def test_paths(self, port: int, path: str) -> None:
        """Other signals and paths are 404, and the answer says what there is."""
        answer = request(port, "POST", path, b"{}", {"Content-Type": JSON})
        assert 404 == answer.status
        assert "traces" in json.loads(answer.body)["message"]

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
    def test_methods(self, port: int, method: str) -> None:
        """Other methods are 405; no page of another site is told that it may send."""
        answer = request(port, method, "/v1/traces", headers={"Origin": "http://localhost"})
        assert (405, "POST") == (answer.status, answer.headers["allow"])
        assert "access-control-allow-origin" not in answer.headers


class Full(Kept):
    """Has no room."""

    def take(self, content: bytes) -> Outcome:
        """Say so."""
        assert content
        raise Refused(503, "no room", retry_seconds=7)


class TestLimits:
    """A request is bounded before anything is built of it."""

    def test_announced(self, kept: Kept) -> None:
        """A body that is announced as too large is not read."""
        with receiving(kept, SMALL) as port, connected(port) as connection:
            connection.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
                b"Content-Length: 999999999999999999999999\r\n\r\n"
            )
            answer = rest_of(connection)
        assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))

    def test_body(self, kept: Kept) -> None:
        """A body that is too large is 413."""
        with receiving(kept, SMALL) as port:
            assert 413 == export(port, bytes(2_001)).status

    @pytest.mark.parametrize(
        ("encoding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress)]
    )
    def test_bomb(self, kept: Kept, encoding: str, encode: object) -> None:
        """A small body that becomes too large is 413."""
        assert callable(encode)
        with receiving(kept, replace(SMALL, max_body_bytes=100_000)) as port:
            answer = export(port, encode(bytes(10_000_000)), Content_Encoding=encoding)
        assert (413, 3) == (answer.status, status_of(answer.body)[0])

    def test_slow_header(self, kept: Kept) -> None:
        """A header that does not come to its end closes the connection."""
        with receiving(kept, SMALL) as port, connected(port) as connection:
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: ")
            assert b"" == rest_of(connection)

    def test_silent(self, kept: Kept) -> None:
        """So does a connection on which nothing comes."""
        with receiving(kept, SMALL) as port, connected(port) as connection:
            assert b"" == rest_of(connection)

    def test_slow_second_header(self, kept: Kept) -> None:
        """And a further request on a connection that was used."""
        with receiving(kept, SMALL) as port, connected(port) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
            connection.sendall(b"\r\nPOST /v1/traces HTTP/1.1\r\n")
            assert 1 == rest_of(connection).count(b"HTTP/1.1 ")

    def test_slow_body(self, kept: Kept) -> None:
        """A body that does not come to its end is 408."""
        with receiving(kept, SMALL) as port, connected(port) as connection:
            connection.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: 10\r\n\r\nx"
            )
            assert rest_of(connection).startswith(b"HTTP/1.1 408 ")

    def test_connections(self, kept: Kept) -> None:
        """When there are more than allowed, those are closed that have asked for nothing, the oldest first; else further ones."""
        head = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1\r\n"
        limits = replace(Limits(), max_connections=2, slow_body_seconds=60.0)
        with receiving(kept, limits) as port, connected(port) as asks, connected(port) as silent:
            asks.sendall(head + b"Expect: 100-continue\r\n\r\n")
            assert asks.recv(100).startswith(b"HTTP/1.1 100 ")
            silent.sendall(head)
            for _ in range(5):
                assert 200 == export(port, b"").status
            assert b"" == rest_of(silent)
            with connected(port) as third:
                third.sendall(head + b"Expect: 100-continue\r\n\r\n")
                assert third.recv(100).startswith(b"HTTP/1.1 100 ")
                with connected(port) as fourth:
                    assert b"" == rest_of(fourth)

    def test_slow_bodies(self, kept: Kept) -> None:
        """When all send bodies, the one gives way that is not done for longest; who is done, and waits, does not."""
        head = b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\nExpect: 100-continue\r\n"
        limits = replace(Limits(), max_connections=2, slow_body_seconds=0.0)
        with receiving(kept, limits) as port, connected(port) as first, connected(port) as second:
            for connection in (first, second):
                connection.sendall(head + b"Content-Length: 5\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
            first.sendall(b"abcd")
            assert 200 == export(port, b"").status
            assert b"" == rest_of(first)
            second.sendall(b"\n\x03abc")
            assert second.recv(100).startswith(b"HTTP/1.1 400 ")

    def test_rate(self, kept: Kept) -> None:
        """Too many requests are 429, with the time to wait."""
        with receiving(kept, replace(Limits(), requests_per_second=0.001, burst=2)) as port:
            answers = [export(port, b"") for _ in range(3)]
        assert [200, 200, 429] == [answer.status for answer in answers]
        assert 0 < int(answers[2].headers["retry-after"]) <= 1000
        assert 8 == status_of(answers[2].body)[0]

    def test_waiting(self, kept: Kept) -> None:
        """When too much waits the answer is 503, with the time to wait."""
        with receiving(kept, replace(SMALL, max_waiting_bytes=10)) as port:
            answer = export(port, bytes(11))
        assert (503, "2", 14) == (answer.status, answer.headers["retry-after"], status_of(answer.body)[0])

    def test_full(self) -> None:
        """What takes the spans may say "later", too."""
        with receiving(Full()) as port:
            answer = export(port, protobuf(SPANS))
        assert (503, "7") == (answer.status, answer.headers["retry-after"])

    def test_deep(self, port: int) -> None:
        """JSON that is nested too deeply is 400."""
        assert 400 == export(port, b"[" * 100_000 + b"]" * 100_000, JSON).status


class TestAccess:
    """Who may send spans."""

    def test_token(self, kept: Kept) -> None:
        """Where a token is asked for, it has to be the right one."""
        with receiving(kept, access=Access("secret")) as port:
            answers = [
                export(port, protobuf(SPANS), **headers)
                for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer secret"})
            ]
        assert [401, 401, 200] == [answer.status for answer in answers]
        assert "Bearer" == answers[0].headers["www-authenticate"]
        assert 16 == status_of(answers[0].body)[0]

    @pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:4318", "127.0.0.1.nip.io", ""])
    def test_name(self, port: int, host: str) -> None:
        """A name that somebody made point to loopback is refused."""
        assert 421 == export(port, protobuf(SPANS), Host=host).status

    @pytest.mark.parametrize(
        "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
    )
    def test_origin(self, kept: Kept, port: int, headers: dict[str, str]) -> None:
        """A page of another site cannot send spans."""
        assert 403 == export(port, protobuf(SPANS), **headers).status
        assert [] == kept.spans
