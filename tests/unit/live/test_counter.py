"""A counter with its process: what is accepted gets into the tables."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from threading import Event

import pytest

from otel_session_agg import SessionAggError
from otel_session_agg._history.growing_sums import GrowingSums
from otel_session_agg._history.history import History
from otel_session_agg._history.prepared import Prepared
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live import suspects, writing
from otel_session_agg._live.counter import BusyError, LiveCounter, NotAcceptedError
from otel_session_agg._model.span import SpanData
from otel_session_agg._offline.options import Options
from tests.support.live import Ending, requests, tables, twice
from tests.support.offline import EPOCH_NS, call, stored_span
from tests.support.otlp_files import in_json, in_protobuf, sized

_SECONDS = 300.0
"""Longer than any machine takes."""


def _trace(number: int) -> list[SpanData]:
    return [
        stored_span(1, trace_id=number, attributes={"session.id": f"s-{number % 7}"}),
        *(call(span, 1, trace_id=number) for span in range(2, 6)),
    ]


_SPANS = [span for number in range(1, 101) for span in _trace(number)]
_TOTAL = [(100, 500, "0.084000000000")]
_SQL = "SELECT count(*), sum(spans), sum(cost)::VARCHAR FROM traces"


def _until(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def _total(history: SharedHistory) -> list[tuple[object, ...]]:
    with history.reading(_SECONDS) as reader:
        return reader.rows(_SQL)


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let nothing be opened in this process."""
    import resource  # noqa: PLC0415 -- Windows has none

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))  # 0 to 2 are open; what a thread closes meanwhile frees none
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


_ONLY_GOOD = "ALTER TABLE traces ALTER COLUMN tokens SET NOT NULL"
"""So that a trace without a call cannot be written."""


class Failing(SharedHistory):
    """A history of which writing fails a few times, with an error that nobody expects."""

    times = 3

    def add_counted(self, given: Prepared, still_open: Collection[str], sums: GrowingSums) -> None:
        """Fail, or write."""
        self.times -= 1
        if self.times >= 0:
            raise MemoryError
        super().add_counted(given, still_open, sums)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[SharedHistory]:
    """A history in a file."""
    with SharedHistory(tmp_path / "h") as made:
        yield made


@pytest.fixture
def counter(history: SharedHistory) -> Iterator[LiveCounter]:
    """A counter that has started."""
    with LiveCounter(history, Options()) as made:
        made.start()
        yield made


class TestCounted:
    """What is accepted."""

    def test_requests(self, counter: LiveCounter, history: SharedHistory) -> None:
        """Spans in any order, in both forms, some twice, are in the tables once; nothing waits then."""
        random = Random(1)  # noqa: S311 -- repeatable
        accepted = [counter.accept(content) for content in requests(twice(_SPANS, random), random)]
        assert counter.wait(_SECONDS)
        assert _TOTAL == _total(history)
        status = counter.status()
        assert (550, 0, 0) == (sum(one.num_spans for one in accepted), status.spans_rejected, status.backlog_bytes)
        assert (550, None) == (status.spans_accepted, status.fault)
        assert {f"s-{number}" for number in range(7)} == set(status.open_sessions)
        assert status.history_bytes > 0

    def test_late(self, counter: LiveCounter, history: SharedHistory) -> None:
        """Late spans correct what is there."""
        counter.accept(in_protobuf(_SPANS[:3]))
        assert counter.wait(_SECONDS)
        assert [(1, 3, "0.000420000000")] == _total(history)
        counter.accept(in_protobuf(_SPANS[3:5]))
        assert counter.wait(_SECONDS)
        assert [(1, 5, "0.000840000000")] == _total(history)

    def test_loaded(self, history: SharedHistory, tmp_path: Path) -> None:
        """Files are counted first; what comes of their traces is added to it."""
        (tmp_path / "spans.pb").write_bytes(sized(in_protobuf(_SPANS[:498])))
        with LiveCounter(history, Options()) as counter:
            assert 498 == counter.load([tmp_path / "spans.pb"]).num_counted
            counter.start()
            counter.accept(in_json(_SPANS[490:]))
            assert counter.wait(_SECONDS)
        assert _TOTAL == _total(history)

    def test_no_content(self, history: SharedHistory, tmp_path: Path) -> None:
        """Without content, nobody's texts are in any file when all is counted, late spans too; totals are the same."""
        mark = {"input.value": "zqx wrote this", "note": "zqx"}
        spans = [span._replace(attributes={**span.attributes, **mark}) for span in _SPANS]
        with LiveCounter(history, Options(has_content=False)) as counter:
            counter.start()
            for some in (spans[:498], spans[498:]):
                counter.accept(in_protobuf(some))
                assert counter.wait(_SECONDS)
        assert _TOTAL == _total(history)
        with history.reading(_SECONDS) as reader:
            assert [(500, 0)] == reader.rows("SELECT count(*), count(*) FILTER (attributes LIKE '%zqx%') FROM spans")
        history.close()
        assert [] == [path for path in tmp_path.rglob("*") if path.is_file() and b"zqx" in path.read_bytes()]

    def test_changes(self, counter: LiveCounter, history: SharedHistory) -> None:
        """Who subscribes is told which sessions changed, when their totals can be read; an error in it stops nothing."""
        seen: list[tuple[str, int]] = []

        def changed(ids: frozenset[str]) -> None:
            with history.reading(_SECONDS) as reader:
                seen.extend((one, reader.rows("SELECT traces FROM sessions WHERE session = ?", [one])[0][0]) for one in ids)
            raise ValueError

        counter.subscribe(changed)
        counter.accept(in_protobuf(_SPANS[:5]))
        _until(lambda: ("s-1", 1) in seen)
        counter.accept(in_protobuf(_SPANS[35:40]))
        _until(lambda: ("s-1", 2) in seen)

    def test_slow_subscriber(self, counter: LiveCounter, history: SharedHistory) -> None:
        """Counting does not wait for who is told."""
        goes_on, told = Event(), []

        def changed(ids: frozenset[str]) -> None:
            told.append(ids)
            goes_on.wait(_SECONDS)

        counter.subscribe(changed)
        for at in range(0, 500, 50):
            counter.accept(in_protobuf(_SPANS[at : at + 50]))
        assert counter.wait(_SECONDS)
        assert _TOTAL == _total(history)
        goes_on.set()
        _until(lambda: frozenset(f"s-{number}" for number in range(7)) == frozenset().union(*told))


class TestRefused:
    """What is not accepted."""

    def test_no_otlp(self, counter: LiveCounter) -> None:
        """What is no request; nothing of it is kept."""
        for content in (b"hello", b"{", b"[1, 2", b"\x0a\x05ab", os.urandom(1000)):
            with pytest.raises(NotAcceptedError, match="no OTLP"):
                counter.accept(content)
        assert 0 == counter.status().spans_accepted

    def test_partly(self, counter: LiveCounter, history: SharedHistory) -> None:
        """Spans without ids are rejected, the others counted."""
        content = in_json(_SPANS[:5]).replace(b'"spanId": "0000000000000005"', b'"spanId": "00"')
        accepted = counter.accept(content)
        assert (4, 1) == accepted[:2]
        assert "valid" in accepted.message
        assert (0, 0, "") == counter.accept(b"{}")
        assert counter.wait(_SECONDS)
        assert [(1, 4, "0.000630000000")] == _total(history)

    def test_busy(self, history: SharedHistory) -> None:
        """Over the bound nothing more is accepted; what was accepted is counted."""
        content = in_protobuf(_SPANS[:5])
        with LiveCounter(history, Options(), max_backlog_bytes=3 * len(content)) as counter:
            for _ in range(3):
                counter.accept(content)
            with pytest.raises(BusyError, match="too much waits") as refused:
                counter.accept(content)
            assert refused.value.retry_after_seconds >= 1
            counter.start()
            assert counter.wait(_SECONDS)
            counter.accept(content)
            assert 1 == counter.status().requests_refused
        assert [(1, 5, "0.000840000000")] == _total(history)

    def test_closed(self, history: SharedHistory) -> None:
        """Nothing is accepted when it ends."""
        counter = LiveCounter(history, Options())
        counter.start()
        counter.close(_SECONDS)
        with pytest.raises(BusyError, match="stopped"):
            counter.accept(in_protobuf(_SPANS[:5]))


class TestFaults:
    """What ends, or goes wrong."""

    def test_process_killed(self, counter: LiveCounter, history: SharedHistory) -> None:
        """When the process that counts is killed, another one goes on: nothing is lost or doubled."""
        contents = [in_protobuf(_SPANS[at : at + 50]) for at in range(0, 500, 50)]
        for at, content in enumerate(contents):
            counter.accept(content)
            if at in {3, 7}:
                _until(lambda: counter._writer.process is not None and counter._writer.process.pid)
                process = counter._writer.process
                assert process is not None
                assert process.pid is not None
                os.kill(process.pid, signal.SIGKILL)
                _until(lambda: counter.status().last_fault is not None)
        assert counter.wait(_SECONDS)
        assert _TOTAL == _total(history)
        assert "was killed" in str(counter.status().last_fault)

    def test_open_when_killed(self, counter: LiveCounter, history: SharedHistory) -> None:
        """Sessions that get spans stay open when the process that counts is killed: they may get more."""
        counter.accept(in_protobuf(_SPANS[:50]))
        assert counter.wait(_SECONDS)
        before = counter.status().open_sessions
        process = counter._writer.process
        assert process is not None
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        _until(lambda: counter._writer.process not in {None, process})
        with history.reading() as reader:
            assert [("open", 7)] == reader.rows("SELECT state, count(*) FROM sessions GROUP BY state")
        assert (7, before) == (len(before), counter.status().open_sessions)

    def test_process_ended(self, history: SharedHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request that ends each process that gets it is set aside, and named; all others are counted, also such as come later."""
        monkeypatch.setattr(writing, "_AGAIN_SECONDS", 0.01)
        bad = in_json([stored_span(9, trace_id=2**64, attributes={"ends": True})])
        with LiveCounter(history, Ending()) as counter:
            for at in range(0, 500, 100):
                counter.accept(in_protobuf(_SPANS[at : at + 50]))
                if at in {100, 300}:
                    counter.accept(bad)
            counter.start()
            assert counter.wait(_SECONDS)
            for at in range(50, 500, 100):
                counter.accept(in_protobuf(_SPANS[at : at + 50]))
            assert counter.wait(_SECONDS)
            assert _TOTAL == _total(history)
            status = counter.status()
        aside = tmp_path / "h.requests.aside"
        assert (2, str(aside / "request-2.json")) == (status.requests_aside, status.last_aside)
        assert "request-2.json" in str(status.last_fault)
        assert (None, 0) == (status.fault, status.backlog_bytes)
        assert [bad, bad] == [path.read_bytes() for path in sorted(aside.iterdir())]

    def test_again(self, tmp_path: Path) -> None:
        """What was accepted and not counted is counted by the next start."""
        for part in (_SPANS[:250], _SPANS[250:]):
            with SharedHistory(tmp_path / "h") as history, LiveCounter(history, Options()) as counter:
                counter.accept(in_protobuf(part))
        with SharedHistory(tmp_path / "h") as history, LiveCounter(history, Options()) as counter:
            counter.start()
            assert counter.wait(_SECONDS)
            assert _TOTAL == _total(history)
        assert not (tmp_path / "h.requests").exists()

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
    def test_too_many_files(self, counter: LiveCounter, history: SharedHistory) -> None:
        """While no more files can be opened, requests that were accepted wait, and none of them is lost."""
        counter.accept(in_protobuf(_SPANS[:5]))
        assert counter.wait(_SECONDS)
        counter.accept(in_protobuf(_SPANS[5:10]))  # which opens the file to which the others are appended
        later = [in_protobuf(_SPANS[at : at + 35]) for at in range(10, 500, 35)]
        with no_more_files():
            for content in later[:7]:
                with suppress(BusyError):
                    counter.accept(content)
                    later.remove(content)
            _until(lambda: "Too many open files" in str(counter.status().last_fault))
        for content in later:
            _until(lambda: counter.status().fault is None)
            counter.accept(content)
        assert counter.wait(_SECONDS)
        assert _TOTAL == _total(history)
        assert (None, 0) == (counter.status().fault, counter.status().backlog_bytes)

    def test_gone(self, history: SharedHistory, tmp_path: Path) -> None:
        """Without requests whose file somebody has deleted, the others are counted; it is said."""
        with LiveCounter(history, Options()) as counter:
            counter.accept(in_protobuf(_SPANS))
            for path in (tmp_path / "h.requests").iterdir():
                path.unlink()
            counter._journal._end_file()
            counter.accept(in_protobuf(_SPANS[:10]))
            counter.start()
            assert counter.wait(_SECONDS)
            status = counter.status()
        assert [(2, 10)] == [row[:2] for row in _total(history)]
        assert (None, 0) == (status.fault, status.backlog_bytes)
        assert "request is gone" in str(status.last_fault)

    def test_history_fails(self, counter: LiveCounter, history: SharedHistory, caplog: pytest.LogCaptureFixture) -> None:
        """While the history cannot be written nothing more is accepted; when it can, counting goes on; both is logged."""
        counter.accept(in_protobuf(_SPANS[:5]))
        assert counter.wait(_SECONDS)
        history._write(lambda connection: connection.execute("ALTER TABLE traces RENAME TO gone"))
        counter.accept(in_protobuf(_SPANS[5:10]))
        _until(lambda: counter.status().fault is not None)
        with pytest.raises(BusyError, match="history cannot be written"):
            counter.accept(in_protobuf(_SPANS[10:15]))
        history._write(lambda connection: connection.execute("ALTER TABLE gone RENAME TO traces"))
        assert counter.wait(_SECONDS)
        assert counter.status().fault is None
        _until(lambda: len(caplog.messages) >= 2)
        refused, accepted = caplog.messages
        assert refused.startswith("spans are refused for now, and are to be sent again: the history cannot be written: ")
        assert "spans are accepted again" == accepted
        counter.accept(in_protobuf(_SPANS[10:]))
        assert counter.wait(_SECONDS)
        assert _TOTAL == _total(history)

    def test_refused(self, history: SharedHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request of which the history cannot hold what it comes to is set aside, and named; all others are counted."""
        monkeypatch.setattr(suspects, "TRIES", 1)
        monkeypatch.setattr(suspects, "TRIES_ALONE", 1)
        bad = in_protobuf([stored_span(9, trace_id=2**64, attributes={"session.id": "bad"})])
        history._write(lambda connection: connection.execute(_ONLY_GOOD))
        with LiveCounter(history, Options()) as counter:
            for content in (bad, in_protobuf(_SPANS)):
                counter.accept(content)
            counter.start()
            assert counter.wait(_SECONDS)
            assert _TOTAL == _total(history)
            status = counter.status()
        aside = tmp_path / "h.requests.aside"
        assert [bad] == [path.read_bytes() for path in aside.iterdir()]
        assert (None, 0, 1) == (status.fault, status.backlog_bytes, status.requests_aside)

    def test_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """After an error that nobody expects nothing is lost, and counting goes on; it is said."""
        monkeypatch.setattr(writing, "_AGAIN_SECONDS", 0.01)
        monkeypatch.setattr(Failing, "times", 1)
        history = Failing(tmp_path / "h")
        with history, LiveCounter(history, Options()) as counter:
            counter.start()
            for at in range(0, 500, 50):
                counter.accept(in_protobuf(_SPANS[at : at + 50]))
                if at == 200:
                    _until(lambda: history.times <= 0)
            assert counter.wait(_SECONDS)
            assert _TOTAL == _total(history)
            assert "counting failed" in str(counter.status().last_fault)

    def test_locked(self, tmp_path: Path) -> None:
        """A history that is in use is refused in plain words."""
        with SharedHistory(tmp_path / "h"), pytest.raises(SessionAggError, match="in use"):
            History(tmp_path / "h", read_only=True)


class TestKept:
    """How long sessions are kept."""

    def test_forgotten(self, history: SharedHistory) -> None:
        """Sessions that ended longer ago are deleted, with their spans."""
        with LiveCounter(history, Options(), keep_days=-(10**4)) as counter:
            counter.start()
            counter.accept(in_protobuf(_SPANS))
            assert counter.wait(_SECONDS)
            counter._writer._forget_at = 0.0
            _until(lambda: not any(tables(history).values()))

    def test_late_spans(self, history: SharedHistory) -> None:
        """Late spans bring no part back of a session that was forgotten; the status says so."""
        before = datetime.fromtimestamp(EPOCH_NS / 1e9, timezone.utc) + timedelta(days=1)
        history.forget_before(before, notes=True)
        with LiveCounter(history, Options()) as counter:
            counter.start()
            counter.accept(in_protobuf([*_trace(1), call(1, None, trace_id=2, at=10**6)]))
            assert counter.wait(_SECONDS)
            _until(lambda: [(1,)] == history.rows("SELECT count(*) FROM sessions"))
            counter._writer._forgot_at = time.monotonic()
            counter._writer._forget_at = counter._writer._forgot_at + writing._FORGET_SECONDS
            counter.accept(in_protobuf([call(9, 1, trace_id=1)]))
            assert counter.wait(_SECONDS)
            assert counter._writer._forget_at - time.monotonic() < writing._FORGET_SECONDS / 2
            counter._writer._forget_at = 0.0
            _until(lambda: [(1,)] == history.rows("SELECT count(*) FROM sessions"))
            said = f"1 session not kept, which ended before {before:%Y-%m-%d %H:%M} UTC"
            assert said == counter.status().last_fault
