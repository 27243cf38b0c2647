"""OTLP in JSON -> ``SpanData``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from otel_session_agg._extras import needed
from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._otlp.batches import Report, SpanBatch
from otel_session_agg._otlp.json_values import attributes_of, id_of, whole
from otel_session_agg._otlp.span_fields import (
    KINDS,
    SPAN_ID_BYTES,
    STATUS_ERROR,
    TRACE_ID_BYTES,
    Scope,
    made_span,
    nanoseconds,
    scope_of,
)

if TYPE_CHECKING:  # needs a library that is not always installed
    from otel_session_agg._otlp.json_structs import Event, Request, ScopeSpans, Span

_known_id = lru_cache(maxsize=256)(id_of)  # spans of one trace, or below one, come together
_NO_EVENTS: tuple[SpanEvent, ...] = ()
_KINDS: Mapping[object, int] = {
    f"SPAN_KIND_{name}": kind for kind, name in enumerate(KINDS) if kind
}
_STATUSES: Mapping[object, int] = {"STATUS_CODE_ERROR": STATUS_ERROR}


@cache
def _readers() -> Any:
    """Return the reader of requests as they ought to be, and the one of all others."""
    needed("msgspec", "replay")
    from otel_session_agg._otlp import json_loose, json_structs  # noqa: PLC0415

    return json_structs.REQUESTS.decode, json_loose.requests_of


def batches(data: bytes, place: str, report: Report) -> Iterator[SpanBatch]:
    """Read the spans of an export request."""
    for request in _requests(data, place, report):
        for group in request.resourceSpans or ():
            spans: list[SpanData] = []
            for scope_group in group.scopeSpans or ():
                spans += _spans(scope_group, place, report)
            if spans:
                pairs = group.resource.attributes if group.resource is not None else None
                yield SpanBatch(_attributes(pairs, place, report), spans)


def _requests(data: bytes, place: str, report: Report) -> Iterable[Request]:
    strict, loose = _readers()
    try:
        return [strict(data)]
    except (ValueError, RecursionError):
        found: Iterable[Request] = loose(data, place, report)
        return found


def _spans(group: ScopeSpans, place: str, report: Report) -> Iterator[SpanData]:
    """Read the spans of a scope."""
    scope = scope_of(
        *(
            (group.scope.name or "", group.scope.version or "")
            if group.scope is not None
            else ("", "")
        )
    )
    for span in group.spans or ():
        try:
            yield _span(span, scope, place, report)
        except ValueError:  # noqa: PERF203 -- each by itself
            report(place, "a span without a valid trace id or span id, or with a wrong number")


def _span(span: Span, scope: Scope, place: str, report: Report) -> SpanData:
    parent_id, kind, status, events = span.parentSpanId, span.kind, span.status, span.events
    flags, dropped = span.flags, span.droppedAttributesCount
    code, message = (0, "") if status is None else (status.code, status.message or "")
    return made_span(
        scope,
        span.name or "",
        _known_id(span.traceId, TRACE_ID_BYTES),
        id_of(span.spanId, SPAN_ID_BYTES),
        (_known_id(parent_id, SPAN_ID_BYTES) or None) if parent_id else None,
        0 if flags is None else whole(flags),
        kind if type(kind) is int else _KINDS.get(kind, 0),
        whole(span.startTimeUnixNano),
        whole(span.endTimeUnixNano),
        _attributes(span.attributes, place, report),
        tuple(_event(event, place, report) for event in events) if events else _NO_EVENTS,
        code if type(code) is int else _STATUSES.get(code, 0),
        message,
        0 if dropped is None else whole(dropped),
    )


def _event(event: Event, place: str, report: Report) -> SpanEvent:
    time = nanoseconds(whole(event.timeUnixNano))
    return SpanEvent(event.name or "", _attributes(event.attributes, place, report), time)


def _attributes(pairs: Any, place: str, report: Report) -> dict[str, Any]:
    wrong: list[str] = []
    found = attributes_of(pairs, wrong)
    for what in wrong:
        report(place, what)
    return found
