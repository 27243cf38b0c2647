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
from otel_session_agg._sharing.slots import Errand

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


class Outbox:
    """What one process writes."""

    def __init__(self, max_slots: int) -> None:
        self._max_slots = max_slots
        self._pending: OrderedDict[_Name, Errand] = OrderedDict()
        self._written: OrderedDict[_Name, Errand] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pending)

    def keys(self) -> set[str]:
        """Keys of which something is not written yet."""
        return {key for key, _ in self._pending}

    def put(self, errand: Errand) -> int:
        """A slot is to be written; returns how many are lost for that.

        What is said anew keeps its place, but that something is open, or not any more, comes behind what was said before.
        """
        name = _name(errand)
        if errand.slot.key.startswith(OPEN):
            self._pending.pop(name, None)
        self._pending[name] = errand
        return _shrink(self._pending, self._max_slots)

    def first(self, number: int) -> list[Errand]:
        """Those that wait the longest; they wait until they are ``written``."""
        return list(islice(self._pending.values(), number))

    def written(self, errands: Iterable[Errand]) -> None:
        """They were written."""
        for errand in errands:
            name = _name(errand)
            if self._pending.get(name) is errand:  # else something newer was said meanwhile
                del self._pending[name]
            self._written.pop(name, None)
            self._written[name] = errand
        _shrink(self._written, self._max_slots)

    def again(self, gone: Gone = _ALL) -> int:
        """The store may have lost what was written; returns how many are lost for that."""
        written = {name: errand for name, errand in self._written.items() if gone.keys is None or name[0] in gone.keys}
        known = {**written, **self._pending, **{(slot.key, slot.writer): Errand(slot) for slot in gone.marks}}
        self._pending = OrderedDict(sorted(known.items(), key=lambda row: row[0][0].startswith(OPEN)))
        return _shrink(self._pending, self._max_slots)


def _name(errand: Errand) -> _Name:
    return errand.slot.key, errand.slot.writer


def _shrink(errands: OrderedDict[_Name, Errand], max_slots: int) -> int:
    """Drop those that are there the longest."""
    too_many = max(0, len(errands) - max_slots)
    for _ in range(too_many):
        errands.popitem(last=False)
    return too_many
