"""Read what a span came to: its output, or its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._model.span import SpanData
from otel_session_agg._untrusted.values import first_text, plain_text, text

MAX_OUTPUT_CHARS = 16_384
"""Length of the raw output kept per root until it is released; what is written is shorter still."""

MAX_ERROR_CHARS = 1024
"""Length of the error text kept per root."""


def read_error(
    span: SpanData, type_keys: tuple[str, ...], attributes: Mapping[str, Any]
) -> str | None:
    """Return the status description, else the last exception, else the error type."""
    type_ = first_text(type_keys, attributes)
    if not span.failed and type_ is None:
        return None
    if span.status_description:
        return span.status_description[:MAX_ERROR_CHARS]
    for event in reversed(span.events):
        if event.name == "exception":
            keys = ("exception.type", "exception.message")
            parts = [text(event.attributes.get(key)) for key in keys]
            if any(parts):
                return ": ".join(part for part in parts if part)[:MAX_ERROR_CHARS]
    return type_ or "error"


def read_output(keys: tuple[str, ...], attributes: Mapping[str, Any]) -> str | None:
    """Return the first output under these keys that is a text and not empty."""
    for key in keys:
        value = plain_text(attributes[key])
        if value:
            return value[:MAX_OUTPUT_CHARS]
    return None
