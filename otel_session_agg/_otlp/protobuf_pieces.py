"""Cut messages of OTLP in protobuf into requests of some spans each, while they are read.

Messages inside each other are lists of chunks until a frame is made of them: a text of 100 MB would
be copied for each of the messages around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from otel_session_agg._otlp.batches import (
    ENOUGH_BYTES,
    MAX_FRAME_BYTES,
    WHOLE_BYTES,
    Frame,
    Report,
)
from otel_session_agg._otlp.wire import (
    LENGTH,
    SIZES,
    VARINT,
    encoded_varint,
    read_varint,
    varint,
)

_OWNER = 1
"""The field of ``ResourceSpans`` that has its resource, of ``ScopeSpans`` that has its scope."""

_INNER = (1, 2, 2)
"""The field of a request that has ``ResourceSpans``, of those with ``ScopeSpans``, of those with
spans: by the number of messages around it."""

_SKIP_BYTES = 1 << 20

Chunks = list[bytes]
"""What bytes are made of; whoever takes it over empties it, so that nothing is held twice."""


def pieces(
    stream: BinaryIO, size: int | None, at: int, report: Report, begin: bytes = b""
) -> Iterator[Frame]:
    """Yield the spans of a message, in frames that are messages themselves.

    Of a message that breaks off, what is there is yielded; whoever decodes it reports that.

    Args:
        stream: Is read to the end of the message.
        size: The bytes of the message; ``None``: it ends with the stream.
        at: Where it begins.
        report: Gets what cannot be read.
        begin: What was read of the message already.

    """
    message = _Message(_Input(stream, at, begin), size, report)
    start = at
    try:
        for part in _parts(message, 0):
            data = b"".join(part)
            part.clear()
            yield Frame(f"byte {start}", data, is_piece=True)
            del data
            start = message.input.position
    except ValueError:
        report(f"byte {message.input.position}", "no OTLP message, or not all of it")
        with suppress(ValueError):
            message.skip_rest()


def message(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Yield the spans of a file that is one message."""
    yield from pieces(stream, None, 0, report)


def _parts(message: _Message, depth: int) -> Iterator[Chunks]:
    """Yield messages with some of the fields of one; each has its resource or scope."""
    owner, broken = b"", None
    gathered, size = Chunks(), 0
    try:
        for number, field in _contents(message, depth):
            if depth and number == _OWNER:
                owner = b"".join(field)
                continue
            size += sum(map(len, field))
            gathered += field
            field.clear()
            if size > ENOUGH_BYTES + len(owner):  # no more than half of it is repeated
                gathered.insert(0, owner)
                yield gathered
                gathered, size = Chunks(), 0
    except ValueError as error:
        broken = error
    if gathered:
        gathered.insert(0, owner)
        yield gathered
    if broken is not None:
        raise broken


def _contents(message: _Message, depth: int) -> Iterator[tuple[int, Chunks]]:
    """Yield the fields that are needed, each with its number; large ones in pieces."""
    inner = _INNER[depth]
    is_innermost = depth == len(_INNER) - 1
    for number, size in message.fields():
        if number not in {_OWNER, inner}:
            message.skip(size)
        elif size <= WHOLE_BYTES or is_innermost or number != inner:
            yield number, message.field(number, size)
        else:
            for part in _parts(message.inner(size), depth + 1):
                part.insert(0, _header(number, sum(map(len, part))))
                yield number, part


def _header(number: int, size: int) -> bytes:
    """Return what stands before the value of a field."""
    return encoded_varint(number << 3 | LENGTH) + encoded_varint(size)


class _Input:
    """A stream that knows where it is."""

    def __init__(self, stream: BinaryIO, position: int, begin: bytes) -> None:
        self._stream = stream
        self._begin = begin
        self.position = position

    def read(self, size: int) -> bytes:
        data = self._begin[:size]
        self._begin = self._begin[size:]
        if len(data) < size:
            data += self._stream.read(size - len(data))
        self.position += len(data)
        return data


class _Message:
    """A message that is read field by field; those that are no texts or messages are left out."""

    def __init__(self, source: _Input, size: int | None, report: Report) -> None:
        self.input = source
        self._end = None if size is None else source.position + size
        self._report = report

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield the number and size of each field, which is to be read.

        Raises:
            ValueError: what follows is no field.

        """
        while self.input.position != self._end:
            tag = read_varint(self._read)
            if not tag and self._end is None:
                return
            number, wire_type = varint(tag, 0)[0] >> 3, tag[0] & 7
            if wire_type == LENGTH:
                size = varint(read_varint(self._read), 0)[0]
                if self._end is not None and self.input.position + size > self._end:
                    raise ValueError
                yield number, size
            elif wire_type == VARINT:
                varint(read_varint(self._read), 0)
            elif wire_type in SIZES:
                self.skip(SIZES[wire_type])
            else:
                raise ValueError

    def _read(self, size: int) -> bytes:
        """Return the bytes that follow, as far as they are in the message."""
        left = size if self._end is None else self._end - self.input.position
        return self.input.read(min(size, left))

    def field(self, number: int, size: int) -> Chunks:
        """Return a field, as much as is there; nothing if it is too large."""
        if size > MAX_FRAME_BYTES:
            self._report(f"byte {self.input.position}", "a part that is too large")
            self.skip(size)
            return []
        value = self.input.read(size)
        if size and not value:
            raise ValueError
        return [_header(number, size), value]

    def inner(self, size: int) -> _Message:
        """Return the message that a field is, which is to be read."""
        return _Message(self.input, size, self._report)

    def skip_rest(self) -> None:
        """Go to the end of the message, if it is known."""
        self.skip(0 if self._end is None else self._end - self.input.position)

    def skip(self, size: int) -> None:
        """Pass over the value of a field.

        Raises:
            ValueError: it breaks off.

        """
        while size > 0:
            skipped = len(self.input.read(min(size, _SKIP_BYTES)))
            if not skipped:
                raise ValueError
            size -= skipped
