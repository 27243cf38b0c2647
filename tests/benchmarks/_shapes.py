"""How applications make spans: the shapes that a processor's cost is measured in."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from opentelemetry.trace import Tracer

from ._openinference import OPENINFERENCE
from ._web_workload import WEB_SPANS, run_web_trace
from ._workload import GEN_AI, SPANS, TRACE, Dialect, chat_of, conversing, run_trace, trace_steps, wrong

THREADS = 8

Session = Callable[[str], AbstractContextManager[Any]]
"""``session``, of the version that is measured; the baseline's does nothing."""

Run = Callable[[Tracer, int, Session], int]
"""Make so many traces; return the CPU time of the application's further threads, in nanoseconds."""


def no_session(_session_id: str) -> AbstractContextManager[Any]:
    """Stand in for ``session`` where nothing is to be stamped."""
    return nullcontext()


class Shape(NamedTuple):
    """One way of making spans."""

    name: str
    run: Run
    spans: int = SPANS
    """Of one trace."""
    traces: int = 50
    """Of one block."""
    root_key: str = TRACE
    """The attribute that only roots have."""
    wrong: Callable[[Mapping[str, Any]], dict[str, Any]] = wrong
    """What is not as it must be on an exported root."""


def _each(one: Callable[[Tracer, int, Session], object]) -> Run:
    """Make traces one after the other."""

    def run(tracer: Tracer, traces: int, session: Session) -> int:
        for trace in range(traces):
            one(tracer, trace, session)
        return 0

    return run


def _in(dialect: Dialect) -> Run:
    return _each(lambda tracer, trace, _: run_trace(tracer, trace, dialect=dialect))


def _of_chat(tracer: Tracer, trace: int, _session: Session) -> None:
    run_trace(tracer, trace, root={"session.id": chat_of(trace)})


def _in_session(tracer: Tracer, trace: int, session: Session) -> None:
    with session(chat_of(trace)):
        run_trace(tracer, trace)


def _in_tasks(tracer: Tracer, traces: int, _session: Session) -> int:
    async def one(trace: int) -> None:
        for _ in trace_steps(tracer, trace, GEN_AI):
            await asyncio.sleep(0)

    async def every() -> None:
        await asyncio.gather(*map(one, range(traces)))

    asyncio.run(every())
    return 0


def _in_threads(tracer: Tracer, traces: int, _session: Session) -> int:
    spent: list[int] = []

    def work(first: int) -> None:
        for trace in range(first, traces, THREADS):
            run_trace(tracer, trace)
        spent.append(time.thread_time_ns())

    threads = [threading.Thread(target=work, args=(first,)) for first in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(spent)


def _wrong_web(attributes: Mapping[str, Any]) -> dict[str, Any]:
    have = {key: attributes.get(key) for key in _WEB_TOTALS}
    return {key: (want, have[key]) for key, want in _WEB_TOTALS.items() if have[key] != want}


_WEB_TOTALS = {"metadata.num_events": WEB_SPANS - 1, "metadata.num_model_events": 0, "metadata.total_tokens": 0}

LLM = Shape("LLM", _in(GEN_AI))
WEB = Shape(
    "web, no model", _each(lambda tracer, trace, _: run_web_trace(tracer, trace)), WEB_SPANS, 100, "http.route", _wrong_web
)
SHAPES = (
    LLM,
    Shape("LLM, burst of 5 traces", LLM.run, traces=5),
    Shape("OpenInference", _in(OPENINFERENCE)),
    WEB,
    Shape("session.id on the root", _each(_of_chat)),
    Shape("gen_ai.conversation.id on every span", _in(conversing(GEN_AI))),
    Shape("inside session()", _each(_in_session)),
    Shape("200 asyncio tasks", _in_tasks, traces=200),
    Shape("8 threads", _in_threads, traces=80),
)
"""Without a network."""


def without(shape: Shape, *names: str) -> Shape:
    """Return a shape whose check leaves some totals out, which older versions do not write."""

    def wrong_but(attributes: Mapping[str, Any]) -> dict[str, Any]:
        return {name: found for name, found in shape.wrong(attributes).items() if name not in names}

    return shape._replace(wrong=wrong_but)
