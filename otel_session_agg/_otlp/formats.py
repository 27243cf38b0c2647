"""The table of formats, and which of them a file has."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from functools import partial
from typing import BinaryIO

from otel_session_agg._otlp import (
    csv_rows,
    exports,
    framing,
    json_pieces,
    otlp,
    parquet,
    protobuf_pieces,
)
from otel_session_agg._otlp.batches import HEAD_BYTES, Format, Frame, Report
from otel_session_agg._otlp.framing import BOM
from otel_session_agg._otlp.json_frames import json_frames
from otel_session_agg._otlp.records import decode_json
from otel_session_agg._otlp.sources import Source

_ALL = (
    Format(
        "otlp-json", "OTLP, one JSON document", otlp.is_document, json_pieces.documents, otlp.decode
    ),
    Format("otlp-jsonl", "OTLP, JSON lines", otlp.is_lines, json_pieces.lines, otlp.decode),
    Format(
        "otlp-protobuf",
        "OTLP, a protobuf message",
        otlp.is_single,
        protobuf_pieces.message,
        otlp.decode,
    ),
    Format(
        "otlp-protobuf-delimited",
        "OTLP, messages with their size in 4 bytes before them",
        otlp.is_sized,
        framing.sized,
        otlp.decode,
    ),
    Format(
        "otlp-protobuf-varint",
        "OTLP, messages with their size as a varint before them",
        otlp.is_varint_sized,
        framing.varint_sized,
        otlp.decode,
    ),
    *(
        Format(
            export.name,
            export.title,
            partial(exports.looks_like, export.name),
            json_frames,
            partial(decode_json, export.read),
        )
        for export in exports.EXPORTS
    ),
    Format("csv", "CSV of one of these", csv_rows.looks_like, csv_rows.frames, csv_rows.decode),
    Format(
        "parquet",
        "Parquet of one of these",
        parquet.looks_like,
        parquet.frames,
        partial(decode_json, exports.read_any),
    ),
)

FORMATS: Mapping[str, Format] = {row.name: row for row in _ALL}
"""By name, in the order in which they are tried."""


def detected(head: bytes) -> Format | None:
    """Return the format of a file that begins like this; ``None``: it is in none."""
    return next((row for row in _ALL if row.looks_like(head)), None)


def frames(
    source: Source, report: Report, name: str | None = None
) -> Iterator[tuple[Format, Frame]]:
    """Yield the frames of a file, with its format.

    Args:
        source: The file.
        report: Gets what cannot be read.
        name: The name of the format; ``None``: it is detected.

    """
    with source.open(report) as stream:
        head = stream.peek(HEAD_BYTES)
        if len(head) < HEAD_BYTES and _is_blank(head):  # all of it, whatever its format is
            return
        found = detected(head) if name is None else FORMATS[name]
        if found is not None:
            for frame in found.frames(stream, report):
                yield found, frame
        elif not _rest_is_blank(stream):
            report("", "is in no known format" + (", but in UTF-16" if _is_utf16(head) else ""))


def _is_blank(head: bytes) -> bool:
    return not head.removeprefix(BOM).strip()


def _rest_is_blank(stream: BinaryIO) -> bool:
    """Return whether nothing but blanks is left, of which there may be many; read these."""
    chunk = stream.read(HEAD_BYTES)
    while chunk and _is_blank(chunk):
        chunk = stream.read(HEAD_BYTES)
    return not chunk


def _is_utf16(head: bytes) -> bool:
    """Return whether a file is text in UTF-16, as some shells write what programs print."""
    return head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in head[2:4]
