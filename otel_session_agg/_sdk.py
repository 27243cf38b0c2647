"""Between the SDK's spans and ours: what is read of a ``ReadableSpan``, and the enriched copy of a root."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from otel_session_agg._model import SpanData, SpanEvent
from otel_session_agg._names import OUR_SCOPE
from otel_session_agg._scope import SCHEMA_URL, version
from otel_session_agg._values import plain
from otel_session_agg.conventions import CARRYING_SCOPES, session_of

_ERROR, _INTERNAL = StatusCode.ERROR, SpanKind.INTERNAL  # globals are read twenty times faster than an enum's members
_new = tuple.__new__  # the named tuple's own costs twice as much
_NO_ATTRIBUTES: Mapping[str, Any] = {}


def carried_parent_id(span: ReadableSpan) -> int | None:
    """Id of a parent that is called remote by an emitter that hands contexts around inside a process."""
    parent = span.parent
    if parent is None or not parent.is_remote:
        return None
    scope = span.instrumentation_scope
    return parent.span_id if scope is not None and _text(scope.name).startswith(CARRYING_SCOPES) else None


def span_data(span: ReadableSpan) -> SpanData:
    """What is read of an ended span.

    Raises:
        ValueError: the span has no context.

    """
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
    if not type(name) is type(scope_name) is type(scope_version) is str:  # nobody checks what applications put there
        name, scope_name, scope_version = _text(name), _text(scope_name), _text(scope_version)
    status = span.status
    failed = status.status_code is _ERROR
    events = span.events if type(span) is not ReadableSpan or getattr(span, "_events", True) else ()  # reading them copies
    # as the property, which takes twice as long
    dropped = getattr(span._attributes, "dropped", 0) if type(span) is ReadableSpan else span.dropped_attributes  # noqa: SLF001
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
            tuple(SpanEvent(_text(event.name), event.attributes or _NO_ATTRIBUTES) for event in events) if events else (),
            failed,
            _text(status.description) if failed and status.description is not None else None,
            carried_parent_id(span) if is_remote else None,
            is_remote,
            dropped,
        ),
    )


def _text(name: object) -> str:
    """A name as text; what is none has no name that anybody knows.  Nobody checks what applications put there."""
    return plain(name) if isinstance(name, str) else str(name) if type(name) in (int, float, bool, bytes) else ""


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


class EnrichedSpan(ReadableSpan):
    """A root with its totals; everything else is carried over, the counts of what was dropped included."""

    def __init__(self, root: ReadableSpan, written: Mapping[str, Any], without: Collection[str] = ()) -> None:
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
