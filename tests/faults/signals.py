"""Attacks by signals: handlers that raise between any two steps of the main thread, or do their own business there."""

from __future__ import annotations

import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

from otel_session_agg import SessionSpanProcessor, current_rollup, session

from .kit import apart, attack, say
from .programs import CALL, PRICES, Kept, Traced, no_threads


class SoftLimit(Exception):  # noqa: N818 -- as Celery's ``SoftTimeLimitExceeded``, an ``Exception``
    """Raised by a signal handler, and meant for the application."""


class Alarms:
    """A handler that raises after random times, and how often it did and was heard of."""

    def __init__(self, chance: random.Random, kind: type[BaseException], seconds: float) -> None:
        self.raised = self.heard = 0
        self._chance = chance
        self._kind = kind
        self._seconds = seconds
        self._is_on = False
        signal.signal(signal.SIGALRM, self._handle)

    def _handle(self, _number: int, _frame: Any) -> None:
        if self._is_on:
            self._is_on = False
            self.raised += 1
            raise self._kind

    def during(self, work: Callable[[], object]) -> bool:
        """Work, with an alarm at some time in it; returns whether it was interrupted."""
        try:
            self._is_on = True
            signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(1e-6, self._seconds))
            try:
                work()
            finally:
                self._is_on = False
                signal.setitimer(signal.ITIMER_REAL, 0.0)
        except self._kind:
            self.heard += 1
            return True
        return False


class Swallowed(logging.Handler):
    """Counts what the SDK catches and logs: exceptions inside exporters, and while a context is detached."""

    def __init__(self, kind: type[BaseException]) -> None:
        super().__init__()
        self.number = 0
        self._kind = kind
        logging.getLogger("opentelemetry").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        self.number += record.exc_info is not None and record.exc_info[0] is self._kind


def interrupted(what: str, kind: str, rounds: int, seed: int, *, threads: bool) -> None:
    """Alarms in the middle of questions, flushes or spans."""
    if not threads:
        no_threads()
    chance = random.Random(seed)  # noqa: S311 -- to be repeated
    exporter = Kept()
    traced = Traced(exporter)
    raises = {"soft": SoftLimit, "ctrl-c": KeyboardInterrupt, "exit": SystemExit}[kind]
    alarms, swallowed = Alarms(chance, raises, 0.002), Swallowed(raises)
    ended: list[str] = []
    for number in range(rounds):
        with session(str(number)), traced.tracer.start_as_current_span(str(number)):
            for _ in range(chance.randrange(1, 30)):
                traced.tracer.start_span("chat", attributes=CALL).end()
            ended.append(str(number))
            work: dict[str, Callable[[], object]] = {
                "asks": lambda: [current_rollup() for _ in range(20)],
                "flushes": traced.provider.force_flush,
                "spans": lambda: [traced.tracer.start_span("more").end() for _ in range(60)],
            }
            alarms.during(work[what])
    began = time.monotonic()
    live = []
    with session("live"), traced.tracer.start_as_current_span("live"):
        traced.tracer.start_span("chat", attributes=CALL).end()
        found = current_rollup()
        live.append(found and found.total_tokens)
    is_flushed = traced.provider.force_flush(20_000)
    is_quick = time.monotonic() - began < 15.0
    once = {name: exporter.names[name] for name in ended if exporter.names[name] != 1}
    say(
        [
            alarms.raised,
            alarms.heard + swallowed.number,
            once,
            live,
            is_flushed,
            is_quick,
            sum((x or 0) for x in exporter.tokens.values()),
            15 * exporter.names["chat"],
        ]
    )


@attack(short=4, long=40)
def exceptions_of_handlers(chance: random.Random, rounds: int) -> None:
    """What a handler raises arrives, every root leaves once with all of its tokens, and everything goes on."""
    for number in range(rounds):
        what, kind = ("asks", "flushes", "spans")[number % 3], ("soft", "ctrl-c", "exit")[number % 5 % 3]
        said = apart(interrupted, what=what, kind=kind, rounds=150, seed=chance.randrange(10**6), threads=True).said
        raised, heard, not_once, live, is_flushed, is_quick, tokens, expected = said
        assert raised > 10, said
        assert raised == heard, said
        assert ({}, [15], True, True, expected) == (not_once, live, is_flushed, is_quick, tokens), said


@attack(short=2, long=40, plain_only=True)
def exceptions_of_handlers_without_threads(chance: random.Random, rounds: int) -> None:
    """Where no thread can be had everything goes on, and no root leaves twice; one that was just handed on may be lost."""
    for number in range(rounds):
        what, kind = ("asks", "flushes")[number % 2], ("soft", "ctrl-c", "exit")[number // 2 % 3]
        said = apart(interrupted, what=what, kind=kind, rounds=150, seed=chance.randrange(10**6), threads=False).said
        raised, heard, not_once, live, is_flushed, is_quick, _, _ = said
        assert raised > 10, said
        assert raised == heard, said
        assert {0} >= set(not_once.values()), said  # never twice
        assert len(not_once) <= 5, said  # an exporter that is interrupted while it takes a span does not say whether it has it
        assert [[15], True, True] == [live, is_flushed, is_quick], said


def handler_flushes(where: str, seed: int) -> None:
    """A handler that flushes and asks, in the middle of all that the main thread does."""
    chance = random.Random(seed)  # noqa: S311 -- to be repeated
    exporter = Kept()
    more: dict[str, Any] = {"settings": {"max_queue_size": 10}} if where == "full" else {}
    provider = TracerProvider(shutdown_on_exit=False)
    if where == "live":
        provider.add_span_processor(SessionSpanProcessor(prices=PRICES))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    elif where == "batch":
        provider.add_span_processor(SessionSpanProcessor(BatchSpanProcessor(exporter), prices=PRICES))
    else:
        provider.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(exporter), prices=PRICES, **more))
    tracer = provider.get_tracer("faults")
    longest, num_calls = 0.0, 0

    def handle(_number: int, _frame: Any) -> None:
        nonlocal longest, num_calls
        num_calls += 1
        began = time.monotonic()
        provider._active_span_processor._span_processors[0].force_flush(30_000)
        current_rollup()
        longest = max(longest, time.monotonic() - began)

    signal.signal(signal.SIGALRM, handle)
    number = 0
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 0.01))
        with session(str(number)), tracer.start_as_current_span(str(number)):
            for _ in range(chance.randrange(1, 40)):
                tracer.start_span("chat", attributes=CALL).end()
            current_rollup()
        number += 1
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    provider.force_flush(20_000)
    lost = [index for index in range(number) if exporter.names[str(index)] != 1]
    say([num_calls, longest < 5.0, lost, sum((x or 0) for x in exporter.tokens.values()), 15 * exporter.names["chat"]])


@attack(short=3, long=40)
def handlers_that_flush(chance: random.Random, rounds: int) -> None:
    """A handler that flushes and asks does not wait for its own thread, and breaks nothing."""
    for number in range(rounds):
        where = ("processor", "full", "live")[number % 3]
        num_calls, is_quick, lost, tokens, expected = apart(handler_flushes, where=where, seed=chance.randrange(10**6)).said
        assert num_calls > 5, where
        assert [True, [], expected] == [is_quick, lost, tokens], where


def ctrl_c(seed: int) -> None:
    """Ctrl-C beside questions on several threads, as often as it can be."""
    chance = random.Random(seed)  # noqa: S311 -- to be repeated
    exporter = Kept()
    traced = Traced(exporter)
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored

    def work(index: int) -> None:
        number = 0
        while not stop.is_set():
            name = f"{index}-{number}"
            with session(name), traced.tracer.start_as_current_span(name):
                traced.tracer.start_span("chat", attributes=CALL).end()
                current_rollup()
            number += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    heard = 0
    for _ in range(100):
        try:
            threading.Timer(chance.uniform(0.0, 0.004), os.kill, (os.getpid(), signal.SIGINT)).start()
            while True:
                current_rollup()
                traced.provider.force_flush()
        except KeyboardInterrupt:  # noqa: PERF203 -- that is what is counted
            heard += 1
    stop.set()
    for thread in threads:
        thread.join()
    is_flushed = traced.provider.force_flush(20_000)
    names = {name: count for name, count in exporter.names.items() if name != "chat" and count != 1}
    say([heard, is_flushed, names, sum((x or 0) for x in exporter.tokens.values()), 15 * exporter.names["chat"]])


@attack(short=1, long=20)
def interrupts(chance: random.Random, rounds: int) -> None:
    """Ctrl-C beside questions and flushes costs nothing and leaves nothing locked."""
    for _ in range(rounds):
        heard, is_flushed, not_once, tokens, expected = apart(ctrl_c, seed=chance.randrange(10**6)).said
        assert [100, True, {}, expected] == [heard, is_flushed, not_once, tokens]
