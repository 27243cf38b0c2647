"""What a processor adds to every span, side by side in one process.

Measures: per span, the wall time and CPU of the application's threads, and the CPU of the whole process with everything done.
For each shape of ``_shapes``: ``BatchSpanProcessor`` with an exporter that throws away (the baseline), ours around it, and
with ``--against`` those of other versions; with ``--otlp`` also real OTLP/HTTP to a receiver in another process; with
``--store`` also sessions in a real Valkey server.

Run: ``python -m tests.benchmarks.overhead --rounds 200 [--shapes LLM] [--against REVISION ...] [--otlp] [--store]``

Read: the variants take turns, block by block, in shuffled order.  Only the differences and ratios against the baseline of the
same round mean anything on a shared machine: the median is given with its 95 % interval.  After a block the process rests for
``REST_SECONDS`` before it is flushed, so that the workers of both sides do their work as in real life; the process' CPU
includes it.  The wall time is the application's only, and is longer where a worker takes the interpreter in between.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from tests.support.servers import valkey

from ._libraries import THIS, Library, libraries
from ._receiver import Receiver, otlp_exporter, receiving
from ._shapes import LLM, SHAPES, WEB, Session, Shape, no_session, without
from ._workload import Null, provider_of, say

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
    """One pipeline, and what runs through it."""

    name: str
    provider: TracerProvider
    exported: Callable[[], list[dict[str, Any]]]
    """Attributes of all spans exported since the last call; keeps them from the first call on."""
    totals: bool
    """Whether its roots must have totals."""
    shape: Shape = LLM
    session: Session = no_session

    def check(self) -> None:
        """Run a few traces and compare what comes out with what must."""
        self.exported()
        self._run(CHECKED)
        self.provider.force_flush()
        spans, expected = self.exported(), CHECKED * self.shape.spans
        roots = [span for span in spans if self.shape.root_key in span]
        if len(roots) != CHECKED or len(spans) != expected:
            message = f"{self.name}: {len(spans)} spans and {len(roots)} roots exported, not {expected} and {CHECKED}"
            raise AssertionError(message)
        faults = [self.shape.wrong(root) for root in roots]
        if self.totals and any(faults):
            message = f"{self.name}: wrong totals {faults}"
            raise AssertionError(message)

    def _run(self, traces: int) -> int:
        return self.shape.run(self.provider.get_tracer("bench.workload", "1.0"), traces, self.session)

    def sample(self, traces: int) -> Sample:
        """Time one block."""
        gc.collect()
        wall, thread, process = time.perf_counter_ns(), time.thread_time_ns(), time.process_time_ns()
        others = self._run(traces)
        wall, thread = time.perf_counter_ns() - wall, time.thread_time_ns() - thread + others
        time.sleep(REST_SECONDS)
        self.provider.force_flush()
        process = time.process_time_ns() - process
        per_span = 1000 * self.shape.spans * traces
        return Sample(wall / per_span, thread / per_span, process / per_span)


def _kept(exporter: Null) -> Callable[[], list[dict[str, Any]]]:
    def exported() -> list[dict[str, Any]]:
        spans, exporter.spans, exporter.keep = exporter.spans, [], not exporter.spans
        return [dict(span.attributes or {}) for span in spans]

    return exported


_Way = tuple[SpanExporter, Callable[[], list[dict[str, Any]]]]
"""An exporter, and what asks for the spans that it got."""


def _to_null() -> _Way:
    exporter = Null()
    return exporter, _kept(exporter)


def _bare(way: _Way, shape: Shape) -> Variant:
    return Variant("BatchSpanProcessor", provider_of(BatchSpanProcessor(way[0])), way[1], totals=False, shape=shape)


def _ours(library: Library, way: _Way, shape: Shape, **options: Any) -> Variant:
    processor: SpanProcessor = library.api.SessionSpanProcessor(BatchSpanProcessor(way[0]), **options)
    shape = shape if library is THIS else without(shape, "metadata.rollup")
    return Variant(library.name, provider_of(processor), way[1], totals=True, shape=shape, session=library.api.session)


def variants(shape: Shape = LLM, versions: Sequence[Library] = (THIS,)) -> list[Variant]:
    """Without a network; the first is the baseline."""
    return [_bare(_to_null(), shape), *(_ours(library, _to_null(), shape) for library in versions)]


def store_variants(url: str, shape: Shape, versions: Sequence[Library] = (THIS,)) -> list[Variant]:
    """Sessions in a store; the first is the baseline."""
    return [_bare(_to_null(), shape), *(_ours(library, _to_null(), shape, store=url) for library in versions)]


def otlp_variants(receiver: Receiver, shape: Shape = LLM, versions: Sequence[Library] = (THIS,)) -> list[Variant]:
    """With OTLP/HTTP; the first is the baseline."""

    def way() -> _Way:
        return otlp_exporter(receiver), receiver.taken

    return [_bare(way(), shape), *(_ours(library, way(), shape) for library in versions)]


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


def report(title: str, samples: dict[str, list[Sample]], baseline: str) -> None:
    """Print medians, and differences and ratios against the baseline of the same round."""
    base = samples[baseline]
    say(f"\n{title}, over {baseline} ({', '.join(f'{f} {median(getattr(s, f) for s in base):.1f} us' for f in Sample._fields)})")
    for name, mine in samples.items():
        if name == baseline:
            continue
        for field in Sample._fields:
            ours, theirs = [getattr(s, field) for s in mine], [getattr(s, field) for s in base]
            more = "{:+7.2f} [{:+.2f}, {:+.2f}] us".format(*interval([a - b for a, b in zip(ours, theirs, strict=True)]))
            ratio = "x{:.2f} [{:.2f}, {:.2f}]".format(*interval([a / b for a, b in zip(ours, theirs, strict=True)]))
            say(f"  {name:20} {field:8} {ratio:22} {more}")


def measure(title: str, pipelines: list[Variant], rounds: int) -> None:
    """Check the answers, compare, report; the first pipeline is the baseline."""
    for variant in pipelines:
        variant.check()
    report(title, compare(pipelines, rounds, pipelines[0].shape.traces), pipelines[0].name)
    for variant in pipelines:
        variant.provider.shutdown()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.overhead", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=100)
    names = [shape.name for shape in SHAPES]
    parser.add_argument("--shapes", nargs="*", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--against", nargs="*", default=[], metavar="REVISION", help="other versions, as git names them")
    parser.add_argument("--otlp", action="store_true", help="also with OTLP/HTTP to a receiver in another process")
    parser.add_argument("--store", action="store_true", help="also with sessions in a real Valkey server")
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        versions = stack.enter_context(libraries(chosen.against))
        for shape in SHAPES:
            if shape.name in chosen.shapes:
                measure(shape.name, variants(shape, versions), chosen.rounds)
        if chosen.otlp:
            receiver = stack.enter_context(receiving())
            for shape in (LLM, WEB):
                measure(f"{shape.name}, OTLP", otlp_variants(receiver, shape, versions), chosen.rounds)
        if chosen.store:
            url = stack.enter_context(valkey()).url
            shape = next(shape for shape in SHAPES if "session.id" in shape.name)
            measure(f"{shape.name}, Valkey", store_variants(url, shape, versions), chosen.rounds)


if __name__ == "__main__":
    main()
