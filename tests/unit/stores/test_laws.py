"""Stores that cost little: what holds whatever comes in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from otel_session_agg.stores import (
    MemoryStore,
    SessionStore,
    Slot,
    SqliteStore,
)
from otel_session_agg.testing import FakeClock
from tests.support.stores import LONG, only


@contextmanager
def cheap_stores(clock: FakeClock) -> Iterator[tuple[MemoryStore, SqliteStore]]:
    """One of each kind that costs little."""
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "sessions.db", clock=clock)
        yield MemoryStore(clock=clock), store
        store.close()


_slots = st.builds(
    lambda key, writer, seq: Slot(key, writer, seq, f"{writer}{seq}".encode()),
    st.sampled_from("kl"),
    st.sampled_from("abc"),
    st.integers(1, 6),
)


class TestLaws:
    """What holds whatever comes in which order."""

    @settings(max_examples=settings().max_examples // 2)
    @given(st.data(), st.lists(_slots, min_size=1, max_size=12))
    def test_any_order(self, data: st.DataObject, slots: list[Slot]) -> None:
        """Delivered late, twice or in another order, it comes to the same."""
        again = data.draw(st.permutations(slots + data.draw(st.lists(st.sampled_from(slots), max_size=6))))
        cuts = data.draw(st.integers(1, len(again)))
        expected: dict[str, dict[str, bytes]] = {"k": {}, "l": {}}
        for slot in sorted(slots, key=lambda slot: slot.seq):
            expected[slot.key][slot.writer] = slot.value
        with cheap_stores(FakeClock()) as stores:
            for store in stores:
                for start in range(0, len(again), cuts):
                    store.put(again[start : start + cuts], ttl_seconds=LONG)
                assert expected == {key: only(store, key).slots for key in expected}


class StoresAgree(RuleBasedStateMachine):
    """The same calls have the same answers in memory and in a file."""

    @initialize()
    def start(self) -> None:
        """Open both."""
        self.clock = FakeClock()
        self.open = cheap_stores(self.clock)
        self.stores: tuple[SessionStore, SessionStore] = self.open.__enter__()
        self.versions: dict[str, tuple[int, int]] = {"k": (0, 0), "l": (0, 0)}

    def both(self, call: Callable[[SessionStore], Any]) -> Any:
        """What both answer."""
        one, other = map(call, self.stores)
        assert one == other
        return one

    @rule(slots=st.lists(_slots, max_size=4), ttl=st.sampled_from([3, 20]), due=st.sampled_from([None, 0, 2, 10]))
    def put(self, slots: list[Slot], ttl: float, due: float | None) -> None:
        """Put anything."""
        self.both(lambda store: store.put(slots, ttl_seconds=ttl, due_seconds=due))

    @rule(key=st.sampled_from("kl"))
    def remember(self, key: str) -> None:
        """Look at the versions, to settle later."""
        one, other = (only(store, key).version for store in self.stores)
        self.versions[key] = (one, other)

    @rule(slot=_slots)
    def settle(self, slot: Slot) -> None:
        """Settle by the versions seen last."""
        versions = dict(zip(map(id, self.stores), self.versions[slot.key], strict=True))
        self.both(lambda store: store.settle(slot, versions[id(store)], ttl_seconds=5))

    @rule(key=st.sampled_from("klm"), due=st.sampled_from([0, 4]))
    def postpone(self, key: str, due: float) -> None:
        """Set when a key is due."""
        self.both(lambda store: store.postpone([key], due))

    @rule(key=st.sampled_from("kl"), owner=st.sampled_from("ab"), seconds=st.integers(1, 5))
    def claim(self, key: str, owner: str, seconds: int) -> None:
        """Claim a key."""
        self.both(lambda store: store.claim(key, owner, seconds))

    @rule(key=st.sampled_from("kl"), owner=st.sampled_from("ab"))
    def unclaim(self, key: str, owner: str) -> None:
        """Give a key back."""
        self.both(lambda store: store.unclaim(key, owner))

    @rule(seconds=st.integers(1, 8))
    def tick(self, seconds: int) -> None:
        """Let time pass."""
        self.clock.tick(seconds)

    @rule()
    def close(self) -> None:
        """Open again."""
        self.both(lambda store: store.close())

    @invariant()
    def same(self) -> None:
        """Both show the same."""
        self.both(lambda store: [(found.version > 0, found.slots) for found in store.get(["k", "l"])])
        self.both(lambda store: sorted(store.keys()))
        self.both(lambda store: sorted(store.due(10)))

    def teardown(self) -> None:
        """Close both."""
        if hasattr(self, "open"):
            self.open.__exit__(None, None, None)


StoresAgree.TestCase.settings = settings(max_examples=settings().max_examples // 3, stateful_step_count=30)


TestStoresAgree = StoresAgree.TestCase
