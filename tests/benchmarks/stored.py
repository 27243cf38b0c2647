"""How fast stored traces are replayed, and how much memory that takes, beside others that read the same file.

Run: ``python -m tests.benchmarks.stored [--spans 1000000] [--forms pb jsonl] [--processes 1 2] [--tracecost COMMAND]`` (some minutes);
``--killed``: kill a replay of so many spans into a history in the middle of counting, replay again, and check that all is there once.

The traces are those of agents: ten spans, three of them model calls, two tools, three HTTP requests.  What DuckDB sums (tokens by trace
of the JSON lines) is less than half of the work: it reads no prices, sessions, duplicates or nesting.  tracecost (of PyPI, 0.1) reads
JSON lines, not protobuf.  "Per core" is by CPU time, of all processes: it is what is left of a figure on a busy machine.

In a checkout its sources are measured, also where a compiled wheel is installed.  To measure that, run it in a folder that has a link
to ``tests`` and nothing else; the first line says what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from otel_session_agg._model.span import SpanData
from tests.support.builds import BUILD
from tests.support.otlp_files import in_json, in_protobuf, sized

from ._workload import say

SPANS = 10
"""Spans of a trace."""
TOKENS = (1000, 100)
_EPOCH_NS = 1_790_000_000_000_000_000
_MS = 1_000_000
_BATCH = 50
_MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1")


def traces(number: int) -> Iterator[list[SpanData]]:
    """Traces of agents, three in each session, one that begins each second."""
    for at in range(number):
        yield _trace(at)


def _trace(at: int) -> list[SpanData]:
    trace_id, start = Random(at).getrandbits(127) + 1, _EPOCH_NS + at * 1000 * _MS  # noqa: S311 -- repeatable
    session = f"chat-{at // 3}"

    def span(number: int, parent: int | None, name: str, ms: tuple[int, int], **attributes: Any) -> SpanData:
        values = {key.replace("__", "."): value for key, value in attributes.items()}
        times = (start + ms[0] * _MS, start + ms[1] * _MS)
        return SpanData(name, trace_id, at * 16 + number, parent and at * 16 + parent, "CLIENT", "app", "1", *times, values)

    def model(number: int, ms: tuple[int, int]) -> SpanData:
        return span(
            number, 2, "chat", ms,
            gen_ai__operation__name="chat", gen_ai__provider__name="openai", gen_ai__request__model=_MODELS[at % 3],
            gen_ai__response__id=f"r-{at}-{number}", gen_ai__usage__input_tokens=TOKENS[0],
            gen_ai__usage__output_tokens=TOKENS[1], gen_ai__conversation__id=session, gen_ai__output__messages="word " * 40,
        )  # fmt: skip

    def tool(number: int, ms: tuple[int, int]) -> SpanData:
        return span(number, 2, "execute_tool", ms, gen_ai__operation__name="execute_tool", gen_ai__tool__name=f"tool-{number}")

    def request(number: int, parent: int, ms: tuple[int, int]) -> SpanData:
        return span(
            number, parent, "POST", ms, http__request__method="POST", url__full="https://example.com/v1", server__port=443
        )

    return [
        span(1, None, "POST /chat", (0, 990), session__id=session, user__id=f"user-{at % 50}", http__request__method="POST"),
        span(2, 1, "invoke_agent", (5, 980), gen_ai__operation__name="invoke_agent", gen_ai__agent__name=f"agent-{at % 2}"),
        model(3, (10, 200)), model(4, (300, 500)), model(5, (600, 900)),
        tool(6, (210, 290)), tool(7, (510, 590)),
        request(8, 3, (11, 199)), request(9, 4, (301, 499)), request(10, 6, (211, 289)),
    ]  # fmt: skip


def write(path: Path, number: int) -> None:
    """Write traces to a file, fifty in a request; its ending says the form."""
    with path.open("wb") as file:
        batch: list[SpanData] = []
        for at, trace in enumerate(traces(number), 1):
            batch += trace
            if at % _BATCH == 0 or at == number:
                file.write(in_json(batch) if path.suffix == ".jsonl" else sized(in_protobuf(batch)))
                batch = []


def replayed(path: Path, processes: int) -> dict[str, float]:
    """Replay a file in a process of its own; return seconds, CPU seconds, and the largest process in bytes."""
    code = "import json, sys; from tests.benchmarks.stored import measure; print(json.dumps(measure(*sys.argv[1:])))"
    command = [sys.executable, "-c", code, str(path), str(processes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(path: str, processes: str) -> dict[str, float]:
    """Replay a file, and check the answer."""
    from otel_session_agg import replay  # noqa: PLC0415 -- in a process of its own

    began = time.monotonic()
    with replay(path, processes=int(processes)) as sessions:
        seconds = time.monotonic() - began
        [(tokens, calls)] = sessions.rows("SELECT sum(tokens), sum(model_events) FROM sessions")
        assert calls * sum(TOKENS) == tokens
        assert sessions.done.num_spans * 3 == calls * SPANS
        spans = sessions.done.num_spans
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    return {"seconds": seconds, "cpu": cpu, "spans": spans, "bytes": 1024 * max(one.ru_maxrss for one in used)}


def summed(path: Path) -> None:
    """Let DuckDB sum the tokens of each trace of JSON lines."""
    import duckdb  # noqa: PLC0415 -- of an extra

    sql = """
    WITH spans AS (
        SELECT unnest(flatten(flatten([[s.spans for s in r.scopeSpans] for r in resourceSpans]))) AS span
        FROM read_json(?, columns = {resourceSpans: 'STRUCT(scopeSpans STRUCT(spans STRUCT(traceId VARCHAR, attributes
            STRUCT("key" VARCHAR, "value" STRUCT(intValue VARCHAR))[])[])[])[]'}, maximum_object_size = 100000000)
    )
    SELECT sum(tokens) FROM (
        SELECT span.traceId, sum(list_sum(
            [a."value".intValue::BIGINT for a in span.attributes if starts_with(a."key", 'gen_ai.usage.')])) AS tokens
        FROM spans GROUP BY 1)
    """
    [(tokens,)] = duckdb.execute(sql, [str(path)]).fetchall()
    assert tokens > 0 == tokens % sum(TOKENS)


def beside(command: list[str]) -> dict[str, float]:
    """Run another program; return seconds, CPU seconds, and its largest process in bytes."""
    code = (
        "import json, resource, subprocess, sys, time; began = time.monotonic()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps({'seconds': time.monotonic() - began, 'cpu': used.ru_utime + used.ru_stime, 'bytes': 1024 * used.ru_maxrss}))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], check=True, capture_output=True, text=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout)
    return found


def kill_and_repeat(path: Path, spans: int) -> None:
    """Kill a replay into a history when a third of the traces are in it, replay again, and check what is there."""
    history = path.with_name("kept.duckdb")
    command = [sys.executable, "-m", "otel_session_agg", "replay", str(path), "--history", str(history), "--csv", "--limit", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        while process.poll() is None and _size(history) < LOG_BYTES + spans * BYTES_IN_HISTORY // 3:
            time.sleep(0.05)
        assert process.poll() is None, "it was done before it could be killed"
        process.kill()
    before = _counts(history)
    assert 0 < before["spans"] < spans
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    after = _counts(history)
    expected = {"traces": spans // SPANS, "calls": spans * 3 // SPANS, "spans": spans, "sessions": -(-spans // SPANS // 3)}
    assert expected == {name: after[name] for name in expected}, after
    assert spans * 3 // SPANS * sum(TOKENS) == after["tokens"] == after["tokens of calls"], after
    say(f"killed with {before['spans']:,} of {spans:,} spans in the history; after another replay all are there once: {after}")


BYTES_IN_HISTORY = 100
"""Bytes of a history for each span, at least."""

LOG_BYTES = 20_000_000
"""What a batch may have in the log of a history before it is committed."""


def _size(history: Path) -> int:
    return sum(path.stat().st_size for path in history.parent.glob(history.name + "*"))


def _counts(history: Path) -> dict[str, int]:
    from otel_session_agg._history.history import History  # noqa: PLC0415 -- of an extra

    with History(history, read_only=True) as kept:
        found = {name: kept.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("sessions", "traces", "calls", "spans")}  # noqa: S608
        found["tokens"] = int(kept.rows("SELECT coalesce(sum(tokens), 0) FROM sessions")[0][0])
        found["tokens of calls"] = int(kept.rows("SELECT coalesce(sum(tokens), 0) FROM calls WHERE counts")[0][0])
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.stored", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--forms", nargs="*", default=["pb", "jsonl"], choices=["pb", "jsonl"])
    parser.add_argument("--processes", nargs="*", type=int, default=[1, len(os.sched_getaffinity(0))])
    parser.add_argument("--tracecost", metavar="COMMAND", help="the program of this name")
    parser.add_argument("--killed", action="store_true", help="kill a replay into a history, and repeat it")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if chosen.killed:
            path = Path(folder, "traces.pb")
            write(path, chosen.spans // SPANS)
            kill_and_repeat(path, chosen.spans)
            return
        say(BUILD)
        say(f"{'file':8}{'processes':>12}{'spans/s':>10}{'per core':>10}{'largest':>10}")
        for form in chosen.forms:
            path = Path(folder, f"traces.{form}")
            write(path, chosen.spans // SPANS)
            for number in chosen.processes:
                _say(form, number, chosen.spans, replayed(path, number))
            if form == "jsonl":
                if chosen.tracecost:
                    _say(form, "tracecost", chosen.spans, beside([chosen.tracecost, "cost", "--by", "trace", str(path)]))
                code = (
                    "import sys; from pathlib import Path; from tests.benchmarks.stored import summed; summed(Path(sys.argv[1]))"
                )
                _say(form, "DuckDB", chosen.spans, beside([sys.executable, "-c", code, str(path)]))


def _say(form: str, who: object, spans: int, found: dict[str, float]) -> None:
    rate, core = spans / found["seconds"], spans / found["cpu"]
    say(f"{form:8}{who!s:>12}{rate:10,.0f}{core:10,.0f}{found['bytes'] / 1e6:7,.0f} MB")


if __name__ == "__main__":
    main()
