"""The garbage collector's share: whoever allocates pays for collecting what a processor keeps.

Measures: microseconds per span inside collections and of the whole process, in a pipeline that runs for a while in a process
of its own, nothing frozen or collected between; and how many objects the collector tracks at the end.  Variants:
``BatchSpanProcessor`` alone, ours around it, and with ``--against`` those of other versions.

Run: ``python -m tests.benchmarks.collector [--traces 20000] [--against REVISION ...]``, or with ``--passes`` instead

Read: every figure is the median of ``--rounds`` processes that take turns.  ``--passes`` counts how many objects collections go
through per span, by generation, in one process for each variant, where the worker folds forty traces at a time: these figures a
busy machine does not change.
"""

from __future__ import annotations

import argparse
import gc
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from ._libraries import THIS, libraries
from ._workload import SPANS, Null, provider_of, run_trace, say

_BARE = "BatchSpanProcessor"
_PAUSE_EVERY = 20
"""Traces after which the application rests, so that the workers keep up."""
_PAUSE_SECONDS = 0.005
_AT_ONCE = 40
"""Traces that are folded at once while passes are counted: about as many as a busy process makes until the worker wakes."""
_WARM = 1000
"""Traces before, so that as much is kept as ever will be."""


def sustained(processor: SpanProcessor, traces: int) -> tuple[float, float, int]:
    """Microseconds per span in collections, of the process, and tracked objects at the end."""
    collecting, began = 0, 0

    def note(phase: str, _info: dict[str, int]) -> None:
        nonlocal collecting, began
        if phase == "start":
            began = time.perf_counter_ns()
        else:
            collecting += time.perf_counter_ns() - began

    provider = provider_of(processor)
    tracer = provider.get_tracer("bench.workload", "1.0")
    gc.callbacks.append(note)
    try:
        begin = time.process_time_ns()
        for trace in range(traces):
            run_trace(tracer, trace)
            if trace % _PAUSE_EVERY == 0:
                time.sleep(_PAUSE_SECONDS)
        provider.force_flush()
        process = time.process_time_ns() - begin
    finally:
        gc.callbacks.remove(note)
    tracked = len(gc.get_objects())
    provider.shutdown()
    per_span = 1000 * SPANS * traces
    return collecting / per_span, process / per_span, tracked


def passes(processor: SpanProcessor, traces: int) -> list[float]:
    """Objects per span that collections of each generation go through; the worker's turns are taken here."""
    found = [0, 0, 0]

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            oldest = info["generation"]
            found[oldest] += sum(len(gc.get_objects(generation)) for generation in range(oldest + 1))

    span_worker = getattr(processor, "_span_worker", None)
    provider = provider_of(processor)
    tracer = provider.get_tracer("bench.workload", "1.0")
    for trace in range(-_WARM, traces):
        if span_worker is not None:
            span_worker.awake = True  # so that no end wakes it
        if not trace:
            gc.callbacks.append(note)
        run_trace(tracer, abs(trace))
        if span_worker is not None and trace % _AT_ONCE == 0:
            span_worker.turn()
    gc.callbacks.remove(note)
    provider.shutdown()
    return [number / (SPANS * traces) for number in found]


def _child(name: str, traces: int, *, counts: bool) -> None:
    with libraries([] if name in (_BARE, THIS.name) else [name]) as versions:
        batch = BatchSpanProcessor(Null())
        processor = batch if name == _BARE else versions[-1].api.SessionSpanProcessor(batch)
        say(" ".join(map(str, passes(processor, traces) if counts else sustained(processor, traces))))


def _measured(name: str, traces: int, *more: str) -> list[float]:
    command = [sys.executable, "-m", __spec__.name, "--child", name, "--traces", str(traces), *more]
    result = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 -- ourselves
    return [float(word) for word in result.stdout.split()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collector", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", nargs="*", default=[], metavar="REVISION", help="other versions, as git names them")
    parser.add_argument("--passes", action="store_true", help="count the objects that collections go through")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.child is not None:
        _child(chosen.child, chosen.traces, counts=chosen.passes)
        return
    found: dict[str, list[list[float]]] = {name: [] for name in (_BARE, THIS.name, *chosen.against)}
    if chosen.passes:
        for name in found:
            young, middle, old = _measured(name, chosen.traces // 10, "--passes")
            say(
                f"  {name:20} {young + middle + old:6.1f} objects a span: {young:.1f} young, {middle:.1f} older, {old:.1f} in full passes"
            )
        return
    for _ in range(chosen.rounds):
        for name in random.sample(list(found), len(found)):
            found[name].append(_measured(name, chosen.traces))
    for name, rows in found.items():
        collecting, process, tracked = (median(column) for column in zip(*rows, strict=True))
        say(f"  {name:20} {collecting:6.2f} us a span in collections, {process:6.2f} us in all, {tracked:9,.0f} objects tracked")


if __name__ == "__main__":
    main()
