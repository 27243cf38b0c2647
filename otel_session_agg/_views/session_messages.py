"""One span as it was read: the messages in it, where they were captured, and its raw attributes.

Messages are found by the keys of the conventions that name them.  All of it is foreign text: it is
bounded here, and shown as plain text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple

from otel_session_agg._history.columns import quoted
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._views.reads import Reads

__all__ = ["Message", "RawValue", "SpanDetail", "span_detail"]

MAX_MESSAGES = 200
MAX_CHARS = 20_000
"""Characters of a message or a value that are shown."""
MAX_VALUES = 1000
_MAX_PARTS = 100
"""Parts of one message that are read."""

_LISTS: Mapping[str, str] = {
    "gen_ai.system_instructions": "system",
    "gen_ai.input.messages": "user",
    "gen_ai.output.messages": "assistant",
    "gen_ai.prompt": "user",
    "gen_ai.completion": "assistant",
    "pydantic_ai.all_messages": "user",
    "input.value": "input",
    "output.value": "output",
    "traceloop.entity.input": "input",
    "traceloop.entity.output": "output",
    "gen_ai.tool.call.arguments": "arguments",
    "gen_ai.tool.call.result": "result",
}
"""Keys whose value is a text, a message or a list of them, in JSON; and whose it is by default."""
_INDEXED = re.compile(
    r"(?P<of>gen_ai\.prompt|gen_ai\.completion|llm\.input_messages|llm\.output_messages)"
    r"\.(?P<at>\d{1,4})\.(?:message\.)?(?P<what>role|content)"
)
"""Keys that are numbered, one for each part of a message."""
_OUTPUTS = frozenset({"gen_ai.completion", "llm.output_messages"})
_EVENTS: Mapping[str, str] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
"""Events that are a message each, and whose it is."""
_TEXTS = ("content", "text", "message", "parts", "result", "response", "arguments")
"""Where the text of a message stands in an object, in the order in which it is looked for."""

_COLUMNS = (
    "name", "kind", "span_kind", "scope", "scope_version", "start_ns", "end_ns", "failed", "status",
    "parent_id", "session", "attributes", "events", "resource",
)  # fmt: skip
_SPAN = f"""
SELECT {", ".join(map(quoted, _COLUMNS))} FROM spans WHERE trace_id = ? AND span_id = ?
    AND start_time >= (SELECT min(start_time) - INTERVAL 1 second FROM traces WHERE trace_id = ?)
LIMIT 1
"""


class Message(NamedTuple):
    """A message that a span has."""

    role: str
    text: str
    source: str
    """The key, or the name of the event, that it is from."""


class RawValue(NamedTuple):
    """An attribute as it was read."""

    key: str
    value: str


class SpanDetail(NamedTuple):
    """One span."""

    trace_id: str
    span_id: str
    name: str
    kind: str
    """What it stands for: model, tool, agent ..."""
    span_kind: str
    scope: str
    start: datetime
    duration_ms: float
    failed: bool
    status: str
    parent_id: str | None
    session: str
    messages: list[Message]
    attributes: list[RawValue]
    events: list[tuple[str, float, list[RawValue]]]
    """Name, milliseconds after the start, attributes."""
    resource: list[RawValue]


def span_detail(history: Reads, trace_id: str, span_id: str) -> SpanDetail | None:
    """Return one span; ``None``: it is not kept."""
    rows = history.rows(_SPAN, [trace_id, span_id, trace_id])
    if not rows:
        return None
    row: dict[str, Any] = dict(zip(_COLUMNS, rows[0], strict=True))
    attributes = _parsed(row["attributes"], dict)
    events = _parsed(row["events"], list)
    start_ns = row["start_ns"]
    return SpanDetail(
        trace_id,
        span_id,
        row["name"],
        row["kind"],
        row["span_kind"],
        f"{row['scope'] or ''} {row['scope_version'] or ''}".strip(),
        datetime.fromtimestamp(start_ns / 1e9, timezone.utc),
        (row["end_ns"] - start_ns) / 1e6,
        bool(row["failed"]),
        row["status"] or "",
        row["parent_id"],
        row["session"],
        list(_messages(attributes, events)),
        _values(attributes),
        [
            (str(name), (time_ns - start_ns) / 1e6, _values(given))
            for (name, time_ns), given in events[:MAX_MESSAGES]
        ],
        _values(_parsed(row["resource"], dict)),
    )


def _parsed(text: str | None, kind: type[Any]) -> Any:
    if text is None:
        return kind()
    try:
        value = loaded(text)
    except ValueError:
        return kind()
    return value if isinstance(value, kind) else kind()


def _values(attributes: Mapping[str, Any]) -> list[RawValue]:
    return [
        RawValue(_cut(key, 400), _cut(value if isinstance(value, str) else _json(value)))
        for key, value in sorted(attributes.items())[:MAX_VALUES]
    ]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str, max_chars: int = MAX_CHARS) -> str:
    return text if len(text) <= max_chars else f"{text[: max_chars - 3]}..."


# -- messages --------------------------------------------------------------------------------------


def _messages(attributes: Mapping[str, Any], events: list[Any]) -> Iterator[Message]:
    """Yield the messages of a span: those of its events, else of its attributes; each once."""
    seen: set[tuple[str, str]] = set()
    for message in _all_messages(attributes, events):
        known = (message.role, message.text)
        if message.text and known not in seen:
            seen.add(known)
            yield message
        if len(seen) >= MAX_MESSAGES:
            return


def _all_messages(attributes: Mapping[str, Any], events: list[Any]) -> Iterator[Message]:
    for key, role in _LISTS.items():
        if key in attributes:
            yield from _of_value(attributes[key], role, key)
    yield from _numbered(attributes)
    for (name, _), given in events:
        if name in _EVENTS and isinstance(given, dict):
            yield from _of_value(given, _EVENTS[name], name)


def _numbered(attributes: Mapping[str, Any]) -> Iterator[Message]:
    found: dict[tuple[bool, str, int], dict[str, str]] = {}
    for key, value in attributes.items():
        match = _INDEXED.fullmatch(key)
        if match is not None and isinstance(value, str):
            place = (match["of"] in _OUTPUTS, match["of"], int(match["at"]))
            found.setdefault(place, {})[match["what"]] = value
    for (is_output, of, _), parts in sorted(found.items()):
        role = parts.get("role") or ("assistant" if is_output else "user")
        yield Message(_cut(role, 40), _cut(parts.get("content", "")), of)


def _of_value(value: object, role: str, source: str) -> Iterator[Message]:
    """Yield the messages in the value of a key: a text, or JSON of one or of several."""
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        with suppress(ValueError):  # a text that begins like JSON
            value = loaded(value)
    if isinstance(value, list) and any(isinstance(one, dict) and "role" in one for one in value):
        for one in value[:MAX_MESSAGES]:
            yield _message(one, role, source)
    elif isinstance(value, dict) and isinstance(value.get("messages"), list):
        yield from _of_value(value["messages"], role, source)
    else:
        yield _message(value, role, source)


def _message(value: object, role: str, source: str) -> Message:
    if isinstance(value, dict) and isinstance(value.get("role"), str):
        role = value["role"]
    return Message(_cut(role, 40), _cut(_text(value)), source)


def _text(value: object, depth: int = 0) -> str:
    """Return the text of a message; of what is none, its JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and depth < len(_TEXTS):
        return "\n".join(_text(one, depth + 1) for one in value[:_MAX_PARTS])
    if isinstance(value, dict) and depth < len(_TEXTS):
        for key in _TEXTS:
            if value.get(key) and isinstance(value[key], (str, list, dict)):
                return _text(value[key], depth + 1)
    return "" if value is None else _json(value)
