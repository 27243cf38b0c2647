"""Connect intake, engine, sessions, prices and writers: ended spans in, spans to forward out.

The journey of a span
---------------------
::

    on_start, on_end             _sdk/processor.py; export: _sdk/exporter.py   [application thread]
      |  queue                   a started span in a tuple, an ended span as it is
      v                                              [worker thread, fold lock: _sdk/worker.py]
    BatchFolder.fold_some        _sdk/batches.py             one batch of the queue
      v
    Intake.take                  _sdk/intake.py              ReadableSpan -> SpanData (_spans.py)
      v
    (TraceAssembler)             _trace/assembler.py         exporter only: keep ended spans until
      v                                                      their root has come
    Engine.started, .ended       _trace/engine.py            SpanData -> Reading (_reading/span.py),
      |                                                      Reading -> its Trace (_trace/trace.py)
      |  out: released Trace | Changed (a late span) | span
      v
    Pipeline.finish              here
      |-- span ------------------------------------> Forwarding.spans
      |-- Trace --> RootRelease.root_ended   _sessions/root_release.py: the totals of the trace,
      |             |                        calls priced by _price; wait for its other parts
      |             |-- ReleasedRoot --------------> Forwarding.add_roots (_sdk/forwarding.py),
      |             |                                by RootWriter (_writing/root_writer.py)
      |             `-- SessionReporter -----------> SessionLifecycle (_sessions/lifecycle.py):
      |                                              what the sessions of the trace get
      `-- Changed -> RootRelease.late_span_ended     the session gets the difference
      v
    Pipeline.turn -> SessionManager.turn     _sessions/manager.py
      |-- SessionRecord ---------------------------> Forwarding.add_records
      `-- SessionPublisher, TracePublisher --------> StoreWorker (_sharing/store_worker.py)
                                                     -> SessionStore           [store thread]
    SpanWorker.forward           _sdk/worker.py      Forwarding.spans -> the exporter or processor
                                                     behind, outside the fold lock

``RootRelease``, ``SessionLifecycle`` and the publishers belong to the ``SessionManager``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from uuid import uuid4
from weakref import finalize

from opentelemetry.sdk.trace import ReadableSpan, Span

from otel_session_agg._deadlines import Deadlines, Phase
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.output_text import readable
from otel_session_agg._reading.starts import Reader
from otel_session_agg._reasons import SHUTDOWN, STOPPING
from otel_session_agg._sdk.forwarding import Forwarding
from otel_session_agg._sdk.intake import Intake
from otel_session_agg._sdk.taken import Taken, followed
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.assembler import TraceAssembler
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Changed, Out, Trace
from otel_session_agg._writing.naming import Naming
from otel_session_agg._writing.root_writer import RootWriter
from otel_session_agg.stores._open import name_of
from otel_session_agg.stores.base import SessionStore

_logger = logging.getLogger("otel_session_agg")


class Pipeline:
    """What one processor or exporter does, without its threads.

    It constructs the parts below and is their coordinator.  The caller holds the fold lock around
    all calls.
    """

    engine: Engine
    reader: Reader
    manager: SessionManager

    def __init__(  # noqa: PLR0913 -- what the processor was given
        self,
        settings: Settings,
        prices: PriceBook,
        store: SessionStore | None = None,
        wake: Callable[[], None] = lambda: None,
        on_record: Callable[[SessionRecord], object] | None = None,
        *,
        is_live: bool = False,
        batch_seconds: float | None = None,
        has_siblings: Callable[[], object] | None = None,
    ) -> None:
        """Construct all parts.

        Args:
            settings, prices: Those of the processor or exporter.
            store: The store that processes share; ``None``: there is none.
            wake: Wakes the worker; called from the store's thread.
            on_record: Called with each session record, on the thread of callbacks.
            is_live: Whether totals are written on open roots, and nothing is forwarded.
            batch_seconds: How late ends come where starts are not seen (an exporter), else
                ``None``.
            has_siblings: Returns something true when other processors of this process may have
                shares of the same sessions, see ``joint_records.py``; ``None``: there never are.

        """
        self._has_siblings = has_siblings or bool
        self.guard = Guard(_logger)
        # its names come from users: they must not use up the room for faults
        self._unpriced = Guard(_logger)
        self._settings = settings
        self._prices = prices
        self._root_writer = RootWriter(Naming(settings))
        rootless_seconds = None if batch_seconds is None else settings.session_idle_seconds
        self.deadlines = Deadlines()
        self.reader = Reader(self._root_writer.inputs.noting(reading.read))
        self.engine = Engine(
            settings, self.reader.read, self._price, self.deadlines, rootless_seconds
        )
        assembler = self._assembler(batch_seconds, is_shared=store is not None)
        self.assembler = assembler
        self.process = f"{os.getpid():x}-{uuid4().hex[:16]}"
        self.store_worker = self._store_worker(store, wake)
        self.manager = self._session_manager(store, batch_seconds)
        if has_siblings is not None:
            self.manager.join()
        self.intake = Intake(
            self.engine, assembler, self.reader, self.manager, self.guard, is_live=is_live
        )
        self.forwarding = Forwarding(
            settings, self.manager, self._root_writer, self.guard, on_record, is_live=is_live
        )
        self._ending: Trace | None = None
        """The released root at hand in ``finish``."""
        self._num_late = 0
        """Late spans that the engine had counted when the last batch was finished."""

    def _assembler(self, batch_seconds: float | None, *, is_shared: bool) -> TraceAssembler | None:
        if batch_seconds is None:
            return None
        parts_seconds = batch_seconds if is_shared else 0.0
        return TraceAssembler(
            self._settings,
            self.engine,
            self.guard,
            self._readable,
            self.deadlines,
            parts_seconds,
        )

    def _store_worker(
        self, store: SessionStore | None, wake: Callable[[], None]
    ) -> StoreWorker | None:
        if store is None:
            return None
        store_worker = StoreWorker(store, self.process, self._settings, self.guard, wake)
        # for a processor that is gone without shutdown
        finalize(self, store_worker.abandon).atexit = False
        return store_worker

    def _session_manager(
        self, store: SessionStore | None, batch_seconds: float | None
    ) -> SessionManager:
        linger_seconds = self._settings.linger_seconds
        return SessionManager(
            self._settings,
            self.engine,
            self._readable,
            self.process,
            self.store_worker,
            self.guard,
            self.deadlines,
            name_of(store),
            settles_seconds=0.0 if batch_seconds is None else linger_seconds + batch_seconds,
        )

    # -- what leaves ------------------------------------------------------------------------------

    def due(self, now: float, out: Out) -> None:
        """Release what has waited long enough."""
        due = self.deadlines.due(now)
        if self.assembler is not None and Phase.ASSEMBLING in due:
            self.assembler.expired(now, out)
        if Phase.LINGERING in due:
            self.engine.expired(out)

    def drain(self, reason: str, now: float, out: Out) -> None:
        """Release every root that has ended, at once."""
        if self.assembler is not None:
            self.assembler.drain(reason, now, out)
        self.engine.drain(reason, now, out)

    def finish(self, out: Taken, now: float) -> None:
        """Let leave what came out: released roots get their totals.

        A root that fails, or was at hand when an earlier call was interrupted, leaves as it came.
        """
        self.guard.call("ending traces", self.engine.fold_roots, out)
        at, spans, leave = out.at, self.forwarding.spans, self.forwarding.spans.append
        if at < len(out) and (out[at] is self._ending or (spans and spans[-1] is out[at])):
            if type(item := out[at]) is Trace:
                self.manager.root_release.release_unchanged(item)
            at += 1
        self.forwarding.add_roots()
        repeated = followed(out, at) if self.engine.late > self._num_late else ()
        self._num_late = self.engine.late
        for out.at, item in enumerate(out[at:], at):  # noqa: B020 -- it knows where it is
            if type(item) is Trace:
                self._ending = item
                if self.guard.call("ending a trace", self._left_root, item, now) is None:
                    self.manager.root_release.release_unchanged(item)
                self.forwarding.add_roots()
            elif type(item) is Changed:
                if out.at not in repeated:
                    self.guard.call(
                        "a late span", self.manager.root_release.late_span_ended, item.trace, now
                    )
            else:
                leave(item)  # type: ignore[arg-type]  # what the processor or exporter handed in
        self._ending = None

    def _left_root(self, trace: Trace, now: float) -> bool:
        context = trace.payload.context if isinstance(trace.payload, ReadableSpan) else None
        trace.is_sampled = context is None or context.trace_flags.sampled
        self.manager.root_release.root_ended(trace, now)
        if scopes:
            self.manager.check_accounts((), now)
        return True

    def turn(self, now: float, reason: str | None = None, *, gives_up: bool = True) -> None:
        """Do what follows from time and from what other processes have written.

        Args:
            now: Monotonic seconds.
            reason: Why everything is to leave now; ``None``: only what is due.
            gives_up: Whether roots then wait for their parts no longer.

        """
        manager = self.manager
        self.guard.call("sessions", partial(manager.turn, now, all_now=reason is not None))
        if reason is not None and gives_up:
            self.guard.call("sessions", manager.root_release.give_up, reason, now)
            self.guard.call("sessions", partial(manager.turn, now, all_now=True))
        if reason in (SHUTDOWN, STOPPING):
            self.guard.call(
                "sessions", partial(manager.shutdown, now, with_open=reason == SHUTDOWN)
            )
        self.forwarding.add_roots()
        records = manager.lifecycle.records
        if records and self._has_siblings():
            manager.unmerged += records  # written when they are merged, outside of the lock
            records.clear()
        self.forwarding.add_records(records, self.intake.resource)

    def write_live(self, trace_id: int, span_id: int) -> None:
        """Write the totals so far on the root that a span is below, if that is open."""
        trace = self.engine.below(trace_id, span_id)
        root = trace.payload if trace is not None else None
        if trace is None or not isinstance(root, Span) or not root.is_recording():
            return
        rollup = self.manager.root_release.trace_totals(trace_id, span_id)
        if rollup is not None:
            reporter = self.manager.root_release.reporter
            self._root_writer.live(
                trace,
                root,
                rollup,
                reporter.labels_of(trace),
                is_exceeded=reporter.is_exceeded(trace),
            )

    def close(self) -> None:
        """Let go of the store."""
        if self.store_worker is not None:
            self.store_worker.stop()

    def _readable(self, raw: object) -> str | None:
        return readable(raw, self._settings.max_output_chars) if self._settings.outputs else None

    def _price(self, call: Call) -> int | None:
        cost = self.guard.call("pricing", cost_of, self._prices, call)
        if cost is None:
            named = call.models[0] if call.models else "a model without a name"
            self._unpriced.once(
                "unpriced",
                named,
                "no price is known for %s (provider %s): its cost is left out",
                named,
                call.provider,
            )
        return cost
