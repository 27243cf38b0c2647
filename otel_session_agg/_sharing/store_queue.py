"""What one processor has to write to a store and to read from it, and what came from there.

Any thread may call: the lock is held for moments, and never while the store is read or written.
Of too many slots, and of too many sessions that are to end, the oldest are lost and counted.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._reasons import IDLE
from otel_session_agg._sharing.keys import SESSION, SlotWrite
from otel_session_agg._sharing.parts import RemoteParts, TraceParts
from otel_session_agg._sharing.remote_totals import GRACE_SECONDS
from otel_session_agg._sharing.session_slots import Gone, RemoteTotals, Spent
from otel_session_agg._sharing.write_buffer import Ask, End, WriteBuffer
from otel_session_agg._threads.background import Done

Received = SessionRecord | RemoteTotals | Spent | TraceParts
"""What comes from a store."""

_BATCH = 256
"""Slots in one call to the store: a few milliseconds."""

_PARTS_SECONDS = 0.05
"""How long other processes get at least to write a part of a trace that has ended.

A part is written when it begins.  So only one that ended within moments may not be there yet: it is
gathered for 20 ms by the worker and for 10 ms by the thread of the store, then written.  The root,
which ends after it, has been gathered for 20 ms, too.
"""

_CONNECTING_SECONDS = 0.1
"""What they get beside that while it is not known that writing is fast.

Processes that start together import and connect together.
"""

_POLL_SECONDS = 0.04
"""Between two looks at parts that are open."""

_MAX_TRIES = 60
"""Turns in which another process has the claim on a session, before it is left to that one."""

_MAX_GRACE_SECONDS = 2.0
_REMEMBERED_SECONDS = 60.0
"""How long it is remembered that writing was slow."""

_REMEMBERED_SHARE = 0.8
"""How much of that is left after a write that was not slow: connecting is slow once.

Of the time to connect so much is left after any write.
"""


class StoreQueue:
    """The work that waits for a store, and its results."""

    def __init__(self, max_slots: int) -> None:
        self.counts: Counter[str] = Counter()
        """``written`` slots, ``errors`` of the store, ``malformed`` slots that were skipped.

        And slots and ends that were ``lost``.
        """
        self._lock = threading.Lock()
        self._max_slots = max_slots
        self._writes = WriteBuffer(max_slots)
        self._asks: dict[int, Ask] = {}
        self.ends: dict[str, End] = {}
        """Sessions that are to end."""
        self.watched: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
        """The own writers of sessions and of accounts that are read again and again."""
        self._results: list[Received] = []
        """What came from the store and was not taken yet."""
        self.in_haste = False
        """Whether to do everything at once."""
        self.flushing: list[Done] = []
        """Set when everything is done, one for each thread that waits for it."""
        self._slowest = 0.0
        """How long the slowest write of late took."""
        self._slowest_until = 0.0
        """Until when that is remembered, monotonic seconds."""
        self._connecting = _CONNECTING_SECONDS
        """What others get to connect."""
        self._wrote_at = 0.0
        """When something was last written, monotonic seconds."""

    @property
    def grace_seconds(self) -> float:
        """How long other processes get to write what they have of a session."""
        return self._grace(GRACE_SECONDS)

    @property
    def parts_seconds(self) -> float:
        """How long they get to write the parts of a trace."""
        is_known = time.monotonic() - self._wrote_at < _REMEMBERED_SECONDS
        return self._grace(_PARTS_SECONDS + (self._connecting if is_known else _CONNECTING_SECONDS))

    def _grace(self, seconds: float) -> float:
        """Return how long others get: longer where it took long here (connecting, a busy machine).

        They may have begun later, and take longer.
        """
        slowest = self._slowest if time.monotonic() < self._slowest_until else 0.0
        return min(seconds + 2 * slowest, _MAX_GRACE_SECONDS)

    def took(self, seconds: float) -> None:
        """Remember how long a write took, with how late its thread was."""
        now = time.monotonic()
        if now - self._wrote_at >= _REMEMBERED_SECONDS:
            self._connecting = _CONNECTING_SECONDS
        self._connecting *= _REMEMBERED_SHARE
        self._wrote_at = now
        if seconds >= self._slowest or now >= self._slowest_until:
            self._slowest, self._slowest_until = seconds, now + _REMEMBERED_SECONDS
        else:
            self._slowest = max(seconds, _REMEMBERED_SHARE * self._slowest)

    def next(self) -> float:
        """Return when there is something to do, monotonic seconds; 0 for at once."""
        with self._lock:
            if self._writes or self.in_haste:
                return 0.0
            parts_seconds = self.parts_seconds
            times = [ask.when(parts_seconds) for ask in self._asks.values()]
            return min([*times, *[end.when for end in self.ends.values()]], default=float("inf"))

    # -- slots -------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._writes)

    def put(self, slot_write: SlotWrite) -> None:
        """Add a slot to be written."""
        with self._lock:
            self.counts["lost"] += self._writes.put(slot_write)

    def first_writes(self) -> list[SlotWrite]:
        """Return the slots that wait the longest; they stay until `set_written` is called."""
        with self._lock:
            return self._writes.first(_BATCH)

    def set_written(self, slot_writes: Sequence[SlotWrite]) -> None:
        """Note that slots were written."""
        with self._lock:
            self._writes.set_written(slot_writes)
        self.counts["written"] += len(slot_writes)

    def write_again(self, gone: Gone) -> None:
        """Write again what the store has lost."""
        with self._lock:
            self.counts["lost"] += self._writes.write_again(gone)

    # -- parts of traces -----------------------------------------------------------------------

    @property
    def asks(self) -> bool:
        """Whether roots wait for their parts."""
        return bool(self._asks)

    def ask(self, trace_id: int, until: float) -> None:
        """Read what other processes have of a trace, see `StoreWorker.ask`."""
        with self._lock:
            self._asks[trace_id] = Ask(time.monotonic(), until)

    def due_asks(self, now: float) -> list[int]:
        """Return the traces whose parts are to be read."""
        parts_seconds = self.parts_seconds
        with self._lock:
            return [
                trace_id
                for trace_id, ask in self._asks.items()
                if self.in_haste or ask.when(parts_seconds) <= now
            ]

    def answered(self, found: Iterable[TraceParts], now: float) -> None:
        """Take the parts of traces that are complete; have the other traces looked at again."""
        results: list[Received] = []
        with self._lock:
            for answer in found:
                ask = self._asks.pop(answer.trace_id, None)
                if (
                    ask is not None
                    and any(part.is_open for _, part in answer.parts.parts)
                    and now < ask.until
                    and not self.in_haste
                ):
                    self._asks[answer.trace_id] = ask._replace(again=now + _POLL_SECONDS)
                elif ask is not None:
                    results.append(answer)
            self._results += results

    def refuse(self) -> None:
        """Answer all that the store cannot be reached."""
        with self._lock:
            asks, self._asks = self._asks, {}
            self._results += [
                TraceParts(trace_id, RemoteParts((), is_reached=False)) for trace_id in asks
            ]

    # -- ends of sessions ------------------------------------------------------------------------

    def end(self, session_id: str, reason: str) -> None:
        """Add a session that is to end; of too many, those that wait the longest are lost."""
        with self._lock:
            if len(self.ends) >= self._max_slots:
                del self.ends[next(iter(self.ends))]
                self.counts["lost"] += 1
            self.ends[session_id] = End(reason, time.monotonic() + self.grace_seconds)

    def end_idle(self, session_ids: Iterable[str], now: float) -> None:
        """Add sessions in which nothing has happened for long enough."""
        with self._lock:
            for session_id in session_ids:
                self.ends.setdefault(session_id, End(IDLE, now))

    def due_ends(self, now: float) -> dict[str, End]:
        """Return the sessions to end of which everything is written."""
        with self._lock:
            due = {name: end for name, end in self.ends.items() if self.in_haste or end.when <= now}
            unwritten = self._writes.keys() if due else set()
            return {name: end for name, end in due.items() if SESSION + name not in unwritten}

    def tried(self, session_id: str, end: End, now: float, *, is_done: bool) -> None:
        """Note that a session was to end now; unless ``is_done``, it is tried again."""
        with self._lock:
            if self.ends.get(session_id) is not end:
                return  # asked for again meanwhile
            if is_done or end.tries >= _MAX_TRIES:
                del self.ends[session_id]
            else:
                self.ends[session_id] = end._replace(when=now + GRACE_SECONDS, tries=end.tries + 1)

    # -- results and flushes -----------------------------------------------------------------------

    def add(self, results: Sequence[Received]) -> None:
        """Add what came from the store."""
        if results:
            with self._lock:
                self._results += results

    @property
    def has_results(self) -> bool:
        """Whether there is something to take."""
        return bool(self._results)

    def take(self) -> list[Received]:
        """Take the results: records, totals and parts of other processes."""
        if not self._results:
            return []
        with self._lock:
            results, self._results = self._results, []
        return results

    def begin_flush(self, done: Done) -> None:
        """Do everything at once, then set ``done``."""
        with self._lock:
            self.in_haste = True
            self.flushing.append(done)

    def give_up_flush(self, done: Done) -> None:
        """Forget one flush, whose time is over; other threads may still wait."""
        with self._lock:
            self.flushing = [one for one in self.flushing if one is not done]
            self.in_haste = bool(self.flushing)

    def end_flushes(self, *, is_down: bool) -> None:
        """Let all threads that flush go on, if everything is done or the store is down."""
        with self._lock:
            if self.in_haste and (is_down or not (self._writes or self._asks or self.ends)):
                self.in_haste = False
                while self.flushing:
                    self.flushing.pop().set()
