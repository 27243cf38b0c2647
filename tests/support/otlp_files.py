"""Files of OTLP, in all of its forms."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.batches import SpanBatch
from otel_session_agg._otlp.conversion import document_of, message_of

RESOURCE = {"service.name": "shop"}


def in_protobuf(spans: Sequence[SpanData]) -> bytes:
    """A request."""
    message: bytes = message_of(SpanBatch(RESOURCE, list(spans))).SerializeToString()
    return message


def in_json(spans: Sequence[SpanData]) -> bytes:
    """A request on one line."""
    return json.dumps(document_of(message_of(SpanBatch(RESOURCE, list(spans))))).encode() + b"\n"


def sized(message: bytes) -> bytes:
    """A message with its size before it, as the collector's file exporter writes it."""
    return len(message).to_bytes(4, "big") + message


def write_files(folder: Path, spans: Sequence[SpanData], random: Random, *, size: int = 40) -> list[Path]:
    """Write spans to four files, a request for each ``size`` of them."""
    requests = [spans[at : at + size] for at in range(0, len(spans), size)]
    parts: list[list[Sequence[SpanData]]] = [[], [], [], []]
    for request in requests:
        random.choice(parts).append(request)
    paths = [folder / name for name in ("a.jsonl", "b.jsonl.gz", "c.pb", "d.pb.gz")]
    for path, part, is_json in zip(paths, parts, (True, True, False, False), strict=True):
        data = b"".join(in_json(one) if is_json else sized(in_protobuf(one)) for one in part)
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return paths
