"""Cut JSON documents of OTLP into frames, large ones into documents of some spans each.

A large document is read from its begin; a value ends where Python's parser says.  When it breaks
off or is broken, what stands before has been read.

Pieces are lists of texts until a frame is made of them: a text of 100 MB would be copied for each
object around it.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from itertools import chain
from json import JSONDecoder
from typing import BinaryIO

from otel_session_agg._otlp.batches import (
    ENOUGH_BYTES,
    MAX_FRAME_BYTES,
    WHOLE_BYTES,
    Frame,
    Report,
)
from otel_session_agg._otlp.framing import BOM, rest_of_line

_READ_BYTES = 1 << 20

Texts = list[str]
"""What a text is made of; whoever takes it over empties it, so that nothing is held twice."""
_DECODER = JSONDecoder(parse_int=float)  # the value is not needed, and ``int`` refuses long ones
_AFTER_BLANKS = re.compile(r"[^ \t\n\r]")

_GROUPS = frozenset({"resourceSpans", "resource_spans", "batches"})
_SCOPE_GROUPS = frozenset({"scopeSpans", "scope_spans", "instrumentationLibrarySpans"})
_SCOPES = frozenset({"scope", "instrumentationLibrary", "instrumentation_library"})


def documents(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Yield the documents that a file consists of."""
    begin = stream.read(WHOLE_BYTES).removeprefix(BOM).strip()
    rest = stream.read(1)
    if begin and not rest and begin.endswith((b"}", b"]")):
        yield Frame("", begin)
    elif begin:
        chunks = iter(lambda: stream.read(_READ_BYTES), b"")
        yield from pieces(chain([begin, rest], chunks), "", report)


def lines(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Yield the documents that stand on a line each."""
    number = 0
    while line := stream.readline(WHOLE_BYTES):
        number += 1
        line = line.removeprefix(BOM) if number == 1 else line
        if len(line) == WHOLE_BYTES and not line.endswith(b"\n"):
            yield from pieces(rest_of_line(line, stream), f"line {number}, ", report)
        elif line := line.strip():
            yield Frame(f"line {number}", line)


def pieces(chunks: Iterator[bytes], place: str, report: Report) -> Iterator[Frame]:
    """Yield documents with some spans each.

    Args:
        chunks: The text.
        place: Where it is; places inside it are appended.
        report: Gets what cannot be read.

    """
    text = _Text(chunks)
    try:
        while text.following():
            for document in _requests(text):
                data = "".join(document).encode()
                document.clear()
                yield Frame(f"{place}character {text.position}", data, is_piece=True)
                del data
    except _TooLargeError:
        report(f"{place}character {text.position}", "a value that is too large")
    except (ValueError, RecursionError):
        report(f"{place}character {text.position}", "no JSON, or not all of it")


class _TooLargeError(ValueError):
    """A value is larger than a frame may be."""


class _Text:
    """JSON that is read from begin to end; the values that are read are in memory, no more."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._text = ""
        self._at = 0
        self._before = 0
        """Characters that are not in memory any more."""

    @property
    def position(self) -> int:
        return self._before + self._at

    def _read_more(self) -> bool:
        """Read as much again as there is in memory, so that all is looked at twice at most."""
        found, wanted = [self._text[self._at :]], max(len(self._text) - self._at, 1)
        self._before, self._at = self.position, 0
        while wanted > 0 and (chunk := next(self._chunks, b"")):
            found.append(self._decode(chunk))
            wanted -= len(found[-1])
        self._text = "".join(found)
        return len(found) > 1

    def following(self) -> str:
        """Return the next character that is not blank, and stay before it; empty at the end."""
        while (begins := _AFTER_BLANKS.search(self._text, self._at)) is None:
            self._at = len(self._text)
            if not self._read_more():
                return ""
        self._at = begins.start()
        return begins[0]

    def _take(self, expected: str) -> str:
        """Return the next character that is not blank, and go behind it."""
        found = self.following()
        if not found or found not in expected:
            raise ValueError
        self._at += 1
        return found

    def value(self) -> str:
        """Return the text of the next value, and go behind it."""
        self.following()
        while True:
            try:
                end = _DECODER.raw_decode(self._text, self._at)[1]
            except ValueError:
                end = len(self._text)  # perhaps the rest of it is not read yet
                is_complete = False
            else:
                is_complete = True
            if is_complete and end < len(self._text):
                break
            if len(self._text) - self._at > MAX_FRAME_BYTES:
                raise _TooLargeError
            if not self._read_more():
                if is_complete:
                    break
                raise ValueError
        found = self._text[self._at : end]
        self._at = end
        return found

    def members(self) -> Iterator[str]:
        """Yield the names in an object, each time before their value, which is to be read."""
        if self.following() != "{":
            self.value()
            return
        ends, closing = self._begins("}")
        while not ends:
            name = _DECODER.decode(self.value())
            self._take(":")
            yield name if isinstance(name, str) else ""
            ends = self._take("," + closing) == closing

    def items(self) -> Iterator[None]:
        """Yield before each value in a list, which is to be read."""
        if self.following() != "[":
            self.value()
            return
        ends, closing = self._begins("]")
        while not ends:
            yield None
            ends = self._take("," + closing) == closing

    def _begins(self, closing: str) -> tuple[bool, str]:
        """Go into an object or list; return whether it is empty, and how it ends."""
        self._at += 1
        if self.following() == closing:
            self._at += 1
            return True, closing
        return False, closing


def _requests(text: _Text) -> Iterator[Texts]:
    """Yield requests with some of the spans of a document."""
    if text.following() == "[":
        for _ in text.items():
            yield from _requests(text)
        return
    for name in text.members():
        if name in _GROUPS:
            for _ in text.items():
                yield from _groups(text)
        elif name == "trace":
            yield from _requests(text)
        else:
            text.value()


def _groups(text: _Text) -> Iterator[Texts]:
    """Yield requests with some of the spans of a resource."""
    resource = "{}"
    for name in text.members():
        if name == "resource":
            resource = text.value()
        elif name in _SCOPE_GROUPS:
            for _ in text.items():
                # what is repeated is never more than half of it
                for group in _scope_groups(text, ENOUGH_BYTES + len(resource)):
                    group.insert(0, f'{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[')
                    group.append("]}]}")
                    yield group
        else:
            text.value()


def _scope_groups(text: _Text, enough: int) -> Iterator[Texts]:
    """Yield some of the spans of a scope, with it, as soon as they have so many characters."""
    scope, spans, size = "{}", Texts(), 0
    broken: Exception | None = None
    try:
        for name in text.members():
            if name in _SCOPES:
                scope = text.value()
            elif name == "spans":
                for _ in text.items():
                    spans += "," if spans else "", text.value()
                    size += len(spans[-1])
                    if size > enough + len(scope):
                        yield _scope_group(scope, spans)
                        spans, size = Texts(), 0
            else:
                text.value()
    except (ValueError, RecursionError) as error:
        broken = error
    if spans:
        yield _scope_group(scope, spans)
    if broken is not None:
        raise broken


def _scope_group(scope: str, spans: Texts) -> Texts:
    """Put a scope around spans."""
    spans.insert(0, f'{{"scope":{scope},"spans":[')
    spans.append("]}")
    return spans
