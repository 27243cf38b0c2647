"""Stores on servers and clusters."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import Any
from uuid import uuid4

import pytest
import redis
from redis.crc import key_slot

from otel_session_agg.stores import (
    RedisStore,
    Slot,
    Stored,
    open_store,
)
from otel_session_agg.stores import redis as redis_module
from tests.support.scripts import printed
from tests.support.servers import Server, cluster_servers, free_port, knows_all, valkey, wait_until
from tests.support.stores import LONG, ODD, SHORT, only, put
from tests.unit.stores.conftest import server_time

_needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


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
        assert "0 False ['before', 'child', 'parent']" == printed(body, server_url, forks=True).strip()

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
