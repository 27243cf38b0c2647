"""How long each question of the page takes over a large history, as a view asks it.

Run: ``python -m tests.benchmarks.large_history PATH``, then ``python -m tests.benchmarks.page [--rounds 3] PATH [ADDRESS ...]``,
where an address is what follows the path of a view, such as ``?from=all&where=cost+>+0.01``.  CPU seconds are those of all
threads: on a busy machine they are what is left of a figure, as many cores answer as many times faster.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timezone
from pathlib import Path

from otel_session_agg._history.history import History
from otel_session_agg._page.asking import before_of, figures_at, source_at
from otel_session_agg._page.grid_rows import rows_at
from otel_session_agg._page.overview_charts import CHARTS
from otel_session_agg._page.services import Services
from otel_session_agg._views.address import State, parse
from otel_session_agg._views.charts import Chart, chart
from otel_session_agg._views.grid import Wanted
from otel_session_agg._views.live import running
from otel_session_agg._views.named import named
from otel_session_agg._views.names import names_of
from otel_session_agg._views.ranges import shown

from ._workload import say

ADDRESSES = ("?from=all", "?from=14d", "?from=all&where=cost+>+0.01", "?from=all&by=service.name")

CALLS = (
    ("", "model"),
    ("cost > 0.001", "model"),
    ("\"service.name\" = 'shop-1'", "model"),
    ("user = user-7", ""),
    ("", "user"),
    ("", "service.name"),
)
"""Charts of model calls: a condition on them, and what they are grouped by."""


def _questions(history: History, state: State, services: Services) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "names", lambda: names_of(history)
    yield "figures", lambda: figures_at(state, history, services)
    yield "figures before", lambda: before_of(state, history, services)
    for one in CHARTS:
        yield f"chart {one.key}", lambda one=one: one.draw(state, history, services)  # type: ignore[misc]
    deep = Wanted(200_000, 200_100, [("tokens", True)])
    filtered = Wanted(filters={"session": {"type": "contains", "filter": "77"}})
    for name, wanted in (("first", Wanted()), ("deep", deep), ("filtered", filtered)):
        yield f"grid, {name}", lambda wanted=wanted: rows_at(state, wanted, services)  # type: ignore[misc]
    for key in ("model", "tool", "agent", "user"):
        yield f"by {key}", lambda key=key: named(source_at(state, history, services), key)  # type: ignore[misc]
    period = shown(state, history, services.now()).selection
    for where, key in CALLS:
        of_calls = Chart("calls", filter=where, where=state.where or "", group_by=key, since=period.since, until=period.until)
        yield f"calls, {where or 'all'}, by {key or 'nothing'}", lambda of_calls=of_calls: chart(history, of_calls)  # type: ignore[misc]
    yield "running", lambda: running(history)


def _timed(ask: Callable[[], object], services: Services, rounds: int) -> tuple[list[float], float]:
    """The seconds that a question takes, each time, ascending, and the CPU seconds at least."""
    seconds, cpu = [], float("inf")
    for _ in range(rounds):
        for memo in (services.answers, services.slow_answers):
            memo._answers.clear()
        began, used = time.perf_counter(), time.process_time()
        ask()
        seconds.append(time.perf_counter() - began)
        cpu = min(cpu, time.process_time() - used)
    return sorted(seconds), cpu


def main() -> None:
    """Print the seconds of each question."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("addresses", nargs="*", default=ADDRESSES)
    given = parser.parse_args()
    with History(given.path, read_only=True) as history:
        [(number, last)] = history.rows("SELECT count(*), max(start_time) FROM sessions")
        now = last.replace(tzinfo=timezone.utc)
        services = Services(lambda: nullcontext(history), now=lambda: now)
        for address in given.addresses:
            say(f"\n{number:,} sessions, {address}")
            for name, ask in _questions(history, parse("/overview", address), services):
                seconds, cpu = _timed(ask, services, given.rounds)
                say(f"{name:48}{seconds[len(seconds) // 2]:8.3f} s, {seconds[-1]:7.3f} at most, {cpu:7.3f} of CPU")
        say(f"\n{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB of memory at most")


if __name__ == "__main__":
    main()
