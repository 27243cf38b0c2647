"""From a frame of JSON to spans: what the readers of exports have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.batches import Frame, Report, SpanBatch
from otel_session_agg._otlp.field_values import UnreadableError, record
from otel_session_agg._otlp.json_documents import parsed
from otel_session_agg._otlp.json_frames import WRAPPERS

Row = Mapping[str, Any]
"""A record of an export, with whatever values."""

ResourceAndSpan = tuple[Mapping[str, Any], SpanData]
"""The attributes of a resource, and a span of it."""

Reader = Callable[[Row, Report, str], Iterator[ResourceAndSpan]]
"""Reads the spans of a record; the text is the record's place."""


ReadOne = Callable[[Row], ResourceAndSpan]
"""Reads a row that is a span; raises ``UnreadableError`` when it is none."""


def decode_json(read: Reader, frame: Frame, report: Report) -> Iterator[SpanBatch]:
    """Read the spans of a frame, record by record."""
    value = parsed(frame.data, frame.place, report)
    yield from batches(
        found
        for number, row in enumerate(_records(value, frame.place, report))
        for found in read(row, report, _place(frame, number))
    )


def _place(frame: Frame, number: int) -> str:
    return f"{frame.place}, record {number + 1}" if number else frame.place


def _records(value: object, place: str, report: Report) -> Iterator[Row]:
    """Find records as ``json_frames`` does."""
    if isinstance(value, list):
        for one in value:
            yield from _records(one, place, report)
    elif isinstance(value, dict):
        wrapped = [value[key] for key in value if key in WRAPPERS and isinstance(value[key], list)]
        if wrapped:
            yield from _records(wrapped, place, report)
        else:
            yield value
    elif value is not None:
        report(place, "JSON that is no record")


def each(
    rows: Iterable[object], read: ReadOne, report: Report, place: str
) -> Iterator[ResourceAndSpan]:
    """Read the rows of a record that are a span each."""
    for number, row in enumerate(rows, 1):
        yield from one(row, read, report, f"{place}, span {number}")


def one(row: object, read: ReadOne, report: Report, place: str) -> Iterator[ResourceAndSpan]:
    """Read a row that is a span; report it when it cannot be read."""
    try:
        yield read(record(row))
    except UnreadableError as error:
        report(place, str(error))


def batches(found: Iterable[ResourceAndSpan]) -> Iterator[SpanBatch]:
    """Put spans that follow each other and have the same resource into one batch."""
    for resource, group in groupby(found, itemgetter(0)):
        yield SpanBatch(resource, [span for _, span in group])
