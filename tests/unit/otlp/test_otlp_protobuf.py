"""OTLP's protobuf, in all states."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.otlp_protobuf import batches
from tests.support.otlp import Problems

_SPAN = SpanData("a", 1, 2, None, "INTERNAL", "", "", 5, 7, {"k": "text"})
_REPAIRED = "parts of the message are broken and left out, or text that is not UTF-8 replaced"


def _request(count: int = 1, **fields: Any) -> Any:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for _ in range(count):
        span = spans.add(
            trace_id=(1).to_bytes(16, "big"),
            span_id=(2).to_bytes(8, "big"),
            name="a",
            start_time_unix_nano=5,
            end_time_unix_nano=7,
            attributes=[KeyValue(key="k", value=AnyValue(string_value="text"))],
        )
    for name, value in fields.items():
        setattr(span, name, value)
    return message


def _read(data: bytes) -> tuple[list[SpanData], Problems]:
    problems = Problems()
    return [span for batch in batches(data, "here", problems) for span in batch.spans], problems


class TestFields:
    """Fields of a span."""

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, {}),
            ({"kind": 3}, {"span_kind": "CLIENT"}),
            ({"kind": 77}, {}),
            ({"start_time_unix_nano": 9}, {"start_ns": 9, "end_ns": 9}),
            ({"start_time_unix_nano": 2**64 - 1}, {"start_ns": 7}),
            ({"parent_span_id": b"\0" * 7 + b"\xff"}, {"parent_id": 255}),
            ({"parent_span_id": b"\0" * 7 + b"\xff", "flags": 0x300}, {"is_part": True}),
            ({"parent_span_id": bytes(8)}, {}),
        ],
    )
    def test_examples(self, fields: dict[str, Any], expected: dict[str, Any]) -> None:
        """What the SDK's encoder does not write; all else is in ``test_formats.py``."""
        assert ([_SPAN._replace(**expected)], []) == _read(_request(**fields).SerializeToString())

    @pytest.mark.parametrize("fields", [{"trace_id": b""}, {"trace_id": b"x"}, {"span_id": bytes(16)}])
    def test_ids(self, fields: dict[str, Any]) -> None:
        """A span without ids is reported, and the others are read."""
        expected = [("here", "a span without a valid trace id or span id")]
        assert ([_SPAN], expected) == _read(_request(2, **fields).SerializeToString())


class TestRepaired:
    """Messages that the library refuses."""

    def test_not_utf8(self) -> None:
        """Text that was cut off in the middle of a character costs no span."""
        data = _request(2).SerializeToString().replace(b"text", b"tex\xc3", 1)
        with pytest.raises(DecodeError):
            ExportTraceServiceRequest.FromString(data)
        expected = [_SPAN._replace(attributes={"k": "tex\ufffd"}), _SPAN]
        assert (expected, [("here", _REPAIRED)]) == _read(data)

    def test_depth(self) -> None:
        """A value that is nested too deeply loses its innermost part, and nothing else is lost."""
        value = b""
        for _ in range(60):
            value = _field(5, _field(1, value))
        first, second = _request(2).resource_spans[0].scope_spans[0].spans
        attribute = KeyValue(key="deep").SerializeToString() + _field(2, value)
        span = second.SerializeToString() + _field(9, attribute)
        data = _field(1, _field(2, _field(2, first.SerializeToString()) + _field(2, span)))
        spans, problems = _read(data)
        assert [("here", _REPAIRED)] == problems
        assert _SPAN == spans[0]
        assert {"k", "deep"} == spans[1].attributes.keys()

    @pytest.mark.parametrize("cut", range(1, 20, 3))
    def test_breaks_off(self, cut: int) -> None:
        """The spans before the place where it breaks off are read; what is left of a span is none."""
        assert ([_SPAN], [("here", _REPAIRED)]) == _read(_request(2).SerializeToString()[:-cut])

    @pytest.mark.parametrize("data", [b"nonsense", b"\xff" * 100, b"\x0b" * 100_000])
    def test_nonsense(self, data: bytes) -> None:
        """What is no message is reported."""
        spans, problems = _read(data)
        assert ([], 1) == (spans, len(problems))

    @given(st.binary(max_size=200), st.integers(0, 200), st.binary(max_size=3))
    def test_never_raises(self, data: bytes, at: int, inserted: bytes) -> None:
        """Bytes of any kind, and messages that were changed anywhere."""
        _read(data)
        message = _request(2).SerializeToString()
        _read(message[:at] + inserted + message[at:])


def _field(number: int, value: bytes) -> bytes:
    """A field with a value of bytes."""
    size, length = b"", len(value)
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + value
