"""What ClickHouse answers from the collector's table, in two of its formats."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from chdb.session import Session
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from spans import send

_TABLE = """
CREATE TABLE otel_traces (
    Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String), Duration UInt64,
    StatusCode LowCardinality(String), StatusMessage String,
    Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)),
    Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
"""The columns of the collector's ClickHouse exporter."""


def _texts(attributes: Any) -> dict[str, str]:
    """Attributes as the collector writes them into a map of texts."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for key, value in (attributes or {}).items()
    }


def _row(span: ReadableSpan) -> dict[str, Any]:
    assert span.start_time is not None
    assert span.end_time is not None
    return {
        "Timestamp": _time(span.start_time),
        "TraceId": f"{span.context.trace_id:032x}",
        "SpanId": f"{span.context.span_id:016x}",
        "ParentSpanId": "" if span.parent is None else f"{span.parent.span_id:016x}",
        "SpanName": span.name,
        "SpanKind": span.kind.name.capitalize(),
        "ServiceName": span.resource.attributes["service.name"],
        "ResourceAttributes": _texts(span.resource.attributes),
        "ScopeName": span.instrumentation_scope.name,
        "ScopeVersion": span.instrumentation_scope.version,
        "SpanAttributes": _texts(span.attributes),
        "Duration": span.end_time - span.start_time,
        "StatusCode": span.status.status_code.name.capitalize(),
        "StatusMessage": span.status.description or "",
        "Events.Timestamp": [_time(event.timestamp) for event in span.events],
        "Events.Name": [event.name for event in span.events],
        "Events.Attributes": [_texts(event.attributes) for event in span.events],
    }


def _time(time_ns: int) -> str:
    return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09}"


def main(folder: Path) -> None:
    """Fill the table and write what is answered."""
    exporter = InMemorySpanExporter()
    send(exporter)
    session = Session()
    session.query(_TABLE)
    rows = "\n".join(json.dumps(_row(span)) for span in exporter.get_finished_spans())
    session.query(f"INSERT INTO otel_traces FORMAT JSONEachRow {rows}")
    for name, answered in (("jsonl", "JSONEachRow"), ("parquet", "Parquet"), ("csv", "CSVWithNames")):
        answer = session.query("SELECT * FROM otel_traces ORDER BY Timestamp", answered)
        (folder / f"clickhouse.{name}").write_bytes(answer.bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
