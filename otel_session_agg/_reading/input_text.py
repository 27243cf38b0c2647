"""Render an input as readable text: of messages it is the last one of a user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from otel_session_agg._reading.output_text import readable

MAX_JSON_CHARS = 100_000
"""Characters of JSON that is parsed; of a longer text the beginning is taken as it is."""

_USER_ROLES = ("user", "human")


class RawInput(NamedTuple):
    """The input of a span as its attribute has it."""

    time_ns: int
    """When the span began, nanoseconds since the Unix epoch."""
    span_id: int
    raw: str


def input_text(raw: str, max_chars: int) -> str | None:
    """Return the text of the last message of a user, else that of the whole input."""
    if raw.lstrip()[:1] in ("{", "[") and len(raw) <= MAX_JSON_CHARS:
        try:
            message = _last_of_user(json.loads(raw))
        except (ValueError, RecursionError):
            message = None
        if message is not None:
            return readable(json.dumps(message), max_chars)
    return readable(raw if len(raw) <= MAX_JSON_CHARS else raw[:max_chars], max_chars)


def _last_of_user(value: object) -> Mapping[str, Any] | None:
    """Return the last message of a user, without its role.

    ``readable`` takes it for an output, and in outputs messages of users are passed over.
    """
    if isinstance(value, Mapping):
        value = value.get("messages")
    found = (
        [one for one in value if isinstance(one, Mapping) and one.get("role") in _USER_ROLES]
        if isinstance(value, list)
        else []
    )
    return {name: part for name, part in found[-1].items() if name != "role"} if found else None
