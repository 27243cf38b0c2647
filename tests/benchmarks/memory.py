"""What an open trace costs in memory, and that nothing grows with the spans that have ended.

Measures: bytes per open trace (``tracemalloc``: every object of ours, the engine's tables included; ids and attribute values
belong to the application's own spans) with nothing below it, with open children, with 13 ended children that tell of no call, and with
10 more that do, which are kept up to a bound.  Then one root with a million children: rate and resident memory
per 100,000.  Then 100,000 open roots: the longest pause of the garbage collector's oldest generation, as spans below them end.
Then bytes per open session whose only trace has left, of the usual trace and with 10 model calls alone, through the SDK.

Run: ``python -m tests.benchmarks.memory [--roots 100000] [--children 1000000] [--only trace root pauses session]``

Read: rates wander with the machine; bytes do not.  Targets: an open trace at most 700 bytes plus its open spans; flat memory
and flat rate below one root; pauses that do not grow with the spans that have ended.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from otel_session_agg import PriceBook, SessionSpanProcessor, Settings, session
from otel_session_agg._model.span import SpanData
from otel_session_agg._sdk.parts import Given, build_pipeline
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Released

from ._workload import CALLS, MODEL, Null, by_kind, model_attributes, priced, provider_of, run_trace, say

_TRACE = 1 << 100
"""Trace ids are as large as real ones: 16 bytes."""
_SPAN = 1 << 50
_BATCH = 1000
_PARTS = ("trace", "root", "pauses", "session")


class Spans:
    """Makes spans below roots; ``trace`` and ``number`` become ids."""

    def __init__(self) -> None:
        kinds = by_kind()
        self._call, self._tool, self._agent, self._root = (kinds[k] for k in ("model call", "tool", "agent", "root"))

    def root(self, trace: int) -> SpanData:
        """An ended root."""
        return self._root._replace(trace_id=_TRACE + trace, span_id=_SPAN + trace)

    def child(self, trace: int, number: int, *, call: bool) -> SpanData:
        """An ended child of a root: a model call or a tool."""
        ids = {"trace_id": _TRACE + trace, "span_id": (2 + trace) * _SPAN + number, "parent_id": _SPAN + trace}
        if not call:
            return self._tool._replace(**ids)  # type: ignore[arg-type]
        start = self._call.start_ns + 1000 * number
        return self._call._replace(
            **ids, attributes=model_attributes(trace, number), start_ns=start, end_ns=start + 500  # type: ignore[arg-type]
        )  # fmt: skip


def new_engine(roots: int) -> Engine:
    """An engine as the processor has it, with room for so many roots."""
    return build_pipeline(Given(Settings(max_open_roots=max(roots, 1)), PriceBook())).engine


def open_roots(engine: Engine, roots: int) -> None:
    """Begin so many roots."""
    for trace in range(roots):
        engine.started(_TRACE + trace, _SPAN + trace, None, [])


def end_child(engine: Engine, span: SpanData) -> None:
    """Let a child begin and end."""
    out: list[object] = []
    engine.started(span.trace_id, span.span_id, span.parent_id, out)
    engine.ended(span, None, 0.0, out)


def check(children: int = 50) -> None:
    """Totals below two roots are right, however many of the calls were settled."""
    engine, spans = new_engine(2), Spans()
    open_roots(engine, 2)
    for number in range(children):
        for trace in range(2):
            end_child(engine, spans.child(trace, number, call=number % 2 == 0))
    out: list[object] = []
    engine.ended(spans.root(0), None, 0.0, out)
    [rollup] = [engine.totals.rollup(item.trace) for item in out if isinstance(item, Released)]
    calls = [model_attributes(0, number) for number in range(0, children, 2)]
    figures = [(int(call["gen_ai.usage.input_tokens"]), int(call["gen_ai.usage.output_tokens"])) for call in calls]
    want = (
        children,
        len(calls),
        sum(map(sum, figures)),
        int(sum(priced(*pair) for pair in figures) * 10**12),
        frozenset({MODEL}),
    )
    have = (rollup.num_events, rollup.num_model_events, rollup.total_tokens, rollup.cost_pusd, rollup.models)
    if want != have or engine.open != 1:
        message = f"{have} is not {want}, {engine.open} open"
        raise AssertionError(message)


# -- bytes per open trace -------------------------------------------------------------------------------------------------------


def bytes_per_trace(roots: int, *, open_children: int = 0, tools: int = 0, calls: int = 0) -> float:
    """Bytes that one open root costs, with so much below it."""
    engine, spans = new_engine(roots), Spans()
    ids = [(_TRACE + trace, _SPAN + trace) for trace in range(roots)]
    end_child(engine, spans.child(-1, 0, call=True))  # prices and plans are loaded before
    engine = new_engine(roots)
    children = [[(2 + trace) * _SPAN + number for number in range(open_children)] for trace in range(roots)]
    out: list[object] = []
    gc.collect()
    tracemalloc.start()
    try:
        for (trace_id, root_id), below in zip(ids, children, strict=True):
            engine.started(trace_id, root_id, None, out)
            for span_id in below:
                engine.started(trace_id, span_id, root_id, out)
        for trace in range(roots):
            for number in range(tools + calls):
                end_child(engine, spans.child(trace, number, call=number >= tools))
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / roots
    finally:
        tracemalloc.stop()


def _report_trace(roots: int) -> None:
    bare = bytes_per_trace(roots)
    say(f"open root, {roots} at once:               {bare:8.0f} bytes")
    for number in (1, 10):
        with_open = bytes_per_trace(roots // number, open_children=number)
        say(f"  with {number:2} open below it:                {with_open:8.0f} bytes ({(with_open - bare) / number:.0f} each)")
    few = max(1, roots // 20)
    remembered = bytes_per_trace(few, tools=13)
    say(f"  with 13 ended below it, no calls:       {remembered:8.0f} bytes ({remembered - bytes_per_trace(few):+.0f})")
    calls = bytes_per_trace(few, tools=13, calls=10)
    say(f"  and 10 model calls, all kept:           {calls:8.0f} bytes ({(calls - remembered) / 10:.0f} a call)")
    full = bytes_per_trace(max(1, roots // 1000), calls=2000)
    say(f"  with 2000 model calls, as many kept as may be:{full:8.0f} bytes")


# -- a million children ---------------------------------------------------------------------------------------------------------


def resident_bytes() -> int:
    """Resident memory of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grow_root(engine: Engine, spans: Iterable[SpanData], step: int) -> list[tuple[float, int]]:
    """End spans below open roots; seconds of CPU and resident bytes after each ``step`` of them."""
    found = []
    source, seconds, ended = iter(spans), 0.0, 0
    while batch := list(islice(source, min(step, _BATCH))):  # small: what is made here must not show as resident
        begin = time.process_time()
        for span in batch:
            end_child(engine, span)
        seconds += time.process_time() - begin
        ended += len(batch)
        if ended >= step:
            found.append((seconds, resident_bytes()))
            seconds, ended = 0.0, 0
    return found


def _report_root(children: int) -> None:
    engine, spans, step = new_engine(1), Spans(), max(1, children // 10)
    open_roots(engine, 1)
    source = (spans.child(0, number, call=number % 2 == 0) for number in range(children))
    for number, (seconds, resident) in enumerate(grow_root(engine, source, step), 1):
        say(f"{number * step:>9} ended below one root: {step / seconds:8,.0f} per CPU second, {resident / 1e6:6.1f} MB resident")
    out: list[object] = []
    begin = time.process_time()
    engine.ended(spans.root(0), None, 0.0, out)
    [trace] = [item.trace for item in out if isinstance(item, Released)]
    rollup = engine.totals.rollup(trace)
    say(f"the root left with {rollup.num_events} events in {1000 * (time.process_time() - begin):.2f} ms")


# -- pauses ---------------------------------------------------------------------------------------------------------------------


def longest_pause() -> float:
    """Milliseconds that one collection of the oldest generation takes now."""
    pauses: list[float] = []
    begin = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal begin
        if info["generation"] < 2:
            return
        if phase == "start":
            begin = time.perf_counter()
        else:
            pauses.append(1000 * (time.perf_counter() - begin))

    gc.callbacks.append(note)
    try:
        for _ in range(3):
            gc.collect()
    finally:
        gc.callbacks.remove(note)
    return min(pauses)


def _report_pauses(roots: int) -> None:
    empty = longest_pause()
    engine, spans = new_engine(roots), Spans()
    open_roots(engine, roots)
    say(f"pause with nothing open {empty:.0f} ms, with {roots} roots open {longest_pause():.0f} ms")
    for call, words in ((False, "tools"), (True, "model calls, kept up to a bound")):
        for number in range(1, 6):
            for trace in range(roots):
                end_child(engine, spans.child(trace, number + 10 * call, call=call))
            say(f"  after {number * roots:>7} ended {words}: {longest_pause():.0f} ms, {resident_bytes() / 1e6:.0f} MB resident")


# -- bytes per session ----------------------------------------------------------------------------------------------------------

_BETWEEN_FLUSHES = 50


def bytes_per_session(sessions: int, run: Callable[[Tracer, int], object], *, before: int = 3000) -> float:
    """Bytes that stay of one session, after so many others have filled all that is bounded by their number."""
    processor = SessionSpanProcessor(BatchSpanProcessor(Null()), settings=Settings())
    provider = provider_of(processor)
    tracer = provider.get_tracer("bench.workload", "1.0")

    def make(numbers: Iterable[int]) -> None:
        for number in numbers:
            with session(f"chat-{number}"):
                run(tracer, number)
            if not number % _BETWEEN_FLUSHES:
                provider.force_flush()
        provider.force_flush()
        gc.collect()

    make(range(before))
    tracemalloc.start()
    try:
        make(range(before, before + sessions))
        return tracemalloc.get_traced_memory()[0] / sessions
    finally:
        tracemalloc.stop()
        provider.shutdown()


def run_calls(tracer: Tracer, trace: int) -> None:
    """Make a root with the model calls of the usual trace, and nothing else."""
    with tracer.start_as_current_span("session"):
        for call in range(CALLS):
            with tracer.start_as_current_span(f"chat {MODEL}", attributes=model_attributes(trace, call)):
                pass


def _report_session(sessions: int) -> None:
    for words, run in ((f"{CALLS} model calls", run_calls), ("agents, tools and model calls", run_trace)):
        say(f"session with a trace of {words}: {bytes_per_session(sessions, run):8.0f} bytes")


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--roots", type=int, default=100_000)
    parser.add_argument("--children", type=int, default=1_000_000)
    parser.add_argument("--sessions", type=int, default=3000)
    parser.add_argument("--only", nargs="*", choices=_PARTS, default=_PARTS)
    arguments = parser.parse_args()
    check(1200)
    say("answers checked")
    if "trace" in arguments.only:
        _report_trace(arguments.roots)
    if "root" in arguments.only:
        _report_root(arguments.children)
    if "pauses" in arguments.only:
        _report_pauses(arguments.roots)
    if "session" in arguments.only:
        _report_session(arguments.sessions)


if __name__ == "__main__":
    main()
