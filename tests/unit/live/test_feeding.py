"""Errors of the thread that feeds the process: what it had taken from the journal is not lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live import writing
from otel_session_agg._live.counter import LiveCounter
from otel_session_agg._live.process import Given, Request
from otel_session_agg._offline.options import Options
from tests.support.offline import call, stored_span
from tests.support.otlp_files import in_protobuf

_SECONDS = 300.0
"""Longer than any machine takes."""
_SPANS = [
    span
    for number in range(1, 41)
    for span in (
        stored_span(1, trace_id=number, attributes={"session.id": f"s-{number % 7}"}),
        *(call(at, 1, trace_id=number) for at in range(2, 6)),
    )
]
_TOTAL = [(40, 200)]


class Failing:
    """A function that fails twice for want of memory, from the third time on that it is called for what is meant."""

    def __init__(self, function: Callable[..., Any], is_meant: Callable[..., bool]) -> None:
        self._function, self._is_meant = function, is_meant
        self.number = 0

    def __call__(self, *arguments: Any) -> Any:
        """Fail, or call the function."""
        if "feeding" in threading.current_thread().name and self._is_meant(*arguments):
            self.number += 1
            if self.number in {3, 4}:
                raise MemoryError
        return self._function(*arguments)


def _counted(path: Path, failing: Failing) -> None:
    """Count all, the late half of each trace after the first; each message is sent, and one of its kind fails."""
    with SharedHistory(path) as history, LiveCounter(history, Options()) as counter:
        counter.start()
        for part in (_SPANS[::2], _SPANS[1::2]):
            for at in range(0, len(part), 5):
                counter.accept(in_protobuf(part[at : at + 5]))
                if not at % 25:
                    assert counter.wait(_SECONDS)
            assert counter.wait(_SECONDS)
        with history.reading() as reader:
            assert _TOTAL == reader.rows("SELECT count(*), sum(spans)::INT FROM traces")
        status = counter.status()
    assert failing.number > 4
    assert (None, 0) == (status.fault, status.backlog_bytes)
    assert "begins again" in str(status.last_fault)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_AGAIN_SECONDS", 0.01)


@pytest.mark.parametrize("kind", [Request, Given])
def test_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    """A message that cannot be sent is sent again, whichever it is."""
    failing = Failing(ForkingPickler.dumps, lambda message, *_: type(message) is kind)
    monkeypatch.setattr(ForkingPickler, "dumps", failing)
    _counted(tmp_path / "h", failing)


def test_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that cannot be read is read again."""
    failing = Failing(os.pread, lambda *_: True)
    monkeypatch.setattr(os, "pread", failing)
    _counted(tmp_path / "h", failing)
