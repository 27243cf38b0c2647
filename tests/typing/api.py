"""How the public interface is typed: checked by mypy, never run."""

from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from otel_session_agg import ModelPrice, PriceBook, Rollup, SessionSpanProcessor, Settings, SettingsError
from otel_session_agg.testing import FakeClock, RecordingExporter, make_span

by_exporter: SpanProcessor = SessionSpanProcessor(ConsoleSpanExporter())
by_processor = SessionSpanProcessor(
    BatchSpanProcessor(ConsoleSpanExporter()),
    settings=Settings(linger_seconds=1, outputs=False),
    prices=PriceBook({"gpt-*": {"input": 1, "output": 2.5, "tiers": [{"above_tokens": 200_000, "input": 2}]}}),
)
flushed: bool = by_processor.force_flush(1000)
price: ModelPrice = {"input": 1.0, "cache_read": 0.1}
cost: float | None = (Rollup() + Rollup(num_events=1)).cost_usd
error: Exception = SettingsError("x")
settings: Settings = Settings.from_mapping({"max_open_roots": "10"})
span: ReadableSpan = make_span("chat", attributes={"gen_ai.operation.name": "chat"})
roots: tuple[ReadableSpan, ...] = RecordingExporter().roots
now: float = FakeClock(1.0)()
