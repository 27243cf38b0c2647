"""Engine, sessions, prices and writer put together: ended spans in, spans to forward out.

The only place that names concrete parts.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from uuid import uuid4
from weakref import finalize

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span

from otel_session_agg._api.context import Label
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._reading import span as reading
from otel_session_agg._reading.output_text import readable
from otel_session_agg._reading.starts import Reader
from otel_session_agg._reasons import SHUTDOWN, STOPPING
from otel_session_agg._sdk.forwarding import Forwarding
from otel_session_agg._sdk.parents import Top, is_unsampled
from otel_session_agg._sessions.blocks import Block
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._spans import carried_parent_id, ids_of, nanoseconds, span_data
from otel_session_agg._trace.assembler import TraceAssembler
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Changed, Out, Trace
from otel_session_agg._writing.naming import Naming
from otel_session_agg._writing.root_writer import RootWriter
from otel_session_agg.stores import name_of
from otel_session_agg.stores.base import SessionStore

_logger = logging.getLogger("otel_session_agg")

Start = tuple[Span] | tuple[Span, Label] | Top
Queue = deque["Start | tuple[None, Label] | Block | ReadableSpan"]
"""Started spans, each with the label around if there is one, labels alone, blocks, and ended spans, in the order of their moments."""


class Taken(list[object]):
    """What came out of the engine and is not finished; ``at`` is what is at hand, so that an interrupted fold is gone on with."""

    at: int = 0


def _followed(out: Out, at: int) -> frozenset[int]:
    """Return the positions of changed traces that change again before a root leaves: sessions get both changes at once."""
    later: set[int] = set()
    followed: list[int] = []
    for position in range(len(out) - 1, at - 1, -1):
        item = out[position]
        if type(item) is Trace:
            later.clear()
        elif type(item) is Changed:
            if id(item.trace) in later:
                followed.append(position)
            later.add(id(item.trace))
    return frozenset(followed)


class Pipeline:
    """What one processor does, without its threads; the caller holds a lock around all calls."""

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
        has_others: Callable[[], object] | None = None,
    ) -> None:
        """``batch_seconds``: how late ends come where starts are not seen, else ``None``; ``has_others``: see ``_together``."""
        self._has_others = has_others or bool
        self.guard = Guard(_logger)
        # its names come from users: they must not use up the room for faults
        self._unpriced = Guard(_logger)
        self._settings = settings
        self._prices = prices
        self._root_writer = RootWriter(Naming(settings))
        self._is_live = is_live
        rootless_seconds = None if batch_seconds is None else settings.session_idle_seconds
        self.reader = Reader(self._root_writer.inputs.noting(reading.read))
        self.engine = Engine(settings, self.reader.read, self._price, rootless_seconds)
        self._fronts: list[TraceAssembler | Engine] = [self.engine]
        """What ended spans go to, the first first."""
        self._assembler: TraceAssembler | None = None
        if batch_seconds is not None:
            parts_seconds = batch_seconds if store is not None else 0.0
            self._assembler = TraceAssembler(
                settings, self.engine, self.guard, self._readable, parts_seconds
            )
            self._fronts.insert(0, self._assembler)
        self.process = process = f"{os.getpid():x}-{uuid4().hex[:16]}"
        self.store_worker = (
            StoreWorker(store, process, settings, self.guard, wake) if store is not None else None
        )
        if self.store_worker is not None:
            # a processor that is gone without shutdown
            finalize(self, self.store_worker.abandon).atexit = False
        settles_seconds = 0.0 if batch_seconds is None else settings.linger_seconds + batch_seconds
        self.manager = SessionManager(
            settings,
            self.engine,
            self._readable,
            process,
            self.store_worker,
            self.guard,
            name_of(store),
            settles_seconds,
        )
        if has_others is not None:
            self.manager.joins()
        self.leaving = Forwarding(
            settings, self.manager, self._root_writer, self.guard, on_record, is_live=is_live
        )
        self._turns: Iterator[None] = iter(())
        """One for each start or end that is still to be taken."""
        self._ending: Trace | None = None
        """The root that is told of."""
        self._item: ReadableSpan | tuple[object, ...] | None = None
        self._before = 0  # what had left before the start or end at hand, which is ``_item``
        self._num_late = 0
        """Late spans that the engine had counted when the last batch was finished."""
        self._resource: Resource | None = None
        """Of the root that began last: what our own spans stand for."""

    def take(self, queue: Queue, number: int, now: float, out: Out) -> None:
        """Take so many starts and ends from the queue.

        Every ended span is appended to ``out``, or is held and comes out later, whatever fails in us or interrupts us: a span
        stays in the queue until it is noted as the one at hand, and what an earlier call had at hand when it was interrupted
        leaves as one that failed.
        """
        if not (queue and queue[0] is self._item):
            self._failed(out)
        self._turns = repeat(None, number)
        # it raised: go on behind that span
        while self.guard.call("folding", self._take, queue, now, out) is None:
            self._failed(out)

    def _take(self, queue: Queue, now: float, out: Out) -> bool:
        started, ended = self.engine.started, self._fronts[0].ended
        for _ in self._turns:
            item = self._item = queue[0]
            self._before = len(out)
            queue.popleft()
            if not isinstance(item, tuple):
                self._resource = self._resource or item.resource
                if self._assembler is not None and is_unsampled(item):
                    self.note_top(item)
                if scopes and self._assembler is None:  # else batches come out of order
                    self.manager.ends(span_data(item), now)
                ended(span_data(item), item, now, out)
            elif (span := item[0]) is None:
                self.manager.told(item, time.time_ns(), now)  # type: ignore[arg-type]  # a label
            else:
                trace_id, span_id, parent_id = ids_of(span)
                if parent_id is None:
                    trace = self._root_started(span, out)
                elif type(item) is Top:
                    trace = self._top_started(span, parent_id, out)
                else:
                    trace = started(trace_id, span_id, parent_id, out)
                if len(item) > 1:
                    self.reader.began(trace_id, span_id, item[1].session_id, item[1].around)
                    self.manager.began(trace, span_id, nanoseconds(span.start_time), item[1], now)
            self._item = None
        return True

    def _root_started(self, span: Span, out: Out) -> Trace | None:
        context = span.context
        return self._began(
            span,
            self.engine.started(
                context.trace_id, context.span_id, None, out, carried_parent_id(span)
            ),
        )

    def _top_started(self, span: Span, parent_id: int, out: Out) -> Trace | None:
        context = span.context
        return self._began(
            span, self.engine.top_started(context.trace_id, context.span_id, parent_id, out)
        )

    def _began(self, span: Span, trace: Trace | None) -> Trace | None:
        """A span began that may be a root."""
        self._resource = span.resource
        if trace is not None and trace.root_id == span.context.span_id:
            self.manager.root_release.root_began(trace, is_part=span.parent is not None)
            if self._is_live:
                trace.payload = span
        return trace

    def note_top(self, span: ReadableSpan) -> None:
        """Where starts are not seen: the parent of a span will not come; from any thread."""
        if self._assembler is not None and span.context is not None:
            self._assembler.tops.put(span.context.span_id, span.context.trace_id)

    def _failed(self, out: Out) -> None:
        span, self._item = self._item, None
        if span is None or isinstance(span, tuple):  # a start
            return
        data = self.guard.call("reading a span", span_data, span)
        if data is None:
            self.engine.unreadable()
        else:
            self.engine.fault(data)
        if not any(
            item is span or (type(item) is Trace and item.payload is span)
            for item in out[self._before :]
        ):
            out.append(span)

    # -- what leaves ------------------------------------------------------------------------------------------------------

    def due(self, now: float, out: Out) -> None:
        """Release what has waited long enough."""
        for front in self._fronts:
            front.due(now, out)

    def drain(self, reason: str, now: float, out: Out) -> None:
        """Release every root that has ended, at once."""
        for front in self._fronts:
            front.drain(reason, now, out)

    def finish(self, out: Taken, now: float) -> None:
        """Let leave what came out: released roots get their totals; one that fails, or was interrupted, leaves as it came."""
        self.guard.call("ending traces", self.engine.fold_roots, out)
        at, leaving, leave = out.at, self.leaving.spans, self.leaving.spans.append
        if at < len(out) and (out[at] is self._ending or (leaving and leaving[-1] is out[at])):
            if type(item := out[at]) is Trace:
                self.manager.root_release.failed(item)
            at += 1
        self.leaving.ready()
        followed = _followed(out, at) if self.engine.late > self._num_late else ()
        self._num_late = self.engine.late
        for out.at, item in enumerate(out[at:], at):  # noqa: B020 -- it knows where it is
            if type(item) is Trace:
                self._ending = item
                if self.guard.call("ending a trace", self._left_root, item, now) is None:
                    self.manager.root_release.failed(item)
                self.leaving.ready()
            elif type(item) is Changed:
                if out.at not in followed:
                    self.guard.call(
                        "a late span", self.manager.root_release.changed, item.trace, now
                    )
            else:
                leave(item)  # type: ignore[arg-type]  # what this door handed in
        self._ending = None

    def _left_root(self, trace: Trace, now: float) -> bool:
        context = trace.payload.context if isinstance(trace.payload, ReadableSpan) else None
        trace.is_sampled = context is None or context.trace_flags.sampled
        self.manager.root_release.left(trace, now)
        if scopes:
            self.manager.look_at_accounts((), now)
        return True

    def turn(self, now: float, reason: str | None = None, *, gives_up: bool = True) -> None:
        """What follows from time and from what other processes say.

        ``reason``: why everything is to leave now; unless ``gives_up`` is false, roots wait for their parts no longer.
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
        self.leaving.ready()
        records = manager.lifecycle.records
        if records and self._has_others():
            manager.unmerged += records  # written when they are merged, outside of the lock
            records.clear()
        self.leaving.told(records, self.resource)

    def write_live(self, trace_id: int, span_id: int) -> None:
        """Write the totals so far on the root that a span is below, if that is open."""
        trace = self.engine.below(trace_id, span_id)
        root = trace.payload if trace is not None else None
        if trace is None or not isinstance(root, Span) or not root.is_recording():
            return
        rollup = self.manager.root_release.trace_totals(trace_id, span_id)
        if rollup is not None:
            root_release = self.manager.root_release
            self._root_writer.live(
                trace,
                root,
                rollup,
                root_release.labels_of(trace),
                is_exceeded=root_release.is_exceeded(trace),
            )

    def next_deadline(self, now: float) -> float | None:
        """When there is something to do although nothing ends."""
        times = [
            *(front.next_deadline() for front in self._fronts),
            self.manager.next_deadline(now),
        ]
        return min((time for time in times if time is not None), default=None)

    def close(self) -> None:
        """Let go of the store."""
        if self.store_worker is not None:
            self.store_worker.stop()

    def resource(self) -> Resource:
        """What our own spans stand for."""
        if self._resource is None:  # at the interpreter's end it cannot be made any more
            self._resource = self.guard.call("making a resource", Resource.create)
        return self._resource or Resource.get_empty()

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
