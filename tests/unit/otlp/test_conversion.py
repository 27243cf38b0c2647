"""Between ``SpanData``, protobuf and JSON."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_session_agg._otlp.batches import SpanBatch
from otel_session_agg._otlp.conversion import document_of, message_of, message_of_document
from otel_session_agg._otlp.otlp_protobuf import batches, request_class
from otel_session_agg._spans.received import span_data
from tests.support.otlp import Problems, protobuf, spans

_CONTEXT = SpanContext(1, 2, is_remote=False)


class TestMessageOf:
    """A request of ``SpanData``."""

    @given(st.lists(spans(), min_size=1, max_size=3))
    def test_back(self, given_spans: list[ReadableSpan]) -> None:
        """What is read of it is what it was made of, but for the id of a parent that is not known."""
        batch = SpanBatch(
            {"a": ("b", 1)},
            [data for data in map(span_data, given_spans) if data.carried_parent_id is not None or not data.is_part],
        )
        problems = Problems()
        found = [span for one in batches(message_of(batch).SerializeToString(), "", problems) for span in one.spans]
        assert sorted(batch.spans, key=repr) == sorted(found, key=repr)
        assert [] == problems

    def test_odd_values(self) -> None:
        """Numbers that OTLP does not have, halves of surrogate pairs and unknown types are written as far as they can be."""
        (span,) = next(
            batches(_request({"large": 2**70, "half": "a\ud800", "other": object(), "list": [2**70]}), "", Problems())
        ).spans
        assert {"large": 2.0**70, "half": "a?", "other": None, "list": (2.0**70,)} == span.attributes


def _request(attributes: dict[str, object]) -> bytes:
    data = span_data(ReadableSpan("n", _CONTEXT))._replace(attributes=attributes)
    message: bytes = message_of(SpanBatch({}, [data])).SerializeToString()
    return message


class TestDocuments:
    """Requests in JSON."""

    @given(st.lists(spans(), min_size=1, max_size=3))
    def test_back(self, given_spans: list[ReadableSpan]) -> None:
        """A request that goes through JSON is the same."""
        message = request_class().FromString(protobuf(given_spans))
        assert message == message_of_document(json.loads(json.dumps(document_of(message))))
