"""The Celery example: a web process, three prefork workers and a Valkey server, and records that are exact."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import attributes as n
from otel_session_agg._cli.demo.receiver import ReceivedSpan, Receiver
from tests.support.environments import HAS_CHECKOUT, environment
from tests.support.programs import GPT_4O_MINI, HAS_EXAMPLES, Exported, Usage, counted, model_server, started, traced, usage_of
from tests.support.servers import free_port, valkey, wait_until

if not (HAS_EXAMPLES and HAS_CHECKOUT):
    pytest.skip("the examples are not here", allow_module_level=True)

WORKERS = 3
TOPICS = ("tea", "green coffee", "cocoa with milk", "the price of a pound of sugar")
REPORTS = tuple(f"report-{number}" for number in range(6))
REQUIREMENTS = ("celery>=5.5,<6", "opentelemetry-instrumentation-celery>=0.60b0", "fastapi>=0.115", "uvicorn>=0.30")
_WEB = ("-m", "uvicorn", "celery_workers.web:app", "--log-level", "warning", "--port")
_CELERY = (
    "-m", "celery", "--app", "celery_workers.tasks", "worker", "--concurrency", str(WORKERS), "--loglevel", "warning",
    "--without-gossip", "--without-heartbeat", "--without-mingle",
)  # fmt: skip
LAST = "ordered-just-before-the-end"
VARIABLES = {
    "OTEL_BSP_SCHEDULE_DELAY": "3000",
    "OTEL_PYTHON_SESSION_AGG_SESSION_IDLE": "5",
    "OTEL_PYTHON_SESSION_AGG_SESSION_RECORDS": "true",  # a report is one trace, whose root may have been in time for all of it
}


def num_topics(report: str) -> int:
    """How many topics a report has: 2 to 4."""
    return 2 + REPORTS.index(report) % 3


class Web:
    """The running web process."""

    def __init__(self, port: int) -> None:
        self._port = port

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One request: status and body."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=300)
        try:
            connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def is_up(self) -> bool:
        """Whether it answers."""
        with suppress(OSError, HTTPException):
            return self.call("GET", "/reports/nothing")[0] == 200
        return False

    def order(self, report: str, topics: Sequence[str]) -> None:
        """Order a report."""
        assert 202 == self.call("POST", f"/reports/{report}", {"topics": topics})[0]

    def is_written(self, report: str) -> bool:
        """Whether a report is there."""
        return self.call("GET", f"/reports/{report}")[1]["text"] is not None


@dataclass(frozen=True)
class Outcome(Exported):
    """What was served and what came of it."""

    server: Any
    """The model server."""
    told: Mapping[str, Any]
    """What the web process said of each report in the end."""

    def served(self, report: str) -> Usage:
        """What the model server has served for a report."""
        return counted(self.server.usage(report))

    def of(self, report: str) -> list[ReceivedSpan]:
        """The session roots of a report."""
        return [root for root in self.roots if root.attributes[n.SESSION_ID] == report]


@contextmanager
def running(folder: Path, receiver: Receiver, redis_url: str, model_url: str) -> Iterator[Web]:
    """Both programs, once every worker has done something: its first task takes a process a second."""
    python = str(environment("celery", REQUIREMENTS, extras=["demo", "redis"]))
    web = Web(port := free_port())
    with receiver.running() as url:
        env = traced(url, **VARIABLES, REPORTS_REDIS_URL=redis_url, OPENAI_BASE_URL=model_url)
        with (
            started([python, *_WEB, str(port)], folder / "web.log", env) as process,
            started([python, *_CELERY], folder / "celery.log", env),  # stopped first
        ):
            wait_until(lambda: web.is_up() or process.poll() is not None)
            assert process.poll() is None
            warm_up(web, receiver)
            yield web


def warm_up(web: Web, receiver: Receiver) -> None:
    """Order reports until all workers have taken part."""
    numbers = count()

    def have_all_worked() -> bool:
        report = f"warm-up-{next(numbers)}"
        web.order(report, TOPICS)
        wait_until(lambda: web.is_written(report))
        return WORKERS == len({pid_of(span) for span in receiver.spans if is_task(span)})

    wait_until(have_all_worked)


def pid_of(span: ReceivedSpan) -> Any:
    """The process that a span is from."""
    return span.resource["process.pid"]


def is_task(span: ReceivedSpan) -> bool:
    """Whether a span is that of a task at work."""
    return span.name.startswith("run/")


def is_told(report: str, exported: Exported) -> bool:
    """Whether the record tells of all calls.

    The first one does, unless a worker that is slow to write what it has missed it; the session then has another one when it
    is idle.
    """
    record = exported.record(report)
    return record is not None and record[n.NUM_MODEL_EVENTS] == num_topics(report) + 1


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """All of it, once."""
    folder = tmp_path_factory.mktemp("celery")
    receiver = Receiver()
    with valkey() as redis, model_server().running() as server:
        with running(folder, receiver, redis.url, server.base_url) as web:
            for report in REPORTS:
                web.order(report, TOPICS[: num_topics(report)])
            wait_until(lambda: all(web.is_written(report) for report in REPORTS))
            wait_until(lambda: all(is_told(report, Exported(receiver.spans)) for report in REPORTS))
            told = {report: web.call("GET", f"/reports/{report}")[1] for report in REPORTS}
            web.order(LAST, TOPICS)
            wait_until(lambda: web.is_written(LAST))
        return Outcome(receiver.spans, server, told)


class TestTotals:
    """What the reports add up to."""

    @pytest.mark.parametrize("report", REPORTS)
    def test_record_is_exact(self, outcome: Outcome, report: str) -> None:
        """Each report has a record, whichever process wrote it: with what the model server answered in all of them."""
        usage, record = outcome.served(report), outcome.record(report)
        assert usage == usage_of(record)
        assert record is not None
        expected = {
            n.COST: GPT_4O_MINI.cost_usd(usage),
            n.NUM_MODEL_EVENTS: num_topics(report) + 1,
            n.NUM_TRACES: 1,
            n.PARTIAL: None,
        }
        assert expected == {name: record.get(name) for name in expected}

    @pytest.mark.parametrize("report", REPORTS)
    def test_web_process_tells_it(self, outcome: Outcome, report: str) -> None:
        """The process that has run no task knows what all tasks have used."""
        usage, told = outcome.served(report), outcome.told[report]
        assert usage.prompt + usage.completion == told["total_tokens"]
        assert GPT_4O_MINI.cost_usd(usage) == told["cost_usd"]
        assert num_topics(report) + 1 == told["model_events"]

    @pytest.mark.parametrize("report", REPORTS)
    def test_each_task_has_its_own_part(self, outcome: Outcome, report: str) -> None:
        """The root of a task in its process has the totals of its one call."""
        served = [one.usage.total_tokens for one in outcome.server.served if one.key == report]
        roots = [root for root in outcome.of(report) if is_task(root)]
        assert sorted(served) == sorted(root.attributes[n.TOTAL_TOKENS] for root in roots)  # type: ignore[type-var]


class TestProcesses:
    """Where it happened."""

    def test_sessions_span_processes(self, outcome: Outcome) -> None:
        """The tasks of some report were run by several workers, none of them in the web process."""
        by_report = [{pid_of(span) for span in outcome.of(report) if is_task(span)} for report in REPORTS]
        assert 1 < max(map(len, by_report)) <= WORKERS
        orders = [span for span in outcome.spans if span.name == "order a report"]
        assert {"reports-web"} == {span.resource["service.name"] for span in orders}
        assert not {pid_of(span) for span in orders} & set().union(*by_report)

    def test_everything_is_in_one_trace(self, outcome: Outcome) -> None:
        """The web process' span begins a trace that goes on in the workers."""
        for report in REPORTS:
            (order,) = [
                span for span in outcome.spans if span.name == "order a report" and span.attributes[n.SESSION_ID] == report
            ]
            assert {order.trace_id} == {span.trace_id for span in outcome.of(report)}

    def test_nothing_is_lost_at_the_end(self, outcome: Outcome) -> None:
        """What tasks have done right before the workers were stopped has left as well."""
        served = [one.usage.total_tokens for one in outcome.server.served if one.key == LAST]
        assert len(TOPICS) + 1 == len(served)
        assert sorted(served) == sorted(root.attributes[n.TOTAL_TOKENS] for root in outcome.of(LAST) if is_task(root))  # type: ignore[type-var]
