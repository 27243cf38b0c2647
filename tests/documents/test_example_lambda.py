"""The Lambda example: its process is frozen between invocations, and nothing is left in it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from otel_session_agg import attributes as n
from otel_session_agg._cli.demo.receiver import Receiver
from tests.support.paths import EXAMPLES
from tests.support.programs import GPT_4O_MINI, HAS_EXAMPLES, Exported, Usage, counted, model_server, traced, usage_of
from tests.support.servers import valkey

if not HAS_EXAMPLES or not hasattr(signal, "SIGSTOP"):
    pytest.skip("the examples are not here, or nothing can be frozen", allow_module_level=True)

EXPORT_SECONDS = 1


class Function:
    """The process that handles events; it runs only inside ``invoke``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.printed: list[str] = []
        self.freeze()

    def invoke(self, **event: Any) -> dict[str, Any]:
        """Thaw it, hand it an event, take its answer and freeze it again, as the runtime does."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith("{"):
            assert line, "it ended"
            self.printed.append(line.strip())
        self.freeze()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def freeze(self) -> None:
        """Stop all of its threads; returns when they have stopped."""
        self._process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)


@contextmanager
def function(receiver_url: str, model_url: str, **more: str) -> Iterator[Function]:
    """A process of the function; it is killed in the end, as Lambda does with processes that it needs no more."""
    env = traced(receiver_url, OPENAI_BASE_URL=model_url, OPENAI_API_KEY="not-a-key", **more)
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, str(EXAMPLES / "lambda_function.py")],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip
    with process:
        try:
            yield Function(process)
        finally:
            process.kill()


@pytest.fixture
def server() -> Iterator[Any]:
    with model_server().running() as server:
        yield server


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def receiver_url(receiver: Receiver) -> Iterator[str]:
    with receiver.running() as url:
        yield url


def served(server: Any, number: int | None = None) -> Usage:
    """What the model server has served, or its answer of this number."""
    return counted(server.usage() if number is None else server.served[number].usage)


class TestFreezing:
    """One process."""

    def test_all_has_left_when_it_freezes(self, server: Any, receiver: Receiver, receiver_url: str) -> None:
        """After each invocation its root is at the backend, with its totals, although nothing moves in the process."""
        with function(receiver_url, server.base_url) as lambda_function:
            for number, text in enumerate(("How are you?", "And what about yesterday?", "Well, then.")):
                answer = lambda_function.invoke(chat="chat-1", text=text)
                assert answer["text"].startswith("I have read ")
                exported = Exported(receiver.spans)
                assert number + 1 == len(exported.roots) == len(server.served)
                totals: Mapping[str, Any] = exported.roots[-1].attributes
                assert served(server, number) == usage_of(totals)
                assert GPT_4O_MINI.cost_usd(served(server, number)) == totals[n.COST]
                assert n.PARTIAL not in totals
                assert f"invocation chat-1 {totals[n.COST]} USD {totals[n.TOTAL_TOKENS]} tokens" == lambda_function.printed[-1]

    def test_record_leaves_with_the_last_event(self, server: Any, receiver: Receiver, receiver_url: str) -> None:
        """The record of a chat that ends is at the backend, too, exact and once."""
        with function(receiver_url, server.base_url) as lambda_function:
            lambda_function.invoke(chat="chat-1", text="How are you?")
            lambda_function.invoke(chat="chat-2", text="Who is there?")
            lambda_function.invoke(chat="chat-1", last=True)
            (record,) = Exported(receiver.spans).records
            expected = {n.SESSION_ID: "chat-1", n.NUM_MODEL_EVENTS: 1, n.NUM_TRACES: 2, n.REVISION: 1}
            assert expected == {name: record.attributes[name] for name in expected}
            assert served(server, 0) == usage_of(record.attributes)

    def test_silent_backend_costs_what_it_may(self, server: Any) -> None:
        """A backend that takes everything and never answers delays an invocation by the exporter's timeout, and no more."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with function(url, server.base_url, OTEL_EXPORTER_OTLP_TIMEOUT=str(EXPORT_SECONDS)) as lambda_function:
                lambda_function.invoke(chat="chat-1", text="How are you?")  # its first invocation imports things
                begin = time.monotonic()
                lambda_function.invoke(chat="chat-1", text="How are you?")
                seconds = time.monotonic() - begin
        assert EXPORT_SECONDS / 2 < seconds < 5 * EXPORT_SECONDS


class TestStore:
    """Several processes, none of which lives long."""

    def test_record_has_all_processes(self, server: Any, receiver: Receiver, receiver_url: str) -> None:
        """Frozen and killed ones count as well: each had written its part when it was frozen."""
        with valkey() as redis:
            variables = {"OTEL_PYTHON_SESSION_AGG_STORE": redis.url}
            with function(receiver_url, server.base_url, **variables) as first:
                first.invoke(chat="chat-1", text="How are you?")
            with function(receiver_url, server.base_url, **variables) as second:
                second.invoke(chat="chat-1", text="And what about yesterday?")
                with function(receiver_url, server.base_url, **variables) as third:
                    third.invoke(chat="chat-1", last=True)
                    record = Exported(receiver.spans).record("chat-1")
        assert served(server) == usage_of(record)
        assert record is not None
        assert (2, 3) == (record[n.NUM_MODEL_EVENTS], record[n.NUM_TRACES])
