"""The files of an SQLite database: permissions, and whether they are those that were opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_BESIDE = ("-wal", "-shm")
"""Endings of the names of the files that SQLite keeps beside a database in WAL mode."""
_OWNER_ONLY = 0o600

_Id = tuple[int, int]


class Files:
    """The database and the files beside it, as they were when it was opened."""

    def __init__(self, path: Path) -> None:
        self._names = [str(path), *(f"{path}{ending}" for ending in _BESIDE)]
        self._known: list[_Id | None] = []

    def look(self) -> None:
        """Remember the files that are there now as the ones that are about to be opened."""
        self._known = [_id_of(self._names[0]), None, None]

    def are_others(self) -> bool:
        """Return whether a name stands for another file by now, or for none.

        A file beside the database that has come since belongs to it.
        """
        found = [_id_of(name) for name in self._names]
        if (
            any(
                known is not None and known != now
                for known, now in zip(self._known, found, strict=True)
            )
            or found[0] is None
        ):
            return True
        self._known = found
        return False

    def drop_left_over(self) -> None:
        """Delete the files beside a database that does not have the name any more.

        SQLite would take them for those of the one that has it now.
        """
        names = dict(zip(self._names, self._known, strict=True))
        database = self._names[0]
        with suppress(OSError), _alone_in(Path(database).parent):
            if _id_of(database) != names.pop(database):
                for name, known in names.items():
                    if known is not None and _id_of(name) == known:
                        Path(name).unlink()


def _id_of(name: str) -> _Id | None:
    try:
        found = os.stat(name)  # noqa: PTH116 -- before each call: a tenth of what pathlib needs
    except OSError:
        return None
    return found.st_dev, found.st_ino


def create_file(path: Path) -> None:
    """Create a database that is not there, empty and for its owner only.

    What an earlier one of that name has left beside it is deleted first, or SQLite would take it
    for the new one's.  What cannot be done here is left to SQLite, whose error says why.
    """
    # not opened to see: SQLite's locks of this process would be gone when it is closed again
    if path.exists():
        return
    with suppress(OSError), _alone_in(path.parent):
        if not path.exists():
            for ending in (*_BESIDE, "-journal"):
                Path(f"{path}{ending}").unlink(missing_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _OWNER_ONLY))


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from creating a database in a folder, where there are such locks."""
    try:
        import fcntl  # noqa: PLC0415 -- not on Windows
    except ImportError:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
