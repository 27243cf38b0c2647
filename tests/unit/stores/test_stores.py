"""Stores of sessions: one contract, kept by all of them."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any
from uuid import uuid4

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from redis.crc import key_slot

from otel_session_agg import SessionAggError
from otel_session_agg._exceptions import StoreError
from otel_session_agg._masked import masked
from otel_session_agg.stores import (
    MemoryStore,
    RedisStore,
    SessionStore,
    Slot,
    SqliteStore,
    Stored,
    _sqlite_connection,
    _sqlite_tables,
    open_store,
)
from otel_session_agg.stores import redis as redis_module
from otel_session_agg.testing import FakeClock
from tests.support.servers import Server, cluster_servers, free_port, knows_all, valkey, valkey_cluster, wait_until

TIMEOUT_SECONDS = 60
LONG = 1000.0
SHORT = 0.05
ODD = [
    "",
    "plain",
    "a:b",
    "{a}",
    "}{",
    "a b",
    "a\nb",
    "a*?[b]\\",
    "50%",
    "ü€😀",
    "nul\0",
    "\ud800",
    "x" * 5000,
    "é" * 5000,
    "a/b",
    "#1",
]
_needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


class Place:
    """Where stores of one kind meet: opened again, as another process does it."""

    def __init__(self, opened: Callable[[], SessionStore], pass_time: Callable[[float], None]) -> None:
        self._opened = opened
        self._all: list[SessionStore] = []
        self.pass_time = pass_time

    def open(self) -> SessionStore:
        """A store."""
        self._all.append(self._opened())
        return self._all[-1]

    def close(self) -> None:
        """Close all of them."""
        for store in self._all:
            store.close()


def server_time(url: str) -> Callable[[float], None]:
    """Wait until a real server's clock says that so many seconds have passed."""

    def wait(seconds: float) -> None:
        with redis.Redis.from_url(url) as client:
            end = clock_seconds(client) + seconds
            wait_until(lambda: clock_seconds(client) > end)

    return wait


def clock_seconds(client: redis.Redis) -> float:
    """What a server's clock says."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server for all tests."""
    with valkey() as running:
        yield running


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    """A cluster for all tests."""
    with valkey_cluster() as url:
        yield url


@pytest.fixture
def server_url(server: Server) -> str:
    """A server where nobody has been."""
    return f"{server.url}?prefix={uuid4().hex}"


@pytest.fixture(params=["memory", "sqlite", "valkey", pytest.param("valkey_cluster", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each kind of store."""
    clock = FakeClock(50.0)
    memory = MemoryStore(clock=clock)
    if request.param == "memory":
        made = Place(lambda: memory, clock.tick)
    elif request.param == "sqlite":
        made = Place(lambda: SqliteStore(tmp_path / "sessions.db", clock=clock), clock.tick)
    else:
        url = (
            request.getfixturevalue("cluster_url") if request.param == "valkey_cluster" else request.getfixturevalue("server").url
        )
        prefix = uuid4().hex
        made = Place(lambda: open_store(f"{url}?prefix={prefix}"), server_time(url))
    yield made
    made.close()


@pytest.fixture
def store(place: Place) -> SessionStore:
    """A store of each kind."""
    return place.open()


def put(store: SessionStore, *slots: tuple[str, str, int, bytes], due: float | None = None, ttl: float = LONG) -> list[bool]:
    """Put slots."""
    return store.put([Slot(*slot) for slot in slots], ttl_seconds=ttl, due_seconds=due)


def only(store: SessionStore, key: str) -> Stored:
    """What stands below one key."""
    (found,) = store.get([key])
    return found


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


_OTHER_TYPES: dict[str, tuple[Any, ...]] = {
    "string": ("SET", "text"),
    "list": ("RPUSH", "a"),
    "set": ("SADD", "a"),
    "zset": ("ZADD", 1, "a"),
    "hash": ("HSET", "a", "b"),
    "stream": ("XADD", "*", "a", "b"),
}


class SpoiltServer:
    """A server in which somebody else has written, too."""

    def __init__(self, server: Server) -> None:
        self.prefix = uuid4().hex
        self.store = RedisStore(f"{server.url}?prefix={self.prefix}")
        self.other = RedisStore(f"{server.url}?prefix={self.prefix}")
        self._command = server.command

    def slots(self, key: str) -> str:
        """The physical name of a key."""
        return f"{{{self.prefix}:{key}}}:slots"

    def spoil(self, name: str, kind: str) -> None:
        """Let a name be of a type."""
        command, *args = _OTHER_TYPES[kind]
        self._command("DEL", name)
        self._command(command, name, *args)

    def command(self, *args: Any) -> Any:
        """Send a command."""
        return self._command(*args)

    def indices(self) -> list[str]:
        """The names of the index."""
        return [f"{{{self.prefix}#{number}}}:due" for number in range(8)]


@pytest.fixture
def spoilt(server: Server) -> Iterator[SpoiltServer]:
    """A place in a server."""
    made = SpoiltServer(server)
    yield made
    made.store.close()
    made.other.close()


_NO_HASH = sorted(_OTHER_TYPES.keys() - {"hash"})


class TestMalformedRedis:
    """Entries in a server that cannot be ours: each is left out and named, all others are as if they were not there."""

    @pytest.mark.parametrize("kind", _NO_HASH)
    def test_type(self, spoilt: SpoiltServer, kind: str) -> None:
        """A key of another type is as it was, and all calls go on with the others."""
        store = spoilt.store
        put(store, ("bad", "w", 1, b""), ("good", "w", 1, b"one"), due=0)
        spoilt.spoil(spoilt.slots("bad"), kind)
        assert [False, False] == put(store, ("bad", "w", 2, b""), ("good", "w", 2, b"two"), due=0)
        assert [Stored(0, {}, 1), {"w": b"two"}] == [only(store, "bad"), only(store, "good").slots]
        assert not store.settle(Slot("bad", "s", 1, b""), 0, ttl_seconds=LONG)
        assert store.claim("bad", "me", LONG)
        assert ["good"] == store.due(10)
        number, names = store.left_out.take()
        assert (4, {spoilt.slots("bad")}) == (
            number,
            {name.rpartition(": ")[0] or name for name in names} - set(spoilt.indices()),
        )
        assert ["good"] == store.due(10)
        assert (0, []) == store.left_out.take()
        assert kind == spoilt.command("TYPE", spoilt.slots("bad")).decode()

    @pytest.mark.parametrize("kind", sorted(_OTHER_TYPES.keys() - {"zset"}))
    def test_index(self, spoilt: SpoiltServer, kind: str) -> None:
        """An index of another type is made anew."""
        for name in spoilt.indices():
            spoilt.spoil(name, kind)
        assert [] == spoilt.store.due(10)
        put(spoilt.store, ("k", "w", 1, b""), due=0)
        assert ["k"] == spoilt.store.due(10)
        assert spoilt.store.settle(Slot("k", "s", 1, b""), only(spoilt.store, "k").version, ttl_seconds=LONG)
        assert [] == spoilt.store.due(10)

    @pytest.mark.parametrize("kind", sorted(_OTHER_TYPES))
    def test_claim(self, spoilt: SpoiltServer, kind: str) -> None:
        """A claim that cannot be ours, of another type or without an end, is none."""
        spoilt.spoil(f"{{{spoilt.prefix}:k}}:claim", kind)
        assert spoilt.store.claim("k", "one", LONG)
        assert not spoilt.other.claim("k", "two", LONG)
        spoilt.spoil(f"{{{spoilt.prefix}:k}}:claim", kind)
        spoilt.store.unclaim("k", "one")

    @pytest.mark.parametrize("name", [b"\xff\xfe", b"%ff", b"a b", "\u00e9".encode(), b"%4", b"%41"])
    def test_name(self, spoilt: SpoiltServer, name: bytes) -> None:
        """A name that stands for no key is left out, of keys and of the index."""
        put(spoilt.store, ("good", "w", 1, b""), due=0)
        spoilt.command("HSET", b"{%b:%b}:slots" % (spoilt.prefix.encode(), name), "vw", "x")
        for index in spoilt.indices():
            spoilt.command("ZADD", index, 1, name)
        assert ["good"] == list(spoilt.store.keys())
        assert ["good"] == spoilt.store.due(10)
        assert 9 == spoilt.store.left_out.take()[0]
        assert ["good"] == spoilt.store.due(10)
        assert (0, []) == spoilt.store.left_out.take()

    def test_more_than_the_limit(self, spoilt: SpoiltServer) -> None:
        """However many they are, they do not stand before what is due."""
        for number in range(200):
            spoilt.command("ZADD", spoilt.indices()[number % 8], 1, b"\xff%d" % number)
        put(spoilt.store, ("good", "w", 1, b""), due=0)
        wait_until(lambda: ["good"] == spoilt.store.due(50))

    def test_fields(self, spoilt: SpoiltServer) -> None:
        """Fields that cannot be ours are left out; version and numbers that are none are made anew."""
        store, name = spoilt.store, spoilt.slots("k")
        put(store, ("k", "w", 1, b"one"), ("k", "v", 1, b""), due=0)
        spoilt.command("HSET", name, "n", "no number", "qw", "z" * 30, b"v\xff\xfe", "x", "other", "y")
        assert Stored(0, {"w": b"one", "v": b""}, 1) == only(store, "k")
        assert [f"{name}: v\\xff\\xfe"] == store.left_out.take()[1]
        put(store, ("k", "w", 2, b"two"))
        assert {"w": b"two", "v": b""} == only(store, "k").slots
        assert store.settle(Slot("k", "w", 3, b"three"), only(store, "k").version, ttl_seconds=LONG)
        spoilt.command("HSET", name, "n", "9" * 30, "qw", "")
        assert store.settle(Slot("k", "w", 4, b"four"), only(store, "k").version, ttl_seconds=LONG)
        assert (True, {"w": b"four", "v": b""}) == (only(store, "k").version > 0, only(store, "k").slots)

    def test_evicted(self, spoilt: SpoiltServer) -> None:
        """A key with a time that was put and is gone before its end is noted, whoever meets it first; one that has expired is not."""
        store = spoilt.store
        put(store, ("put", "w", 1, b""), ("got", "w", 1, b""), ("due", "w", 1, b""), ("kept", "w", 1, b""), due=0)
        put(store, ("expired", "w", 1, b""), due=0, ttl=SHORT)
        put(store, ("no time", "w", 1, b""))
        for name in ("put", "got", "due", "no time"):
            spoilt.command("DEL", spoilt.slots(name))
        wait_until(lambda: not spoilt.command("EXISTS", spoilt.slots("expired")))
        assert {} == store.evicted
        put(store, *((name, "w", 2, b"") for name in ("put", "kept", "expired", "never")), due=0)
        assert ["put"] == list(store.evicted)
        only(store, "got")
        only(store, "no time")
        assert ["put", "got"] == list(store.evicted)
        store.due(10)
        assert ["put", "got", "due"] == list(store.evicted)
        store.evicted.clear()
        put(store, *((name, "w", 3, b"") for name in ("put", "got", "due", "kept")), due=0)
        assert {} == store.evicted

    def test_other_errors(self, spoilt: SpoiltServer) -> None:
        """Everything else that a server answers is an error of all."""
        spoilt.command("CONFIG", "SET", "maxmemory", "1")
        try:
            with pytest.raises(redis.ResponseError):
                put(spoilt.store, ("k", "w", 1, b""))
        finally:
            spoilt.command("CONFIG", "SET", "maxmemory", "0")


class TestMalformedSqlite:
    """The same in a file."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A file with one good key."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as store:
            put(store, ("good", "w", 1, b"one"), due=0)
        return path

    @pytest.mark.parametrize("key", ["'text'", "17", "x'fffe'", "1.5", "CAST(x'ff' AS TEXT)"])
    def test_keys(self, path: Path, key: str) -> None:
        """A key that is no text of ours is left out, however many there are."""
        statements(path, *(f"INSERT OR REPLACE INTO keys VALUES ({key}, 1, 0, 1e300, -1)" for _ in range(3)))  # noqa: S608 -- our own
        with closing(SqliteStore(path)) as store:
            assert ["good"] == store.due(1)
            assert ["good"] == list(store.keys())
            assert store.left_out.take()[0] >= 1

    @pytest.mark.parametrize(
        "row",
        [
            "'text', 1, x'00'",
            "x'ff', 1, x'00'",
            "7, 1, x'00'",
            "x'41', 1, 'text'",
            "x'41', 1, 5",
            "x'41', 1, CAST(x'ff' AS TEXT)",
        ],
    )
    def test_slots(self, path: Path, row: str) -> None:
        """So is a slot."""
        statements(path, f"INSERT INTO slots VALUES (CAST('good' AS BLOB), {row})")  # noqa: S608 -- our own
        with closing(SqliteStore(path)) as store:
            assert ({"w": b"one"}, 1) == only(store, "good")[1:]
            assert 1 == store.left_out.take()[0]

    def test_figures(self, path: Path) -> None:
        """Figures that are none are made anew."""
        statements(path, "UPDATE keys SET version = 'x', settled = 'x', expires = 'x'", "UPDATE slots SET seq = 'x'")
        with closing(SqliteStore(path)) as store:
            assert Stored(0, {"w": b"one"}) == only(store, "good")
            put(store, ("good", "w", 1, b"two"))
            assert {"w": b"two"} == only(store, "good").slots
            assert store.settle(Slot("good", "s", 1, b""), only(store, "good").version, ttl_seconds=LONG)
        assert [("real", "integer")] == statements(path, "SELECT typeof(expires), typeof(version) FROM keys")

    def test_claims(self, path: Path) -> None:
        """A claim without an end is none."""
        statements(path, "INSERT INTO claims VALUES (CAST('good' AS BLOB), 'text', 'never')")
        with closing(SqliteStore(path)) as store:
            assert store.claim("good", "me", LONG)

    @pytest.mark.parametrize(
        "change", ["DELETE FROM state", "UPDATE state SET version = 'x', written = 'y'", "INSERT INTO state VALUES ('x', 2)"]
    )
    @pytest.mark.parametrize("is_open", [True, False])
    def test_state(self, path: Path, change: str, is_open: bool) -> None:  # noqa: FBT001 -- a parameter
        """The one row of the state is made anew, also while the file is open, and no version comes again."""
        with closing(SqliteStore(path)) as store:
            before = only(store, "good").version if is_open else 0
            statements(path, change)
            put(store, ("good", "w", 2, b"two"))
            assert only(store, "good").version > before
            put(store, ("good", "w", 3, b"three"))
            assert {"w": b"three"} == only(store, "good").slots
        assert [(1,)] == statements(path, "SELECT count(*) FROM state")


class TestSqliteFiles:
    """A file that is another one than it was, and who can read it."""

    @pytest.mark.parametrize("others", [True, False])
    def test_deleted(self, tmp_path: Path, others: bool) -> None:  # noqa: FBT001 -- a parameter
        """A file that was deleted, with those beside it or without, is noticed at the next write, and said once."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as two:
            put(one, ("k", "one", 1, b"1"))
            put(two, ("k", "two", 1, b"2"))
            before = only(one, "k").version
            for name in ("", "-wal", "-shm") if others else ("",):
                Path(f"{path}{name}").unlink()
            put(two, ("k", "two", 2, b"22"))
            put(one, ("k", "one", 2, b"11"))
            assert [True, False] == [one.lost_sight(), one.lost_sight()]
            assert [True, False] == [two.lost_sight(), two.lost_sight()]
            assert {"one": b"11", "two": b"22"} == only(one, "k").slots == only(two, "k").slots
            assert only(one, "k").version > before

    def test_replaced(self, tmp_path: Path) -> None:
        """So is one that another file was put in the place of, also by who only reads."""
        path, made = tmp_path / "sessions.db", tmp_path / "made.db"
        with closing(SqliteStore(made)) as store:
            put(store, ("k", "other", 1, b"1"))
        with closing(SqliteStore(path)) as store:
            put(store, ("k", "one", 1, b"1"))
            made.rename(path)
            assert {"other": b"1"} == only(store, "k").slots
            assert store.lost_sight()

    def test_log_deleted(self, tmp_path: Path) -> None:
        """So is one that has lost its log."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as store:
            put(store, ("k", "one", 1, b"1"))
            Path(f"{path}-wal").unlink()
            put(store, ("k", "one", 2, b"2"))
            assert store.lost_sight()
        with closing(SqliteStore(path)) as store:
            assert {"one": b"2"} == only(store, "k").slots

    def test_replaced_while_it_is_opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """When it is replaced just while it is opened, the new one is opened."""
        path, made = tmp_path / "sessions.db", tmp_path / "made.db"
        with closing(SqliteStore(made)) as store:
            put(store, ("k", "other", 1, b"1"))

        def connect(*args: Any) -> Any:
            connection = connects(*args)
            if made.exists():
                made.rename(path)
            return connection

        connects = _sqlite_tables.connect
        monkeypatch.setattr(_sqlite_connection, "connect", connect)
        with closing(SqliteStore(path)) as store:
            assert {"other": b"1"} == only(store, "k").slots

    def test_kept(self, tmp_path: Path) -> None:
        """As long as it is the same, nothing is lost, whoever closes it and opens it again."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as two:
            for seq in range(1, 20):
                put(one, ("k", "one", seq, b""))
                put(two, ("k", "two", seq, b""))
                (one, two)[seq % 2].close()
            assert [False, False] == [one.lost_sight(), two.lost_sight()]

    @pytest.mark.parametrize("reads", [True, False])
    def test_migrated(self, tmp_path: Path, reads: bool) -> None:  # noqa: FBT001 -- a parameter
        """A file that a newer version migrates while it is open is written and read no more, and said to be."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as store:
            put(store, ("k", "w", 1, b"1"))
            statements(path, "PRAGMA user_version = 2")
            with pytest.raises(StoreError, match=r"another version .*schema 2"):
                _ = only(store, "k") if reads else put(store, ("k", "w", 2, b"2"))
        assert [(b"1",)] == statements(path, "SELECT value FROM slots")

    @pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
    def test_mode(self, tmp_path: Path) -> None:
        """A file that is created, and those beside it, can be read by its owner only; one that exists stays as it is."""
        path = tmp_path / "sessions.db"
        umask = os.umask(0)
        try:
            with closing(SqliteStore(path)) as store:
                put(store, ("k", "w", 1, b""))
                assert {0o600} == {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
                assert 3 == len(list(tmp_path.iterdir()))
            path.chmod(0o660)
            with closing(SqliteStore(path)) as store:
                put(store, ("k", "w", 2, b""))
                assert {0o660} == {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
        finally:
            os.umask(umask)


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


class TestMemory:
    """What only the store in memory has."""

    def test_bound(self) -> None:
        """Beyond its bound the keys put the longest ago go, and are counted."""
        store = MemoryStore(max_keys=2)
        put(store, ("a", "w", 1, b""), ("b", "w", 1, b""))
        put(store, ("a", "w", 2, b""), ("c", "w", 1, b""))
        assert ["a", "c"] == list(store.keys())
        assert 1 == store.dropped_keys

    def test_expired_go_first(self) -> None:
        """Keys whose time is over take no room and are not counted."""
        clock = FakeClock()
        store = MemoryStore(max_keys=2, clock=clock)
        put(store, ("a", "w", 1, b""), ("b", "w", 1, b""), ttl=1)
        clock.tick(1)
        put(store, ("c", "w", 1, b""), ("d", "w", 1, b""))
        assert (["c", "d"], 0) == (list(store.keys()), store.dropped_keys)

    def test_claims_are_bounded(self) -> None:
        """So are claims; the oldest goes first."""
        store = MemoryStore(max_keys=1)
        store.claim("a", "one", LONG)
        store.claim("b", "one", LONG)
        assert store.claim("a", "other", LONG)

    def test_expired_claims(self) -> None:
        """A claim of which nobody asks any more is given back all the same."""
        store = MemoryStore()
        store.claim("a", "one", LONG)
        store.unclaim("a", "one")
        store.unclaim("a", "one")
        assert store.claim("a", "other", LONG)

    def test_fork(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A child starts empty: what was put belongs to the parent."""
        store = MemoryStore()
        put(store, ("k", "w", 1, b""))
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            assert [] == list(store.keys())


def run(body: str, *args: object) -> str:
    """Run a script in a process of its own; returns what it printed."""
    done = subprocess.run(  # noqa: S603 -- our own script
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", dedent(body), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def write_many(path: str, writer: str, start: Any) -> None:
    """What one of several processes does at the same time."""
    store = SqliteStore(path)
    start.wait(TIMEOUT_SECONDS)
    for seq in range(1, 101):
        put(store, ("shared", writer, seq, b"%d" % seq), (f"{writer}{seq}", writer, 1, b""))
    store.close()


def statements(path: Path, *sql: str) -> list[Any]:
    """What a database answers to each statement."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchone() for statement in sql]


@pytest.mark.slow
class TestSqlite:
    """What only the file has."""

    def test_processes(self, tmp_path: Path) -> None:
        """Several processes begin and write at once, and no put is lost."""
        context = multiprocessing.get_context("spawn")
        start = context.Barrier(3)
        path = tmp_path / "sessions.db"
        processes = [context.Process(target=write_many, args=(str(path), writer, start)) for writer in "abc"]
        for process in processes:
            process.start()
        for process in processes:
            process.join(TIMEOUT_SECONDS)
        assert [0, 0, 0] == [process.exitcode for process in processes]
        with closing(SqliteStore(path)) as store:
            assert dict.fromkeys("abc", b"100") == only(store, "shared").slots
            assert 301 == len(list(store.keys()))
        assert [("wal",)] == statements(path, "PRAGMA journal_mode")

    @_needs_fork
    def test_fork(self, tmp_path: Path) -> None:
        """Parent and child go on, each with its own connection, whoever closes first."""
        body = """
            import os, sys
            from otel_session_agg.stores import Slot, open_store
            store = open_store("sqlite:///" + sys.argv[1])
            put = lambda key: store.put([Slot(key, "w", 1, b"")], ttl_seconds=1000)
            put("before")
            from_parent, to_child = os.pipe()
            from_child, to_parent = os.pipe()
            if os.fork() == 0:
                put("child")
                os.write(to_parent, b"1")
                os.read(from_parent, 1)
                put("child after the parent closed")
                os._exit(0)
            os.read(from_child, 1)
            put("parent")
            store.close()
            os.write(to_child, b"1")
            os.wait()
            print(sorted(store.keys()))
            store.close()
        """
        expected = ["before", "child", "child after the parent closed", "parent"]
        assert str(expected) == run(body, tmp_path / "sessions.db").strip()

    @_needs_fork
    def test_fork_amid_puts(self, tmp_path: Path) -> None:
        """A fork waits for the call of another thread, and the child can go on at once."""
        body = """
            import os, sys, threading
            from otel_session_agg.stores import Slot, open_store
            store = open_store("sqlite:///" + sys.argv[1])
            put = lambda key: store.put([Slot(key, "w", 1, b"")], ttl_seconds=1000)
            forked = threading.Event()
            begun = threading.Event()
            count = 0
            def work():
                global count
                while not forked.is_set():
                    put(f"parent{count}")
                    count += 1
                    begun.set()
            worker = threading.Thread(target=work)
            worker.start()
            begun.wait()
            for number in range(10):
                if os.fork() == 0:
                    put(f"child{number}")
                    os._exit(0)
            statuses = [os.wait()[1] for _ in range(10)]
            forked.set()
            worker.join()
            print(statuses == [0] * 10, len(list(store.keys("child"))), len(list(store.keys("parent"))) == count)
            store.close()
        """
        assert "True 10 True" == run(body, tmp_path / "sessions.db").strip()

    def test_fork_untold(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where nobody told Python of a fork, the parent's connection is left alone."""
        left: list[Any] = []
        monkeypatch.setattr(_sqlite_connection, "_LEFT_ALONE", left)
        store = SqliteStore(tmp_path / "sessions.db")
        put(store, ("k", "w", 1, b""))
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            assert ["k"] == list(store.keys())
            (parents,) = left
            assert (1,) == parents.execute("SELECT count(*) FROM keys").fetchone()
            store.close()
        parents.close()

    def test_fork_hooks(self, tmp_path: Path) -> None:
        """Around a fork nothing is open and nothing is done."""
        store = SqliteStore(tmp_path / "sessions.db")
        put(store, ("k", "w", 1, b""))
        store._connection._before_fork()
        assert store._connection._open is None
        assert store._connection._lock.locked()
        store._connection._after_fork()
        assert ["k"] == list(store.keys())
        store.close()

    def test_no_fork(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It works where there is no fork."""
        monkeypatch.delattr(os, "register_at_fork", raising=False)
        with closing(SqliteStore(tmp_path / "sessions.db")) as store:
            put(store, ("k", "w", 1, b""))

    def test_fork_while_busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A fork does not wait for a call for ever."""
        monkeypatch.setattr(_sqlite_connection, "_FORK_WAIT_SECONDS", 0.01)
        store = SqliteStore(tmp_path / "sessions.db")
        with store._connection.reading() as (connection, _):
            store._connection._before_fork()
            store._connection._after_fork()
            assert (1,) == connection.execute("SELECT 1").fetchone()
        assert not store._connection._lock.locked()
        store.close()

    def test_reboot(self, tmp_path: Path) -> None:
        """After a reboot the clock starts again, and what was left to wait is waited then."""
        path = tmp_path / "sessions.db"
        store = SqliteStore(path, clock=FakeClock(5000.0))
        put(store, ("k", "w", 1, b""), due=10, ttl=100)
        store.claim("k", "one", 20)
        store.close()
        clock = FakeClock(7.0)
        with closing(SqliteStore(path, clock=clock)) as store:
            assert [] == store.due(10)
            clock.tick(10)
            assert ["k"] == store.due(10)
            assert not store.claim("k", "other", 1)
            clock.tick(10)
            assert store.claim("k", "other", 1)
            clock.tick(79)
            assert ["k"] == list(store.keys())
            clock.tick(1)
            assert [] == list(store.keys())

    def test_killed(self, tmp_path: Path) -> None:
        """What was put is there after its process was killed."""
        body = """
            import os, sys
            from otel_session_agg.stores import Slot, open_store
            store = open_store("sqlite:///" + sys.argv[1])
            store.put([Slot("k", "w", 1, b"one")], ttl_seconds=1000, due_seconds=0)
            os._exit(0)
        """
        run(body, tmp_path / "sessions.db")
        with closing(open_store(f"sqlite:///{tmp_path}/sessions.db")) as store:
            assert {"w": b"one"} == only(store, "k").slots
            assert ["k"] == store.due(1)

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        """A put that fails leaves nothing behind, and the next one works."""
        with closing(SqliteStore(tmp_path / "sessions.db")) as store:
            with pytest.raises(OverflowError):
                put(store, ("a", "w", 1, b""), ("b", "w", 2**63, b""))
            assert [] == list(store.keys())
            put(store, ("a", "w", 1, b""))
            assert ["a"] == list(store.keys())

    def test_purge(self, tmp_path: Path) -> None:
        """Keys that have expired leave the file as others are put."""
        clock, path = FakeClock(), tmp_path / "sessions.db"
        with closing(SqliteStore(path, clock=clock)) as store:
            put(store, *((f"k{number}", "w", 1, b"") for number in range(100)), ttl=1)
            store.claim("k", "one", 1)
            clock.tick(1)
            put(store, ("new", "w", 1, b""))
            counts = ("SELECT count(*) FROM keys", "SELECT count(*) FROM slots")
            assert [(100 - 64 + 1,)] * 2 == statements(path, *counts)
            put(store, ("new", "w", 2, b""))
            store.claim("l", "one", 1)
            assert [(1,)] * 3 == statements(path, *counts, "SELECT count(*) FROM claims")

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            ("CREATE TABLE customers (name)", "belongs to another application: name another file"),
            ("PRAGMA user_version = 1", "belongs to another application: name another file"),
            (None, "schema 99, this one has 1.*: name another file, or delete this one"),
        ],
    )
    def test_other_files(self, tmp_path: Path, statement: str | None, message: str) -> None:
        """A file of another application or another version is refused, and not touched."""
        path = tmp_path / "sessions.db"
        if statement is None:
            with closing(SqliteStore(path)) as store:
                put(store, ("k", "w", 1, b""))
            statement = "PRAGMA user_version = 99"
        statements(path, statement)
        before = path.read_bytes()
        with pytest.raises(StoreError, match=message):
            SqliteStore(path).get(["k"])
        assert before == path.read_bytes()

    def test_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A path from the working directory stays the same file when that changes."""
        monkeypatch.chdir(tmp_path)
        store = open_store("sqlite:///sessions.db")
        assert not (tmp_path / "sessions.db").exists()
        monkeypatch.chdir("/")
        put(store, ("k", "w", 1, b""))
        store.close()
        assert (tmp_path / "sessions.db").exists()


def physical(url: str) -> dict[str, set[str]]:
    """The names of a cluster's keys, by node."""
    client: Any = redis.RedisCluster.from_url(url)
    with client:
        return {node.name: {name.decode() for name in client.keys(target_nodes=node)} for node in client.get_primaries()}


class Between:
    """A link that does something before a certain phase, as another process may."""

    def __init__(self, store: RedisStore, number: int, action: Callable[[], object]) -> None:
        self._link = store._connected()
        self._number = number
        self._action = action
        store._link = self

    def run(self, *phases: Sequence[Any]) -> list[list[Any]]:
        """Each phase by itself."""
        replies = []
        for phase in phases:
            self._number -= 1
            if self._number == 0:
                self._action()
            replies += self._link.run(phase)
        return replies

    def scan(self, pattern: str) -> Iterator[bytes]:
        """As it is."""
        return self._link.scan(pattern)

    def close(self) -> None:
        """As it is."""
        self._link.close()


class TestServer:
    """What only servers have."""

    def test_killed(self) -> None:
        """While a server is away calls raise; when it is back, they work, and that it may have forgotten is told once."""
        with valkey() as server, closing(open_store(server.url)) as store:
            put(store, ("k", "w", 1, b""))
            server.kill()
            for _ in range(2):
                with pytest.raises(redis.ConnectionError):
                    put(store, ("k", "w", 2, b""))
            assert store.lost_sight() is False
            server.start()
            assert Stored(0, {}) == only(store, "k")
            assert [True, False] == [store.lost_sight(), store.lost_sight()]
            put(store, ("k", "w", 2, b""))
            server.kill()
            server.start()
            assert Stored(0, {}) == only(store, "k")
            assert [True, False] == [store.lost_sight(), store.lost_sight()], "redis-py connects again without an error"

    def test_never_there(self) -> None:
        """A server that is not there yet has forgotten nothing."""
        store = open_store(f"redis://127.0.0.1:{free_port()}")
        for call in (lambda: store.get(["k"]), lambda: list(store.keys()), lambda: store.due(1)):
            with pytest.raises(redis.ConnectionError):
                call()
        assert store.lost_sight() is False

    def test_same_run(self, server: Server, server_url: str) -> None:
        """A connection that was cut and made again to the same run of a server is no loss."""
        with closing(open_store(server_url)) as store:
            put(store, ("k", "w", 1, b""))
            server.command("CLIENT", "KILL", "TYPE", "normal")
            assert {"w": b""} == only(store, "k").slots
            assert store.lost_sight() is False

    def test_silence(self) -> None:
        """A server that does not answer is given up soon, without a second try."""
        with valkey() as server, closing(open_store(f"{server.url}?socket_timeout=0.1")) as store:
            put(store, ("k", "w", 1, b""))
            with server.paused(), pytest.raises(redis.TimeoutError):
                put(store, ("k", "w", 2, b""))
            assert only(store, "k").slots
            assert store.lost_sight() is False

    def test_forbidden(self, server: Server, server_url: str) -> None:
        """Where a server does not tell which run it is, every new connection counts."""
        server.command("ACL", "SETUSER", "someone", "on", ">secret", "~*", "+@all", "-info")
        with closing(open_store(server_url.replace("://", "://someone:secret@"))) as store:
            put(store, ("k", "w", 1, b""))
            assert store.lost_sight() is False
            store.close()
            assert {"w": b""} == only(store, "k").slots
            assert [True, False] == [store.lost_sight(), store.lost_sight()]

    def test_errors(self, server: Server, server_url: str) -> None:
        """What the server refuses is raised, without what was to be written."""
        server.command("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@read", "+info")
        with closing(open_store(server_url.replace("://", "://reader:secret@"))) as store:
            with pytest.raises(redis.ResponseError) as raised:
                put(store, ("k", "w", 1, b"confidential"))
            assert "confidential" not in str(raised.value)

    @pytest.mark.slow
    @_needs_fork
    def test_fork(self, server_url: str) -> None:
        """Parent and child go on, each with its own connection."""
        body = """
            import os, sys
            from otel_session_agg.stores import Slot, open_store
            store = open_store(sys.argv[1])
            put = lambda key: store.put([Slot(key, "w", 1, b"")], ttl_seconds=1000)
            put("before")
            if os.fork() == 0:
                put("child")
                store.close()
                os._exit(store.lost_sight())
            status = os.wait()[1]
            put("parent")
            print(status, store.lost_sight(), sorted(store.keys()))
            store.close()
        """
        assert "0 False ['before', 'child', 'parent']" == run(body, server_url).strip()

    def test_close_in_child(self, server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A child that closes does not close what is its parent's."""
        left: list[Any] = []
        monkeypatch.setattr(redis_module, "_LEFT_ALONE", left)
        store = open_store(server_url)
        put(store, ("k", "w", 1, b""))
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            store.close()
        (link,) = left
        link.close()

    def test_prefixes(self, server: Server) -> None:
        """Applications share a server without meeting."""
        urls = [f"{server.url}?prefix={prefix}" for prefix in ("%7Ba%7D", "a", "a%3Ab")]
        stores = [open_store(url) for url in urls]
        for store, key in zip(stores, ("k", "b:k", "k"), strict=True):
            put(store, (key, "w", 1, b""), due=0)
        assert [["k"], ["b:k"], ["k"]] == [list(store.keys()) for store in stores]
        assert [["k"], ["b:k"], ["k"]] == [store.due(10) for store in stores]
        for store in stores:
            store.close()

    def test_everything_ends(self, server: Server, server_url: str) -> None:
        """Whatever is stored has an end, the index too."""
        prefix = server_url.partition("=")[2]
        with closing(open_store(server_url)) as store:
            put(store, ("k", "w", 1, b""), due=0)
            store.claim("k", "one", LONG)
            store.postpone(["absent"], 0)
        names = server.command("KEYS", f"*{prefix}*")
        assert {b"slots", b"claim", b"due"} == {name.rpartition(b":")[2] for name in names}
        assert all(server.command("PTTL", name) > 0 for name in names)

    def test_names_without_keys(self, server: Server, server_url: str) -> None:
        """The index forgets keys that are gone, and they do not stand before others."""
        prefix = server_url.partition("=")[2]
        with closing(open_store(server_url)) as store:
            put(store, *((f"k{number}", "w", 1, b"") for number in range(20)), due=0, ttl=SHORT)
            server_time(server.url)(2 * SHORT)
            put(store, ("new", "w", 1, b""), due=0)
            assert ["new"] == store.due(10)
        assert 1 == sum(server.command("ZCARD", name) for name in server.command("KEYS", f"*{prefix}#*"))

    def test_bounded_search(self, server: Server, server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many such names there are, one call does not go through all of them."""
        monkeypatch.setattr(redis_module, "_MAX_ROUNDS", 1)
        with closing(open_store(server_url)) as store:
            put(store, *((f"k{number}", "w", 1, b"") for number in range(20)), due=0, ttl=SHORT)
            server_time(server.url)(2 * SHORT)
            put(store, ("new", "w", 1, b""), due=0)
            assert [[], [], ["new"]] == [store.due(10) for _ in range(3)]

    def test_named_twice(self, server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server may name a key twice; it comes once."""
        store = RedisStore(server_url)
        put(store, ("k", "w", 1, b""))
        scan = store._connected().scan
        monkeypatch.setattr(store._link, "scan", lambda pattern: chain(scan(pattern), scan(pattern)))
        assert ["k"] == list(store.keys())
        store.close()

    def test_reader_between(self, server_url: str) -> None:
        """A name that a reader drops, because its key is still being written, is there in the end."""
        store, reader = RedisStore(server_url), open_store(server_url)
        seen: list[object] = []
        Between(store, 2, lambda: seen.append(reader.due(10)))
        put(store, ("k", "w", 1, b""), due=0)
        assert ([[]], ["k"]) == (seen, reader.due(10))
        store.close()
        reader.close()

    @pytest.mark.parametrize("number", [2, 3])
    def test_writer_between(self, server_url: str, number: int) -> None:
        """A put amid a settling is seen: before or after the name is taken out of the index, it is in there in the end."""
        store, writer = RedisStore(server_url), open_store(server_url)
        put(store, ("k", "w", 1, b""), due=0)
        version = only(store, "k").version
        told: list[bool] = []
        Between(store, number, lambda: told.extend(put(writer, ("k", "w", 2, b""), due=0)))
        assert not store.settle(Slot("k", "s", 1, b""), version, ttl_seconds=LONG)
        assert ([True], ["k"]) == (told, store.due(10))
        store.close()
        writer.close()

    @pytest.mark.parametrize("number", [1, 2])
    def test_settler_between(self, server_url: str, number: int) -> None:
        """A settling amid a put does not take what is put out of the index."""
        store, settler = RedisStore(server_url), open_store(server_url)
        put(store, ("k", "w", 1, b""), due=0)
        version = only(store, "k").version
        settled: list[bool] = []
        Between(store, number, lambda: settled.append(settler.settle(Slot("k", "s", 1, b""), version, ttl_seconds=LONG)))
        assert [True] == put(store, ("k", "w", 2, b""), due=0)
        assert ([True], ["k"]) == (settled, store.due(10))
        store.close()
        settler.close()


@pytest.mark.slow
class TestCluster:
    """What only clusters have."""

    def test_spread(self, cluster_url: str) -> None:
        """Keys are on several nodes; all parts of one, whatever its name, are together."""
        prefix = uuid4().hex
        with closing(open_store(f"{cluster_url}?prefix={prefix}")) as store:
            put(store, *((name, "w", 1, b"") for name in ODD), due=0)
            for name in ODD:
                store.claim(name, "one", LONG)
        by_node = {node: {name for name in names if prefix in name} for node, names in physical(cluster_url).items()}
        assert 2 <= sum(bool(names) for names in by_node.values())
        parts: dict[str, set[int]] = {}
        for name in set().union(*by_node.values()):
            parts.setdefault(name.rpartition(":")[0], set()).add(key_slot(name.encode()))
        assert len(ODD) == sum(f"{{{prefix}:" in tag for tag in parts)
        assert all(1 == len(slots) for slots in parts.values())

    @pytest.mark.parametrize("scheme", ["redis", "redis+cluster", "valkey", "valkey+cluster"])
    def test_schemes(self, cluster_url: str, scheme: str) -> None:
        """A cluster is told or noticed."""
        with closing(open_store(f"{cluster_url.replace('redis', scheme, 1)}?prefix={uuid4().hex}")) as store:
            put(store, *((f"k{number}", "w", 1, b"") for number in range(20)))
            assert 20 == len(list(store.keys()))
            assert store.lost_sight() is False

    def test_no_cluster(self, server: Server) -> None:
        """A server that is none says so."""
        with pytest.raises(redis.exceptions.RedisClusterException):
            open_store(server.url.replace("redis", "redis+cluster")).get(["k"])

    def test_moved(self, cluster_url: str) -> None:
        """A key that has moved to another node is followed."""
        store = RedisStore(f"{cluster_url}?prefix={uuid4().hex}")
        keys = [f"k{number}" for number in range(30)]
        link: Any = store._connected()
        cache = link._client.nodes_manager.slots_cache
        (first, *_) = cache.values()
        for slot in cache:
            cache[slot] = list(first)
        put(store, *((key, "w", 1, key.encode()) for key in keys), due=0)
        assert [{"w": key.encode()} for key in keys] == [found.slots for found in store.get(keys)]
        assert store.lost_sight() is False
        store.close()

    def test_killed(self) -> None:
        """While a node is away calls raise; when it is back, they work, and that it may have forgotten is told once."""
        with cluster_servers() as servers, closing(open_store(servers[0].url)) as store:
            slots = [(f"k{number}", "w", 1, b"") for number in range(30)]
            put(store, *slots, due=0)
            servers[0].kill()
            with pytest.raises(redis.RedisError):
                put(store, *slots, due=0)
            with pytest.raises(redis.RedisError):
                list(store.keys())
            servers[0].start()
            wait_until(lambda: all(map(knows_all, servers)))
            put(store, *slots, due=0)
            assert 30 == len(store.due(100))
            assert [True, False] == [store.lost_sight(), store.lost_sight()]

    def test_all_killed(self) -> None:
        """When no node answers that was known, the one in the URL is asked again."""
        with cluster_servers() as servers, closing(open_store(servers[0].url)) as store:
            put(store, ("k", "w", 1, b""))
            for server in servers:
                server.kill()
            for _ in range(2):
                with pytest.raises((redis.RedisError, redis.exceptions.RedisClusterException)):
                    only(store, "k")
            for server in servers:
                server.start()
            wait_until(lambda: all(map(knows_all, servers)))
            assert Stored(0, {}) == only(store, "k")
            assert store.lost_sight() is True


class TestOpening:
    """Stores by URL."""

    @pytest.mark.parametrize(
        ("url", "kind"),
        [
            ("memory://", MemoryStore),
            ("sqlite:///sessions.db", SqliteStore),
            ("sqlite:////var/lib/nobody/sessions.db", SqliteStore),
            ("redis://nowhere.invalid", RedisStore),
            ("rediss://user:secret@nowhere.invalid:6380/1?prefix=p&socket_timeout=3", RedisStore),
            ("valkey://nowhere.invalid", RedisStore),
            ("valkeys://nowhere.invalid", RedisStore),
            ("rediss+cluster://nowhere.invalid", RedisStore),
            ("valkeys+cluster://nowhere.invalid", RedisStore),
        ],
    )
    def test_kinds(self, url: str, kind: type) -> None:
        """A URL names a store, which is not opened yet, so nothing has to be there."""
        store = open_store(url)
        assert isinstance(store, kind)
        store.close()

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "memory",
            "memory://there",
            "postgres://user:secret@host/db",
            "sqlite://",
            "sqlite:///",
            "sqlite://sessions.db",
            "sqlite:///:memory:",
            "sqlite:///sessions.db?timeout=secret&password=secret",
            "redis://:se/secret@host:6379",
            "redis://user:secret@host:port",
            "redis://[user:secret@host",
        ],
    )
    def test_wrong(self, url: str) -> None:
        """What is wrong is named, with what is right, and without passwords."""
        with pytest.raises(StoreError, match=r"memory://|redis://") as raised:
            open_store(url)
        assert isinstance(raised.value, SessionAggError)
        assert "password=secret" not in str(raised.value)
        assert "secret@" not in str(raised.value)
        assert raised.value.__cause__ is None

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://user:pa:s@s@host:6379/0", "redis://user:***@host:6379/0"),
            ("redis://:secret@host", "redis://:***@host"),
            ("redis://host:6379?ssl_password=x&prefix=p", "redis://host:6379?ssl_password=***&prefix=p"),
            ("redis://TOKEN@host", "redis://***@host"),
            ("redis://TOKEN:@host", "redis://***@host"),
            ("redis://TO/K?E@N@host:1/0", "redis://***@host:1/0"),
            ("redis://u:a/b?c#d@host", "redis://u:***@host"),
            ("redis://host?pass=x", "redis://host?pass=***"),
            ("redis://host?PWD=x&pass%77ord=y&db=1&k=z w", "redis://host?PWD=***&pass%77ord=***&db=1&k=***"),
            ("unix://:pw@/run/redis.sock?db=0", "unix://:***@/run/redis.sock?db=0"),
            ("unix:///run/redis.sock?password=x", "unix:///run/redis.sock?password=***"),
            ("host:6379,password=abc=,ssl=True", "host:6379,password=***,ssl=True"),
            ("user:pw@host", "***@host"),
            ("https://h/v1?api-key=x", "https://h/v1?api-key=***"),
            ("sqlite:////home/me@corp/x.db", "sqlite:////home/me@corp/x.db"),
            ("redis://host:6379/0", "redis://host:6379/0"),
            ("sqlite:////var/file.db", "sqlite:////var/file.db"),
        ],
    )
    def test_masked(self, url: str, shown: str) -> None:
        """A URL is shown without its passwords, also when those are not quoted as they should be."""
        assert shown == masked(url)

    def test_missing_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without redis-py the error says what to install."""
        monkeypatch.delitem(sys.modules, "otel_session_agg.stores._redis_link", raising=False)
        monkeypatch.setitem(sys.modules, "redis", None)
        with pytest.raises(StoreError, match=r"redis://u:\*\*\*@host .* pip install 'otel-session-agg\[redis\]'"):
            open_store("redis://u:secret@host")

    @pytest.mark.slow
    def test_cheap(self) -> None:
        """Naming stores imports no library of theirs."""
        body = "import sys, otel_session_agg.stores; print(sorted({'redis', 'sqlite3'} & sys.modules.keys()))"
        assert "[]" == run(body).strip()

    def test_threads(self, tmp_path: Path) -> None:
        """A store may be used by one thread after another."""
        store = SqliteStore(tmp_path / "sessions.db")
        put(store, ("k", "w", 1, b""))

        def work() -> None:
            put(store, ("l", "w", 1, b""))
            store.close()

        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        assert ["k", "l"] == list(store.keys())
        store.close()
