"""The queue of the thread that talks to a store, and that thread's start and stop.

Any thread may call.  Locks are plain ones, held for moments, and never while the store is read or
written.  Where no thread can be had, the thread that flushes does the work.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

from otel_session_agg._guard import Guard
from otel_session_agg._model.session_record import SessionRecord
from otel_session_agg._sharing.keys import SlotWrite
from otel_session_agg._sharing.parts import TraceParts
from otel_session_agg._sharing.remote_totals import GRACE_SECONDS, Fetch, Fetches
from otel_session_agg._sharing.session_slots import RemoteTotals, Spent
from otel_session_agg._sharing.write_buffer import Ask, End, WriteBuffer
from otel_session_agg._threads.apart import apart
from otel_session_agg._threads.background import Background, Done, wait_for

_COLLECT_SECONDS = 0.01
"""How long the thread waits after waking, so that what comes together goes in one call."""


Received = SessionRecord | RemoteTotals | Spent | TraceParts
"""What comes from a store."""

_MAX_GRACE_SECONDS = 2.0
_REMEMBERED_SECONDS = 60.0
"""How long it is remembered that writing was slow."""


class StoreQueue:
    """What one processor has to write to a store and to read from it; the base of `StoreWorker`."""

    def __init__(self, max_slots: int, guard: Guard) -> None:
        self._guard = guard
        self.counts: Counter[str] = Counter()
        """``written`` slots, ``errors`` of the store, ``malformed`` slots that were skipped.

        And slots and ends that were ``lost``.
        """
        self._changed = threading.Lock()
        """For the fields of the queue; never held while the store is called."""
        self._turning = threading.Lock()
        """Held while the store is called: without a thread, the one that flushes calls it."""
        self._wake = Done()
        self._max_slots = max_slots
        self._write_buffer = WriteBuffer(max_slots)
        self._asks: dict[int, Ask] = {}
        self._ends: dict[str, End] = {}
        self._watched: dict[str, str] = {}
        self._accounts: dict[str, str] = {}
        self._fetches = Fetches()
        self._results: list[Received] = []
        """What came from the store and was not taken yet."""
        self._hurry = False
        """Whether to do everything at once."""
        self._flushing: list[Done] = []
        """Set when everything is done, one for each call of `flush`."""
        self._stopped = False
        self._retry_at = 0.0
        """When a store that failed is tried again, monotonic seconds."""
        self._slowest = 0.0
        """How long the slowest write of late took."""
        self._slowest_until = 0.0
        """Until when that is remembered, monotonic seconds."""
        self.is_down = False
        """Whether the store could not be reached in the last turn."""
        self._background = Background("otel-session-agg-store", self._run, guard)

    def pause(self) -> float:
        """Return how long there is nothing to do, seconds; the lock is held."""
        raise NotImplementedError

    def turn(self) -> None:
        """Do what there is to do with the store."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the store."""
        raise NotImplementedError

    @property
    def grace_seconds(self) -> float:
        """How long other processes get to write what they have.

        Longer where that took long here (connecting, a busy machine).
        """
        slowest = self._slowest if time.monotonic() < self._slowest_until else 0.0
        # they may have begun later, and take longer
        return min(GRACE_SECONDS + 2 * slowest, _MAX_GRACE_SECONDS)

    def took(self, seconds: float) -> None:
        """Remember how long a write took."""
        now = time.monotonic()
        if seconds >= self._slowest or now >= self._slowest_until:
            self._slowest, self._slowest_until = seconds, now + _REMEMBERED_SECONDS

    # -- calls from any thread -------------------------------------------------------------

    def put(self, slot_write: SlotWrite) -> None:
        """Write a slot as soon as possible."""
        with self._changed:
            self.counts["lost"] += self._write_buffer.put(slot_write)
            self._begin()

    def ask(self, trace_id: int, until: float) -> None:
        """Read what other processes have of a trace.

        The result comes when all of it has ended, or at ``until``, monotonic seconds.
        """
        with self._changed:
            self._asks[trace_id] = Ask(time.monotonic(), until)
            self._begin()

    def end(self, session_id: str, reason: str) -> None:
        """End a session.

        Of too many that wait for the store, those that wait the longest end when they are idle.
        """
        with self._changed:
            if len(self._ends) >= self._max_slots:
                del self._ends[next(iter(self._ends))]
                self.counts["lost"] += 1
            self._ends[session_id] = End(reason, time.monotonic() + self.grace_seconds)
            self._begin()

    def watch(self, watched: dict[str, str], accounts: dict[str, str] | None = None) -> None:
        """Read again and again what other processes have of these sessions and accounts.

        With each its own writer.
        """
        with self._changed:
            self._watched, self._accounts = watched, accounts or {}
            self._begin()

    def fetch(self, fetch: Fetch) -> None:
        """Wait until what other processes have of a session is among the results.

        What was put before is written first.
        """
        self._fetches.add(fetch, time.monotonic(), self.grace_seconds)
        with self._changed:
            self._begin()
        if not self.is_down:
            fetch.done.wait(max(0.0, fetch.until - time.monotonic()))
        self._fetches.remove(fetch)

    def take(self) -> list[Received]:
        """Take the results: records, totals and parts of other processes."""
        if not self._results:
            return []
        with self._changed:
            results, self._results = self._results, []
        return results

    def flush(self, until: float) -> bool:
        """Do everything at once.

        Return ``False`` when the time was not enough or the store cannot be reached.
        """
        done = Done()
        if not apart.call(lambda: self._hurry_up(done)):
            return False
        is_done = wait_for(done, until, self._background, self._run_here)
        if not is_done:
            apart.call(lambda: self._give_up(done))
        return is_done and not self.is_down

    def _hurry_up(self, done: Done) -> bool:
        with self._changed:
            if not self._stopped:
                self._hurry = True
                self._retry_at = 0.0
                self._flushing.append(done)
                self._begin()
            return not self._stopped

    def _give_up(self, done: Done) -> bool:
        """Forget one flush, whose time is over; other threads may still wait."""
        with self._changed:
            self._flushing = [one for one in self._flushing if one is not done]
            self._hurry = bool(self._flushing)
        return True

    def _run_here(self) -> None:
        """Do what there is to do on the calling thread."""
        with self._turning:
            while self._hurry and not self._stopped:
                self._guard.call("store thread", self.turn)

    def abandon(self) -> None:
        """Let the thread end by itself, as its pipeline was garbage collected without a shutdown.

        Takes no lock, so it may be called at any point.
        """
        self._stopped = True

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        with self._changed:
            self._notify()

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, if there is one."""
        return self._background.thread

    def _begin(self) -> None:
        if not self._stopped:
            self._background.begin()
        self._notify()

    def _notify(self) -> None:
        """Wake the thread; the lock is held."""
        self._wake.set()

    def _end_flushes(self) -> None:
        """Let all threads that flush go on; the lock is held."""
        self._hurry = False
        while self._flushing:
            self._flushing.pop().set()

    # -- the thread ------------------------------------------------------------------------

    def _run(self) -> bool:
        while not self._stopped:
            with self._changed:
                pause = self.pause()
                in_haste = self._hurry or self._fetches.next() <= time.monotonic()
            if pause > 0:
                self._wake.wait(pause)
                self._wake = Done()
                continue
            if not in_haste:
                time.sleep(_COLLECT_SECONDS)
            with self._turning:
                self._guard.call("store thread", self.turn)
        self._guard.part("closing the store", self.close)
        return True
