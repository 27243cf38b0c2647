"""The server is killed and stopped while exporters send: what they were told is taken is there once."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from otel_session_agg._history.history import History
from otel_session_agg._offline.beginning import replay
from tests.processes.test_serve import chats, eventually, serving
from tests.support.otlp import json_line

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")]

_SECONDS = 300.0
_PART = 7
"""Spans of a request: traces are spread over several."""
_ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)
_SQL = "SELECT sum(spans)::INT, sum(tokens)::INT, sum(cost)::VARCHAR, count(*) FROM traces"


class _Sender(threading.Thread):
    """Sends spans, some of them again, until the server does not answer."""

    def __init__(self, endpoint: str, left: list[ReadableSpan], taken: list[ReadableSpan], seconds: float = 1) -> None:
        super().__init__()
        self._exporter = OTLPSpanExporter(endpoint, timeout=seconds)
        self._left, self._taken = left, taken
        self.enough = threading.Event()
        """Is set when some was taken."""

    def run(self) -> None:
        number = 0
        while self._left:
            part = [*self._left[:_PART], *self._taken[-2:]]
            if self._exporter.export(part) is not SpanExportResult.SUCCESS:
                break
            self._taken += self._left[:_PART]
            del self._left[:_PART]
            number += 1
            if number == 4:
                self.enough.set()
        self.enough.set()
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def test_ends(tmp_path: Path) -> None:
    """Spans, tokens and cost are those of what was taken, also where clients send it again, and sessions are forgotten meanwhile."""
    left, taken = [span for _ in range(4) for span in chats()], list[ReadableSpan]()
    history = str(tmp_path / "h")
    for number in _ENDS:
        with serving("--history", history, "--keep-days", "1") as program:
            sender = _Sender(program.endpoint, left, taken)
            sender.start()
            assert sender.enough.wait(_SECONDS)
            code = program.stop(number)
            sender.join()
        assert code == (0 if number != signal.SIGKILL else -number)
    with serving("--history", history, "--keep-days", "1") as program:
        sender = _Sender(program.endpoint, left, taken, _SECONDS)
        sender.start()
        sender.join()
        assert [] == left
        eventually(lambda: 0 == program.values("status")["backlog_bytes"])
        assert 0 == program.stop()
    (tmp_path / "spans.jsonl").write_bytes(json_line(taken))
    with replay(tmp_path / "spans.jsonl", history=tmp_path / "replayed"):
        pass
    with History(tmp_path / "h") as live, History(tmp_path / "replayed") as replayed:
        assert replayed.rows(_SQL) == live.rows(_SQL)
        assert len(taken) == live.rows(_SQL)[0][0]
