"""Connect intake, engine, sessions, prices and writers: ended spans in, spans to forward out.

The journey of a span
---------------------
::

    on_start, on_end             _sdk/processor.py; export: _sdk/exporter.py   [application thread]
      |  queue                   a started span in a tuple, an ended span as it is
      v                                              [worker thread, fold lock: _sdk/worker.py]
    SpanWorker.fold_some         one batch of the queue
      v
    Pipeline.fold                here
      v
    Intake.take                  _sdk/intake.py              ReadableSpan -> SpanData
      v
    (TraceAssembler)             _trace/assembler.py         exporter only: keep ended spans until
      v                                                      their root has come
    Engine.started, .ended       _trace/engine.py            SpanData -> Reading (_reading/span.py),
      |                                                      Reading -> its Trace (_trace/trace.py)
      |  taken: Released(trace) | Corrected(trace) | span
      v
    Pipeline.finish
      |-- span ------------------------------------> leaving
      |-- Released -> SessionManager.root_ended    _sessions/manager.py: the totals of the trace
      |             |-- RootRelease.ended        _sessions/root_release.py: leave now, or wait?
      |             |-- SessionLifecycle.apply   _sessions/lifecycle.py: what its sessions get
      |             |                            (_sessions/session_delta.py)
      |             `-- ReleasedRoot ----------> leaving, with the totals that RootWriter writes
      |                                          (_writing/root_writer.py)
      `-- Corrected -> SessionManager.late_span_ended: its sessions get the difference
      v
    Pipeline.turn -> SessionManager.turn     _sessions/manager.py
      |-- SessionRecord ---------------------------> leaving, as a span that RootWriter makes
      `-- Publisher -------------------------------> StoreWorker (_sharing/store_worker.py)
                                                     -> SessionStore           [store thread]
    HeldSpans.add, .forward      _sdk/held.py        leaving -> the exporter or processor behind,
                                                     outside the fold lock

``_sdk/parts.py`` builds all of these.  ``RootRelease``, ``SessionLifecycle`` and the publisher
belong to the ``SessionManager``, which gives each the values that another one returns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, Span

from otel_session_agg._collections.deadlines import Deadlines, Phase
from otel_session_agg._guard import Guard
from otel_session_agg._model.budget_scopes import scopes
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._reasons import SHUTDOWN, STOPPING
from otel_session_agg._sdk.intake import Intake, Queue
from otel_session_agg._sdk.root_facts import RootFacts
from otel_session_agg._sdk.taken import Taken, followed
from otel_session_agg._sessions.manager import SessionManager
from otel_session_agg._sessions.released_root import ReleasedRoot
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.assembler import TraceAssembler
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Out, Released, Trace
from otel_session_agg._writing.live_writer import LiveWriter
from otel_session_agg._writing.root_writer import RootWriter

_MAX_TAKEN = 2048
"""What was taken and is not finished yet, while only totals on open roots are written."""


class Parts(NamedTuple):
    """The parts of a pipeline."""

    process: str
    """The name of this processor or exporter in a store."""
    guard: Guard
    deadlines: Deadlines
    intake: Intake
    assembler: TraceAssembler | None
    """Only an exporter has one."""
    engine: Engine
    manager: SessionManager
    root_writer: RootWriter
    store_worker: StoreWorker | None
    """Only where there is a store that processes share."""


class Pipeline:
    """What one processor or exporter does, without its threads: the coordinator of its parts.

    The caller holds the fold lock around all calls.

    Args:
        parts: What it coordinates.
        settings: Those of the processor or exporter.
        on_record: Called with each session record, on the thread of callbacks.
        is_live: Whether totals are written on open roots, and nothing is forwarded.
        has_siblings: Returns something true when other processors of this process may have shares
            of the same sessions, see ``joint_records.py``.

    """

    engine: Engine
    manager: SessionManager

    def __init__(
        self,
        parts: Parts,
        settings: Settings,
        on_record: Callable[[SessionRecord], object] | None,
        *,
        is_live: bool,
        has_siblings: Callable[[], object],
    ) -> None:
        self.process, self.guard, self.deadlines, self.intake, self.assembler = parts[:5]
        self.engine, self.manager, self._root_writer, self.store_worker = parts[5:]
        self._root_facts = RootFacts(self.manager.sessions.dimensions, self._root_writer.inputs)
        self._live_writer = LiveWriter(self._root_writer)
        self._session_records = settings.session_records
        self._on_record = on_record
        self._is_live = is_live
        self._has_siblings = has_siblings
        self.taken = Taken()
        """What came out of ``take``, or of the fold that is going on or was interrupted."""
        self.leaving: deque[ReadableSpan] = deque()
        """Roots with totals, spans of session records, and all other spans, in order."""
        self._ending: Released | None = None
        """The released root at hand in ``finish``."""
        self._num_late = 0
        """Late spans that the engine had counted when the last batch was finished."""

    def fold(self, queue: Queue, number: int, now: float) -> None:
        """Fold so many starts and ends from the queue, and what is due."""
        self.intake.take(queue, number, now, self.taken)
        if self.deadlines.first_seconds <= now:
            # what was taken leaves all the same
            self.guard.call("releasing", self.due, now, self.taken)
        self.finish(now)
        self.turn(now)

    def take(self, queue: Queue, number: int, now: float) -> bool:
        """Fold so many starts and ends, and leave what follows from them to the next `fold`.

        ``False``: that cannot wait, as roots say whether a budget is exceeded, or for its size.
        """
        if scopes or self.manager.budgets.by_session or len(self.taken) >= _MAX_TAKEN:
            return False
        self.intake.take(queue, number, now, self.taken)
        return True

    def due(self, now: float, out: Out[ReadableSpan]) -> None:
        """Release what has waited long enough."""
        due = self.deadlines.due(now)
        if self.assembler is not None and Phase.ASSEMBLING in due:
            self.assembler.expired(now, out)
        if Phase.LINGERING in due:
            self.engine.expired(out)

    def drain(self, reason: str, now: float, *, gives_up: bool) -> None:
        """Release every root that has ended, at once; see ``turn``."""
        self.guard.call("releasing", self._drain, reason, now, self.taken)
        self.finish(now)
        self.turn(now, reason, gives_up=gives_up)

    def _drain(self, reason: str, now: float, out: Out[ReadableSpan]) -> None:
        if self.assembler is not None:
            self.assembler.drain(reason, now, out)
        self.engine.drain(reason, out)

    # -- what leaves ------------------------------------------------------------------------------

    def finish(self, now: float) -> None:
        """Let leave what was taken: released roots get their totals.

        A root that fails, or was at hand when an earlier call was interrupted, leaves as it came.
        """
        out, leaving = self.taken, self.leaving
        self.guard.call("ending traces", self.engine.totals.fold_roots, out)
        at, leave = out.at, leaving.append
        if at < len(out) and (out[at] is self._ending or (leaving and leaving[-1] is out[at])):
            if isinstance(item := out[at], Released):
                self.manager.release_unchanged(item.trace)
            at += 1
        self.add_roots()
        repeated = followed(out, at) if self.engine.late > self._num_late else ()
        self._num_late = self.engine.late
        for out.at, item in enumerate(out[at:], at):  # noqa: B020 -- it knows where it is
            if not isinstance(item, tuple):  # as nearly all
                leave(item)
            elif isinstance(item, Released):
                self._ending = item
                if self.guard.call("ending a trace", self._left_root, item.trace, now) is None:
                    self.manager.release_unchanged(item.trace)
                self.add_roots()
            elif out.at not in repeated:
                self._root_facts.note_input(item.trace)
                self.guard.call("a late span", self.manager.late_span_ended, item.trace, now)
        self.taken = Taken()
        self._ending = None

    def _left_root(self, trace: Trace, now: float) -> bool:
        self._root_facts.note(trace)
        self._root_facts.note_input(trace)
        self.manager.root_ended(trace, now)
        return True

    def add_roots(self) -> None:
        """Let leave the roots that ``SessionManager`` has made ready, with their totals."""
        ready, leaving = self.manager.ready, self.leaving
        while ready:
            trace = ready[0].trace
            # what the processor or exporter handed in
            root: ReadableSpan | None = trace.payload  # type: ignore[assignment]
            # else an interrupted call has added it
            if (
                root is not None
                and not self._is_live
                and not (leaving and leaving[-1].context is root.context)
            ):
                leaving.append(self._written(ready[0], root))
            self._root_facts.forget(trace)
            del ready[0]

    def _written(self, ready: ReleasedRoot, root: ReadableSpan) -> ReadableSpan:
        if ready.rollup is None:
            return root
        write = self._root_writer.root
        return self.guard.call("writing a root", write, ready, ready.rollup, root) or root

    def add_records(self, records: list[SessionRecord]) -> None:
        """Let leave spans for records, each of which is taken off the list; queue callbacks."""
        while records:
            record = records[0]
            if self._on_record is not None:
                self.manager.budgets.calls.append(partial(self._on_record, record))
            if self._is_exported(record):
                write, resource = self._root_writer.record, self.intake.resource()
                span = self.guard.call("writing a session record", write, record, resource)
                if span is not None:
                    self.leaving.append(span)
            del records[0]

    def _is_exported(self, record: SessionRecord) -> bool:
        """Return whether a record is exported as a span."""
        wanted = self._session_records
        return not self._is_live and (not record.is_on_root if wanted == "auto" else wanted is True)

    # -- sessions ---------------------------------------------------------------------------------

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
            self.guard.call("sessions", manager.give_up, reason, now)
            self.guard.call("sessions", partial(manager.turn, now, all_now=True))
        if reason in (SHUTDOWN, STOPPING):
            self.guard.call(
                "sessions", partial(manager.shutdown, now, with_open=reason == SHUTDOWN)
            )
        self.add_roots()
        records = manager.records
        if records and self._has_siblings():
            manager.unmerged += records  # written when they are merged, outside of the lock
            records.clear()
        self.add_records(records)
        self.deadlines.next()  # here, as another thread may fold when the worker goes to sleep

    def write_live(self, trace_id: int, span_id: int) -> None:
        """Write the totals so far on the root that a span is below, if that is open."""
        trace = self.engine.roots.find(trace_id, span_id)
        root = trace.payload if trace is not None else None
        if trace is None or not isinstance(root, Span) or not root.is_recording():
            return
        self._root_facts.note(trace)
        sessions = self.manager.sessions
        session = sessions.of(trace)
        self._live_writer.write(
            trace,
            root,
            self.manager.root_release.totals_of(trace),
            sessions.labels_of(trace, session),
            sessions.dimensions_of(trace, session),
            is_exceeded=sessions.is_exceeded(session),
        )

    def close(self) -> None:
        """Let go of the store."""
        if self.store_worker is not None:
            self.store_worker.stop()
