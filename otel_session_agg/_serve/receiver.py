"""The receiver of OTLP/HTTP: spans in protobuf or JSON, compressed or not.

What a request may be is checked in this order, each before the next costs anything: path, method,
access, rate, types, size while it is read, size while it is decompressed, parts, and last its
spans.  From decompression on it is the work of threads, so that neither the event loop nor the page
waits for it; requests wait for these threads within `Limits.max_waiting_bytes`.

Source: OTLP specification 1.9, "OTLP/HTTP".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from otel_session_agg._serve.answers import JSON, PROTOBUF, failure, success
from otel_session_agg._serve.asgi import App, Header, Receive, Scope, Send, header, respond
from otel_session_agg._serve.bodies import ENCODINGS, Bodies, decompressed
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.refusals import Refused
from otel_session_agg._serve.shapes import check_json, check_protobuf

__all__ = ["Check", "Outcome", "Receiver", "Take"]

_THREADS = 2
"""One can work while another waits for the disk."""
_TRACES = "/v1/traces"
_OTHER_SIGNALS = frozenset({"/v1/metrics", "/v1/logs", "/v1development/profiles"})
Check = Callable[[Scope], None]
"""Raises `Refused` if a request may not come in."""


class Outcome(NamedTuple):
    """What became of the spans of a request."""

    num_rejected: int = 0
    """Those that were not taken, and will not be."""
    message: str = ""
    """Why."""


Take = Callable[[bytes], Outcome]
"""Takes a request, decompressed: when it returns the spans are safe.

It raises `Refused` if they cannot be taken, or not now.
"""


class Receiver:
    """The application that answers at ``/v1/traces``.

    Args:
        take: Takes requests; it is called by a few threads at once.
        check: Whether a request may come in.
        limits: What it may be.

    """

    def __init__(self, take: Take, check: Check, limits: Limits) -> None:
        self._take, self._check, self._limits = take, check, limits
        self._bodies = Bodies(limits)
        self._worker = ThreadPoolExecutor(_THREADS, "otel-session-agg-receiver")

    @property
    def app(self) -> App:
        """The application, as ASGI has it."""
        return self._answer

    def close(self) -> None:
        """End the thread when all that waits is done."""
        self._worker.shutdown()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        media_type = _media_type(scope)
        try:
            outcome = await self._outcome(scope, receive, media_type)
        except Refused as refused:
            body = failure(media_type, refused.status, refused.text)
            headers = [*refused.headers, *_EXTRA_HEADERS.get(refused.status, ())]
            answered = media_type if media_type in {PROTOBUF, JSON} else JSON
            await respond(send, refused.status, body, answered, headers)
        else:
            await respond(send, 200, success(media_type, *outcome), media_type)

    async def _outcome(self, scope: Scope, receive: Receive, media_type: str) -> Outcome:
        _check_address(scope)
        self._check(scope)
        encoding = (header(scope, b"content-encoding") or "").strip().lower()
        if media_type not in {PROTOBUF, JSON}:
            raise Refused(415, f"Content-Type is to be {PROTOBUF} or {JSON}", closes=True)
        if encoding not in ENCODINGS:
            raise Refused(415, "Content-Encoding is to be gzip, deflate or zstd", closes=True)
        async with self._bodies.read(scope, receive) as body:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._worker, self._taken, body, encoding, media_type)

    def _taken(self, body: bytes, encoding: str, media_type: str) -> Outcome:
        """Decompress and check a request, and hand it on."""
        content = decompressed(body, encoding, self._limits.max_message_bytes)
        if media_type == JSON:
            _check_is_json(content)
            check_json(content, self._limits)
        elif not content:
            return Outcome()
        elif content[:1] in _JSON_BEGINS:
            raise Refused(400, "no OTLP message")
        else:
            check_protobuf(content, self._limits)
        return self._take(content)


_JSON_BEGINS = frozenset({b"{", b"["})
"""How no message in protobuf begins."""
_EXTRA_HEADERS: dict[int, list[Header]] = {
    401: [(b"www-authenticate", b"Bearer")],
    405: [(b"allow", b"POST")],
    415: [(b"accept-encoding", b"gzip, deflate, zstd")],
}


def _media_type(scope: Scope) -> str:
    return (header(scope, b"content-type") or "").partition(";")[0].strip().lower()


def _check_address(scope: Scope) -> None:
    """Raise `Refused` if there is nothing at the path of a request, or not for its method."""
    path = scope["path"]
    if path in _OTHER_SIGNALS:
        raise Refused(404, "only traces are taken here", closes=True)
    if path != _TRACES:
        raise Refused(404, f"there is nothing here but {_TRACES}", closes=True)
    if scope["method"] != "POST":
        raise Refused(405, f"{_TRACES} takes POST", closes=True)


def _check_is_json(content: bytes) -> None:
    if content.lstrip()[:1] not in _JSON_BEGINS:
        raise Refused(400, "no JSON object")
