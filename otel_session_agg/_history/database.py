"""Open DuckDB files: with bounds, and without access to anything but the file.

Every connection is made with the same locks: no other file, no network, no extension, and no
setting that could be changed back.  DuckDB itself sees to it that one process writes, and that a
transaction is in the file as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Timer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._extras import needed
from otel_session_agg._history.interruptible import interruptible
from otel_session_agg._untrusted.formatting import printable, short

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Connection
else:
    Connection = Any  # DuckDB is imported when a file is opened

__all__ = [
    "Bounds",
    "Connection",
    "HistoryError",
    "RefusedValuesError",
    "connect",
    "described",
    "described_values",
    "is_database",
    "time_limit",
    "transaction",
]

_MAGIC_AT, _MAGIC = 8, b"DUCK"
_MAX_SHOWN = 300

_CHECKPOINT_AT = "64MB"
"""What is written beside a file before it gets into it.  Of a table that grows the last rows are
compressed anew each time: with DuckDB's 16 MB, most of them several times.  After a program was
killed, so much is read when the file is opened: a second's work."""


class HistoryError(SessionAggError):
    """A file of sessions cannot be used, or a question to it not be answered; the text says why."""


class RefusedValuesError(HistoryError):
    """Values cannot be written to a file, whenever that is tried."""


class Bounds(NamedTuple):
    """What a connection may use."""

    memory_limit: str
    """As DuckDB takes it: ``512MB``."""
    threads: int
    spill: Path
    """A folder for what does not fit into memory."""
    max_spill: str = "100GB"


def connect(
    path: Path,
    bounds: Bounds,
    *,
    read_only: bool = False,
    folder: Path | None = None,
    beside: Mapping[str, Path] = MappingProxyType({}),
) -> Connection:
    """Open a file, which is created if it is not there and not ``read_only``.

    Args:
        path: The file.
        bounds: What the connection may use.
        read_only: Whether nothing can be written to it.
        folder: A folder in which the connection may write files.
        beside: Other files of DuckDB to read, by the names of their schemas.

    Raises:
        HistoryError: it cannot be opened.

    """
    duckdb = needed("duckdb", "replay")
    for used in (path, bounds.spill, *beside.values(), *([folder] if folder else [])):
        _check_name(used)
    _check(path, read_only=read_only)
    config: dict[str, object] = {
        "memory_limit": bounds.memory_limit,
        "threads": bounds.threads,
        "temp_directory": str(bounds.spill),
        "max_temp_directory_size": bounds.max_spill,
        "checkpoint_threshold": _CHECKPOINT_AT,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
        "pandas_analyze_sample": 0,  # arrays of objects hold texts
    }
    try:
        connection: Connection = duckdb.connect(str(path), read_only=read_only, config=config)
    except duckdb.Error as error:
        raise HistoryError(_why(path, str(error))) from None
    connection.execute("SET enable_progress_bar = false")  # it would be among what is printed
    for name, other in beside.items():
        _attach(connection, name, other)
    if folder is not None:
        connection.execute(f"SET allowed_directories = [{_literal(str(folder))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _attach(connection: Connection, name: str, path: Path) -> None:
    duckdb = needed("duckdb", "replay")
    _check(path, read_only=True)
    try:
        connection.execute(f"ATTACH {_literal(str(path))} AS {name} (READ_ONLY)")
    except duckdb.Error as error:
        connection.close()
        raise HistoryError(_why(path, str(error))) from None


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def is_database(path: Path) -> bool:
    """Return whether a path is a file of DuckDB's; a pipe, which can be read once, is not."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(_MAGIC_AT + len(_MAGIC))[_MAGIC_AT:] == _MAGIC
    except OSError:
        return False


class NamedFile:
    """The file of a connection; what is written while it has no name is lost in the end."""

    def __init__(self, path: Path) -> None:
        """Remember which file a path leads to."""
        self._path, self._file = path, self._there(path)

    @staticmethod
    def _there(path: Path) -> tuple[int, int] | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def check(self) -> None:
        """Raise `HistoryError` if the path leads to another file, or to none."""
        if self._there(self._path) != self._file:
            message = (
                f"the history cannot be written: {printable(str(self._path))} was deleted, moved"
                " or replaced; what it had can be read until this ends"
            )
            raise HistoryError(message)


def _check_name(path: Path) -> None:
    """Raise if DuckDB cannot be given the name of a file or folder."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        message = f"{printable(str(path))} cannot be used: its name is not UTF-8"
        raise HistoryError(message) from None


def _check(path: Path, *, read_only: bool) -> None:
    """Raise if a file is none of DuckDB's, which it might open by other means.

    An empty one is as none, such as a program leaves that is killed while it makes it.
    """
    name = printable(str(path))
    try:
        if not (path.is_file() or path.is_dir()) and path.exists():
            message = f"{name} is a device or a pipe, and no file"
            raise HistoryError(message)
        with path.open("rb") as file:
            head = file.read(_MAGIC_AT + len(_MAGIC))
        if not head and not read_only:
            path.unlink()
            return
    except FileNotFoundError:
        missing = path if read_only else path.parent
        if missing.exists():
            return
        message = f"{printable(str(missing))} does not exist"
        raise HistoryError(message) from None
    except OSError as error:
        message = f"{name} cannot be used: {error.strerror}"
        raise HistoryError(message) from None
    if head[_MAGIC_AT:] != _MAGIC:
        message = f"{name} is no history: it is another program's file, or damaged"
        raise HistoryError(message)


def _why(path: Path, message: str) -> str:
    name = printable(str(path))
    lower = message.lower()
    if "conflicting lock" in lower or "different configuration" in lower:
        return f"{name} is in use: one program at a time can write it, and none reads it meanwhile"
    return f"{name} cannot be opened, it may be damaged or of a newer version: {_first(message)}"


_IN_WORDS: Mapping[str, str] = {
    "corrupt database file": "its file is damaged, restore a copy of it or move it away",
    "does not match stored checksum": "its file is damaged, restore a copy of it or move it away",
    "no space left on device": "the disk is full",
}
"""What errors are, by what they have in their texts."""


def _first(message: str) -> str:
    before, _, _ = message.partition("\n\nLINE ")  # what follows is the text of the query
    return short(" ".join(before.split()), _MAX_SHOWN)


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit what is done on a connection, or nothing of it."""
    connection.begin()
    with ExitStack() as undo:
        undo.callback(connection.rollback)
        yield
        undo.pop_all()
    connection.commit()


@contextmanager
def described(what: str) -> Iterator[None]:
    """Raise DuckDB's errors as `HistoryError`, after the words for what was not possible.

    Errors about values that are written are `RefusedValuesError`.
    """
    duckdb = needed("duckdb", "replay")
    try:
        yield
    except (duckdb.DataError, duckdb.IntegrityError) as error:
        message = f"{what}: {_first(str(error))}"
        raise RefusedValuesError(message) from None
    except duckdb.Error as error:
        message = f"{what}: {_plain(str(error))}"
        raise HistoryError(message) from None


def _plain(message: str) -> str:
    """Return an error of DuckDB, after plain words where somebody can do something about it."""
    lower, said = message.lower(), _first(message)
    words = next((words for sign, words in _IN_WORDS.items() if sign in lower), None)
    return said if words is None else f"{words} ({said})"


@contextmanager
def described_values() -> Iterator[None]:
    """Raise DuckDB's errors about values as `HistoryError`: a condition made them, no fault did."""
    duckdb = needed("duckdb", "replay")
    try:
        yield
    except (duckdb.DataError, duckdb.InvalidInputException) as error:
        message = f"the condition cannot be met: {_first(str(error))}"
        raise HistoryError(message) from None


@contextmanager
def time_limit(connection: Connection, seconds: float) -> Iterator[None]:
    """Interrupt what runs on a connection after some time, and raise a `HistoryError`."""
    duckdb = needed("duckdb", "replay")
    is_over = Event()

    def stop() -> None:
        is_over.set()
        connection.interrupt()

    timer = Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        with interruptible(connection):
            yield
    except duckdb.InterruptException:
        why = f"took longer than {seconds:g} seconds and " if is_over.is_set() else ""
        message = f"it {why}was stopped"
        raise HistoryError(message) from None
    finally:
        timer.cancel()
