"""Connections of a server that ends, or has few files."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from socket import socket

import pytest

from otel_session_agg._serve import servers
from otel_session_agg._serve.asgi import Receive, Scope, Send, respond
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.open_files import with_files
from tests.support.serving import connected, export, rest_of, served

_ALLOWED = """
import resource
from otel_session_agg._serve.open_files import allow_more, allowed
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))
allow_more()
print(allowed())
"""


def test_stopped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A request that is not answered when the server ends is to be sent again; no error is logged."""
    monkeypatch.setattr(servers, "_STOP_SECONDS", 0.0)
    asked = threading.Event()

    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor(1) as pool:
        with served(never, Limits()) as port:
            answer = pool.submit(export, port, b"x")
            assert asked.wait(60)
        found = answer.result()
    assert (503, "5") == (found.status, found.headers["retry-after"])
    assert [] == [record.msg for record in caplog.records if record.exc_info]


def test_idle() -> None:
    """Between requests a connection gives way; while it waits for its answer it does not."""
    asked, answers = threading.Event(), threading.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        assert not (await receive()).get("more_body")
        if scope["path"] == "/slow":
            asked.set()
            await asyncio.to_thread(answers.wait, 60)
        await respond(send, 200, b"done", "text/plain")

    def get(connection: socket, path: str) -> None:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    limits = replace(Limits(), max_connections=1, slow_body_seconds=0.0)
    with served(slow, limits) as port, connected(port) as idle:
        get(idle, "/")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200 ")
        with connected(port) as other:
            get(other, "/slow")
            assert b"" == rest_of(idle).partition(b"done")[2]
            assert asked.wait(60)
            with connected(port) as third:
                assert b"" == rest_of(third)
            answers.set()
            assert other.recv(1000).startswith(b"HTTP/1.1 200 ")


class TestFiles:
    """How many connections there are files for."""

    @pytest.mark.parametrize(("number", "most"), [(64, 8), (256, 50), (1024, 290), (4096, 1000), (1 << 20, 1000)])
    def test_connections(self, number: int, most: int) -> None:
        """Two servers leave room for what else is opened."""
        assert most == with_files(Limits(), number).max_connections

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
    def test_more(self) -> None:
        """A server takes as many as it may have without being asked."""
        command = [sys.executable, "-c", _ALLOWED]
        found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 -- our own
        assert "1024" == found.stdout.strip()
