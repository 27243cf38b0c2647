"""Totals and records of open sessions survive ``SIGTERM``."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT
from tests.support.servers import free_port, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")

_TIMEOUT_SECONDS = 300
_RECORDS = {"OTEL_PYTHON_SESSION_AGG_SESSION_RECORDS": "true"}  # also of sessions with one trace


class _Process:
    """A program that is told to stop."""

    def __init__(self, folder: Path, *command: str, **environment: str) -> None:
        self._spans = folder / "spans"
        self._spans.touch()
        self.process = subprocess.Popen(  # noqa: S603 -- our own programs
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, "SPANS": str(self._spans), "PYTHONUNBUFFERED": "1", **_RECORDS, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until(self, line: str) -> None:
        """Wait for a line of its output."""
        assert self.process.stdout is not None
        seen = []
        for found in self.process.stdout:
            seen.append(found)
            if found.strip() == line:
                return
        raise AssertionError("".join(seen))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(_TIMEOUT_SECONDS)

    def named(self, name: str) -> list[dict[str, Any]]:
        """Attributes of exported spans with this name."""
        rows = [json.loads(line) for line in self._spans.read_text("utf-8").splitlines()]
        return [attributes for found, attributes in rows if found == name]

    def tokens(self) -> dict[str, int | None]:
        """The tokens that the last record of each session has; ``None``: it is there and states none."""
        return {record["session.id"]: record.get("metadata.total_tokens") for record in self.named("session")}


@contextmanager
def _running(folder: Path, *command: str, **environment: str) -> Iterator[_Process]:
    running = _Process(folder, *command, **environment)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def _program(name: str) -> tuple[str, ...]:
    return "-m", "tests.support.stopped", name


class TestPrograms:
    """A process without a server."""

    @pytest.mark.parametrize("name", ["plain", "asynchronous", "exported"])
    def test_default(self, tmp_path: Path, name: str) -> None:
        """The signal ends the process as it did, and everything has left."""
        with _running(tmp_path, *_program(name)) as running:
            running.until("ready")
            assert -signal.SIGTERM == running.stop()
            assert {"s": 15, "open": None} == running.tokens()
            assert 15 == running.named("request")[0]["metadata.total_tokens"]
            assert "shutdown" == running.named("session")[0]["metadata.end_reason"]

    def test_while_locked(self, tmp_path: Path) -> None:
        """A signal in the middle of our own work ends the process, too, with what had ended."""
        with _running(tmp_path, *_program("busy")) as running:
            running.until("ready")
            wait_until(lambda: len(running.named("request")) > 10)
            assert -signal.SIGTERM == running.stop()
            assert 15 * 10 <= (running.tokens()["s"] or 0)

    def test_handler_before(self, tmp_path: Path) -> None:
        """A handler that is there is called when what has ended has left."""
        with _running(tmp_path, *_program("handled")) as running:
            running.until("ready")
            assert 3 == running.stop()
            assert {"s": 15} == running.tokens()

    def test_handler_after(self, tmp_path: Path) -> None:
        """A handler that is set later replaces this one; it ends the interpreter, and so everything leaves."""
        with _running(tmp_path, *_program("handled_later")) as running:
            running.until("ready")
            assert 3 == running.stop()
            assert 15 == running.tokens()["s"]

    def test_ignored(self, tmp_path: Path) -> None:
        """A signal that is ignored stays so."""
        with _running(tmp_path, *_program("ignored")) as running:
            running.until("ready")
            assert 4 == running.stop()
            assert 15 == running.tokens()["s"]

    def test_switched_off(self, tmp_path: Path) -> None:
        """By a setting the signal is left alone."""
        with _running(tmp_path, *_program("plain"), OTEL_PYTHON_SESSION_AGG_HANDLE_SIGTERM="false") as running:
            running.until("ready")
            assert -signal.SIGTERM == running.stop()
            assert {} == running.tokens()


_SERVERS = {
    "uvicorn": ("-m", "uvicorn", "tests.support.stopped:asgi", "--lifespan", "off", "--log-level", "warning", "--port"),
    "uvicorn.run": ("-m", "tests.support.stopped", "served"),
    "gunicorn": ("-m", "gunicorn", "tests.support.stopped:wsgi", "--threads", "4", "--log-level", "warning", "-b"),
    "gunicorn asgi": ("-m", "gunicorn", "tests.support.stopped:asgi", "-k", "asgi", "--log-level", "warning", "-b"),
    "gunicorn preload": (
        "-m",
        "gunicorn",
        "tests.support.stopped:asgi",
        "-k",
        "asgi",
        "--preload",
        "--log-level",
        "warning",
        "-b",
    ),
    "gunicorn uvicorn": (
        "-m",
        "gunicorn",
        "tests.support.stopped:asgi",
        "-k",
        "uvicorn_worker.UvicornWorker",
        "--log-level",
        "warning",
        "-b",
    ),
}
_PRELOADED = "gunicorn uvicorn preload"
_SERVERS[_PRELOADED] = (*_SERVERS["gunicorn uvicorn"][:-1], "--preload", "-b")


def _needs(server: str) -> None:
    for module in ("gunicorn", "uvicorn", "uvicorn_worker"):
        if module in " ".join((server, *_SERVERS[server])) and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")


class TestServers:
    """Real servers, without a lifespan hook."""

    @pytest.mark.parametrize(
        ("server", "at_import"), [*product(_SERVERS, ("", "1")), ("uvicorn", "exporter"), (_PRELOADED, "exporter")]
    )
    def test_open_session(self, tmp_path: Path, server: str, at_import: str) -> None:
        """A request that runs when the signal comes is finished, and all sessions have their records."""
        _needs(server)
        port = free_port()
        command = _SERVERS[server]
        where = {"--port": (str(port),), "-b": (f"127.0.0.1:{port}",)}.get(command[-1], ())
        kind = "1" if at_import == "exporter" else ""
        with _running(tmp_path, *command, *where, PORT=str(port), AT_IMPORT=at_import, AS_EXPORTER=kind) as running:
            wait_until(lambda: _answers(port))
            answers: list[bool] = []
            slow = threading.Thread(target=lambda: answers.append(_answers(port, "slow")))
            slow.start()
            running.until("ready")
            status = running.stop()
            slow.join(_TIMEOUT_SECONDS)
            assert [True] == answers
            assert {"fast": 15, "slow": 30} == running.tokens()
            assert status == (0 if "gunicorn" in server else -signal.SIGTERM)


def _answers(port: int, path: str = "fast") -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=_TIMEOUT_SECONDS) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False
