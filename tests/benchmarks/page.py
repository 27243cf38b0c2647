"""How long each question of the page takes over a large history, as a view asks it.

Run: ``python -m tests.benchmarks.large_history PATH``, then ``python -m tests.benchmarks.page PATH [ADDRESS ...]``, where an
address is what follows the path of a view, such as ``?from=all&where=cost+>+0.01``.
"""

from __future__ import annotations

import argparse
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
from otel_session_agg._views.grid import Wanted
from otel_session_agg._views.live import running
from otel_session_agg._views.named import named
from otel_session_agg._views.names import names_of

from ._workload import say

ADDRESSES = ("?from=all", "?from=14d", "?from=all&where=cost+>+0.01", "?from=all&by=service.name")


def _questions(history: History, state: State, services: Services) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "names", lambda: names_of(history)
    yield "figures", lambda: figures_at(state, history, services)
    yield "figures before", lambda: before_of(state, history, services)
    for chart in CHARTS:
        yield f"chart {chart.key}", lambda chart=chart: chart.draw(state, history, services)  # type: ignore[misc]
    deep = Wanted(200_000, 200_100, [("tokens", True)])
    filtered = Wanted(filters={"session": {"type": "contains", "filter": "77"}})
    for name, wanted in (("first", Wanted()), ("deep", deep), ("filtered", filtered)):
        yield f"grid, {name}", lambda wanted=wanted: rows_at(state, wanted, services)  # type: ignore[misc]
    for key in ("model", "tool", "agent", "user"):
        yield f"by {key}", lambda key=key: named(source_at(state, history, services), key)  # type: ignore[misc]
    yield "running", lambda: running(history)


def main() -> None:
    """Print the seconds of each question."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("addresses", nargs="*", default=ADDRESSES)
    given = parser.parse_args()
    with History(given.path, read_only=True) as history:
        [(number, last)] = history.rows("SELECT count(*), max(start_time) FROM sessions")
        now = last.replace(tzinfo=timezone.utc)
        services = Services(lambda: nullcontext(history), now=lambda: now)
        for address in given.addresses:
            say(f"\n{number:,} sessions, {address}")
            for name, ask in _questions(history, parse("/overview", address), services):
                began = time.perf_counter()
                ask()
                say(f"{name:24}{time.perf_counter() - began:8.3f} s")


if __name__ == "__main__":
    main()
