"""A store in this process: for an application that is one process, and for tests."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

from otel_session_agg.stores.base import Slot, Stored

__all__ = ["MemoryStore"]

DEFAULT_MAX_KEYS = 100_000
"""Keys that are kept: at about a kilobyte each some 100 MB.

More than one process ever has open, less than hurts it.
"""


@dataclass(slots=True)
class _Entry:
    """What is kept below a key."""

    version: int = 0
    slots: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """``seq`` and value by writer."""
    settled: bool = False
    expires_seconds: float = 0.0
    due_seconds: float | None = None

    def replace(self, slot: Slot) -> bool:
        """Take a slot if it is newer; return whether it was."""
        known = self.slots.get(slot.writer)
        new = known is None or slot.seq > known[0]
        if new:
            self.slots[slot.writer] = (slot.seq, slot.value)
        return new


class MemoryStore:
    """A :class:`SessionStore` in the memory of one process.

    A forked child starts empty: what was put before belongs to the parent, which goes on with it.

    Args:
        max_keys: How many keys (and claims) are kept; of more than that, those put the longest
            ago are dropped.
        clock: Seconds that never go back.

    """

    def __init__(
        self, *, max_keys: int = DEFAULT_MAX_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_keys = max_keys
        self._clock = clock
        self.dropped_keys = 0
        """Keys that were dropped before their time because there were more than ``max_keys``."""
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        """By key, in the order of their last puts."""
        self._claims: dict[str, tuple[str, float]] = {}
        """Owner and end by key."""
        self._versions = 0
        """The last version given to any key.

        So a key that comes back never has a version again that it had before.
        """

    def _guarded(self) -> threading.Lock:
        if self._pid != os.getpid():
            self._reset()  # the lock too: a thread that held it is not here
        return self._lock

    def put(
        self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None
    ) -> list[bool]:
        """See :meth:`SessionStore.put`."""
        with self._guarded():
            now = self._clock()
            settled = {
                key: self._touch(key, now, ttl_seconds).settled
                for key in dict.fromkeys(slot.key for slot in slots)
            }
            for slot in slots:
                entry = self._entries[slot.key]
                if entry.replace(slot):
                    entry.version = self._next_version()
                    entry.settled = False
                if due_seconds is not None:
                    entry.due_seconds = now + due_seconds
            self._bound(now)
            return [settled[slot.key] for slot in slots]

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """See :meth:`SessionStore.get`."""
        with self._guarded():
            now = self._clock()
            entries = [self._live(key, now) or _Entry() for key in keys]
            return [
                Stored(entry.version, {writer: value for writer, (_, value) in entry.slots.items()})
                for entry in entries
            ]

    def keys(self, prefix: str = "") -> Iterator[str]:
        """See :meth:`SessionStore.keys`."""
        with self._guarded():
            now = self._clock()
            return iter(
                [key for key in self._entries if key.startswith(prefix) and self._live(key, now)]
            )

    def due(self, limit: int) -> list[str]:
        """See :meth:`SessionStore.due`."""
        with self._guarded():
            now = self._clock()
            self._entries = {
                key: entry for key, entry in self._entries.items() if now < entry.expires_seconds
            }
            waiting = (
                (entry.due_seconds, number, key)
                for number, (key, entry) in enumerate(self._entries.items())
                if entry.due_seconds is not None and entry.due_seconds <= now
            )
            return [key for _, _, key in nsmallest(limit, waiting)]

    def postpone(self, keys: Sequence[str], due_seconds: float) -> None:
        """See :meth:`SessionStore.postpone`."""
        with self._guarded():
            now = self._clock()
            for key in keys:
                entry = self._live(key, now)
                if entry is not None:
                    entry.due_seconds = now + due_seconds

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """See :meth:`SessionStore.settle`."""
        with self._guarded():
            now = self._clock()
            entry = self._touch(slot.key, now, ttl_seconds)
            settled = entry.version == version
            if settled:
                entry.settled, entry.due_seconds = True, None
            entry.replace(slot)
            entry.version = entry.version or self._next_version()
            self._bound(now)
            return settled

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """See :meth:`SessionStore.claim`."""
        with self._guarded():
            now = self._clock()
            holder, until = self._claims.pop(key, (owner, now))
            free = holder == owner or until <= now
            self._claims[key] = (owner, now + seconds) if free else (holder, until)
            if len(self._claims) > self._max_keys:
                del self._claims[next(iter(self._claims))]
            return free

    def unclaim(self, key: str, owner: str) -> None:
        """See :meth:`SessionStore.unclaim`."""
        with self._guarded():
            if self._claims.get(key, ("", 0.0))[0] == owner:
                del self._claims[key]

    def lost_sight(self) -> bool:
        """Return ``False``: nothing is lost that is in this process."""
        return False

    def close(self) -> None:
        """Do nothing: there is nothing to close, and everything stays."""

    def _live(self, key: str, now: float) -> _Entry | None:
        entry = self._entries.get(key)
        return entry if entry is not None and now < entry.expires_seconds else None

    def _touch(self, key: str, now: float, ttl_seconds: float) -> _Entry:
        """Make a key the one put last, and let it live; return what is kept below it."""
        entry = self._live(key, now) or _Entry()
        entry.expires_seconds = max(entry.expires_seconds, now + ttl_seconds)
        self._entries.pop(key, None)
        self._entries[key] = entry
        return entry

    def _next_version(self) -> int:
        self._versions += 1
        return self._versions

    def _bound(self, now: float) -> None:
        """Drop the oldest keys as far as they have expired or are too many.

        ``due`` drops all that have expired.
        """
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if now < entry.expires_seconds:
                if len(self._entries) <= self._max_keys:
                    return
                self.dropped_keys += 1
            del self._entries[key]
