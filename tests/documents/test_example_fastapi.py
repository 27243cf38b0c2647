"""The FastAPI example: four workers, 200 requests of 20 chats, and totals that are exact."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otel_session_agg import attributes as n
from otel_session_agg import open_store
from otel_session_agg._cli.demo.receiver import ReceivedSpan, Receiver
from otel_session_agg._sharing.stored_sessions import SessionReader, read_row
from tests.support.paths import EXAMPLES
from tests.support.programs import HAS_EXAMPLES, started, traced
from tests.support.servers import free_port, valkey, wait_until

if not HAS_EXAMPLES:
    pytest.skip("the examples are not here", allow_module_level=True)
pytest.importorskip("fastapi")

WORKERS = 4
NUM_CHATS, NUM_REQUESTS = 20, 10
CHATS = tuple(f"chat-{number}" for number in range(NUM_CHATS))
LIKED = CHATS[7]
GREEDY = tuple(f"greedy-{number}" for number in range(20))
BUDGET_USD = 0.001
"""More than any of the chats needs, less than one long message costs."""
_PUSD_PER_USD = 10**12
_PROMPT_PUSD, _COMPLETION_PUSD = 150_000, 600_000
"""Of gpt-4o-mini, picodollars a token."""

COMMANDS: dict[str, Sequence[str]] = {
    "uvicorn": ("uvicorn", "--app-dir", str(EXAMPLES), "fastapi_workers.app:app", "--workers", str(WORKERS), "--port", "{port}"),
    "gunicorn": (
        "gunicorn", "--chdir", str(EXAMPLES), "-k", "asgi", "-w", str(WORKERS), "--preload", "-b", "127.0.0.1:{port}", "fastapi_workers.app:app"
    ),
}  # fmt: skip


class Service:
    """The running example."""

    def __init__(self, port: int) -> None:
        self._port = port

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """One request on a connection of its own, so that any worker may take it: status and body."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=300)
        try:
            sent = json.dumps(body) if body is not None else None
            connection.request(method, path, sent, {"Content-Type": "application/json", "Connection": "close"})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()

    def is_up(self) -> bool:
        """Whether anybody answers."""
        with suppress(OSError, HTTPException):
            return self.call("GET", "/chats/nobody/totals")[0] == 200
        return False


@contextmanager
def serving(kind: str, store_url: str, otlp_url: str, folder: Path) -> Iterator[Service]:
    """The example under a server; it is asked to stop at the end, and ended with all of its workers if it does not."""
    port = free_port()
    env = traced(
        otlp_url, CHAT_BUDGET_USD=str(BUDGET_USD), OTEL_BSP_SCHEDULE_DELAY="100", OTEL_PYTHON_SESSION_AGG_STORE=store_url
    )
    command = [sys.executable, "-m", *(part.format(port=port) for part in COMMANDS[kind])]
    with started(command, folder / "log", env, cwd=folder) as process:
        service = Service(port)
        wait_until(lambda: service.is_up() or process.poll() is not None)
        assert process.poll() is None
        yield service


class Greedy(NamedTuple):
    """A chat that asks as fast as it can until it is refused."""

    spent_usd: list[float]
    """What its answers came to, after each one."""
    totals: dict[str, Any]
    """What the service said of it after the last one."""
    refused: tuple[int, Any]
    """The answer to who had no budget left."""


@dataclass
class Outcome:
    """What was served and what came of it."""

    usage: dict[str, list[dict[str, int]]] = field(default_factory=dict)
    """What the model answered, by chat."""
    totals: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the service itself said of each chat, before it ended."""
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the command line says of each chat, after that."""
    greedy: list[Greedy] = field(default_factory=list)
    """What chats got that went on until they had no budget left."""
    spans: list[ReceivedSpan] = field(default_factory=list)
    """All that was exported."""

    def served(self, chat: str) -> tuple[int, int, float]:
        """Prompt and completion tokens, and their cost in USD."""
        prompt = sum(usage["prompt_tokens"] for usage in self.usage[chat])
        completion = sum(usage["completion_tokens"] for usage in self.usage[chat])
        return prompt, completion, cost_usd(self.usage[chat])

    def roots(self) -> list[ReceivedSpan]:
        """Roots of the requests that the model answered, but those of the greedy chat."""
        ours = (n.SESSION_SPAN, n.FEEDBACK_SPAN)
        own = (span for span in self.spans if not span.parent_span_id and span.name not in ours)
        return [span for span in own if span.attributes.get(n.SESSION_ID) in CHATS]

    def records(self) -> list[ReceivedSpan]:
        """Session records."""
        return [span for span in self.spans if span.name == n.SESSION_SPAN and span.attributes[n.SESSION_ID] in CHATS]


def wait_for_workers(service: Service, receiver: Receiver, pool: ThreadPoolExecutor) -> None:
    """Wait until every worker has answered something."""

    def all_answered() -> bool:
        assert all(pool.map(lambda _: service.is_up(), range(4 * WORKERS)))
        return len({span.resource["process.pid"] for span in receiver.spans}) == WORKERS

    wait_until(all_answered)


def chat_away(service: Service, pool: ThreadPoolExecutor, outcome: Outcome) -> None:
    """Send all requests, those of a chat spread over time and workers."""

    def ask(number: int) -> tuple[str, dict[str, int]]:
        chat = CHATS[number % NUM_CHATS]
        status, answer = service.call(
            "POST", f"/chats/{chat}/messages", {"text": "word " * (number % 37 + 1), "user": f"of-{chat}"}
        )
        assert 200 == status
        return chat, answer["usage"]

    for chat, usage in pool.map(ask, range(NUM_CHATS * NUM_REQUESTS)):
        outcome.usage.setdefault(chat, []).append(usage)
    assert 202 == service.call("POST", f"/chats/{LIKED}/feedback", {"score": 1, "comment": "nice"})[0]


def spend_too_much(service: Service, outcome: Outcome) -> None:
    """Chats ask until they are refused, without a pause, whichever workers answer."""
    for chat in GREEDY:
        usage: list[dict[str, int]] = []
        spent: list[float] = []
        while (said := service.call("POST", f"/chats/{chat}/messages", {"text": "word " * 2000}))[0] == 200 and len(spent) < 9:
            usage.append(said[1]["usage"])
            spent.append(cost_usd(usage))
        outcome.greedy.append(Greedy(spent, service.call("GET", f"/chats/{chat}/totals")[1], said))


def cost_usd(usage: Iterable[dict[str, int]]) -> float:
    """What answers cost."""
    pusd = sum(row["prompt_tokens"] * _PROMPT_PUSD + row["completion_tokens"] * _COMPLETION_PUSD for row in usage)
    return pusd / _PUSD_PER_USD


def wait_for_parts(store_url: str) -> None:
    """Wait until all workers have written what they have of the chats, at the end of the last root."""
    store = open_store(store_url)
    whole = {chat: (NUM_REQUESTS, 0, chat == LIKED) for chat in CHATS}

    def all_written() -> bool:
        rows = map(read_row, SessionReader(store).all())
        return whole == {
            row["session"]: (row["traces"], row["open_roots"], row["feedback"]) for row in rows if row["session"] in CHATS
        }

    wait_until(all_written)
    store.close()


def end_chats(service: Service, receiver: Receiver, pool: ThreadPoolExecutor, outcome: Outcome) -> None:
    """Ask for the totals, then end the chats and wait for the records."""
    outcome.totals = {chat: service.call("GET", f"/chats/{chat}/totals")[1] for chat in CHATS}
    assert {202} == {status for status, _ in pool.map(lambda chat: service.call("DELETE", f"/chats/{chat}"), CHATS)}
    wait_until(lambda: len([span for span in receiver.spans if span.name == n.SESSION_SPAN]) >= NUM_CHATS)


def listed(store_url: str) -> dict[str, dict[str, Any]]:
    """What the command line says of the chats, by id."""
    command = [
        sys.executable,
        "-m",
        "otel_session_agg",
        "sessions",
        "--store",
        store_url,
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=False)  # noqa: S603
    assert (0, "") == (done.returncode, done.stderr)
    rows = [row for row in json.loads(done.stdout) if row["session"] in CHATS]
    assert NUM_CHATS == len(rows)
    return {row["session"]: row for row in rows}


@pytest.fixture(scope="module", params=[("uvicorn", "valkey"), ("gunicorn", "sqlite")], ids="-".join)
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """All of it, once for each server."""
    kind, store = request.param
    folder = tmp_path_factory.mktemp(kind)
    receiver, made = Receiver(), Outcome()
    with valkey() as server, receiver.running() as otlp_url, ThreadPoolExecutor(NUM_CHATS) as pool:
        store_url = server.url if store == "valkey" else f"sqlite:///{folder / 'chats.db'}"
        with serving(kind, store_url, otlp_url, folder) as service:
            wait_for_workers(service, receiver, pool)
            chat_away(service, pool, made)
            spend_too_much(service, made)
            wait_for_parts(store_url)
            end_chats(service, receiver, pool, made)
            made.listed = listed(store_url)
        made.spans = receiver.spans
        yield made


class TestTotals:
    """What the chats add up to."""

    def test_each_chat_has_one_record(self, outcome: Outcome) -> None:
        """One span named ``session`` for each chat, the first revision, because somebody ended it."""
        assert dict.fromkeys(CHATS, 1) == Counter(span.attributes[n.SESSION_ID] for span in outcome.records())
        assert {(1, "end_session")} == {
            (span.attributes[n.REVISION], span.attributes[n.END_REASON]) for span in outcome.records()
        }

    def test_records_are_exact(self, outcome: Outcome) -> None:
        """Tokens, cost, calls and traces of each record are what the model server answered in all workers together."""
        for record in outcome.records():
            chat = str(record.attributes[n.SESSION_ID])
            names = (n.PROMPT_TOKENS, n.COMPLETION_TOKENS, n.COST, n.NUM_MODEL_EVENTS, n.NUM_TRACES, n.USER_ID, n.HAS_FEEDBACK)
            expected = (*outcome.served(chat), NUM_REQUESTS, NUM_REQUESTS, f"of-{chat}", chat == LIKED)
            assert expected == tuple(record.attributes[name] for name in names)
            assert n.PARTIAL not in record.attributes

    def test_roots_are_exact(self, outcome: Outcome) -> None:
        """Each request has one root with its own call's tokens, and none is partial."""
        expected = Counter((chat, usage["total_tokens"]) for chat in CHATS for usage in outcome.usage[chat])
        assert expected == Counter((root.attributes[n.SESSION_ID], root.attributes[n.TOTAL_TOKENS]) for root in outcome.roots())
        assert NUM_CHATS * NUM_REQUESTS == len({root.trace_id for root in outcome.roots()})
        assert not any(n.PARTIAL in root.attributes for root in outcome.roots())

    def test_workers_shared_the_chats(self, outcome: Outcome) -> None:
        """The requests, also those of a single chat, were handled by several processes."""
        by_chat: dict[object, set[object]] = {}
        for root in outcome.roots():
            by_chat.setdefault(root.attributes[n.SESSION_ID], set()).add(root.resource["process.pid"])
        assert 1 < len(set().union(*by_chat.values())) <= WORKERS
        assert 1 < max(map(len, by_chat.values()))

    def test_service_knows_them(self, outcome: Outcome) -> None:
        """Whichever worker is asked, it answers with the totals of all of them."""
        for chat in CHATS:
            prompt, completion, cost = outcome.served(chat)
            said = outcome.totals[chat]
            assert (cost, prompt + completion, NUM_REQUESTS) == (said["cost_usd"], said["total_tokens"], said["model_events"])
            assert (chat == LIKED) == said["has_feedback"]

    def test_command_line_lists_them(self, outcome: Outcome) -> None:
        """``otel-session-agg sessions`` lists the 20 chats, ended, with the same totals."""
        assert set(CHATS) == outcome.listed.keys()
        for chat, row in outcome.listed.items():
            names = (
                "prompt_tokens",
                "completion_tokens",
                "cost",
                "traces",
                "open_roots",
                "state",
                "revision",
                "feedback",
                "models",
            )
            expected = (*outcome.served(chat), NUM_REQUESTS, 0, "ended", 1, chat == LIKED, ["gpt-4o-mini"])
            assert expected == tuple(row[name] for name in names)


class TestBudget:
    """Chats that use too much."""

    def test_are_refused(self, outcome: Outcome) -> None:
        """402 with the figures, from whichever worker, as soon as the answers so far came to more than the budget, each time."""
        assert len(GREEDY) == len(outcome.greedy)
        for chat, greedy in zip(GREEDY, outcome.greedy, strict=True):
            assert [BUDGET_USD >= spent for spent in greedy.spent_usd] == [True] * (len(greedy.spent_usd) - 1) + [False]
            assert (greedy.spent_usd[-1], len(greedy.spent_usd)) == (greedy.totals["cost_usd"], greedy.totals["model_events"])
            detail = f"session {chat} has used {greedy.spent_usd[-1]:.6f} USD of {BUDGET_USD:.6f} USD"
            assert (402, {"detail": detail}) == greedy.refused
