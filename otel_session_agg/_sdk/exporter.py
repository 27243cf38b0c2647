"""The span exporter: the entry point where environment variables or a file set up tracing.

After this: ``worker.py``.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._pricing.given import prices_of
from otel_session_agg._pricing.price_book import ModelPrice, PriceBook
from otel_session_agg._reasons import AFTER_SHUTDOWN
from otel_session_agg._sdk.aggregator import Aggregator
from otel_session_agg._sdk.arguments import (
    AddsTotals,
    check_exporter,
    named,
    settings_of,
    store_of,
)
from otel_session_agg._sdk.context_processor import SessionContextProcessor, flush_provider
from otel_session_agg._sdk.delegate import downstream, downstream_of_environment
from otel_session_agg._sdk.flush import run_here
from otel_session_agg._sdk.held import Until
from otel_session_agg._settings import Settings
from otel_session_agg.stores.base import SessionStore

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

_BATCH = 512
"""Spans exported at once: the batch processor's own default."""
_BATCH_SECONDS = 5.0
"""How long a batch processor waits: its own default."""


class SessionSpanExporter(SpanExporter, AddsTotals):
    """Adds the totals of everything below a root to it, and hands all spans to another exporter.

    Made by ``OTEL_TRACES_EXPORTER=session_agg``, by ``session_agg:`` in a declarative configuration
    file, or by hand, behind any ``BatchSpanProcessor``.  It sees spans when they have ended, in
    batches.  So, unlike with ``SessionSpanProcessor``,

    * every root leaves ``linger_seconds`` (5) after it came, since nothing shows whether something
      below it is still open; with a store that is shared, a root that begins a trace leaves 5
      seconds later than that, as parts in other processes do;
    * totals during a session (``current_rollup``, ``Budget``) are of traces that have left, so
      they lag behind;
    * for ``session()``, a small processor is added to the application's global tracer provider,
      which also makes ``force_flush`` of that provider reach the roots that wait.  Spans of other
      providers are not in the ``session()`` around them;
    * a parent that never comes (``_sdk/parents.py``) is known as such in that provider only, or
      when it was not sampled; otherwise what is below it leaves without totals, and its session
      has them all the same.

    **A full queue in front of it costs totals.**  ``BatchSpanProcessor`` drops spans when 2048 wait
    for export (``OTEL_BSP_MAX_QUEUE_SIZE``); a dropped model call is in no total, and a dropped
    root takes its attributes along.  The SDK logs that; here it shows as ``metadata.partial`` where
    something below the dropped span came.  ``SessionSpanProcessor`` stands in front of that queue:
    there, totals are right whatever is dropped.

    Args:
        exporter: What exports: an exporter, the name of one (``console``; an entry point
            ``opentelemetry_traces_exporter``), or a mapping of one name to its arguments, where
            ``otlp_http`` and ``otlp_grpc`` take those of the declarative configuration.  ``None``:
            the one that ``settings.exporter`` names, else OTLP by the standard variables.
        settings: Settings, or a mapping of their names to values.  Default:
            ``Settings.from_env()``.
        store: As for ``SessionSpanProcessor``.
        prices: The user's own prices, or the overrides of a ``PriceBook``.
        on_session: As for ``SessionSpanProcessor``.
        meter_provider: As for ``SessionSpanProcessor``.

    Raises:
        SettingsError: a setting is not allowed, or there is no exporter of that name.  One from the
            environment is logged.
        StoreError: ``store`` is no URL that is known, or needs an extra that is not installed.
            One from the environment is logged, and ``memory://`` is used.
        TypeError: ``exporter`` is none, or adds totals itself; another argument is of a wrong type.

    """

    def __init__(  # noqa: PLR0913 -- all that an exporter can be given
        self,
        exporter: SpanExporter | str | Mapping[str, Any] | None = None,
        *,
        settings: Settings | Mapping[str, Any] | None = None,
        store: SessionStore | str | None = None,
        prices: PriceBook | Mapping[str, ModelPrice | Mapping[str, Any]] | None = None,
        on_session: Callable[[SessionRecord], object] | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        check_exporter(exporter)
        is_from_environment = exporter is None and settings is None
        settings = settings_of(settings)
        prices = prices_of(prices)
        found = store_of(store, settings)
        name, self._max_queue_size = settings.exporter, settings.max_queue_size
        self._exporter = (
            downstream_of_environment(name) if is_from_environment else downstream(exporter, name)
        )
        self._num_failed = 0
        self._aggregator = Aggregator(
            self._send,
            settings,
            found,
            prices,
            on_session,
            meter_provider,
            _batch_seconds(),
            downstream_flush=self._exporter.force_flush,
            before_stop=flush_provider,
        )
        self._has_unsampled = False
        self._context_processor = SessionContextProcessor(
            self._aggregator, self.force_flush, self._count, trusts_baggage=settings.trust_baggage
        )

    def _behind(self) -> str:
        return named(self._exporter)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans below roots, add them to the totals, and export roots that have waited."""
        span_worker = self._aggregator.span_worker
        if span_worker.is_shut_down:
            for _ in spans:
                span_worker.lose(AFTER_SHUTDOWN)
            return SpanExportResult.FAILURE
        before = self._num_failed
        span_worker.queue.extend(spans)
        # else they ended in the middle of folding or forwarding, which goes on with them
        if not span_worker.is_inside:
            self._aggregator.guard.call("exporting", run_here, span_worker)
            if (
                self._context_processor.came_late()
                and threading.current_thread() is threading.main_thread()
            ):
                # this may be a flush that began before the context processor was attached
                self.force_flush()
        self._aggregator.guard.call("waking the worker", span_worker.wake_worker)
        return SpanExportResult.SUCCESS if self._num_failed == before else SpanExportResult.FAILURE

    def _count(self, span: ReadableSpan) -> None:
        """Queue a span that is counted and not exported."""
        span_worker = self._aggregator.span_worker
        if span_worker.is_shut_down:
            return
        self._has_unsampled = True
        span_worker.queue.append(span)
        if not span_worker.awake:
            span_worker.wake_worker()
        elif len(span_worker.queue) >= self._max_queue_size:
            span_worker.fold_when_full()

    def _send(self, held: deque[ReadableSpan], until: Until) -> bool:
        while held and until():
            batch = [held.popleft() for _ in range(min(len(held), _BATCH))]
            until.number -= len(batch)
            if self._has_unsampled:
                batch = [
                    span
                    for span in batch
                    if span.context is not None and span.context.trace_flags.sampled
                ]
                if not batch:
                    continue
            self._num_failed += 1  # until it is known
            if self._exporter.export(batch) is SpanExportResult.SUCCESS:
                self._num_failed -= 1
        return True

    def force_flush(self, timeout_millis: int | None = 30000) -> bool:
        """Release every root that has come and export everything; ``False``: not in time."""
        return not self._aggregator.span_worker.is_inside and self._aggregator.flush(
            timeout_millis, self._exporter.force_flush
        )

    def shutdown(self, timeout_millis: float = 30000) -> None:
        """Export everything and shut down the exporter behind; later spans are lost and counted."""
        if self._aggregator.span_worker.is_shut_down:
            return
        self._context_processor.stop()
        self._aggregator.shut_down(timeout_millis)
        self._aggregator.guard.call("downstream shutdown", self._exporter.shutdown)


def _batch_seconds() -> float:
    """Return how long the batch processor of this process waits, by the standard variable."""
    try:
        return max(0.0, float(os.environ.get("OTEL_BSP_SCHEDULE_DELAY", "")) / 1000)
    except ValueError:
        return _BATCH_SECONDS
