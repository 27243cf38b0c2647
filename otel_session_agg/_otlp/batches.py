"""What is read of a file of spans, in three steps.

::

    Source (a file)      sources.py    -> bytes, decompressed
    Format.frames        formats.py    bytes -> Frame: what can be decoded by itself, cheap to find
    Format.decode                      Frame -> SpanBatch, perhaps in another process

What cannot be read is reported with its place, and what follows it is read all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

from otel_session_agg._model.span import SpanData


class SpanBatch(NamedTuple):
    """Ended spans of one resource."""

    resource: Mapping[str, Any]
    """The attributes of the resource."""
    spans: list[SpanData]


class Frame(NamedTuple):
    """A piece of a file that can be decoded by itself: a line, a message, or all of it."""

    place: str
    """Where it is in its file: ``line 12``, ``byte 4096``."""
    data: bytes
    is_piece: bool = False
    """Whether it was cut out of a larger document or message: it cannot be made smaller."""


class Problem(NamedTuple):
    """Something that could not be read."""

    source: str
    """The name of the file."""
    place: str
    """Where in it: ``line 12``, ``byte 4096``; empty: the file itself."""
    what: str
    """What is wrong, for people; nothing of the file is quoted."""


Report = Callable[[str, str], None]
"""Takes a place and what is wrong there."""

HEAD_BYTES = 64 * 1024
"""What is looked at to find out the format of a file."""

MAX_FRAME_BYTES = 128 * 1024 * 1024
"""A larger line or message is reported and left out, so that memory is bounded."""


WHOLE_BYTES = 32 * 1024 * 1024
"""A larger document or message is cut into pieces, if its format allows it."""

ENOUGH_BYTES = 256 * 1024
"""Smaller pieces are put together."""


class Format(NamedTuple):
    """A format of files of spans.

    All of its functions are functions of modules, so that other processes can be sent them.
    """

    name: str
    """What ``--format`` takes."""
    title: str
    """What it is, for people."""
    looks_like: Callable[[bytes], bool]
    """Return whether a file that begins like this is in this format."""
    frames: Callable[[BinaryIO, Report], Iterator[Frame]]
    """Cut a file into frames."""
    decode: Callable[[Frame, Report], Iterator[SpanBatch]]
    """Read the spans of a frame."""
