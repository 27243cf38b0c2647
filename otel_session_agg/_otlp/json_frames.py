"""Find the records of a JSON file without parsing it: each becomes a frame.

A file has one record on each line, or it is one document, or several: an array of records, at
whatever depth; an object that has such an array under one of ``WRAPPERS``; or one record.  In a
document the search goes from bracket to bracket, so what is before a broken or missing end is
found all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from otel_session_agg._otlp.batches import MAX_FRAME_BYTES, Frame, Report
from otel_session_agg._otlp.framing import BOM, lines
from otel_session_agg._untrusted.json_text import loaded

WRAPPERS = frozenset({"data", "traces"})
"""Keys under which an object that is no record has its records."""

_KEYS = frozenset(key.encode() for key in WRAPPERS)
_CHUNK_BYTES = 1 << 20
_TOKEN = re.compile(rb'["{}\[\]]')
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^"{}\[\]]*)*[{}\[\]]', re.DOTALL)
"""Up to the next bracket outside of texts."""
_WINDOW_BYTES = 1 << 16
"""How far ``_TO_BRACKET`` looks: it takes memory for each text and each escape that it passes."""
_IS_KEY = re.compile(rb"\s*:")
_OF_ARRAY = re.compile(rb"\s*:\s*\[")
_MAX_BLANKS = 256
"""Between a key and its array."""
_BACKSLASH, _OBJECT = ord("\\"), ord("{")
_OPENING = frozenset(b"{[")
_BEGIN = frozenset({b"{", b"[", b""})
"""What a document of records begins with; it may be empty."""


def json_frames(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Cut a file of JSON into frames, each of which is a line, a record or an array of records."""
    head = [stream.readline(_CHUNK_BYTES).removeprefix(BOM), stream.readline(_CHUNK_BYTES)]
    if head[0].lstrip().startswith(b"[") or not any(map(_is_record, head)):
        yield from _Document(stream, report, b"".join(head)).frames()
        return
    if not head[1].endswith(b"\n"):
        head[1] += stream.readline(MAX_FRAME_BYTES)
    for number, line in enumerate(head, 1):
        if line.strip():
            yield Frame(f"line {number}", line)
    yield from lines(stream, report, len(head) + 1)


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(loaded(line), dict)
    except ValueError:
        return False


def first_keys(head: bytes) -> frozenset[str]:
    """Return the keys of the first record of a file that begins like this; it may be cut."""
    document = _Document(BytesIO(head.removeprefix(BOM)), lambda *_: None, b"")
    first = next(document.frames(), None)
    return frozenset(_keys(document.rest() if first is None else first.data))


def _keys(record: bytes) -> Iterator[str]:
    depth, at = 0, 0
    while (token := _TOKEN.search(record, at)) is not None:
        at = token.end()
        if token[0] == b'"':
            end = text_end(record, at)
            if end is None:
                return
            if depth == 1 and _IS_KEY.match(record, end):
                yield record[at : end - 1].decode(errors="replace")
            at = end
        else:
            depth += 1 if token[0] in b"{[" else -1


def text_end(data: bytes, at: int) -> int | None:
    """Return where a text ends, which begins before ``at``; ``None``: not in these data."""
    while (quote := data.find(b'"', at)) >= 0:
        before = quote - 1
        while before >= at and data[before] == _BACKSLASH:
            before -= 1
        if (quote - before) % 2:
            return quote + 1
        at = quote + 1
    return None


class _Document:
    """The brackets of a document, as they are found.

    Only what is above a record is kept: ``_base`` containers are open around it, and it begins at
    ``_start``.  An object at the top may be a record, until a key shows that it is not.
    """

    def __init__(self, stream: BinaryIO, report: Report, data: bytes) -> None:
        self._stream = stream
        self._report = report
        self._data = data
        self._offset = 0
        """Of the data in the file."""
        self._has_ended = False
        self._at = 0
        """How far the data were searched."""
        self._first = data.lstrip()[:1]
        """What it begins with."""
        self._depth = 0
        self._base = 0
        self._start: int | None = None
        self._is_wrapped = False
        """Whether the object at the top was found to be no record."""

    def frames(self) -> Iterator[Frame]:
        """Find the records, to the end of the file."""
        while True:
            bracket = self._next_bracket()
            if bracket is None:
                if not self._read():
                    return
            elif bracket in _OPENING:
                self._open(bracket)
            elif self._depth == 0:
                self._report(self._place(self._at - 1), "a bracket closes nothing")
                return
            elif (start := self._close()) is not None:
                yield Frame(self._place(start), self._data[start : self._at])

    def rest(self) -> bytes:
        """Return what there is of a record that did not end."""
        return b"" if self._start is None else self._data[self._start :]

    def _place(self, at: int) -> str:
        return f"byte {self._offset + at}"

    def _open(self, bracket: int) -> None:
        is_above = self._start is None and self._depth == self._base
        if is_above and not (self._is_wrapped and self._depth == 1):
            if bracket == _OBJECT:
                self._start = self._at - 1
            else:
                self._base += 1
        self._depth += 1

    def _close(self) -> int | None:
        """Return where the record began that ends here, if one does."""
        self._depth -= 1
        self._is_wrapped = self._is_wrapped and self._depth > 0
        self._base = min(self._base, self._depth)
        if self._depth > self._base:
            return None
        start, self._start = self._start, None
        return start

    def _is_at_top(self) -> bool:
        return self._depth == 1 and (self._base == 0 or self._is_wrapped)

    def _next_bracket(self) -> int | None:
        """Go behind the next bracket and return it; ``None``: it is not in these data."""
        if not self._is_at_top():
            found = _TO_BRACKET.match(self._data, self._at, self._at + _WINDOW_BYTES)
            if found is not None:
                self._at = found.end()
                return self._data[self._at - 1]
        while (token := _TOKEN.search(self._data, self._at)) is not None:
            if token[0] != b'"':
                self._at = token.end()
                return self._data[self._at - 1]
            end = text_end(self._data, token.end())
            if end is None:
                return None
            if self._is_at_top() and self._data[token.end() : end - 1] in _KEYS:
                if len(self._data) < end + _MAX_BLANKS and not self._has_ended:
                    return None
                self._go_into(end)
            self._at = max(self._at, end)
        return None

    def _go_into(self, end: int) -> None:
        """Go into the array of records, if the key that ends here is its key."""
        found = _OF_ARRAY.match(self._data, end)
        if found is not None:
            self._at = found.end()
            self._start, self._is_wrapped = None, True
            self._depth = self._base = 2

    def _read(self) -> bool:
        """Read on, as much as there is already; return whether there is anything to search."""
        if self._has_ended:
            if self._depth:
                self._report(self._place(len(self._data)), "the file ends inside of a record")
            elif self._first not in _BEGIN:
                self._report("", "is no JSON of records")
            return False
        kept = self._at if self._start is None else self._start
        if len(self._data) - kept > MAX_FRAME_BYTES:
            self._report(self._place(kept), "too large a record; what follows is not read")
            return False
        chunk = self._stream.read(max(_CHUNK_BYTES, len(self._data) - kept))
        self._has_ended = not chunk
        self._first = self._first or chunk.lstrip()[:1]
        self._data = self._data[kept:] + chunk
        self._offset += kept
        self._at -= kept
        if self._start is not None:
            self._start = 0
        return True
