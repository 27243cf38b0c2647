"""Turns of the thread that talks to a store: what waits in the queue is done, in this order.

First the writes, the newest value of each slot only; then the reads; then sessions that are to end.

* While the store cannot be reached, reads of parts result at once in "not reached", and writes
  are kept.
* When it comes back, or has lost what it had, everything that this process wrote lately is
  written again: a slot holds all that its writer has, so repeating changes nothing.
* A session record is made under a claim and then settled at the version it was made from, so one
  process makes it; only if that one dies in between another makes the same again, with the same
  ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from otel_session_agg._guard import Guard
from otel_session_agg._reasons import IDLE
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.parts import TraceParts
from otel_session_agg._sharing.remote_totals import GRACE_SECONDS, Fetches
from otel_session_agg._sharing.session_ends import MAX_DUE
from otel_session_agg._sharing.slots import StoreSlots
from otel_session_agg._sharing.store_log import StoreLog
from otel_session_agg._sharing.store_queue import StoreQueue
from otel_session_agg.stores.base import SessionStore

_POLL_SECONDS = 0.04
"""Between two looks at sessions with a budget."""

_BATCH = 256
"""Keys in one call to the store: a few milliseconds."""

_BACK_OFF_SECONDS = (0.1, 5.0)
"""First and longest wait before a store that failed is tried again."""


class StoreTurns:
    """Does what is in a queue; only one thread at a time may call.

    Args:
        store: The store.
        process: The name of this processor in the store.
        settings: The settings.
        guard: Catches and logs faults.
        queue: What is to be done.
        fetches: The threads that wait for what other processes have.
        wake: Called when there are results to take.

    """

    def __init__(  # noqa: PLR0913 -- what a store's thread has
        self,
        store: SessionStore,
        process: str,
        settings: Settings,
        guard: Guard,
        queue: StoreQueue,
        fetches: Fetches,
        wake: Callable[[], object],
    ) -> None:
        self._guard = guard
        self._settings = settings
        self._queue = queue
        self._fetches = fetches
        self._wake_taker = wake
        self._store_slots = StoreSlots(store, settings, process, queue.counts, time.time_ns)
        self._log = StoreLog(guard)
        self._store = store
        self.is_down = False
        """Whether the store could not be reached in the last turn."""
        self.retry_at = 0.0
        """When a store that failed is tried again, monotonic seconds."""
        self._seen: dict[str, int] = {}
        self._seen_accounts: dict[str, int] = {}
        self._scan_seconds = min(15.0, max(_POLL_SECONDS, settings.session_idle_seconds / 8))
        self._next_scan = self._next_watch = 0.0
        self._correct_at = float("inf")
        self._back_off = _BACK_OFF_SECONDS[0]

    def pause(self) -> float:
        """Return how long there is nothing to do, seconds."""
        now = time.monotonic()
        if self.is_down or now < self.retry_at:
            return 0.0 if self._queue.asks else self.retry_at - now
        times = [self._queue.next(), self._next_scan, self._fetches.next(), self._correct_at]
        if any(self._queue.watched):
            times.append(self._next_watch)
        return min(times) - now

    def turn(self, due: float | None = None) -> None:
        """Do what there is to do with the store; ``due``: since when, monotonic seconds."""
        now = time.monotonic()
        if now >= self.retry_at:
            failed = self._guard.part("store", self._work, now if due is None else due) is None
            self.is_down = failed
            self._queue.counts["errors"] += failed
            self.retry_at = time.monotonic() + self._back_off if failed else 0.0
            self._back_off = (
                min(2 * self._back_off, _BACK_OFF_SECONDS[1]) if failed else _BACK_OFF_SECONDS[0]
            )
        if self.is_down:
            self._queue.refuse()
            self._fetches.refuse()
            self._wake()
        self._log.left_out(self._store_slots.sessions.reader.left_out())
        self._queue.end_flushes(is_down=self.is_down)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _work(self, due: float) -> bool:
        if self._queue:
            self._write()
            # what other processes write may be as long on its way
            self._queue.took(time.monotonic() - due)
        if (gone := self._store_slots.sessions.take_gone()) is not None:
            self._log.lost(gone.keys)
            self._seen, self._seen_accounts = {}, {}
            self._queue.write_again(gone)
            self._write()
        self._look_at_traces()
        self._look_at_sessions()
        self._end_sessions()
        ends = self._store_slots.ends
        if ends.is_late:
            ends.is_late = False
            self._correct_at = time.monotonic() + ends.soon_seconds + _POLL_SECONDS
        return True

    def _wake(self) -> None:
        if self._queue.has_results:
            self._wake_taker()

    def _write(self) -> None:
        while self._queue:
            batch = self._queue.first_writes()
            self._store_slots.write(batch)
            self._queue.set_written(batch)

    def _look_at_traces(self) -> None:
        now, traces = time.monotonic(), self._store_slots.traces
        due = self._queue.due_asks(now)
        for batch in (due[at : at + _BATCH] for at in range(0, len(due), _BATCH)):
            self._queue.answered(map(TraceParts, batch, traces.parts(batch)), now)
            self._wake()
        for slot_write in traces.reassignments():
            self._queue.put(slot_write)

    def _look_at_sessions(self) -> None:
        now = time.monotonic()
        sessions = self._store_slots.sessions
        self._fetches.look(sessions, self._queue.add, now)
        watched, accounts = self._queue.watched
        if (watched or accounts) and now >= self._next_watch:
            self._queue.add(sessions.remote_totals(watched, self._seen))
            self._queue.add(sessions.spent(accounts, self._seen_accounts))
            self._next_watch = now + _POLL_SECONDS
        self._wake()
        if now >= min(self._next_scan, self._correct_at):
            self._correct_at = float("inf")
            due = self._store_slots.ends.due()
            self._queue.end_idle(due, now)
            self._next_scan = now + (self._scan_seconds if len(due) < MAX_DUE else _POLL_SECONDS)

    def _end_sessions(self) -> None:
        now, sessions = time.monotonic(), self._store_slots.sessions
        for session_id, end in self._queue.due_ends(now).items():
            patiently = (
                end.reason != IDLE
                and end.tries < self._settings.linger_seconds / GRACE_SECONDS
                and not self._queue.in_haste
            )
            is_done = self._store_slots.ends.end(
                session_id,
                end.reason,
                lambda record: self._queue.add([record]),
                patiently=patiently,
            )
            self._wake()
            # in haste nothing is tried again but what the store has lost
            gives_up = self._queue.in_haste and not sessions.evicted
            self._queue.tried(session_id, end, now, is_done=is_done or gives_up)
