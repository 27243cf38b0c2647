"""The bare install at work: run by itself, with nothing but the core's dependencies."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import SessionSpanExporter, SessionSpanProcessor, SettingsError, end_session, session
from otel_session_agg.testing import RecordingExporter

folder = TemporaryDirectory()
exporter = RecordingExporter()
provider = TracerProvider()
provider.add_span_processor(SessionSpanProcessor(exporter, store=f"sqlite:///{Path(folder.name) / 'sessions.db'}"))
for _ in range(2):
    with (
        session("chat"),
        provider.get_tracer("bare").start_as_current_span("request"),
        provider.get_tracer("bare").start_as_current_span("chat") as span,
    ):
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"})
        span.set_attributes({"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1})
end_session("chat")
provider.force_flush()
provider.shutdown()
folder.cleanup()
attributes, other = (dict(root.attributes or {}) for root in exporter.roots)
record = next(dict(span.attributes or {}) for span in exporter.spans if span.name == "session")
if attributes["metadata.total_tokens"] != 11 or not attributes["metadata.cost"]:
    sys.exit(f"wrong totals: {attributes}")
if record["metadata.total_tokens"] != 22 or record["metadata.num_traces"] != 2 or "metadata.cost" not in other:
    sys.exit(f"wrong record: {record}")
if {"typer", "rich", "openai", "redis"} & sys.modules.keys():
    sys.exit("an extra was imported")
try:
    SessionSpanExporter()
    sys.exit("an OTLP exporter was found")
except SettingsError as error:
    if "otel-session-agg[otlp]" not in str(error):
        sys.exit(f"the error does not name the extra: {error}")
