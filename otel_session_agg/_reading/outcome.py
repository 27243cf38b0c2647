"""Read what a span came to: its output, or its error, and whether an answer may have been lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._reading.index import KeyMeaning, keys_of
from otel_session_agg._untrusted.values import first_text, plain_text, text
from otel_session_agg.conventions._schema import Meaning

MAX_OUTPUT_CHARS = 16_384
"""Length of the raw output kept per root until it is released; what is written is shorter still."""

MAX_ERROR_CHARS = 1024
"""Length of the error text kept per root."""


LOST = frozenset({
    "APIConnectionError", "APITimeoutError", "ChunkedEncodingError", "ClientPayloadError",
    "ConnectionResetError", "IncompleteRead", "IncompleteReadError", "MidStreamFallbackError",
    "OpenAIConnectionError", "ProtocolError", "ReadError", "ReadTimeout", "ReadTimeoutError",
    "RemoteProtocolError", "ResponseStreamingError", "ServerDisconnectedError",
    "CancelledError", "GeneratorExit", "KeyboardInterrupt",
})  # fmt: skip
"""Types of errors by which HTTP clients (httpx, requests, urllib3, aiohttp, botocore) and SDKs tell
that the connection was lost, or that it took too long, after a request was or may have been sent:
providers bill what they answer all the same.  Where a server answers with an error they have other
types.  The last three are what Python raises where the application stops reading."""

_MAX_NAME_CHARS = 64


def has_begun(
    span: SpanData, entries: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]
) -> bool:
    """Return whether a call that failed has a part of its answer, or lost its connection."""
    if Meaning.ANSWER in entries:
        return True
    stated = first_text(keys_of(entries, Meaning.ERROR_TYPE), attributes)
    if stated is not None and stated.rpartition(".")[2] in LOST:
        return True
    return any(event.name == "exception" and raised(event) in LOST for event in span.events)


def raised(event: SpanEvent) -> str | None:
    """Return the name of what was raised, without its module.

    LangSmith states any exception as ``Exception``, with the ``repr`` of what was raised as the
    message; of that the names in ``LOST`` are read.
    """
    type_ = text(event.attributes.get("exception.type"))
    if type_ == "Exception":
        said = plain_text(event.attributes.get("exception.message")) or ""
        name = said[:_MAX_NAME_CHARS].partition("(")[0]
        return name if name in LOST else type_
    return None if type_ is None else type_.rpartition(".")[2]


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
