"""Answers of an OTLP endpoint, in the encoding of the request.

Source: OTLP specification 1.9, "OTLP/HTTP Response"; ``google.rpc.Status``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from otel_session_agg._otlp.wire import LENGTH, VARINT, encoded_varint

__all__ = ["JSON", "PROTOBUF", "failure", "success"]

PROTOBUF, JSON = "application/x-protobuf", "application/json"
"""Media types of requests and answers."""

_PARTIAL_SUCCESS, _REJECTED, _MESSAGE = 1, 1, 2
"""Fields of ``ExportTraceServiceResponse``, and of what is in it."""
_CODE, _TEXT = 1, 2
"""Fields of ``Status``."""

_INVALID, _DEADLINE, _PERMISSION, _EXHAUSTED = 3, 4, 7, 8
_UNIMPLEMENTED, _UNAVAILABLE, _UNAUTHENTICATED, _UNKNOWN = 12, 14, 16, 2
_CODES: Mapping[int, int] = {
    400: _INVALID,
    401: _UNAUTHENTICATED,
    403: _PERMISSION,
    404: _UNIMPLEMENTED,
    405: _UNIMPLEMENTED,
    408: _DEADLINE,
    413: _INVALID,
    415: _INVALID,
    421: _PERMISSION,
    429: _EXHAUSTED,
    503: _UNAVAILABLE,
}
"""Codes of gRPC by statuses of HTTP."""


def success(media_type: str, num_rejected: int = 0, message: str = "") -> bytes:
    """Return an ``ExportTraceServiceResponse``.

    Args:
        media_type: ``PROTOBUF`` or ``JSON``.
        num_rejected: Spans that were not taken; the others were.
        message: Why, or a warning where all were taken; empty: neither.

    """
    is_partial = bool(num_rejected or message)
    if media_type == JSON:
        partial = {"rejectedSpans": str(num_rejected), "errorMessage": message}
        return json.dumps({"partialSuccess": partial} if is_partial else {}).encode()
    if not is_partial:
        return b""
    inner = _number(_REJECTED, num_rejected) + _text(_MESSAGE, message)
    return _field(_PARTIAL_SUCCESS, inner)


def failure(media_type: str, status: int, message: str) -> bytes:
    """Return a ``google.rpc.Status``; ``status`` is that of HTTP."""
    code = _CODES.get(status, _UNKNOWN)
    if media_type == PROTOBUF:
        return _number(_CODE, code) + _text(_TEXT, message)
    return json.dumps({"code": code, "message": message}).encode()


def _number(field: int, value: int) -> bytes:
    return encoded_varint(field << 3 | VARINT) + encoded_varint(value) if value else b""


def _text(field: int, text: str) -> bytes:
    return _field(field, text.encode()) if text else b""


def _field(field: int, value: bytes) -> bytes:
    return encoded_varint(field << 3 | LENGTH) + encoded_varint(len(value)) + value
