"""Large messages are cut into smaller ones."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from otel_session_agg._otlp import framing, protobuf_pieces
from otel_session_agg._otlp.batches import Frame
from otel_session_agg._otlp.otlp_protobuf import batches
from otel_session_agg._otlp.protobuf_pieces import message, pieces
from tests.support.otlp import Problems


def _request(count: int, size: int = 0) -> Any:
    """A request in which each other scope and resource is empty, and all others have this many spans."""
    request = ExportTraceServiceRequest()
    for resource in "ab":
        request.resource_spans.add()
        group = request.resource_spans.add(schema_url="u")
        group.resource.attributes.append(KeyValue(key="r", value=AnyValue(string_value=resource)))
        for scope in "cd":
            group.scope_spans.add()
            scope_group = group.scope_spans.add(schema_url="u")
            scope_group.scope.name = scope
            for number in range(1, count + 1):
                scope_group.spans.add(trace_id=number.to_bytes(16, "big"), span_id=b"12345678", name="x" * size)
    return request


def _content(frames: list[Frame], problems: Problems) -> list[tuple[str, str, int]]:
    return [
        (batch.resource["r"], span.scope_name, span.trace_id)
        for frame in frames
        for batch in batches(frame.data, frame.place, problems)
        for span in batch.spans
    ]


def _expected(count: int) -> list[tuple[str, str, int]]:
    return [(resource, scope, number) for resource in "ab" for scope in "cd" for number in range(1, count + 1)]


def _cut(data: bytes) -> tuple[list[tuple[str, str, int]], int, Problems]:
    problems = Problems()
    frames = list(message(io.BytesIO(data), problems))
    return _content(frames, problems), len(frames), problems


class TestMessage:
    """A file that is one message."""

    def test_small(self) -> None:
        """Small groups stay together."""
        assert (_expected(3), 1, []) == _cut(_request(3).SerializeToString())

    @pytest.mark.parametrize("whole", [1000, 10_000, 1 << 20])
    @pytest.mark.parametrize("enough", [1, 5000])
    def test_large(self, whole: int, enough: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Large ones are cut up, down to their spans."""
        monkeypatch.setattr(protobuf_pieces, "WHOLE_BYTES", whole)
        monkeypatch.setattr(protobuf_pieces, "ENOUGH_BYTES", enough)
        data = _request(50, 100).SerializeToString()
        content, count, problems = _cut(data)
        assert (_expected(50), []) == (content, problems)
        assert count > 1

    def test_other_fields(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fields that are not known are passed over."""
        monkeypatch.setattr(protobuf_pieces, "WHOLE_BYTES", 10)
        other = b"\x78\x05" + b"\x79" + bytes(8) + b"\x7d" + bytes(4) + b"\x7a\x03abc"
        assert (_expected(2), []) == _cut(other + _request(2).SerializeToString() + other)[::2]

    @given(st.integers(0, 1300))
    def test_breaks_off(self, cut: int) -> None:
        """The spans before the place where it breaks off are read, in pieces or as a whole."""
        data = _request(5, 20).SerializeToString()[:-cut] if cut else _request(5, 20).SerializeToString()
        for whole in (10, 1 << 20):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(protobuf_pieces, "WHOLE_BYTES", whole)
                content, _, problems = _cut(data)
            assert _expected(5)[: len(content)] == content
            assert len(content) >= 20 - 2 - cut // 45
            assert cut == 0 or problems or len(content) in {0, 10, 20}

    @pytest.mark.parametrize("data", [b"\x08", b"\x0b", b"\x0a", b"\x0a\x05", b"\xff" * 20, b"\x7d"])
    def test_broken(self, data: bytes) -> None:
        """What is before the place where it breaks is kept."""
        content, _, problems = _cut(_request(2).SerializeToString() + data)
        assert (_expected(2), ["no OTLP message, or not all of it"]) == (content, [what for _, what in problems])

    def test_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A span that is too large is left out, and the others are read."""
        monkeypatch.setattr(protobuf_pieces, "WHOLE_BYTES", 10)
        monkeypatch.setattr(protobuf_pieces, "MAX_FRAME_BYTES", 1000)
        request = _request(2)
        request.resource_spans[1].scope_spans[1].spans[0].name = "x" * 2000
        content, _, problems = _cut(request.SerializeToString())
        assert (_expected(2)[1:], ["a part that is too large"]) == (content, [what for _, what in problems])


class TestPieces:
    """A message among others."""

    def test_rest(self) -> None:
        """The stream is read to the end of the message, even if it is broken."""
        data = _request(2).SerializeToString()
        for size in (len(data), len(data) + 3):
            stream = io.BytesIO(data + b"\xff" * (size - len(data)) + b"next")
            problems = Problems()
            frames = list(pieces(stream, size, 100, problems, stream.read(1)))
            assert ("byte 100", b"next") == (frames[0].place, stream.read())
            assert (_expected(2), size - len(data) > 0) == (_content(frames, Problems()), bool(problems))

    def test_sized(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Large messages with their size before them are cut up, unless they are compressed."""
        for module in (framing, protobuf_pieces):
            monkeypatch.setattr(module, "WHOLE_BYTES", 100)
            monkeypatch.setattr(module, "MAX_FRAME_BYTES", 2000)
        monkeypatch.setattr(protobuf_pieces, "ENOUGH_BYTES", 300)
        large, compressed, huge = _request(20).SerializeToString(), b"\x28" * 1000, b"\x28" * 3000
        data = b"".join(len(part).to_bytes(4, "big") + part for part in (large, compressed, huge, large))
        problems = Problems()
        frames = list(framing.sized(io.BytesIO(data), problems))
        assert 1 == len([frame for frame in frames if frame.data == compressed])
        assert [f"byte {len(large) + 1008}"] == [place for place, _ in problems]
        assert _expected(20) * 2 == _content([frame for frame in frames if frame.data != compressed], Problems())
        assert len(frames) > 9
