"""Read what a span came to: its output, or its error, and whether an answer may have been lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_session_agg._model.span import SpanData, Usage
from otel_session_agg._reading.index import KeyMeaning, keys_of
from otel_session_agg._untrusted.values import first_text, plain_text, text
from otel_session_agg.conventions._schema import Meaning

MAX_OUTPUT_CHARS = 16_384
"""Length of the raw output kept per root until it is released; what is written is shorter still."""

MAX_ERROR_CHARS = 1024
"""Length of the error text kept per root."""


GIVEN_UP = frozenset({"CancelledError", "GeneratorExit", "KeyboardInterrupt"})
"""What Python raises where the application stops reading."""

LOST = GIVEN_UP | {
    "APIConnectionError", "APITimeoutError", "ChunkedEncodingError", "ClientPayloadError",
    "ConnectionResetError", "IncompleteRead", "IncompleteReadError", "MidStreamFallbackError",
    "OpenAIConnectionError", "ProtocolError", "ReadError", "ReadTimeout", "ReadTimeoutError",
    "RemoteProtocolError", "ResponseStreamingError", "ServerDisconnectedError",
}  # fmt: skip
"""Types of errors by which HTTP clients (httpx, requests, urllib3, aiohttp, botocore) and SDKs tell
that the connection was lost, or that it took too long, after a request was or may have been sent:
providers bill what they answer all the same.  Where a server answers with an error they have other
types."""

_MESSAGES = {"Connection error.": "APIConnectionError", "Request timed out.": "APITimeoutError"}
"""What SDKs of OpenAI and Anthropic say, where frameworks pass on the text without the type."""

_MAX_NAME_CHARS = 128


def lost_by(said: object) -> str | None:
    """Return the name in ``LOST`` that a type, a ``repr`` or the message of an error states.

    LangSmith states any exception as ``Exception``, with the ``repr`` of what was raised.
    """
    stated = plain_text(said)
    if stated is None:
        return None
    name = stated[:_MAX_NAME_CHARS].partition("(")[0].partition(":")[0].rpartition(".")[2]
    if name in LOST:
        return name
    start = stated[:MAX_ERROR_CHARS]
    return next((name for message, name in _MESSAGES.items() if message in start), None)


def _lost(
    span: SpanData, entries: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]
) -> str | None:
    """Return by which error in ``LOST`` a call failed, if by one."""
    said: list[object] = [
        first_text(keys_of(entries, Meaning.ERROR_TYPE), attributes),
        span.status_description,
    ]
    for event in span.events:
        if event.name == "exception":
            said += [event.attributes.get(key) for key in ("exception.type", "exception.message")]
    return next((name for one in said if (name := lost_by(one))), None)


def read_failure(
    span: SpanData, entries: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]
) -> tuple[str | None, bool, bool]:
    """Return the error, whether there may be an answer all the same, and whether a rest is lost."""
    error = _error(span, keys_of(entries, Meaning.ERROR_TYPE), attributes)
    if error is None:
        return None, False, False
    name = _lost(span, entries, attributes)
    is_answered = name is not None or Meaning.ANSWER in entries
    return error, is_answered, name is not None and name not in GIVEN_UP


def without_output(usage: Usage | None) -> Usage | None:
    """Return usage without the tokens of the output."""
    if usage is None:
        return None
    return usage._replace(completion_tokens=None, total_tokens=None, reasoning_tokens=None)


def _error(span: SpanData, type_keys: tuple[str, ...], attributes: Mapping[str, Any]) -> str | None:
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
