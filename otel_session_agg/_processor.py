"""The span processor: the door for applications that set up tracing themselves.

Its hooks run on the application's threads: they stamp the session on spans that start inside one, and append to the runner's
queue.  What follows from that is the runner's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from otel_session_agg._context import Label, stamped, use
from otel_session_agg._keeper import Keeper
from otel_session_agg._pricing import PriceBook
from otel_session_agg._reasons import AFTER_SHUTDOWN, FLUSH, SHUTDOWN
from otel_session_agg._registry import register, unregister
from otel_session_agg._rollup import Rollup
from otel_session_agg._runner import Runner
from otel_session_agg._sdk import is_ours
from otel_session_agg._session_record import SessionRecord
from otel_session_agg._settings import Settings
from otel_session_agg._store import SessionStore
from otel_session_agg._telemetry import Meters
from otel_session_agg._threads import is_empty, nothing, weakly
from otel_session_agg.stores import shared_store

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider


class SessionSpanProcessor(SpanProcessor):
    """Adds the totals of everything below a session root to that root, before it is exported.

    Args:
        downstream: Where spans go: a span processor, or an exporter, which is put behind a ``BatchSpanProcessor``.  ``None``:
            nowhere; the totals are written on roots that are still open, for pipelines of others in the same provider.
        settings: Default: ``Settings.from_env()``.
        store: Where the processes of an application meet, as a URL or made by ``open_store``; default: ``settings.store``.
        prices: The user's own prices; default: those of genai-prices only.
        on_session: Called with the ``SessionRecord`` of each session that has ended, on a thread of this library.
        meter_provider: Where metrics go; default: OpenTelemetry's global one.

    Raises:
        TypeError: ``downstream`` is neither a processor nor an exporter.
        StoreError: ``store`` is no URL that is known, or needs an extra that is not installed.

    """

    def __init__(  # noqa: PLR0913 -- all that a processor can be given
        self,
        downstream: SpanProcessor | SpanExporter | None = None,
        *,
        settings: Settings | None = None,
        store: SessionStore | str | None = None,
        prices: PriceBook | None = None,
        on_session: Callable[[SessionRecord], object] | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        if isinstance(downstream, SpanExporter):
            downstream = BatchSpanProcessor(downstream)
        if downstream is not None and not isinstance(downstream, SpanProcessor):
            message = f"downstream must be a SpanProcessor or a SpanExporter, not {type(downstream).__name__}"
            raise TypeError(message)
        self._is_live = downstream is None
        self._downstream = SpanProcessor() if downstream is None else downstream
        self._settings = settings = Settings.from_env() if settings is None else settings
        self._prices = PriceBook() if prices is None else prices
        self._on_session = on_session
        self._calls_on_start = not is_empty(self._downstream, "on_start")
        self._calls_on_ending = not is_empty(self._downstream, "_on_ending")
        self._trusts_baggage = settings.trust_baggage
        self._max_queue_size = settings.max_queue_size
        store = shared_store(settings.store if store is None else store)
        self._is_shared = store is not None
        self._plain_ends = not self._is_live
        """Ends only have to be queued, as nearly always."""
        self._plain_starts = not (self._is_live or self._is_shared or self._trusts_baggage)
        """So do starts, until a session is named."""
        self._runner = Runner(downstream, settings, self._prices, store, weakly(self._told))
        self._guard = self._runner.guard
        self._meters = self._guard.call("starting metrics", Meters, self._runner, meter_provider)
        register(self)
        if settings.prices_update:
            self._guard.call("starting price updates", self._prices.start_updates)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=weakly(self._runner.reset))

    # -- the application's threads ------------------------------------------------------------------------------------------

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note that a span began."""
        runner = self._runner
        if self._plain_starts and not use.any_label:
            queue = runner.queue
            queue.append((span,))
            if len(queue) >= self._max_queue_size:
                self._guard.call("folding on the application thread", runner.fold_when_full)
        elif not runner.is_shut_down and not (self._is_live and is_ours(span)):
            self._started(runner, span, parent_context)
        if self._calls_on_start:
            self._guard.call("downstream on_start", self._downstream.on_start, span, parent_context)

    def _started(self, runner: Runner, span: Span, parent_context: Context | None) -> None:
        """The same where sessions are named, or other processes have to know that something is open."""
        label: Label | None = None
        if use.any_label or self._trusts_baggage:
            label = self._guard.call("stamping a span", stamped, span, parent_context, self._trusts_baggage)
        runner.queue.append((span,) if label is None else (span, label))
        if self._is_shared and not runner.awake and (label is not None if span.parent is None else span.parent.is_remote):
            self._guard.call("waking the worker", runner.wake_worker)
        if len(runner.queue) >= self._max_queue_size:
            self._guard.call("folding on the application thread", runner.fold_when_full)

    def _on_ending(self, span: Span) -> None:
        if self._calls_on_ending:
            self._guard.call("downstream _on_ending", self._downstream._on_ending, span)  # noqa: SLF001 -- of the interface

    def on_end(self, span: ReadableSpan) -> None:
        """Queue an ended span for the worker."""
        runner = self._runner
        if self._plain_ends:
            runner.queue.append(span)
        elif runner.is_shut_down:
            runner.lose(AFTER_SHUTDOWN)
            return
        elif self._is_live:
            self._ended_live(runner, span)
        else:  # shutting down
            runner.queue.append(span)
        if not runner.awake:
            self._guard.call("waking the worker", runner.wake_worker)
        elif len(runner.queue) >= self._max_queue_size:
            self._guard.call("folding on the application thread", runner.fold_when_full)

    def _ended_live(self, runner: Runner, span: ReadableSpan) -> None:
        if not is_ours(span):  # feedback that went out by the application's own pipeline
            runner.queue.append(span)
        self._guard.call("writing on an open root", runner.write_live, span)

    # -- asked for ----------------------------------------------------------------------------------------------------------

    def force_flush(self, timeout_millis: int | None = 30000) -> bool:
        """Release every root that has ended and forward everything; ``False`` when the time was not enough.

        With a store that is shared, what this process knows is written to it, too; a store that cannot be reached does not
        make this ``False``.
        """
        until = time.monotonic() + (30000 if timeout_millis is None else timeout_millis) / 1000
        done = self._guard.call("force_flush", self._runner.drain, FLUSH, until) or False
        left = max(0, int((until - time.monotonic()) * 1000))
        return (self._guard.call("downstream force_flush", self._flush_downstream, left) or False) and done

    def _flush_downstream(self, timeout_millis: int) -> bool:
        return self._downstream.force_flush(timeout_millis) is not False  # some return nothing

    def shutdown(self) -> None:
        """Forward everything and shut the downstream down; later spans are lost and counted.

        Sessions of this process end; those in a store that is shared go on.
        """
        if self._runner.is_shut_down:
            return
        self._guard.call("shutdown", self._runner.drain, SHUTDOWN, time.monotonic() + 30)
        self._plain_starts = self._plain_ends = False
        self._guard.call("shutdown", self._runner.shut_down)
        unregister(self)
        self._guard.call("stopping metrics", self._meters.stop if self._meters is not None else nothing)
        self._guard.call("stopping price updates", self._prices.stop_updates)
        self._guard.call("downstream shutdown", self._downstream.shutdown)

    # -- asked about --------------------------------------------------------------------------------------------------------

    def session_rollup(self, session_id: str, wait_seconds: float = 0.0) -> Rollup | None:
        """The totals of a session at this moment; ``None`` when it is not known here.

        ``wait_seconds``: how long to wait for what other processes have written, when there is a store that is shared.
        """
        if wait_seconds > 0:
            wait = self._runner.asked(lambda keeper, now: keeper.waits_for_others(session_id, now))
            if wait is not None:
                self._guard.call("asking the store", wait, time.monotonic() + wait_seconds)
        return self._runner.asked(lambda keeper, now: keeper.totals(session_id, now))

    def trace_rollup(self, trace_id: int, span_id: int) -> Rollup | None:
        """The totals of the trace that a span is in, at this moment; ``None`` when it is not known here."""
        return self._runner.asked(lambda keeper, _: keeper.departures.trace_totals(trace_id, span_id))

    def end_session(self, session_id: str, reason: str) -> None:
        """End a session as soon as nothing of it is open."""
        self._runner.asked(lambda keeper, now: keeper.end(session_id, reason, now))
        self._guard.call("waking the worker", self._runner.wake_worker)

    def feedback(self, session_id: str | None, span: ReadableSpan) -> bool:
        """``span`` tells of feedback for a session, or for what is above it; returns whether it goes downstream."""
        above = (span.parent.trace_id, span.parent.span_id) if span.parent is not None else None

        def note(keeper: Keeper, now: float) -> bool:
            keeper.feedback(session_id, above, now)
            self._runner.hold([span])
            return True

        if self._runner.asked(note) is None:  # from within a fold
            self._runner.hold([span])
        self._guard.call("waking the worker", self._runner.wake_worker)
        return not self._is_live

    def _told(self, record: SessionRecord) -> None:
        """A session has ended."""
        if self._meters is not None:
            self._meters.ended(record)
        if self._on_session is not None:
            self._on_session(record)
