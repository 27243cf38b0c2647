"""What ``examples/backends`` says of backends that can be run here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import set_span_in_context

from otel_session_agg import PriceBook, SessionSpanProcessor, Settings, session
from tests.support.apps import App
from tests.support.environments import HAS_CHECKOUT, environment, variables
from tests.support.paths import EXAMPLES, TESTS
from tests.support.servers import free_port, wait_until

pytestmark = pytest.mark.skipif(not HAS_CHECKOUT, reason="the examples and environments are in the checkout")

_README = EXAMPLES / "backends" / "README.md"
_SIX_CENTS = PriceBook({"m": {"input": 6_000, "output": 0}})
"""Ten tokens cost 0.06 USD."""
_SECONDS = 1_000_000_000


def talk(app: App, sessions: dict[str, int]) -> list[ReadableSpan]:
    """Sessions of so many traces, each of 0.06 USD; what was exported."""
    for name, number in sessions.items():
        with session(name, end_on_exit=True):
            for _ in range(number):
                app.trace(1)
    app.flush()
    return list(app.exporter.spans)


class TestClickHouse:
    """The SQL over the collector's table."""

    def test_queries(self, make: Callable[..., App]) -> None:
        """Both find the sessions that cost more than 0.10 USD, with what they cost, also when spans were written twice."""
        app = make(prices=_SIX_CENTS)
        spans = talk(app, {"one": 1, "two": 2, "three": 3})
        queries = re.findall(r"```sql\n(SELECT SpanAttributes[^`]*)```", _README.read_text("utf-8"))
        assert 2 == len(queries)
        python = environment("clickhouse", ["chdb>=3"])
        script = TESTS / "support" / "clickhouse_queries.py"
        asked = json.dumps({"rows": [*map(_row, spans), *map(_row, spans[:5])], "queries": queries})
        done = subprocess.run(  # noqa: S603
            [str(python), str(script)], input=asked, env=variables(), capture_output=True, text=True, timeout=300, check=False
        )
        assert (0, "") == (done.returncode, done.stderr if done.returncode else "")
        sums, records = json.loads(done.stdout)
        assert [("three", 0.18, 3), ("two", 0.12, 2)] == [
            (row["session"], round(row["cost"], 9), int(row["traces"])) for row in sums
        ]
        assert [("three", 0.18), ("two", 0.12)] == [(row["session"], round(row["cost"], 9)) for row in records]


def _row(span: ReadableSpan) -> tuple[str, str, str, str, dict[str, str]]:
    """What the collector writes of a span: values that are no texts as JSON."""
    assert span.context is not None
    attributes = {name: value if isinstance(value, str) else json.dumps(value) for name, value in (span.attributes or {}).items()}
    parent = f"{span.parent.span_id:016x}" if span.parent is not None else ""
    return span.name, f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent, attributes


class Phoenix:
    """A server on loopback."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def ask(self, query: str, **values: str) -> Any:
        """What its GraphQL API answers; ``None`` while nothing does."""
        body = json.dumps({"query": query, "variables": values}).encode()
        try:
            with urlopen(Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"}), timeout=300) as answer:  # noqa: S310
                answered = json.load(answer)
        except OSError:
            return None
        assert "errors" not in answered, answered
        return answered["data"]

    def project(self) -> Any:
        """The application's project; ``None`` as long as there is none."""
        fields = "id name traceCount recordCount p99: latencyMsQuantile(probability: 0.99) tokenCountTotal"
        edges = (self.ask(f"{{projects {{edges {{node {{{fields}}}}}}}}}") or {"projects": {"edges": ()}})["projects"]["edges"]
        return next((edge["node"] for edge in edges if edge["node"]["name"] == "chat"), None)

    def spans(self, condition: str) -> list[Any]:
        """The spans that meet a filter."""
        query = """query($id: ID!, $c: String) {node(id: $id) {... on Project {spans(filterCondition: $c, first: 50) {
            edges {node {name spanKind latencyMs attributes input {value} output {value}}}}}}}"""
        return [edge["node"] for edge in self.ask(query, id=self.project()["id"], c=condition)["node"]["spans"]["edges"]]

    def sessions(self, condition: str) -> dict[str, int]:
        """The sessions that meet a filter, with the number of their traces."""
        query = """query($id: ID!, $c: String) {node(id: $id) {... on Project {sessions(sessionFilterCondition: $c, first: 50) {
            edges {node {sessionId numTraces}}}}}}"""
        edges = self.ask(query, id=self.project()["id"], c=condition)["node"]["sessions"]["edges"]
        return {edge["node"]["sessionId"]: edge["node"]["numTraces"] for edge in edges}


@contextmanager
def phoenix(folder: Path) -> Iterator[Phoenix]:
    """A server of its own, with SQLite."""
    python = environment("phoenix-server", ["arize-phoenix>=20,<21"])
    port = free_port()
    env = variables(PHOENIX_WORKING_DIR=str(folder), PHOENIX_PORT=str(port), PHOENIX_GRPC_PORT=str(free_port()))
    command = [str(python.parent / "phoenix"), "serve"]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=log)  # noqa: S603
        try:
            server = Phoenix(port, process)
            wait_until(
                lambda: process.poll() is not None or server.ask("{projects {edges {node {id}}}}") is not None, seconds=240
            )
            assert process.poll() is None, (folder / "log.txt").read_text("utf-8")
            yield server
        finally:
            process.kill()
            process.wait()


class TestPhoenix:
    """A real Phoenix, with roots that have metadata of their own."""

    def test_shown(self, tmp_path: Path) -> None:
        """Filters find roots and records, and records add no trace, no latency, no cost, and no tokens."""
        with phoenix(tmp_path) as server:
            _send(server.url, {"one": 1, "two": 2})
            wait_until(
                lambda: (server.project() or {}).get("recordCount") == 7, seconds=120
            )  # three roots, three calls, a record
            project = server.project()
            assert (3, 8000.0, 45) == (project["traceCount"], round(project["p99"]), project["tokenCountTotal"])
            assert {"one": 1, "two": 2} == server.sessions("num_traces > 0")
            (record,) = server.spans("metadata['cost'] > 0.10")
            assert ("session", "chain", "question", "answer", 0.0) == (
                record["name"],
                record["spanKind"],
                record["input"]["value"],
                record["output"]["value"],
                record["latencyMs"],
            )
            roots = server.spans("metadata['cost'] > 0.05 and metadata['rollup'] == 'trace' and metadata['thread_id'] == 't'")
            expected = [("request", "chain", "question", "answer")] * 3
            assert expected == [(row["name"], row["spanKind"], row["input"]["value"], row["output"]["value"]) for row in roots]
            assert {} == server.sessions("metadata['cost'] > 0.10")  # only the earliest root is read, as the README says
            assert {"one": 1, "two": 2} == server.sessions("metadata['cost'] > 0.05")


def _send(url: str, sessions: dict[str, int]) -> None:
    exporter = OTLPSpanExporter(f"{url}/v1/traces", timeout=300)
    provider = TracerProvider(resource=Resource({"openinference.project.name": "chat"}), shutdown_on_exit=False)
    settings = Settings(profiles=("default", "phoenix"))
    provider.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(exporter), settings=settings, prices=_SIX_CENTS))
    tracer = provider.get_tracer("tests")
    call = {"openinference.span.kind": "LLM", "llm.model_name": "m", "input.value": "question", "output.value": "answer"}
    tokens = {"llm.token_count.prompt": 10, "llm.token_count.completion": 5, "llm.token_count.total": 15}
    for name, number in sessions.items():
        with session(name, user_id="ada", end_on_exit=True):
            for turn in range(number):
                start_ns = (1_790_000_000 + 60 * turn) * _SECONDS
                root = tracer.start_span("request", start_time=start_ns, attributes={"metadata": '{"thread_id": "t"}'})
                below = set_span_in_context(root)
                tracer.start_span("chat", below, start_time=start_ns, attributes={**call, **tokens}).end(start_ns + 2 * _SECONDS)
                root.end(start_ns + 8 * _SECONDS)
    assert provider.force_flush(120_000)
    provider.shutdown()
