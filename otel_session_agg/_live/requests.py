"""Look at a request before it is accepted: whether it is OTLP, and how many spans it has."""

from __future__ import annotations

from typing import Any, NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._extras import needed
from otel_session_agg._otlp import otlp_json
from otel_session_agg._otlp.otlp import is_json
from otel_session_agg._otlp.otlp_protobuf import parsed, request_class
from otel_session_agg._otlp.span_fields import SPAN_ID_BYTES, TRACE_ID_BYTES

_MOST_REPAIRED = 4 * 1024 * 1024
"""Bytes of a request with broken text in it, up to which what can be read of it is: it is slow."""

_NOT_OTLP = "the request is no OTLP export of traces, or broken"
_WITHOUT_IDS = "without a valid trace id or span id, or with a wrong number"


class NotAcceptedError(SessionAggError):
    """A request is not understood: it is of no use to send it again."""


class Accepted(NamedTuple):
    """What was accepted of a request."""

    num_spans: int
    """Those that are counted."""
    num_rejected: int
    message: str
    """Why some were rejected; empty: none was."""


def looked_at(content: bytes) -> Accepted:
    """Return how many spans of a request can be counted.

    Raises:
        NotAcceptedError: it is no request.

    """
    read = _in_json if is_json(content.lstrip()[:1]) else _in_protobuf
    num_spans, num_rejected = read(content)
    return Accepted(num_spans, num_rejected, f"spans {_WITHOUT_IDS}" if num_rejected else "")


def _in_protobuf(content: bytes) -> tuple[int, int]:
    error: type[Exception] = needed("google.protobuf.message", "replay").DecodeError
    is_broken = False
    try:
        request: Any = request_class().FromString(content)
    except (error, ValueError):
        is_broken = True
        request = parsed(content, "", _was_broken) if len(content) <= _MOST_REPAIRED else None
    if request is None or (content and not request.resource_spans):
        raise NotAcceptedError(_NOT_OTLP)
    valid = total = 0
    for group in request.resource_spans:
        for scope in group.scope_spans:
            total += len(scope.spans)
            for span in scope.spans:
                valid += len(span.trace_id) == TRACE_ID_BYTES and len(span.span_id) == SPAN_ID_BYTES
    if is_broken and not total:
        raise NotAcceptedError(_NOT_OTLP)
    return valid, total - valid


def _in_json(content: bytes) -> tuple[int, int]:
    problems: list[str] = []

    def report(_place: str, what: str) -> None:
        problems.append(what)

    valid = sum(len(batch.spans) for batch in otlp_json.batches(content, "", report))
    if not valid and any(not what.startswith("a span ") for what in problems):
        raise NotAcceptedError(_NOT_OTLP)
    return valid, sum(what.startswith("a span ") for what in problems)


def _was_broken(_place: str, _what: str) -> None:
    """Pass over text that is not UTF-8: it is replaced."""
