"""How fast requests are counted while they come, what each of the two processes takes for a span, and how soon it is seen.

Run: ``python -m tests.benchmarks.live [--spans 100000] [--traces 50] [--http] [--history NEWFILE]`` (a minute; nothing else may run)

The traces are those of agents, as in ``stored``, so many in a request.  All requests are sent as fast as they are taken; what is refused
as too much is sent again, as exporters do.  With ``--http`` they come through the receiver of ``serve``; the client is in the process that
accepts then, and in its figures.  ``seen after`` is on an idle server: from before a request of one trace is sent until whoever watches
is called with its session, whose totals can be read then.  CPU time is what is left of a figure on a busy machine.

The first line says whether sources or a compiled build is measured; ``stored`` says how the latter is.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from queue import Queue
from statistics import median
from typing import NamedTuple

from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live.counter import BusyError, LiveCounter
from otel_session_agg._offline.options import Options
from otel_session_agg._serve.access import Access
from otel_session_agg._serve.guard import ingestion_check
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.receiver import Receiver
from otel_session_agg._serve.serving import _taken
from tests.support.builds import BUILD
from tests.support.otlp_files import in_protobuf
from tests.support.serving import export, served

from ._workload import say
from .stored import SPANS, TOKENS, traces

SECONDS = 600.0
"""Longer than anything takes."""
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOKS = 10
"""Requests by which it is measured how soon they are seen."""
_RATE = 10_000
"""Requests a second that the receiver takes of one client here: its own bound is not what is measured."""

Send = Callable[[bytes], float]
"""Sends a request; returns after how many seconds it is to be sent again, 0: it was accepted."""


class Used(NamedTuple):
    """What a process has used."""

    cpu_seconds: float
    peak_bytes: int


class Measured(NamedTuple):
    """What was found out."""

    spans: int
    accepted_seconds: float
    """Until the last request was accepted."""
    seconds: float
    """Until all were in the history."""
    accepting: Used
    """By the process that accepts, writes and is asked."""
    counting: Used
    seen_after: list[float]
    """Seconds until a session was seen."""


def used(pid: int) -> Used:
    """What a process has used until now, as Linux knows it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    [peak] = (line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return Used((int(fields[11]) + int(fields[12])) / _TICKS, int(peak) * 1024)


def requests(number: int, most: int) -> list[bytes]:
    """Requests with so many traces, some in each."""
    made, found = traces(number), []
    while some := list(islice(made, most)):
        found.append(in_protobuf([span for trace in some for span in trace]))
    return found


@contextmanager
def sending(counter: LiveCounter, *, over_http: bool) -> Iterator[Send]:
    """Return what sends requests to a counter, directly or as exporters do."""
    if not over_http:
        yield lambda content: _accepted(counter, content)
        return
    limits = Limits(requests_per_second=_RATE)
    receiver = Receiver(lambda content: _taken(counter, content), ingestion_check(Access(), limits), limits)
    try:
        with served(receiver.app, limits) as port:
            yield lambda content: _exported(port, content)
    finally:
        receiver.close()


def _accepted(counter: LiveCounter, content: bytes) -> float:
    try:
        counter.accept(content)
    except BusyError as error:
        return error.retry_after_seconds
    return 0.0


def _exported(port: int, content: bytes) -> float:
    answer = export(port, content)
    assert answer.status in {200, 429, 503}, answer.text
    return float(answer.headers.get("retry-after", 1.0)) if answer.status != 200 else 0.0


def measure(num_spans: int, most: int, *, over_http: bool = False, path: Path | None = None) -> Measured:
    """Count so many spans, of some traces in each request, and check the answer."""
    contents = requests(num_spans // SPANS, most)
    with SharedHistory(path) as history, LiveCounter(history, Options()) as counter:
        counter.start()
        seen: Queue[frozenset[str]] = Queue()
        with sending(counter, over_http=over_http) as send:
            _look(send, counter, seen, 0)  # the process has started, and has read what it needs
            pid = _pid(counter)
            before = [used(one) for one in (os.getpid(), pid)]
            began = time.monotonic()
            for content in contents:
                while wait := send(content):
                    time.sleep(wait)
            accepted_seconds = time.monotonic() - began
            assert counter.wait(SECONDS)
            seconds = time.monotonic() - began
            after = [used(one) for one in (os.getpid(), pid)]
            counter.subscribe(seen.put)
            seen_after = [_look(send, counter, seen, at + 1) for at in range(_LOOKS)]
        assert pid == _pid(counter), "the process that counts was killed"
        _check(history, len(contents), num_spans // SPANS)
    accepting, counting = (
        Used(end.cpu_seconds - start.cpu_seconds, end.peak_bytes) for start, end in zip(before, after, strict=True)
    )
    return Measured(num_spans // SPANS * SPANS, accepted_seconds, seconds, accepting, counting, seen_after)


def _pid(counter: LiveCounter) -> int:
    process = counter._writer.process
    assert process is not None
    assert process.pid is not None
    return process.pid


def _look(send: Send, counter: LiveCounter, seen: Queue[frozenset[str]], number: int) -> float:
    """Send a session of its own; return after how many seconds it was seen."""
    [trace] = traces(1)
    name = f"look-{number}"
    spans = [
        span._replace(trace_id=number + 1, attributes={"session.id": name} if span.parent_id is None else {}) for span in trace
    ]
    began = time.monotonic()
    assert not send(in_protobuf(spans))
    while number and name not in seen.get(timeout=SECONDS):
        pass
    seconds = time.monotonic() - began
    assert counter.wait(SECONDS)
    return seconds


def _check(history: SharedHistory, num_requests: int, num_traces: int) -> None:
    with history.reading(SECONDS) as reader:
        [found] = reader.rows("SELECT count(*), sum(spans), sum(model_events), sum(tokens) FROM traces WHERE tokens > 0")
    assert (num_traces, num_traces * SPANS, num_traces * 3, num_traces * 3 * sum(TOKENS)) == found, (found, num_requests)


def report(found: Measured) -> None:
    """Print the figures."""
    say(BUILD)
    say(
        f"{found.spans:,} spans, {found.spans / found.seconds:,.0f} a second, accepted at {found.spans / found.accepted_seconds:,.0f}"
    )
    for name, one in (("accepting", found.accepting), ("counting", found.counting)):
        say(f"{name:10}{one.cpu_seconds * 1e6 / found.spans:7.1f} us of CPU a span, {one.peak_bytes / 1e6:7.0f} MB at most")
    say(f"seen after {median(found.seen_after):.2f} s, {max(found.seen_after):.2f} s at most")


def main() -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--traces", type=int, default=50, help="traces in a request")
    parser.add_argument("--http", action="store_true", help="through the receiver of `serve`")
    parser.add_argument("--history", type=Path, help="a new file; else a temporary one")
    given = parser.parse_args()
    report(measure(given.spans, given.traces, over_http=given.http, path=given.history))


if __name__ == "__main__":
    main()
