"""What is written to a store that others share and what is read from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import Rollup, SessionRecord, Settings
from otel_session_agg._model.session_totals import Member, SessionTotals
from otel_session_agg._sharing.decoding import decode
from otel_session_agg._sharing.encoding import encode_part, encode_recorded
from otel_session_agg._sharing.keys import RECORD, ROOT, SlotWrite, inclusion, reassignment, session_slot, trace_key
from otel_session_agg._sharing.parts import Part
from otel_session_agg._sharing.parts import Recorded as Told
from otel_session_agg._sharing.session_ends import MAX_DUE
from otel_session_agg._sharing.slots import StoreSlots
from otel_session_agg.stores import MemoryStore, Slot, SqliteStore
from otel_session_agg.testing import FakeClock

TRACE = 7
TRACE_ID = f"{TRACE:032x}"
A, B = f"{0xA:016x}", f"{0xB:016x}"
IDLE, LINGER = 100.0, 5.0
ONE = SessionTotals(Rollup(num_events=1))


class Office:
    """Desks of several processes at one store."""

    def __init__(self, store: Any = None) -> None:
        self.clock = FakeClock(50.0)
        self.store: Any = store or MemoryStore(clock=self.clock)
        self.counts: Counter[str] = Counter()
        self.records: list[SessionRecord] = []
        self.one, self.two = self.store_slots("one"), self.store_slots("two")

    def store_slots(self, owner: str) -> StoreSlots:
        """The desk of another process."""
        settings = Settings(session_idle_seconds=IDLE, linger_seconds=LINGER)
        return StoreSlots(self.store, settings, owner, self.counts, self.at_ns)

    def at_ns(self, seconds: float = 0.0) -> int:
        """The time so many seconds from now."""
        return int((1000 + self.clock() + seconds) * 1e9)

    def end(self, session_id: str = "s", store_slots: StoreSlots | None = None, **more: Any) -> bool:
        """End a session."""
        return (store_slots or self.one).ends.end(session_id, "end_session", self.records.append, **more)

    def scan(self, *all_store_slots: StoreSlots) -> None:
        """All look for sessions in which nothing happens any more."""
        for store_slots in all_store_slots or (self.one, self.two):
            for session_id in store_slots.ends.due():
                assert store_slots.ends.end(session_id, "idle", self.records.append)

    def part(self, writer: str, seq: int = 1, *, began: float = 0.0, store_slots: StoreSlots | None = None) -> None:
        """A process has one event, in a root that began so many seconds from now by its clock."""
        totals = replace(ONE, last_began_ns=self.at_ns(began))
        (store_slots or self.two).write([SlotWrite(session_slot("s", writer, seq, totals))])

    def told(self) -> list[tuple[int, int, str]]:
        """Revisions that were told, their events and why."""
        return [(record.revision, record.rollup.num_events, record.end_reason) for record in self.records]

    def revisions(self) -> list[tuple[int, int]]:
        """Revisions that were told, and their events."""
        return [(record.revision, record.rollup.num_events) for record in self.records]

    def slots(self, key: str) -> dict[str, bytes]:
        """What stands below a key."""
        slots: dict[str, bytes] = self.store.get([key])[0].slots
        return slots

    def totals(self, session_id: str) -> SessionTotals:
        """What readers find of a session."""
        values = [decode(value) for writer, value in self.slots(f"s:{session_id}").items() if writer != RECORD]
        return sum(values, SessionTotals())


def part(num_events: int = 1, seq: int = 2, session: str | None = None, *, is_open: bool = False) -> Part:
    """What a process says of its part of a trace."""
    rollups = {} if is_open else {session: Rollup(num_events=num_events, start_ns=3, end_ns=9)}
    return Part(rollups, is_open=is_open, root=False, session_id=session, seq=seq)


def part_write(writer: str, one: Part) -> SlotWrite:
    """A part on its way; who writes it looks for the root."""
    slot = Slot(trace_key(TRACE), writer, one.seq, encode_part(one))
    return SlotWrite(slot, part_of=TRACE if None in one.rollups else None)


def root_write(session_id: str | None, *included: tuple[str, int], seq: int = 1) -> SlotWrite:
    """The root of the trace on its way, with what it carries."""
    carried = tuple(inclusion(*row) for row in (*included, (ROOT, seq)))
    rollup = Rollup() if session_id is not None else Rollup(num_events=5, start_ns=1, end_ns=10)
    one = Part({None: rollup}, is_open=False, root=True, session_id=session_id, seq=seq, included=carried)
    return SlotWrite(Slot(trace_key(TRACE), ROOT, seq, encode_part(one)), part_of=TRACE)


class _EvictingStore(MemoryStore):
    """A store that loses keys and knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.evicted: dict[str, None] = {}

    def evict(self, key: str) -> None:
        """Lose a key."""
        del self._entries[key]
        self.evicted[key] = None


class TestParts:
    """Parts of a trace."""

    def test_all(self) -> None:
        """All of a trace but the root are read, those that are open too."""
        office = Office()
        office.one.write([part_write(A, part()), part_write(B, part(is_open=True)), root_write("s")])
        [answer, nothing] = office.two.traces.parts([TRACE, 8])
        assert {A: part(), B: part(is_open=True)} == dict(answer.parts)
        assert ((), True) == (nothing.parts, nothing.is_reached)

    def test_newest(self) -> None:
        """Of a part what was said last counts, whatever comes first."""
        office = Office()
        for seq in (2, 3, 1):
            office.one.write([part_write(A, part(seq, seq))])
        [answer] = office.one.traces.parts([TRACE])
        assert [(A, part(3, 3))] == list(answer.parts)

    @pytest.mark.parametrize(
        ("writer", "value"),
        [
            (A, b"garbage"),
            (A, b'{"v":2}'),
            (A, b""),
            ("zz", encode_part(part())),
            ("-00000000000000a", encode_part(part())),
            ("\u0661" * 16, encode_part(part())),
            ("a" * 40, encode_part(part())),
        ],
    )
    def test_malformed(self, writer: str, value: bytes) -> None:
        """What is no part, or is nobody's, is skipped and counted."""
        office = Office()
        office.store.put([Slot(trace_key(TRACE), writer, 1, value)], ttl_seconds=10)
        office.one.write([part_write(B, part()), root_write("s")])
        assert [(B, part())] == list(office.two.traces.parts([TRACE])[0].parts)
        assert [f"t:{TRACE_ID}:{B}"] == [slot_write.slot.writer for slot_write in office.one.traces.reassignments()]
        assert 2 == office.counts["malformed"]

    def test_malformed_root(self) -> None:
        """A root that cannot be read is none."""
        office = Office()
        office.one.write([part_write(A, part())])
        office.store.put([Slot(trace_key(TRACE), ROOT, 1, b"garbage")], ttl_seconds=10)
        assert [] == office.one.traces.reassignments()
        assert 1 == office.counts["malformed"]


class TestAdoption:
    """Parts that named no session."""

    def test_slot(self) -> None:
        """A part becomes a slot of the session that says what the part did."""
        slot = reassignment("s", TRACE, A, part())
        assert ("s:s", f"t:{TRACE_ID}:{A}", 2) == slot[:3]
        assert decode(slot.value) == SessionTotals(
            Rollup(num_events=1, start_ns=3, end_ns=9),
            traces=frozenset({TRACE}),
            members=(Member(3, TRACE, 0xA),),
            num_parts=1,
            part_ns=6,
        )

    def test_root_first(self) -> None:
        """A part that ends after the root finds it, and is in its session."""
        office = Office()
        office.one.write([root_write("s")])
        assert [] == office.one.traces.reassignments()
        office.two.write([part_write(A, part())])
        assert [SlotWrite(reassignment("s", TRACE, A, part()))] == office.two.traces.reassignments()

    def test_part_first(self) -> None:
        """A part that ends before the root is found by it."""
        office = Office()
        office.two.write([part_write(A, part())])
        assert [] == office.two.traces.reassignments()
        office.one.write([root_write("s")])
        assert [SlotWrite(reassignment("s", TRACE, A, part()))] == office.one.traces.reassignments()

    def test_both(self) -> None:
        """When both see each other, both write the same slot."""
        office = Office()
        office.one.write([root_write("s")])
        office.two.write([part_write(A, part())])
        [mine], [yours] = office.one.traces.reassignments(), office.two.traces.reassignments()
        assert mine == yours
        office.one.write([mine])
        office.two.write([yours])
        assert 1 == office.totals("s").rollup.num_events

    def test_carried(self) -> None:
        """A part that the root carries has found its session."""
        office = Office()
        office.two.write([part_write(A, part())])
        office.one.write([root_write("s", (A, 2))])
        assert ([], []) == (office.one.traces.reassignments(), office.two.traces.reassignments())

    def test_carried_and_changed(self) -> None:
        """When it changes after that, the session gets what it is now."""
        office = Office()
        office.two.write([part_write(A, part())])
        office.one.write([root_write("s", (A, 2)), SlotWrite(reassignment("s", TRACE, A, part()))])
        office.two.write([part_write(A, part(4, 3))])
        office.two.write(office.two.traces.reassignments())
        assert 4 == office.totals("s").rollup.num_events

    @pytest.mark.parametrize("other", [part(is_open=True), part(session="t")])
    def test_others(self, other: Part) -> None:
        """A part that is open, or that named a session, needs none."""
        office = Office()
        office.one.write([root_write("s"), part_write(A, other)])
        assert [] == office.one.traces.reassignments()

    def test_once(self) -> None:
        """Who has looked does not look again until there is something to look for."""
        office = Office()
        office.one.write([root_write("s"), part_write(A, part())])
        assert 1 == len(office.one.traces.reassignments())
        assert [] == office.one.traces.reassignments()

    def test_store_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """When the store fails meanwhile, the next look finds it."""
        office = Office()
        office.one.write([root_write("s"), part_write(A, part())])
        with monkeypatch.context() as patch:
            patch.setattr(office.store, "get", _refuse)
            with pytest.raises(ConnectionError):
                office.one.traces.reassignments()
        assert 1 == len(office.one.traces.reassignments())

    def test_many(self) -> None:
        """Any number of traces are looked at."""
        office = Office()
        for number in range(1, 600):
            for slot_write in (root_write("s"), part_write(A, part())):
                slot = slot_write.slot._replace(key=trace_key(number))
                office.one.write([slot_write._replace(slot=slot, part_of=number)])
        assert 599 == len({slot_write.slot.writer for slot_write in office.one.traces.reassignments()})


def _refuse(*_: object, **__: object) -> Any:
    message = "no answer"
    raise ConnectionError(message)


class TestBecomesSession:
    """A trace without a session, of which a part was missed."""

    def test_second_revision(self) -> None:
        """It becomes a session itself; what its root told was the first revision, so the record is the second."""
        office = Office()
        office.one.write([root_write(None)])
        assert [] == office.one.traces.reassignments()
        office.two.write([part_write(A, part())])
        office.two.write(office.two.traces.reassignments())
        assert [] == office.two.ends.due()
        office.clock.tick(LINGER)
        assert [TRACE_ID] == office.two.ends.due()
        assert office.end(TRACE_ID, office.two)
        assert [(2, 6)] == office.revisions()
        [record] = office.records
        assert (1, 9e-6) == (record.num_traces, record.average_trace_latency_ms)

    def test_with_all_parts(self) -> None:
        """The parts that the root carried are in it, too, once."""
        office = Office()
        office.two.write([part_write(A, part(2))])
        office.one.write([root_write(None, (A, 2))])
        assert ([], []) == (office.one.traces.reassignments(), office.two.traces.reassignments())
        office.two.write([part_write(B, part(4))])
        for store_slots in (office.two, office.one):
            store_slots.write(office.two.traces.reassignments())
        assert 11 == office.totals(TRACE_ID).rollup.num_events

    def test_nothing_missed(self) -> None:
        """A trace of which nothing was missed is no session."""
        office = Office()
        office.two.write([part_write(A, part())])
        office.one.write([root_write(None, (A, 2))])
        assert ([], []) == (office.one.traces.reassignments(), office.two.traces.reassignments())
        assert [] == list(office.store.keys("s:"))

    def test_twice(self) -> None:
        """Two processes that find it at once make one session, with one record."""
        office = Office()
        office.one.write([root_write(None)])
        office.one.write([part_write(A, part())])
        office.two.write([part_write(B, part())])
        for slot_writes, store_slots in (
            (office.one.traces.reassignments(), office.one),
            (office.two.traces.reassignments(), office.two),
        ):
            store_slots.write(slot_writes)
        for store_slots in (office.one, office.two):
            assert office.end(TRACE_ID, store_slots)
        assert [(2, 7)] == office.revisions()


class TestEnd:
    """Sessions that end."""

    def test_all_slots(self) -> None:
        """The record has what all processes have, and says why it was made."""
        office = Office()
        for store_slots, writer in ((office.one, "p.1"), (office.two, "q.1")):
            store_slots.write([SlotWrite(session_slot("s", writer, 1, ONE))])
        assert office.end()
        assert [(1, 2)] == office.revisions()
        assert ("s", "end_session") == (office.records[0].session_id, office.records[0].end_reason)

    def test_twice(self) -> None:
        """Ended by two one after the other, one record is made."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        assert office.end(store_slots=office.one)
        assert office.end(store_slots=office.two)
        assert [(1, 1)] == office.revisions()

    def test_at_once(self) -> None:
        """Ended by two at the same time, one record is made: the second has to wait for the first."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        other: list[bool] = []

        def tell(record: SessionRecord) -> None:
            office.records.append(record)
            other.append(office.end(store_slots=office.two))

        assert office.one.ends.end("s", "end_session", tell)
        assert [False] == other
        assert office.end(store_slots=office.two)
        assert [(1, 1)] == office.revisions()

    def test_comes_back(self) -> None:
        """Each time that something changed there is one more record, with all that happened."""
        office = Office()
        for seq in range(1, 4):
            office.one.write([SlotWrite(session_slot("s", "p.1", seq, SessionTotals(Rollup(num_events=seq))))])
            assert office.end(store_slots=office.two)
        assert [(1, 1), (2, 2), (3, 3)] == office.revisions()

    def test_nothing_there(self) -> None:
        """Of a session that nobody knows nothing is told."""
        office = Office()
        assert office.end()
        assert [] == office.records

    def test_changed_meanwhile(self) -> None:
        """What is written while the record is made is told soon after, with the next revision."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])

        def tell(record: SessionRecord) -> None:
            office.records.append(record)
            office.two.write([SlotWrite(session_slot("s", "q.1", 1, ONE))])

        assert office.one.ends.end("s", "end_session", tell)
        assert [] == office.one.ends.due()
        office.clock.tick(LINGER)
        assert ["s"] == office.one.ends.due()
        assert office.end()
        assert [(1, 1), (2, 2)] == office.revisions()

    def test_settling_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """When settling fails it is tried again, and told once."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        with monkeypatch.context() as patch:
            patch.setattr(office.store, "settle", _refuse)
            for _ in range(3):
                with pytest.raises(ConnectionError):
                    office.end()
        assert office.end()
        assert office.end(store_slots=office.two)
        assert [(1, 1)] == office.revisions()

    def test_settling_fails_after_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also when it was done, and only the answer was lost."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        settle = office.store.settle

        def done_but(slot: Slot, version: int, *, ttl_seconds: float) -> bool:
            settle(slot, version, ttl_seconds=ttl_seconds)
            return bool(_refuse())

        with monkeypatch.context() as patch:
            patch.setattr(office.store, "settle", done_but)
            with pytest.raises(ConnectionError):
                office.end()
        for store_slots in (office.one, office.two):
            assert office.end(store_slots=store_slots)
        assert [(1, 1)] == office.revisions()

    def test_fails_then_changes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What changed before the second try is told, too."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        with monkeypatch.context() as patch:
            patch.setattr(office.store, "settle", _refuse)
            with pytest.raises(ConnectionError):
                office.end()
        office.two.write([SlotWrite(session_slot("s", "q.1", 1, ONE))])
        assert office.end()
        assert 2 == office.revisions()[-1][1]

    def test_dies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """When the one that made a record dies before it could say so, another makes the same again."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        with monkeypatch.context() as patch:
            patch.setattr(office.store, "settle", _refuse)
            patch.setattr(office.store, "unclaim", lambda *_: None)
            with pytest.raises(ConnectionError):
                office.end()
        assert not office.end(store_slots=office.two)
        office.clock.tick(60)
        assert office.end(store_slots=office.two)
        first, second = office.records
        assert (first.trace_id, first.span_id) == (second.trace_id, second.span_id)

    def test_gives_claim_back(self) -> None:
        """A callback that fails leaves the session to others."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        with pytest.raises(ConnectionError):
            office.one.ends.end("s", "end_session", _refuse)
        assert office.end(store_slots=office.two)
        assert [(1, 1)] == office.revisions()

    def test_malformed(self) -> None:
        """Slots that cannot be read are left out and counted."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        office.store.put([Slot("s:s", name, 1, value) for name, value in (("x", b"{"), ("y", b'{"v":9}'))], ttl_seconds=100)
        assert office.end()
        assert ([(1, 1)], 2) == (office.revisions(), office.counts["malformed"])
        assert [("store_entry", True)] == [(record.partial_reason, record.is_partial) for record in office.records]
        assert ["s:s: x", "s:s: y"] == office.one.sessions.reader.left_out()
        assert [] == office.one.sessions.reader.left_out()

    def test_whole(self) -> None:
        """When all of it can be read, the record does not say that something is missing."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        assert office.end()
        assert [None] == [record.partial_reason for record in office.records]

    @pytest.mark.parametrize(("revision", "expected"), [(2**63 - 1, 2**63 - 1), (2**63, 1), (10**20, 1)])
    def test_record_beyond_stores(self, revision: int, expected: int, tmp_path: Path) -> None:
        """A last record with a number that no store can have is none, and none is counted on to there."""
        clock = FakeClock(50.0)
        with closing(SqliteStore(tmp_path / "sessions.db", clock=clock)) as store:
            office = Office(store)
            office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
            store.put([Slot("s:s", RECORD, 1, encode_recorded(Told(revision, 1)))], ttl_seconds=100)
            assert office.end()
            assert [(expected, 1)] == office.revisions()

    def test_strange_keys(self) -> None:
        """Keys that are due and no sessions do not keep sessions from being looked at."""
        office = Office()
        office.store.put([Slot(f"x:{n}", "w", 1, b"") for n in range(2 * MAX_DUE)], ttl_seconds=1e6, due_seconds=0)
        office.clock.tick(1)
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        office.clock.tick(IDLE)
        for _ in range(3):
            office.scan(office.one)
        assert [(1, 1)] == office.revisions()

    def test_malformed_record(self) -> None:
        """So is a record that cannot be read."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        office.store.put([Slot("s:s", RECORD, 1, b"garbage")], ttl_seconds=100)
        assert office.end()
        assert ([(1, 1)], 1) == (office.revisions(), office.counts["malformed"])


class TestPatiently:
    """Sessions that end as soon as nothing of them is open."""

    def test_waits(self) -> None:
        """While something is open it is not now; without patience the record says so."""
        office = Office()
        still_open = SessionTotals(Rollup(num_events=1), num_open=1)
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, still_open)), SlotWrite(session_slot("s", "q.1", 1, ONE))])
        assert not office.end(patiently=True)
        assert [] == office.records
        office.one.write([SlotWrite(session_slot("s", "p.1", 2, ONE))])
        assert office.end(patiently=True)
        assert [False] == [record.is_partial for record in office.records]

    def test_no_patience(self) -> None:
        """Without patience the record says that more is to come."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, SessionTotals(num_open=2)))])
        assert office.end()
        assert [True] == [record.is_partial for record in office.records]

    def test_others_may_go_on(self) -> None:
        """Who waits does not keep others from it."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, SessionTotals(num_open=2)))])
        assert not office.end(patiently=True)
        assert office.end(store_slots=office.two)


class TestDue:
    """Sessions in which nothing happens any more."""

    def test_idle(self) -> None:
        """A session is due when nobody wrote for so long, and no more when it has ended."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        office.clock.tick(IDLE - 1)
        office.two.write([SlotWrite(session_slot("s", "q.1", 1, ONE)), root_write("s")])
        office.clock.tick(IDLE - 1)
        assert [] == office.one.ends.due()
        office.clock.tick(1)
        assert ["s"] == office.one.ends.due()
        office.end()
        assert [] == office.one.ends.due()

    def test_late(self) -> None:
        """What comes late after the end is told a moment later; what comes late before waits with the rest."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        office.clock.tick(LINGER)
        assert [] == office.one.ends.due()
        office.end()
        office.two.write([SlotWrite(session_slot("s", "p.1", 2, ONE))])
        office.clock.tick(LINGER)
        assert ["s"] == office.two.ends.due()

    def test_late_and_later(self) -> None:
        """Late spans that follow each other do not put the record off until the session is idle."""
        office = Office()
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        office.end()
        for seq in (2, 3):
            office.one.write([SlotWrite(session_slot("s", "p.1", seq, ONE))])
        office.clock.tick(LINGER)
        assert ["s"] == office.one.ends.due()


class Crowded(MemoryStore):
    """A store to which somebody else writes just before a session is settled."""

    meanwhile: Callable[[], None] | None = None

    def settle(self, slot: Slot, version: int, *, ttl_seconds: float) -> bool:
        """The other one is first."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().settle(slot, version, ttl_seconds=ttl_seconds)


class TestAfterTheEnd:
    """What is written to a session that has ended."""

    @pytest.mark.parametrize("began", [-50.0, -1.0, 0.0, 4.0])
    def test_began_before(self, began: float) -> None:
        """What began before the end, or nearly so by clocks that differ, corrects the record a moment later, once."""
        office = Office()
        office.part("p.1", began=-60)
        office.end()
        office.part("q.1", began=began)
        office.clock.tick(LINGER - 1)
        office.scan()
        assert [(1, 1, "end_session")] == office.told()
        office.clock.tick(1)
        office.scan()
        office.clock.tick(10 * IDLE)
        office.scan()
        assert [(1, 1, "end_session"), (2, 2, "end_session")] == office.told()

    def test_began_after(self) -> None:
        """What began after the end opens the session again: it ends when it is idle."""
        office = Office()
        office.part("p.1", began=-60)
        office.end()
        office.clock.tick(20)
        office.part("q.1")
        office.clock.tick(IDLE - 1)
        office.scan()
        assert [(1, 1, "end_session")] == office.told()
        office.clock.tick(1)
        office.scan()
        assert [(1, 1, "end_session"), (2, 2, "idle")] == office.told()

    def test_several(self) -> None:
        """When several have something late, each of them sees that the session has ended."""
        office = Office()
        office.part("p.1", began=-60)
        office.end()
        for number in range(3):
            office.clock.tick(1)
            office.part(f"q.{number}", began=-30, store_slots=office.store_slots(f"q{number}"))
        office.clock.tick(LINGER)
        office.scan()
        assert [(1, 1, "end_session"), (2, 4, "end_session")] == office.told()

    def test_again(self) -> None:
        """Corrected once, it may be corrected again, and may come back; each time the reason is that of the last end."""
        office = Office()
        office.part("p.1", began=-60)
        office.end()
        for number in range(2):
            office.part(f"q.{number}", began=-30)
            office.clock.tick(LINGER)
            office.scan()
        office.clock.tick(10)
        office.part("q.7")
        office.clock.tick(IDLE)
        office.scan()
        office.part("q.8", began=-IDLE)
        office.clock.tick(LINGER)
        office.scan()
        reasons = ["end_session", "end_session", "end_session", "idle", "idle"]
        assert [(number, number, reason) for number, reason in enumerate(reasons, 1)] == office.told()

    def test_while_open(self) -> None:
        """A part that is still open says so in the correction; its end is corrected, too."""
        office = Office()
        office.part("p.1", began=-60)
        office.end()
        still_open = replace(ONE, num_open=1, last_began_ns=office.at_ns(-30))
        office.two.write([SlotWrite(session_slot("s", "q.1", 1, still_open))])
        office.clock.tick(LINGER)
        office.scan()
        office.two.write([SlotWrite(session_slot("s", "q.1", 2, replace(still_open, num_open=0)))])
        office.clock.tick(LINGER)
        office.scan()
        assert [(1, False), (2, True), (3, False)] == [(record.revision, record.is_partial) for record in office.records]

    @pytest.mark.parametrize("ends", [True, False])
    def test_crowded(self, ends: bool) -> None:  # noqa: FBT001 -- of the table
        """Somebody who writes while a session is settled, at its end or later, is not forgotten, nor is who comes after."""
        store = Crowded()
        office = Office(store)
        store._clock = office.clock
        office.part("p.1", began=-60)
        if not ends:
            office.end()
        store.meanwhile = lambda: office.part("q.1", began=-30, store_slots=office.store_slots("q"))
        if ends:
            office.end()
        else:
            office.part("r.1", began=-30)
        office.clock.tick(1)
        office.part("t.1", began=-30)
        office.clock.tick(LINGER)
        office.scan()
        assert (1, 1, "end_session") == office.told()[0]
        assert [(2, 3 if ends else 4, "end_session")] == office.told()[1:]

    def test_older_record(self) -> None:
        """A record of a version that did not say when it ended is long ago."""
        office = Office()
        office.part("p.1", began=-40)
        [stored] = office.store.get(["s:s"])
        slot = Slot("s:s", RECORD, 1, b'{"v":1,"revision":1,"version":%d}' % stored.version)
        assert office.store.settle(slot, stored.version, ttl_seconds=1000)
        office.part("q.1", began=-40)
        office.clock.tick(IDLE)
        office.scan()
        assert [(2, 2, "idle")] == office.told()


class TestOthers:
    """What other processes have of a session."""

    def test_without_own(self) -> None:
        """All slots but the own and the record."""
        office = Office()
        slots = [session_slot("s", name, 1, ONE) for name in ("p.1", "q.1", "q.2")]
        office.one.write([*map(SlotWrite, slots), SlotWrite(Slot("s:s", RECORD, 1, encode_recorded(Told(1, 1))))])
        [others] = office.one.sessions.remote_totals({"s": "p.1"}, {})
        assert ("s", 2) == (others.session_id, others.totals.rollup.num_events)

    def test_only_news(self) -> None:
        """What was seen is not told again."""
        office = Office()
        seen: dict[str, int] = {}
        watched = {"s": "p.1", "t": "p.1"}
        assert ["s", "t"] == [others.session_id for others in office.one.sessions.remote_totals(watched, seen)]
        assert [] == list(office.one.sessions.remote_totals(watched, seen))
        office.two.write([SlotWrite(session_slot("t", "q.1", 1, ONE))])
        assert ["t"] == [others.session_id for others in office.one.sessions.remote_totals(watched, seen)]


class TestWrite:
    """Slots on their way to the store."""

    def test_repeated(self) -> None:
        """Written again, also in another order, nothing changes."""
        office = Office()
        slot_writes = [SlotWrite(session_slot("s", "p.1", seq, SessionTotals(Rollup(num_events=seq)))) for seq in (1, 2, 3)]
        orders: Sequence[Sequence[SlotWrite]] = (slot_writes, slot_writes[::-1], slot_writes[:1])
        for order in orders:
            office.one.write(order)
        assert 3 == office.totals("s").rollup.num_events

    def test_gone(self) -> None:
        """Whether something may be gone is the store's to say."""
        assert Office().one.sessions.take_gone() is None

    def test_evicted(self) -> None:
        """What is gone from a store is written again with a mark, and the record says that something may be missing."""
        office = Office(_EvictingStore())
        office.one.write([SlotWrite(session_slot("s", "p.1", 1, ONE))])
        office.store.evict("s:s")
        assert not office.end()
        gone = office.one.sessions.take_gone()
        assert gone is not None
        assert (frozenset({"s:s"}), ["s:s"]) == (gone.keys, [slot.key for slot in gone.notices])
        office.one.write([*map(SlotWrite, gone.notices), SlotWrite(session_slot("s", "p.1", 1, ONE))])
        assert office.one.sessions.take_gone() is None
        assert office.end()
        assert [(1, 1, "store_evicted")] == [(r.revision, r.rollup.num_events, r.partial_reason) for r in office.records]
