"""Render the last output as readable text.

Instrumentations write an answer as plain text or as JSON of messages, choices or generations, each
in a shape of its own.  The text of the last assistant message is searched for; an attribute that is
no such JSON is itself the text.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._untrusted.values import encodable

_TEXT_KEYS = (
    "content", "text", "parts", "message", "messages", "choices", "generations", "outputs",
    "output", "result", "answer", "response", "data", "value", "final_output", "kwargs",
    "candidates",
)  # fmt: skip
"""Names below which the text of an answer stands, in order of trust."""

_MAX_DEPTH = 12


class Short(str):
    """An output that is readable text already, so that it is not rendered twice."""

    __slots__ = ()


def readable(value: object, max_chars: int) -> str | None:
    """Return the text of an output attribute, cut at ``max_chars``, or ``None`` if it has none."""
    if not isinstance(value, str) or not value.strip():
        return None
    text = value
    if value.lstrip()[:1] in ("{", "[", '"'):
        try:
            text = _text(loaded(value), _MAX_DEPTH) or value
        except ValueError:
            text = value
    return encodable(text[:max_chars])


def _text(value: object, depth: int) -> str | None:
    if isinstance(value, str):
        return value.strip() or None
    if not depth:
        return None
    if isinstance(value, list):
        parts = [_text(item, depth - 1) for item in value]
        if all(_is_part(item) for item in value):
            return "".join(part for part in parts if part) or None
        return next((part for part in reversed(parts) if part), None)
    if isinstance(value, Mapping):
        if value.get("role") in ("user", "system", "tool", "human"):
            return None
        found = (_text(value[key], depth - 1) for key in _TEXT_KEYS if key in value)
        return next((text for text in found if text), None)
    return None


def _is_part(item: object) -> bool:
    """Return whether an item of a list is a part of one message, and no message itself."""
    return isinstance(item, Mapping) and "role" not in item and "message" not in item
