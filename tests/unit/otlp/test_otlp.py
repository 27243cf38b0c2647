"""Which form a file has, and what is in its frames."""

from __future__ import annotations

import json

import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_session_agg._otlp import otlp, protobuf_pieces
from otel_session_agg._otlp.batches import HEAD_BYTES, Frame
from otel_session_agg._otlp.formats import detected
from otel_session_agg._otlp.otlp import decode, payload
from tests.support.otlp import Problems, json_line, protobuf
from tests.support.otlp_golden import trace

_SPANS = trace()
_MESSAGE, _LINE = protobuf(_SPANS), json_line(_SPANS)
_LARGE = ExportTraceServiceRequest.FromString(_MESSAGE)
_LARGE.resource_spans[0].scope_spans[0].spans[0].name = "x" * 2 * HEAD_BYTES
_LARGE_MESSAGE = _LARGE.SerializeToString()
_LARGE_LINE = _LINE.replace(b'"chat"', b'"' + b"x" * 2 * HEAD_BYTES + b'"')


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class TestDetected:
    """The format of a file, by how it begins."""

    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            (_LINE, "otlp-jsonl"),
            (_LINE.rstrip(), "otlp-jsonl"),
            (b"\xef\xbb\xbf\r\n" + _LINE, "otlp-jsonl"),
            (_LARGE_LINE, "otlp-jsonl"),
            (b'{"resourceLogs":[]}\n' + _LINE, "otlp-jsonl"),
            (b'{"resourceMetrics":[{}]}\n', "otlp-jsonl"),
            (json.dumps(json.loads(_LINE), indent="\t").encode(), "otlp-json"),
            (b"[\n" + _LINE + b"]\n", "otlp-json"),
            (_MESSAGE, "otlp-protobuf"),
            (_LARGE_MESSAGE, "otlp-protobuf"),
            (_MESSAGE * 2, "otlp-protobuf"),
            (_sized(_MESSAGE), "otlp-protobuf-delimited"),
            (_sized(_LARGE_MESSAGE), "otlp-protobuf-delimited"),
            (_sized(zstandard.compress(_MESSAGE)), "otlp-protobuf-delimited"),
            (_sized(_LINE), "otlp-protobuf-delimited"),
            (b"\xe4\x04" + _MESSAGE[:612].ljust(612), None),
            (b"", None),
            (b"hello\n", None),
            (b"{}", None),
            (b'{"a": "resourceSpans"}\n', None),
            (b"\x0a", None),
            (b"\x0a\x05hello", None),
            (b"\x00\x00\x00\x05hello", None),
            (b"\xff" * 100, None),
            (bytes(100), None),
            (b"PAR1" + bytes(100), "parquet"),
        ],
    )
    def test_examples(self, head: bytes, expected: str | None) -> None:
        """Each form is told from the others, however large its first message is."""
        found = detected(head[:HEAD_BYTES])
        assert expected == (found.name if found else None)

    @pytest.mark.parametrize("size", [1, 5, 10, 100, 300])
    def test_short_messages(self, size: int) -> None:
        """Messages of any size with their size before them are not taken for one message."""
        message = ExportTraceServiceRequest()
        message.resource_spans.add().schema_url = "x" * size
        data = message.SerializeToString()
        sizes = {"otlp-protobuf": data, "otlp-protobuf-delimited": _sized(data)}
        if len(data) < 0x80:
            sizes["otlp-protobuf-varint"] = bytes([len(data)]) + data
        assert {name: name for name in sizes} == {name: getattr(detected(data), "name", None) for name, data in sizes.items()}


class TestPayload:
    """The message in a frame."""

    def test_compressed(self) -> None:
        """Each message may be compressed."""
        problems = Problems()
        for data in (_MESSAGE, _LINE.strip()):
            assert data == payload(Frame("", zstandard.compress(data)), problems) == payload(Frame("", data), problems)
            (batch,) = decode(Frame("", zstandard.compress(data)), problems)
            assert len(_SPANS) == len(batch.spans)
        assert [] == problems

    def test_bomb(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is too large when it is decompressed is left out."""
        monkeypatch.setattr(otlp, "MAX_FRAME_BYTES", 1000)
        problems = Problems()
        assert payload(Frame("here", zstandard.compress(bytes(10**8))), problems) is None
        assert [("here", "too large when it is decompressed; left out")] == problems

    def test_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A large message is read in pieces, whatever its form."""
        monkeypatch.setattr(otlp, "WHOLE_BYTES", 100)
        monkeypatch.setattr(protobuf_pieces, "WHOLE_BYTES", 100)
        monkeypatch.setattr(protobuf_pieces, "ENOUGH_BYTES", 1)
        problems = Problems()
        expected = {span.context.span_id for span in _SPANS}
        for data in (_MESSAGE, _LINE.strip(), zstandard.compress(_MESSAGE), zstandard.compress(_LINE)):
            batches = list(decode(Frame("", data), problems))
            assert expected == {span.span_id for batch in batches for span in batch.spans}
            assert {"shop"} == {batch.resource["service.name"] for batch in batches}
        assert [] == problems

    def test_broken(self) -> None:
        """What is broken is reported, and has no spans."""
        problems = Problems()
        assert [] == list(decode(Frame("here", zstandard.compress(_MESSAGE)[:-5]), problems))
        assert [("here", "compressed data ends too early")] == problems
