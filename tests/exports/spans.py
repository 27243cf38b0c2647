"""The spans that every backend is given: two sessions, three traces, each figure once.

Needs only OpenTelemetry's SDK, so it runs in the environment of any backend.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

EPOCH_NS = 1_772_366_400_000_000_000
"""2026-03-01T12:00:00Z; backends keep at least microseconds."""
SECOND_NS = 1_000_000_000

RESOURCE = {"service.name": "shop", "deployment.environment.name": "production"}
CHAT = ("opentelemetry.instrumentation.openai_v2", "2.3")
LLM = ("openinference.instrumentation.openai", "0.1.66")
APP = ("app", "1.0")

SPANS: tuple[tuple[int, int | None, int, SpanKind, tuple[str, str], float, float, str, dict[str, Any], str | None], ...] = (
    # id, parent, trace, kind, scope, first second, last second, name, attributes, error
    (0x11, None, 1, SpanKind.SERVER, APP, 0.0, 9.0, "POST /chat", {"session.id": "s-1", "user.id": "ada"}, None),
    (
        0x12, 0x11, 1, SpanKind.INTERNAL, APP, 0.5, 8.5, "invoke_agent helper",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper"}, None,
    ),
    (
        0x13, 0x12, 1, SpanKind.CLIENT, CHAT, 1.0, 3.25, "chat gpt-4o-mini",
        {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.request.temperature": 0.5, "gen_ai.request.stream": True,
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 200,
            "gen_ai.usage.cache_read.input_tokens": 400,
        }, None,
    ),
    (
        0x14, 0x12, 1, SpanKind.INTERNAL, APP, 3.5, 4.000001, "execute_tool look_up",
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look_up"}, "no such order",
    ),
    (
        0x15, 0x12, 1, SpanKind.INTERNAL, LLM, 4.5, 6.0, "ChatCompletion",
        {
            "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.provider": "openai",
            "llm.token_count.prompt": 50, "llm.token_count.completion": 10, "llm.token_count.total": 60,
            "llm.cost.total": 0.000225, "input.value": '{"messages": [{"role": "user", "content": "Where is it?"}]}',
            "input.mime_type": "application/json",
            "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Where is it?",
            "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "On its way.",
            "output.value": "On its way.",
        }, None,
    ),
    (0x21, None, 2, SpanKind.SERVER, APP, 20.0, 23.0, "POST /chat", {"session.id": "s-1", "user.id": "ada"}, None),
    (
        0x22, 0x21, 2, SpanKind.CLIENT, CHAT, 20.5, 22.5, "chat gpt-4o-mini",
        {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        }, "rate limit",
    ),
    (0x31, None, 3, SpanKind.SERVER, APP, 30.0, 33.0, "POST /chat", {"session.id": "s-2", "user.id": "bob"}, None),
    (
        0x32, 0x31, 3, SpanKind.CLIENT, CHAT, 30.5, 32.5, "chat gpt-4o",
        {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 7,
        }, None,
    ),
)  # fmt: skip


class _Ids(IdGenerator):
    """Hands out the ids of the span that is made next."""

    def __init__(self) -> None:
        self.trace = self.span = 0

    def generate_trace_id(self) -> int:
        """The id of the trace."""
        return 0xA5A5_0000_0000_0000_0000_0000_0000_0000 + self.trace

    def generate_span_id(self) -> int:
        """The id of the span."""
        return 0x5A5A_0000_0000_0000 + self.span


def send(exporter: SpanExporter, *, service: str | None = None) -> None:
    """Give all spans to an exporter, each when it ends."""
    ids = _Ids()
    resource = Resource({**RESOURCE, **({"service.name": service} if service else {})})
    provider = TracerProvider(id_generator=ids, resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    made: dict[int, tuple[Span, int]] = {}
    for span_id, parent, ids.trace, kind, scope, start, end, name, attributes, error in SPANS:
        ids.span = span_id
        context = Context() if parent is None else set_span_in_context(made[parent][0], Context())
        tracer = provider.get_tracer(*scope)
        span = tracer.start_span(name, context, kind, dict(attributes), start_time=_time(start))
        made[span_id] = span, _time(end)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
            span.add_event("exception", {"exception.type": "LookupError", "exception.message": error}, _time(end))
    for span, end in reversed(made.values()):
        span.end(end)
    provider.shutdown()


def _time(seconds: float) -> int:
    return EPOCH_NS + round(seconds * 1_000_000) * 1_000
