"""Write the traces of a replay as OTLP, with totals on their roots and session records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._offline.replay import Replay
from otel_session_agg._otlp.endpoint import Endpoint
from otel_session_agg._otlp.formats import frames
from otel_session_agg._otlp.framing import sized
from otel_session_agg._otlp.writer import OtlpFile
from otel_session_agg._settings import Settings
from otel_session_agg._writing.naming import Naming
from otel_session_agg._writing.root_writer import RootWriter

_RECORDS = 500
"""Records that are written at once."""

REPLAY = "replay"
"""Why such a record was made."""


def write_otlp(replay: Replay[Any], path: str | os.PathLike[str]) -> None:
    """Write a file, which has its name when it is complete.

    What could not be read is not in it.

    Raises:
        OSError: it cannot be written.

    """
    with OtlpFile(path) as out:
        for source in replay.sources:
            for form, frame in frames(source, _was_reported, replay.form):
                out.write_frame(form, frame, replay.on_root, _was_reported)
        records = records_of(replay)
        while some := list(islice(records, _RECORDS)):
            out.write_spans(some)


def send_otlp(replay: Replay[Any], url: str) -> None:
    """Send the same to an OTLP/HTTP endpoint.

    Raises:
        SessionAggError: it is no HTTP URL, or does not accept something.

    """
    endpoint = Endpoint(url)
    path = replay.folder / "to_send.pb"
    write_otlp(replay, path)
    try:
        with path.open("rb") as file:
            for frame in sized(file, _was_reported):
                endpoint.send(frame.data)
    finally:
        path.unlink()


def records_of(replay: Replay[Any]) -> Iterator[ReadableSpan]:
    """Yield the spans of session records, of those sessions for which a processor exports one."""
    settings: Settings = replay.options.settings
    writer = RootWriter(Naming(settings))
    wanted = settings.session_records
    for session_id, totals in replay.history.sessions():
        record = SessionRecord(session_id, 1, REPLAY, totals)
        if not record.is_on_root if wanted == "auto" else wanted:
            yield writer.record(record, Resource.get_empty())


def _was_reported(_place: str, _what: str) -> None:
    """Pass over what was reported when it was read first."""
