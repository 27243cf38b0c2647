"""Write slots of all kinds to a shared store, in an order that readers can rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby

from otel_session_agg._model.budget_scopes import ttl_seconds
from otel_session_agg._settings import Settings
from otel_session_agg._sharing.keys import ACCOUNT, OPEN, SESSION, TRACE, SlotWrite
from otel_session_agg._sharing.session_ends import SessionEnds
from otel_session_agg._sharing.session_slots import SessionSlots
from otel_session_agg._sharing.trace_slots import TraceSlots
from otel_session_agg.stores.base import SessionStore, Slot

_OPEN_TTL_SECONDS = 900.0
"""Longer than any thread waits for something that is open."""


class StoreSlots:
    """All that this process writes to and reads from a store; any call may raise its errors.

    Args:
        store: The store.
        settings: The settings.
        process: The name of this process in the store.
        counts: Where ``malformed`` slots, which are skipped, are counted.
        wall_ns: Nanoseconds since the Unix epoch.

    """

    def __init__(
        self,
        store: SessionStore,
        settings: Settings,
        process: str,
        counts: Counter[str],
        wall_ns: Callable[[], int],
    ) -> None:
        self._store = store
        self.sessions = SessionSlots(store, counts)
        self.traces = TraceSlots(store, self.sessions.reader)
        self.ends = SessionEnds(store, self.sessions, settings, process, wall_ns)

    def write(self, slot_writes: Iterable[SlotWrite]) -> None:
        """Write slots."""
        rows = list(slot_writes)
        traces = [row for row in rows if row.slot.key.startswith(TRACE)]
        if traces:
            self.traces.write(traces)
        sessions = [row.slot for row in rows if row.slot.key.startswith(SESSION)]
        if sessions:
            self.ends.write(sessions)
        accounts = [row.slot for row in rows if row.slot.key.startswith(ACCOUNT)]
        for seconds, slots in groupby(sorted(accounts, key=_ttl_seconds), _ttl_seconds):
            self._store.put(list(slots), ttl_seconds=seconds)
        blocks = [row.slot for row in rows if row.slot.key.startswith(OPEN)]
        if blocks:  # last: a reader that sees that nothing is open any more finds the totals
            self._store.put(blocks, ttl_seconds=_OPEN_TTL_SECONDS)


def _ttl_seconds(slot: Slot) -> float:
    """Return how long an account is kept."""
    return ttl_seconds(slot.key.removeprefix(ACCOUNT))
