"""Find the requests in a file that an earlier run has left, also when it is damaged.

Rules
-----
* A file begins with `MAGIC`.  Each request has a head: its number, its size and a checksum.
  Numbers follow one another, and the first is the name of the file.
* A crash leaves the last request half written, or zeros where it was to be: it was not
  acknowledged, and nothing is damaged.
* Where something else cannot be read, the next requests are found by the numbers that they have to
  have.  What was there is lost, what comes later is not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

MAGIC = b"otel-session-agg requests 1\n"
HEAD = struct.Struct("<QII")
"""Number, size and checksum of a request."""

_NUMBER = struct.Struct("<Q")
_MAX_BYTES = 1 << 30
"""No request is that large: what says so is damaged."""
_MOST_LOST = 64
"""Requests in a row that are passed over at most."""
_MOST_TRIED = 1000
"""Places that are looked at for each of them: what clients sent may look like a head."""


class Place(NamedTuple):
    """Where a request is."""

    number: int
    path: Path
    position: int
    size: int


class Recovered(NamedTuple):
    """What a file has."""

    places: list[Place]
    is_damaged: bool
    """Whether something in it was lost."""
    last: int
    """No number in it is higher."""


def head_of(number: int, content: bytes) -> bytes:
    """Return the head of a request."""
    return HEAD.pack(number, len(content), _checksum(number, content))


def _checksum(number: int, content: bytes | memoryview) -> int:
    return zlib.crc32(content, number & 0xFFFFFFFF)


def recovered(path: Path) -> Recovered:
    """Return the requests in a file.

    Raises:
        OSError: it cannot be read.

    """
    data, number, at = path.read_bytes(), int(path.stem), len(MAGIC)
    is_damaged = not (data.startswith(MAGIC) or _is_unfinished_head(data))
    places: list[Place] = []
    while at < len(data):
        size = _size(data, at, number)
        if size is None:
            found = _next(data, at + 1, number)
            if found is None:
                is_damaged = is_damaged or not _is_unfinished(data, at)
                break
            is_damaged = True
            at, number = found
            continue
        places.append(Place(number, path, at + HEAD.size, size))
        at, number = at + HEAD.size + size, number + 1
    most_left = (len(data) - at) // HEAD.size if is_damaged else 0
    return Recovered(places, is_damaged, number - 1 + max(most_left, 0))


def _size(data: bytes, at: int, number: int) -> int | None:
    """Return the size of the request with this number at a place; ``None``: it is not there."""
    if len(data) - at < HEAD.size:
        return None
    found, size, checksum = HEAD.unpack_from(data, at)
    begin = at + HEAD.size
    if found != number or size > min(_MAX_BYTES, len(data) - begin):
        return None
    is_right = _checksum(number, memoryview(data)[begin : begin + size]) == checksum
    return size if is_right else None


def _next(data: bytes, at: int, number: int) -> tuple[int, int] | None:
    """Return where the next request is that can be read, and its number."""
    for wanted in range(number, number + _MOST_LOST):
        for place in islice(_places(data, _NUMBER.pack(wanted), at), _MOST_TRIED):
            if _size(data, place, wanted) is not None:
                return place, wanted
    return None


def _places(data: bytes, wanted: bytes, at: int) -> Iterator[int]:
    while (at := data.find(wanted, at)) >= 0:
        yield at
        at += 1


def _is_unfinished_head(data: bytes) -> bool:
    return MAGIC.startswith(data) or not data.strip(b"\0")


def _is_unfinished(data: bytes, at: int) -> bool:
    """Return whether what is at the end of a file is what a crash leaves there."""
    rest = len(data) - at
    if rest < HEAD.size or not data[at:].strip(b"\0"):
        return True
    _, size, _ = HEAD.unpack_from(data, at)
    return bool(size <= _MAX_BYTES and HEAD.size + size >= rest)
