"""Between the SDK's spans and ours: what is read of a ``ReadableSpan``, and the enriched copy of a root."""
# ruff: noqa: SLF001  fields of the SDK's own classes are read; ``_has_fields`` tells whether they are there

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, _Span
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._reading.span import CARRYING_SCOPES, session_of
from otel_session_agg._scope import SCHEMA_URL, version
from otel_session_agg._values import plain
from otel_session_agg.attributes import OUR_SCOPE

_ERROR, _INTERNAL = (
    StatusCode.ERROR,
    SpanKind.INTERNAL,
)  # globals are read twenty times faster than an enum's members
_BoundedList: Any = BoundedList
_SdkSpan: Any = _Span
_new = tuple.__new__  # the named tuple's own costs twice as much
_NO_ATTRIBUTES: Mapping[str, Any] = {}


def carried_parent_id(span: ReadableSpan) -> int | None:
    """Id of a parent that is called remote by an emitter that hands contexts around inside a process."""
    parent = span.parent
    if parent is None or not parent.is_remote:
        return None
    scope = span.instrumentation_scope
    return (
        parent.span_id
        if scope is not None and _text(scope.name).startswith(CARRYING_SCOPES)
        else None
    )


def span_data(span: ReadableSpan) -> SpanData:
    """What is read of an ended span.

    Raises:
        ValueError: the span has no context.

    """
    if type(span) is not _OWN:
        return _by_properties(span)
    context, parent, scope, kind, status = (
        span._context,
        span._parent,
        span._instrumentation_scope,
        span._kind,
        span._status,
    )
    attributes, name, start, end = span._attributes, span._name, span._start_time, span._end_time
    events: Any = span._events
    if not (
        type(context) is SpanContext
        and type(scope) is InstrumentationScope
        and type(attributes) is BoundedAttributes
        and type(events) is _BoundedList
        and type(status) is Status
        and type(kind) is SpanKind
        and type(start) is type(end) is int
        and end >= start > 0
        and not events._dq
        and (parent is None or (type(parent) is SpanContext and not parent[2]))
    ):
        return _by_properties(span)
    scope_name, scope_version = scope._name, "" if scope._version is None else scope._version
    if not type(name) is type(scope_name) is type(scope_version) is str:
        return _by_properties(span)
    failed = status._status_code is _ERROR
    return _new(
        SpanData,
        (
            name, context[0], context[1], None if parent is None else parent[1], kind._name_, scope_name, scope_version,
            start, end, attributes._dict.copy(), (), failed, status._description if failed else None, None, False,
            attributes.dropped,
        ),
    )  # fmt: skip


def ids_of(span: ReadableSpan) -> tuple[int, int, int | None]:
    """The trace of a span, itself, and its parent, if that is in this process."""
    if type(span) is _Started and type(span._context) is SpanContext:
        context, parent = span._context, span._parent
        if parent is None or type(parent) is SpanContext:
            return context[0], context[1], None if parent is None or parent[2] else parent[1]
    context, parent = span.context, span.parent
    return (
        context.trace_id,
        context.span_id,
        None if parent is None or parent.is_remote else parent.span_id,
    )


def _has_fields() -> bool:
    """Whether the SDK's own classes keep their properties in the fields that are read here."""
    context, scope, status = (
        SpanContext(1, 2, is_remote=True),
        InstrumentationScope("a", "b"),
        Status(StatusCode.ERROR, "c"),
    )
    span = ReadableSpan(
        "n", context, context, Resource.get_empty(), status=status, instrumentation_scope=scope
    )
    names = (
        "name",
        "context",
        "parent",
        "kind",
        "status",
        "instrumentation_scope",
        "start_time",
        "end_time",
    )
    fields = [(span, name) for name in names] + [
        (scope, "name"),
        (scope, "version"),
        (status, "status_code"),
        (status, "description"),
    ]
    attributes, events = BoundedAttributes(1, {"k": 1}), _BoundedList(1)
    events.append(5)
    return (
        all(getattr(of, f"_{name}", _NO_ATTRIBUTES) is getattr(of, name) for of, name in fields)
        and tuple(context)[:3] == (1, 2, True)
        and (getattr(attributes, "_dict", None), getattr(attributes, "dropped", None))
        == ({"k": 1}, 0)
        and list(getattr(events, "_dq", ())) == [5]
        and hasattr(span, "_attributes")
        and hasattr(span, "_events")
    )


_OWN, _Started = (ReadableSpan, _SdkSpan) if _has_fields() else (None, None)
"""Classes whose fields are read, which takes a third of the time that their properties take; others are read as they say."""


def _by_properties(span: ReadableSpan) -> SpanData:
    """The same of any span."""
    context = span.context
    if context is None:
        message = "span without context"
        raise ValueError(message)
    parent = span.parent
    is_remote = parent is not None and parent.is_remote
    kind = span.kind
    scope = span.instrumentation_scope
    name, scope_name, scope_version = span.name, "", ""
    if scope is not None:
        scope_name, scope_version = scope.name, "" if scope.version is None else scope.version
    if (
        not type(name) is type(scope_name) is type(scope_version) is str
    ):  # nobody checks what applications put there
        name, scope_name, scope_version = _text(name), _text(scope_name), _text(scope_version)
    status = span.status
    failed = status.status_code is _ERROR
    events = span.events
    start, end = span.start_time, span.end_time
    if not type(start) is type(end) is int:
        start, end = nanoseconds(start), nanoseconds(end)
    start, end = start or end, end or start
    if end < start:  # noqa: PLR1730 -- the clock was put back meanwhile; ``max`` takes longer
        end = start
    return _new(
        SpanData,
        (
            name,
            context.trace_id,
            context.span_id,
            None if parent is None or is_remote else parent.span_id,
            "INTERNAL" if kind is _INTERNAL else getattr(kind, "name", "INTERNAL"),
            scope_name,
            scope_version,
            start,
            end,
            attributes_of(span),
            tuple(
                SpanEvent(_text(event.name), event.attributes or _NO_ATTRIBUTES) for event in events
            )
            if events
            else (),
            failed,
            _text(status.description) if failed and status.description is not None else None,
            carried_parent_id(span) if is_remote else None,
            is_remote,
            span.dropped_attributes,
        ),
    )


def _text(name: object) -> str:
    """A name as text; what is none has no name that anybody knows.  Nobody checks what applications put there."""
    return (
        plain(name)
        if isinstance(name, str)
        else str(name)
        if type(name) in (int, float, bool, bytes)
        else ""
    )


def nanoseconds(time: object) -> int:
    """A span's time since the Unix epoch; 0 when there is none, or it is no time.  Applications hand in floats, too."""
    try:
        return int(time)  # type: ignore[call-overload, no-any-return]  # whatever it is
    except (TypeError, ValueError, OverflowError):
        return 0


def is_ours(span: ReadableSpan) -> bool:
    """Whether this library made a span itself."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == OUR_SCOPE


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """A span's attributes as a plain dict, which is much faster to read than the SDK's view."""
    attributes = span.attributes
    if attributes is None:
        return _NO_ATTRIBUTES
    try:
        return attributes.copy()  # type: ignore[attr-defined, no-any-return]  # not in the declared type, but three times as fast
    except AttributeError:
        return dict(attributes)


def is_copied_session(span: ReadableSpan, attributes: Mapping[str, Any]) -> bool:
    """Whether the session that a span names by these attributes is a conversation or thread, which its emitter copied."""
    scope = span.instrumentation_scope
    name, version = (_text(scope.name), _text(scope.version)) if scope is not None else ("", "")
    return session_of(name, version, attributes)[1]


class RootSpan(ReadableSpan):
    """A root with its totals; everything else is carried over, the counts of what was dropped included."""

    def __init__(
        self, root: ReadableSpan, written: Mapping[str, Any], without: Collection[str] = ()
    ) -> None:
        """``written`` is added to the root's attributes, and those named in ``without`` are left out."""
        own = attributes_of(root)
        if without:
            own = {name: value for name, value in own.items() if name not in without}
        super().__init__(
            name=root.name,
            context=root.context,
            parent=root.parent,
            resource=root.resource,
            attributes={**own, **written},
            events=root.events,
            links=root.links,
            kind=root.kind,
            status=root.status,
            start_time=root.start_time,
            end_time=root.end_time,
            instrumentation_scope=root.instrumentation_scope,
        )
        self._dropped = (root.dropped_attributes, root.dropped_events, root.dropped_links)

    @property
    def dropped_attributes(self) -> int:
        """Attributes that the SDK's limits dropped from the root."""
        return self._dropped[0]

    @property
    def dropped_events(self) -> int:
        """Events that the SDK's limits dropped from the root."""
        return self._dropped[1]

    @property
    def dropped_links(self) -> int:
        """Links that the SDK's limits dropped from the root."""
        return self._dropped[2]


def made_span(  # noqa: PLR0913 -- what such spans have
    name: str,
    context: tuple[int, int],
    times_ns: tuple[int, int],
    *,
    resource: Resource | None,
    attributes: Mapping[str, Any],
    parent: SpanContext | None = None,
    links: Iterable[tuple[int, int]] = (),
    events: Sequence[Event] = (),
) -> ReadableSpan:
    """A span of our own: ``context`` is its trace and span id, ``links`` those of others."""
    return ReadableSpan(
        name=name,
        context=sampled_context(*context),
        parent=parent,
        resource=resource,
        attributes=attributes,
        events=events,
        links=[Link(sampled_context(trace_id, span_id)) for trace_id, span_id in links if span_id],
        kind=_INTERNAL,
        status=Status(),
        start_time=times_ns[0],
        end_time=times_ns[1],
        instrumentation_scope=_scope(),
    )


def sampled_context(trace_id: int, span_id: int) -> SpanContext:
    """The context of a span that is exported."""
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)


_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


@cache
def _scope() -> InstrumentationScope:
    return InstrumentationScope(OUR_SCOPE, version(), SCHEMA_URL)
