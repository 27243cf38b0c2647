"""Connections of a server that ends, or has few files."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_session_agg._serve import servers
from otel_session_agg._serve.asgi import Receive, Scope, Send
from otel_session_agg._serve.limits import Limits
from otel_session_agg._serve.open_files import with_files
from tests.support.serving import export, served

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
