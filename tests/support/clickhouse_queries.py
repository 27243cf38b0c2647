"""Run in an environment of its own: makes the collector's table, fills it, and answers queries.

On standard input one JSON object: ``rows`` (name, trace, span, parent, attributes as texts) and ``queries``.
"""

from __future__ import annotations

import json
import sys

from chdb.session import Session

_TABLE = """
CREATE TABLE otel_traces (
    Timestamp DateTime64(9) DEFAULT now64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
    SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeVersion String,
    SpanAttributes Map(LowCardinality(String), String), Duration UInt64, StatusCode LowCardinality(String), StatusMessage String
) ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
"""The columns of the collector's ClickHouse exporter, but for events and links."""


def main() -> None:
    """Answer each query with its rows."""
    asked = json.load(sys.stdin)
    session = Session()
    session.query(_TABLE)
    rows = [
        {"TraceId": trace, "SpanId": span, "ParentSpanId": parent, "SpanName": name, "SpanAttributes": attributes}
        for name, trace, span, parent, attributes in asked["rows"]
    ]
    lines = "\n".join(map(json.dumps, rows))
    session.query(f"INSERT INTO otel_traces ({', '.join(rows[0])}) FORMAT JSONEachRow {lines}")
    answers = [json.loads(str(session.query(query, "JSON")))["data"] for query in asked["queries"]]
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
