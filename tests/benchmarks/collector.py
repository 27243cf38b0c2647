"""The garbage collector's share: whoever allocates pays for collecting what a processor keeps.

Measures: microseconds per span inside collections and of the whole process, in a pipeline that runs for a while in a process
of its own, nothing frozen or collected between; and how many objects the collector tracks at the end.  Variants:
``BatchSpanProcessor`` alone, ours around it, and with ``--against`` those of other versions.

Run: ``python -m tests.benchmarks.collector [--traces 20000] [--against REVISION ...]``

Read: every figure is the median of ``--rounds`` processes that take turns.
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


def _child(name: str, traces: int) -> None:
    with libraries([] if name in (_BARE, THIS.name) else [name]) as versions:
        batch = BatchSpanProcessor(Null())
        processor = batch if name == _BARE else versions[-1].api.SessionSpanProcessor(batch)
        say(" ".join(map(str, sustained(processor, traces))))


def _measured(name: str, traces: int) -> list[float]:
    command = [sys.executable, "-m", __spec__.name, "--child", name, "--traces", str(traces)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 -- ourselves
    return [float(word) for word in result.stdout.split()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.collector", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", nargs="*", default=[], metavar="REVISION", help="other versions, as git names them")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.child is not None:
        _child(chosen.child, chosen.traces)
        return
    found: dict[str, list[list[float]]] = {name: [] for name in (_BARE, THIS.name, *chosen.against)}
    for _ in range(chosen.rounds):
        for name in random.sample(list(found), len(found)):
            found[name].append(_measured(name, chosen.traces))
    for name, rows in found.items():
        collecting, process, tracked = (median(column) for column in zip(*rows, strict=True))
        say(f"  {name:20} {collecting:6.2f} us a span in collections, {process:6.2f} us in all, {tracked:9,.0f} objects tracked")


if __name__ == "__main__":
    main()
