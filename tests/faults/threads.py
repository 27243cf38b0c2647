"""Attacks by a system that refuses threads."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from otel_session_agg import current_rollup, session

from .kit import apart, attack, say
from .programs import CALL, Kept, Traced, expected, no_threads

NOBODY = 65534
"""A user whose number of processes is limited; that of root is not."""


def script(end: str, number: int, *, by_limit: bool, store: str | None) -> None:
    """A script that has no threads from the start."""
    began = time.monotonic()
    if not by_limit:
        no_threads()
    exporter = Kept()
    traced = Traced(exporter, store=store)
    if by_limit:  # everything is imported by now: nobody may not read all folders
        import resource  # noqa: PLC0415 -- not on every system
        import sqlite3  # noqa: F401, PLC0415 -- the store's

        os.setuid(NOBODY)
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    live: list[Any] = []
    for index in range(number):
        traced.request(str(index))
    with session("asked"), traced.tracer.start_as_current_span("asked"):
        traced.tracer.start_span("chat", attributes=CALL).end()
        found = current_rollup()
        live.append(found and found.total_tokens)
    is_flushed = traced.provider.force_flush(10_000) if end == "flush" else None
    if end == "shutdown":
        traced.provider.shutdown()
    say([exporter.tokens, live, is_flushed, len(traced.records), time.monotonic() - began < 10.0, threading.active_count()])


@attack(short=4, long=60)
def none_to_be_had(chance: random.Random, rounds: int) -> None:
    """Questions, flush and shutdown do without a thread, and callbacks are made."""
    for number in range(rounds):
        end = ("flush", "shutdown")[number % 2]
        by_limit = number % 4 > 1 and os.getuid() == 0 and sys.platform == "linux"
        with tempfile.TemporaryDirectory() as folder:
            if by_limit:
                Path(folder).chmod(0o777)
            store = f"sqlite:///{folder}/s.db" if number % 3 == 2 else None
            many = chance.randrange(1, 30)
            said = apart(script, end=end, number=many, by_limit=by_limit, store=store).said
        tokens, live, is_flushed, num_records, is_quick, _ = said
        assert {**expected(many), "asked": 15} == tokens, said
        assert [15] == live, said
        assert is_flushed in (True, None), said
        assert end == "flush" or num_records == many + 1 or store is not None, said
        assert is_quick, said


def at_exit(path: str) -> None:
    """A plain script of one block; threads are refused when the interpreter ends, as Python 3.12.0 to 3.12.2 do."""
    import atexit  # noqa: PLC0415 -- what is registered first runs last

    exporter = Kept()
    atexit.register(lambda: Path(path).write_text(str(exporter.tokens), "utf-8"))
    traced = Traced(exporter, shutdown_on_exit=True)
    atexit.register(no_threads, "can't create new thread at interpreter shutdown")
    traced.request("0")


@attack(short=1, long=20)
def none_at_exit(chance: random.Random, rounds: int) -> None:
    """A plain script exports at its end, and nothing is said of it."""
    del chance
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tokens"
            ended = apart(at_exit, path=str(path))
            assert (0, str(expected(1)), "") == (ended.status, path.read_text("utf-8"), ended.stderr)
