"""Files in, spans out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.formats import frames
from otel_session_agg._otlp.sources import Source
from otel_session_agg._reading.span import CARRYING_SCOPES
from otel_session_agg._spans.received import span_data
from tests.support.otlp import Problems, decoded, document, json_line, protobuf, spans


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _varint_sized(data: bytes) -> bytes:
    low, size = b"", len(data)
    while size > 0x7F:
        low, size = low + bytes([size & 0x7F | 0x80]), size >> 7
    return low + bytes([size]) + data


_Spans = list[ReadableSpan]


def _all(groups: list[_Spans]) -> _Spans:
    return [span for group in groups for span in group]


_WRITERS: dict[str, tuple[str, Callable[[list[_Spans]], bytes]]] = {
    "document": ("otlp-json", lambda groups: json.dumps(document(_all(groups)), indent=1).encode()),
    "lines": ("otlp-jsonl", lambda groups: b"".join(map(json_line, groups))),
    "message": ("otlp-protobuf", lambda groups: protobuf(_all(groups))),
    "sized": ("otlp-protobuf-delimited", lambda groups: b"".join(_sized(protobuf(group)) for group in groups)),
    "sized, compressed": (
        "otlp-protobuf-delimited",
        lambda groups: b"".join(_sized(zstandard.compress(protobuf(group))) for group in groups),
    ),
    "sized JSON, compressed": (
        "otlp-protobuf-delimited",
        lambda groups: b"".join(_sized(zstandard.compress(json_line(group).rstrip())) for group in groups),
    ),
    "varint": ("otlp-protobuf-varint", lambda groups: b"".join(_varint_sized(protobuf(group)) for group in groups)),
}
_CARRYING = st.builds(InstrumentationScope, st.sampled_from(CARRYING_SCOPES), st.just("1"))


class TestDecode:
    """What is read of a file is what is read of the spans that were written to it."""

    @pytest.mark.parametrize("writer", _WRITERS)
    @given(given_spans=st.lists(spans() | spans(_CARRYING), min_size=1, max_size=4, unique_by=lambda span: span.context.span_id))
    def test_as_received(self, writer: str, given_spans: _Spans, tmp_path_factory: pytest.TempPathFactory) -> None:
        """Every span is as the processor sees it."""
        name, written = _WRITERS[writer]
        path = tmp_path_factory.getbasetemp() / "spans"
        path.write_bytes(written([[span] for span in given_spans]))
        problems = Problems()
        pairs = list(frames(Source("a", path), problems))
        found = [span for form, frame in pairs for batch in decoded(form, [frame]) for span in batch.spans]
        assert [] == problems
        assert {name} == {form.name for form, _ in pairs}
        assert sorted(map(span_data, given_spans), key=_ids) == sorted(found, key=_ids)


def _ids(span: SpanData) -> tuple[int, int]:
    return span.trace_id, span.span_id
