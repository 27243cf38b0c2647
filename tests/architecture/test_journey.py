"""How far a reader has to go: the files that the worker goes through for one trace."""

from __future__ import annotations

import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import FrameType
from unittest.mock import patch
from weakref import WeakSet

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import otel_session_agg
from otel_session_agg import SessionSpanProcessor
from otel_session_agg._api import registry
from otel_session_agg._sdk import turns

_PACKAGE = str(Path(otel_session_agg.__file__).parent)
_WORKER = "otel-session-agg"
_MAX_CHANGES = 170
_CALL: dict[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.conversation.id": "s",
}


def _files() -> list[str]:
    """The file of each call on the worker, from the queue to the exporter, for a root and a model call in a session."""
    files: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_PACKAGE) and threading.current_thread().name == _WORKER:
            files.append(frame.f_code.co_filename.removeprefix(_PACKAGE))

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(exporter)))
    tracer = provider.get_tracer("tests")

    def run(number: int) -> None:
        files.clear()
        with tracer.start_as_current_span("root"), tracer.start_as_current_span("chat", attributes=_CALL):
            pass
        while len(exporter.get_finished_spans()) < 2 * number:
            threading.Event().wait(0.01)

    threading.setprofile(note)  # for the worker's thread, which begins with the first span that ends
    try:
        with patch.object(turns, "GATHER_SECONDS", 0.2):
            run(1)  # finds out what is found out once, as the price of the model
            threading.Event().wait(0.1)  # its turn ends
            run(2)
    finally:
        threading.setprofile(None)
    woken = len(files) - 1 - files[::-1].index("/_sdk/turns.py")  # what comes before is the end of the first turn
    found = files[woken:]
    provider.shutdown()
    return found


class TestJourney:
    """One trace of two spans."""

    def test_few_changes_of_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who follows a trace on the worker changes the file fewer than 170 times."""
        monkeypatch.setattr(registry, "_LIVE", WeakSet())  # other tests' processors
        files = _files()
        changes = Counter((before, after) for before, after in pairwise(files) if before != after)
        assert "/_sdk/pipeline.py" in files
        assert sum(changes.values()) < _MAX_CHANGES, changes.most_common(20)
