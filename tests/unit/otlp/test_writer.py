"""Traces in, the same traces with totals out."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.batches import Frame
from otel_session_agg._otlp.conversion import message_of_document
from otel_session_agg._otlp.formats import FORMATS, frames
from otel_session_agg._otlp.sources import Source
from otel_session_agg._otlp.writer import OtlpFile
from otel_session_agg._spans.received import span_data
from otel_session_agg.attributes import FEEDBACK_SPAN, OUR_SCOPE, SESSION_SPAN
from tests.support.exports import EXPORTS, read, spans_in
from tests.support.otlp import Problems, json_line, protobuf, spans
from tests.support.otlp_golden import trace

_TRACE_ID, _SPAN_ID = "0123456789abcdef0123456789abcdef", "0123456789abcdef"
_OLD = {"key": "old", "value": {"stringValue": "x"}}
_ENDINGS = ("json", "jsonl", "jsonl.gz", "json.zst", "pb", "binpb.gz", "pb.zst", "")
_TOTALS: Mapping[str, Any] = {"a": 1, "b": "text", "c": 0.5, "d": ("x", "y"), "e": True, "f": {"g": 1}}


def _read(path: Path) -> list[SpanData]:
    return spans_in(read(path))


class TestOtlpFile:
    """A file with totals."""

    @pytest.mark.parametrize("ending", _ENDINGS)
    @given(given_spans=st.lists(spans(), min_size=2, max_size=3, unique_by=lambda span: span.context.span_id))
    def test_only_totals_change(
        self, ending: str, given_spans: list[ReadableSpan], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """From either form into each: spans with totals have them, and nothing else is different."""
        folder = tmp_path_factory.getbasetemp()
        inputs = folder / "in.jsonl", folder / "in.pb"
        inputs[0].write_bytes(json_line(given_spans))
        inputs[1].write_bytes(protobuf(given_spans))
        first = span_data(given_spans[0])
        totals = {(first.trace_id, first.span_id): _TOTALS}
        for path in inputs:
            before = _read(path)
            out = folder / f"out.{ending}"
            with OtlpFile(out) as file:
                for form, frame in frames(Source("a", path), Problems()):
                    file.write_frame(form, frame, lambda *ids: totals.get(ids), Problems())
            expected = [
                span._replace(attributes={**span.attributes, **_TOTALS}) if span.span_id == first.span_id else span
                for span in before
            ]
            assert expected == _read(out)

    @pytest.mark.parametrize("ending", ["jsonl", "pb"])
    def test_all_else_stays(self, ending: str, tmp_path: Path) -> None:
        """An attribute with the same key is replaced; links, states and what is not known yet stay."""
        document = _document(
            traceState="x=y",
            links=[{"traceId": _TRACE_ID, "spanId": _SPAN_ID, "attributes": [{"key": "l", "value": {"intValue": "1"}}]}],
            attributes=[{"key": key, "value": {"stringValue": "old"}} for key in ("a", "b", "kept")],
        )
        found = _written(json.dumps(document).encode(), tmp_path / f"out.{ending}", {"a": 1, "b": "new"})
        message = ExportTraceServiceRequest()
        if ending == "pb":
            message.ParseFromString(found[4:])
        else:
            message = message_of_document(json.loads(found))
        span = message.resource_spans[0].scope_spans[0].spans[0]
        assert ("x=y", 1) == (span.trace_state, span.links[0].attributes[0].value.int_value)
        assert ["kept", "a", "b"] == [pair.key for pair in span.attributes]

    def test_unknown_fields(self, tmp_path: Path) -> None:
        """A field that is not known yet stays, in JSON and in protobuf."""
        document = _document(newField={"a": [1, 0.1]})
        assert '"newField":{"a":[1,0.1]}' in _written(json.dumps(document).encode(), tmp_path / "a.json", {"a": 1}).decode()
        message = message_of_document(_document(name="n"))
        span = message.resource_spans[0].scope_spans[0].spans[0]
        span.MergeFromString(b"\xfa\x3e\x03abc")  # field 1007
        found = _written(message.SerializeToString(), tmp_path / "a.pb", {"a": 1})
        assert b"\xfa\x3e\x03abc" in found

    @pytest.mark.parametrize("ending", ["jsonl", "pb"])
    def test_odd_json(self, ending: str, tmp_path: Path) -> None:
        """Other spellings, ids in base64, numbers that JSON does not have, and broken attributes are written as they should be."""
        text = json.dumps(
            {
                "resource_spans": [
                    {
                        "scope_spans": [
                            {
                                "spans": [
                                    {
                                        "trace_id": b64encode(bytes.fromhex(_TRACE_ID)).decode(),
                                        "span_id": b64encode(bytes.fromhex(_SPAN_ID)).decode(),
                                        "attributes": [
                                            {"key": "n", "value": {"double_value": math.inf}},
                                            {"key": 5},
                                            {"key": "i", "value": {"int_value": "7"}},
                                        ],
                                    },
                                    {"broken": True},
                                ]
                            }
                        ]
                    }
                ]
            }
        )
        out = tmp_path / f"out.{ending}"
        _written(text.encode(), out, {"a": 1})
        (span,) = _read(out)
        assert (int(_TRACE_ID, 16), int(_SPAN_ID, 16)) == (span.trace_id, span.span_id)
        assert {"n": math.inf, "i": 7, "a": 1} == span.attributes

    def test_broken(self, tmp_path: Path) -> None:
        """What cannot be read is not written."""
        for data in (b"{", b"\xff", b'{"resourceLogs":[]}', b"\x28\xb5\x2f\xfdxxx"):
            assert b"" == _written(data, tmp_path / "a.jsonl", {"a": 1})

    @pytest.mark.parametrize("ending", ["jsonl", "pb"])
    @pytest.mark.parametrize("name", ["jaeger-documented.json", "phoenix.parquet"])
    def test_other_formats(self, name: str, ending: str, tmp_path: Path) -> None:
        """Spans of any format are written as OTLP."""
        before = spans_in(read(EXPORTS[name]))
        out = tmp_path / f"out.{ending}"
        with OtlpFile(out) as file:
            for form, frame in frames(Source("a", EXPORTS[name]), Problems()):
                file.write_frame(form, frame, lambda *_: {"a": 1}, Problems())
        expected = [span._replace(attributes={**span.attributes, "a": 1}) for span in before]
        assert sorted(map(_as_json, expected)) == sorted(map(_as_json, _read(out)))

    @pytest.mark.parametrize("ending", ["jsonl", "pb.gz"])
    def test_records(self, ending: str, tmp_path: Path) -> None:
        """Spans of the SDK come at the end."""
        out = tmp_path / f"out.{ending}"
        record = trace()[0]
        with OtlpFile(out) as file:
            file.write_spans([])
            file.write_spans([record])
        assert [span_data(record)] == _read(out)

    @pytest.mark.parametrize("form", ["otlp-jsonl", "otlp-protobuf"])
    def test_earlier_totals(self, form: str, tmp_path: Path) -> None:
        """Session records of another time are left out, and attributes of another time are removed; feedback stays."""
        document = _document(name=SESSION_SPAN)
        groups = document["resourceSpans"]
        groups[0]["scopeSpans"][0]["scope"] = {"name": OUR_SCOPE}
        root = {"traceId": _TRACE_ID, "spanId": _SPAN_ID, "name": SESSION_SPAN, "attributes": [_OLD, {**_OLD, "key": "kept"}]}
        feedback = {"traceId": _TRACE_ID, "spanId": _SPAN_ID, "name": FEEDBACK_SPAN, "attributes": [_OLD]}
        groups.append(
            {"scopeSpans": [{"scope": {"name": "a"}, "spans": [root]}, {"scope": {"name": OUR_SCOPE}, "spans": [feedback]}]}
        )
        data = json.dumps(document).encode() if form == "otlp-jsonl" else message_of_document(document).SerializeToString()
        for ending in ("jsonl", "pb"):
            _written(data, tmp_path / f"a.{ending}", {"old": None, "new": 1})
            found = [(span.name, span.scope_name, span.attributes) for span in _read(tmp_path / f"a.{ending}")]
            assert [(SESSION_SPAN, "a", {"kept": "x", "new": 1}), (FEEDBACK_SPAN, OUR_SCOPE, {"new": 1})] == found

    def test_only_records(self, tmp_path: Path) -> None:
        """Of a file of session records nothing is written."""
        document = _document(name=SESSION_SPAN)
        document["resourceSpans"][0]["scopeSpans"][0]["scope"] = {"name": OUR_SCOPE}
        for data in (json.dumps(document).encode(), message_of_document(document).SerializeToString()):
            assert b"" == _written(data, tmp_path / "a.pb", {"a": 1})

    def test_error(self, tmp_path: Path) -> None:
        """After an error nothing is there."""
        with pytest.raises(AttributeError), OtlpFile(tmp_path / "a.json.zst") as file:
            file.write_spans([*trace(), None])  # type: ignore[list-item]
        assert [] == list(tmp_path.iterdir())


def _document(**fields: object) -> dict[str, Any]:
    span = {"traceId": _TRACE_ID, "spanId": _SPAN_ID, **fields}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def _written(data: bytes, path: Path, totals: Mapping[str, Any]) -> bytes:
    with OtlpFile(path) as file:
        file.write_frame(FORMATS["otlp-jsonl"], Frame("", data), lambda *_: totals, Problems())
    return path.read_bytes()


def _as_json(span: SpanData) -> str:
    """A span as text, in which lists are like tuples."""
    return json.dumps(span, sort_keys=True)
