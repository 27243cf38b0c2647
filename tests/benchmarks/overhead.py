"""What a processor adds to every span, side by side in one process.

Measures: per span, the wall time and CPU of the application's thread, and the CPU of the whole process with everything done.
Variants: a no-op processor, ``BatchSpanProcessor`` with an exporter that throws away (the baseline), ours around it; with
``--otlp`` also the two last with real OTLP/HTTP to a receiver in another process; with ``--store`` also the two last with
traces that belong to sessions, and ours with these sessions in a real Valkey server.

Run: ``python -m tests.benchmarks.overhead --rounds 200 [--otlp] [--store]``

Read: the variants take turns, block by block, in shuffled order.  Only the differences and ratios against the baseline of the
same round mean anything on a shared machine: the median is given with its 95 % interval.  After a block the process rests for
``REST_SECONDS`` before it is flushed, so that the workers of both sides do their work as in real life; the process' CPU
includes it.  The wall time is the application's only, and is longer where a worker takes the interpreter in between.

Targets: application thread at most 1.0 of the bare ``BatchSpanProcessor``; process at most 5 us per span over it; with OTLP
at most 1.04 of the bare pipeline.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import median
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from otel_session_agg import SessionSpanProcessor
from tests.support.servers import valkey

from ._receiver import Receiver, otlp_exporter, receiving
from ._workload import SPANS, TRACE, Null, is_root, provider_of, run_trace, say, wrong

REST_SECONDS = 0.03
"""Longer than a worker waits to gather a batch."""

CHECKED = 3
"""Traces of the check before the timing."""


class Sample(NamedTuple):
    """Microseconds per span."""

    wall: float
    thread: float
    process: float


@dataclass(frozen=True)
class Variant:
    """One pipeline."""

    name: str
    provider: TracerProvider
    exported: Callable[[], list[dict[str, Any]]]
    """Attributes of all spans exported since the last call; keeps them from the first call on."""
    totals: bool
    """Whether its roots must have totals."""
    in_session: bool = False
    """Whether its traces are turns of chats."""

    def check(self) -> None:
        """Run a few traces and compare what comes out with what must."""
        self.exported()
        self._run(CHECKED)
        self.provider.force_flush()
        spans = self.exported()
        if len(spans) != CHECKED * SPANS:
            message = f"{self.name}: {len(spans)} spans exported, not {CHECKED * SPANS}"
            raise AssertionError(message)
        roots = [span for span in spans if TRACE in span]
        faults = [wrong(root) for root in roots]
        if len(roots) != CHECKED or (self.totals and any(faults)):
            message = f"{self.name}: wrong totals {faults}"
            raise AssertionError(message)

    def _run(self, traces: int) -> None:
        tracer = self.provider.get_tracer("bench.workload", "1.0")
        for trace in range(traces):
            run_trace(tracer, trace, in_session=self.in_session)

    def sample(self, traces: int) -> Sample:
        """Time one block."""
        gc.collect()
        wall, thread, process = time.perf_counter_ns(), time.thread_time_ns(), time.process_time_ns()
        self._run(traces)
        wall, thread = time.perf_counter_ns() - wall, time.thread_time_ns() - thread
        time.sleep(REST_SECONDS)
        self.provider.force_flush()
        process = time.process_time_ns() - process
        per_span = 1000 * SPANS * traces
        return Sample(wall / per_span, thread / per_span, process / per_span)


def _kept(exporter: Null) -> Callable[[], list[dict[str, Any]]]:
    def exported() -> list[dict[str, Any]]:
        spans, exporter.spans, exporter.keep = exporter.spans, [], not exporter.spans
        return [{**(span.attributes or {}), **({} if is_root(span) else {"bench.child": True})} for span in spans]

    return exported


def _null(name: str, wrap: Callable[[SpanExporter], SpanProcessor], *, totals: bool) -> Variant:
    exporter = Null()
    return Variant(name, provider_of(wrap(exporter)), _kept(exporter), totals)


def _ours(exporter: SpanExporter) -> SpanProcessor:
    return SessionSpanProcessor(BatchSpanProcessor(exporter))


def variants() -> list[Variant]:
    """Without a network; the second is the baseline."""
    return [
        Variant("no-op processor", provider_of(SpanProcessor()), list, totals=False),
        _null("BatchSpanProcessor", BatchSpanProcessor, totals=False),
        _null("SessionSpanProcessor(BatchSpanProcessor)", _ours, totals=True),
    ]


def store_variants(url: str) -> list[Variant]:
    """Turns of chats, without a network but for the store; the first is the baseline."""
    chats = [
        _null("BatchSpanProcessor, chats", BatchSpanProcessor, totals=False),
        _null("SessionSpanProcessor, chats", _ours, totals=True),
        _null(
            "SessionSpanProcessor, chats, Valkey",
            lambda exporter: SessionSpanProcessor(BatchSpanProcessor(exporter), store=url),
            totals=True,
        ),
    ]
    return [replace(variant, in_session=True) for variant in chats]


def otlp_variants(receiver: Receiver) -> list[Variant]:
    """With OTLP/HTTP; the first is the baseline."""
    return [
        Variant(
            "BatchSpanProcessor, OTLP", provider_of(BatchSpanProcessor(otlp_exporter(receiver))), receiver.taken, totals=False
        ),
        Variant("SessionSpanProcessor, OTLP", provider_of(_ours(otlp_exporter(receiver))), receiver.taken, totals=True),
    ]


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Median and its 95 % interval, from the order of the values alone."""
    ordered = sorted(values)
    half = 0.98 * sqrt(len(ordered))
    low = max(0, int(len(ordered) / 2 - half))
    high = min(len(ordered) - 1, int(len(ordered) / 2 + half))
    return median(ordered), ordered[low], ordered[high]


def compare(pipelines: Sequence[Variant], rounds: int, traces: int) -> dict[str, list[Sample]]:
    """Let the pipelines take turns; one sample of each per round."""
    samples: dict[str, list[Sample]] = {variant.name: [] for variant in pipelines}
    for number in range(rounds + 1):
        for variant in random.sample(pipelines, len(pipelines)):
            sample = variant.sample(traces)
            if number:  # the first round warms up
                samples[variant.name].append(sample)
    return samples


def report(samples: dict[str, list[Sample]], baseline: str) -> None:
    """Print medians, and differences and ratios against the baseline of the same round."""
    base = samples[baseline]
    for name, mine in samples.items():
        say(f"{name}" + ("  (baseline)" if name == baseline else ""))
        for field in Sample._fields:
            ours, theirs = [getattr(s, field) for s in mine], [getattr(s, field) for s in base]
            line = f"  {field:8} {median(ours):8.2f} us"
            if name != baseline:
                middle, low, high = interval([a - b for a, b in zip(ours, theirs, strict=True)])
                ratio, least, most = interval([a / b for a, b in zip(ours, theirs, strict=True)])
                line += f"   {middle:+7.2f} [{low:+.2f}, {high:+.2f}] us   ratio {ratio:.3f} [{least:.3f}, {most:.3f}]"
            say(line)


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.overhead", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--traces", type=int, default=50, help="traces per block")
    parser.add_argument("--otlp", action="store_true", help="also with OTLP/HTTP to a receiver in another process")
    parser.add_argument("--store", action="store_true", help="also with sessions in a real Valkey server")
    arguments = parser.parse_args()
    pipelines = variants()
    for variant in pipelines[1:]:
        variant.check()
    say("answers checked; microseconds per span")
    report(compare(pipelines, arguments.rounds, arguments.traces), pipelines[1].name)
    if arguments.store:
        with valkey() as server:
            pipelines = store_variants(server.url)
            for variant in pipelines:
                variant.check()
            report(compare(pipelines, arguments.rounds, arguments.traces), pipelines[0].name)
    if arguments.otlp:
        with receiving() as receiver:
            pipelines = otlp_variants(receiver)
            for variant in pipelines:
                variant.check()
            report(compare(pipelines, arguments.rounds, arguments.traces), pipelines[0].name)


if __name__ == "__main__":
    main()
