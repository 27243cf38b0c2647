"""MLflow's traces: ``search_traces`` as JSON, of versions 2 and 3 of its schema.

Source: MLflow's entities; recordings of 3.17.  Its spans have neither scope nor kind; what traces
state about session and user is put on their roots, and their tags are taken for the resource.
Costs that MLflow calculated count as recorded ones.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._otlp.batches import Report
from otel_session_agg._otlp.cells import mapping, sequence
from otel_session_agg._otlp.field_values import (
    interval,
    is_error,
    parent_id,
    record,
    span_id,
    text,
    time_ns,
    trace_id,
)
from otel_session_agg._otlp.records import ResourceAndSpan, Row, each
from otel_session_agg._untrusted.json_text import loaded

_OWN = "mlflow."
"""How the names of tags begin that MLflow sets."""
_TRACE_PREFIX = "tr-"
_OF_ROOT = ("mlflow.trace.session", "mlflow.trace.user")
_MAX_ID_CHARS = 32


def spans(row: Row, report: Report, place: str) -> Iterator[ResourceAndSpan]:
    """Read the spans of a trace, which is an object, or a row of the table of traces."""
    trace = mapping(row["trace"]) if "trace" in row else row
    info = record(trace.get("info", row))
    tags = mapping(info.get("tags"))
    resource = {key: value for key, value in tags.items() if not key.startswith(_OWN)}
    stated = mapping(info.get("trace_metadata", info.get("request_metadata")))
    of_root = {key: stated[key] for key in _OF_ROOT if key in stated}

    def read(span: Row) -> ResourceAndSpan:
        data = _span(span)
        is_root = data.parent_id is None
        attributes = {**of_root, **data.attributes} if is_root else data.attributes
        return resource, data._replace(attributes=attributes)

    found = sequence(record(trace.get("data", row)).get("spans"))
    if not found:
        report(place, "a trace without its spans; search_traces() leaves them out when asked to")
    return each(found, read, report, place)


def _span(row: Row) -> SpanData:
    """Read a span of version 3, or of version 2, which has other names and hexadecimal ids."""
    ids = record(row.get("context", row))
    status = record(row.get("status"))
    times = [
        time_ns(row.get(f"{moment}_time_unix_nano", row.get(f"{moment}_time")))
        for moment in ("start", "end")
    ]
    start_ns, end_ns = interval(*times)
    failed = is_error(status.get("code", row.get("status_code")))
    description = text(status.get("message", row.get("status_message")))
    attributes = {key: _attribute(value) for key, value in mapping(row.get("attributes")).items()}
    return SpanData(
        name=text(row.get("name")),
        trace_id=trace_id(_hexadecimal(ids.get("trace_id"))),
        span_id=span_id(_hexadecimal(ids.get("span_id"))),
        parent_id=parent_id(_hexadecimal(row.get("parent_span_id", row.get("parent_id")))),
        span_kind="INTERNAL",
        scope_name="",
        scope_version="",
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=attributes,
        events=tuple(map(_event, sequence(row.get("events")))),
        failed=failed,
        status_description=description if failed and description else None,
    )


def _event(stated: object) -> SpanEvent:
    event = record(stated)
    time = time_ns(event.get("time_unix_nano", event.get("timestamp")))
    return SpanEvent(text(event.get("name")), record(event.get("attributes")), time)


def _hexadecimal(stated: object) -> str:
    """Return the digits of an id, which is hexadecimal or, in version 3, base64."""
    id_ = text(stated)
    if not id_.endswith("="):
        return id_.removeprefix(_TRACE_PREFIX)
    try:
        return b64decode(id_[:_MAX_ID_CHARS], validate=True).hex()
    except ValueError:
        return ""


def _attribute(value: Any) -> Any:
    """Return the value of an attribute, which is kept as JSON.

    Objects stay texts, as in the attributes that MLflow exports.
    """
    if not isinstance(value, str) or value[:1] in {"{", "["}:
        return value
    try:
        return loaded(value)
    except ValueError:
        return value
