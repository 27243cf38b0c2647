"""The contract that all stores of sessions keep.

Rules
-----
* A *key* names a session, a trace, an account or what is open.  Below it is one *slot* per
  writer; a writer only ever replaces its own.
* Of two values of one slot the one with the higher ``seq`` stays, whatever the order they arrive
  in.  So delivering again, late or twice changes nothing, and no lock crosses a process.
* A reader of a key gets all of its slots and merges them itself: stores know nothing of what is
  in them.
* A key lives ``ttl_seconds`` after the last put, and no store keeps anything without an end.
* A key can be *due*: put again it is due later, settled it is due no more until it is put again.
* Time is the store's own (a server's, a machine's monotonic clock): the clocks of writers are
  never compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

__all__ = ["SessionStore", "Slot", "Stored"]


class Slot(NamedTuple):
    """The value of one writer below a key."""

    key: str
    writer: str
    seq: int
    """From 1 to 2**63 - 1; a higher one replaces a lower one."""
    value: bytes


class Stored(NamedTuple):
    """All slots below a key."""

    version: int
    """Grows when a put replaces slots below this key; 0 when there is nothing.

    A key that comes back after its end never has a version again that it had before.
    """
    slots: dict[str, bytes]
    """Values by writer."""
    malformed: int = 0
    """Entries below the key that this library cannot have written; not in ``slots``."""


_MAX_NAMES = 64
"""Names that are kept until they are taken; the number of entries is exact."""


class LeftOut:
    """Entries that a store has left out because they are malformed: their number, and names."""

    def __init__(self) -> None:
        self._number = 0
        self._names: dict[str, None] = {}

    def note(self, name: str) -> None:
        """Count an entry."""
        self._number += 1
        if len(self._names) < _MAX_NAMES:
            self._names[name] = None

    def take(self) -> tuple[int, list[str]]:
        """Return the number of entries since the last call, and names of some of them."""
        taken = self._number, list(self._names)
        self._number, self._names = 0, {}
        return taken


@runtime_checkable
class SessionStore(Protocol):
    """Where the processes of an application meet.

    Methods may raise any exception when the store cannot be reached; the caller keeps what it
    wanted to write and writes it again.  They are called by one thread at a time in each process.
    An entry that cannot be read or replaced is no reason to raise: it is left out, and noted in
    ``left_out`` if the store has such a :class:`LeftOut`.  A key that was put here and is gone
    before its time, evicted for example, is noted in ``evicted`` if the store has such a
    ``dict``, until it is taken from there.
    """

    def put(
        self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None
    ) -> list[bool]:
        """Replace slots.

        Args:
            slots: In any order, of any keys.
            ttl_seconds: How long the keys live from now on; never shortens the life of a key.
            due_seconds: When the keys are due, from now, also those where nothing is replaced;
                ``None`` leaves that as it is.

        Returns:
            For each slot whether its key was settled before this call; a key whose slot was
            replaced is not settled any more.

        """
        ...

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """Return the slots below each key, in the order of ``keys``."""
        ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Return all keys that begin with ``prefix``, in any order; each at most once."""
        ...

    def due(self, limit: int) -> list[str]:
        """Return at most ``limit`` keys that are due, those that are due the longest first."""
        ...

    def postpone(self, keys: Sequence[str], due_seconds: float) -> None:
        """Set when keys are due, from now.

        Keys that do not exist are left out of the next ``due``.
        """
        ...

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """Put a slot and, if no slot was replaced since ``version``, make the key due no more.

        Returns:
            Whether this settled the key.  Putting this slot does not count as a change; the key
            lives on as after a put.

        """
        ...

    def claim(self, key: str, owner: str, seconds: float) -> bool:
        """Take a key for so long; return ``False`` while another owner has it.

        The owner itself may claim again.
        """
        ...

    def unclaim(self, key: str, owner: str) -> None:
        """Give a claim back; nothing happens when another owner has it."""
        ...

    def lost_sight(self) -> bool:
        """Return whether the connection was made anew since the last call.

        Then what was put may be gone.
        """
        ...

    def close(self) -> None:
        """Close connections and files; the next call opens them again."""
        ...
