"""Slots are decoded; what cannot be read is left out, counted and named."""

from __future__ import annotations

from collections import Counter

from otel_session_agg import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.encoding import encode, encode_recorded
from otel_session_agg._sharing.keys import EVICTED, RECORD
from otel_session_agg._sharing.parts import Recorded
from otel_session_agg._sharing.slot_reader import SlotReader
from otel_session_agg.stores import MemoryStore
from otel_session_agg.stores.base import LeftOut, Stored

_ONE = SessionTotals(Rollup(num_events=1))


class _Store(MemoryStore):
    """A store that leaves out entries itself."""

    def __init__(self) -> None:
        super().__init__()
        self.left_out = LeftOut()


class TestSlotReader:
    """What is below one key."""

    def test_totals(self) -> None:
        """The totals of all writers but those of slots that have none."""
        slots = {"a": encode(_ONE), "b": b"?", RECORD: encode_recorded(Recorded(1, 2)), EVICTED: b"?"}
        counts: Counter[str] = Counter()
        reader = SlotReader(MemoryStore(), counts)
        assert {"a": _ONE} == reader.totals("s:x", Stored(1, slots))
        assert (Counter(malformed=1), ["s:x: b"]) == (counts, reader.left_out())

    def test_recorded(self) -> None:
        """What the last record was made from, if there is one that can be read."""
        reader = SlotReader(MemoryStore(), Counter())
        found = [
            reader.recorded("s:x", Stored(1, slots))
            for slots in ({RECORD: encode_recorded(Recorded(1, 2))}, {RECORD: b"?"}, {"a": encode(_ONE)})
        ]
        assert [Recorded(1, 2), None, None] == found
        assert ["s:x: record"] == reader.left_out()

    def test_of_the_store(self) -> None:
        """What the store has left out itself is counted and named with the rest, once."""
        store, counts = _Store(), Counter[str]()
        reader = SlotReader(store, counts)
        store.left_out.note("s:x: y")
        reader.leave_out("s:x", "z")
        assert (["s:x: z", "s:x: y"], []) == (reader.left_out(), reader.left_out())
        assert Counter(malformed=2) == counts
