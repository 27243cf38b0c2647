"""What waits for a store: reads of parts, sessions to end, and slots to write.

Slots that were written lately are kept, too: a store may lose them, and then they are written
again.  Of each slot only the last value is kept, and of both kinds at most ``max_slots``.  The
caller holds a lock around all calls.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from otel_session_agg._sharing.keys import OPEN, SlotWrite
from otel_session_agg._sharing.session_slots import Gone

_Name = tuple[str, str]
_ALL = Gone(None, [])


class Ask(NamedTuple):
    """A root that waits for its parts in other processes; times are monotonic seconds."""

    since: float
    until: float
    again: float = 0.0
    """When to look again; 0 before the first look."""

    def when(self, grace_seconds: float) -> float:
        """Return when to look, if other processes get so long to write."""
        return self.again or min(self.since + grace_seconds, self.until)


class End(NamedTuple):
    """A session that is to end."""

    reason: str
    when: float
    """When to try, monotonic seconds."""
    tries: int = 0


class WriteBuffer:
    """The slots that one processor writes, by key and writer."""

    def __init__(self, max_slots: int) -> None:
        self._max_slots = max_slots
        self._pending: OrderedDict[_Name, SlotWrite] = OrderedDict()
        self._written: OrderedDict[_Name, SlotWrite] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending)

    def keys(self) -> set[str]:
        """Return the keys of which something is not written yet."""
        return {key for key, _ in self._pending}

    def put(self, slot_write: SlotWrite) -> int:
        """Add a slot to be written; return how many are lost for that.

        A slot with a newer value keeps its place.  One with the number of entered blocks goes to
        the end: what happened in the blocks has to be written before.
        """
        name = _name(slot_write)
        if slot_write.slot.key.startswith(OPEN):
            self._pending.pop(name, None)
        self._pending[name] = slot_write
        return _shrink(self._pending, self._max_slots)

    def first(self, number: int) -> list[SlotWrite]:
        """Return those that wait the longest; they stay until `set_written` is called."""
        return list(islice(self._pending.values(), number))

    def set_written(self, slot_writes: Iterable[SlotWrite]) -> None:
        """Move slots that were written from those that wait to those that were written lately."""
        for slot_write in slot_writes:
            name = _name(slot_write)
            if self._pending.get(name) is slot_write:  # else there is a newer value meanwhile
                del self._pending[name]
            self._written.pop(name, None)
            self._written[name] = slot_write
        _shrink(self._written, self._max_slots)

    def write_again(self, gone: Gone = _ALL) -> int:
        """Write again what a store may have lost; return how many slots are lost for that."""
        written = {
            name: slot_write
            for name, slot_write in self._written.items()
            if gone.keys is None or name[0] in gone.keys
        }
        known = {
            **written,
            **self._pending,
            **{(slot.key, slot.writer): SlotWrite(slot) for slot in gone.notices},
        }
        self._pending = OrderedDict(
            sorted(known.items(), key=lambda row: row[0][0].startswith(OPEN))
        )
        return _shrink(self._pending, self._max_slots)


def _name(slot_write: SlotWrite) -> _Name:
    return slot_write.slot.key, slot_write.slot.writer


def _shrink(slot_writes: OrderedDict[_Name, SlotWrite], max_slots: int) -> int:
    """Drop those that are there the longest; return how many."""
    too_many = max(0, len(slot_writes) - max_slots)
    for _ in range(too_many):
        slot_writes.popitem(last=False)
    return too_many
