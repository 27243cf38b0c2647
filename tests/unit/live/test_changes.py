"""Who wants to know of changed sessions is told, and slows nothing."""

from __future__ import annotations

import logging
from threading import Event

import pytest

from otel_session_agg._guard import Guard
from otel_session_agg._live import changes
from tests.support.apps import DEADLINE_SECONDS


def test_many(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """While a function is slow, changes are put together; that there are more than can wait is said, once."""
    monkeypatch.setattr(changes, "_MAX_IDS", 2)
    found: list[frozenset[str]] = []
    began, goes_on = Event(), Event()

    def slow(ids: frozenset[str]) -> None:
        found.append(ids)
        began.set()
        assert goes_on.wait(DEADLINE_SECONDS)

    one = changes.Changes(Guard(logging.getLogger("otel_session_agg")))
    one.subscribe(slow)
    one.add(["a"])
    assert began.wait(DEADLINE_SECONDS)
    for ids in (["b"], ["b", "c"], ["d"], ["e", "c"]):
        one.add(ids)
    goes_on.set()
    one.close()
    assert [{"a"}, {"b", "c"}] == found
    assert 1 == caplog.text.count("more than 2 changed sessions wait")
