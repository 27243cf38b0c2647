"""Sessions that get spans are open, for all who read the history; then they have ended, without another span."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from otel_session_agg._history.history import History
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live import open_sessions
from otel_session_agg._live.counter import LiveCounter
from otel_session_agg._live.open_sessions import OPEN_SECONDS, OpenSessions
from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.options import Options
from tests.support.offline import EPOCH_NS, call, stored_span
from tests.support.otlp_files import in_protobuf

_SECONDS = 300.0
"""Longer than any machine takes."""


def _until(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def _spans(session: str, trace_id: int, ago_seconds: float = 0.0) -> list[SpanData]:
    """A trace that ended some time ago."""
    at = time.time() - EPOCH_NS / 1e9 - ago_seconds - 1
    return [
        stored_span(1, trace_id=trace_id, at=at, attributes={"session.id": session}),
        call(2, 1, trace_id=trace_id, at=at),
    ]


def _states(history: SharedHistory) -> Mapping[str, str]:
    with history.reading(_SECONDS) as reader:
        return dict(reader.rows("SELECT session, state FROM sessions"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a history."""
    return tmp_path / "h"


@pytest.fixture
def history(path: Path) -> Iterator[SharedHistory]:
    """A history in a file."""
    with SharedHistory(path) as made:
        yield made


class TestKnown:
    """What is known of open sessions."""

    def test_idle(self) -> None:
        """A session is idle so long after its last span."""
        found = OpenSessions()
        found.got_spans(["a", "b"], 100.0, 1100.0)
        found.got_spans(["a"], 150.0, 1150.0)
        assert [] == found.idle(100.0 + OPEN_SECONDS)
        assert ["b"] == found.idle(101.0 + OPEN_SECONDS)
        assert ["b", "a"] == found.idle(151.0 + OPEN_SECONDS)
        assert {"a": 1150.0, "b": 1100.0} == found.all()
        found.ended(["b", "c"])
        assert {"a": 1150.0} == found.all()

    def test_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of too many, those end that got nothing for longest."""
        monkeypatch.setattr(open_sessions, "_MAX_OPEN", 3)
        found = OpenSessions()
        found.got_spans("abcde", 1.0, 1.0)
        found.got_spans("a", 2.0, 2.0)
        assert ["b", "c"] == found.idle(3.0)


class TestStates:
    """What the history says."""

    def test_open(self, history: SharedHistory) -> None:
        """A session is open from its first span on, whenever it says it was, and when another trace comes."""
        with LiveCounter(history, Options()) as counter:
            counter.start()
            counter.accept(in_protobuf(_spans("new", 1)))
            counter.accept(in_protobuf(_spans("old", 2, 10**6)))
            assert counter.wait(_SECONDS)
            assert {"new": "open", "old": "open"} == _states(history)
            counter.accept(in_protobuf(_spans("new", 3)))
            assert counter.wait(_SECONDS)
            assert {"new": "open", "old": "open"} == _states(history)
            assert {"new", "old"} == set(counter.status().open_sessions)

    def test_ends(self, history: SharedHistory, monkeypatch: pytest.MonkeyPatch) -> None:
        """It ends when nothing has come for some time; who subscribes is told then, too."""
        monkeypatch.setattr(open_sessions, "OPEN_SECONDS", 1.0)
        told: list[str] = []

        def changed(ids: frozenset[str]) -> None:
            told.extend(f"{one} {_states(history)[one]}" for one in ids)

        with LiveCounter(history, Options()) as counter:
            counter.subscribe(changed)
            counter.start()
            counter.accept(in_protobuf(_spans("s", 1)))
            _until(lambda: "s ended" in told)
            assert "s open" == told[0]
            assert {} == counter.status().open_sessions

    @pytest.mark.parametrize("by_seconds", [-86_400.0, 86_400.0])
    def test_clock_is_set(self, history: SharedHistory, monkeypatch: pytest.MonkeyPatch, by_seconds: float) -> None:
        """A clock that is put back leaves no session open until it catches up; one that is put forward ends none."""
        monkeypatch.setattr(open_sessions, "OPEN_SECONDS", 3.0)
        right = time.time
        with LiveCounter(history, Options()) as counter:
            counter.start()
            counter.accept(in_protobuf(_spans("s", 1)))
            assert counter.wait(_SECONDS)
            came = time.monotonic()
            monkeypatch.setattr(time, "time", lambda: right() + by_seconds)
            _until(lambda: {"s": "ended"} == _states(history))
            assert time.monotonic() - came > 1.5

    def test_named_later(self, history: SharedHistory) -> None:
        """A trace that gets into another session leaves nothing open."""
        root, below = _spans("s", 1)
        with LiveCounter(history, Options()) as counter:
            counter.start()
            counter.accept(in_protobuf([below]))
            assert counter.wait(_SECONDS)
            assert {f"{1:032x}": "open"} == _states(history)
            counter.accept(in_protobuf([root]))
            assert counter.wait(_SECONDS)
            assert {"s": "open"} == _states(history)
            _until(lambda: {"s"} == set(counter.status().open_sessions))

    def test_after_the_end(self, path: Path) -> None:
        """When the counter has ended nothing is open; after the next start what ended lately is, and ends in time."""
        with SharedHistory(path) as history, LiveCounter(history, Options()) as counter:
            counter.start()
            counter.accept(in_protobuf([*_spans("a", 1), *_spans("b", 2, OPEN_SECONDS - 15), *_spans("c", 3, 10**6)]))
            assert counter.wait(_SECONDS)
            assert {"a": "open", "b": "open", "c": "open"} == _states(history)
        with History(path, read_only=True) as read:
            assert [("ended",)] == read.rows("SELECT DISTINCT state FROM sessions")
        with SharedHistory(path) as history, LiveCounter(history, Options()) as counter:
            counter.start()
            assert {"a": "open", "b": "open", "c": "ended"} == _states(history)
            assert {"a", "b"} == set(counter.status().open_sessions)
            _until(lambda: {"a": "open", "b": "ended", "c": "ended"} == _states(history))
            assert {"a"} == set(counter.status().open_sessions)

    def test_killed(self, path: Path) -> None:
        """What a run that was killed has left open ends with the next one."""
        with SharedHistory(path) as history, LiveCounter(history, Options()) as counter:
            counter.start()
            counter.accept(in_protobuf(_spans("s", 1, 10**6)))
            assert counter.wait(_SECONDS)
            counter._open.ended(["s"])  # so that nothing is written at the end
        with SharedHistory(path) as history, LiveCounter(history, Options()) as counter:
            assert {"s": "open"} == _states(history)
            counter.start()
            _until(lambda: {"s": "ended"} == _states(history))
