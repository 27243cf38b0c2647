"""The aggregators of a process."""

from __future__ import annotations

import sys
import threading
from typing import Any
from weakref import WeakSet

import pytest

from otel_session_agg._api import registry
from tests.support.apps import DEADLINE_SECONDS


class _Aggregator:
    """One that is there for a moment."""


def test_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be made and collected by other threads while somebody asks who is there."""
    monkeypatch.setattr(registry, "_LIVE", WeakSet(_Aggregator() for _ in range(10)))
    before, stop = sys.getswitchinterval(), threading.Event()
    stays: Any = _Aggregator()
    registry.register(stays)

    def come_and_go() -> None:
        while not stop.is_set():
            for one in [_Aggregator() for _ in range(10)]:
                registry.register(one)  # type: ignore[arg-type]

    thread = threading.Thread(target=come_and_go)
    try:
        sys.setswitchinterval(1e-6)
        thread.start()
        for _ in range(2000):
            assert stays in registry.aggregators()
    finally:
        stop.set()
        sys.setswitchinterval(before)
        thread.join(DEADLINE_SECONDS)
