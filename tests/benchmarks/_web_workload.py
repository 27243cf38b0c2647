"""A workload of a web application that calls no model: one trace of 12 spans, by HTTP and database instrumentations.

A request, two steps of the application inside it, six database calls, two cache calls and one request to another service, with
the attributes of the stable HTTP and database semantic conventions.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, Tracer

from ._workload import Keep, provider_of

WEB_SPANS = 12
"""Spans of one trace."""

_STEPS = (("load", 4), ("save", 2))
"""Steps of the application, and database calls of each."""

_QUERIES = (
    "SELECT id, state FROM orders WHERE id = %s",
    "SELECT id, total FROM orders WHERE id = %s",
    "SELECT line, item, number FROM order_lines WHERE order_id = %s",
    "SELECT street, city FROM addresses WHERE order_id = %s",
)


def run_web_trace(tracer: Tracer, trace: int = 0) -> None:
    """Make the spans of one request."""
    with tracer.start_as_current_span("POST /orders/{order_id}", kind=SpanKind.SERVER, attributes=_request(trace)):
        _leaf(tracer, "GET", _cache("GET", trace))
        for name, calls in _STEPS:
            with tracer.start_as_current_span(name, attributes={"code.function.name": f"shop.orders.{name}"}):
                for call in range(calls):
                    _leaf(tracer, "SELECT orders", _query(trace, call))
        _leaf(tracer, "POST", _call(trace))
        _leaf(tracer, "SET", _cache("SET", trace))


def _leaf(tracer: Tracer, name: str, attributes: dict[str, Any]) -> None:
    with tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes):
        pass


def _request(trace: int) -> dict[str, Any]:
    return {
        "http.request.method": "POST",
        "http.route": "/orders/{order_id}",
        "url.path": f"/orders/{trace}",
        "url.scheme": "https",
        "server.address": "shop.example.com",
        "server.port": 443,
        "client.address": "203.0.113.7",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
    }


def _query(trace: int, call: int) -> dict[str, Any]:
    return {
        "db.system.name": "postgresql",
        "db.namespace": "shop",
        "db.operation.name": "SELECT",
        "db.collection.name": "orders",
        "db.query.text": _QUERIES[call],
        "server.address": "db.internal",
        "server.port": 5432,
        "db.response.returned_rows": trace % 7,
    }


def _cache(operation: str, trace: int) -> dict[str, Any]:
    return {"db.system.name": "redis", "db.operation.name": operation, "db.query.text": f"{operation} order:{trace}"}


def _call(trace: int) -> dict[str, Any]:
    return {
        "http.request.method": "POST",
        "url.full": f"https://payments.internal/charges/{trace}",
        "server.address": "payments.internal",
        "server.port": 443,
        "http.response.status_code": 201,
    }


def recorded_web(traces: int = 1) -> list[ReadableSpan]:
    """The ended spans of so many requests, in the order they ended."""
    keep = Keep()
    tracer = provider_of(keep).get_tracer("bench.web", "1.0")
    for trace in range(traces):
        run_web_trace(tracer, trace)
    return keep.spans
