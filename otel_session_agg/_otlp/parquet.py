"""Exports as Parquet, a column for each key of a record; DuckDB reads them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from otel_session_agg._extras import needed
from otel_session_agg._otlp.batches import Frame, Report
from otel_session_agg._otlp.exports import NO_COLUMNS, export_of
from otel_session_agg._untrusted.values import encodable

_MAGIC = b"PAR1"
_ROWS = 500
"""Rows of a frame: as many spans take a few hundred kilobytes."""
_PATTERN = frozenset("*?[]{}")
"""Characters that DuckDB takes for a pattern of names."""
_COLUMNS_OF_FILE = "SELECT * FROM read_parquet(?) LIMIT 0"
_ROWS_OF_FILE = "SELECT to_json(row) FROM read_parquet(?) AS row"
_MEMORY = "256MB"
_BAD_TEXT = "Invalid string encoding"
"""What DuckDB says of a text that is not UTF-8; it reads nothing of the rows beside it, either."""
_NO_UTF_8 = "a text is not UTF-8; the rows from here on were not read"
_NO_PARQUET = "no Parquet, or not all of it"


def looks_like(head: bytes) -> bool:
    """Return whether a file begins as Parquet does."""
    return head.startswith(_MAGIC)


def frames(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Read rows as frames of JSON.

    Raises:
        SessionAggError: DuckDB is missing.

    """
    duckdb = needed("duckdb", "replay")
    with _as_file(stream) as path:
        number = 1
        try:
            with _connected(duckdb, path) as connection:
                columns = connection.execute(_COLUMNS_OF_FILE, [str(path)]).description
                if export_of(name for name, *_ in columns) is None:
                    report("", NO_COLUMNS)
                    return
                rows = connection.execute(_ROWS_OF_FILE, [str(path)])
                while found := rows.fetchmany(_ROWS):
                    data = b",".join(row.encode() for (row,) in found)
                    yield Frame(f"row {number}", b"[%b]" % data)
                    number += len(found)
        except (duckdb.Error, RuntimeError) as error:  # the latter where its message is no UTF-8
            is_text = _BAD_TEXT in str(error)
            report("" if number == 1 else f"row {number}", _NO_UTF_8 if is_text else _NO_PARQUET)


@contextmanager
def _connected(duckdb: Any, path: Path) -> Iterator[Any]:
    """Open DuckDB, which may read this file and nothing else."""
    settings = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allowed_paths": [str(path)],
        "enable_external_access": False,
        "memory_limit": _MEMORY,
        "threads": 1,
        "TimeZone": "UTC",
    }
    with duckdb.connect(":memory:") as connection:
        for name, value in settings.items():
            connection.execute(f"SET {name} = ?", [value])
        connection.execute("SET lock_configuration = true")
        yield connection


@contextmanager
def _as_file(stream: BinaryIO) -> Iterator[Path]:
    """Return the stream's own file if it is Parquet, else a copy of what is in the stream."""
    path = getattr(stream, "name", None)
    if isinstance(path, Path) and _is_plain(str(path)) and _is_parquet(path):
        yield path.absolute()
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "rows.parquet"
        with copy.open("wb") as file:
            shutil.copyfileobj(stream, file)
        yield copy


def _is_plain(name: str) -> bool:
    """Return whether DuckDB can be given a name, and takes it for one."""
    return _PATTERN.isdisjoint(name) and encodable(name) == name


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC
