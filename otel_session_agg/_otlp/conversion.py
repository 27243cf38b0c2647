"""Requests of OTLP: from ``SpanData`` and from JSON to protobuf, and from protobuf to JSON."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Any

from otel_session_agg._extras import needed
from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.attribute_values import add_to_message
from otel_session_agg._otlp.batches import SpanBatch
from otel_session_agg._otlp.otlp_protobuf import request_class
from otel_session_agg._otlp.span_fields import KINDS, STATUS_ERROR
from otel_session_agg._untrusted.values import encodable

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
_TO_IDS = ("resourceSpans", "scopeSpans", "spans", "links")
_IS_KNOWN, _IS_REMOTE = 0x100, 0x200
"""Flags of a span: whether it is known that its parent is in another process, and whether it is."""


def message_of(batch: SpanBatch) -> Any:
    """Return a request in protobuf with these spans."""
    message = request_class()()
    group = message.resource_spans.add()
    add_to_message(group.resource.attributes, batch.resource)
    by_scope: dict[tuple[str, str], Any] = {}
    for span in batch.spans:
        scope = span.scope_name, span.scope_version
        if scope not in by_scope:
            scope_group = by_scope[scope] = group.scope_spans.add()
            scope_group.scope.name, scope_group.scope.version = map(encodable, scope)
        _add_span(by_scope[scope].spans.add(), span)
    return message


def _add_span(message: Any, span: SpanData) -> None:
    message.trace_id = span.trace_id.to_bytes(16, "big")
    message.span_id = span.span_id.to_bytes(8, "big")
    parent_id = span.carried_parent_id if span.parent_id is None else span.parent_id
    if parent_id is not None:
        message.parent_span_id = parent_id.to_bytes(8, "big")
    message.flags = _IS_KNOWN | (_IS_REMOTE if span.is_part else 0)
    message.name = encodable(span.name)
    message.kind = KINDS.index(span.span_kind, 1) if span.span_kind in KINDS else 0
    message.start_time_unix_nano, message.end_time_unix_nano = span.start_ns, span.end_ns
    add_to_message(message.attributes, span.attributes)
    message.dropped_attributes_count = span.dropped_attributes
    for event in span.events:
        added = message.events.add()
        added.name, added.time_unix_nano = encodable(event.name), event.time_ns
        add_to_message(added.attributes, event.attributes)
    if span.failed:
        message.status.code = STATUS_ERROR
        message.status.message = encodable(span.status_description or "")


def document_of(message: Any) -> Any:
    """Return a request in OTLP's JSON form."""
    to_dict = needed("google.protobuf.json_format", "replay").MessageToDict
    return _with_ids(to_dict(message, use_integers_for_enums=True), _hexadecimal)


def message_of_document(document: Any) -> Any:
    """Return a request in protobuf of one in JSON.

    Raises:
        ValueError: something in it is not as OTLP's JSON has it.

    """
    json_format = needed("google.protobuf.json_format", "replay")
    try:
        given = _with_ids(document, _base64)
        return json_format.ParseDict(given, request_class()(), ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, RecursionError) as error:
        raise ValueError from error


def _with_ids(value: Any, changed: Callable[[str], str], path: Sequence[str] = _TO_IDS) -> Any:
    """Return a request with the ids of spans in another form: protobuf's own is base64.

    ``path``: the names below which there are further ids.
    """
    if type(value) is not dict:
        return value
    found = {
        name: changed(inner) if name in _IDS and type(inner) is str else inner
        for name, inner in value.items()
    }
    if path and type(inner := found.get(path[0])) is list:
        found[path[0]] = [_with_ids(one, changed, path[1:]) for one in inner]
    return found


def _hexadecimal(text: str) -> str:
    return b64decode(text).hex()


def _base64(text: str) -> str:
    # in base64, ids of 16 and 8 bytes have 24 and 12 characters
    return b64encode(bytes.fromhex(text)).decode() if len(text) in {16, 32} else text
