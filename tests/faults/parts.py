"""Attacks by what an application hands in: exporters, callbacks, loggers and stores that raise, hang or end threads."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from otel_session_agg import current_rollup, end_session, session
from otel_session_agg.stores.memory import MemoryStore

from .kit import apart, attack, say
from .programs import CALL, Kept, Traced, expected, wait_until


class Panic(BaseException):
    """As libraries in Rust raise it."""


ERRORS: tuple[type[BaseException], ...] = (
    ValueError,
    MemoryError,
    RecursionError,
    asyncio.CancelledError,
    SystemExit,
    GeneratorExit,
    Panic,
)


def breaking(chance: random.Random, share: float, *errors: type[BaseException]) -> Callable[[], object]:
    """Raises one of some errors, each time with some chance."""

    def breaks() -> None:
        if chance.random() < share:
            raise chance.choice(errors)

    return breaks


class Broken(logging.Handler):
    """A log handler or filter that does something unexpected; ``how`` names it."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.num_calls = 0

    def handle(self, record: logging.LogRecord) -> bool:
        """Break, without the help that ``logging`` has for its own handlers."""
        self.num_calls += 1
        record.getMessage()
        acts: dict[str, Callable[[], object]] = {
            "raises": partial(_raise, ValueError),
            "exits": partial(_raise, SystemExit),
            "panics": partial(_raise, Panic),
            "asks": current_rollup,
            "flushes": partial(_flush, self),
            "hangs": partial(time.sleep, 3600),
            "ends spans": partial(_span, self),
        }
        acts[self.how]()
        return True

    provider: Any = None


def _raise(kind: type[BaseException]) -> None:
    raise kind


def _flush(handler: Broken) -> None:
    handler.provider.force_flush(20_000)


def _span(handler: Broken) -> None:
    with session("logged"):
        handler.provider.get_tracer("log").start_span("logged").end()
        current_rollup()


HANDLERS = ("raises", "exits", "panics", "asks", "flushes", "hangs", "ends spans")


@attack(short=20, long=2000)
def exporter_ends_threads(chance: random.Random, rounds: int) -> None:
    """An exporter that raises anything gets everything once, and flushes raise nothing."""
    exporter = Kept(breaking(chance, 0.5, *ERRORS))
    traced = Traced(exporter)
    for number in range(rounds):
        traced.request(str(number))
        if chance.random() < 0.2:
            traced.provider.force_flush()
        elif chance.random() < 0.2:
            wait_until(lambda: not traced.part._span_worker.held and not traced.part._span_worker.queue)
    exporter.breaks = lambda: None
    traced.provider.shutdown()
    assert expected(rounds) == exporter.tokens
    assert {1} == {count for name, count in exporter.names.items() if name != "chat"}
    assert rounds == exporter.names["chat"]


@attack(short=20, long=1000)
def callback_ends_threads(chance: random.Random, rounds: int) -> None:
    """Callbacks that raise anything are all made, and each is counted."""
    seen: list[str] = []
    breaks = breaking(chance, 0.5, *ERRORS)

    def on_session(record: Any) -> None:
        seen.append(record.session_id)
        breaks()

    traced = Traced(Kept(), on_session=on_session)
    for number in range(rounds):
        traced.request(str(number))
        end_session(str(number))
        if chance.random() < 0.2:
            traced.provider.force_flush()
    traced.provider.shutdown()
    wait_until(lambda: len(seen) == rounds)
    assert sorted(seen) == sorted(map(str, range(rounds)))
    assert "a callback" in traced.faults


class BrokenStore(MemoryStore):
    """A store of which any call raises, as long as ``breaks`` says so."""

    breaks: Callable[[], object] = staticmethod(lambda: None)

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in {"breaks", "close"}:
            super().__getattribute__("breaks")()
        return super().__getattribute__(name)


@attack(short=10, long=200)
def store_ends_threads(chance: random.Random, rounds: int) -> None:
    """A store that raises anything is made good when it does so no longer; roots leave all the same."""
    store = BrokenStore()
    exporter = Kept()
    traced = Traced(exporter, store=store)
    store.breaks = breaking(chance, 0.3, *ERRORS)
    for number in range(rounds):
        traced.request(str(number))
        traced.provider.force_flush(2_000)
    store.breaks = lambda: None
    for number in range(rounds):
        end_session(str(number))
    wait_until(lambda: traced.provider.force_flush() and len(traced.records) >= rounds)
    assert {str(number) for number in range(rounds)} == set(exporter.tokens)
    assert dict.fromkeys(map(str, range(rounds)), 15) == {one.session_id: one.rollup.total_tokens for one in traced.records}
    traced.provider.shutdown()


def logged(how: str, where: str, *, is_filter: bool) -> None:
    """A model that nobody can price, which is said, with a handler that breaks."""
    began = time.monotonic()
    handler = Broken(how)
    logger = logging.getLogger(where or None)
    if is_filter:
        logging.getLogger("otel_session_agg").addFilter(handler.handle)
        logger.addHandler(logging.NullHandler())
    else:
        logger.addHandler(handler)
    exporter = Kept()
    traced = Traced(exporter, prices={})
    handler.provider = traced.provider
    live = []
    for number in range(5):
        with session(str(number)), traced.tracer.start_as_current_span(str(number)):
            attributes = {**CALL, "gen_ai.request.model": f"nobody-knows-{number}"}
            traced.tracer.start_span("chat", attributes=attributes).end()
            found = current_rollup()
            live.append(found and found.total_tokens)
            if number % 2:
                time.sleep(0.05)
    is_flushed = traced.provider.force_flush(10_000)
    traced.provider.shutdown()
    tokens = {name: count for name, count in exporter.tokens.items() if name in expected(5)}
    say([tokens, live, is_flushed, handler.num_calls > 0, time.monotonic() - began < 8.0])


@attack(short=len(HANDLERS), long=4 * len(HANDLERS))
def loggers(chance: random.Random, rounds: int) -> None:
    """A log handler or filter that raises, asks, flushes, hangs or ends spans changes nothing."""
    for number in range(rounds):
        how, is_filter = HANDLERS[number % len(HANDLERS)], chance.random() < 0.5
        said = apart(logged, how=how, where=chance.choice(("", "otel_session_agg")), is_filter=is_filter).said
        assert [expected(5), [15] * 5, True, True, True] == said, (how, is_filter, said)


def asks_and_hangs() -> None:
    """A handler that asks for totals while another thread logs, under the handler's own lock."""

    class Asks(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            del record
            current_rollup()

    logging.getLogger().addHandler(Asks())
    exporter = Kept()
    traced = Traced(exporter, prices={})

    def work(index: int) -> None:
        for number in range(50):
            name = f"{index}-{number}"
            with session(name), traced.tracer.start_as_current_span(name):
                attributes = {**CALL, "gen_ai.request.model": f"nobody-knows-{name}"}
                traced.tracer.start_span("chat", attributes=attributes).end()
                logging.getLogger("app").warning("asked")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    work(4)
    for thread in threads:
        thread.join()
    traced.provider.shutdown()
    say([len(exporter.tokens), set(exporter.tokens.values()) == {15}])


@attack(short=1, long=20)
def loggers_at_once(chance: random.Random, rounds: int) -> None:
    """Handlers that ask for totals on several threads at once hang nobody."""
    del chance
    for _ in range(rounds):
        assert [250, True] == apart(asks_and_hangs).said


@attack(short=3, long=30)
def exporter_flushes(chance: random.Random, rounds: int) -> None:
    """An exporter that flushes, shuts down or asks does not wait for itself."""
    for number in range(rounds):
        exporter = Kept()
        traced = Traced(exporter)
        exporter.breaks = (partial(traced.part.force_flush, 20_000), current_rollup, traced.provider.force_flush)[number % 3]
        began = time.monotonic()
        for index in range(5):
            traced.request(str(index))
            if chance.random() < 0.5:
                traced.provider.force_flush()
        traced.provider.shutdown()
        assert expected(5) == exporter.tokens
        assert time.monotonic() - began < 10.0


@attack(short=2, long=20)
def threads_that_die(chance: random.Random, rounds: int) -> None:
    """Threads that are ended from outside are replaced, which is counted and said once."""
    # apart, since CPython 3.11 repeats one instruction forever where a thread is traced (coverage is measured) while an
    # exception waits for another thread that sleeps
    assert 0 == (ended := apart(_threads_die, seed=chance.randrange(2**32), rounds=rounds)).status, ended.stderr


def _threads_die(seed: int, rounds: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- to be repeated
    import ctypes  # noqa: PLC0415 -- of this attack only

    end = ctypes.pythonapi.PyThreadState_SetAsyncExc
    exporter = Kept()
    traced = Traced(exporter)
    for number in range(rounds):
        traced.request(str(number))
        wait_until(lambda: str(number) in exporter.tokens)  # noqa: B023 -- waited for here
        thread = traced.part._span_worker.worker.thread
        end(ctypes.c_ulong(thread.ident), ctypes.py_object(chance.choice((SystemExit, Panic))))
        traced.part._span_worker.wake_worker()
        time.sleep(0.2)
    traced.request("last")
    wait_until(lambda: "last" in exporter.tokens)
    traced.provider.shutdown()
    assert {**expected(rounds), "last": 15} == exporter.tokens
    assert rounds <= sum(traced.part._span_worker.faults().values())
