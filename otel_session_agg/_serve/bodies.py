"""Read the body of a request: within a size and a time, and within what all requests may hold.

A body is read as it was sent, and decompressed apart from that, so that the event loop is never
kept.  Decompression ends at the limit: a "bomb" costs no more than a large request.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from otel_session_agg._extras import needed
from otel_session_agg._serve.asgi import Receive, Scope, header
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.refusals import Refused

__all__ = ["ENCODINGS", "Bodies", "decompressed"]

_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""The size of the window by which ``zlib`` knows each encoding."""
_MAX_DIGITS = 20
"""Of a size: more are cut off, which leaves it too large; `int` takes the square of them."""
_ZSTD = "zstd"
_MAX_WINDOW = 8 << 20
"""Memory of a decompressor of zstd; RFC 8878 recommends that readers take so much."""
_MAX_MEMBERS = 8
"""Members of gzip after each other: each is looked for in a copy of what is left."""

ENCODINGS = frozenset({"", "identity", _ZSTD, *_WINDOWS})
"""Values of ``Content-Encoding`` that are known; empty: there is none."""


class Bodies:
    """Reads bodies; knows how much of them is in memory.

    It is used by one event loop, so nothing is locked.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.num_bytes = 0
        """Of all bodies that are in memory."""

    @asynccontextmanager
    async def read(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Read the body of a request; it counts as being in memory until the block is left.

        Raises:
            Refused: it is too large or too slow, or too much is in memory already.

        """
        self._check_announced(scope)
        held = _Held(self)
        try:
            yield await self._within_time(held, receive)
        finally:
            held.let_go()

    def _check_announced(self, scope: Scope) -> None:
        announced = header(scope, b"content-length")
        if announced is not None and announced.isascii() and announced.isdigit():
            size = int(announced[:_MAX_DIGITS])
            if size > self._limits.max_body_bytes:
                raise self._too_large()
            if self.num_bytes + size > self._limits.max_waiting_bytes:
                raise self._busy()

    async def _within_time(self, held: _Held, receive: Receive) -> bytes:
        try:
            return await asyncio.wait_for(self._all(held, receive), self._limits.body_seconds)
        except asyncio.TimeoutError:
            message = f"the body took longer than {self._limits.body_seconds:g} seconds"
            raise Refused(408, message, closes=True) from None

    async def _all(self, held: _Held, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Refused(400, "the connection ended before the body was complete", closes=True)
            chunk = message.get("body", b"")
            held.add(len(chunk))
            if held.num_bytes > self._limits.max_body_bytes:
                raise self._too_large()
            if self.num_bytes > self._limits.max_waiting_bytes:
                raise self._busy()
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)

    def _too_large(self) -> Refused:
        most = self._limits.max_body_bytes
        return Refused(413, f"the body has more than {most} bytes", closes=True)

    def _busy(self) -> Refused:
        seconds = self._limits.retry_seconds
        return Refused(503, "too many requests wait", retry_seconds=seconds, closes=True)


class _Held:
    """What one request holds."""

    def __init__(self, all_bodies: Bodies) -> None:
        self._all, self.num_bytes = all_bodies, 0

    def add(self, size: int) -> None:
        self.num_bytes += size
        self._all.num_bytes += size

    def let_go(self) -> None:
        self._all.num_bytes -= self.num_bytes


def decompressed(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Decompress a body.

    Args:
        body: As it was sent.
        encoding: One of ``ENCODINGS``.
        max_bytes: Where decompression ends.

    Raises:
        Refused: it is broken, or larger than that.

    """
    if encoding in _WINDOWS:
        found = _inflated(body, _WINDOWS[encoding], max_bytes)
    elif encoding == _ZSTD:
        found = _of_zstd(body, max_bytes)
    else:
        found = body
    if len(found) > max_bytes:
        raise Refused(413, f"the body has more than {max_bytes} bytes when it is decompressed")
    return found


def _inflated(body: bytes, window: int, max_bytes: int) -> bytes:
    found, rest = bytearray(), body
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(window)
        try:
            found += member.decompress(rest, max_bytes + 1 - len(found))
        except zlib.error:
            raise _broken() from None
        if len(found) > max_bytes:
            return bytes(found)
        if not member.eof:
            break
        rest = member.unused_data
        if not rest:
            return bytes(found)
    raise _broken()


def _of_zstd(body: bytes, max_bytes: int) -> bytes:
    zstd: Any = needed("zstandard", "serve")
    reader = zstd.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(body)
    try:
        found: bytes = reader.read(max_bytes + 1)
        if not found and body:
            raise _broken()
    except zstd.ZstdError:
        raise _broken() from None
    return found


def _broken() -> Refused:
    return Refused(400, "the compressed body is broken")
