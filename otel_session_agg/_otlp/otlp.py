"""OTLP's formats of files: how they look, and the decoding of their frames.

The collector's file exporter writes JSON lines, or messages with their size before them.  When it
compresses, it compresses each message, whether JSON or protobuf, and writes its size before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

from otel_session_agg._otlp import json_pieces, otlp_json, otlp_protobuf, protobuf_pieces
from otel_session_agg._otlp.batches import MAX_FRAME_BYTES, WHOLE_BYTES, Frame, Report, SpanBatch
from otel_session_agg._otlp.compression import BrokenError, codec_of, decompressed
from otel_session_agg._otlp.framing import SIZE_BYTES
from otel_session_agg._otlp.wire import LENGTH, varint

_NAMES = re.compile(
    rb'"(?:resourceSpans|resource_spans|batches|scopeSpans|instrumentationLibrarySpans)"\s*:'
    rb'|^\s*\{\s*"resource(?:Logs|Metrics|Profiles)"\s*:'
)
_RESOURCE_SPANS = 1
_FIELDS_OF_RESOURCE_SPANS = frozenset({1, 2, 3, 1000})


def decode(frame: Frame, report: Report) -> Iterator[SpanBatch]:
    """Read the spans of a frame of any of OTLP's formats."""
    data = payload(frame, report)
    if data is None:
        return
    read = otlp_json.batches if is_json(data) else otlp_protobuf.batches
    if len(data) <= WHOLE_BYTES or frame.is_piece:
        yield from read(data, frame.place, report)
        return
    for piece in _pieces(data, report):
        yield from read(piece.data, frame.place, report)


def _pieces(data: bytes, report: Report) -> Iterator[Frame]:
    """Cut up a message that was compressed, so that its spans are not all in memory at once."""
    if is_json(data):
        return json_pieces.pieces(iter([data]), "", report)
    return protobuf_pieces.pieces(BytesIO(data), len(data), 0, report)


def payload(frame: Frame, report: Report) -> bytes | None:
    """Return the message in a frame, decompressed; ``None``: it is broken or too large."""
    data = frame.data
    codec = codec_of(data)
    if codec is None:
        return data
    found = bytearray()
    try:
        for chunk in decompressed(iter([data]), codec):
            found += chunk
            if len(found) > MAX_FRAME_BYTES:
                report(frame.place, "too large when it is decompressed; left out")
                return None
    except BrokenError as error:
        report(frame.place, str(error))
        return None
    return bytes(found)


def is_json(data: bytes) -> bool:
    """Return whether a message is JSON; no message in protobuf begins like that."""
    return data[:1] in {b"{", b"["}


def is_document(head: bytes) -> bool:
    """Return whether a file is one JSON document over several lines."""
    first, newline, _ = _text(head).partition(b"\n")
    return _has_names(head) and bool(newline) and not first.rstrip().endswith((b"}", b"]"))


def is_lines(head: bytes) -> bool:
    """Return whether a file has a JSON object on each line."""
    return _has_names(head)


def _text(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()


def _has_names(head: bytes) -> bool:
    text = _text(head)
    return is_json(text) and _NAMES.search(text) is not None


def is_sized(head: bytes) -> bool:
    """Return whether a file has messages with their size in 4 bytes before them."""
    size = int.from_bytes(head[:SIZE_BYTES], "big")
    message = head[SIZE_BYTES : SIZE_BYTES + size]
    return 0 < size <= MAX_FRAME_BYTES and (
        codec_of(message) is not None or _has_names(message) or is_message(message, size)
    )


def is_varint_sized(head: bytes) -> bool:
    """Return whether a file has messages with their size as a number of variable length."""
    try:
        size, start = varint(head, 0)
    except ValueError:
        return False
    return 0 < size <= MAX_FRAME_BYTES and is_message(head[start : start + size], size)


def is_single(head: bytes) -> bool:
    """Return whether a file is one message, or several one after the other."""
    return is_message(head, None)


def is_message(head: bytes, size: int | None) -> bool:
    """Return whether a message of this size begins like this.

    It is a sequence of ``ResourceSpans``, each of which begins with a field that it can have.
    """
    at = 0
    while at < len(head):
        try:
            tag, value = varint(head, at)
            length, value = varint(head, value)
        except ValueError:
            return at > 0  # cut off
        if tag != _RESOURCE_SPANS << 3 | LENGTH or (size is not None and value + length > size):
            return False
        if not _is_resource_spans(head[value : value + length], length):
            return False
        at = value + length
    return at > 0


def _is_resource_spans(head: bytes, size: int) -> bool:
    """Return whether the first field is one of ``ResourceSpans``, and ends inside."""
    if not head:
        return True
    try:
        tag, value = varint(head, 0)
        length, value = varint(head, value)
    except ValueError:
        return len(head) < size
    return tag & 7 == LENGTH and tag >> 3 in _FIELDS_OF_RESOURCE_SPANS and value + length <= size
