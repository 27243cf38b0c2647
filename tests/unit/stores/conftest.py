"""Where stores of each kind meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from otel_session_agg.stores import (
    MemoryStore,
    SessionStore,
    SqliteStore,
    open_store,
)
from otel_session_agg.testing import FakeClock
from tests.support.servers import Server, wait_until


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
