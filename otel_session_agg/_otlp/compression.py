"""Decompress gzip and zstd while reading."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from otel_session_agg._extras import needed

MAGIC_BYTES = 4
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
"""How compressed data begins."""

_GZIP_WINDOW = 31
"""Tells ``zlib`` to expect gzip's header."""


class _Decompressor(Protocol):
    """What both libraries have."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class Codec(NamedTuple):
    """How data is decompressed."""

    new: Callable[[], _Decompressor]
    """Begin a member of a file."""
    error: type[Exception]
    step_bytes: int
    """What is decompressed at once: at most some 64 MiB come of it."""


class BrokenError(Exception):
    """The compressed data is broken or ends too early; the text says which."""


def codec_of(head: bytes) -> Codec | None:
    """Return how to decompress data that begins like this; ``None``: it is not compressed.

    Raises:
        SessionAggError: the library for it is not installed.

    """
    if head.startswith(_GZIP):
        return Codec(_gzip, zlib.error, 1 << 16)
    if head.startswith(_ZSTD):
        zstd: Any = needed("zstandard", "replay")
        return Codec(lambda: zstd.ZstdDecompressor().decompressobj(), zstd.ZstdError, 1 << 10)
    return None


def _gzip() -> Any:
    return zlib.decompressobj(_GZIP_WINDOW)


def decompressed(chunks: Iterator[bytes], codec: Codec) -> Iterator[bytes]:
    """Decompress one or more members that follow each other.

    Zeros behind a member are padding.

    Raises:
        BrokenError: the data is broken or ends too early; all before it was returned.

    """
    member, begun = codec.new(), False
    for rest in _steps(chunks, codec.step_bytes):
        while rest and (begun or rest.strip(b"\0")):
            begun = True
            try:
                found = member.decompress(rest)
            except codec.error:
                message = "compressed data is broken"
                raise BrokenError(message) from None
            if found:
                yield found
            rest = b""  # noqa: PLW2901 -- what is left of the step
            if member.eof:
                rest, member, begun = member.unused_data, codec.new(), False  # noqa: PLW2901
    if begun:
        message = "compressed data ends too early"
        raise BrokenError(message)


def _steps(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), size):
            yield chunk[at : at + size]
