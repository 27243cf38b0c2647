"""Instructions per span under ``valgrind --tool=callgrind``: a figure that a busy machine does not change.

Measures: the workload is run at two sizes in a process of its own, and the difference is divided by the spans between them, so
that start-up and imports cancel.  ``read`` and ``fold`` are those steps of ours alone, on recorded spans.  ``web``: the spans are
those of a web application that calls no model; what it pays is paid by every span of a host application.

Run: ``python -m tests.benchmarks.instructions [--only NAME ...]`` (minutes; valgrind must be installed)

Read: to compare two versions, run it on both and look at the differences.  The first variants repeat to a few parts in a
million; the last ones wander by about one in a hundred, because how often the worker wakes depends on the time.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from otel_session_agg import SessionSpanProcessor, session
from otel_session_agg._reading import span as reading
from otel_session_agg._spans.received import span_data

from ._web_workload import WEB_SPANS, recorded_web, run_web_trace
from ._workload import GEN_AI, SPANS, Null, chat_of, conversing, provider_of, recorded, run_trace, say
from .price import check_folding, fold, folding

SIZES = (20, 60)
"""Traces of the two runs."""

WARM = 5
"""Traces before, so that prices and plans are there at both sizes."""

_COLLECTED = re.compile(r"Collected : (\d+)")


Run = Callable[[int], None]
"""Runs so many traces."""


class Workload(NamedTuple):
    """What the traces of a run are made of."""

    spans: int
    """Of one trace."""
    run: Callable[[Tracer, int], None]
    recorded: Callable[[int], list[ReadableSpan]]


def _run_in_session(tracer: Tracer, trace: int) -> None:
    with session(chat_of(trace)):
        run_trace(tracer, trace)


LLM = Workload(SPANS, run_trace, recorded)
WEB = Workload(WEB_SPANS, run_web_trace, recorded_web)
NAMING = Workload(SPANS, partial(run_trace, dialect=conversing(GEN_AI)), recorded)
IN_SESSION = Workload(SPANS, _run_in_session, recorded)


def _pipeline(workload: Workload, make: Callable[[], SpanProcessor | None]) -> Run:
    provider = provider_of(make())
    tracer = provider.get_tracer("bench.workload", "1.0")

    def run(traces: int) -> None:
        for trace in range(traces):
            workload.run(tracer, trace)
        provider.force_flush()

    return run


def _read(workload: Workload) -> Run:
    spans = workload.recorded(max(SIZES))

    def run(traces: int) -> None:
        for span in spans[: traces * workload.spans]:
            reading.read(span_data(span))

    return run


def _fold(workload: Workload) -> Run:
    spans, events = folding(workload.recorded(max(SIZES)))

    def run(traces: int) -> None:
        fold(spans[: traces * workload.spans], events)

    return run


_BATCHED: dict[str, Callable[[Workload], Run]] = {
    "BatchSpanProcessor": partial(_pipeline, make=lambda: BatchSpanProcessor(Null())),
    "SessionSpanProcessor(BatchSpanProcessor)": partial(_pipeline, make=lambda: SessionSpanProcessor(BatchSpanProcessor(Null()))),
}
_STEPS: dict[str, Callable[[Workload], Run]] = {
    "no processor": partial(_pipeline, make=lambda: None),
    "no-op processor": partial(_pipeline, make=SpanProcessor),
    **_BATCHED,
    "read": _read,
    "fold": _fold,
}

VARIANTS: dict[str, tuple[Workload, Callable[[Workload], Run]]] = {
    **{name: (LLM, step) for name, step in _STEPS.items()},
    **{f"{name}, web": (WEB, step) for name, step in _STEPS.items()},
    **{f"{name}, a conversation on each span": (NAMING, step) for name, step in _BATCHED.items()},
    **{f"{name}, in session()": (IN_SESSION, step) for name, step in _BATCHED.items()},
}


def child(name: str, traces: int) -> None:
    """What runs under valgrind."""
    workload, step = VARIANTS[name]
    run = step(workload)
    run(WARM)
    run(traces)


def _instructions(valgrind: str, name: str, traces: int) -> int:
    command = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-m", __spec__.name]
    result = subprocess.run(  # noqa: S603 -- ourselves
        [*command, "--child", name, "--traces", str(traces)],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = _COLLECTED.search(result.stderr)
    if found is None:
        message = f"valgrind said: {result.stderr[-500:]}"
        raise RuntimeError(message)
    return int(found[1])


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.instructions", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--child", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--traces", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        child(arguments.child, arguments.traces)
        return
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        message = "valgrind is not installed, so nothing was measured: install it with your package manager"
        raise SystemExit(message)
    check_folding()
    say("answers checked; instructions per span")
    baseline: float | None = None
    for name in arguments.only:
        few, many = (_instructions(valgrind, name, traces) for traces in SIZES)
        per_span = (many - few) / (VARIANTS[name][0].spans * (SIZES[1] - SIZES[0]))
        baseline = per_span if name.startswith("BatchSpanProcessor") else baseline
        over = f"   {per_span - baseline:+12,.0f} over BatchSpanProcessor" if name.startswith("Session") and baseline else ""
        say(f"{name:46} {per_span:12,.0f}{over}")


if __name__ == "__main__":
    main()
