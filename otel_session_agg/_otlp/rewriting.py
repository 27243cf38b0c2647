"""Put totals on spans of OTLP, in protobuf and in JSON; nothing else of them changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from otel_session_agg._otlp.attribute_values import add_to_message, pairs_as_json
from otel_session_agg._otlp.json_values import id_of
from otel_session_agg._otlp.span_fields import SPAN_ID_BYTES, TRACE_ID_BYTES
from otel_session_agg.attributes import OUR_SCOPE, SESSION_SPAN

Lookup = Callable[[int, int], Mapping[str, Any] | None]
"""Takes a trace id and a span id; returns what to set on the span; ``None`` removes a key."""


def rewrite_message(message: Any, lookup: Lookup) -> None:
    """Set attributes on the spans of a request in protobuf, and leave out session records."""
    for group in message.resource_spans:
        for scope_group in group.scope_spans:
            if scope_group.scope.name == OUR_SCOPE:
                _remove(scope_group.spans, lambda span: span.name == SESSION_SPAN)
            for span in scope_group.spans:
                trace_id, span_id = span.trace_id, span.span_id
                found = lookup(int.from_bytes(trace_id, "big"), int.from_bytes(span_id, "big"))
                if found:
                    _remove(span.attributes, lambda pair, keys=found: pair.key in keys)
                    add_to_message(span.attributes, _stated(found))
        _remove(group.scope_spans, lambda scope_group: not scope_group.spans)
    _remove(message.resource_spans, lambda group: not group.scope_spans)


def _remove(messages: Any, is_unwanted: Callable[..., bool]) -> None:
    for index in reversed(range(len(messages))):
        if is_unwanted(messages[index]):
            del messages[index]


def rewrite_document(document: Any, lookup: Lookup) -> None:
    """Set attributes on the spans of a request in JSON, and leave out session records."""
    for group in _objects(document, "resourceSpans"):
        for scope_group in _objects(group, "scopeSpans"):
            scope, spans = scope_group.get("scope"), _objects(scope_group, "spans")
            if type(scope) is dict and scope.get("name") == OUR_SCOPE:
                spans = [span for span in spans if span.get("name") != SESSION_SPAN]
            scope_group["spans"] = spans
            for span in spans:
                found = _found(span, lookup)
                if found:
                    kept = [pair for pair in _objects(span, "attributes") if not _has(pair, found)]
                    span["attributes"] = kept + pairs_as_json(_stated(found))
        group["scopeSpans"] = [inner for inner in _objects(group, "scopeSpans") if inner["spans"]]
    groups = _objects(document, "resourceSpans")
    document["resourceSpans"] = [group for group in groups if group["scopeSpans"]]


def _stated(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in found.items() if value is not None}


def _has(pair: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    key = pair.get("key")
    return type(key) is str and key in keys


def _found(span: Mapping[str, Any], lookup: Lookup) -> Mapping[str, Any] | None:
    try:
        ids = id_of(span["traceId"], TRACE_ID_BYTES), id_of(span["spanId"], SPAN_ID_BYTES)
    except (LookupError, TypeError, ValueError):
        return None
    return lookup(*ids)


def _objects(owner: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = owner.get(name)
    return [item for item in found if type(item) is dict] if type(found) is list else []
