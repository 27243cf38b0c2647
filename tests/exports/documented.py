"""Exports of backends that cannot be run here, as their documentation describes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.exports.spans import send


def ended() -> list[ReadableSpan]:
    """The spans of all exports, in the order in which they began."""
    exporter = InMemorySpanExporter()
    send(exporter)
    return sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


def write(folder: Path) -> None:
    """Write the files."""
    spans = ended()
    files = {
        "jaeger-documented.json": json.dumps({"data": list(_jaeger(spans)), "total": 0}, indent=1),
        "langfuse-documented.json": json.dumps({"data": list(_langfuse_traces(spans))}, indent=1),
        "langfuse-documented.jsonl": "".join(f"{json.dumps(row)}\n" for row in _langfuse_rows(spans)),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _by_trace(spans: list[ReadableSpan]) -> Mapping[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in spans:
        found.setdefault(_trace_id(span), []).append(span)
    return found


def _trace_id(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def _jaeger(spans: list[ReadableSpan]) -> Iterator[dict[str, Any]]:
    """Traces as Jaeger's API has them, with the tags that OpenTelemetry maps fields to."""
    for trace_id, of_trace in _by_trace(spans).items():
        resource = {**of_trace[0].resource.attributes}
        process = {"serviceName": resource.pop("service.name"), "tags": _tags(resource)}
        yield {
            "traceID": trace_id,
            "spans": [_jaeger_span(span) for span in of_trace],
            "processes": {"p1": process},
            "warnings": None,
        }


def _jaeger_span(span: ReadableSpan) -> dict[str, Any]:
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.instrumentation_scope is not None
    fields: dict[str, Any] = {
        "otel.scope.name": span.instrumentation_scope.name,
        "otel.scope.version": span.instrumentation_scope.version,
        "span.kind": span.kind.name.lower(),
    }
    if not span.status.is_unset:
        fields["otel.status_code"] = span.status.status_code.name
    if not span.status.is_ok:
        fields |= {"error": True, "otel.status_description": span.status.description}
    parent = (
        []
        if span.parent is None
        else [{"refType": "CHILD_OF", "traceID": _trace_id(span), "spanID": f"{span.parent.span_id:016x}"}]
    )
    return {
        "traceID": _trace_id(span),
        "spanID": f"{span.context.span_id:016x}",
        "flags": 1,
        "operationName": span.name,
        "references": parent,
        "startTime": span.start_time // 1000,
        "duration": (span.end_time - span.start_time) // 1000,
        "tags": _tags({**(span.attributes or {}), **fields}),
        "logs": [
            {"timestamp": event.timestamp // 1000, "fields": _tags({"event": event.name, **(event.attributes or {})})}
            for event in span.events
        ],
        "processID": "p1",
        "warnings": None,
    }


def _tags(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    types = {bool: "bool", int: "int64", float: "float64", str: "string"}
    return [
        {"key": key, "type": types.get(type(value), "string"), "value": value if type(value) in types else json.dumps(value)}
        for key, value in attributes.items()
    ]


_TYPES = {"chat": "GENERATION", "invoke_agent": "AGENT", "execute_tool": "TOOL"}


def _langfuse_traces(spans: list[ReadableSpan]) -> Iterator[dict[str, Any]]:
    """Traces with their observations, as Langfuse's API has them."""
    for trace_id, of_trace in _by_trace(spans).items():
        root = of_trace[0]
        attributes = root.attributes or {}
        yield {
            "id": trace_id,
            "timestamp": _iso(root.start_time),
            "name": root.name,
            "input": None,
            "output": None,
            "sessionId": attributes["session.id"],
            "userId": attributes["user.id"],
            "metadata": {},
            "tags": [],
            "environment": "production",
            "latency": ((root.end_time or 0) - (root.start_time or 0)) / 1e9,
            "observations": [_observation(span) for span in of_trace],
        }


def _observation(span: ReadableSpan) -> dict[str, Any]:
    attributes = dict(span.attributes or {})
    kind = _TYPES.get(str(attributes.get("gen_ai.operation.name", "")), "SPAN")
    found: dict[str, Any] = {
        "id": f"{span.context.span_id:016x}",
        "traceId": _trace_id(span),
        "type": "GENERATION" if "llm.model_name" in attributes else kind,
        "name": span.name,
        "startTime": _iso(span.start_time),
        "endTime": _iso(span.end_time),
        "parentObservationId": None if span.parent is None else f"{span.parent.span_id:016x}",
        "level": "DEFAULT" if span.status.is_ok else "ERROR",
        "statusMessage": span.status.description,
        "model": attributes.get(
            "gen_ai.response.model", attributes.get("gen_ai.request.model", attributes.get("llm.model_name"))
        ),
        "modelParameters": {},
        "metadata": {"scope": {"name": "app"}},
        "environment": "production",
        "usageDetails": {},
        "costDetails": {},
        "calculatedTotalCost": None,
    }
    cached = int(str(attributes.get("gen_ai.usage.cache_read.input_tokens", 0)))
    stated = attributes.get("gen_ai.usage.input_tokens", attributes.get("llm.token_count.prompt"))
    if stated is not None:
        prompt = int(str(stated))
        output = int(str(attributes.get("gen_ai.usage.output_tokens", attributes.get("llm.token_count.completion"))))
        found["usageDetails"] = {"input": prompt - cached, "output": output, "total": prompt + output}
        if cached:
            found["usageDetails"]["input_cached_tokens"] = cached
    if "llm.cost.total" in attributes:
        found["costDetails"] = {"total": attributes["llm.cost.total"]}
        found["calculatedTotalCost"] = attributes["llm.cost.total"]
    return found


def _langfuse_rows(spans: list[ReadableSpan]) -> Iterator[dict[str, Any]]:
    """Observations with the fields of their traces, as Langfuse exports them to blob storage."""
    for trace_id, of_trace in _by_trace(spans).items():
        stated = of_trace[0].attributes or {}
        for span in of_trace:
            one = _observation(span)
            yield {
                "id": one["id"],
                "trace_id": trace_id,
                "type": one["type"],
                "start_time": _plain(span.start_time),
                "end_time": _plain(span.end_time),
                "parent_observation_id": one["parentObservationId"],
                "name": one["name"],
                "level": one["level"],
                "status_message": one["statusMessage"],
                "environment": "production",
                "user_id": stated["user.id"],
                "session_id": stated["session.id"],
                "trace_name": of_trace[0].name,
                "provided_model_name": one["model"],
                "usage_details": one["usageDetails"],
                "cost_details": one["costDetails"],
                "total_cost": one["calculatedTotalCost"],
            }


def _time(time_ns: int | None) -> datetime:
    return datetime.fromtimestamp((time_ns or 0) / 1e9, timezone.utc)


def _iso(time_ns: int | None) -> str:
    return f"{_time(time_ns):%Y-%m-%dT%H:%M:%S.%f}Z"


def _plain(time_ns: int | None) -> str:
    return f"{_time(time_ns):%Y-%m-%d %H:%M:%S.%f}"
