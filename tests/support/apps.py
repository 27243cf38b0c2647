"""An application under test: the real SDK with one processor of ours, and what came out of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context

from otel_session_agg import PriceBook, SessionRecord, SessionSpanProcessor, Settings
from otel_session_agg._api import registry
from otel_session_agg.testing import FakeClock, RecordingExporter

DEADLINE_SECONDS = 60.0
"""How long a test waits for another thread before it fails."""

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}
"""A model call of 15 tokens and, at ``PRICES``, 20 dollars."""

PRICES = PriceBook({"m": {"input": 1_000_000, "output": 2_000_000}})
"""One dollar a token in, two out."""


class App:
    """A provider with a processor; ``quiet`` ones have no worker, their time is ``clock`` and ``turn`` is the worker's turn."""

    def __init__(
        self,
        *,
        live: bool = False,
        quiet: bool = True,
        store: Any = None,
        on_session: Any = None,
        prices: PriceBook | None = None,
        more: Any = None,
        **settings: Any,
    ) -> None:
        self.exporter = RecordingExporter()
        self.records: list[SessionRecord] = []
        self.clock = FakeClock(1000.0)
        self.processor = SessionSpanProcessor(
            None if live else SimpleSpanProcessor(self.exporter),
            settings=Settings(**settings),
            store=store,
            prices=prices or PRICES,
            on_session=on_session or self.records.append,
            **(more or {}),
        )
        self.span_worker = self.processor._span_worker
        if quiet:
            self.span_worker.clock = self.clock
            self.span_worker.worker.thread = threading.current_thread()  # there is one already
        self.provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        if live:
            self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests", "1.0")

    def turn(self, after_seconds: float = 0.0) -> None:
        """One turn of the worker, here, so many seconds later."""
        self.clock.tick(after_seconds)
        self.span_worker.turn()
        assert self.span_worker.callbacks.flush(time.monotonic() + DEADLINE_SECONDS)

    def flush(self) -> None:
        """Everything leaves that can."""
        assert self.provider.force_flush()

    def call(self, context: Context | None = None, /, **attributes: Any) -> None:
        """A model call; ``attributes`` replace its own."""
        self.tracer.start_span("chat", context, attributes={**CALL, **attributes}).end()

    def trace(self, number: int = 1, /, **attributes: Any) -> int:
        """A root named ``request`` with so many calls below it; returns its trace id."""
        with self.tracer.start_as_current_span("request", context=None, attributes=attributes) as root:
            for _ in range(number):
                self.call()
        return root.get_span_context().trace_id

    def named(self, name: str) -> list[ReadableSpan]:
        """Exported spans with this name."""
        return [span for span in self.exporter.spans if span.name == name]

    def attributes(self, name: str) -> dict[str, Any]:
        """Attributes of the only exported span with this name."""
        (span,) = self.named(name)
        return dict(span.attributes or {})


def below(span: Span) -> Context:
    """The context of a span's children."""
    return set_span_in_context(span)


def beyond(span: Span) -> Context:
    """The context of a span's children in another process."""
    context = span.get_span_context()
    remote = SpanContext(context.trace_id, context.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(remote), Context())


def in_threads(number: int, work: Any) -> None:
    """Run ``work(index)`` on so many threads at once; the first error is raised here."""
    barrier = threading.Barrier(number)
    errors: list[BaseException] = []

    def run(index: int) -> None:
        try:
            barrier.wait(DEADLINE_SECONDS)
            work(index)
        except BaseException as error:  # noqa: BLE001 -- raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


@contextmanager
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., App]]:
    """Makes applications that know of no others, and shuts them down."""
    monkeypatch.setattr(registry, "_LIVE", WeakSet())
    made: list[App] = []

    def make(**options: Any) -> App:
        made.append(App(**options))
        return made[-1]

    yield make
    for app in made:
        app.provider.shutdown()
