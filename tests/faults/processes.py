"""Attacks on processes: forks in the middle of anything, children that are killed, and ones that begin anew."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import SessionSpanProcessor
from otel_session_agg.testing import RecordingExporter

from .kit import apart, attack, say

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 1_000_000,
    "gen_ai.usage.output_tokens": 0,
}
"""A call that costs 2.50 USD."""

_COST_USD = 2.5
_SOON_SECONDS = 3.0
"""Longer than a fork takes beside an import or a call to a store, shorter than SQLite waits for others."""


class _Application:
    def __init__(self, store: str | None = None) -> None:
        self.exporter = RecordingExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(self.exporter), store=store))
        self.tracer = self.provider.get_tracer("faults")

    def request(self, session_id: str = "chat") -> None:
        with self.tracer.start_as_current_span("request", attributes={"session.id": session_id}):
            self.tracer.start_span("chat", attributes=CALL).end()

    def costs(self) -> list[float]:
        """Of all requests, flushed."""
        assert self.provider.force_flush(30_000)
        return [(span.attributes or {}).get("metadata.cost") for span in self.exporter.spans if span.name == "request"]  # type: ignore[misc]


def _in_child(work: Callable[[], Any]) -> Any:
    """What a forked child says; it must not raise."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(said)


class _Slow(MetaPathFinder):
    """Tells that a module is looked for, and takes its time."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self.has_begun = threading.Event()

    def find_spec(self, name: str, *_: object) -> None:
        """Find nothing: the others do."""
        if name == self._name:
            self.has_begun.set()
            threading.Event().wait(self._seconds)


def _forks_while_importing(place: str, pause: float) -> None:
    slow = _Slow(place, pause)
    sys.meta_path.insert(0, slow)
    application = _Application()
    application.request()
    assert slow.has_begun.wait(30)

    def child() -> list[float]:
        application.exporter.clear()
        application.request()
        return application.costs()

    in_child = _in_child(child)
    say([in_child, application.costs()])


@attack(short=1, long=30)
def fork_while_prices_are_imported(chance: random.Random, rounds: int) -> None:
    """A child of a fork in the middle of the import of prices knows them, and so does its parent."""
    for _ in range(rounds):
        module = chance.choice(["genai_prices.data", "genai_prices.types", "genai_prices.data_snapshot"])
        ended = apart(_forks_while_importing, place=module, pause=chance.uniform(0.05, 0.3))
        assert [[_COST_USD], [_COST_USD]] == ended.said, ended


def _forks_beside_locked_file(path: str, forks: int) -> None:
    application = _Application(f"sqlite:///{path}")
    application.request()
    application.costs()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    application.request()  # the store's thread waits from now on
    waits = []
    for _ in range(forks):
        threading.Event().wait(0.05)
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        waits.append(time.monotonic() - began)
        os.waitpid(pid, 0)
    other.execute("ROLLBACK")
    other.close()
    say([max(waits), application.costs()])


@attack(short=2, long=300)
def fork_beside_a_locked_file(_: random.Random, rounds: int) -> None:
    """A fork does not wait for a store's file that another process has locked, and nothing is lost."""
    with tempfile.TemporaryDirectory() as folder:
        waited, costs = apart(_forks_beside_locked_file, path=str(Path(folder, "sessions.db")), forks=rounds).said
    assert waited < _SOON_SECONDS
    assert [_COST_USD, _COST_USD] == costs


def _forks_under_load(forks: int, seed: int) -> None:
    application = _Application()
    chance, is_over = random.Random(seed), threading.Event()  # noqa: S311 -- to be repeated
    numbers = [0, 0]

    def work(index: int) -> None:
        while not is_over.is_set():
            application.request(f"chat {index}")
            numbers[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(numbers))]
    for thread in threads:
        thread.start()

    def child() -> int:
        application.exporter.clear()
        for _ in range(20):
            application.request("child")
        return len(application.costs())

    said = []
    for _ in range(forks):
        threading.Event().wait(chance.uniform(0.0, 0.02))
        said.append(_in_child(child))
    is_over.set()
    for thread in threads:
        thread.join()
    say([said, len(application.costs()) - sum(numbers)])


@attack(short=2, long=500)
def fork_under_load(chance: random.Random, rounds: int) -> None:
    """Children of forks beside busy threads export what is theirs, and the parent loses nothing."""
    in_children, more = apart(_forks_under_load, forks=rounds, seed=chance.randrange(1000), seconds=60.0 + rounds).said
    assert ([20] * rounds, 0) == (in_children, more)


def _writes_until_killed(path: str) -> None:
    application = _Application(f"sqlite:///{path}")
    while True:
        application.request("killed")
        application.costs()
        application.exporter.clear()


@attack(short=1, long=100)
def kill_beside_a_store(chance: random.Random, rounds: int) -> None:
    """Processes that are killed while they write leave a store that others go on with."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "sessions.db"))
        for _ in range(rounds):
            process = multiprocessing.get_context("spawn").Process(target=_writes_until_killed, args=(path,))
            process.start()
            assert process.pid is not None
            until = time.monotonic() + 30.0
            while not Path(path).exists() and time.monotonic() < until:
                threading.Event().wait(0.01)
            process.join(chance.uniform(0.0, 0.3))
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            application = _Application(f"sqlite:///{path}")
            application.request("goes on")
            assert [_COST_USD] == application.costs()
            assert {} == application.provider._active_span_processor._span_processors[0]._span_worker.faults()  # type: ignore[attr-defined]
            application.provider.shutdown()
