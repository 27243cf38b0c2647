"""Spans that are handed on: not more at once than a batch processor can hold, and flushes and questions under load."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from otel_session_agg import SessionSpanProcessor
from otel_session_agg._sdk.held import Until, one_by_one, room_of
from otel_session_agg._sdk.worker import _BATCH
from tests.support.apps import DEADLINE_SECONDS, PRICES, App

Make = Callable[..., App]


class _Counting(SpanExporter):
    """Counts spans, while it is allowed to."""

    def __init__(self) -> None:
        self.number = 0
        self.may = threading.Event()
        self.may.set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.may.wait(DEADLINE_SECONDS)
        self.number += len(spans)
        return SpanExportResult.SUCCESS


class _Endless(deque[Any]):
    """A queue to which something is added whenever something is taken."""

    num_taken = 0

    def popleft(self) -> Any:
        item = super().popleft()
        self.num_taken += 1
        if self.num_taken < 50 * _BATCH:
            self.append(item)
        return item


def _provider(exporter: SpanExporter, **options: Any) -> tuple[TracerProvider, SessionSpanProcessor]:
    processor = SessionSpanProcessor(BatchSpanProcessor(exporter, **options), prices=PRICES)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider, processor


class TestRoom:
    """A batch processor behind."""

    def test_burst(self) -> None:
        """Of a burst that is much larger than its queue nothing is lost, in a flush or without."""
        exporter = _Counting()
        provider, processor = _provider(exporter, max_queue_size=64, max_export_batch_size=16)
        tracer = provider.get_tracer("tests")
        for _ in range(3):
            for _ in range(1000):
                tracer.start_span("request", Context()).end()
            assert provider.force_flush()
        assert 3000 == exporter.number
        assert {} == processor._span_worker.lost
        provider.shutdown()

    def test_hangs(self) -> None:
        """One that takes nothing is not waited for longer than there is patience; what it cannot take stays here."""
        exporter = _Counting()
        exporter.may.clear()
        batch = BatchSpanProcessor(exporter, max_queue_size=4, max_export_batch_size=2)
        held = deque(_ended(40))
        until = Until(time.monotonic() + DEADLINE_SECONDS, len(held), patience_seconds=0.01)
        assert one_by_one(batch, room_of(batch), held, until)
        assert len(held) == until.number
        assert 40 - 4 - 2 * 2 <= len(held) < 40
        exporter.may.set()
        batch.shutdown()  # type: ignore[no-untyped-call]

    def test_hostile_attributes(self) -> None:
        """A processor whose attributes raise is one of which nobody knows how much it can take; it gets all spans, once."""

        class Wrapper(SpanProcessor):
            def __init__(self) -> None:
                self.ended: list[str] = []

            def __getattr__(self, name: str) -> object:
                parts: dict[str, object] = {}
                return parts[name]

            def on_end(self, span: ReadableSpan) -> None:
                self.ended.append(span.name)

        wrapper = Wrapper()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SessionSpanProcessor(wrapper))
        provider.get_tracer("tests").start_span("request", Context()).end()
        assert provider.force_flush(5000)
        assert ["request"] == wrapper.ended
        provider.shutdown()

    def test_others(self) -> None:
        """Of other processors nobody knows how much they can take."""
        assert room_of(SpanProcessor()) is None
        batch = BatchSpanProcessor(_Counting(), max_queue_size=100, max_export_batch_size=50)
        room = room_of(batch)
        assert room is not None
        assert 100 == room()
        batch.shutdown()  # type: ignore[no-untyped-call]


def _ended(number: int) -> list[ReadableSpan]:
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    spans: list[Any] = [tracer.start_span("request", Context()) for _ in range(number)]
    for span in spans:
        span.end()
    return spans


class TestUnderLoad:
    """An application that makes spans faster than they are folded."""

    def test_question(self, app: App) -> None:
        """A question is answered when all is folded that was there when it was asked."""
        app.call()
        app.span_worker.queue = queue = _Endless(app.span_worker.queue)
        assert 1 == app.span_worker.ask_manager(lambda _manager, _now: 1)
        assert queue.num_taken <= 2 * _BATCH

    def test_flush(self, app: App) -> None:
        """A flush has released what was there when it began."""
        app.call()
        app.span_worker.queue = queue = _Endless(app.span_worker.queue)
        assert app.provider.force_flush()
        assert queue.num_taken <= 2 * _BATCH

    def test_forward(self, app: App) -> None:
        """And has handed on what was there."""
        app.span_worker.held.spans = held = _Endless(_ended(5))
        app.span_worker.forward(float("inf"))
        assert 5 == held.num_taken
