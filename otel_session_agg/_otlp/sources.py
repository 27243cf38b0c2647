"""Find files, and read them decompressed.

Files are read as a stream; what is decompressed is never held as a whole.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from glob import glob
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from otel_session_agg._otlp.batches import HEAD_BYTES, Problem, Report
from otel_session_agg._otlp.compression import (
    MAGIC_BYTES,
    BrokenError,
    codec_of,
    decompressed,
)

STANDARD_INPUT = "-"
_READ_BYTES = 1 << 18


class Source:
    """A file, or standard input."""

    def __init__(self, name: str, path: Path | None) -> None:
        """Take a name for people, and a path; none: standard input."""
        self.name = name
        self.path = path
        self._position = 0

    @property
    def size(self) -> int | None:
        """The size of the file in bytes, as it is stored; ``None``: unknown."""
        try:
            return None if self.path is None else self.path.stat().st_size
        except OSError:
            return None

    @property
    def is_file(self) -> bool:
        """Whether it can be read again: a pipe cannot."""
        return self.path is not None and os.path.isfile(self.path)  # noqa: PTH113 -- never raises

    def position(self) -> int:
        """Return how many bytes of the file were read, as they are stored."""
        return self._position

    def open(self, report: Report) -> io.BufferedReader:
        """Return its bytes, decompressed; before the first read, ``peek()`` has ``HEAD_BYTES``.

        An error is reported, and ends the stream.
        """
        self._position = 0
        path = self.path if self.is_file else None
        return io.BufferedReader(_Stream(self._bytes(report), path), HEAD_BYTES)

    def _bytes(self, report: Report) -> Iterator[bytes]:
        try:
            with self._opened() as file:
                head = file.read(MAGIC_BYTES)
                self._position = len(head)
                stored = chain([head], self._stored(file))
                codec = codec_of(head)
                yield from stored if codec is None else decompressed(stored, codec)
        except OSError as error:
            report("", f"cannot be read: {os.strerror(error.errno) if error.errno else error}")
        except BrokenError as error:
            report(f"compressed byte {self._position}", str(error))

    def _opened(self) -> BinaryIO:
        if self.path is None:
            return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
        return self.path.open("rb")

    def _stored(self, file: BinaryIO) -> Iterator[bytes]:
        while chunk := file.read(_READ_BYTES):
            self._position += len(chunk)
            yield chunk


class _Stream(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterator[bytes], path: Path | None) -> None:
        self.name = path
        """The file, as it is stored, if it can be read again; a ``BufferedReader`` has the same."""
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, unless the end is reached."""
        filled, size = 0, len(buffer)
        while filled < size:
            if not self._rest:
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                self._rest = memoryview(chunk)
            taken = self._rest[: size - filled]
            buffer[filled : filled + len(taken)] = taken
            self._rest = self._rest[len(taken) :]
            filled += len(taken)
        return filled

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()  # closes the file
        super().close()


def readable_again(
    source: Source, folder: Path, report: Report, stops: Callable[[], bool]
) -> Source:
    """Return a source itself if it can be read again, else a copy of what is in it.

    Args:
        source: A file, a pipe, standard input.
        folder: Where a copy is made.
        report: Gets what cannot be read.
        stops: Is asked whether to read no more.

    """
    if source.is_file:
        return source
    handle, path = tempfile.mkstemp(suffix=".input", dir=folder)
    with source.open(report) as stream, os.fdopen(handle, "wb") as copy:
        while not stops() and (chunk := stream.read(_READ_BYTES)):
            copy.write(chunk)
    return Source(source.name, Path(path))


def sources(
    paths: Iterable[str | os.PathLike[str]], report: Callable[[Problem], None]
) -> Iterator[Source]:
    """Yield the files that paths, patterns and folders name, each once; ``-`` is standard input.

    Links in folders are followed.  Hidden files in folders are left out; pipes and devices in them,
    which might never end, are reported.
    """
    seen: set[str] = set()
    for given in paths:
        path = os.fspath(given)
        if path == STANDARD_INPUT:
            found: Iterable[Source] = [Source("standard input", None)]
        else:
            found = (Source(name, Path(name)) for name in _files(path, report))
        for source in found:
            real = STANDARD_INPUT if source.path is None else os.path.realpath(source.path)
            if real not in seen:
                seen.add(real)
                yield source


def _files(path: str, report: Callable[[Problem], None]) -> Iterator[str]:
    """Yield the names of the files that a path, a pattern or a folder names."""
    named = [path] if os.path.lexists(path) else sorted(glob(path, recursive=True))  # noqa: PTH207
    if not named:
        report(Problem(path, "", "there is no such file"))
    for name in named:
        if not os.path.isdir(name):  # noqa: PTH112 -- not a Path yet
            yield name
        else:
            yield from _in_folder(name, report)


def _in_folder(folder: str, report: Callable[[Problem], None]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        report(Problem(str(error.filename), "", f"cannot be read: {error.strerror}"))

    walked: set[str] = set()
    for above, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        real = os.path.realpath(above)
        if real in walked:  # by a link, which may lead in a circle
            folders.clear()
            continue
        walked.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(above, name)  # noqa: PTH118 -- a Path takes ten times as long
            if name.startswith("."):
                continue
            # what a link does not lead to is reported by whoever opens it
            if os.path.isfile(path) or not os.path.exists(path):  # noqa: PTH110, PTH113
                yield path
            else:
                report(Problem(path, "", "is no file, and is read only where it is named itself"))
