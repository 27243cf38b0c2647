"""Write the roots of traces to a shared store, for the other processes of the same traces.

Nothing happens where there is no store, or where another processor of this process reports the
root (see `claims`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import reduce
from operator import add

from otel_session_agg._api.registry import are_several
from otel_session_agg._model.rollup import NOTHING, Rollup
from otel_session_agg._sessions.claims import claim
from otel_session_agg._sessions.distributed_trace import writer_of
from otel_session_agg._sessions.released_root import is_published_elsewhere, reported_of
from otel_session_agg._sharing.encoding import encode_part
from otel_session_agg._sharing.keys import ROOT, SlotWrite, inclusion, reassignment, trace_key
from otel_session_agg._sharing.parts import Part
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._trace.trace import Trace
from otel_session_agg.stores.base import Slot


class TracePublisher:
    """Writes the parts and the roots of traces.

    Args:
        store_worker: The thread that writes; ``None``: there is no shared store.
        process: The name of this processor in the store.
        store: What the store is known by in this process; ``None``: there is none.
        texts: Whether the last output and the text of the last error of parts are written, too.

    """

    def __init__(
        self, store_worker: StoreWorker | None, process: str, store: Hashable, *, texts: bool
    ) -> None:
        self._store_worker = store_worker
        self._process = process
        self._store = store
        self._texts = texts
        self.joins = False
        """Whether sessions are shared with processors of this process that have no store."""

    @property
    def is_shared(self) -> bool:
        """Whether there is a store that processes share."""
        return self._store_worker is not None

    def claim(self, trace: Trace) -> None:
        """Decide whether this processor is the one that reports a root; called when it is seen."""
        if trace.root_id is None:
            return
        if self._store is not None:
            is_mine = claim(self._store, trace.trace_id, trace.root_id, self._process)
            if not is_mine or trace.reported is not None:
                reported_of(trace).has_other_publisher = not is_mine
        elif (
            self.joins
            and are_several()
            and (trace.reported is None or not trace.reported.totals)
            and not claim(None, trace.trace_id, trace.root_id, self._process)
        ):
            reported_of(trace).is_double = True

    def write_part(
        self,
        trace: Trace,
        session_id: str | None,
        rollups: Mapping[str | None, Rollup],
        *,
        is_open: bool,
    ) -> None:
        """Write a root whose parent is in another process, when it began or has left."""
        if self._store_worker is None or is_published_elsewhere(trace):
            return
        reported = reported_of(trace)
        reported.num_published += 1
        part = Part(
            _under_one_session(rollups, session_id),
            is_open,
            root=False,
            session_id=session_id,
            seq=reported.num_published,
            is_unsampled=not trace.is_sampled,
        )
        value = encode_part(part, texts=self._texts)
        slot = Slot(trace_key(trace.trace_id), writer_of(trace), part.seq, value)
        part_of = trace.trace_id if None in part.rollups else None
        self._store_worker.put(SlotWrite(slot, part_of=part_of))

    def retract_demoted(self, trace: Trace) -> None:
        """Close the part of a root that turned out to be none, as its parent came.

        No process has to wait for that part.
        """
        span_id, trace.demoted_id = trace.demoted_id, None
        num_published = trace.reported.num_published if trace.reported is not None else 0
        if span_id is not None and self._store_worker is not None and num_published:
            part = Part({}, is_open=False, root=False, session_id=None, seq=num_published + 1)
            slot = Slot(trace_key(trace.trace_id), f"{span_id:016x}", part.seq, encode_part(part))
            self._store_worker.put(SlotWrite(slot))

    def write_root(
        self,
        trace: Trace,
        session_id: str | None,
        rollup: Rollup,
        carried: Mapping[str, int] | None = None,
        *,
        looks: bool,
    ) -> None:
        """Write a root that begins a trace, when it has ended or has changed later.

        Args:
            trace: The trace.
            session_id: The session of the trace; ``None``: none is known.
            rollup: What a session has to get if the trace turns out to be in one.
            carried: The parts that the root carries, with the ``seq`` of each; ``None`` when it
                is too late for that.
            looks: Whether to look for parts that it does not carry.

        """
        if self._store_worker is None or is_published_elsewhere(trace):
            return
        reported = reported_of(trace)
        seq = reported.num_published = reported.num_published + 1
        included: tuple[str, ...] = ()
        if carried is not None:
            included = tuple(inclusion(*row) for row in {**carried, ROOT: seq}.items())
        # a session has got the rollup already
        own: dict[str | None, Rollup] = {None: NOTHING if session_id is not None else rollup}
        part = Part(
            own,
            is_open=False,
            root=True,
            session_id=session_id,
            seq=seq,
            included=included,
            is_unsampled=not trace.is_sampled,
        )
        slot = Slot(trace_key(trace.trace_id), ROOT, seq, encode_part(part, texts=self._texts))
        self._store_worker.put(SlotWrite(slot, part_of=trace.trace_id if looks else None))

    def ask(self, trace: Trace, until: float) -> None:
        """Read what other processes have of a trace, for `SessionPublisher.receive`."""
        if self._store_worker is not None:
            self._store_worker.ask(trace.trace_id, until)

    def reassign(self, session_id: str, trace: Trace, parts: Iterable[tuple[str, Part]]) -> None:
        """Write parts that named no session, by writer, to the session of the root."""
        for writer, part in parts:
            if (
                self._store_worker is not None
                and None in part.rollups
                and not is_published_elsewhere(trace)
            ):
                self._store_worker.put(
                    SlotWrite(reassignment(session_id, trace.trace_id, writer, part))
                )


def _under_one_session(
    rollups: Mapping[str | None, Rollup], session_id: str | None
) -> dict[str | None, Rollup]:
    """Sum the totals under one session, however many there are: each of those has its own."""
    return {session_id: reduce(add, rollups.values())} if rollups else {}
