"""Stores of sessions: one contract, kept by all of them."""

from __future__ import annotations

import pytest

from otel_session_agg.stores import (
    SessionStore,
    Slot,
    Stored,
)
from tests.support.stores import LONG, ODD, SHORT, only, put
from tests.unit.stores.conftest import Place


class TestSlots:
    """What is put, and what is there then."""

    def test_contract(self, store: SessionStore) -> None:
        """Every store is one."""
        assert isinstance(store, SessionStore)

    def test_empty(self, store: SessionStore) -> None:
        """Nothing is nothing."""
        assert [] == store.put([], ttl_seconds=LONG, due_seconds=0)
        assert [] == store.get([])
        assert [Stored(0, {})] == store.get(["absent"])
        assert [] == store.due(10)
        assert [] == list(store.keys())
        store.postpone([], 0)
        store.unclaim("absent", "me")
        assert store.lost_sight() is False

    def test_newest_stays(self, store: SessionStore) -> None:
        """Of one writer's slots the one with the highest number stays, in one put or several, in any order."""
        put(store, ("k", "w", 9, b"nine"), ("k", "w", 10, b"ten"), ("k", "w", 2, b"two"))
        put(store, ("k", "w", 9, b"late"))
        assert {"w": b"ten"} == only(store, "k").slots
        put(store, ("k", "w", 11, b"eleven"))
        assert {"w": b"eleven"} == only(store, "k").slots

    def test_large_numbers(self, store: SessionStore) -> None:
        """Numbers are exact up to 63 bits."""
        put(store, ("k", "w", 2**63 - 2, b"old"))
        put(store, ("k", "w", 2**63 - 1, b"new"))
        put(store, ("k", "w", 2**63 - 2, b"late"))
        assert {"w": b"new"} == only(store, "k").slots

    def test_repeats_change_nothing(self, store: SessionStore) -> None:
        """What was put is put again without a trace; a number is not used twice."""
        put(store, ("k", "w", 3, b"three"))
        before = only(store, "k")
        put(store, ("k", "w", 3, b"other"), ("k", "w", 3, b"three"), ("k", "w", 1, b"one"))
        assert before == only(store, "k")

    def test_writers(self, store: SessionStore) -> None:
        """A writer replaces its own slot only, and everybody sees all slots."""
        put(store, ("k", "a", 5, b"a5"), ("k", "b", 1, b"b1"))
        put(store, ("k", "b", 2, b"b2"))
        assert {"a": b"a5", "b": b"b2"} == only(store, "k").slots

    def test_version(self, store: SessionStore) -> None:
        """It grows with what is replaced below its own key, and is 0 when there is nothing."""
        versions = [only(store, "k").version]
        for slot in (("k", "a", 1, b""), ("k", "a", 2, b""), ("k", "b", 1, b"")):
            put(store, slot)
            versions.append(only(store, "k").version)
        assert 0 == versions[0]
        assert sorted(set(versions)) == versions
        put(store, ("other", "a", 9, b""), ("k", "a", 1, b"late"))
        assert versions[-1] == only(store, "k").version

    def test_several_keys(self, store: SessionStore) -> None:
        """One put may be of many keys; they are got in the order they are asked for."""
        put(store, *((f"k{number}", "w", 1, b"%d" % number) for number in range(50)))
        keys = ["k7", "absent", "k3", "k7"]
        assert [{"w": b"7"}, {}, {"w": b"3"}, {"w": b"7"}] == [found.slots for found in store.get(keys)]

    def test_large_values(self, store: SessionStore) -> None:
        """A value is any bytes, also many."""
        value = bytes(range(256)) * 8000
        put(store, ("k", "w", 1, value), ("k", "empty", 1, b""))
        assert {"w": value, "empty": b""} == only(store, "k").slots

    @pytest.mark.parametrize("name", ODD, ids=ascii)
    def test_odd_names(self, store: SessionStore, name: str) -> None:
        """Keys, writers and owners are any text."""
        put(store, (name, name, 1, b"odd"), ("other", "w", 1, b"other"), due=0)
        assert {name: b"odd"} == only(store, name).slots
        assert {name, "other"} == set(store.due(10))
        assert store.settle(Slot(name, name, 2, b"settled"), only(store, name).version, ttl_seconds=LONG)
        assert ["other"] == store.due(10)
        assert store.claim(name, name, LONG)
        assert not store.claim(name, "other", LONG)

    def test_close(self, place: Place) -> None:
        """A closed store opens again by itself, and others see what was put."""
        store, other = place.open(), place.open()
        store.close()
        put(store, ("k", "w", 1, b"one"))
        store.close()
        store.close()
        assert {"w": b"one"} == only(store, "k").slots
        assert {"w": b"one"} == only(other, "k").slots
        assert store.lost_sight() is False


class TestLife:
    """How long keys live."""

    def test_end(self, place: Place) -> None:
        """A key is gone when its time is over, and may come back, with another version."""
        store = place.open()
        put(store, ("k", "w", 5, b"five"), due=0, ttl=SHORT)
        version = only(store, "k").version
        place.pass_time(2 * SHORT)
        assert Stored(0, {}) == only(store, "k")
        assert [] == store.due(10)
        assert [] == list(store.keys())
        assert [False] == put(store, ("k", "w", 1, b"one"))
        assert {"w": b"one"} == only(store, "k").slots
        assert version != only(store, "k").version

    def test_put_prolongs(self, place: Place) -> None:
        """A put lets its keys live on, changed or not, and never shortens their lives."""
        store = place.open()
        put(store, ("a", "w", 1, b""), ("b", "w", 1, b""), ("c", "w", 1, b""), ttl=SHORT)
        put(store, ("a", "w", 2, b""), ("b", "w", 1, b""), ttl=LONG)
        put(store, ("a", "w", 3, b""), ttl=SHORT)
        place.pass_time(2 * SHORT)
        assert {"a", "b"} == set(store.keys())

    def test_settle_prolongs(self, place: Place) -> None:
        """So does settling."""
        store = place.open()
        put(store, ("a", "w", 1, b""), ttl=LONG)
        put(store, ("b", "w", 1, b""), ("c", "w", 1, b""), ttl=SHORT)
        store.settle(Slot("a", "s", 1, b""), only(store, "a").version, ttl_seconds=SHORT)
        store.settle(Slot("b", "s", 1, b""), -1, ttl_seconds=LONG)
        place.pass_time(2 * SHORT)
        assert {"a", "b"} == set(store.keys())

    def test_settled_is_forgotten(self, place: Place) -> None:
        """A key that comes back is not settled."""
        store = place.open()
        put(store, ("k", "w", 1, b""), ttl=SHORT)
        store.settle(Slot("k", "s", 1, b""), only(store, "k").version, ttl_seconds=SHORT)
        place.pass_time(2 * SHORT)
        assert [False] == put(store, ("k", "w", 1, b""))


class TestKeys:
    """Which keys there are."""

    def test_all(self, store: SessionStore) -> None:
        """All keys come, each once, exactly as they were put."""
        put(store, *((name, "w", 1, b"") for name in ODD))
        assert sorted(ODD) == sorted(store.keys())

    @pytest.mark.parametrize("prefix", ["a", "a:", "a*", "é", "x" * 3000, "{", "\ud800", "😀", "no"], ids=ascii)
    def test_prefix(self, store: SessionStore, prefix: str) -> None:
        """Those that begin with something."""
        names = [*ODD, "a*", "😀é"]
        put(store, *((name, "w", 1, b"") for name in names))
        assert sorted(name for name in names if name.startswith(prefix)) == sorted(store.keys(prefix))

    def test_many(self, store: SessionStore) -> None:
        """However many there are."""
        names = {f"k{number}" for number in range(2500)}
        put(store, *((name, "w", 1, b"") for name in names))
        assert sorted(names) == sorted(store.keys("k"))

    def test_claims_are_none(self, store: SessionStore) -> None:
        """A claim makes no key."""
        store.claim("k", "me", LONG)
        assert [] == list(store.keys())
        assert Stored(0, {}) == only(store, "k")


class TestDue:
    """Whose time has come."""

    def test_order(self, place: Place) -> None:
        """At most so many, those that are due the longest first; asking changes nothing."""
        store = place.open()
        for key in "abc":
            put(store, (key, "w", 1, b""), due=0)
            place.pass_time(0.002)
        put(store, ("later", "w", 1, b""), due=LONG)
        put(store, ("never", "w", 1, b""))
        assert ["a", "b"] == store.due(2)
        assert ["a", "b", "c"] == store.due(10)

    def test_in_time(self, place: Place) -> None:
        """A key is due when its time has come."""
        store = place.open()
        put(store, ("k", "w", 1, b""), due=SHORT)
        put(store, ("other", "w", 1, b""), due=LONG)
        place.pass_time(2 * SHORT)
        assert ["k"] == store.due(10)

    def test_put_again(self, store: SessionStore) -> None:
        """A put makes its keys due later, or leaves that as it is."""
        put(store, ("a", "w", 1, b""), ("b", "w", 1, b""), ("c", "w", 1, b""), due=0)
        put(store, ("a", "w", 2, b""), ("b", "w", 1, b""), due=LONG)
        put(store, ("c", "w", 2, b""))
        assert ["c"] == store.due(10)

    def test_postpone(self, store: SessionStore) -> None:
        """Keys are due later or earlier; a key that does not exist is not due."""
        put(store, ("a", "w", 1, b""), due=0)
        put(store, ("b", "w", 1, b""), due=LONG)
        store.postpone(["a"], LONG)
        store.postpone(["b", "absent"], 0)
        assert ["b"] == store.due(10)
        assert ["b"] == list(store.due(1))


class TestSettle:
    """When all is said."""

    def test_unchanged(self, store: SessionStore) -> None:
        """A key that did not change is settled: due no more, its slot put, its version the same; again is the same."""
        put(store, ("k", "w", 1, b"one"), due=0)
        before = only(store, "k").version
        slot = Slot("k", "settler", 1, b"all")
        assert store.settle(slot, before, ttl_seconds=LONG)
        assert Stored(before, {"w": b"one", "settler": b"all"}) == only(store, "k")
        assert [] == store.due(10)
        assert store.settle(slot, before, ttl_seconds=LONG)
        assert Stored(before, {"w": b"one", "settler": b"all"}) == only(store, "k")

    def test_changed(self, store: SessionStore) -> None:
        """A key that changed is not, though the slot is put."""
        put(store, ("k", "w", 1, b"one"), due=0)
        before = only(store, "k").version
        put(store, ("k", "w", 2, b"two"), due=0)
        assert not store.settle(Slot("k", "settler", 1, b"all"), before, ttl_seconds=LONG)
        assert {"w": b"two", "settler": b"all"} == only(store, "k").slots
        assert ["k"] == store.due(10)
        assert [False] == put(store, ("k", "w", 3, b"three"))

    def test_put_tells(self, store: SessionStore) -> None:
        """A put tells of each slot whether its key was settled, and unsettles where something is replaced."""
        put(store, ("a", "w", 1, b""), ("b", "w", 1, b""), due=0)
        store.settle(Slot("a", "s", 1, b""), only(store, "a").version, ttl_seconds=LONG)
        assert [False, True] == put(store, ("b", "w", 2, b""), ("a", "w", 1, b"late"))
        assert [True, False, True] == put(store, ("a", "w", 2, b""), ("b", "w", 3, b""), ("a", "v", 1, b""))
        assert [False, False] == put(store, ("a", "w", 3, b""), ("b", "w", 4, b""))

    def test_due_again(self, store: SessionStore) -> None:
        """Put again, a settled key is due again."""
        put(store, ("k", "w", 1, b""), due=0)
        store.settle(Slot("k", "s", 1, b""), only(store, "k").version, ttl_seconds=LONG)
        put(store, ("k", "w", 2, b""), due=0)
        assert ["k"] == store.due(10)
        assert store.settle(Slot("k", "s", 2, b""), only(store, "k").version, ttl_seconds=LONG)
        assert [] == store.due(10)

    def test_own_number(self, store: SessionStore) -> None:
        """An older slot of the settler does not replace its newer one."""
        put(store, ("k", "s", 5, b"five"))
        assert store.settle(Slot("k", "s", 4, b"four"), only(store, "k").version, ttl_seconds=LONG)
        assert {"s": b"five"} == only(store, "k").slots

    def test_absent(self, store: SessionStore) -> None:
        """A key with nothing below it has version 0; with its first slot it has another."""
        assert not store.settle(Slot("gone", "s", 1, b""), 7, ttl_seconds=LONG)
        assert store.settle(Slot("new", "s", 1, b"all"), 0, ttl_seconds=LONG)
        assert only(store, "new").version > 0
        assert [True] == put(store, ("new", "w", 1, b""))


class TestClaims:
    """Who may settle."""

    def test_one_owner(self, place: Place) -> None:
        """One owner has a key, who may claim it again and give it back; others may not."""
        one, other = place.open(), place.open()
        assert one.claim("k", "one", LONG)
        assert not other.claim("k", "other", LONG)
        other.unclaim("k", "other")
        assert one.claim("k", "one", LONG)
        assert not other.claim("k", "other", LONG)
        assert other.claim("l", "other", LONG)
        one.unclaim("k", "one")
        assert other.claim("k", "other", LONG)

    def test_end(self, place: Place) -> None:
        """A claim ends by itself."""
        store = place.open()
        store.claim("k", "one", SHORT)
        place.pass_time(2 * SHORT)
        assert store.claim("k", "other", LONG)
        assert not store.claim("k", "one", LONG)

    def test_renewed(self, place: Place) -> None:
        """Claimed again, it ends later."""
        store = place.open()
        store.claim("k", "one", SHORT)
        store.claim("k", "one", LONG)
        place.pass_time(2 * SHORT)
        assert not store.claim("k", "other", LONG)
