"""A burst from many threads that overflows the downstream's queue: every root that survives must still be exact.

Measures nothing in time; it counts.  The downstream is a ``BatchSpanProcessor`` with its default queue and a slow exporter, so
it loses spans.  Ours folds before that queue, so the loss is of spans and never of figures.  Every seventh trace has a model
call that ends after its root.

Run: ``python -m tests.benchmarks.burst --threads 8 --traces 1000``

Read: *survivors* are the exported roots; *lost by downstream* are the spans that its queue dropped; *lost by us* must be
nothing.  Any wrong total, span counted twice or state left behind raises.
"""

from __future__ import annotations

import argparse
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, Tracer, use_span

from otel_session_agg import SessionSpanProcessor
from otel_session_agg._collections.deadlines import Phase
from tests.support.deadlines import next_deadline

from ._workload import CALLS, SPANS, TRACE, is_root, model_attributes, provider_of, run_trace, say, wrong

_LATE = 7
"""One trace in so many has a call that ends after its root."""


class Slow(SpanExporter):
    """Takes its time for each batch, unless it is told to hurry."""

    def __init__(self, delay_seconds: float) -> None:
        self._delay_seconds = delay_seconds
        self.hurry = threading.Event()
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep the spans, slowly."""
        self.hurry.wait(self._delay_seconds)
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to end."""


class Counting(SpanProcessor):
    """Counts what is handed to the downstream."""

    def __init__(self, downstream: SpanProcessor) -> None:
        self._downstream = downstream
        self.received = 0
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on."""
        with self._lock:
            self.received += 1
        self._downstream.on_end(span)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Pass on."""
        return self._downstream.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Pass on."""
        self._downstream.shutdown()


@dataclass(frozen=True)
class Outcome:
    """What came of a burst."""

    traces: int
    seconds: float
    handed_on: int
    """Spans that reached the downstream."""
    exported: int
    survivors: int
    """Roots among them."""
    faults: list[str]
    """Everything that is not as it must be."""


def burst(threads: int, traces: int, exporter: Slow, downstream: SpanProcessor) -> Outcome:
    """Run so many traces on each of so many threads at full speed, flush, and look at everything."""
    counting = Counting(downstream)
    processor = SessionSpanProcessor(counting)
    provider = provider_of(processor)
    tracer = provider.get_tracer("bench.workload", "1.0")
    barrier = threading.Barrier(threads + 1)

    def work(first: int) -> None:
        barrier.wait()
        for trace in range(first, first + traces):
            (_run_with_late_call if trace % _LATE == 0 else run_trace)(tracer, trace)

    workers = [threading.Thread(target=work, args=(number * traces,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    begin = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - begin
    exporter.hurry.set()
    flushed = provider.force_flush()
    roots = [span for span in exporter.spans if is_root(span)]
    faults = [] if flushed else ["force_flush did not finish"]
    for attributes in (root.attributes or {} for root in roots):
        faults += [f"trace {attributes[TRACE]!r}: {key} is {b}, not {a}" for key, (a, b) in wrong(attributes).items()]
    faults += _left_behind(processor, threads * traces)
    if counting.received != threads * traces * SPANS:
        faults.append(f"{counting.received} spans handed on, not {threads * traces * SPANS}")
    provider.shutdown()
    return Outcome(threads * traces, seconds, counting.received, len(exporter.spans), len(roots), faults)


def _run_with_late_call(tracer: Tracer, trace: int) -> None:
    """The same trace, whose last call's span ends after the root."""
    kept: list[Span] = []

    class Late:
        """A tracer that leaves the last model call open."""

        calls = 0

        def start_as_current_span(self, name: str, **rest: object) -> object:
            self.calls += name.startswith("chat")
            if name.startswith("chat") and self.calls == CALLS:
                kept.append(tracer.start_span(name, attributes=model_attributes(trace, CALLS - 1)))
                return use_span(kept[0])
            return tracer.start_as_current_span(name, **rest)  # type: ignore[arg-type]

    run_trace(Late(), trace)  # type: ignore[arg-type]
    kept[0].end()


def _left_behind(processor: SessionSpanProcessor, roots: int) -> list[str]:
    engine = processor._span_worker.pipeline.engine
    ignored, released = sum(engine.ignored.values()), sum(engine.released.values())
    laws = {
        "received = folded + ignored": engine.received == engine.folded + ignored,
        "opened = released + open": engine.opened == released + engine.open,
        "every span was received": engine.received == roots * SPANS,
        "nothing was ignored": ignored == 0,
        "every root left complete": engine.released == {"complete": roots},
        "no root is open": engine.open == 0 and not list(engine.roots) and not engine._recent_calls.traces,
        "no deadline is left": next_deadline(processor._span_worker.pipeline.deadlines, Phase.LINGERING) is None,
        "queues are empty": not (processor._span_worker.queue or processor._span_worker.held),
        "nothing was lost by us": not processor._span_worker.lost,
    }
    return [f"not true: {law}" for law, holds in laws.items() if not holds]


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.burst", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--traces", type=int, default=1000, help="traces per thread")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds that the exporter takes for a batch")
    arguments = parser.parse_args()
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)  # the queue's own word on every span that it drops
    exporter = Slow(arguments.delay)
    outcome = burst(arguments.threads, arguments.traces, exporter, BatchSpanProcessor(exporter))
    spans = outcome.traces * SPANS
    say(f"{spans} spans from {arguments.threads} threads in {outcome.seconds:.2f} s: {spans / outcome.seconds:,.0f} spans/s")
    say(f"handed to the downstream: {outcome.handed_on}, lost by us: {spans - outcome.handed_on}")
    say(f"exported: {outcome.exported}, lost by downstream: {outcome.handed_on - outcome.exported}")
    say(f"survivors: {outcome.survivors} roots of {outcome.traces}, every total exact")
    if outcome.faults:
        raise SystemExit("\n".join(outcome.faults[:20]))


if __name__ == "__main__":
    main()
