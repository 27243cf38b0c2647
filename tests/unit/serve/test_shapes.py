"""The check of the parts of a message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel_session_agg._otlp.wire import encoded_varint
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.refusals import Refused
from otel_session_agg._serve.shapes import check_json, check_protobuf
from otel_session_agg.testing import make_span
from tests.support.otlp import json_line, protobuf

FEW = Limits(max_spans=0, max_values=0)
"""Nothing is small enough to be looked over, and nothing is allowed."""


def status(data: bytes, limits: Limits) -> int:
    """What is said about a message in protobuf; 0: it is fine."""
    try:
        check_protobuf(data, limits)
    except Refused as refused:
        return refused.status
    return 0


def message(num_spans: int = 1, num_attributes: int = 0, num_events: int = 0, num_links: int = 0, num_items: int = 0) -> bytes:
    """A request with empty parts, which are the smallest."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for _ in range(num_spans):
        spans.add()
    for name, number in (("attributes", num_attributes), ("events", num_events), ("links", num_links)):
        for _ in range(number):
            getattr(spans[0], name).add()
    for _ in range(num_items):
        spans[0].attributes[0].value.array_value.values.add()
    data: bytes = request.SerializeToString()
    return data


def nested(depth: int) -> bytes:
    """A request with lists inside each other."""
    request = ExportTraceServiceRequest.FromString(message(num_attributes=1))
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value
    for _ in range(depth):
        value = value.array_value.values.add()
    data: bytes = request.SerializeToString()
    return data


class TestProtobuf:
    """Messages in protobuf."""

    @pytest.mark.parametrize(
        "parts", [{"num_attributes": 40}, {"num_events": 40}, {"num_links": 40}, {"num_attributes": 1, "num_items": 40}]
    )
    def test_values(self, parts: dict[str, int]) -> None:
        """Each part that there can be many of counts; so do the two groups that they are in."""
        number = sum(parts.values())
        assert 0 == status(message(**parts), replace(FEW, max_spans=1, max_values=number + 2))
        assert 413 == status(message(**parts), replace(FEW, max_spans=1, max_values=number - 1))

    def test_spans(self) -> None:
        """So do spans, apart from the others."""
        assert 0 == status(message(5), replace(FEW, max_spans=5, max_values=2))
        assert 413 == status(message(5), replace(FEW, max_spans=4, max_values=2))

    def test_real(self) -> None:
        """What an SDK sends is fine."""
        attributes = {"text": "x" * 500, "number": 1, "flags": [True, False], "": "", "y" * 200: "z"}
        data = protobuf([make_span("span", attributes=attributes)])
        assert 0 == status(data, Limits(max_spans=1, max_values=30))

    @pytest.mark.parametrize("depth", [5, 40])
    def test_nested(self, depth: int) -> None:
        """Values inside each other count, however deep they are."""
        assert 0 == status(nested(depth), replace(FEW, max_spans=1, max_values=depth + 3))
        assert 413 == status(nested(depth), replace(FEW, max_spans=1, max_values=depth + 2))

    def test_endless(self) -> None:
        """Values in thousands of others are refused; the library would not read them either."""
        data = b""
        for _ in range(5_000):
            data = b"\x0a" + encoded_varint(len(data)) + data
            data = b"\x2a" + encoded_varint(len(data)) + data
        for tag in (b"\x12", b"\x4a", b"\x12", b"\x12", b"\x0a"):
            data = tag + encoded_varint(len(data)) + data
        assert 400 == status(data, Limits(max_spans=1, max_values=4_000))

    def test_texts(self) -> None:
        """Bytes in texts that look like parts are none."""
        data = protobuf([make_span("span", attributes={"text": 'J"Z\n\x1aj' * 200})])
        assert 0 == status(data, Limits(max_spans=1, max_values=20))

    def test_small(self) -> None:
        """A message that is too small to have too much in it is not looked at."""
        assert 0 == status(b"\xff" * 10, Limits(max_spans=5, max_values=5))

    def test_fields(self) -> None:
        """Fields that nobody knows are bounded, too."""
        assert 413 == status(b"\x78\x01" * 1_000, Limits(max_spans=1, max_values=20))

    def test_text_before_list(self) -> None:
        """A list that stands behind a text in the same value counts, as the library reads it."""
        request = ExportTraceServiceRequest.FromString(message(num_attributes=1, num_items=40))
        attribute = request.resource_spans[0].scope_spans[0].spans[0].attributes[0]
        value = b"\x0a\x01x" + attribute.value.SerializeToString()
        pair = b"\x0a\x01k\x12" + bytes([len(value)]) + value
        data = _within(pair)
        assert (
            ExportTraceServiceRequest.FromString(data)
            .resource_spans[0]
            .scope_spans[0]
            .spans[0]
            .attributes[0]
            .value.array_value.values
        )
        assert 413 == status(data, replace(FEW, max_spans=1, max_values=40))

    @given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
    def test_anything(self, junk: bytes, at: int, size: int) -> None:
        """Whatever comes is fine or refused."""
        data = message(3, 3, 3, 3, 3)
        assert status(data[:at] + junk + data[at + size :], replace(FEW, max_values=20, max_spans=2)) in {0, 400, 413}


def _within(attribute: bytes) -> bytes:
    """A request whose span has this attribute."""
    data = attribute
    for tag in (b"\x4a", b"\x12", b"\x12", b"\x0a"):
        data = tag + bytes([len(data)] if len(data) < 128 else [len(data) & 127 | 128, len(data) >> 7]) + data
    return data


def json_status(data: bytes, limits: Limits) -> int:
    """What is said about a text; 0: it is fine."""
    try:
        check_json(data, limits)
    except Refused as refused:
        return refused.status
    return 0


class TestJson:
    """Texts of JSON."""

    def test_number(self) -> None:
        """Objects and lists are bounded, two for each value."""
        assert 0 == json_status(b"[" + b"{}," * 19 + b"1]", Limits(max_values=10))
        assert 413 == json_status(b"[" + b"{}," * 20 + b"1]", Limits(max_values=10))

    def test_real(self) -> None:
        """What an SDK sends is fine."""
        assert 0 == json_status(json_line([make_span("[[[{{{" * 20, attributes={"a": '"{\\'})]), Limits(max_values=20))

    @pytest.mark.parametrize(
        "data", [b"{" * 9 + b'"' + b'\\"' * 500_000, b'"' * 999_999, b"\\" * 1_000_000, b'["' + b"[" * 1_000_000]
    )
    def test_broken(self, data: bytes) -> None:
        """A broken text takes no longer than a whole one."""
        assert json_status(data, Limits(max_values=1)) in {0, 413}
