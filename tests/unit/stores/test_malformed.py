"""Entries in a server or a file that cannot be ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from otel_session_agg.stores import (
    RedisStore,
    Slot,
    SqliteStore,
    Stored,
)
from tests.support.servers import Server, wait_until
from tests.support.stores import LONG, SHORT, only, put, statements

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
