"""Large JSON documents are cut into smaller ones."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp import json_pieces
from otel_session_agg._otlp.batches import ENOUGH_BYTES
from otel_session_agg._otlp.json_pieces import documents, lines, pieces
from otel_session_agg._otlp.otlp_json import batches
from tests.support.otlp import Problems


def _span(number: int, size: int = 0) -> dict[str, Any]:
    return {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "\u20ac" * size}


def _document(numbers: range, size: int = 0) -> dict[str, Any]:
    scope = {"scope": {"name": "n"}, "spans": [_span(number, size) for number in numbers], "schemaUrl": "u"}
    resource = {"attributes": [{"key": "a", "value": {"stringValue": "b]}"}}]}
    group = {"schemaUrl": [1, {}], "resource": resource, "scopeSpans": [{}, scope, {"scope": {}, "spans": []}]}
    return {"other": [[]], "resourceSpans": [group, {}]}


def _chunks(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _cut(text: bytes, size: int = 1 << 20) -> tuple[list[tuple[int, str, Any]], int, Problems]:
    """The number, scope and resource of all spans, how many frames they were in, and what was reported."""
    problems = Problems()
    frames = list(pieces(iter(_chunks(text, size)), "line 7, ", problems))
    found: list[tuple[int, str, Any]] = []
    for frame in frames:
        for resource, spans in batches(frame.data, "", problems):
            found += [(span.trace_id, span.scope_name, resource["a"]) for span in spans]
    return found, len(frames), problems


class TestPieces:
    """Some of the spans at a time, with their scope and resource."""

    @pytest.mark.parametrize("indent", [None, 1])
    @pytest.mark.parametrize("size", [1, 7, 1 << 20])
    def test_small(self, indent: int | None, size: int) -> None:
        """Wherever the chunks of the file end."""
        text = json.dumps(_document(range(1, 6)), indent=indent, ensure_ascii=False).encode() * 2
        expected = [(number, "n", "b]}") for number in range(1, 6)]
        assert (expected * 2, 2, []) == _cut(text, size)

    def test_many(self) -> None:
        """Each frame is large enough to be worth it, and no larger."""
        text = json.dumps(_document(range(1, 2001), 100)).encode()
        found, count, problems = _cut(text, 5000)
        assert ([(number, "n", "b]}") for number in range(1, 2001)], []) == (found, problems)
        assert len(text) // ENOUGH_BYTES - 1 <= count <= len(text) // ENOUGH_BYTES + 1

    @given(st.integers(0, 2000))
    def test_breaks_off(self, at: int) -> None:
        """All spans before the place where it breaks off are read."""
        text = json.dumps(_document(range(1, 10))).encode()[:-1]
        found, _, problems = _cut(text[:at])
        whole = text[:at].count(b'"name": ""}')
        assert ([(number, "n", "b]}") for number in range(1, whole + 1)], min(at, 1)) == (found, len(problems))

    @pytest.mark.parametrize("text", [b"x", b"[" * 100_000, b'{"resourceSpans":[' + b'{"a":[' * 100_000, b'{"a" 1}'])
    def test_broken(self, text: bytes) -> None:
        """What is no JSON is reported with its place."""
        found, _, problems = _cut(text)
        assert ([], 1) == (found, len(problems))
        assert problems[0][0].startswith("line 7, character ")

    @pytest.mark.parametrize("value", [5, None, "x", [], {}, [5], {"scopeSpans": 5}])
    def test_other_types(self, value: object) -> None:
        """What is of another type has no spans, and what follows is read."""
        text = json.dumps({"resourceSpans": value, "a": [value], **_document(range(1, 3))}).replace('"other"', '"resourceSpans"')
        found, _, problems = _cut(b"[" + text.encode() + b"," + json.dumps(_document(range(5, 6))).encode() + b"]")
        assert ([1, 2, 5], []) == ([number for number, _, _ in found], problems)

    def test_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A value that is too large ends what can be read."""
        monkeypatch.setattr(json_pieces, "MAX_FRAME_BYTES", 1000)
        text = json.dumps(_document(range(1, 3))).encode()[:-1] + b',"x":"' + b"x" * 5000 + b'"}'
        found, _, problems = _cut(text, 100)
        assert ([1, 2], ["a value that is too large"]) == ([number for number, _, _ in found], [what for _, what in problems])


def _spans(how: Any, text: bytes) -> tuple[list[SpanData], list[str], Problems]:
    problems = Problems()
    frames = list(how(io.BytesIO(text), problems))
    spans = [span for frame in frames for batch in batches(frame.data, "", problems) for span in batch.spans]
    return spans, [frame.place for frame in frames], problems


class TestDocuments:
    """Files of one document or several."""

    @pytest.mark.parametrize("limit", [100, 1 << 20])
    def test_both_ways(self, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """A small one is one frame, a large one is cut up."""
        monkeypatch.setattr(json_pieces, "WHOLE_BYTES", limit)
        text = b"\xef\xbb\xbf " + json.dumps(_document(range(1, 4)), indent=2).encode() + b"\n\n"
        spans, places, problems = _spans(documents, text)
        assert ([1, 2, 3], []) == ([span.trace_id for span in spans], problems)
        assert (places == [""]) == (limit > 100)

    def test_empty(self) -> None:
        """A file of blanks holds nothing."""
        assert ([], [], []) == _spans(documents, b" \n ")


class TestLines:
    """Files of a document on each line."""

    def test_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A long line is cut up, and the next one is read."""
        monkeypatch.setattr(json_pieces, "WHOLE_BYTES", 500)
        short, long = (json.dumps(_document(range(1, end))).encode() for end in (2, 40))
        spans, places, problems = _spans(lines, b"\xef\xbb\xbf" + short + b"\n\n" + long + b"\r\n" + short)
        assert ([1, *range(1, 40), 1], []) == ([span.trace_id for span in spans], problems)
        assert (["line 1", "line 4"], True) == ([places[0], places[-1]], places[1].startswith("line 3, character "))
