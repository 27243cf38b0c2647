"""The thread that talks to a shared store, so that no other thread has to wait for it.

How it works
------------
Other threads put writes and reads into the queue and go on; they take the results with ``take``.
The thread works in turns: first the writes, the newest value of each slot only; then the reads;
then sessions that are to end.

* While the store cannot be reached, reads of parts result at once in "not reached", and writes
  are kept, up to ``max_sessions`` and a few thousand traces; beyond that the oldest are lost and
  counted.
* When it comes back, or has lost what it had, everything that this process wrote lately is
  written again: a slot holds all that its writer has, so repeating changes nothing.
* A session record is made under a claim and then settled at the version it was made from, so one
  process makes it; only if that one dies in between another makes the same again, with the same
  ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from otel_session_agg._guard import Guard
from otel_session_agg._reasons import IDLE
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.keys import SESSION
from otel_session_agg._sharing.parts import RemoteParts, TraceParts
from otel_session_agg._sharing.remote_totals import GRACE_SECONDS
from otel_session_agg._sharing.session_ends import MAX_DUE
from otel_session_agg._sharing.slots import StoreSlots
from otel_session_agg._sharing.store_log import StoreLog
from otel_session_agg._sharing.store_queue import Received, StoreQueue
from otel_session_agg._sharing.write_buffer import End
from otel_session_agg.stores.base import SessionStore

_POLL_SECONDS = 0.04
"""Between two looks at parts that are open, and at sessions with a budget."""

_BATCH = 256
"""Slots or keys in one call to the store: a few milliseconds."""

_MAX_TRACES = 8192
"""Slots of traces that are kept, beside one for each session."""

_BACK_OFF_SECONDS = (0.1, 5.0)
"""First and longest wait before a store that failed is tried again."""

_MAX_TRIES = 60
"""Turns in which another process has the claim on a session, before it is left to that one."""


class StoreWorker(StoreQueue):
    """Does what is in the queue; ``wake`` is called when there are results to take."""

    def __init__(
        self,
        store: SessionStore,
        process: str,
        settings: Settings,
        guard: Guard,
        wake: Callable[[], object],
    ) -> None:
        super().__init__(settings.max_sessions + _MAX_TRACES, guard)
        self._settings = settings
        self._wake_taker = wake
        self._store_slots = StoreSlots(store, settings, process, self.counts, time.time_ns)
        self._log = StoreLog(guard)
        self._store = store
        # only the thread uses these
        self._seen: dict[str, int] = {}
        self._seen_accounts: dict[str, int] = {}
        self._scan_seconds = min(15.0, max(_POLL_SECONDS, settings.session_idle_seconds / 8))
        self._next_scan = self._next_watch = 0.0
        self._correct_at = float("inf")
        self._back_off = _BACK_OFF_SECONDS[0]

    def pause(self) -> float:
        """Return how long there is nothing to do, seconds; the lock is held."""
        now = time.monotonic()
        if self.is_down or now < self._retry_at:
            return 0.0 if self._asks else self._retry_at - now
        if self._write_buffer or self._hurry:
            return 0.0
        times = [
            self._next_scan,
            self._fetches.next(),
            self._correct_at,
            *(ask.when(self.grace_seconds) for ask in self._asks.values()),
            *(end.when for end in self._ends.values()),
        ]
        if self._watched or self._accounts:
            times.append(self._next_watch)
        return min(times) - now

    def turn(self) -> None:
        """Do what there is to do with the store."""
        if time.monotonic() >= self._retry_at:
            failed = self._guard.part("store", self._work) is None
            self.is_down = failed
            self.counts["errors"] += failed
            self._retry_at = time.monotonic() + self._back_off if failed else 0.0
            self._back_off = (
                min(2 * self._back_off, _BACK_OFF_SECONDS[1]) if failed else _BACK_OFF_SECONDS[0]
            )
        if self.is_down:
            self._refuse()
        self._log.left_out(self._store_slots.sessions.reader.left_out())
        with self._changed:
            if self._hurry and (
                self.is_down or not (self._write_buffer or self._asks or self._ends)
            ):
                self._end_flushes()

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _refuse(self) -> None:
        with self._changed:
            asks, self._asks = self._asks, {}
        self._fetches.refuse()
        self._add_results(
            TraceParts(trace_id, RemoteParts((), is_reached=False)) for trace_id in asks
        )

    def _work(self) -> bool:
        began = time.monotonic()
        self._write()
        # what other processes write may be as long on its way
        self.took(time.monotonic() - began)
        if (gone := self._store_slots.sessions.take_gone()) is not None:
            self._log.lost(gone.keys)
            self._seen, self._seen_accounts = {}, {}
            with self._changed:
                self.counts["lost"] += self._write_buffer.write_again(gone)
            self._write()
        self._look_at_traces()
        self._look_at_sessions()
        self._end_sessions()
        ends = self._store_slots.ends
        if ends.is_late:
            ends.is_late = False
            self._correct_at = time.monotonic() + ends.soon_seconds + _POLL_SECONDS
        return True

    def _add_results(self, results: Iterable[Received]) -> None:
        new = list(results)
        if new:
            with self._changed:
                self._results += new
            self._wake_taker()

    def _write(self) -> None:
        while self._write_buffer:
            with self._changed:
                batch = self._write_buffer.first(_BATCH)
            self._store_slots.write(batch)
            with self._changed:
                self._write_buffer.set_written(batch)
            self.counts["written"] += len(batch)

    def _look_at_traces(self) -> None:
        now = time.monotonic()
        with self._changed:
            due = [
                trace_id
                for trace_id, ask in self._asks.items()
                if self._hurry or ask.when(self.grace_seconds) <= now
            ]
        for at in range(0, len(due), _BATCH):
            self._add_results(self._parts(due[at : at + _BATCH], now))
        for slot_write in self._store_slots.traces.reassignments():
            self.put(slot_write)

    def _parts(self, trace_ids: list[int], now: float) -> list[TraceParts]:
        """Return the parts of traces that are complete; look at the other traces again."""
        results: list[TraceParts] = []
        found = self._store_slots.traces.parts(trace_ids)
        with self._changed:
            for trace_id, remote_parts in zip(trace_ids, found, strict=True):
                ask = self._asks.pop(trace_id, None)
                if (
                    ask is not None
                    and any(part.is_open for _, part in remote_parts.parts)
                    and now < ask.until
                    and not self._hurry
                ):
                    self._asks[trace_id] = ask._replace(again=now + _POLL_SECONDS)
                elif ask is not None:
                    results.append(TraceParts(trace_id, remote_parts))
        return results

    def _look_at_sessions(self) -> None:
        now = time.monotonic()
        sessions = self._store_slots.sessions
        self._fetches.look(sessions, self._add_results, now)
        watched, accounts = self._watched, self._accounts
        if (watched or accounts) and now >= self._next_watch:
            self._add_results(sessions.remote_totals(watched, self._seen))
            self._add_results(sessions.spent(accounts, self._seen_accounts))
            self._next_watch = now + _POLL_SECONDS
        if now >= min(self._next_scan, self._correct_at):
            self._correct_at = float("inf")
            due = self._store_slots.ends.due()
            with self._changed:
                for session_id in due:
                    self._ends.setdefault(session_id, End(IDLE, now))
            self._next_scan = now + (self._scan_seconds if len(due) < MAX_DUE else _POLL_SECONDS)

    def _end_sessions(self) -> None:
        now = time.monotonic()
        with self._changed:
            unwritten = self._write_buffer.keys() if self._ends else ()
            due = {name: end for name, end in self._ends.items() if self._hurry or end.when <= now}
            due = {name: end for name, end in due.items() if SESSION + name not in unwritten}
        for session_id, end in due.items():
            patiently = (
                end.reason != IDLE
                and end.tries < self._settings.linger_seconds / GRACE_SECONDS
                and not self._hurry
            )
            done = self._store_slots.ends.end(
                session_id,
                end.reason,
                lambda record: self._add_results([record]),
                patiently=patiently,
            )
            with self._changed:
                if self._ends.get(session_id) is not end:
                    continue  # asked for again meanwhile
                if (
                    done
                    or end.tries >= _MAX_TRIES
                    or (self._hurry and not self._store_slots.sessions.evicted)
                ):
                    del self._ends[session_id]
                else:
                    self._ends[session_id] = end._replace(
                        when=now + GRACE_SECONDS, tries=end.tries + 1
                    )
