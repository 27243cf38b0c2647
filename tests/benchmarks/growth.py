"""What a span costs among many: the scenes of ``tests/laws/test_growth.py`` at growing sizes, in CPU time.

Run: ``python -m tests.benchmarks.growth [--sizes 1000 10000 100000] [--only TEXT]``

Read: CPU microseconds of the process for one item of a scene, the SDK's own work included and the garbage collector's left
out (the spans that an application holds open are its own).  The last column compares the largest size with the smallest.
"""

from __future__ import annotations

import argparse
import gc
import threading
import time
from collections.abc import Callable

from otel_session_agg import SessionSpanExporter, Settings
from otel_session_agg.testing import RecordingExporter
from tests.laws.test_growth import ENDS, STARTS, ended
from tests.support.apps import PRICES, App

from ._workload import say

_EACH = 500
"""Spans in one batch of an exporter."""
_ROOM = 10_000_000
"""More than any scene needs: what is bounded cannot grow."""


def starts(scene: str, number: int) -> float:
    """CPU seconds of a scene whose starts are seen."""
    app = App(max_queue_size=_ROOM, max_open_spans=_ROOM, max_open_roots=_ROOM)
    seconds = _cpu_seconds(lambda: (STARTS[scene](app, number), app.span_worker.turn()))
    app.provider.shutdown()
    return seconds


def ends(scene: str, number: int) -> float:
    """CPU seconds of a scene of which only ended spans are seen."""
    spans = ended(scene, number)
    settings = Settings(linger_seconds=600.0, max_open_spans=_ROOM, max_open_roots=_ROOM)
    exporter = SessionSpanExporter(RecordingExporter(), settings=settings, prices=PRICES)
    exporter._aggregator.span_worker.worker.thread = threading.current_thread()

    def export() -> None:
        for at in range(0, len(spans), _EACH):
            exporter.export(spans[at : at + _EACH])
        exporter.force_flush()

    seconds = _cpu_seconds(export)
    exporter.shutdown()
    return seconds


def _cpu_seconds(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--only", default="", help="scenes with this in their names")
    arguments = parser.parse_args()
    scenes = [(starts, scene) for scene in STARTS] + [(ends, scene) for scene in ENDS]
    for run, scene in scenes:
        if arguments.only in scene:
            costs = [run(scene, number) / number * 1e6 for number in arguments.sizes]
            say(f"{run.__name__}: {scene:60} " + " ".join(f"{cost:8.1f}" for cost in costs) + f" x{costs[-1] / costs[0]:.2f}")


if __name__ == "__main__":
    main()
