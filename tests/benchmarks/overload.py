"""One thread that never pauses, and a flush now and then: what is lost, and how long flushes and questions wait.

Run: ``python -m tests.benchmarks.overload [--seconds 10] [--every 0.7] [--rounds 3]``

Read: for the bare ``BatchSpanProcessor`` and with ours before one, both with their defaults and an exporter that only counts,
in turn: spans a second, the share of spans that never reached the exporter, and the median and the longest wait of
``force_flush`` and of ``session().rollup()``.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from otel_session_agg import SessionSpanProcessor, session

from ._workload import SPANS, provider_of, run_trace, say

_SCOPE = "bench.workload"


class Counting(SpanExporter):
    """Counts what arrives, our own spans left out."""

    number = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Count."""
        self.number += sum(span.instrumentation_scope is not None and span.instrumentation_scope.name == _SCOPE for span in spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to end."""


class Outcome(NamedTuple):
    """What came of one round."""

    spans_per_second: float
    lost_share: float
    flushes: list[float]
    """Seconds."""
    questions: list[float]


def overload(processor: SpanProcessor, exporter: Counting, seconds: float, every: float, *, asks: bool) -> Outcome:
    """Make traces on one thread for so long, and flush and ask from another one."""
    provider = provider_of(processor)
    tracer = provider.get_tracer(_SCOPE, "1.0")
    traces, ends = 0, threading.Event()

    def work() -> None:
        nonlocal traces
        while not ends.is_set():
            with session("endless"):
                run_trace(tracer, traces)
            traces += 1

    worker = threading.Thread(target=work)
    worker.start()
    flushes, questions = [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(every)
        began = time.perf_counter()
        provider.force_flush()
        flushes.append(time.perf_counter() - began)
        if asks:
            began = time.perf_counter()
            session("endless").rollup()
            questions.append(time.perf_counter() - began)
    ends.set()
    worker.join()
    provider.force_flush()
    made = traces * SPANS
    provider.shutdown()
    return Outcome(made / seconds, 1 - exporter.number / made, flushes, questions)


def _waits(seconds: list[float]) -> str:
    return f"{median(seconds) * 1e3:7.1f} ms, longest {max(seconds) * 1e3:7.1f}" if seconds else "-"


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.overload", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=0.7, help="seconds between flushes")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for _ in range(arguments.rounds):
        for name in ("bare", "ours"):
            exporter = Counting()
            batch = BatchSpanProcessor(exporter)
            processor = batch if name == "bare" else SessionSpanProcessor(batch)
            outcome = overload(processor, exporter, arguments.seconds, arguments.every, asks=name == "ours")
            say(
                f"{name}: {outcome.spans_per_second:8,.0f} spans/s, lost {outcome.lost_share:6.2%}, "
                f"flush {_waits(outcome.flushes)}, question {_waits(outcome.questions)}"
            )


if __name__ == "__main__":
    main()
