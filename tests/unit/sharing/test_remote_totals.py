"""Threads that wait for other processes: what they wait for, and how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from otel_session_agg import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.keys import open_slot, session_slot
from otel_session_agg._sharing.remote_totals import GRACE_SECONDS, POLL_SECONDS, Fetch, Fetches
from otel_session_agg._sharing.session_slots import RemoteTotals, SessionSlots, Spent
from otel_session_agg.stores import MemoryStore, Slot
from otel_session_agg.testing import FakeClock

HERE, THERE = "here", "there"


class Place:
    """A store, and one who waits there."""

    def __init__(self) -> None:
        self.clock = FakeClock(100.0)
        self.store = MemoryStore(clock=self.clock)
        self.sessions = SessionSlots(self.store, Counter())
        self.fetches = Fetches()
        self.heard: list[RemoteTotals] = []
        self.num_put = 0

    def put(self, slot: Slot) -> None:
        """Somebody writes."""
        self.store.put([slot], ttl_seconds=1000.0)

    def block(self, process: str, number: int) -> None:
        """A process says how many blocks it is in."""
        self.num_put += 1
        self.put(open_slot("s", process, self.num_put, number))

    def totals(self, process: str, tokens: int, num_open: int = 0) -> None:
        """A process says what it has."""
        self.num_put += 1
        totals = SessionTotals(Rollup(total_tokens=tokens), num_open=num_open)
        self.put(session_slot("s", f"{process}.1", self.num_put, totals))

    def waits(self, seconds: float, *, is_patient: bool = False, ours: frozenset[str] = frozenset({HERE})) -> Fetch:
        """Begin to wait."""
        fetch = Fetch(self.clock() + seconds, "s", f"{HERE}.1", ours, is_patient=is_patient)
        self.fetches.add(fetch, self.clock())
        return fetch

    def look(self, after_seconds: float = 0.0) -> None:
        """Look, later."""
        self.clock.tick(after_seconds)
        self.fetches.look(self.sessions, self._hear, self.clock())

    def _hear(self, news: Iterable[RemoteTotals | Spent]) -> None:
        self.heard += [one for one in news if isinstance(one, RemoteTotals)]

    def lasts(self, seconds: float, *, is_patient: bool = False) -> float:
        """How long somebody waits when nothing happens."""
        fetch, before = self.waits(seconds, is_patient=is_patient), self.clock()
        self.look()
        while not fetch.done.is_set():
            self.look(max(0.0, self.fetches.next() - self.clock()))
        return self.clock() - before


class TestFetches:
    """``Fetches``."""

    def test_nobody_there(self) -> None:
        """Where nothing is open one look is enough."""
        place = Place()
        place.totals(THERE, 10)
        assert 0.0 == place.lasts(5.0)
        assert [10] == [others.totals.rollup.total_tokens for others in place.heard]

    def test_patience(self) -> None:
        """Who is in no block waits a moment for what others have not told of yet, at most as long as it wants to."""
        place = Place()
        assert GRACE_SECONDS == pytest.approx(place.lasts(5.0, is_patient=True))
        assert 0.1 == pytest.approx(place.lasts(0.1, is_patient=True))

    def test_block(self) -> None:
        """It waits until another process has left its blocks, and hears what they came to."""
        place = Place()
        place.block(THERE, 2)
        fetch = place.waits(5.0)
        place.look()
        place.block(THERE, 1)
        place.look(POLL_SECONDS)
        assert not fetch.done.is_set()
        place.totals(THERE, 10)
        place.block(THERE, 0)
        place.look(POLL_SECONDS)
        assert fetch.done.is_set()
        assert 10 == place.heard[-1].totals.rollup.total_tokens

    def test_root(self) -> None:
        """It waits for roots that are open, too."""
        place = Place()
        place.totals(THERE, 5, num_open=1)
        fetch = place.waits(5.0)
        place.look()
        assert not fetch.done.is_set()
        place.totals(THERE, 10)
        place.look(POLL_SECONDS)
        assert fetch.done.is_set()

    def test_until(self) -> None:
        """It waits no longer than it wants to, and hears what is there by then."""
        place = Place()
        place.totals(THERE, 5, num_open=1)
        assert 1.0 == pytest.approx(place.lasts(1.0))
        assert 5 == place.heard[-1].totals.rollup.total_tokens

    def test_ours(self) -> None:
        """What is open in this process is not waited for, also by other processors of it; their totals count."""
        place = Place()
        for process in (HERE, THERE):
            place.block(process, 1)
            place.totals(process, 10, num_open=1)
        fetch = place.waits(5.0, ours=frozenset({HERE, THERE}))
        place.look()
        assert fetch.done.is_set()
        assert 10 == place.heard[-1].totals.rollup.total_tokens

    def test_a_dead_process(self) -> None:
        """What a killed process left open holds nobody up for long, until it says something new."""
        place = Place()
        place.block(THERE, 1)
        place.totals(THERE, 5, num_open=1)
        waited = [place.lasts(10.0) for _ in range(8)]
        assert [10.0] * 6 == pytest.approx(waited[:6])
        assert [0.0, 0.0] == waited[6:]
        place.block(THERE, 2)
        assert 10.0 == pytest.approx(place.lasts(10.0))

    def test_refused(self) -> None:
        """When the store cannot be reached nobody waits."""
        place = Place()
        fetches = [place.waits(5.0), place.waits(5.0)]
        place.fetches.refuse()
        assert [True, True] == [fetch.done.is_set() for fetch in fetches]
        assert float("inf") == place.fetches.next()

    def test_confirmation(self) -> None:
        """Who only waits for what it has written reads nothing."""
        place = Place()
        place.block(THERE, 1)
        fetch = Fetch(place.clock() + 5.0)
        place.fetches.add(fetch, place.clock())
        place.look()
        assert fetch.done.is_set()
        assert [] == place.heard

    def test_malformed(self) -> None:
        """What others than we wrote is skipped."""
        place = Place()
        place.put(Slot("s:s", "somebody", 1, b"?"))
        assert 0.0 == place.lasts(5.0)
