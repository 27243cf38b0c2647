"""Attributes of spans in protobuf, of which equal ones are read once."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from otel_session_agg._otlp.otlp_protobuf import batches
from otel_session_agg._otlp.raw_attributes import MAX_BYTES, MAX_KEPT, RawAttributes, raw_request_class
from tests.support.otlp import Problems

_NESTED = KeyValueList(values=[KeyValue(key="in", value=AnyValue(int_value=1))])
_VALUES = [
    (AnyValue(string_value="text"), "text"),
    (AnyValue(string_value=""), ""),
    (AnyValue(int_value=-5), -5),
    (AnyValue(int_value=0), 0),
    (AnyValue(double_value=0.5), 0.5),
    (AnyValue(bool_value=False), False),
    (AnyValue(bytes_value=b"x"), b"x"),
    (AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a")])), ("a",)),
    (AnyValue(kvlist_value=_NESTED), {"in": 1}),
    (AnyValue(), None),
]


def _read(*values: AnyValue, **fields: Any) -> list[dict[str, Any]]:
    """Return the attributes of spans, each with one of these values."""
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for value in values:
        spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, attributes=[KeyValue(key="k", value=value)], **fields)
    problems = Problems()
    found = [dict(span.attributes) for batch in batches(message.SerializeToString(), "", problems) for span in batch.spans]
    assert [] == problems
    return found


class TestValues:
    """Values of all types, read for the first time and again."""

    @pytest.mark.parametrize(("value", "expected"), _VALUES)
    def test_types(self, value: AnyValue, expected: Any) -> None:
        """Each is of its type, also where an equal one was read before."""
        for found in _read(value, value) + _read(value):
            assert {"k": expected} == found
            assert type(expected) is type(found["k"])

    def test_not_shared(self) -> None:
        """What can be changed is not the same object in two spans."""
        one, other = _read(AnyValue(kvlist_value=_NESTED), AnyValue(kvlist_value=_NESTED))
        assert one["k"] is not other["k"]

    def test_given_twice(self) -> None:
        """A value in two pieces, as protobuf allows, is put together as the library does."""
        raw = KeyValue(key="k", value=AnyValue(int_value=1)).SerializeToString()
        raw += KeyValue(value=AnyValue(string_value="last")).SerializeToString()
        message = ExportTraceServiceRequest()
        span = message.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
        span.attributes.add().ParseFromString(raw)
        [batch] = batches(message.SerializeToString(), "", Problems())
        assert {"k": "last"} == batch.spans[0].attributes


class TestBounds:
    """What is kept."""

    def test_number(self) -> None:
        """Of too many attributes those so far are forgotten."""
        known = RawAttributes(lambda raw: (raw.decode(), 1))
        for number in range(MAX_KEPT + 1):
            assert (str(number), 1) == known[str(number).encode()]
        assert [b"%d" % MAX_KEPT] == list(known)

    @pytest.mark.parametrize(("size", "number"), [(MAX_BYTES, 1), (MAX_BYTES + 1, 0)])
    def test_size(self, size: int, number: int) -> None:
        """Long ones are read each time."""
        known = RawAttributes(lambda raw: ("k", len(raw)))
        assert ("k", size) == known[b"x" * size]
        assert number == len(known)


def test_only_of_spans() -> None:
    """Attributes and status of spans are bytes; those of resources, scopes and events are messages."""
    fields = raw_request_class(ExportTraceServiceRequest).DESCRIPTOR
    for name in ("resource_spans", "scope_spans", "spans"):
        fields = fields.fields_by_name[name].message_type
    raw = {field.name for field in fields.fields if field.type == field.TYPE_BYTES}
    assert {"trace_id", "span_id", "parent_span_id", "attributes", "status"} == raw
    event = fields.fields_by_name["events"].message_type
    assert event.fields_by_name["attributes"].type == event.fields_by_name["attributes"].TYPE_MESSAGE
