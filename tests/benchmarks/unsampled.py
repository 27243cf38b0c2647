"""What it costs to count spans that are not sampled, side by side in one process.

Measures per span, as ``overhead``: the wall time and CPU of the application's thread, and the CPU of the whole process.  Variants: all
traces dropped by the sampler (the baseline: what an application pays today for what it does not sample), all recorded and counted by
``RecordUnsampled`` but not exported, all sampled, counted and handed to an exporter that throws away.

Run: ``python -m tests.benchmarks.unsampled --rounds 200``

Read: the variants take turns, block by block, in shuffled order; differences against the baseline of the same round.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from otel_session_agg import RecordUnsampled, SessionSpanProcessor
from otel_session_agg._api.registry import session_rollup

from ._workload import SPANS, Null, chat_of, run_trace, say
from .overhead import CHECKED, Variant, compare, report


@dataclass(frozen=True)
class Sampled(Variant):
    """One pipeline with a sampler."""

    num_exported: int = 0
    """Spans that leave of the traces of a check."""

    def check(self) -> None:
        """Run a few traces, each a session; what leaves, and what is counted, is as it must be."""
        self.exported()
        tracer = self.provider.get_tracer("bench.workload", "1.0")
        before = _num_events()  # the pipelines of one process share their sessions
        for trace in range(CHECKED):
            run_trace(tracer, trace, root={"session.id": chat_of(trace)})
        counted = _num_events() - before
        self.provider.force_flush()
        found = (len(self.exported()), counted)
        expected = (self.num_exported, CHECKED * (SPANS - 1) if self.totals else 0)
        if found != expected:
            message = f"{self.name}: {found} spans exported and counted, not {expected}"
            raise AssertionError(message)


def _num_events() -> int:
    rollups = [session_rollup(chat_of(trace)) for trace in range(CHECKED)]
    return sum(rollup.num_events for rollup in rollups if rollup is not None)


def _variant(name: str, sampler: Sampler, num_exported: int, *, ours: bool) -> Sampled:
    exporter = Null()
    batch = BatchSpanProcessor(exporter)
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor(batch) if ours else batch)
    return Sampled(name, provider, _kept(exporter), totals=ours, num_exported=num_exported)


def _kept(exporter: Null) -> Callable[[], list[dict[str, Any]]]:
    def exported() -> list[dict[str, Any]]:
        spans, exporter.spans, exporter.keep = exporter.spans, [], True
        return [dict(span.attributes or {}) for span in spans]

    return exported


def variants() -> list[Sampled]:
    """The first is the baseline; one at a time may be asked for totals."""
    return [
        _variant("dropped", ALWAYS_OFF, 0, ours=False),
        _variant("recorded and counted, not exported", RecordUnsampled(ALWAYS_OFF), 0, ours=True),
        _variant("sampled, counted, exported to nowhere", ALWAYS_ON, CHECKED * SPANS, ours=True),
    ]


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.unsampled", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--traces", type=int, default=50, help="traces per block")
    arguments = parser.parse_args()
    pipelines = variants()
    for variant in pipelines:
        variant.check()
    say("answers checked; microseconds per span")
    report("not sampled", compare(pipelines, arguments.rounds, arguments.traces), pipelines[0].name)


if __name__ == "__main__":
    main()
