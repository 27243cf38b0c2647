"""What this process writes to a store that others share, and when; nothing happens when there is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from otel_session_agg._courier import Courier
from otel_session_agg._desk import ROOT, Errand, adoption, first_record, session_slot, trace_key
from otel_session_agg._engine import Engine
from otel_session_agg._ledger import Ledger, Session, with_open
from otel_session_agg._rollup import Rollup
from otel_session_agg._session_codec import Part, encode_part
from otel_session_agg._store import Slot
from otel_session_agg._traces import Trace

PUBLISH_SECONDS = 1.0
"""How often a session is written while nothing of it leaves, so that little is lost when the process dies."""


class Publisher:
    """Writes sessions and parts of traces."""

    def __init__(self, courier: Courier | None, engine: Engine) -> None:
        self._courier = courier
        self._engine = engine
        self._stale: set[str] = set()
        """Sessions with open traces that said something since they were written."""
        self._watched: dict[str, str] = {}

    @property
    def is_shared(self) -> bool:
        """Whether there is a store that others share."""
        return self._courier is not None

    def next_deadline(self, now: float) -> float | None:
        """When something has to be written although nothing ends."""
        return now + PUBLISH_SECONDS if self._stale else None

    def heard(self) -> Iterable[object]:
        """What has come back."""
        return self._courier.take() if self._courier is not None else ()

    # -- traces -----------------------------------------------------------------------------------------------------------

    def part(self, trace: Trace, session_id: str | None, rollups: dict[str | None, Rollup], *, is_open: bool) -> None:
        """A root whose parent is in another process began, or has left."""
        if self._courier is not None:
            trace.num_published += 1
            part = Part(rollups, is_open, root=False, session_id=session_id, seq=trace.num_published)
            slot = Slot(trace_key(trace.trace_id), f"{trace.root_id or 0:016x}", part.seq, encode_part(part))
            self._courier.put(Errand(slot, part_of=trace.trace_id if None in rollups else None))

    def root(self, trace: Trace, session_id: str | None, rollup: Rollup, included: tuple[str, ...] = ()) -> None:
        """A root that begins a trace has ended."""
        if self._courier is not None:
            trace.num_published += 1
            part = Part(
                {None: rollup}, is_open=False, root=True, session_id=session_id, seq=trace.num_published, included=included
            )
            self._courier.put(Errand(Slot(trace_key(trace.trace_id), ROOT, part.seq, encode_part(part))))

    def ask(self, trace: Trace, until: float) -> None:
        """Find out what others have of a trace."""
        if self._courier is not None:
            self._courier.ask(trace.trace_id, until)

    def adopt(self, session_id: str, trace: Trace, parts: Iterable[tuple[str, Part]]) -> None:
        """Parts that named no session are in that of the root."""
        for writer, part in parts:
            if self._courier is not None and None in part.rollups:
                self._courier.put(Errand(adoption(session_id, trace.trace_id, writer, part)))

    def is_recorded(self, session_id: str) -> None:
        """The root of a trace that is a session itself was the first record of it."""
        if self._courier is not None:
            self._courier.put(Errand(first_record(session_id), is_late=True))

    # -- sessions ---------------------------------------------------------------------------------------------------------

    def turn(
        self, ledger: Ledger, touched: set[str], watched: Collection[str], refresh: Callable[[str], object], now: float
    ) -> None:
        """Write what is new; ``refresh`` lets a session know what its open traces have by now."""
        if self._courier is None:
            return
        for session_id in self._stale | touched:
            session = ledger.get(session_id)
            self._stale.discard(session_id)
            if session_id in watched or (session is not None and now - session.published_seconds >= PUBLISH_SECONDS):
                refresh(session_id)
            elif self._engine.members.number(session_id):
                self._stale.add(session_id)
        dropped, ledger.dropped = ledger.dropped, []
        for session in dropped:
            self._write(session, now, is_late=ledger.news.pop(session.session_id, True))
        news, ledger.news = ledger.news, {}
        for session_id, is_late in news.items():
            self._write(ledger.get(session_id), now, is_late=is_late)
        ends, ledger.ends = ledger.ends, []
        for session_id, reason in ends:
            self._courier.end(session_id, reason)
        writers = {name: session.writer for name in watched if (session := ledger.get(name)) is not None}
        if writers != self._watched:
            self._watched = writers
            self._courier.watch(writers)

    def _write(self, session: Session | None, now: float, *, is_late: bool) -> None:
        if session is not None and self._courier is not None:
            session.seq += 1
            session.published_seconds = now
            session.own = with_open(session.own, self._engine.members.number(session.session_id))
            slot = session_slot(session.session_id, session.writer, session.seq, session.own)
            self._courier.put(Errand(slot, is_late=is_late))
