"""Connections to a Redis or Valkey server, or to a cluster of them.

Rules
-----
* An error reaches the caller at once.  redis-py's own repetitions are switched off, and its
  cluster pipelines are not used: after an error those send every command once more, each with a
  timeout of its own.  Only where a cluster says that a key has moved, the command follows.
* redis-py has the connections; a batch is packed here and sent in one piece, for half of what its
  pipelines cost.
* A batch has phases; no command of a phase is run before those of the phases before it.
* Whether a server may have forgotten what was written is seen when a connection is made: INFO
  names the run of the server.  In a cluster, an error counts too, since it may be followed by a
  failover, which loses the last writes.
* An error about one key only (it is of another type) is the reply for that key; the others have
  theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from inspect import signature
from itertools import chain
from typing import Any, NamedTuple, Protocol

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import AskError, ClusterDownError, RedisClusterException, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

_TIMEOUT_SECONDS = 1.0
"""For connecting and for each reply: a wait here holds back the totals of all sessions."""
_PAGE_KEYS = 1000
"""Keys that a server looks at before it replies."""
_RUN_ID = re.compile(rb"^run_id:(\w+)", re.MULTILINE)
_OF_ONE_KEY = re.compile("WRONGTYPE|not an integer|not a valid float|would overflow")
"""In errors about what one key holds.

Servers before Redis 7 put more text before it when a script meets them.
"""
_UNREACHABLE = (RedisConnectionError, RedisTimeoutError, ClusterDownError, RedisClusterException)


class Command(NamedTuple):
    """A command of one physical key."""

    key: str
    args: tuple[str | bytes | int, ...]


class Link(Protocol):
    """A connection to a server or a cluster."""

    def run(self, *phases: Sequence[Command]) -> list[list[Any]]:
        """Run commands; return the replies of each phase.

        An error about one key only is the reply for that key; the first other one is raised.
        """
        ...

    def scan(self, pattern: str) -> Iterator[bytes]:
        """Return physical keys that match, some of them perhaps more than once."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class Sight:
    """Remembers which run of each server it was connected to."""

    def __init__(self) -> None:
        self.lost = False
        """Whether a server may have forgotten something."""
        self._runs: dict[str, bytes] = {}

    def greet(self, connection: Any) -> None:
        """Ask the server behind a new connection which run it is."""
        address = f"{connection.host}:{connection.port}"
        connection.send_command("INFO", "server")
        try:
            found = _RUN_ID.search(connection.read_response())
        except ResponseError:
            # not every user may ask; then every further connection could be to another run
            found = None
        run = found[1] if found else b""
        self.lost |= address in self._runs and (not run or run != self._runs[address])
        self._runs[address] = run


def open_link(url: str, sight: Sight, *, cluster: bool) -> Link:
    """Connect to a server, or to the cluster that it is part of."""
    if cluster:
        return _Cluster(url, sight)
    server = _Server(url, sight)
    if not server.is_in_cluster():
        return server
    server.close()
    return _Cluster(url, sight)


class _Server:
    """One server: the phases are one pipeline, which it runs in order."""

    def __init__(self, url: str, sight: Sight) -> None:
        def greet(connection: Any) -> None:
            connection.on_connect()  # redis-py leaves its own part to this function
            sight.greet(connection)

        self._client = Redis.from_url(url, redis_connect_func=greet, **_options())

    def is_in_cluster(self) -> bool:
        try:
            found: Any = self._client.info("cluster")
        except ResponseError:  # not every user may ask
            return False
        return bool(found.get("cluster_enabled"))

    def run(self, *phases: Sequence[Command]) -> list[list[Any]]:
        replies = iter(_checked(_pipelined(self._client, list(chain(*phases)))))
        return [[next(replies) for _ in phase] for phase in phases]

    def scan(self, pattern: str) -> Iterator[bytes]:
        yield from self._client.scan_iter(match=pattern, count=_PAGE_KEYS)

    def close(self) -> None:
        self._client.close()


class _Cluster:
    """A cluster: each phase is one pipeline for every node that has some of its keys."""

    def __init__(self, url: str, sight: Sight) -> None:
        self._url = url
        self._sight = sight
        self._unsure = False
        """Whether nodes may have changed their parts of the keys since they were asked."""
        self._client = self._connect()

    def run(self, *phases: Sequence[Command]) -> list[list[Any]]:
        with self._known_nodes():
            return [_checked(self._phase(phase)) for phase in phases]

    def scan(self, pattern: str) -> Iterator[bytes]:
        with self._known_nodes():
            for node in self._client.get_primaries():
                yield from self._client.get_redis_connection(node).scan_iter(
                    match=pattern, count=_PAGE_KEYS
                )

    def close(self) -> None:
        # close() alone leaves that to the garbage collector
        self._client.disconnect_connection_pools()
        self._client.close()

    @contextmanager
    def _known_nodes(self) -> Iterator[None]:
        try:
            if self._unsure:
                self._look_again()
                self._unsure = False
                self._sight.lost = True
            yield
        except _UNREACHABLE:
            self._unsure = True
            raise

    def _connect(self) -> Any:
        return RedisCluster.from_url(self._url, redis_connect_func=self._sight.greet, **_options())

    def _look_again(self) -> None:
        try:
            self._client.nodes_manager.initialize()
        except RedisClusterException:  # no known node answers: begin with that of the URL
            self.close()
            self._client = self._connect()

    def _phase(self, commands: Sequence[Command]) -> list[Any]:
        nodes = [self._client.get_node_from_key(command.key) for command in commands]
        by_node: dict[str, list[int]] = {}
        for position, node in enumerate(nodes):
            by_node.setdefault(node.name, []).append(position)
        replies: list[Any] = [None] * len(commands)
        for positions in by_node.values():
            client = self._client.get_redis_connection(nodes[positions[0]])
            found = _pipelined(client, [commands[position] for position in positions])
            for position, reply in zip(positions, found, strict=True):
                moved = isinstance(reply, AskError)  # MovedError is one too
                replies[position] = (
                    self._client.execute_command(*commands[position].args) if moved else reply
                )
        return replies


def _options() -> dict[str, Any]:
    """Return options of redis-py that a URL may override.

    RESP 2 is the protocol that every server and proxy speaks.
    """
    return {
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "decode_responses": False,
    }


def _pipelined(client: Any, commands: Sequence[Command]) -> list[Any]:
    """Run commands in one piece; return their replies, and errors among them."""
    pool = client.connection_pool
    connection = pool.get_connection(*_POOL_WANTS)
    replies: list[Any] = []
    try:
        connection.send_packed_command([_packed(commands)])
        replies += [_reply(connection) for _ in commands]
    finally:
        if not replies:
            connection.disconnect()  # some may still come
        pool.release(connection)
    return replies


def _packed(commands: Sequence[Command]) -> bytes:
    parts: list[bytes] = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command.args))
        for arg in command.args:
            data = arg if isinstance(arg, bytes) else str(arg).encode()
            parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def _reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


_POOL_WANTS = (
    ()
    if signature(ConnectionPool.get_connection).parameters["command_name"].default is None
    else ("EVAL",)
)
"""Before redis-py 5.3 a pool needs the name of a command; since then it warns of it."""


def _checked(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Exception) and not _OF_ONE_KEY.search(str(reply)):
            raise reply
    return replies
