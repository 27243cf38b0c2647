"""Langfuse's traces and observations: its API, its downloads, its exports to blob storage.

Source: Langfuse's API reference, and its field reference of exports.  Keys may be in either of
their spellings, ``traceId`` and ``trace_id``.  Fields become the attributes that Langfuse's SDK
sets, so the same table reads them.  Scopes, kinds and events of spans are not in it; costs that
Langfuse calculated count as recorded ones.

Observations of the older API and exports do not state user and session, but their traces do.  So
a trace becomes a span, and those of its observations that have no parent are below it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from otel_session_agg._model.span import SpanData
from otel_session_agg._otlp.batches import Report
from otel_session_agg._otlp.cells import mapping, sequence
from otel_session_agg._otlp.field_values import (
    NS_PER_S,
    UnreadableError,
    interval,
    is_error,
    record,
    text,
    time_ns,
)
from otel_session_agg._otlp.records import ResourceAndSpan, Row, each, one
from otel_session_agg._untrusted.values import count

_OBSERVATION = "langfuse.observation."
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    f"{_OBSERVATION}model.name": ("provided_model_name", "model"),
    f"{_OBSERVATION}model.parameters": ("model_parameters",),
    f"{_OBSERVATION}completion_start_time": ("completion_start_time",),
    f"{_OBSERVATION}input": ("input",),
    f"{_OBSERVATION}output": ("output",),
    "langfuse.session.id": ("session_id",),
    "langfuse.user.id": ("user_id",),
}
"""For each attribute the fields that it is taken from: the first one that has a value."""
_METADATA = f"{_OBSERVATION}metadata."
_TOTALS = ("total_cost", "calculated_total_cost")
_USAGE_COUNTS = {
    "input": ("input", "prompt_tokens"),
    "output": ("output", "completion_tokens"),
    "total": ("total", "total_tokens"),
}
"""Counts of the older API: in its ``usage``, or beside it."""
_OF_TRACE = frozenset({"session_id", "user_id", "trace_name", "is_root_observation"})
"""Fields of observations in newer exports, which state what is known of their trace."""
_UPPER = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TRACE_ID_BYTES, _ID_BYTES = 16, 8
_MAX_ID_CHARS = 1024


def spans(row: Row, report: Report, place: str) -> Iterator[ResourceAndSpan]:
    """Read an observation; or a trace, with its observations if they are in it."""
    fields = _spelled(row)
    if "trace_id" in fields:
        is_alone = not _OF_TRACE.isdisjoint(map(snake_case, row))
        yield from one(fields, _observation if is_alone else _below_trace, report, place)
        return
    trace = {**fields, **_spelled(record(fields.get("trace")))}
    yield from one(trace, _trace, report, place)
    trace_id = trace.get("id")
    inside = [
        {"trace_id": trace_id, **_spelled(record(observation))}
        for observation in sequence(fields.get("observations", trace.get("observations")))
    ]
    yield from each(inside, _below_trace, report, place)


def snake_case(key: str) -> str:
    """Return a key in lower case, with underscores between its words."""
    return _UPPER.sub("_", key).lower()


def _spelled(row: Row) -> dict[str, Any]:
    """Return what is stated in a record, by keys of one spelling."""
    return {snake_case(key): value for key, value in row.items() if value is not None}


def _trace(row: Row) -> ResourceAndSpan:
    trace_id = _id(row.get("id"), _TRACE_ID_BYTES)
    start_ns = time_ns(row.get("timestamp"))
    end_ns = start_ns and start_ns + time_ns(row.get("latency"), NS_PER_S)
    return _span(row, trace_id, _root_of(trace_id), None, interval(start_ns, end_ns))


def _observation(row: Row) -> ResourceAndSpan:
    trace_id, span_id = _id(row.get("trace_id"), _TRACE_ID_BYTES), _id(row.get("id"), _ID_BYTES)
    above = row.get("parent_observation_id")
    parent_id = _id(above, _ID_BYTES) if above else None
    times = interval(time_ns(row.get("start_time")), time_ns(row.get("end_time")))
    return _span(row, trace_id, span_id, parent_id, times)


def _below_trace(row: Row) -> ResourceAndSpan:
    resource, span = _observation(row)
    if span.parent_id is None:
        span = span._replace(parent_id=_root_of(span.trace_id))
    return resource, span


def _span(
    row: Row, trace_id: int, span_id: int, parent_id: int | None, times: tuple[int, int]
) -> ResourceAndSpan:
    failed = is_error(row.get("level"))
    description = text(row.get("status_message"))
    metadata = mapping(row.get("metadata"))
    environment = text(row.get("environment"))
    resource = {**mapping(metadata.get("resourceAttributes"))}
    if environment and environment != "default":
        resource.setdefault("deployment.environment.name", environment)
    return resource, SpanData(
        name=text(row.get("name")),
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        span_kind="INTERNAL",
        scope_name="",
        scope_version="",
        start_ns=times[0],
        end_ns=times[1],
        attributes=_attributes(row, metadata),
        failed=failed,
        status_description=description if failed and description else None,
    )


def _attributes(row: Row, metadata: Mapping[str, Any]) -> dict[str, Any]:
    found = {f"{_METADATA}{key}": _as_text(value) for key, value in metadata.items()}
    found[f"{_OBSERVATION}type"] = text(row.get("type", "span")).lower()
    for name, fields in _ATTRIBUTES.items():
        stated = next((row[field] for field in fields if field in row), None)
        if stated is not None:
            found[name] = _as_text(stated)
    for name, figures in (("usage_details", _usage(row)), ("cost_details", _costs(row))):
        if figures:
            found[f"{_OBSERVATION}{name}"] = json.dumps(figures)
    return found


def _usage(row: Row) -> Mapping[str, Any]:
    details = mapping(row.get("usage_details"))
    if details:
        return details
    older = {**row, **_spelled(mapping(row.get("usage")))}
    if older.get("unit", "TOKENS") != "TOKENS":
        return {}
    stated = {
        name: next((count(older[key]) for key in keys if key in older), None)
        for name, keys in _USAGE_COUNTS.items()
    }
    return {name: value for name, value in stated.items() if value is not None}


def _costs(row: Row) -> Mapping[str, Any]:
    details = mapping(row.get("cost_details"))
    total = next((row[key] for key in _TOTALS if key in row), None)
    return details if "total" in details or total is None else {"total": total}


def _as_text(value: object) -> object:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _root_of(trace_id: int) -> int:
    """Return the id of the span that a trace becomes."""
    return _hashed(f"trace {trace_id:032x}", _ID_BYTES)


def _id(stated: object, num_bytes: int) -> int:
    """Return an id: hexadecimal digits as they are, any other text by its hash.

    Raises:
        UnreadableError: it is no text.

    """
    if not isinstance(stated, str) or not 0 < len(stated) <= _MAX_ID_CHARS:
        message = "no valid id"
        raise UnreadableError(message)
    digits = stated.replace("-", "")
    if len(digits) == 2 * num_bytes and digits.isalnum() and digits.isascii():
        try:
            return int(digits, 16) or 1
        except ValueError:
            pass
    return _hashed(stated, num_bytes)


def _hashed(stated: str, num_bytes: int) -> int:
    found = sha256(stated.encode(errors="replace")).digest()[:num_bytes]
    return int.from_bytes(found, "big") or 1
