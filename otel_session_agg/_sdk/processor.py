"""The span processor: the entry point for applications that set up tracing themselves.

Its hooks run on the application's threads: they stamp the session on spans that start inside one,
and append to the worker's queue.  Nearly always that is all: then ``_plain_starts`` and
``_plain_ends`` are true, for one check instead of several.  After this: ``worker.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation import _SPAN_KEY

from otel_session_agg._api.context import LABEL_KEY, Label, stamp, stamped, use
from otel_session_agg._guard import Guard
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._pricing.given import prices_of
from otel_session_agg._pricing.price_book import ModelPrice, PriceBook
from otel_session_agg._reasons import AFTER_SHUTDOWN
from otel_session_agg._sdk.aggregator import Aggregator
from otel_session_agg._sdk.arguments import (
    AddsTotals,
    check_processor_or_exporter,
    named,
    settings_of,
    store_of,
)
from otel_session_agg._sdk.baggage import incoming
from otel_session_agg._sdk.held import one_by_one, room_of
from otel_session_agg._sdk.intake import Start
from otel_session_agg._sdk.parents import Top, current_context, is_top
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._settings import Settings
from otel_session_agg._spans.received import is_own_span
from otel_session_agg._threads.locks import is_empty
from otel_session_agg.stores.base import SessionStore

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider


class SessionSpanProcessor(SpanProcessor, AddsTotals):
    """Adds the totals of everything below a session root to that root, before it is exported.

    Args:
        downstream: Where spans go: a span processor, or an exporter, which is put behind a
            ``BatchSpanProcessor``.  ``None``: nowhere; the totals are written on roots that are
            still open, for other pipelines in the same provider.
        settings: Settings, or a mapping of their names to values.  Default:
            ``Settings.from_env()``.
        store: Where the processes of an application meet, as a URL or made by ``open_store``;
            default: ``settings.store``.
        prices: The user's own prices, or the overrides of a ``PriceBook``; default: those of
            genai-prices only.
        on_session: Called with the ``SessionRecord`` of each session that has ended, on a thread
            of this library.
        meter_provider: Where metrics go; default: OpenTelemetry's global one.

    Raises:
        TypeError: ``downstream`` is neither a processor nor an exporter, or adds totals itself;
            another argument is of a wrong type.
        SettingsError: a setting or a price is not allowed.  One from the environment is logged.
        StoreError: ``store`` is no URL that is known, or needs an extra that is not installed.
            One from the environment is logged, and ``memory://`` is used.

    """

    def __init__(  # noqa: PLR0913 -- all that a processor can be given
        self,
        downstream: SpanProcessor | SpanExporter | None = None,
        *,
        settings: Settings | Mapping[str, Any] | None = None,
        store: SessionStore | str | None = None,
        prices: PriceBook | Mapping[str, ModelPrice | Mapping[str, Any]] | None = None,
        on_session: Callable[[SessionRecord], object] | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        if downstream is not None:
            check_processor_or_exporter(downstream)
        settings = settings_of(settings)
        prices = prices_of(prices)
        found = store_of(store, settings)
        # its thread starts when all arguments are known to be right
        if isinstance(downstream, SpanExporter):
            downstream = BatchSpanProcessor(downstream)
        self._is_live = downstream is None
        self._downstream = SpanProcessor() if downstream is None else downstream
        self._calls_on_start = not is_empty(self._downstream, "on_start")
        self._calls_on_ending = not is_empty(self._downstream, "_on_ending")
        self._trusts_baggage = settings.trust_baggage
        self._max_queue_size = settings.max_queue_size
        room = Guard(logging.getLogger("otel_session_agg")).part(
            "downstream on_end", room_of, self._downstream
        )
        hand_on = None if self._is_live else partial(one_by_one, self._downstream, room)
        self._aggregator = Aggregator(
            hand_on,
            settings,
            found,
            prices,
            on_session,
            meter_provider,
            downstream_flush=self._downstream.force_flush,
        )
        self._span_worker = self._aggregator.span_worker
        self._guard = self._aggregator.guard
        incoming.watch(self, trusts=self._trusts_baggage)
        self._is_shared = self._aggregator.is_shared
        self._plain_ends = not self._is_live
        """Whether ends only have to be queued: until shutdown, and never in live mode."""
        self._plain_starts = not (self._is_live or self._trusts_baggage)
        """Whether starts only have to be queued, with the ``session()`` block around them."""

    def _behind(self) -> str:
        return "nothing: live" if self._is_live else named(self._downstream)

    # -- the application's threads ----------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Queue a started span for the worker, with the session around it."""
        span_worker = self._span_worker
        if self._plain_starts:
            queue = span_worker.queue
            context = current_context() if parent_context is None else parent_context
            above: Any = context.get(_SPAN_KEY)  # as the SDK finds it
            comes = above is None
            item: Start = (span,)
            try:  # the cheapest way to ask: without calls, see parents.py
                if (
                    not comes
                    and above._span_processor is span._span_processor  # noqa: SLF001
                    and above._end_time is None  # noqa: SLF001
                ):
                    comes = True
                    own: Any = span._context  # noqa: SLF001
                    parent: Any = span._parent  # noqa: SLF001
                    if parent is above._context:  # noqa: SLF001
                        item = own[0], own[1], parent[1]
            except (AttributeError, TypeError):  # no span of the SDK
                comes = False
            if use.any_label:
                label: Any = context.get(LABEL_KEY)
                if label is not None and self._guard.call("stamping a span", stamp, span, label):
                    item = (span, label) if len(item) == 1 else (*item, label, span.start_time)
            queue.append(item if comes else self._below(item, span, parent_context))
            if (self._is_shared and not span_worker.awake) or len(queue) >= self._max_queue_size:
                self._queued(span_worker, span, item)
        elif not span_worker.is_shut_down and not (self._is_live and is_own_span(span)):
            self._started(span_worker, span, parent_context)
        if self._calls_on_start:
            self._guard.call("downstream on_start", self._downstream.on_start, span, parent_context)

    def _started(self, span_worker: SpanWorker, span: Span, parent_context: Context | None) -> None:
        """Queue a started span where baggage may name its session, or in live mode."""
        label: Label | None = None
        if use.any_label or self._trusts_baggage:
            label = self._guard.call(
                "stamping a span", stamped, span, parent_context, self._trusts_baggage
            )
        item: Start = (span,) if label is None else (span, label)
        span_worker.queue.append(self._below(item, span, parent_context))
        self._queued(span_worker, span, item)

    def _queued(self, span_worker: SpanWorker, span: Span, item: Start) -> None:
        """Wake the worker for a start that other processes have to know of; make room."""
        parent = span.parent
        if (
            self._is_shared
            and not span_worker.awake
            and (len(item) > 1 if parent is None else parent.is_remote)
        ):
            self._guard.call("waking the worker", span_worker.wake_worker)
        if len(span_worker.queue) >= self._max_queue_size:
            self._guard.call("folding on the application thread", span_worker.fold_when_full)

    def _below(self, item: Start, span: Span, parent_context: Context | None) -> Start:
        """Return what is queued of a started span: a ``Top`` when its parent will not come."""
        if not self._guard.call("finding a parent", is_top, span, parent_context):
            return item
        self._span_worker.has_tops = True
        return Top(item)

    def _on_ending(self, span: Span) -> None:
        if self._calls_on_ending:
            # part of the SDK's interface of processors
            ending = self._downstream._on_ending  # noqa: SLF001
            self._guard.call("downstream _on_ending", ending, span)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue an ended span for the worker."""
        span_worker = self._span_worker
        if self._plain_ends:
            span_worker.queue.append(span)
        elif span_worker.is_shut_down:
            span_worker.lose(AFTER_SHUTDOWN)
            return
        elif self._is_live:
            self._ended_live(span_worker, span)
        else:  # shutting down
            span_worker.queue.append(span)
        if not span_worker.awake:
            self._guard.call("waking the worker", span_worker.span_ended, span)
        elif len(span_worker.queue) >= self._max_queue_size:
            self._guard.call("folding on the application thread", span_worker.fold_when_full)

    def _ended_live(self, span_worker: SpanWorker, span: ReadableSpan) -> None:
        if not is_own_span(span):  # feedback was sent out by the application's own pipeline
            span_worker.queue.append(span)
        self._guard.call("writing on an open root", span_worker.write_live, span)

    # -- on request -------------------------------------------------------------------------------

    def force_flush(self, timeout_millis: int | None = 30000) -> bool:
        """Release every root that has ended and forward everything; ``False``: not in time.

        With a store that is shared, what this process knows is written to it, too; a store that
        cannot be reached does not make this ``False``.
        """
        return self._aggregator.flush(timeout_millis, self._downstream.force_flush)

    def shutdown(self) -> None:
        """Forward everything and shut the downstream down; later spans are lost and counted.

        Sessions end unless they are in a store that is shared.
        """
        if self._span_worker.is_shut_down:
            return
        self._plain_starts = self._plain_ends = False
        incoming.leave(self)
        self._aggregator.shut_down()
        self._guard.call("downstream shutdown", self._downstream.shutdown)
