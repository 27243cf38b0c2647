"""Requests on disk, in the order in which they came, until their spans are counted.

How it works
------------
* Files of a folder are appended to, one after the other; each has the number of its first request
  in its name.  A request is written with its number, its size and a checksum.
* What `append` has written survives the end of this process at once, and a loss of power when
  `sync` was called after it.
* `release` says up to which request all is counted; files that have nothing later are deleted.
* `set_aside` moves one request into a folder of its own, where it stays, and is not counted.
* What is in files that an earlier process has left is found by `recovering.py`; files that are
  damaged are not deleted.

Requests may have prompts in them: only the owner of the files may read them.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import monotonic

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._files import sync_folder
from otel_session_agg._live.recovering import HEAD, MAGIC, Place, head_of, recovered
from otel_session_agg._live.set_aside import SetAside
from otel_session_agg._untrusted.formatting import printable

FILE_BYTES = 16 * 1024 * 1024
"""A file that is larger is followed by another one."""

_FILE_SECONDS = 5.0
"""A file that is older is deleted when all of it is counted: it may have prompts in it."""

_SUFFIX = ".requests"
_DAMAGED_SUFFIX = ".damaged"


class GoneError(Exception):
    """A request is not there any more, or not all of it: somebody else has changed its file."""


class Journal:
    """The requests that are not counted yet; its methods may be called by any thread."""

    def __init__(self, folder: Path, *, file_bytes: int = FILE_BYTES) -> None:
        """Open a folder, which is created if it is not there.

        Raises:
            SessionAggError: it cannot be used.

        """
        self.folder = folder
        """Where it is."""
        self._file_bytes = file_bytes
        self._lock = Lock()
        self._file: int | None = None
        self._size = 0
        """Of the file that is appended to."""
        self._path, self._begun_at = folder, 0.0
        self._is_dirty = False
        self.places: deque[Place] = deque()
        """Requests that are not released."""
        self.damaged: list[Path] = []
        """Files with something that cannot be read."""
        self.num_bytes = 0
        """Bytes of requests that are not released."""
        self._aside = SetAside(folder.with_name(f"{folder.name}.aside"))
        self._files: deque[Path] = deque()
        self.last = 0
        """The number of the last request."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in sorted(folder.glob(f"*{_SUFFIX}")):
                if path.stem.isascii() and path.stem.isdigit():
                    self._recover(path)
        except OSError as error:
            message = f"{printable(str(folder))} cannot be used: {error.strerror}"
            raise SessionAggError(message) from None

    def _recover(self, path: Path) -> None:
        """Find the requests in a file that an earlier process has left."""
        found = recovered(path)
        self._files.append(path)
        if found.is_damaged:
            self.damaged.append(path)
        self.places.extend(found.places)
        self.num_bytes += sum(place.size for place in found.places)
        self.last = max(self.last, found.last)

    # -- writing ----------------------------------------------------------------------------------

    def append(self, content: bytes) -> int:
        """Write a request; return its number.

        Raises:
            OSError: it cannot be written, and nothing of it is.

        """
        with self._lock:
            number = self.last + 1
            file = self._file_for(number)
            data = head_of(number, content) + content
            try:
                written = os.write(file, data)
                while written < len(data):
                    written += os.write(file, memoryview(data)[written:])
            except OSError:
                self._cut()
                raise
            position = self._size + HEAD.size
            self._size += len(data)
            self._is_dirty = True
            self.places.append(Place(number, self._path, position, len(content)))
            self.num_bytes += len(content)
            self.last = number
            return number

    def _cut(self) -> None:
        """Remove what was half written, or leave the file, which cannot be trusted any more."""
        file, self._file = self._file, None
        if file is not None:
            try:
                os.ftruncate(file, self._size)
            finally:
                os.close(file)

    def _file_for(self, number: int) -> int:
        if self._file is None or self._size >= self._file_bytes:
            self._end_file()
            path = self.folder / f"{number:020d}{_SUFFIX}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC
            self._file = os.open(path, flags, 0o600)
            self._path, self._size, self._begun_at = path, 0, monotonic()
            if path not in self._files:
                self._files.append(path)
            os.write(self._file, MAGIC)
            self._size = len(MAGIC)
            sync_folder(self.folder)
        return self._file

    def _end_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def sync(self) -> None:
        """Make all that was written survive a loss of power.

        Raises:
            OSError: that is not possible.

        """
        with self._lock:
            if not self._is_dirty or self._file is None:
                return
            file = os.dup(self._file)
            self._is_dirty = False
        try:
            os.fsync(file)  # outside the lock: others write meanwhile
        except OSError:
            self._is_dirty = True
            raise
        finally:
            os.close(file)

    # -- reading ----------------------------------------------------------------------------------

    def read(self, place: Place) -> bytes:
        """Return a request.

        Raises:
            GoneError: it is not there any more.
            OSError: it cannot be read now.

        """
        try:
            with place.path.open("rb") as file:
                content = os.pread(file.fileno(), place.size, place.position)
        except FileNotFoundError:
            raise GoneError from None
        if len(content) < place.size:
            raise GoneError
        return content

    def after(self, number: int) -> Iterator[Place]:
        """Yield the requests after a number that are there now."""
        with self._lock:
            found = [place for place in self.places if place.number > number]
        return iter(found)

    def is_empty(self) -> bool:
        """Return whether all requests are released."""
        return not self.places

    # -- setting aside ----------------------------------------------------------------------------

    def set_aside(self, number: int) -> Path:
        """Move a request out of the journal, to a file of its own; return that.

        `replay` reads it, as it is what was sent.

        Raises:
            GoneError: it is not there any more.
            OSError: it cannot be moved, and is where it was.

        """
        with self._lock:
            [place] = [place for place in self.places if place.number == number]
            path = self._aside.add(self.read(place))
            self.places.remove(place)
            self.num_bytes -= place.size
            return path

    @property
    def aside(self) -> Sequence[Path]:
        """The files of requests that were set aside, by this process or an earlier one."""
        return self._aside.paths

    # -- the end ----------------------------------------------------------------------------------

    def release(self, number: int) -> None:
        """Forget the requests up to this one: all that came of them is in the history.

        Raises:
            OSError: a file cannot be deleted; that is tried again the next time.

        """
        with self._lock:
            while self.places and self.places[0].number <= number:
                self.num_bytes -= self.places.popleft().size
            needed = {self.places[0].path} if self.places else set()
            if not self.places and monotonic() - self._begun_at > _FILE_SECONDS:
                self._end_file()  # the next request begins another one
            if self._file is not None:
                needed.add(self._path)
            while self._files and self._files[0] not in needed:
                self._discard(self._files[0])
                self._files.popleft()

    def _discard(self, path: Path) -> None:
        """Delete a file; one that is damaged is kept under another name."""
        with suppress(FileNotFoundError):
            if path in self.damaged:
                path.replace(path.with_suffix(_DAMAGED_SUFFIX))
            else:
                path.unlink()

    def close(self) -> None:
        """Close the file that is appended to; delete the folder if nothing is left in it."""
        with self._lock:
            self._end_file()
            if not self.places:
                while self._files:
                    self._discard(self._files.popleft())
                with suppress(OSError):  # others have put something into it, or it is a link
                    self.folder.rmdir()
