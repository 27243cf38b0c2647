"""Files of users: written whole or not at all, and read up to a size."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO


class CompleteFile:
    """A file beside the one that is written; it takes its name at a clean end.

    As a context manager it returns the open file.  A device or a pipe is written as it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Begin the file.

        Raises:
            OSError: it cannot be written.

        """
        self._path = Path(os.path.realpath(path))
        self._in_place = self._path.exists() and not self._path.is_file()
        name = f".{self._path.name}.{secrets.token_hex(4)}.tmp"
        self._written = self._path if self._in_place else self._path.with_name(name)
        self._file: BinaryIO = self._written.open("wb" if self._in_place else "xb")

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the file its name; remove it after an error, and leave what had the name."""
        try:
            if kind is None:
                self._complete()
        finally:
            self._remove()

    def _complete(self) -> None:
        self._file.flush()
        if not self._in_place:
            os.fsync(self._file.fileno())
        self._file.close()
        if not self._in_place:
            self._written.replace(self._path)
            sync_folder(self._path.parent)

    def _remove(self) -> None:
        """Close the file, and remove it unless it has got its name."""
        with suppress(OSError):  # the disk is full, and what is not written yet cannot be
            self._file.close()
        if not self._in_place:
            self._written.unlink(missing_ok=True)


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Return what is in a file.

    Raises:
        OSError: it cannot be read, or is larger; ``strerror`` says which.

    """
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        message = f"the file is larger than {max_bytes // 1_000_000} MB"
        raise OSError(errno.EFBIG, message)
    return content


def sync_folder(folder: Path) -> None:
    """Make sure that a new name in it survives a crash, where systems allow it."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
