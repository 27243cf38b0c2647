"""Exports as CSV: a header with the keys of records, and a row for each record."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import BinaryIO

from otel_session_agg._otlp.batches import MAX_FRAME_BYTES, Frame, Report, SpanBatch
from otel_session_agg._otlp.cells import written_out
from otel_session_agg._otlp.exports import NO_COLUMNS, export_of, read_any
from otel_session_agg._otlp.framing import BOM
from otel_session_agg._otlp.records import Row, batches

_ENOUGH_BYTES = 1 << 18
_MAX_HEADER_BYTES = 1 << 16
_QUOTE = b'"'


def looks_like(head: bytes) -> bool:
    """Return whether a file begins with a header that has the keys of an export."""
    return export_of(_columns(head.removeprefix(BOM).partition(b"\n")[0])) is not None


def _columns(header: bytes) -> list[str]:
    try:
        return next(csv.reader([header.decode(errors="replace")]), [])
    except csv.Error:
        return []


def frames(stream: BinaryIO, report: Report) -> Iterator[Frame]:
    """Cut a file into frames of some rows, each below the header.

    A row ends with a line after which all quotes are closed.  What follows a quote that is never
    closed is left out: texts of users in it might look like rows.
    """
    header = stream.readline(_MAX_HEADER_BYTES).removeprefix(BOM)
    if export_of(_columns(header)) is None:
        report("line 1", NO_COLUMNS)
        return
    number, start, is_quoted = 1, 2, False
    gathered: list[bytes] = []
    size = num_closed = 0  # lines that are rows as a whole
    while line := stream.readline(MAX_FRAME_BYTES):
        number += 1
        gathered.append(line)
        size += len(line)
        is_quoted ^= line.count(_QUOTE) % 2 == 1
        if is_quoted and size > MAX_FRAME_BYTES:
            break
        if not is_quoted:
            num_closed = len(gathered)
            if size >= _ENOUGH_BYTES:
                yield Frame(f"line {start}", b"".join([header, *gathered]))
                gathered, size, num_closed, start = [], 0, 0, number + 1
    if num_closed:
        yield Frame(f"line {start}", b"".join([header, *gathered[:num_closed]]))
    if is_quoted:
        report(
            f"line {start + num_closed}",
            "a quote in this line is not closed; it and all that follows is left out",
        )


def decode(frame: Frame, report: Report) -> Iterator[SpanBatch]:
    """Read the spans of a frame."""
    yield from batches(
        found
        for number, row in enumerate(_rows(frame, report), 1)
        for found in read_any(row, report, f"{frame.place}, row {number}")
    )


def _rows(frame: Frame, report: Report) -> Iterator[Row]:
    text = StringIO(frame.data.decode(errors="replace"), newline="")
    limit = csv.field_size_limit(MAX_FRAME_BYTES)
    try:
        header, *rows = csv.reader(text)
    except csv.Error:
        report(frame.place, "no valid CSV")
        return
    finally:
        csv.field_size_limit(limit)
    for number, row in enumerate(rows, 1):
        if len(row) == len(header):
            yield dict(zip(header, map(_value, row), strict=True))
        elif row:
            place = f"{frame.place}, row {number}"
            report(place, "another number of columns than in the header")


def _value(cell: str) -> object:
    return written_out(cell) if cell else None
