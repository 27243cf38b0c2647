"""Between the SDK's spans and ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from otel_session_agg._model import SpanData, SpanEvent
from otel_session_agg._sdk import EnrichedSpan, attributes_of, span_data

_FLAGS = TraceFlags(TraceFlags.SAMPLED)
_CONTEXT = SpanContext(1, 2, is_remote=False, trace_flags=_FLAGS)
_LOCAL = SpanContext(1, 3, is_remote=False, trace_flags=_FLAGS)
_REMOTE = SpanContext(1, 3, is_remote=True, trace_flags=_FLAGS)


class _Attributes(Mapping[str, Any]):
    """Attributes of a kind that cannot be copied."""

    def __getitem__(self, key: str) -> Any:
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


class TestLocalParentId:
    """The parent in this process."""

    @pytest.mark.parametrize(("parent", "expected"), [(None, None), (_REMOTE, None), (_LOCAL, 3)])
    def test_examples(self, parent: SpanContext | None, expected: int | None) -> None:
        """A span without a parent, or with a remote one, is a session root."""
        assert expected == span_data(ReadableSpan("a", _CONTEXT, parent)).parent_id


class TestSpanData:
    """What is read of an ended span."""

    def test_everything(self) -> None:
        """All that decides about totals is carried over."""
        span = ReadableSpan(
            "a",
            _CONTEXT,
            _LOCAL,
            attributes={"k": "v"},
            events=(Event("e", {"x": 1}, 5), Event("f")),
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, "bad"),
            start_time=10,
            end_time=20,
            instrumentation_scope=InstrumentationScope("scope", "1.2"),
        )
        events = (SpanEvent("e", {"x": 1}), SpanEvent("f", {}))
        assert SpanData(
            "a", 1, 2, 3, "CLIENT", "scope", "1.2", 10, 20, {"k": "v"}, events, failed=True, status_description="bad"
        ) == (span_data(span))

    def test_events_of_another_class(self) -> None:
        """A span of a class of its own may have its events elsewhere than the SDK."""

        class Span(ReadableSpan):
            @property
            def events(self) -> Sequence[Event]:
                return (Event("e"),)

        assert (SpanEvent("e", {}),) == span_data(Span("a", _CONTEXT)).events

    def test_little(self) -> None:
        """What is not there is empty."""
        assert SpanData("a", 1, 2, None, "INTERNAL", "", "", 7, 7, {}) == span_data(ReadableSpan("a", _CONTEXT, start_time=7))

    def test_scope_without_version(self) -> None:
        """A scope may have no version."""
        span = ReadableSpan("a", _CONTEXT, instrumentation_scope=InstrumentationScope("scope"))
        assert "" == span_data(span).scope_version

    def test_no_context(self) -> None:
        """A span without context cannot be read."""
        with pytest.raises(ValueError, match="span without context"):
            span_data(ReadableSpan("a"))


class TestAttributesOf:
    """A span's attributes as a plain dict."""

    @pytest.mark.parametrize("attributes", [{"a": 1}, MappingProxyType({"a": 1}), _Attributes()])
    def test_copy(self, attributes: Mapping[str, Any]) -> None:
        """They are a copy, whatever holds them."""
        copy = attributes_of(ReadableSpan("a", attributes=attributes))
        assert {"a": 1} == copy
        assert type(copy) is dict

    @pytest.mark.parametrize("attributes", [None, {}])
    def test_none(self, attributes: Mapping[str, Any] | None) -> None:
        """A span may have none."""
        assert {} == attributes_of(ReadableSpan("a", attributes=attributes))


class TestEnrichedSpan:
    """A root with its totals."""

    def test_carried_over(self) -> None:
        """All but the written attributes is that of the root."""
        provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        tracer = provider.get_tracer("scope", "1.2", "https://schema", {"s": 1})
        root = tracer.start_span("root", kind=SpanKind.SERVER, attributes={"a": 1, "b": 1}, links=[Link(_REMOTE, {"l": 1})])
        root.add_event("e", {"x": 1}, 5)
        root.set_status(Status(StatusCode.ERROR, "bad"))
        root.end()
        assert isinstance(root, ReadableSpan)
        enriched = EnrichedSpan(root, {"b": 2, "c": 3})
        assert {"a": 1, "b": 2, "c": 3} == dict(enriched.attributes or {})
        assert {"a": 1, "b": 1} == dict(root.attributes or {})
        for name in ("name", "context", "parent", "resource", "events", "links", "kind", "status", "start_time", "end_time"):
            assert getattr(root, name) == getattr(enriched, name)
        assert root.instrumentation_scope == enriched.instrumentation_scope

    def test_dropped(self) -> None:
        """The counts of what the SDK's limits dropped stay."""
        limits = SpanLimits(max_span_attributes=1, max_events=1, max_links=1)
        provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
        links = [Link(_REMOTE)] * 4
        root = provider.get_tracer("t").start_span("root", attributes={"a": 1, "b": 1}, links=links)
        for _ in range(3):
            root.add_event("e")
        assert isinstance(root, ReadableSpan)
        enriched = EnrichedSpan(root, {"c": 1})
        assert (1, 2, 3) == (enriched.dropped_attributes, enriched.dropped_events, enriched.dropped_links)

    def test_json(self) -> None:
        """It can be printed as any span can."""
        enriched = EnrichedSpan(ReadableSpan("root", _CONTEXT, start_time=1, end_time=2), {"c": (1, 2)})
        assert '"c"' in enriched.to_json()
