"""What it costs to ask, and how long one waits: totals of open roots, live mode, ``force_flush``, a root's way out.

Measures: ``totals``: ``current_rollup()`` below a root with so many model calls, asked again and asked after each further
call.  ``live``: what a tool's span costs its thread where roots are written on while they are open, with so many calls before
it; over the SDK without a processor.  ``flush``: ``force_flush`` with so many roots open.  ``ids``: process CPU of a root, with
so many roots of one trace id open at once.  ``latency``: from a root's end to the processor behind, one at a time, without a
store and with SQLite and Valkey.

Run: ``python -m tests.benchmarks.questions [--only totals ...] [--against REVISION ...]``

Read: medians; the versions take turns.  Totals, live totals and what arrives are checked.
"""

from __future__ import annotations

import argparse
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, set_span_in_context

from tests.support.servers import valkey

from ._libraries import Library, libraries
from ._workload import Null, completion_tokens, model_attributes, prompt_tokens, provider_of, say

CALLS = (0, 10, 100, 256, 1000)
OPEN_ROOTS = (0, 1000, 20_000)
SAME_ID = (1, 10, 100, 1000)
_ROUNDS = 30
_TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
_NS_PER_US = 1e3


@contextmanager
def _pipeline(processor: SpanProcessor | None) -> Iterator[Tracer]:
    provider = provider_of(processor)
    try:
        yield provider.get_tracer("bench.workload", "1.0")
    finally:
        provider.shutdown()


def _calls(tracer: Tracer, first: int, number: int) -> None:
    for call in range(first, first + number):
        tracer.start_span("chat", attributes=model_attributes(0, call)).end()


# -- totals of an open root -----------------------------------------------------------------------------------------------------


def totals(library: Library, calls: int, rounds: int = _ROUNDS) -> tuple[float, float]:
    """Microseconds of a question asked again, and of one after a further call."""
    again: list[float] = []
    after: list[float] = []
    processor = library.api.SessionSpanProcessor(BatchSpanProcessor(Null()))
    with _pipeline(processor) as tracer, tracer.start_as_current_span("root"):
        _calls(tracer, 0, calls)
        for number in range(rounds):
            processor.force_flush()
            _check(library.api.current_rollup().total_tokens, calls + number)
            again.append(_seconds(library.api.current_rollup))
            _calls(tracer, calls + number, 1)
            processor.force_flush()  # so that the worker has nothing else to do
            after.append(_seconds(library.api.current_rollup))
    return 1e6 * median(again), 1e6 * median(after)


def _check(tokens: int | None, calls: int) -> None:
    expected = sum(prompt_tokens(0, call) + completion_tokens(0, call) for call in range(calls))
    if (tokens or 0) != expected:
        message = f"{tokens} tokens in {calls} calls, not {expected}"
        raise AssertionError(message)


def _seconds(do: Callable[[], object]) -> float:
    begin = time.perf_counter()
    do()
    return time.perf_counter() - begin


# -- live mode ------------------------------------------------------------------------------------------------------------------


def live(library: Library | None, calls: int, rounds: int = _ROUNDS) -> float:
    """Microseconds of the application's thread for a tool's span; without a library: of the SDK alone."""
    each = 20
    taken: list[float] = []
    with (
        _pipeline(library.api.SessionSpanProcessor() if library is not None else None) as tracer,
        tracer.start_as_current_span("root") as root,
    ):
        _calls(tracer, 0, calls)
        for _ in range(rounds):
            begin = time.thread_time_ns()
            for _ in range(each):
                tracer.start_span("execute_tool search", attributes=_TOOL).end()
            taken.append((time.thread_time_ns() - begin) / each / _NS_PER_US)
        if library is not None:
            library.api.current_rollup()
            written = (getattr(root, "attributes", None) or {}).get("metadata.num_events")
            if written != calls + each * rounds:
                message = f"{written} events are written on the root, not {calls + each * rounds}"
                raise AssertionError(message)
    return median(taken)


def _live_over_sdk(library: Library, calls: int) -> tuple[float, float]:
    alone = live(None, calls)
    return live(library, calls) - alone, alone


# -- flushing -------------------------------------------------------------------------------------------------------------------


def flush(library: Library, roots: int, rounds: int = _ROUNDS) -> tuple[float, float]:
    """Milliseconds of ``force_flush`` with so many roots open, median and longest."""
    processor = library.api.SessionSpanProcessor(
        BatchSpanProcessor(Null()), settings=library.api.Settings(max_open_roots=100_000)
    )
    with _pipeline(processor) as tracer:
        opened = [tracer.start_span("root") for _ in range(roots)]
        if not processor.force_flush():
            message = "it did not finish"
            raise AssertionError(message)
        taken = [1e3 * _seconds(processor.force_flush) for _ in range(rounds)]
        for span in opened:
            span.end()
    return median(taken), max(taken)


# -- roots of one trace id ------------------------------------------------------------------------------------------------------


def same_id(library: Library, roots: int) -> tuple[float]:
    """Process CPU of one root in microseconds, with so many of one trace id open at once."""
    exporter = Null()
    exporter.keep = True
    processor = library.api.SessionSpanProcessor(BatchSpanProcessor(exporter))
    with _pipeline(processor) as tracer:
        repeats = max(1, 1000 // roots)
        begin = time.process_time_ns()
        for repeat in range(repeats):
            opened = [tracer.start_span("root", _remote(1 + repeat, 1 + number)) for number in range(roots)]
            for span in opened:
                span.end()
            processor.force_flush()
        each = (time.process_time_ns() - begin) / (roots * repeats) / _NS_PER_US
    if len(exporter.spans) != roots * repeats:
        message = f"{len(exporter.spans)} roots left, not {roots * repeats}"
        raise AssertionError(message)
    return (each,)


def _remote(trace_id: int, span_id: int) -> Any:
    above = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(above))


# -- a root's way out -----------------------------------------------------------------------------------------------------------


class _Arrival(SpanProcessor):
    """The processor behind, which notes when a span comes."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.at = 0.0

    def on_end(self, span: ReadableSpan) -> None:
        """Note it."""
        if span.parent is None:
            self.at = time.perf_counter()
            self.came.set()


def latency(library: Library, store: str | None, rounds: int = _ROUNDS) -> tuple[float, float]:
    """Milliseconds from a root's end to the processor behind: median and 95th percentile."""
    arrival = _Arrival()
    taken: list[float] = []
    with _pipeline(library.api.SessionSpanProcessor(arrival, store=store)) as tracer:
        for number in range(rounds):
            arrival.came.clear()
            with library.api.session(f"chat-{number % 4}"):
                span = tracer.start_span("root")
                _calls(tracer, number, 1)
                begin = time.perf_counter()
                span.end()
            if not arrival.came.wait(10.0):
                message = "the root did not come"
                raise TimeoutError(message)
            taken.append(1e3 * (arrival.at - begin))
            time.sleep(random.uniform(0.0, 0.1))  # noqa: S311 -- anywhere in what turns the workers take
    return median(taken), quantiles(taken, n=20)[-1]


# -- the table ------------------------------------------------------------------------------------------------------------------

Figures = tuple[float, ...]


def _in_turn(versions: Sequence[Library], measure: Callable[[Library], Figures], turns: int = 3) -> Iterator[tuple[str, Figures]]:
    """Let the versions take turns; yield the median of each figure by the name of the version."""
    found: dict[str, list[Figures]] = {library.name: [] for library in versions}
    for _ in range(turns):
        for library in random.sample(versions, len(versions)):
            found[library.name].append(measure(library))
    for name, figures in found.items():
        yield name, tuple(median(values) for values in zip(*figures, strict=True))


def _report_totals(versions: Sequence[Library]) -> None:
    for calls in CALLS[1:]:
        for name, (again, after) in _in_turn(versions, partial(totals, calls=calls)):
            say(f"  {name:20} an open root with {calls:4} calls       {again:8.0f} us again {after:8.0f} us after a call")


def _report_live(versions: Sequence[Library]) -> None:
    for calls in CALLS[:-1]:
        for name, (more, alone) in _in_turn(versions, partial(_live_over_sdk, calls=calls)):
            say(f"  {name:20} a tool's span, {calls:4} calls before {more:+8.1f} us over the SDK's {alone:.1f}")


def _report_flush(versions: Sequence[Library]) -> None:
    for roots in OPEN_ROOTS:
        for name, (middle, longest) in _in_turn(versions, partial(flush, roots=roots)):
            say(f"  {name:20} {roots:6} roots open               {middle:8.2f} ms, longest {longest:.1f}")


def _report_ids(versions: Sequence[Library]) -> None:
    for roots in SAME_ID:
        for name, (each,) in _in_turn(versions, partial(same_id, roots=roots)):
            say(f"  {name:20} a root, {roots:4} of one trace id open  {each:8.1f} us")


def _report_latency(versions: Sequence[Library]) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = stack.enter_context(valkey()).url
        for store in ("memory", "SQLite", "Valkey"):

            def measure(library: Library, store: str = store) -> Figures:
                places = {"SQLite": f"sqlite:///{folder / f'{library.name}.db'}", "Valkey": url}
                return latency(library, places.get(store))

            for name, (middle, high) in _in_turn(versions, measure, turns=1):
                say(f"  {name:20} a root's way out, {store:6}          {middle:8.1f} ms, 95 % {high:.1f}")


REPORTS: dict[str, Callable[[Sequence[Library]], None]] = {
    "totals": _report_totals,
    "live": _report_live,
    "flush": _report_flush,
    "ids": _report_ids,
    "latency": _report_latency,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.questions", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", nargs="*", choices=REPORTS, default=list(REPORTS))
    parser.add_argument("--against", nargs="*", default=[], metavar="REVISION", help="other versions, as git names them")
    chosen = parser.parse_args(arguments)
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # many roots that leave at once overflow the queue behind
    with libraries(chosen.against) as versions:
        for name in chosen.only:
            say(f"\n{name}")
            REPORTS[name](versions)


if __name__ == "__main__":
    main()
