"""Write a file of OTLP: the traces that were read, with totals on their roots."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._extras import needed
from otel_session_agg._files import CompleteFile
from otel_session_agg._otlp import otlp
from otel_session_agg._otlp.batches import Format, Frame, Report
from otel_session_agg._otlp.conversion import document_of, message_of, message_of_document
from otel_session_agg._otlp.framing import SIZE_BYTES
from otel_session_agg._otlp.json_documents import documents_of
from otel_session_agg._otlp.otlp_protobuf import parsed
from otel_session_agg._otlp.rewriting import Lookup, rewrite_document, rewrite_message

_JSON_ENDINGS = frozenset({".json", ".jsonl", ".ndjson"})
_COMPRESSED_ENDINGS = frozenset({".gz", ".zst"})


class OtlpFile:
    """A file of OTLP that has its name when it is complete, and is not there before.

    The ending of its name says what it is: ``.json`` and ``.jsonl`` a request on each line, else
    requests in protobuf with their size in 4 bytes before them, both as the collector writes them;
    ``.gz`` or ``.zst`` behind it compresses.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Begin the file.

        Raises:
            OSError: it cannot be written.
            SessionAggError: a library for it is not installed.

        """
        endings = [ending.lower() for ending in Path(path).suffixes]
        compression = endings.pop() if endings and endings[-1] in _COMPRESSED_ENDINGS else ""
        self._is_json = bool(endings) and endings[-1] in _JSON_ENDINGS
        self._whole = _opened(path, compression)
        self._out = self._whole.__enter__()

    def write_frame(self, form: Format, frame: Frame, lookup: Lookup, report: Report) -> None:
        """Write the spans of a frame, with what the lookup has for them.

        An attribute that a span has already is replaced, or removed if the lookup has ``None`` for
        it.  Session records are left out: they state the totals of another time.  All else stays
        as it was, as far as OTLP has it.
        """
        if form.decode is not otlp.decode:
            for batch in form.decode(frame, report):
                self._write_rewritten(message_of(batch), lookup)
            return
        data = otlp.payload(frame, report)
        if data is None:
            return
        if otlp.is_json(data):
            for document in documents_of(data, frame.place, report):
                rewrite_document(document, lookup)
                if document["resourceSpans"]:
                    self._write_document(document, frame.place, report)
            return
        message = parsed(data, frame.place, report)
        if message is not None:
            self._write_rewritten(message, lookup)

    def _write_rewritten(self, message: Any, lookup: Lookup) -> None:
        rewrite_message(message, lookup)
        if message.resource_spans:
            self._write_message(message)

    def write_spans(self, spans: Sequence[ReadableSpan]) -> None:
        """Write spans of the SDK, such as session records."""
        encoder = needed("opentelemetry.exporter.otlp.proto.common.trace_encoder", "replay")
        if spans:
            self._write_message(encoder.encode_spans(spans))

    def _write_message(self, message: Any) -> None:
        if self._is_json:
            self._write_line(document_of(message))
        else:
            data = message.SerializeToString()
            self._out.write(len(data).to_bytes(SIZE_BYTES, "big") + data)

    def _write_document(self, document: Any, place: str, report: Report) -> None:
        try:
            if self._is_json:
                self._write_line(document)
            else:
                self._write_message(message_of_document(document))
        except ValueError:  # not as OTLP's JSON has it: written with what can be read of it
            for batch in otlp.decode(Frame(place, json.dumps(document).encode()), report):
                self._write_message(message_of(batch))

    def _write_line(self, document: Any) -> None:
        """Write a request on a line.

        Raises:
            ValueError: it has a number that JSON does not have.

        """
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._out.write(text.encode() + b"\n")

    def __enter__(self) -> OtlpFile:  # noqa: PYI034 -- ``Self`` is not in Python 3.10
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Complete the file; remove it after an error."""
        self._whole.__exit__(kind, error, traceback)


@contextmanager
def _opened(path: str | os.PathLike[str], compression: str) -> Iterator[IO[bytes]]:
    with CompleteFile(path) as file, _compressing(file, compression) as out:
        yield out


def _compressing(file: IO[bytes], ending: str) -> AbstractContextManager[Any]:
    """Return what compresses into a file, and leaves it open when it is closed."""
    if ending == ".gz":
        return gzip.GzipFile("", "wb", 6, file, 0)
    if ending == ".zst":
        compressor = needed("zstandard", "replay").ZstdCompressor()
        found: AbstractContextManager[Any] = compressor.stream_writer(file, closefd=False)
        return found
    return nullcontext(file)
