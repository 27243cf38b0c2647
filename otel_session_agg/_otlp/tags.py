"""Take from the tags of a span what OpenTelemetry's exporters to Jaeger and Zipkin put there.

Source: OpenTelemetry specification, "Mapping to non-OTLP formats"; older names of its keys, too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from otel_session_agg._otlp.field_values import is_error, text
from otel_session_agg._untrusted.values import count, flag

_SCOPE_NAME = ("otel.scope.name", "otel.library.name")
_SCOPE_VERSION = ("otel.scope.version", "otel.library.version")
_STATUS_CODE = "otel.status_code"
_STATUS_DESCRIPTION = "otel.status_description"
_ERROR = "error"
_KIND = "span.kind"
_DROPPED = "otel.dropped_attributes_count"
_NOT_READ = ("w3c.tracestate", "otel.dropped_events_count", "otel.dropped_links_count")


class TagFields(NamedTuple):
    """Fields of a span that stand among its tags; named as those of ``SpanData``."""

    span_kind: object
    """As it is stated, in whatever spelling."""
    scope_name: str
    scope_version: str
    failed: bool
    status_description: str | None
    dropped_attributes: int


def take_fields(tags: dict[str, Any]) -> TagFields:
    """Take the fields out of the tags; what stays are the span's attributes."""
    failed = is_error(tags.pop(_STATUS_CODE, None))
    description = text(tags.pop(_STATUS_DESCRIPTION, None))
    if _ERROR in tags:
        error = tags.pop(_ERROR)
        failed = failed or flag(error) is not False
        if flag(error) is None:  # by the mapping to Zipkin it is the description
            description = description or text(error)
    fields = TagFields(
        tags.pop(_KIND, None),
        _first(tags, _SCOPE_NAME),
        _first(tags, _SCOPE_VERSION),
        failed,
        description if failed and description else None,
        count(tags.pop(_DROPPED, None)) or 0,
    )
    for key in _NOT_READ:
        tags.pop(key, None)
    return fields


def _first(tags: dict[str, Any], keys: tuple[str, ...]) -> str:
    stated = [text(tags.pop(key, None)) for key in keys]
    return next(filter(None, stated), "")
