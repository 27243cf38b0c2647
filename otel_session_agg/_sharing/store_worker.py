"""The thread that talks to a shared store, so that no other thread has to wait for it.

Other threads put writes and reads into the queue (``store_queue.py``) and go on; they take the
results with ``take``.  The thread works in turns (``store_turns.py``).  Where no thread can be had,
the thread that flushes does the work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from otel_session_agg._guard import Guard
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.keys import SlotWrite
from otel_session_agg._sharing.remote_totals import Fetch, Fetches
from otel_session_agg._sharing.store_queue import Received, StoreQueue
from otel_session_agg._sharing.store_turns import StoreTurns
from otel_session_agg._threads.apart import apart
from otel_session_agg._threads.background import Background, Done, wait_for
from otel_session_agg.stores.base import SessionStore

_COLLECT_SECONDS = 0.01
"""How long the thread waits after waking, so that what comes together goes in one call."""

_MAX_TRACES = 8192
"""Slots of traces that are kept, beside one for each session."""


class StoreWorker:
    """The thread of one processor; any thread may call.

    ``wake`` is called when there are results to take.
    """

    def __init__(
        self,
        store: SessionStore,
        process: str,
        settings: Settings,
        guard: Guard,
        wake: Callable[[], object],
    ) -> None:
        self._guard = guard
        self.queue = StoreQueue(settings.max_sessions + _MAX_TRACES)
        self.counts = self.queue.counts
        self._fetches = Fetches()
        self.turns = StoreTurns(store, process, settings, guard, self.queue, self._fetches, wake)
        self._turning = threading.Lock()
        """Held while the store is called: without a thread, the one that flushes calls it."""
        self._wake = Done()
        self._stopped = False
        self._background = Background("otel-session-agg-store", self._run, guard)

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, if there is one."""
        return self._background.thread

    # -- calls from any thread -------------------------------------------------------------

    def put(self, slot_write: SlotWrite) -> None:
        """Write a slot as soon as possible."""
        self.queue.put(slot_write)
        self._begin()

    def ask(self, trace_id: int, until: float) -> None:
        """Read what other processes have of a trace.

        The result comes when all of it has ended, or at ``until``, monotonic seconds.
        """
        self.queue.ask(trace_id, until)
        self._begin()

    def end(self, session_id: str, reason: str) -> None:
        """End a session.

        Of too many that wait for the store, those that wait the longest end when they are idle.
        """
        self.queue.end(session_id, reason)
        self._begin()

    def watch(self, watched: dict[str, str], accounts: dict[str, str] | None = None) -> None:
        """Read again and again what other processes have of these sessions and accounts.

        With each its own writer.
        """
        self.queue.watched = watched, accounts or {}
        self._begin()

    def fetch(self, fetch: Fetch) -> None:
        """Wait until what other processes have of a session is among the results.

        What was put before is written first.
        """
        self._fetches.add(fetch, time.monotonic(), self.queue.grace_seconds)
        self._begin()
        if not self.turns.is_down:
            fetch.done.wait(max(0.0, fetch.until - time.monotonic()))
        self._fetches.remove(fetch)

    def take(self) -> list[Received]:
        """Take the results: records, totals and parts of other processes."""
        return self.queue.take()

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
        return is_done and not self.turns.is_down

    def _hurry_up(self, done: Done) -> bool:
        if not self._stopped:
            self.turns.retry_at = 0.0
            self.queue.begin_flush(done)
            self._begin()
        return not self._stopped

    def _give_up(self, done: Done) -> bool:
        self.queue.give_up_flush(done)
        return True

    def _run_here(self) -> None:
        """Do what there is to do on the calling thread."""
        with self._turning:
            while self.queue.in_haste and not self._stopped:
                self._guard.call("store thread", self.turns.turn)

    def abandon(self) -> None:
        """Let the thread end by itself, as its pipeline was garbage collected without a shutdown.

        Takes no lock, so it may be called at any point.
        """
        self._stopped = True

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._wake.set()

    def _begin(self) -> None:
        """Let the thread look what there is to do."""
        if not self._stopped:
            self._background.begin()
        self._wake.set()

    # -- the thread ------------------------------------------------------------------------

    def _run(self) -> bool:
        while not self._stopped:
            pause = self.turns.pause()
            in_haste = self.queue.in_haste or self._fetches.next() <= time.monotonic()
            if pause > 0:
                self._wake.wait(pause)
                self._wake = Done()
                continue
            due = time.monotonic()
            if not in_haste:
                due += _COLLECT_SECONDS
                time.sleep(_COLLECT_SECONDS)
            with self._turning:
                self._guard.call("store thread", self.turns.turn, due)
        self._guard.part("closing the store", self.turns.close)
        return True
