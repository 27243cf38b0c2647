"""Spans of the SDK as OTLP: by the official encoder, in protobuf and in JSON."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from otel_session_agg._otlp.batches import Format, Frame, SpanBatch


def protobuf(spans: Sequence[ReadableSpan]) -> bytes:
    """A request with these spans."""
    data: bytes = encode_spans(spans).SerializeToString()
    return data


def document(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    """A request with these spans in OTLP's JSON form: as protobuf's, but for ids and enumerations."""
    found: dict[str, Any] = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for group in found.get("resourceSpans", ()):
        for scope_group in group["scopeSpans"]:
            for span in scope_group["spans"]:
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = b64decode(span[name]).hex()
    return found


def json_line(spans: Sequence[ReadableSpan]) -> bytes:
    """The same as a line."""
    return json.dumps(document(spans), ensure_ascii=False).encode() + b"\n"


class Problems(list[tuple[str, str]]):
    """What was reported."""

    def __call__(self, place: str, what: str) -> None:
        """Take one."""
        self.append((place, what))


def decoded(form: Format, frames: Iterable[Frame], problems: Problems | None = None) -> list[SpanBatch]:
    """What all frames hold; nothing may be reported unless problems are given."""
    told = Problems() if problems is None else problems
    found = [batch for frame in frames for batch in form.decode(frame, told)]
    assert problems is not None or [] == told
    return found


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_SIMPLE = st.one_of(_TEXTS, st.booleans(), _INT64, st.floats(allow_nan=False), st.binary(max_size=9))
_KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_VALUES = st.recursive(
    _SIMPLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=5,
)


def _bounded(values: dict[str, Any]) -> BoundedAttributes:
    return BoundedAttributes(attributes=values)


ATTRIBUTES = st.dictionaries(_KEYS, _VALUES, max_size=5).map(_bounded)
"""Attributes as the SDK keeps them."""

_TIMES = st.one_of(st.just(0), st.integers(1, 2**63 - 1), st.just(2**64 - 1))
_EVENT_TIMES = st.integers(0, 2**63 - 1)
_SPAN_IDS = st.integers(1, 2**64 - 1)
_RESOURCES = st.builds(Resource, st.fixed_dictionaries({"service.name": _TEXTS}))
_SCOPES = st.builds(
    InstrumentationScope, st.sampled_from(["", "a.b", "openinference.instrumentation.openai", "ai", "mastra"]), _TEXTS
)


@st.composite
def spans(draw: st.DrawFn, scopes: st.SearchStrategy[InstrumentationScope] = _SCOPES) -> ReadableSpan:
    """An ended span with anything that the SDK lets be set."""
    trace_id = draw(st.integers(1, 2**128 - 1))
    parent_id, is_remote = draw(st.none() | _SPAN_IDS), draw(st.booleans())
    failed = draw(st.booleans())
    attributes = draw(ATTRIBUTES)
    attributes.dropped = draw(st.integers(0, 9))
    return ReadableSpan(
        draw(_TEXTS),
        SpanContext(trace_id, draw(_SPAN_IDS), is_remote=False),
        None if parent_id is None else SpanContext(trace_id, parent_id, is_remote=is_remote),
        draw(_RESOURCES),
        attributes,
        [Event(draw(_TEXTS), draw(ATTRIBUTES), draw(_EVENT_TIMES)) for _ in range(draw(st.integers(0, 2)))],
        kind=draw(st.sampled_from(SpanKind)),
        status=Status(StatusCode.ERROR, draw(_TEXTS) or None) if failed else Status(draw(st.sampled_from(StatusCode))),
        start_time=draw(_TIMES),
        end_time=draw(_TIMES),
        instrumentation_scope=draw(scopes),
    )
