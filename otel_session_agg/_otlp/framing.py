"""Cut files into frames: lines, documents, messages with their length before them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from otel_session_agg._otlp.batches import MAX_FRAME_BYTES, WHOLE_BYTES, Frame, Report
from otel_session_agg._otlp.protobuf_pieces import pieces
from otel_session_agg._otlp.wire import read_varint, varint

SIZE_BYTES = 4
"""The collector's file exporter writes the size of each message in so many bytes before it."""

_SKIP_BYTES = 1 << 20
_TOO_LARGE = f"more than {MAX_FRAME_BYTES >> 20} MiB; left out"
_OTLP = b"\x0a"
"""The begin of a message that is neither compressed nor JSON."""

BOM = b"\xef\xbb\xbf"
"""Stands at the beginning of some files of text."""


def lines(stream: BinaryIO, report: Report, first: int = 1) -> Iterator[Frame]:
    """Yield the lines that are not blank; ``first`` is the number of the first one."""
    number = first - 1
    while line := stream.readline(MAX_FRAME_BYTES + 1):
        number += 1
        if len(line) > MAX_FRAME_BYTES:
            report(f"line {number}", _TOO_LARGE)
            for _ in rest_of_line(line, stream):
                pass
        elif line := (line.removeprefix(BOM) if number == 1 else line).strip():
            yield Frame(f"line {number}", line)


def rest_of_line(begin: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """Yield a line that begins like this in chunks."""
    chunk = begin
    while chunk:
        yield chunk
        chunk = b"" if chunk.endswith(b"\n") else stream.readline(_SKIP_BYTES)


def whole(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Yield the whole text, if it is not too large."""
    data = stream.read(MAX_FRAME_BYTES + 1)
    if len(data) > MAX_FRAME_BYTES:
        report("", _TOO_LARGE)
    elif data := data.removeprefix(BOM).strip():
        yield Frame("", data)


def sized(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Yield messages that have their size in 4 bytes, the highest first, before them."""
    at = 0
    while prefix := stream.read(SIZE_BYTES):
        if len(prefix) < SIZE_BYTES:
            report(f"byte {at}", "the file ends in the middle of a size")
            return
        size = int.from_bytes(prefix, "big")
        yield from _message(stream, size, at, report)
        at += SIZE_BYTES + size


def varint_sized(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Yield messages that have their size as protobuf's number of variable length before them."""
    at = 0
    while prefix := read_varint(stream.read):
        try:
            size, length = varint(prefix, 0)
        except ValueError:
            report(f"byte {at}", "no size of a message")
            return
        yield from _message(stream, size, at, report)
        at += length + size


def _message(stream: BinaryIO, size: int, at: int, report: Report) -> Iterator[Frame]:
    """Yield the message that follows; a large one in pieces."""
    place, begin = f"byte {at}", b""
    if size > WHOLE_BYTES:
        begin = stream.read(1)
        if begin == _OTLP:
            yield from pieces(stream, size, at, report, begin)
            return
        if size > MAX_FRAME_BYTES:
            report(place, _TOO_LARGE)
            _skip(stream, size - len(begin))
            return
    data = begin + stream.read(size - len(begin))
    if data:  # whoever decodes it finds out whether that is all of it
        yield Frame(place, data)
    elif size:
        report(place, "the file ends before a message")


def _skip(stream: BinaryIO, size: int) -> None:
    while size > 0 and (skipped := stream.read(min(size, _SKIP_BYTES))):
        size -= len(skipped)
