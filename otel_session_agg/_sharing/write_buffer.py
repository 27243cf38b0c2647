"""What waits for a store: questions, sessions that are to end, and slots that are to be written or were written lately.

Of each slot only what was said last is kept, and of both kinds at most ``max_slots``.  A store may lose what was written; then
all that is still known of it goes out again.  The caller holds a lock around all calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from otel_session_agg._sharing.session_slots import OPEN, Gone
from otel_session_agg._sharing.slots import SlotWrite

_Name = tuple[str, str]
_ALL = Gone(None, [])


class Ask(NamedTuple):
    """A root waits for its parts."""

    since: float
    until: float
    again: float = 0.0
    """When to look again; 0 before the first look."""

    def when(self, grace_seconds: float) -> float:
        """When to look, if others get so long to write."""
        return self.again or min(self.since + grace_seconds, self.until)


class End(NamedTuple):
    """A session is to end."""

    reason: str
    when: float
    tries: int = 0


class WriteBuffer:
    """What one process writes."""

    def __init__(self, max_slots: int) -> None:
        self._max_slots = max_slots
        self._pending: OrderedDict[_Name, SlotWrite] = OrderedDict()
        self._written: OrderedDict[_Name, SlotWrite] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending)

    def keys(self) -> set[str]:
        """Keys of which something is not written yet."""
        return {key for key, _ in self._pending}

    def put(self, slot_write: SlotWrite) -> int:
        """A slot is to be written; returns how many are lost for that.

        What is said anew keeps its place, but that something is open, or not any more, comes behind what was said before.
        """
        name = _name(slot_write)
        if slot_write.slot.key.startswith(OPEN):
            self._pending.pop(name, None)
        self._pending[name] = slot_write
        return _shrink(self._pending, self._max_slots)

    def first(self, number: int) -> list[SlotWrite]:
        """Those that wait the longest; they wait until they are ``written``."""
        return list(islice(self._pending.values(), number))

    def written(self, slot_writes: Iterable[SlotWrite]) -> None:
        """They were written."""
        for slot_write in slot_writes:
            name = _name(slot_write)
            if self._pending.get(name) is slot_write:  # else something newer was said meanwhile
                del self._pending[name]
            self._written.pop(name, None)
            self._written[name] = slot_write
        _shrink(self._written, self._max_slots)

    def again(self, gone: Gone = _ALL) -> int:
        """The store may have lost what was written; returns how many are lost for that."""
        written = {
            name: slot_write
            for name, slot_write in self._written.items()
            if gone.keys is None or name[0] in gone.keys
        }
        known = {
            **written,
            **self._pending,
            **{(slot.key, slot.writer): SlotWrite(slot) for slot in gone.marks},
        }
        self._pending = OrderedDict(
            sorted(known.items(), key=lambda row: row[0][0].startswith(OPEN))
        )
        return _shrink(self._pending, self._max_slots)


def _name(slot_write: SlotWrite) -> _Name:
    return slot_write.slot.key, slot_write.slot.writer


def _shrink(slot_writes: OrderedDict[_Name, SlotWrite], max_slots: int) -> int:
    """Drop those that are there the longest."""
    too_many = max(0, len(slot_writes) - max_slots)
    for _ in range(too_many):
        slot_writes.popitem(last=False)
    return too_many
