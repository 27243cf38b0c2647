"""Between the SDK's spans and ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._spans import received
from otel_session_agg._spans.made import RootSpan
from otel_session_agg._spans.received import attributes_of, ids_of, set_at_start, span_data, starting_attributes

pytestmark = pytest.mark.oldest_sdk

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


@pytest.fixture(params=["fields", "properties"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans are read by the SDK's fields, and again as with an SDK that has none of them."""
    if request.param == "properties":
        monkeypatch.setattr(received, "_OWN", None)
        monkeypatch.setattr(received, "_Started", None)


@pytest.mark.usefixtures("_either_way")
class TestLocalParentId:
    """The parent in this process."""

    @pytest.mark.parametrize(("parent", "expected"), [(None, None), (_REMOTE, None), (_LOCAL, 3)])
    def test_examples(self, parent: SpanContext | None, expected: int | None) -> None:
        """A span without a parent, or with a remote one, is a session root."""
        assert expected == span_data(ReadableSpan("a", _CONTEXT, parent)).parent_id


@pytest.mark.usefixtures("_either_way")
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
        events = (SpanEvent("e", {"x": 1}, 5), SpanEvent("f", {}, span.events[1].timestamp))
        assert SpanData(
            "a", 1, 2, 3, "CLIENT", "scope", "1.2", 10, 20, {"k": "v"}, events, failed=True, status_description="bad"
        ) == (span_data(span))

    def test_events_of_another_class(self) -> None:
        """A span of a class of its own may have its events elsewhere than the SDK."""

        class Span(ReadableSpan):
            @property
            def events(self) -> Sequence[Event]:
                return (Event("e", timestamp=5),)

        assert (SpanEvent("e", {}, 5),) == span_data(Span("a", _CONTEXT)).events

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


class TestFields:
    """The fields of the SDK's own spans, which are read faster than their properties."""

    @pytest.fixture
    def spans(self) -> list[Any]:
        """Spans as the SDK makes them, of each sort, begun below local, remote and no parents."""
        provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=2), shutdown_on_exit=False)
        made = []
        for version in (None, "1.2"):
            tracer = provider.get_tracer("scope", version)
            for kind, parent in product(SpanKind, (None, _LOCAL, _REMOTE)):
                context = set_span_in_context(NonRecordingSpan(parent), Context()) if parent is not None else Context()
                made.append(tracer.start_span("a", context, kind, {"x": 1, "y": ("z",), "dropped": 1}))
        made[1].add_event("e", {"x": 1})
        made[2].set_status(Status(StatusCode.ERROR, "bad"))
        return made

    def test_ended(self, spans: list[Any]) -> None:
        """What they say is what the properties say."""
        for span in spans:
            span.end()
            ended = span._readable_span()
            assert received._by_properties(ended) == span_data(ended)

    def test_started(self, spans: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """So is where a span hangs."""
        found = [ids_of(span) for span in spans]
        monkeypatch.setattr(received, "_Started", None)
        assert found == [ids_of(span) for span in spans]
        assert [None, _LOCAL.span_id, None] == [parent_id for _, _, parent_id in found[:3]]

    def test_are_there(self, spans: list[Any]) -> None:
        """The SDK that is installed has them: else this does not hold, and each span costs more than it need."""
        spans[0].end()
        assert (
            (ReadableSpan, type(spans[0]))
            == (received._OWN, received._Started)
            == (type(spans[0]._readable_span()), type(spans[0]))
        )

    def test_attributes_are_copied(self, spans: list[Any]) -> None:
        """What an exporter changes in place later is not read."""
        spans[0].end()
        ended = spans[0]._readable_span()
        data = span_data(ended)
        ended._attributes._dict["x"] = 2
        assert {"y": ("z",), "dropped": 1} == data.attributes

    @pytest.mark.parametrize(
        ("owner", "name"),
        [
            *((ReadableSpan, name) for name in ("name", "context", "parent", "kind", "status", "instrumentation_scope")),
            *((ReadableSpan, name) for name in ("start_time", "end_time")),
            *((InstrumentationScope, name) for name in ("name", "version")),
            *((Status, name) for name in ("status_code", "description")),
        ],
    )
    def test_others(self, owner: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """An SDK that keeps them elsewhere is known."""
        assert received._has_fields()
        monkeypatch.setattr(owner, name, property(lambda _: "another"))
        assert not received._has_fields()

    @pytest.mark.parametrize("name", ["SpanContext", "BoundedAttributes", "_BoundedList", "InstrumentationScope", "ReadableSpan"])
    def test_other_classes(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """So is one whose classes are made otherwise, or have other fields."""
        for other in (lambda: None, lambda *_, **__: object()):
            monkeypatch.setattr(received, name, other)
            assert not received._has_fields()

    def test_subclasses(self, spans: list[Any]) -> None:
        """Properties of a subclass hold, whatever is in the fields."""

        class Ended(ReadableSpan):
            name = property(lambda _: "other")
            attributes = property(lambda _: {"other": 1})

        class Started(type(spans[0])):  # type: ignore[misc]
            parent = property(lambda _: _LOCAL)
            attributes = property(lambda _: {"other": 1})

        span = span_data(Ended("a", _CONTEXT, attributes={"x": 1}))
        assert ("other", {"other": 1}) == (span.name, span.attributes)
        spans[0].__class__ = Started
        assert _LOCAL.span_id == ids_of(spans[0])[2]
        assert {"other": 1} == starting_attributes(spans[0])

    @pytest.mark.parametrize(
        "name", ["name", "kind", "status", "instrumentation_scope", "parent", "attributes", "events", "times"]
    )
    def test_made_by_hand(self, name: str) -> None:
        """Values of other types than the SDK's are read as by the properties."""
        odd: dict[str, list[Any]] = {
            "name": [None, 1, b"a"],
            "kind": [None, 3],
            "status": [Status(), Status(StatusCode.ERROR), Status(StatusCode.OK, None)],
            "instrumentation_scope": [None, InstrumentationScope("s", None), InstrumentationScope(None, 1)],  # type: ignore[arg-type]
            "parent": [_REMOTE, _LOCAL, SpanContext(1, 3, is_remote=True)],
            "attributes": [{}, None, MappingProxyType({"x": 1}), _Attributes()],
            "events": [(), [Event("e")], [Event("e", {"x": 1}), Event(None)]],  # type: ignore[arg-type]
            "times": [(None, None), (1.5, 2.5), (5, 3), (0, 7), ("1", "2"), (7, None)],
        }
        for value in odd[name]:
            given = dict(zip(("start_time", "end_time"), value, strict=True)) if name == "times" else {name: value}
            span = ReadableSpan(**{"name": "a", "context": _CONTEXT, **given})
            assert received._by_properties(span) == span_data(span)

    def test_after_the_end(self, spans: list[Any]) -> None:
        """What is set on a span after its end is not read: not by the SDK, and not past it."""
        spans[0].end()
        ended = spans[0]._readable_span()
        before = span_data(ended)
        spans[0].set_attribute("late", 1)
        assert before == span_data(ended)
        attributes = dict(before.attributes)
        ended._attributes._dict.clear()
        assert attributes == before.attributes

    def test_starting(self, spans: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """Those of a span that starts are the same either way."""
        found = [dict(starting_attributes(span)) for span in spans]
        assert [{"y": ("z",), "dropped": 1}] * len(spans) == found
        monkeypatch.setattr(received, "_Started", None)
        assert found == [starting_attributes(span) for span in spans]


@pytest.mark.usefixtures("_either_way")
class TestSetAtStart:
    """Set an attribute on a span that starts."""

    @pytest.mark.parametrize("most", [None, 0, 1, 2])
    @pytest.mark.parametrize("longest", [None, 0, 3, 4])
    @pytest.mark.parametrize("has_ended", [False, True])
    def test_as_the_sdk_does(self, most: int | None, longest: int | None, has_ended: bool) -> None:  # noqa: FBT001 -- of the table
        """Within the limits, at them and beyond, the span is as if the SDK had set it."""
        tracer = TracerProvider(span_limits=SpanLimits(max_span_attributes=most, max_attribute_length=longest)).get_tracer("a")
        ours, theirs = (tracer.start_span("b", attributes={"first": "1"}) for _ in range(2))
        assert isinstance(ours, Span)
        if has_ended:
            ours.end()
            theirs.end()
        set_at_start(ours, "name", "four")
        theirs.set_attribute("name", "four")
        for span in (ours, theirs):
            span.set_attribute("last", "2")
        assert isinstance(theirs, Span)
        assert dict(theirs.attributes or {}) == dict(ours.attributes or {})
        assert theirs.dropped_attributes == ours.dropped_attributes


@pytest.mark.usefixtures("_either_way")
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

    @pytest.mark.parametrize("is_read", [True, False])
    def test_carried_over(self, is_read: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 -- of the table
        """All but the written attributes is that of the root, whether its fields or its properties are read."""
        if not is_read:
            monkeypatch.setattr(received, "_OWN", None)
        provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        tracer = provider.get_tracer("scope", "1.2", "https://schema", {"s": 1})
        root = tracer.start_span("root", kind=SpanKind.SERVER, attributes={"a": 1, "b": 1}, links=[Link(_REMOTE, {"l": 1})])
        root.add_event("e", {"x": 1}, 5)
        root.set_status(Status(StatusCode.ERROR, "bad"))
        root.end()
        assert isinstance(root, Span)
        ended = root._readable_span()
        assert is_read == (type(ended) is received._OWN)
        enriched = RootSpan(ended, {"b": 2, "c": 3})
        assert {"b": 2, "c": 3} == dict(enriched.attributes or {})
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
        enriched = RootSpan(root, {"c": 1})
        assert (1, 2, 3) == (enriched.dropped_attributes, enriched.dropped_events, enriched.dropped_links)

    def test_json(self) -> None:
        """It can be printed as any span can."""
        enriched = RootSpan(ReadableSpan("root", _CONTEXT, start_time=1, end_time=2), {"c": (1, 2)})
        assert '"c"' in enriched.to_json()
