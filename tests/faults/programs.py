"""Parts of the programs that attacks run in processes of their own."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult

from otel_session_agg import PriceBook, SessionRecord, SessionSpanExporter, SessionSpanProcessor, session

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}
"""A model call of 15 tokens."""

PRICES = PriceBook({"m": {"input": 1, "output": 2}})


class Kept(SpanExporter):
    """Keeps names and totals of what it is given; ``breaks`` is called each time, after that."""

    def __init__(self, breaks: Callable[[], object] = lambda: None) -> None:
        self.names: Counter[str] = Counter()
        self.tokens: dict[str, int | None] = {}
        self.breaks = breaks

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep them."""
        for span in spans:
            self.names[span.name] += 1
            if span.parent is None:
                self.tokens[span.name] = (span.attributes or {}).get("metadata.total_tokens")  # type: ignore[assignment]
        self.breaks()
        return SpanExportResult.SUCCESS


class Traced:
    """A provider with our processor, or with our exporter behind the batch processor."""

    def __init__(self, exporter: SpanExporter, *, door: str = "processor", **more: Any) -> None:
        self.provider = TracerProvider(
            resource=Resource({"service.name": "faults"}), shutdown_on_exit=more.pop("shutdown_on_exit", False)
        )
        self.records: list[SessionRecord] = []
        given: dict[str, Any] = {"prices": PRICES, "on_session": self.records.append, **more}
        self.part: Any
        if door == "processor":
            self.part = SessionSpanProcessor(SimpleSpanProcessor(exporter), **given)
            self.provider.add_span_processor(self.part)
        else:
            self.part = SessionSpanExporter(exporter, **given)
            self.provider.add_span_processor(BatchSpanProcessor(self.part))
        self.tracer = self.provider.get_tracer("faults")

    @property
    def faults(self) -> dict[str, int]:
        """What was caught."""
        found: dict[str, int] = self.part._aggregator.span_worker.faults()
        return found

    def request(self, name: str) -> None:
        """A session of one request with one call."""
        with session(name), self.tracer.start_as_current_span(name):
            self.tracer.start_span("chat", attributes=CALL).end()


def expected(number: int) -> dict[str, int]:
    """Tokens by request, when so many were made, named by their numbers."""
    return {str(index): 15 for index in range(number)}


def no_threads(message: str = "can't start new thread") -> None:
    """From now on no thread can be had, as at a limit of the system or at the end of an interpreter of 3.12.0."""

    def refused(*_: Any, **__: Any) -> None:
        raise RuntimeError(message)

    import _thread  # noqa: PLC0415 -- what is replaced

    _thread.start_new_thread = refused  # type: ignore[assignment]
    threading._start_new_thread = refused  # type: ignore[attr-defined]
    if hasattr(threading, "_start_joinable_thread"):
        threading._start_joinable_thread = refused


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something that happens on another thread."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def any_of(chance: random.Random, *choices: Any) -> Any:
    """One of some."""
    return chance.choice(choices)
