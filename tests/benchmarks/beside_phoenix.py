"""How long the page of sessions takes, beside Phoenix's over the same sessions, in one run.

Each server gets the same OTLP requests, from one client that waits for each answer; then Chromium opens both pages in turn,
until the first row of the table is there and until nothing is asked any more.

Run: ``python -m tests.benchmarks.beside_phoenix [--sessions 10000] [--rounds 5]`` (an environment of Phoenix is made first)
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import urlopen

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from tests.documents.test_backends import phoenix

from ._workload import say
from .page_in_browser import Server

_TURNS = 2
_SESSIONS_PER_REQUEST = 64
_GIVE_UP_SECONDS = 600.0
_QUIET_SECONDS = 0.7
_SECOND_NS = 1_000_000_000
_ANSWERED = """() => {
    const paint = performance.getEntriesByName("first-contentful-paint")[0]
    const ends = performance.getEntriesByType("resource").map(one => one.responseEnd)
    return [paint ? paint.startTime : 0, Math.max(0, ...ends)]
}"""


class Page(NamedTuple):
    """A page of sessions."""

    name: str
    url: str
    row: str
    """The selector of a row of its table."""
    server: Server


class Opened(NamedTuple):
    """How it was opened, in seconds since its address was asked for."""

    paint: float
    row: float
    last: float
    cpu: float


def _attribute(span: Any, key: str, value: str | int) -> None:
    found = span.attributes.add(key=key).value
    if isinstance(value, str):
        found.string_value = value
    else:
        found.int_value = value


def _turn(scope: ScopeSpans, number: int, turn: int, chance: Random, first_ns: int) -> None:
    """Add a trace of a session: what was asked, and the model call below it."""
    trace_id, root_id = chance.randbytes(16), chance.randbytes(8)
    begun_ns = first_ns + (number * 60 + turn * 20) * _SECOND_NS
    ids = {"trace_id": trace_id, "start_time_unix_nano": begun_ns, "end_time_unix_nano": begun_ns + 2 * _SECOND_NS}
    root = scope.spans.add(span_id=root_id, name="chat", kind=Span.SPAN_KIND_INTERNAL, **ids)
    call = scope.spans.add(
        span_id=chance.randbytes(8), parent_span_id=root_id, name="ChatCompletion", kind=Span.SPAN_KIND_CLIENT, **ids
    )
    prompt, completion = chance.randrange(200, 4000), chance.randrange(20, 400)
    for span, kind in ((root, "CHAIN"), (call, "LLM")):
        _attribute(span, "openinference.span.kind", kind)
        _attribute(span, "session.id", f"chat-{number}")
        _attribute(span, "user.id", f"user-{number % 500}")
        _attribute(span, "input.value", f"question {turn} of {number}")
        _attribute(span, "output.value", f"answer {turn} of {number}")
    told: dict[str, str | int] = {
        "llm.model_name": "gpt-4o-mini",
        "llm.provider": "openai",
        "llm.token_count.prompt": prompt,
        "llm.token_count.completion": completion,
        "llm.token_count.total": prompt + completion,
    }
    for key, value in told.items():
        _attribute(call, key, value)


def requests_of(sessions: int) -> Iterator[bytes]:
    """Yield OTLP requests of so many sessions, a minute after each other, the last one now."""
    chance, first_ns = Random(1), time.time_ns() - sessions * 60 * _SECOND_NS  # noqa: S311 -- a repeatable choice
    for first in range(0, sessions, _SESSIONS_PER_REQUEST):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        for key in ("service.name", "openinference.project.name"):
            _attribute(resource.resource, key, "chat")
        scope = resource.scope_spans.add()
        scope.scope.name = "openinference.instrumentation.openai"
        for number in range(first, min(first + _SESSIONS_PER_REQUEST, sessions)):
            for turn in range(_TURNS):
                _turn(scope, number, turn, chance, first_ns)
        yield request.SerializeToString()


def _send(url: str, requests: list[bytes]) -> None:
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=_GIVE_UP_SECONDS)) as connection:
        for body in requests:
            for _ in range(1000):
                connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
                answer = connection.getresponse()
                answer.read()
                if answer.status in {429, 503}:
                    time.sleep(float(answer.headers.get("Retry-After", 1)))
                    continue
                assert answer.status == 200, answer.status
                break


def _until(condition: Any) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _opened(context: Any, page: Page) -> Opened:
    tab, waiting, used, begun = context.new_page(), set[Any](), page.server.cpu(), time.monotonic()
    for event, noted in (("request", waiting.add), ("requestfinished", waiting.discard), ("requestfailed", waiting.discard)):
        tab.on(event, lambda one, noted=noted: noted(one))
    tab.goto(page.url)
    tab.wait_for_selector(page.row, timeout=_GIVE_UP_SECONDS * 1000)
    row, quiet_since = time.monotonic() - begun, time.monotonic()
    while time.monotonic() < quiet_since + _QUIET_SECONDS:
        tab.wait_for_timeout(50)
        if waiting:
            quiet_since = time.monotonic()
    paint, last = tab.evaluate(_ANSWERED)
    tab.close()
    return Opened(paint / 1000, row, last / 1000, page.server.cpu() - used)


def _timed(name: str, server: Server, work: Any) -> None:
    begun, used = time.monotonic(), server.cpu()
    work()
    say(f"{name}: all spans are there after {time.monotonic() - begun:.1f} s, {server.cpu() - used:.1f} s of CPU")


@contextmanager
def _own(folder: Path) -> Iterator[tuple[Server, str]]:
    """Serve a history; the server, and the address of its receiver."""
    options = ["--history", str(folder / "history.duckdb"), "--port", "0", "--otlp-port", "0"]
    command = [sys.executable, "-m", "otel_session_agg", "serve", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 -- our own
    try:
        assert process.stdout is not None
        page, receiver = (process.stdout.readline().decode().split()[-1] for _ in range(2))
        yield Server("otel-session-agg", process, page), receiver
    finally:
        process.terminate()
        process.wait(60)


def _num_traces(server: Server) -> int:
    with urlopen(f"{server.url}api/v1/totals") as answer:  # noqa: S310 -- loopback
        return int(json.load(answer)["traces"] or 0)


@contextmanager
def _pages(folder: Path, requests: list[bytes], sessions: int) -> Iterator[list[Page]]:
    theirs = folder / "phoenix"
    theirs.mkdir()
    with phoenix(theirs) as other, _own(folder) as (own, receiver):
        of_other = Server("Phoenix", other.process, other.url)

        def fill_own() -> None:
            _send(receiver, requests)
            _until(lambda: _num_traces(own) == sessions * _TURNS)

        def fill_other() -> None:
            _send(other.url, requests)
            _until(lambda: (other.project() or {}).get("recordCount") == sessions * _TURNS * 2)

        _timed("otel-session-agg", own, fill_own)
        _timed("Phoenix", of_other, fill_other)
        yield [
            Page("otel-session-agg", f"{own.url}sessions?from=all", ".ag-row", own),
            Page("Phoenix", f"{other.url}/projects/{other.project()['id']}/sessions", "table tbody tr", of_other),
        ]


def main() -> None:
    """Print the seconds of both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    requests = list(requests_of(given.sessions))
    with (
        TemporaryDirectory() as folder,
        _pages(Path(folder), requests, given.sessions) as pages,
        import_module("playwright.sync_api").sync_playwright() as running,
    ):
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        found: dict[str, list[Opened]] = {page.name: [] for page in pages}
        for page in pages:
            _opened(context, page)  # scripts are in the cache then
        for _ in range(given.rounds):
            for page in pages:
                found[page.name].append(_opened(context, page))
        browser.close()
        for page in pages:
            say(f"\n{page.name}: {page.server.peak_mb():,.0f} MB of memory at most; medians of {given.rounds} [least, most], s")
            for field in Opened._fields:
                values = sorted(getattr(one, field) for one in found[page.name])
                say(f"  {field:6}{median(values):7.2f} [{values[0]:.2f}, {values[-1]:.2f}]")


if __name__ == "__main__":
    main()
