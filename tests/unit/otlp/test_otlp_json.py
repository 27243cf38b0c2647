"""OTLP's JSON, in all spellings and states."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._otlp.batches import SpanBatch
from otel_session_agg._otlp.otlp_json import batches
from tests.support.otlp import Problems

_TRACE_ID, _SPAN_ID = "0123456789abcdef0123456789abcdef", "0123456789abcdef"
_IDS = {"traceId": _TRACE_ID, "spanId": _SPAN_ID}
_SPAN = SpanData("", int(_TRACE_ID, 16), int(_SPAN_ID, 16), None, "INTERNAL", "", "", 0, 0, {})


def _request(*spans: object, scope: object = None) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"scope": scope, "spans": list(spans)}]}]}


def _read(value: object) -> tuple[list[SpanBatch], Problems]:
    problems = Problems()
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return list(batches(text, "here", problems)), problems


def _spans(value: object) -> tuple[list[SpanData], list[str]]:
    found, problems = _read(value)
    assert {"here"} >= {place for place, _ in problems}
    return [span for batch in found for span in batch.spans], [what for _, what in problems]


def _with(**fields: object) -> tuple[SpanData, list[str]]:
    (span,), problems = _spans(_request({**_IDS, **fields}))
    return span, problems


class TestFields:
    """Fields of a span."""

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, {}),
            ({"name": "a", "kind": 3}, {"name": "a", "span_kind": "CLIENT"}),
            ({"kind": "SPAN_KIND_SERVER"}, {"span_kind": "SERVER"}),
            ({"kind": 77}, {}),
            ({"kind": "SPAN_KIND_NEW"}, {}),
            ({"kind": -1}, {}),
            ({"startTimeUnixNano": "5", "endTimeUnixNano": 7}, {"start_ns": 5, "end_ns": 7}),
            ({"startTimeUnixNano": 5.0, "endTimeUnixNano": "3"}, {"start_ns": 5, "end_ns": 5}),
            ({"endTimeUnixNano": "7"}, {"start_ns": 7, "end_ns": 7}),
            ({"startTimeUnixNano": str(2**64 - 1)}, {}),
            ({"status": {"code": 2, "message": "m"}}, {"failed": True, "status_description": "m"}),
            ({"status": {"code": "STATUS_CODE_ERROR"}}, {"failed": True}),
            ({"status": {"code": 1, "message": "m"}}, {}),
            ({"status": {}}, {}),
            ({"droppedAttributesCount": 3}, {"dropped_attributes": 3}),
            ({"parentSpanId": "00000000000000ff"}, {"parent_id": 255}),
            ({"parentSpanId": "00000000000000ff", "flags": 0x100}, {"parent_id": 255}),
            ({"parentSpanId": "00000000000000ff", "flags": 0x301}, {"is_part": True}),
            ({"parentSpanId": "00000000000000ff", "flags": 0x200}, {"parent_id": 255}),
            ({"parentSpanId": "", "flags": 0x300}, {}),
            ({"parentSpanId": "0000000000000000"}, {}),
            ({"links": [{"traceId": "odd"}], "traceState": "a=b", "droppedLinksCount": 1, "droppedEventsCount": 1}, {}),
            (
                {"events": [{"name": "e", "timeUnixNano": "9", "attributes": [{"key": "k", "value": {"intValue": "1"}}]}]},
                {"events": (SpanEvent("e", {"k": 1}, 9),)},
            ),
            ({"attributes": None, "events": None, "name": None, "status": None, "kind": None, "flags": None}, {}),
            ({"newField": {"a": 1}}, {}),
            (
                {
                    "traceId": b64encode(bytes.fromhex(_TRACE_ID)).decode(),
                    "spanId": b64encode(bytes.fromhex(_SPAN_ID)).decode(),
                },
                {},
            ),
            ({"traceId": _TRACE_ID.upper()}, {}),
        ],
    )
    def test_examples(self, fields: dict[str, object], expected: dict[str, Any]) -> None:
        """Numbers as numbers or text, kinds and codes by number or name; what is not known does not matter."""
        assert (_SPAN._replace(**expected), []) == _with(**fields)

    @pytest.mark.parametrize(
        "fields",
        [
            {"traceId": ""},
            {"traceId": "0" * 31},
            {"traceId": "0" * 31 + "x"},
            {"traceId": "0" * 30 + " 1"},
            {"traceId": 5},
            {"spanId": None},
            {"spanId": "AAAA"},
            {"parentSpanId": "odd"},
            {"startTimeUnixNano": "soon"},
            {"startTimeUnixNano": "9" * 5000},
            {"endTimeUnixNano": 0.5},
            {"name": 7},
            {"status": "bad"},
        ],
    )
    def test_broken(self, fields: dict[str, object]) -> None:
        """A span that cannot be read is reported, and the others are read."""
        spans, problems = _spans(_request({**_IDS, **fields}, _IDS))
        assert ([_SPAN], 1) == (spans, len(problems))

    def test_scope_and_resource(self) -> None:
        """They belong to all spans of their group."""
        value = _request(_IDS, _IDS, scope={"name": "n", "version": "v", "attributes": []})
        value["resourceSpans"][0]["resource"] = {"attributes": [{"key": "a", "value": {"stringValue": "b"}}]}
        span = _SPAN._replace(scope_name="n", scope_version="v")
        assert ([SpanBatch({"a": "b"}, [span, span])], []) == _read(value)


class TestAttributes:
    """Values of attributes."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"stringValue": "x"}, "x"),
            ({"stringValue": ""}, ""),
            ({"stringValue": "\U0001f600"}, "\U0001f600"),
            ({"intValue": "-9223372036854775808"}, -(2**63)),
            ({"intValue": 5}, 5),
            ({"intValue": 5.0}, 5),
            ({"doubleValue": 2}, 2.0),
            ({"doubleValue": "-Infinity"}, -math.inf),
            ({"doubleValue": "1e3"}, 1000.0),
            ({"boolValue": False}, False),
            ({"bytesValue": "AQI="}, b"\1\2"),
            ({"arrayValue": {"values": [{"intValue": "1"}, {}, {"stringValue": "a"}]}}, (1, None, "a")),
            ({"arrayValue": {}}, ()),
            ({"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": []}}}]}}, {"a": ()}),
            ({"kvlistValue": {}}, {}),
            ({}, None),
            (None, None),
            ({"stringValue": None, "intValue": "1"}, 1),
            ({"newValue": 1}, None),
        ],
    )
    def test_examples(self, value: object, expected: object) -> None:
        """Every type that there is."""
        span, problems = _with(attributes=[{"key": "k", "value": value}])
        assert ({"k": expected}, []) == (span.attributes, problems)
        assert type(expected) is type(span.attributes["k"])

    def test_nan(self) -> None:
        """``NaN`` is text in JSON; Python's spelling is read, too."""
        text = json.dumps(_request({**_IDS, "attributes": [{"key": "k", "value": {"doubleValue": "NaN"}}]}))
        for spelling in (text, text.replace('"NaN"', "NaN")):
            (span,), problems = _spans(spelling.encode())
            assert math.isnan(span.attributes["k"])
            assert [] == problems

    @pytest.mark.parametrize(
        "pair",
        [
            5,
            None,
            {},
            {"key": 5, "value": {"stringValue": "x"}},
            {"key": ["x"]},
            {"key": "k", "value": 5},
            {"key": "k", "value": {"stringValue": 5}},
            {"key": "k", "value": {"stringValue": {}}},
            {"key": "k", "value": {"intValue": "many"}},
            {"key": "k", "value": {"intValue": str(2**63)}},
            {"key": "k", "value": {"intValue": True}},
            {"key": "k", "value": {"intValue": 1e300}},
            {"key": "k", "value": {"doubleValue": "1" * 5000}},
            {"key": "k", "value": {"boolValue": "true"}},
            {"key": "k", "value": {"bytesValue": "x"}},
            {"key": "k", "value": {"arrayValue": {"values": 5}}},
            {"key": "k", "value": {"arrayValue": {"values": [{"intValue": "x"}]}}},
            {"key": "k", "value": {"kvlistValue": {"values": [{"value": {"stringValue": "x"}}]}}},
        ],
    )
    def test_broken(self, pair: object) -> None:
        """An attribute that cannot be read is reported, and the others are read."""
        good = {"key": "good", "value": {"stringValue": "x"}}
        span, problems = _with(attributes=[pair, good])
        assert ({"good": "x"}, 1) == (span.attributes, len(problems))

    @pytest.mark.parametrize("depth", [60, 70, 400, 5000])
    def test_depth(self, depth: int) -> None:
        """A value that is nested too deeply is left out, and so is one that Python cannot parse."""
        text = '{"arrayValue":{"values":[' * depth + "]}}" * depth
        good = json.dumps(_request(_IDS)).replace("}]}]}]}", "},X]}]}]}")
        bad = json.dumps({**_IDS, "attributes": [{"key": "k", "value": "V"}]}).replace('"V"', text)
        spans, problems = _spans(good.replace("X", bad).encode())
        assert spans[0] == _SPAN
        assert (depth > 64) == bool(problems)
        assert depth > 64 or spans[1].attributes.keys() == {"k"}


class TestDocuments:
    """Requests and their likes."""

    @pytest.mark.parametrize(
        "value",
        [
            _request(_IDS),
            [_request(_IDS)],
            {"trace": _request(_IDS)},
            {"batches": _request(_IDS)["resourceSpans"]},
            {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": _TRACE_ID, "span_id": _SPAN_ID}]}]}]},
            {"resourceSpans": [{"instrumentationLibrarySpans": [{"instrumentationLibrary": {"name": ""}, "spans": [_IDS]}]}]},
            {**_request(_IDS), "resourceLogs": [], "newField": 1},
        ],
    )
    def test_spellings(self, value: object) -> None:
        """Names as in the ``.proto`` files, old names, lists, and the answers of Tempo."""
        assert ([_SPAN], []) == _spans(value)

    def test_snake_case(self) -> None:
        """All fields are read by their other names; texts of users keep theirs."""
        span = {
            "trace_id": _TRACE_ID, "span_id": _SPAN_ID, "parent_span_id": "00000000000000ff", "start_time_unix_nano": "5",
            "end_time_unix_nano": "7", "dropped_attributes_count": 1,
            "attributes": [{"key": "snake_key", "value": {"string_value": '"trace_id": 1'}}],
        }  # fmt: skip
        expected = _SPAN._replace(
            parent_id=255, start_ns=5, end_ns=7, dropped_attributes=1, attributes={"snake_key": '"trace_id": 1'}
        )
        assert ([expected], []) == _spans({"resource_spans": [{"scope_spans": [{"spans": [span]}]}]})

    @pytest.mark.parametrize("value", [{"resourceMetrics": [{}]}, {"resourceLogs": [], "x": 1}, {}, {"resourceSpans": None}])
    def test_other_signals(self, value: object) -> None:
        """Metrics and logs have no spans, which is no problem."""
        assert ([], []) == _spans(value)

    @pytest.mark.parametrize(
        "value",
        [
            b"{", b"", b"nonsense", b"[" * 100_000, b"5", b'{"a": 1}', b'[{"a": 1}]', {"resourceSpans": 5},
            {"resourceSpans": [5]}, {"resourceSpans": [{"scopeSpans": 5}]}, {"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]},
        ],
    )  # fmt: skip
    def test_broken(self, value: object) -> None:
        """What is none is reported."""
        spans, problems = _spans(value)
        assert ([], 1) == (spans, len(problems))

    def test_breaks_off(self) -> None:
        """The spans before the place where a text breaks off are read."""
        text = json.dumps(_request(_IDS, _IDS, _IDS)).encode()
        assert ([_SPAN, _SPAN], ["no JSON, or not all of it"]) == _spans(text[:-20])

    def test_not_utf8(self) -> None:
        """What is not UTF-8 is replaced."""
        text = json.dumps(_request({**_IDS, "name": "X"})).encode().replace(b"X", b"a\xffb")
        assert ([_SPAN._replace(name="a\ufffdb")], ["text that is not UTF-8 is replaced"]) == _spans(text)

    def test_surrogates(self) -> None:
        """Halves of surrogate pairs are replaced: nothing could store them."""
        assert ([_SPAN._replace(name="a?")], []) == _spans(_request({**_IDS, "name": "a\ud800"}))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ("resource", "scopeSpans", "scope", "spans", "name", "kind", "status", "attributes", "events", "flags")


class TestHostile:
    """Whatever stands in a file."""

    @given(_JSON, st.sampled_from(_NAMES), _JSON)
    def test_never_raises(self, first: object, name: str, value: object) -> None:
        """Values of any type, anywhere."""
        group = {"resource": {"attributes": [first]}, "scopeSpans": [{"spans": [_IDS, {**_IDS, name: value}, first]}]}
        for document in (value, {"resourceSpans": value}, {"resourceSpans": [group, {**group, name: value}]}):
            _read(document)

    def test_large_attribute(self) -> None:
        """An attribute of many megabytes is an attribute."""
        text = "x" * 20_000_000
        span, problems = _with(attributes=[{"key": "k", "value": {"stringValue": text}}])
        assert ({"k": text}, []) == (span.attributes, problems)
