"""Temporary folders, which a later process removes where theirs was killed.

Each has a file on which its process holds a lock; the lock ends with the process, however it ends.
A folder is removed when it is this user's, has that file, and nobody holds its lock.  The file has
its name only when it is locked, so that no process takes a folder that is just being made for one
that was left behind.  Without such locks, on Windows, nothing is removed but one's own.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "otel-session-agg-"
"""How the names of all these folders begin."""

_LOCK = "lock"


class TemporaryFolder:
    """A folder in the system's place for temporary files, until it is closed."""

    def __init__(self) -> None:
        _remove_left_behind()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._handle = _locked(self.path)

    def close(self) -> None:
        """Delete the folder and what is in it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        shutil.rmtree(self.path, ignore_errors=True)


def _locked(folder: Path) -> int | None:
    """Lock a folder for as long as the file is open that is returned."""
    if sys.platform == "win32":
        return None
    import fcntl  # noqa: PLC0415 -- not everywhere

    handle = os.open(folder / "new", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with suppress(OSError):  # a file system without locks: nobody else can take it for left behind
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / "new").rename(folder / _LOCK)
    return handle


def _remove_left_behind() -> None:
    """Remove the folders of processes that were killed."""
    if sys.platform == "win32":
        return
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    _remove_unless_locked(entry)


def _remove_unless_locked(entry: os.DirEntry[str]) -> None:
    """Remove a folder of this user's; raise `OSError` where it is none, or is in use."""
    if sys.platform == "win32":
        return
    import fcntl  # noqa: PLC0415 -- not everywhere

    is_own = entry.stat(follow_symlinks=False).st_uid == os.getuid()
    if not is_own or not entry.is_dir(follow_symlinks=False):
        return
    handle = os.open(Path(entry.path) / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(entry.path, ignore_errors=True)
    finally:
        os.close(handle)
