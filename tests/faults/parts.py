"""Attacks by what an application hands in: exporters, callbacks, loggers and stores that raise, hang or end threads."""

from __future__ import annotations

import random
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from otel_session_agg import SessionSpanProcessor

from .kit import attack


class BrokenExporter(SpanExporter):
    """Raises one of some errors, each time with some chance; keeps what it is given all the same."""

    def __init__(self, chance: random.Random, *errors: type[BaseException]) -> None:
        self._chance = chance
        self._errors = errors
        self.names: list[str] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep them, then raise perhaps."""
        self.names += [span.name for span in spans]
        if self._chance.random() < 0.2:
            raise self._chance.choice(self._errors)
        return SpanExportResult.SUCCESS


@attack(short=50, long=5000)
def exporter_raises(chance: random.Random, rounds: int) -> None:
    """An exporter that raises sometimes gets everything once."""
    exporter = BrokenExporter(chance, ValueError, RecursionError, MemoryError)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(exporter), prices={}))
    tracer = provider.get_tracer("faults")
    for number in range(rounds):
        with tracer.start_as_current_span(f"root-{number}"):
            tracer.start_span(f"child-{number}").end()
        if chance.random() < 0.1:
            provider.force_flush()
    provider.shutdown()
    expected = sorted(f"{what}-{number}" for what in ("child", "root") for number in range(rounds))
    assert expected == sorted(exporter.names)
