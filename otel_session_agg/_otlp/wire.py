"""The fields of a protobuf message, without its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

LENGTH = 2
"""The wire type of texts, bytes and messages."""

VARINT, _FIXED64, _FIXED32 = 0, 1, 5
SIZES = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10


class Field(NamedTuple):
    """Where a field is in its message."""

    number: int
    wire_type: int
    start: int
    """Of its tag."""
    value: int
    """Of its value, behind the length if it has one."""
    end: int


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, and where it ends.

    Raises:
        ValueError: there is none.

    """
    number = 0
    for index, byte in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:  # noqa: PLR2004 -- the bit that says that more follows
            return number, at + index + 1
    raise ValueError(at)


def read_varint(read: Callable[[int], bytes]) -> bytes:
    """Read the bytes of a number of variable length; fewer if the stream ends."""
    found = b""
    while byte := read(1):
        found += byte
        if byte < b"\x80" or len(found) > _MAX_VARINT_BYTES:
            break
    return found


def fields(data: bytes, *, cut_off: bool = False) -> Iterator[Field]:
    """Yield the fields of a message.

    Args:
        data: The message.
        cut_off: Whether the last one may be incomplete, if it is a text, bytes or a message.

    Raises:
        ValueError: what follows is no field, or not all of one.

    """
    at, size = 0, len(data)
    while at < size:
        tag, value = varint(data, at)
        wire_type = tag & 7
        if wire_type == LENGTH:
            length, value = varint(data, value)
            end = min(value + length, size) if cut_off else value + length
        elif wire_type == VARINT:
            end = varint(data, value)[1]
        elif wire_type in SIZES:
            end = value + SIZES[wire_type]
        else:
            raise ValueError(at)
        if end > size or tag < 8:  # noqa: PLR2004 -- the first field has the number 1
            raise ValueError(at)
        yield Field(tag >> 3, wire_type, at, value, end)
        at = end


def encoded_varint(number: int) -> bytes:
    """Return a number in its variable length."""
    found = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
