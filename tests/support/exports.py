"""Exports of backends, and what is read of them."""

from __future__ import annotations

from io import BufferedReader, BytesIO
from pathlib import Path

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.batches import SpanBatch
from otel_session_agg._otlp.formats import FORMATS, frames
from otel_session_agg._otlp.sources import Source
from tests.support.otlp import Problems
from tests.support.paths import TESTS

EXPORTS = {path.name: path for path in sorted((TESTS / "cases" / "exports").iterdir())}


def read(path: Path, problems: Problems | None = None) -> list[SpanBatch]:
    """What is in a file, whose format is detected; nothing may be reported unless problems are given."""
    told = Problems() if problems is None else problems
    found = [batch for form, frame in frames(Source(path.name, path), told) for batch in form.decode(frame, told)]
    assert problems is not None or [] == told
    return found


def read_as(name: str, data: bytes, problems: Problems | None = None) -> list[SpanBatch]:
    """What is in a file of this format."""
    told = Problems() if problems is None else problems
    form = FORMATS[name]
    stream = BufferedReader(BytesIO(data))
    found = [batch for frame in form.frames(stream, told) for batch in form.decode(frame, told)]
    assert problems is not None or [] == told
    return found


def spans_in(batches: list[SpanBatch]) -> list[SpanData]:
    """The spans of all batches."""
    return [span for batch in batches for span in batch.spans]
