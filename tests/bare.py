"""The bare install at work: run by itself, with nothing but the core's dependencies."""

import sys

from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import SessionSpanProcessor
from otel_session_agg.testing import RecordingExporter

exporter = RecordingExporter()
provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(exporter))
with (
    provider.get_tracer("bare").start_as_current_span("session"),
    provider.get_tracer("bare").start_as_current_span("chat") as span,
):
    span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 10})
    span.set_attribute("gen_ai.usage.output_tokens", 1)
provider.force_flush()
provider.shutdown()
attributes = dict(exporter.roots[0].attributes or {})
if attributes["metadata.total_tokens"] != 11 or not attributes["metadata.cost"]:
    sys.exit(f"wrong totals: {attributes}")
if {"typer", "rich", "openai"} & sys.modules.keys():
    sys.exit("an extra was imported")
