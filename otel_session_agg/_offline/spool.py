"""Spans on disk, to be read again trace by trace: any order in, any number, little memory.

How it works
------------
* Spans are appended to files as they come (`Writer`), one file for each process that reads; those
  of one trace that come together are one record.
* What they are sorted by, and where they are, is in a table of DuckDB, which sorts on disk, too.
* They are read in the order in which their traces began.  A *batch* is as many traces as are
  counted together, by their number of spans and of bytes: it ends where no trace is open, so that
  two traces that report the same call are in one; where no such moment comes for long, it ends all
  the same.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from otel_session_agg._exceptions import SessionAggError
from otel_session_agg._extras import needed
from otel_session_agg._history.database import described
from otel_session_agg._offline.records import Record
from otel_session_agg._untrusted.formatting import printable

if TYPE_CHECKING:
    import duckdb

BATCH_SPANS = 20_000
"""Spans after which a batch ends where no trace is open: 100 MB of a process at most."""

_MOST_SPANS = 4 * BATCH_SPANS
"""Spans after which it ends wherever that is."""

BATCH_BYTES = 16 * 1024 * 1024
"""Bytes of records after which it ends there, too: the spans of a batch are in memory three times
where they are kept, and one with long texts takes as much as a hundred others."""

_MOST_BYTES = 4 * BATCH_BYTES
"""Bytes after which it ends wherever that is."""

_FETCHED = 10_000
"""Rows of the table that are read at once."""

_INSERTED = 100_000
"""Rows that are inserted at once: 6 MB."""

_TABLE = """
CREATE TABLE records (
    high UBIGINT, low UBIGINT, num_spans BIGINT, start_ns BIGINT, end_ns BIGINT,
    file INTEGER, position BIGINT, size INTEGER
)
"""
_TRACES = """
CREATE OR REPLACE TABLE traces AS
SELECT high, low, min(start_ns) AS start_ns, max(end_ns) AS end_ns,
    row_number() OVER (ORDER BY min(start_ns), high, low) AS number
FROM records GROUP BY high, low
"""
_ORDERED = """
SELECT number, t.start_ns, t.end_ns, num_spans, file, position, size
FROM records JOIN traces AS t USING (high, low)
ORDER BY number, file, position
"""
_OF_TRACE = """
SELECT file, position, size FROM records WHERE high = $1 AND low = $2 ORDER BY file, position
"""
_TYPES = {
    "high": "Q",
    "low": "Q",
    "num_spans": "q",
    "start_ns": "q",
    "end_ns": "q",
    "position": "q",
    "size": "i",
    "file": "i",
}
_LOW = 2**64 - 1
_MOST_NS = 2**63 - 1


class Place(NamedTuple):
    """Where a record is."""

    file: str
    position: int
    size: int


Batch = list[list[Place]]
"""Traces, and the records of each."""


class Index(NamedTuple):
    """What one call of `Writer.add` wrote: a file, and columns of the table of records."""

    file: str
    columns: dict[str, array[int]]


def _no_rows() -> dict[str, array[int]]:
    return {name: array(code) for name, code in _TYPES.items()}


def unwritable(folder: Path) -> str:
    """Return the words for temporary files that cannot be written."""
    return f"temporary files cannot be written in {printable(str(folder))} (TMPDIR names the place)"


class Writer:
    """Appends records to a new file of a folder."""

    def __init__(self, folder: Path) -> None:
        handle, self._path = tempfile.mkstemp(suffix=".spans", dir=folder)
        self._folder = folder
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)
        self._position = 0

    def add(self, records: list[Record]) -> Index:
        """Append records; return where they are.

        Raises:
            SessionAggError: they cannot be written.

        """
        columns = _no_rows()
        del columns["file"]  # which has a number there only
        for trace_id, num_spans, start_ns, end_ns, data in records:
            columns["high"].append(trace_id >> 64)
            columns["low"].append(trace_id & _LOW)
            columns["num_spans"].append(num_spans)
            columns["start_ns"].append(min(max(start_ns, 0), _MOST_NS))
            columns["end_ns"].append(min(max(end_ns, 0), _MOST_NS))
            columns["position"].append(self._position)
            columns["size"].append(len(data))
            self._position += len(data)
        try:
            self._file.writelines([record.data for record in records])
            self._file.flush()
        except OSError as error:
            message = f"{unwritable(self._folder)}: {error.strerror}"
            raise SessionAggError(message) from None
        return Index(self._path, columns)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # what could not be written was reported
            self._file.close()


class Spool:
    """The table of all records; use it as a context manager.

    Args:
        folder: A folder of its own, that is removed at the end.
        memory_limit: How much memory DuckDB may take.

    """

    def __init__(self, folder: Path, memory_limit: str = "200MB") -> None:
        connect = needed("duckdb", "replay").connect
        self.folder = folder
        self.num_spans = 0
        self._connection: duckdb.DuckDBPyConnection = connect(str(folder / "spool.duckdb"))
        self._connection.execute(f"SET memory_limit = '{memory_limit}'")
        self._connection.execute("SET enable_progress_bar = false")  # it is printed
        self._connection.execute(_TABLE)
        self._files: dict[str, int] = {}
        self._rows = _no_rows()
        """Rows that are not in the table yet: to insert a few costs as much as many."""

    def add(self, index: Index) -> None:
        """Add what a writer wrote."""
        rows, columns = self._rows, index.columns
        number = self._files.setdefault(index.file, len(self._files))
        for name, values in columns.items():
            rows[name].extend(values)
        rows["file"].extend(array(_TYPES["file"], [number]) * len(columns["size"]))
        self.num_spans += sum(columns["num_spans"])
        if len(rows["file"]) >= _INSERTED:
            self._insert()

    def _insert(self) -> None:
        if self._rows["file"]:
            asarray = needed("numpy", "replay").asarray
            rows, self._rows = self._rows, _no_rows()
            self._connection.register("rows", {name: asarray(one) for name, one in rows.items()})
            with described(unwritable(self.folder)):
                self._connection.execute("INSERT INTO records BY NAME SELECT * FROM rows")
            self._connection.unregister("rows")

    def num_traces(self) -> int:
        """Put the traces in order; return their number."""
        self._insert()
        with described(unwritable(self.folder)):
            self._connection.execute(_TRACES)
        return int(self._connection.execute("SELECT count(*) FROM traces").fetchall()[0][0])

    def batches(self) -> Iterator[Batch]:
        """Yield all spans in batches; call `num_traces` before."""
        files = list(self._files)
        with described(unwritable(self.folder)):  # what it sorts may be on disk, too
            cursor = self._connection.execute(_ORDERED)
        batch: Batch = []
        known, total, num_bytes, until_ns = -1, 0, 0, 0
        while rows := cursor.fetchmany(_FETCHED):
            for number, start_ns, end_ns, num_spans, file, position, size in rows:
                if number != known:
                    is_full = total >= BATCH_SPANS or num_bytes >= BATCH_BYTES
                    is_over = total >= _MOST_SPANS or num_bytes >= _MOST_BYTES
                    if is_over or (is_full and start_ns > until_ns):
                        yield batch
                        batch, total, num_bytes = [], 0, 0
                    batch.append([])
                    known, until_ns = number, max(until_ns, end_ns)
                batch[-1].append(Place(files[file], position, size))
                total, num_bytes = total + num_spans, num_bytes + size
        if batch:
            yield batch

    def trace_ids(self) -> Iterator[list[int]]:
        """Yield the ids of all traces, some at once; spans may be added meanwhile."""
        self._insert()
        cursor = self._connection.cursor()
        cursor.execute("SELECT DISTINCT high, low FROM records")
        while rows := cursor.fetchmany(_FETCHED):
            yield [(high << 64) + low for high, low in rows]
        cursor.close()

    def places(self, trace_id: int) -> list[Place]:
        """Return where the records of one trace are."""
        self._insert()
        files = list(self._files)
        rows = self._connection.execute(_OF_TRACE, [trace_id >> 64, trace_id & _LOW]).fetchall()
        return [Place(files[file], position, size) for file, position, size in rows]

    def close(self) -> None:
        """Let go of the table."""
        self._connection.close()


class Reader:
    """Reads records where they are."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}

    def read(self, place: Place) -> bytes:
        """Return one record."""
        handle = self._files.get(place.file)
        if handle is None:
            handle = self._files[place.file] = os.open(place.file, os.O_RDONLY)
        return os.pread(handle, place.size, place.position)

    def close(self) -> None:
        """Close all files."""
        for handle in self._files.values():
            os.close(handle)
        self._files.clear()
