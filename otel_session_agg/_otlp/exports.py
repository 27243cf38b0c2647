"""The table of exports: how their records look, and what reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from otel_session_agg._otlp import jaeger, langfuse, mlflow, rows, zipkin
from otel_session_agg._otlp.batches import Report
from otel_session_agg._otlp.json_frames import first_keys
from otel_session_agg._otlp.records import Reader, ResourceAndSpan, Row


class Export(NamedTuple):
    """What a backend exports."""

    name: str
    title: str
    keys: tuple[frozenset[str], ...]
    """Each record has all keys of one of these; there are several, because a long value may hide
    the keys after it from who looks at the beginning of a file."""
    read: Reader
    spelled: Callable[[str], str] = str
    """Makes keys of records those that are compared."""


EXPORTS = (
    Export(
        "jaeger",
        "Jaeger, JSON",
        (
            frozenset({"traceID", "spans"}),
            frozenset({"traceID", "spanID"}),
            frozenset({"processes", "spans"}),
        ),
        jaeger.spans,
    ),
    Export(
        "mlflow",
        "MLflow, JSON of search_traces()",
        (frozenset({"info", "data"}), frozenset({"trace_metadata", "spans"})),
        mlflow.spans,
    ),
    Export(
        "clickhouse",
        "ClickHouse, rows of the collector's otel_traces",
        (frozenset({"TraceId", "SpanId"}),),
        rows.spans,
    ),
    Export(
        "phoenix",
        "Phoenix, its table of spans",
        (frozenset({"context.trace_id", "context.span_id"}), frozenset({"context", "name"})),
        rows.spans,
    ),
    Export(
        "spans",
        "rows of spans with names as in OTLP",
        (frozenset({"trace_id", "span_id"}), frozenset({"traceId", "spanId"})),
        rows.spans,
    ),
    Export(
        "langfuse",
        "Langfuse, traces or observations",
        (
            frozenset({"observations"}),
            frozenset({"id", "trace_id", "type"}),
            frozenset({"id", "trace_id", "start_time"}),
            frozenset({"id", "trace_id", "parent_observation_id"}),
            frozenset({"id", "timestamp", "session_id"}),
        ),
        langfuse.spans,
        langfuse.snake_case,
    ),
    Export(
        "zipkin",
        "Zipkin, JSON",
        tuple(
            frozenset({"traceId", "id", key})
            for key in ("timestamp", "duration", "localEndpoint", "kind", "annotations", "tags")
        ),
        zipkin.spans,
    ),
)
"""In the order in which they are tried."""


NO_COLUMNS = (
    "no columns of spans, such as trace_id, span_id, parent_id, name, start_time, end_time and "
    "attributes, or those of Phoenix or ClickHouse"
)
"""What is wrong with a table that no export has."""


def export_of(keys: Iterable[str]) -> Export | None:
    """Return the export that has records with these keys; ``None``: there is none."""
    return _export_of(frozenset(keys))


@lru_cache(maxsize=64)
def _export_of(stated: frozenset[str]) -> Export | None:
    return next((export for export in EXPORTS if _has(export, stated)), None)


def _has(export: Export, stated: frozenset[str]) -> bool:
    spelled = frozenset(map(export.spelled, stated))
    return any(keys <= spelled for keys in export.keys)


def looks_like(name: str, head: bytes) -> bool:
    """Return whether a file of JSON that begins like this is the export of that name."""
    found = _export_in(head)
    return found is not None and found.name == name


@lru_cache(maxsize=1)  # each format is asked in turn
def _export_in(head: bytes) -> Export | None:
    return export_of(first_keys(head))


def read_any(row: Row, report: Report, place: str) -> Iterator[ResourceAndSpan]:
    """Read the spans of a record of any export."""
    found = export_of(row)
    if found is None:
        report(place, "a record of no known export")
    else:
        yield from found.read(row, report, place)
