"""Read the SDK's spans: a ``ReadableSpan`` becomes a ``SpanData``.

Fields of the SDK's own classes are read directly, which takes a third of the time that their
properties take.  ``_has_fields`` checks at import that they are there; spans of other classes are
read by their properties.
"""
# ruff: noqa: SLF001  -- see above

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk import trace as sdk_trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._reading.span import CARRYING_SCOPES, session_of
from otel_session_agg._untrusted.values import MAX_WHOLE, plain
from otel_session_agg.attributes import OUR_SCOPE

# globals are read twenty times faster than an enum's members
_ERROR, _INTERNAL = StatusCode.ERROR, SpanKind.INTERNAL
_BoundedList: Any = BoundedList
_SdkSpan: Any = getattr(sdk_trace, "_Span", None)
"""The class of spans that are open."""
_new = tuple.__new__  # the named tuple's own ``__new__`` costs twice as much
_NO_ATTRIBUTES: Mapping[str, Any] = {}


def carried_parent_id(span: ReadableSpan) -> int | None:
    """Return the id of a parent that only looks remote, else ``None``.

    Some emitters pass contexts around inside a process, which makes the parent look remote.
    """
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
    """Return what is read of an ended span.

    Raises:
        ValueError: the span has no context.

    """
    if type(span) is not _OWN:
        return _by_properties(span)
    try:
        own: Any = span
        context, parent, scope = own._context, own._parent, own._instrumentation_scope
        attributes, start, end = own._attributes, own._start_time, own._end_time
        name, scope_name, scope_version = own._name, scope._name, scope._version
        if scope_version is None:
            scope_version = ""
        if (
            type(attributes) is BoundedAttributes
            and type(start) is type(end) is int
            and MAX_WHOLE >= end >= start > 0
            and type(name) is type(scope_name) is type(scope_version) is str
            and not own._events._dq
            and (parent is None or not parent[2])
        ):
            status = own._status
            failed = status._status_code is _ERROR
            return _new(
                SpanData,
                (
                    name, context[0], context[1], None if parent is None else parent[1],
                    own._kind._name_, scope_name, scope_version, start, end,
                    attributes._dict.copy(), (), failed,
                    status._description if failed else None, None, False, attributes.dropped,
                ),
            )  # fmt: skip
    except (AttributeError, LookupError, TypeError):
        pass  # the application made it of other parts than the SDK's
    return _by_properties(span)


def ids_of(span: ReadableSpan) -> tuple[int, int, int | None]:
    """Return the ids of a span's trace, of the span, and of its parent in this process, if any."""
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
    """Return whether the SDK's classes keep their properties in the fields that are read here."""
    try:
        return _are_properties()
    except (AttributeError, TypeError, ValueError):  # another SDK has other classes
        return False


def _are_properties() -> bool:
    """Return whether the fields of one object of each class are what its properties return."""
    context, scope = SpanContext(1, 2, is_remote=True), InstrumentationScope("a", "b")
    status = Status(StatusCode.ERROR, "c")
    span = ReadableSpan(
        "n", context, context, Resource.get_empty(), status=status, instrumentation_scope=scope
    )
    names = (
        "name", "context", "parent", "kind", "status", "instrumentation_scope", "start_time",
        "end_time",
    )  # fmt: skip
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
        and (getattr(attributes, "maxlen", 0), getattr(attributes, "max_value_len", 0)) == (1, None)
        and list(getattr(events, "_dq", ())) == [5]
        and hasattr(span, "_attributes")
        and hasattr(span, "_events")
    )


_OWN, _Started = (ReadableSpan, _SdkSpan) if _has_fields() else (None, None)
"""Classes whose fields are read; spans of other classes are read by their properties."""


def _by_properties(span: ReadableSpan) -> SpanData:
    """Return what is read of a span of any class."""
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
    # the SDK does not check what applications pass
    if not type(name) is type(scope_name) is type(scope_version) is str:
        name, scope_name, scope_version = _text(name), _text(scope_name), _text(scope_version)
    status = span.status
    failed = status.status_code is _ERROR
    events = span.events
    start, end = span.start_time, span.end_time
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
                SpanEvent(_text(event.name), event.attributes or _NO_ATTRIBUTES, _time_of(event))
                for event in events
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


def _time_of(event: Any) -> int:
    time = getattr(event, "timestamp", 0)
    return time if type(time) is int else nanoseconds(time)


def _text(name: object) -> str:
    """Return a name as text, empty if it is none; the SDK does not check what applications pass."""
    return (
        plain(name)
        if isinstance(name, str)
        else str(name)
        if type(name) in (int, float, bool, bytes)
        else ""
    )


def nanoseconds(time: object) -> int:
    """Return a span's time as whole nanoseconds since the Unix epoch; 0 when it is no time.

    Applications pass floats, too.  A time that no store and no exporter can carry is none.
    """
    try:
        found = time if type(time) is int else int(time)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return 0
    return found if 0 <= found <= MAX_WHOLE else 0


def is_own_span(span: ReadableSpan) -> bool:
    """Return whether this library made a span itself."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == OUR_SCOPE


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """Return a span's attributes as a plain dict, which is read much faster than the SDK's view."""
    attributes = span.attributes
    if attributes is None:
        return _NO_ATTRIBUTES
    try:
        # not in the declared type, but three times as fast as ``dict``
        return attributes.copy()  # type: ignore[attr-defined, no-any-return]
    except AttributeError:
        return dict(attributes)


def starting_attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """Return the attributes of a span that starts, to be looked at before anything else is set."""
    if type(span) is _Started and type(span._attributes) is BoundedAttributes:
        return span._attributes._dict
    return attributes_of(span)


def set_at_start(span: Span, name: str, value: str) -> None:
    """Set an attribute that a starting span does not have: in a fourth of the SDK's own time.

    Nobody else has such a span by then, so the locks that the SDK takes are not needed.
    """
    if type(span) is _Started and type(span._attributes) is BoundedAttributes:
        attributes: Any = span._attributes
        own, most, longest = attributes._dict, attributes.maxlen, attributes.max_value_len
        if (
            (most is None or len(own) < most)
            and (longest is None or len(value) <= longest)
            and span._end_time is None
        ):
            own[name] = value
            return
    span.set_attribute(name, value)


def is_copied_session(span: ReadableSpan, attributes: Mapping[str, Any]) -> bool:
    """Return whether the session id in these attributes is a conversation or thread id.

    Emitters copy such ids to ``session.id``.
    """
    scope = span.instrumentation_scope
    name, version = (_text(scope.name), _text(scope.version)) if scope is not None else ("", "")
    return session_of(name, version, attributes)[1]
