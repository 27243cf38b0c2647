"""What it costs to keep what stored traces come to, and to ask for it.

Measures: ``prepare``: CPU of one trace (two calls, a session of its own or one of many) until nothing is left to compute, which
processes share.  ``write``: CPU of the process that writes.  ``recount``: CPU of a part of a session that several writes have changed.
``group``: CPU of all sessions by user and day.

Run: ``python -m tests.benchmarks.history [--traces 100000]``

Read: microseconds of CPU with one thread.  Sums are checked to the picodollar.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from otel_session_agg._history.history import History
from otel_session_agg._history.prepared import prepared
from otel_session_agg._history.sources import Selection
from tests.support.histories import many

from ._workload import say

T = TypeVar("T")
_AT_ONCE = 2500


class Times(NamedTuple):
    """Microseconds of CPU: of a trace, a trace, a part, a session."""

    prepare: float
    write: float
    recount: float
    group: float


class _Clock:
    """CPU that calls have taken, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, call: Callable[[], T]) -> T:
        before = time.process_time()
        found = call()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - before
        return found


def measured(traces: int, sessions: int | None) -> Times:
    """Write so many traces and ask for them."""
    clock, pusd = _Clock(), 0
    with History(threads=1) as history:
        for first in range(0, traces, _AT_ONCE):
            facts = many(min(_AT_ONCE, traces - first), sessions, first=first)
            pusd += sum(part.totals.rollup.cost_pusd for part in facts.parts)
            made = clock("prepare", lambda facts=facts: prepared(*facts[:3]))  # type: ignore[misc]
            clock("write", lambda made=made: history.add_prepared(made))  # type: ignore[misc]
        clock("recount", history.recount)
        result = clock("group", lambda: history.select(Selection(group_by=["user", "day"])))
        rows = list(result.rows)
    assert pusd == int(str(result.total["cost"]).replace(".", ""))
    assert result.total["sessions"] == sum(row[2] for row in rows if isinstance(row[2], int)) == (sessions or traces)
    per_trace = {name: 1e6 * seconds / traces for name, seconds in clock.seconds.items()}
    return Times(**{**per_trace, "group": 1e6 * clock.seconds["group"] / (sessions or traces)})


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.history", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--traces", type=int, default=100_000)
    traces = parser.parse_args().traces
    say("microseconds of CPU, one thread: prepare and write a trace, recount a part, group a session")
    for what, sessions in (("sessions of one trace", None), ("sessions of twenty", traces // 20)):
        times = measured(traces, sessions)
        say(f"{what:22} " + "  ".join(f"{name} {value:.1f}" for name, value in times._asdict().items()))


if __name__ == "__main__":
    main()
