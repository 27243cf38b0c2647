"""How long Chromium waits for each view of the page over a large history: first paint, the screen, and the last answer.

A screen is there when nothing on it is still loading: its cards and tables are filled, its charts are drawn.  What is below
it comes afterwards.  The profile is one that has opened every view before, so that scripts are compiled, as they are for
those who use the page.

Run: ``python -m tests.benchmarks.large_history PATH``, then ``python -m tests.benchmarks.page_in_browser PATH [--rounds 3]``.
Several histories are asked in turn; ``PATH@FOLDER`` is served by the program in that folder, such as an older revision.  A
file is opened to be written, as a server does.  CPU seconds are those of the server, of all its threads and processes, and of
the page's thread; on a machine whose cores are busy with others they say more than the seconds do.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from ._workload import say

VIEWS = (
    "overview?from=14d",
    "overview?from=all",
    "overview?from=all&where=cost+>+0.01",
    "overview?from=all&by=service.name",
    "sessions?from=all",
    "users?from=all",
    "segments?from=all&by=service.version",
    "models?from=all",
    "tools?from=all",
    "agents?from=all",
    "charts?from=all&scope=calls&agg=p95&metric=duration&group=model",
    "charts?from=all&scope=sessions&agg=average&metric=cost&group=user",
    "compare?from=14d",
    "compare?from=all&mode=segment&key=service.name",
    "live",
)
_PORT = 28765
_QUIET_SECONDS = 0.7
"""So long nothing is asked when all is there: less than the view of what runs waits to ask again."""
_GIVE_UP_SECONDS = 60.0
_LOADING = """
    const isSeen = (one) => { const at = one.getBoundingClientRect(); return at.top < innerHeight && at.bottom > 0 }
    const grid = document.getElementById("grid")
    const isLoading = !document.querySelector("#view > *") || [...document.querySelectorAll(".loading")].some(isSeen)
        || (grid && isSeen(grid) && !grid.querySelector(".ag-row a"))
"""
_WATCH = f"setInterval(() => {{{_LOADING} window.shownAt = isLoading ? null : window.shownAt || performance.now() }}, 20)"
_IS_LOADING = "() => !document.querySelector('#view > *') || Boolean(document.querySelector('.loading'))"
_ANSWERED = """() => {
    const of = performance.getEntriesByType("resource").filter(one => /_dash-update-component|_chart/.test(one.name))
    const paint = performance.getEntriesByName("first-contentful-paint")[0]
    return [paint ? paint.startTime : 0, window.shownAt || Infinity, Math.max(...of.map(one => one.responseEnd)),
            of.map(one => one.responseEnd - one.requestStart), of.reduce((sum, one) => sum + one.encodedBodySize, 0)]
}"""


class Opened(NamedTuple):
    """How a view was opened, in seconds since its address was asked for."""

    paint: float
    screen: float
    """When the screen was there."""
    last: float
    """The end of the last answer."""
    cpu: float
    page_cpu: float
    answers: list[float]
    """How long the server took for each, from the request on."""
    bytes: float


class Server(NamedTuple):
    """A server of one history."""

    name: str
    process: subprocess.Popen[bytes]
    url: str

    def processes(self) -> list[int]:
        """Return the ids of its processes."""
        found = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [self.process.pid, *(int(one) for path in found for one in path.read_text().split())]

    def cpu(self) -> float:
        """Return the CPU seconds that they took."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.processes()]
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self) -> float:
        """Return the memory that they took at most, in MB."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.processes()]
        return sum(int(re.findall(r"VmHWM:\s+(\d+)", text)[0]) for text in texts) / 1024


@contextmanager
def _server(given: str, port: int) -> Iterator[Server]:
    """Serve a history; on the same port the scripts of the page are those that the browser has."""
    path, _, folder = given.partition("@")
    options = ["--history", str(Path(path).resolve()), "--keep-days", "0", "--port", str(port), "--otlp-port", "0"]
    command = [sys.executable, "-m", "otel_session_agg", "serve", *options]
    process = subprocess.Popen(command, cwd=folder or None, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 -- our own
    try:
        assert process.stdout is not None
        said = process.stdout.readline().decode()  # when it listens
        yield Server(given, process, said.split()[-1])
    finally:
        process.terminate()
        process.wait(30)


def _opened(context: Any, server: Server, view: str) -> Opened:
    """Open a view in a page of its own, and wait until all of it is there."""
    page = context.new_page()
    page.add_init_script(_WATCH)
    metrics = context.new_cdp_session(page)
    metrics.send("Performance.enable")
    waiting: set[Any] = set()
    page.on("request", lambda one: waiting.add(one))  # noqa: PLW0108 -- it is given attributes
    page.on("requestfinished", lambda one: waiting.discard(one))  # noqa: PLW0108
    page.on("requestfailed", lambda one: waiting.discard(one))  # noqa: PLW0108
    used, until = server.cpu(), time.monotonic() + _GIVE_UP_SECONDS
    page.goto(server.url + view)
    quiet_since = time.monotonic()
    while time.monotonic() < min(until, quiet_since + _QUIET_SECONDS):
        page.wait_for_timeout(50)
        if waiting or page.evaluate(_IS_LOADING):
            quiet_since = time.monotonic()
    paint, screen, last, answers, size = page.evaluate(_ANSWERED)
    [own] = [one["value"] for one in metrics.send("Performance.getMetrics")["metrics"] if one["name"] == "ThreadTime"]
    page.close()
    return Opened(paint / 1000, screen / 1000, last / 1000, server.cpu() - used, own, [one / 1000 for one in answers], size)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def _print(server: Server, found: dict[str, list[Opened]]) -> None:
    say(f"\n{server.name}")
    say(f"{'view':70}{'paint s':>9}{'screen s':>9}{'last s':>9}{'CPU s':>8}{'page CPU':>9}{'answers':>9}{'slowest':>9}{'kB':>8}")
    for view, times in found.items():
        of = sorted(times, key=lambda one: one.screen)[len(times) // 2]
        seconds = f"{of.paint:9.2f}{of.screen:9.2f}{of.last:9.2f}{of.cpu:8.2f}{of.page_cpu:9.2f}"
        say(f"{view:70}{seconds}{len(of.answers):9}{max(of.answers):9.2f}{of.bytes / 1000:8.0f}")
    for name in ("paint", "screen", "last", "cpu", "page_cpu"):
        values = [getattr(one, name) for times in found.values() for one in times]
        say(f"{name:8} p50 {_quantile(values, 0.5):.2f} s, p95 {_quantile(values, 0.95):.2f} s")
    answers = [one for times in found.values() for opened in times for one in opened.answers]
    shown = ", ".join(f"{name} {_quantile(answers, share):.2f}" for name, share in (("p50", 0.5), ("p95", 0.95), ("at most", 1)))
    say(f"{len(answers)} answers: {shown} s")
    say(f"{server.peak_mb():,.0f} MB of memory at most")


def main() -> None:
    """Print the seconds of each view."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("histories", nargs="+", metavar="PATH[@FOLDER]")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--views", nargs="*", default=VIEWS)
    given = parser.parse_args()
    found: dict[str, dict[str, list[Opened]]] = {one: {view: [] for view in given.views} for one in given.histories}
    with import_module("playwright.sync_api").sync_playwright() as running, TemporaryDirectory() as profile:
        context = running.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=["--no-sandbox"], viewport={"width": 1400, "height": 900}
        )
        for at, one in enumerate(given.histories * given.rounds):
            port = _PORT + given.histories.index(one)
            with _server(one, port) as server:
                for _ in range(2 if at < len(given.histories) else 0):
                    for view in given.views:
                        _opened(context, server, view)
            with _server(one, port) as server:  # which has no answers yet
                for view, times in found[one].items():
                    times.append(_opened(context, server, view))
                _print(server, found[one])
        context.close()


if __name__ == "__main__":
    main()
