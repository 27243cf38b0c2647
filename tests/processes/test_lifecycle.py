"""Real processes: however an application runs and ends, complete roots come out."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

pytestmark = pytest.mark.oldest_sdk

TIMEOUT_SECONDS = 300

_PRELUDE = '''
import json, os, sys, threading
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import set_span_in_context
from otel_session_agg import PriceBook, SessionSpanExporter, SessionSpanProcessor, Settings

class LineExporter(SpanExporter):
    """Appends one line of JSON a span to a file; small appends do not mix."""

    def export(self, spans):
        lines = [
            json.dumps({"name": s.name, "pid": os.getpid(), "root": s.parent is None, "attributes": dict(s.attributes)}) for s in spans
        ]
        with open(sys.argv[1], "a") as file:
            file.write("".join(line + "\\n" for line in lines))
        return SpanExportResult.SUCCESS

CALL = {
    "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
}
PRICES = PriceBook({"*": {"input": 1e6, "output": 2e6}})
provider = TracerProvider()
trace.set_tracer_provider(provider)
if DOOR == "processor":
    processor = SessionSpanProcessor(LineExporter(), settings=Settings(), prices=PRICES)
else:
    processor = BatchSpanProcessor(SessionSpanExporter(LineExporter(), settings=Settings(), prices=PRICES))
provider.add_span_processor(processor)
tracer = provider.get_tracer("tests")

def session(name="session", calls=3):
    with tracer.start_as_current_span(name):
        for _ in range(calls):
            with tracer.start_as_current_span("agent"):
                tracer.start_span("chat", attributes=CALL).end()
'''

_needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


both_doors = pytest.mark.parametrize("door", ["processor", "exporter"])


def run(tmp_path: Path, body: str, door: str = "processor") -> list[dict[str, Any]]:
    """Run a script in a process of its own; returns what it exported."""
    script, exported = tmp_path / "app.py", tmp_path / "spans.jsonl"
    script.write_text(f"DOOR = {door!r}\n{_PRELUDE}{dedent(body)}", encoding="utf-8")
    done = subprocess.run(  # noqa: S603 -- our own script
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", str(script), str(exported)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert (0, "") == (done.returncode, done.stderr)
    return [json.loads(line) for line in exported.read_text(encoding="utf-8").splitlines()]


def roots(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Attributes of the exported roots."""
    return [span["attributes"] for span in spans if span["root"]]


def totals(root: dict[str, Any]) -> tuple[Any, ...]:
    """Events, model events, tokens, cost, and whether the root is partial."""
    names = ("num_events", "num_model_events", "total_tokens", "cost", "partial")
    return tuple(root.get(f"metadata.{name}") for name in names)


WHOLE = (6, 3, 45, 60.0, None)
"""Totals of one ``session()``."""


class TestExit:
    """A process that ends."""

    @both_doors
    def test_right_after_the_root(self, tmp_path: Path, door: str) -> None:
        """A process that exits right after the root ended exports all of it."""
        spans = run(tmp_path, "session()", door)
        assert [WHOLE] == [totals(root) for root in roots(spans)]
        assert {"session": 1, "agent": 3, "chat": 3} == Counter(span["name"] for span in spans)

    def test_while_a_root_waits(self, tmp_path: Path) -> None:
        """A root that still waits for an open span leaves at exit, marked partial."""
        body = """
            root = tracer.start_span("session")
            context = set_span_in_context(root)
            tracer.start_span("open", context=context)
            tracer.start_span("chat", context=context, attributes=CALL).end()
            root.end()
        """
        (root,) = roots(run(tmp_path, body))
        assert (1, 1, 15, 20.0, True) == totals(root)
        assert "shutdown" == root["metadata.partial_reason"]

    @both_doors
    def test_while_the_worker_works(self, tmp_path: Path, door: str) -> None:
        """A process that exits under load loses nothing."""
        body = """
            for _ in range(200):
                session()
        """
        spans = run(tmp_path, body, door)
        assert 200 * [WHOLE] == [totals(root) for root in roots(spans)]
        assert 1400 == len(spans)

    @both_doors
    def test_by_an_exception(self, tmp_path: Path, door: str) -> None:
        """A process that ends by ``sys.exit`` inside a span exports the root that this ends."""
        body = """
            try:
                with tracer.start_as_current_span("session"):
                    tracer.start_span("chat", attributes=CALL).end()
                    sys.exit(3)
            except SystemExit:
                pass
        """
        assert [(1, 1, 15, 20.0, None)] == [totals(root) for root in roots(run(tmp_path, body, door))]


class TestConcurrency:
    """Tasks and threads."""

    @both_doors
    def test_asyncio(self, tmp_path: Path, door: str) -> None:
        """Tasks that run at once have roots of their own, and parallel calls that outlast their root count."""
        body = """
            import asyncio

            async def call(started, go_on):
                with tracer.start_as_current_span("chat", attributes=CALL):
                    started.set()
                    await go_on.wait()

            async def work():
                started, go_on = asyncio.Event(), asyncio.Event()
                with tracer.start_as_current_span("session"):
                    tasks = [asyncio.create_task(call(started, go_on)) for _ in range(3)]
                    await started.wait()
                    await asyncio.sleep(0)
                go_on.set()
                await asyncio.gather(*tasks)

            async def main():
                await asyncio.gather(*(work() for _ in range(20)))

            asyncio.run(main())
        """
        found = roots(run(tmp_path, body, door))
        assert 20 * [(3, 3, 45, 60.0, None)] == [totals(root) for root in found]

    @both_doors
    def test_thread_pool(self, tmp_path: Path, door: str) -> None:
        """Children in a pool's threads count for the root that submitted them."""
        body = """
            from concurrent.futures import ThreadPoolExecutor

            def call(context):
                with tracer.start_as_current_span("agent", context=context):
                    tracer.start_span("chat", attributes=CALL).end()

            with ThreadPoolExecutor(8) as pool:
                for _ in range(20):
                    with tracer.start_as_current_span("session") as root:
                        list(pool.map(call, [set_span_in_context(root)] * 3))
        """
        assert 20 * [WHOLE] == [totals(root) for root in roots(run(tmp_path, body, door))]


@_needs_fork
class TestFork:
    """Processes that fork."""

    @both_doors
    def test_preload(self, tmp_path: Path, door: str) -> None:
        """Children of a parent that has used its processor export their own roots, whole, and nothing of the parent's."""
        body = """
            session("before")
            parents = tracer.start_span("parents")
            tracer.start_span("chat", context=set_span_in_context(parents), attributes=CALL).end()
            children = []
            for _ in range(3):
                pid = os.fork()
                if pid == 0:
                    for _ in range(5):
                        session("childs")
                    sys.exit(0)
                children.append(pid)
            assert {0} == {os.waitpid(pid, 0)[1] for pid in children}
            parents.end()
        """
        spans = run(tmp_path, body, door)
        found = [span for span in spans if span["root"]]
        assert {"before": 1, "parents": 1, "childs": 15} == Counter(span["name"] for span in found)
        assert {WHOLE} == {totals(span["attributes"]) for span in found if span["name"] != "parents"}
        assert [(1, 1, 15, 20.0, None)] == [totals(span["attributes"]) for span in found if span["name"] == "parents"]
        by_process = Counter(span["pid"] for span in found if span["name"] == "childs")
        assert [5, 5, 5] == list(by_process.values())
        assert 1 + 6 + 2 + 15 * 7 == len(spans)

    def test_while_locks_are_held(self, tmp_path: Path) -> None:
        """A child that is born while another thread folds and forwards does not inherit the locks."""
        body = """
            with processor._span_worker.fold_lock, processor._span_worker.forward_lock:
                pid = os.fork()
                if pid == 0:
                    session("childs")
                    assert processor.force_flush(10_000)
                    os._exit(0)
            assert 0 == os.waitpid(pid, 0)[1]
            session("parents")
        """
        found = [span for span in run(tmp_path, body) if span["root"]]
        assert {"childs": 1, "parents": 1} == Counter(span["name"] for span in found)
        assert {WHOLE} == {totals(span["attributes"]) for span in found}


class TestMultiprocessing:
    """Workers of the standard library."""

    @pytest.mark.parametrize("method", [name for name in ("fork", "spawn") if name in multiprocessing.get_all_start_methods()])
    @both_doors
    def test_pool(self, method: str, tmp_path: Path, door: str) -> None:
        """Workers that flush before they end export their roots, also after their parent has used its processor."""
        body = f"""
            import multiprocessing

            def work(number):
                session("worker")
                assert provider.force_flush()

            if __name__ == "__main__":
                session("parent")
                context = multiprocessing.get_context({method!r})
                workers = [context.Process(target=work, args=(number,)) for number in range(2)]
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
                assert [0, 0] == [worker.exitcode for worker in workers]
        """
        found = [span for span in run(tmp_path, body, door) if span["root"]]
        assert {"parent": 1, "worker": 2} == Counter(span["name"] for span in found)
        assert {WHOLE} == {totals(span["attributes"]) for span in found}


class TestGarbage:
    """A processor that nobody holds any more."""

    def test_worker_ends(self, tmp_path: Path) -> None:
        """Its worker ends with it, and a later fork does not miss it."""
        body = """
            import gc, weakref
            from otel_session_agg._sdk import turns

            turns._LOOK_AGAIN_SECONDS = 0.01
            mine = TracerProvider(shutdown_on_exit=False)
            mine.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(LineExporter())))
            gone = weakref.ref(mine._active_span_processor._span_processors[0])
            mine.get_tracer("tests").start_span("session").end()
            assert mine.force_flush()
            worker = gone()._span_worker.worker.thread
            del mine
            for _ in range(1000):
                gc.collect()
                worker.join(0.01)
                if not worker.is_alive():
                    break
            assert gone() is None and not worker.is_alive()
            if hasattr(os, "fork"):
                pid = os.fork()
                if pid == 0:
                    os._exit(0)
                assert 0 == os.waitpid(pid, 0)[1]
        """
        assert 1 == len(run(tmp_path, body))
