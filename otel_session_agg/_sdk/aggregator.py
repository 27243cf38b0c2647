"""Build all parts behind a processor or exporter; flush them and shut them down."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from otel_session_agg._api.registry import aggregators, are_several, register, unregister
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._pricing.price_book import PriceBook
from otel_session_agg._reasons import FLUSH, SHUTDOWN, STOPPING
from otel_session_agg._sdk.flush import drain
from otel_session_agg._sdk.held import HandOn
from otel_session_agg._sdk.joint_records import hand_over
from otel_session_agg._sdk.metrics import Meters
from otel_session_agg._sdk.parts import Given, build_pipeline
from otel_session_agg._sdk.queries import SessionQueries
from otel_session_agg._sdk.sigterm import stopping
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg._settings import Settings
from otel_session_agg._threads.imports import imports
from otel_session_agg._threads.locks import nothing, weakly
from otel_session_agg._untrusted.formatting import counted
from otel_session_agg.stores.base import SessionStore

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

if hasattr(os, "register_at_fork"):
    # registered first, so that it is locked last for a fork, as Python's own import lock is
    os.register_at_fork(
        before=imports.before_fork,
        after_in_parent=imports.after_fork,
        after_in_child=imports.in_child,
    )


class Aggregator:
    """All that one processor or exporter does; its methods may be called from any thread.

    It handles ``SIGTERM`` until it is shut down or gone.
    """

    def __init__(  # noqa: PLR0913 -- all that a processor or exporter can be given
        self,
        hand_on: HandOn | None,
        settings: Settings,
        store: SessionStore | None,
        prices: PriceBook,
        on_session: Callable[[SessionRecord], object] | None,
        meter_provider: MeterProvider | None,
        batch_seconds: float | None = None,
        *,
        downstream_flush: Callable[[int], object],
        before_stop: Callable[[int], object] | None = None,
    ) -> None:
        """Build and register all parts.

        Args:
            hand_on: See ``HeldSpans``.
            settings, prices: Those of the processor or exporter.
            store: A store that processes share; ``None``: there is none.
            on_session: The application's callback for session records.
            meter_provider: Where metrics go; ``None``: the global one.
            batch_seconds: See ``Given``.
            downstream_flush: Flushes what is behind, within so many milliseconds.
            before_stop: Flushes what is in front, within so many milliseconds.

        """
        self._prices = prices
        self._on_session = on_session
        self.is_shared = store is not None
        joins = store is None and hand_on is not None
        siblings = weakly(self._siblings) if joins else None
        self.given = Given(
            settings,
            prices,
            store,
            weakly(self._session_ended),
            is_live=hand_on is None,
            batch_seconds=batch_seconds,
            siblings=siblings,
        )
        build = partial(build_pipeline, self.given)
        self.span_worker = SpanWorker(build, hand_on, settings, siblings)
        self.guard = self.span_worker.guard
        self._meters = self.guard.call(
            "starting metrics", Meters, self.span_worker, meter_provider, settings.metric_attributes
        )
        self.queries = SessionQueries(self.span_worker, self.given)
        register(self.queries)
        self._before_stop = before_stop
        self._downstream_flush = downstream_flush
        stopping.stoppables.add(self)
        self._handles_sigterm = settings.handle_sigterm
        self.handle_sigterm()
        if settings.prices_update:
            self.guard.call("starting price updates", self._prices.start_updates)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=weakly(self.span_worker.reset))

    def handle_sigterm(self) -> bool:
        """Install the handler of ``SIGTERM``; return whether that is done.

        Only the main thread can do it.
        """
        if self._handles_sigterm:
            stopping.install()
        return stopping.is_looked_after or not self._handles_sigterm

    def rows(self) -> list[tuple[str, str]]:
        """Return its state as names and values for people, without waiting or folding."""
        span_worker = self.span_worker
        pipeline = span_worker.pipeline
        # copied in one step: another thread may add to them
        lost = sum(list(span_worker.lost.values()))
        faults = sum(span_worker.faults().values())
        return [
            ("store", type(self.given.store).__name__ if self.is_shared else "memory://"),
            ("open roots", str(pipeline.engine.open)),
            ("sessions", str(len(pipeline.manager.lifecycle))),
            *([("lost", counted(lost, "span"))] if lost else []),
            *([("faults", str(faults))] if faults else []),
            *([("state", "shut down")] if span_worker.is_shut_down else []),
        ]

    def flush(self, timeout_millis: int | None, downstream: Callable[[int], object]) -> bool:
        """Release and forward everything, then flush the downstream in the time that is left.

        Return whether both worked.
        """
        until = time.monotonic() + (30000 if timeout_millis is None else timeout_millis) / 1000
        done = self.guard.call("force_flush", drain, self.span_worker, FLUSH, until) or False
        flushed = self.guard.call(
            "downstream force_flush", self._flushed, downstream, _left_millis(until)
        )
        return (flushed or False) and done

    def stop(self, until: float, *, is_last: bool) -> None:
        """Let leave what can before the process ends.

        Args:
            until: Monotonic seconds.
            is_last: Whether open sessions end, too.

        """
        if self._before_stop is not None:
            self.guard.call(
                "flushing what is in front", self._flushed, self._before_stop, _left_millis(until)
            )
        self.guard.call(
            "stopping", drain, self.span_worker, SHUTDOWN if is_last else STOPPING, until
        )
        self.guard.call(
            "downstream force_flush", self._flushed, self._downstream_flush, _left_millis(until)
        )

    @staticmethod
    def _flushed(downstream: Callable[[int], object], timeout_millis: int) -> bool:
        return downstream(timeout_millis) is not False  # some return nothing

    def shut_down(self, timeout_millis: float = 30000) -> None:
        """Forward everything and unregister; what comes later is lost."""
        self.guard.call(
            "shutdown", drain, self.span_worker, SHUTDOWN, time.monotonic() + timeout_millis / 1000
        )
        if self.queries.joins and are_several():
            self.guard.call(
                "handing sessions over",
                hand_over,
                self.span_worker.ask_manager,
                [one.ask_manager for one in self._siblings()],
            )
        self.guard.call("shutdown", self.span_worker.shut_down)
        unregister(self.queries)
        stopping.stoppables.discard(self)
        self.guard.call(
            "stopping metrics", self._meters.stop if self._meters is not None else nothing
        )
        self.guard.call("stopping price updates", self._prices.stop_updates)

    def _siblings(self) -> list[SpanWorker]:
        return [
            one.span_worker
            for one in aggregators()
            if isinstance(one, SessionQueries) and one.joins and one is not self.queries
        ]

    def _session_ended(self, record: SessionRecord) -> None:
        """Measure a session that has ended, and hand its record to the application."""
        if self._meters is not None:
            self._meters.ended(record)
        if self._on_session is not None:
            self._on_session(record)


def _left_millis(until: float) -> int:
    """Return the milliseconds until a monotonic time, at least 0."""
    return max(0, int((until - time.monotonic()) * 1000))
