"""When the sessions of a process end, and what is told of them then; by values, with ``now``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Rollup, SessionRecord, Settings
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import STATED, Labelled, Member, SessionTotals
from otel_session_agg._reasons import MAX_SESSIONS
from otel_session_agg._sessions.endings import Endings, EndsHere, EndsInStore
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.session import Session
from otel_session_agg._sessions.session_delta import Gain, NewRoot, SessionDelta, take_delta
from otel_session_agg._trace.trace import Trace
from tests.laws.test_laws import weight

IDLE, MAX, LINGER = 100.0, 1000.0, 5.0


class Books:
    """A ledger, with the traces that are open as a table."""

    def __init__(self, *, is_shared: bool = False, **settings: Any) -> None:
        self.open: Counter[str] = Counter()
        wanted = {"session_idle_seconds": IDLE, "session_max_seconds": MAX, "linger_seconds": LINGER, **settings}
        self.deadlines = Deadlines()
        self.endings: Endings = EndsInStore() if is_shared else EndsHere()
        self.lifecycle = SessionLifecycle(Settings(**wanted), "p", self.deadlines, self.endings)
        self._traces: dict[int, Trace] = {}

    def tell(self, session_id: str, num_events: int, now: float, trace_id: int = 1, *, is_late: bool = False) -> None:
        """A trace has so many events of a session by now."""
        trace = self._traces.setdefault(trace_id, Trace(trace_id, 1))
        self.report(trace, {session_id: Rollup(num_events=num_events)}, now, is_late=is_late)

    def report(self, trace: Trace, rollups: Mapping[str | None, Rollup], now: float, *, is_late: bool = False) -> None:
        """A trace has these totals by now."""
        delta = take_delta(trace, next(iter(rollups), None), rollups, is_late=is_late)
        assert delta is not None
        self.lifecycle.apply(delta, now)
        self._make_room()

    def root(self, session_id: str, now: float, trace_id: int = 1) -> None:
        """A root of a session has left, with one event."""
        self.tell(session_id, 1, now, trace_id)
        gain = Gain(session_id, root=NewRoot(Member(0, trace_id, 1), 3, is_part=False))
        self.lifecycle.apply(SessionDelta(self._traces[trace_id], [gain]), now)
        self._make_room()

    def stated(self, session_id: str, at_ns: int, user_id: str | None, metadata: Mapping[str, str | int]) -> None:
        """A block states a user and metadata."""
        labels = SessionTotals(
            user=At(at_ns, STATED, user_id) if user_id is not None else None,
            metadata={name: Labelled(at_ns, value) for name, value in metadata.items()},
        )
        self.lifecycle.add_labels(session_id, 0, at_ns, labels)

    def feedback(self, session_id: str, now: float) -> None:
        """Somebody liked it."""
        self.lifecycle.add_feedback(session_id, now)
        self._make_room()

    def end(self, session_id: str, reason: str, now: float) -> None:
        """A session is to end."""
        self.lifecycle.end(session_id, reason, self.open[session_id], now)

    def shutdown(self) -> None:
        """The process ends."""
        for session in self.lifecycle:
            self.lifecycle.shut_down(session, self.open[session.session_id])

    def pass_until(self, now: float) -> None:
        """Let time pass."""
        self.deadlines.due(now)
        for session_id in self.lifecycle.take_expired():
            self.lifecycle.check(session_id, self.open[session_id], now)

    def due(self, now: float) -> list[tuple[str, int, str, int]]:
        """Let time pass; the records that were made."""
        self.pass_until(now)
        return self.told()

    def told(self) -> list[tuple[str, int, str, int]]:
        """Session, revision, reason and events of the records that were made."""
        records, self.endings.records = self.endings.records, []
        return [(row.session_id, row.revision, row.end_reason, row.rollup.num_events) for row in records]

    def _make_room(self) -> None:
        while self.lifecycle.are_too_many:
            oldest = self.lifecycle.oldest()
            self.lifecycle.forget(oldest, MAX_SESSIONS, self.open[oldest.session_id])


class TestIdle:
    """Sessions in which nothing happens any more."""

    def test_ends(self) -> None:
        """A session ends when nothing new came for so long, and not before."""
        books = Books()
        books.root("s", 0)
        assert IDLE == books.deadlines.next()
        assert [] == books.due(IDLE - 1)
        assert [("s", 1, "idle", 1)] == books.due(IDLE)
        assert [] == books.due(10 * IDLE)

    def test_goes_on(self) -> None:
        """Whatever is new begins the wait again."""
        books = Books()
        for number in range(1, 6):
            books.root("s", 60.0 * number, number)
        assert [] == books.due(299 + IDLE)
        assert [("s", 1, "idle", 5)] == books.due(300 + IDLE)

    def test_open(self) -> None:
        """A session with an open trace is not idle."""
        books = Books()
        books.tell("s", 1, 0)
        books.open["s"] = 1
        assert [] == books.due(IDLE)
        assert [] == books.due(5 * IDLE)
        books.open["s"] = 0
        assert [("s", 1, "idle", 1)] == books.due(6 * IDLE)

    def test_others(self) -> None:
        """Sessions wait each for themselves."""
        books = Books()
        books.root("a", 0, 1)
        books.root("b", 50, 2)
        assert [("a", 1, "idle", 1)] == books.due(IDLE)
        assert [("b", 1, "idle", 1)] == books.due(50 + IDLE)

    def test_record(self) -> None:
        """The record has the roots, their number and how long they took."""
        books = Books()
        books.root("s", 0, 7)
        books.root("s", 0, 8)
        books.pass_until(IDLE)
        [record] = books.endings.records
        assert ((7, 1), (8, 1)) == record.members
        assert (2, 3e-6, False) == (record.num_traces, record.average_trace_latency_ms, record.is_partial)


class TestMaxAge:
    """Sessions that go on for too long."""

    def test_ends(self) -> None:
        """A session ends after so long, whatever is going on."""
        books = Books()
        found = []
        for number in range(1, 110):
            books.root("s", 10.0 * number, number)
            found += books.due(10.0 * number)
        assert [("s", 1, "max_age", 101)] == found

    def test_open(self) -> None:
        """Also one whose trace does not end; the record says that more is to come."""
        books = Books()
        books.tell("s", 1, 0)
        books.open["s"] = 2
        for now in range(0, int(MAX), 10):
            assert [] == books.due(now)
        books.pass_until(MAX)
        [record] = books.endings.records
        assert ("max_age", 2, True) == (record.end_reason, record.totals.num_open, record.is_partial)

    def test_goes_on(self) -> None:
        """When more comes, it goes on for as long again, and the next record has everything."""
        books = Books()
        books.tell("s", 1, 0)
        books.open["s"] = 1
        assert [] == books.due(IDLE)
        assert [("s", 1, "max_age", 1)] == [row for now in range(0, 1001, 100) for row in books.due(now)]
        books.tell("s", 5, MAX + 1)
        assert [] == [row for now in range(1001, 2001, 100) for row in books.due(now)]
        assert [("s", 2, "max_age", 5)] == [row for now in range(2001, 2200, 100) for row in books.due(now)]

    def test_shorter_than_idle(self) -> None:
        """The maximum holds also when it is shorter than the idle time."""
        books = Books(session_max_seconds=10)
        books.root("s", 0)
        assert [("s", 1, "max_age", 1)] == books.due(10)


class TestEnd:
    """Sessions that the application ends."""

    def test_nothing_open(self) -> None:
        """It ends at once."""
        books = Books()
        books.root("s", 0)
        books.end("s", "end_session", 1)
        assert [("s", 1, "end_session", 1)] == books.told()
        assert [] == books.due(10 * IDLE)

    def test_open(self) -> None:
        """While a trace is open it goes on, and ends with that."""
        books = Books()
        books.tell("s", 1, 0)
        books.open["s"] = 1
        books.end("s", "end_session", 1)
        assert [] == books.told()
        books.tell("s", 4, 2)
        books.open["s"] = 0
        books.lifecycle.end_if_asked("s", books.open["s"])
        assert [("s", 1, "end_session", 4)] == books.told()
        assert [] == books.due(10 * IDLE)

    def test_open_for_too_long(self) -> None:
        """It waits as long as a root waits for its spans, and not longer when it is asked again; then more is to come."""
        books = Books()
        books.tell("s", 1, 0)
        books.open["s"] = 3
        for now in range(int(LINGER)):
            books.end("s", "end_session", now)
            assert [] == books.due(now)
        books.pass_until(LINGER)
        [record] = books.endings.records
        assert ("end_session", 3) == (record.end_reason, record.totals.num_open)

    def test_twice(self) -> None:
        """Ended twice it is told of once."""
        books = Books()
        books.root("s", 0)
        for now in (1, 2):
            books.end("s", "end_session", now)
        assert [("s", 1, "end_session", 1)] == books.told()

    def test_nothing_new(self) -> None:
        """A session that came back without anything new is not told of again."""
        books = Books()
        books.root("s", 0)
        books.end("s", "end_session", 1)
        books.told()
        books.lifecycle.begin("s", 2)
        books.tell("s", 1, 2)
        books.end("s", "end_session", 3)
        assert [] == books.told()

    def test_unknown(self) -> None:
        """Nothing happens when there is no such session."""
        books = Books()
        books.end("s", "end_session", 1)
        books.lifecycle.end_if_asked("s", books.open["s"])
        assert ([], 0) == (books.told(), len(books.lifecycle))

    def test_not_asked_for(self) -> None:
        """When its traces come to their end, a session that nobody ended goes on."""
        books = Books()
        books.root("s", 0)
        books.lifecycle.end_if_asked("s", books.open["s"])
        assert [] == books.told()


class TestComesBack:
    """Sessions in which something happens after they have ended."""

    def test_all_that_happened(self) -> None:
        """The next record has a higher revision, and all that happened from the very beginning."""
        books = Books()
        found = []
        for number in range(1, 5):
            books.root("s", 10.0 * number, number)
            books.end("s", "end_session", 10.0 * number)
            found += books.told()
        assert [("s", revision, "end_session", revision) for revision in range(1, 5)] == found

    def test_idle_again(self) -> None:
        """One that comes back is idle after as long as the first time."""
        books = Books()
        books.root("s", 0, 1)
        assert [("s", 1, "idle", 1)] == books.due(IDLE)
        books.root("s", 500, 2)
        assert [] == books.due(499 + IDLE)
        assert [("s", 2, "idle", 2)] == books.due(500 + IDLE)

    def test_ids(self) -> None:
        """Each revision is a span of its own, the same wherever it is made."""
        records = [SessionRecord(name, revision, "idle", SessionTotals()) for name in ("a", "b") for revision in (1, 2)]
        assert 4 == len({(record.trace_id, record.span_id) for record in records})
        again = SessionRecord("a", 1, "end_session", SessionTotals(num_open=3))
        assert (records[0].trace_id, records[0].span_id) == (again.trace_id, again.span_id)


class TestLate:
    """What comes after a session has ended and is no new activity."""

    def test_span(self) -> None:
        """A late span is told of after a moment, with the reason for which the session had ended."""
        books = Books()
        books.root("s", 0)
        books.end("s", "end_session", 1)
        books.told()
        books.tell("s", 2, 50, is_late=True)
        assert 50 + LINGER == books.deadlines.next()
        assert [] == books.due(49 + LINGER)
        assert [("s", 2, "end_session", 2)] == books.due(50 + LINGER)
        assert [] == books.due(50 * IDLE)

    def test_many(self) -> None:
        """Late spans that come together are told of together."""
        books = Books()
        books.root("s", 0)
        books.due(IDLE)
        for number in range(2, 6):
            books.tell("s", number, IDLE + number, is_late=True)
        assert [("s", 2, "idle", 5)] == books.due(IDLE + 2 + LINGER)

    def test_feedback(self) -> None:
        """So is feedback."""
        books = Books()
        books.root("s", 0)
        books.end("s", "end_session", 1)
        books.told()
        books.feedback("s", 50)
        books.pass_until(50 + LINGER)
        [record] = books.endings.records
        assert (2, "end_session", True, 1) == (
            record.revision, record.end_reason, record.rollup.has_feedback, record.rollup.num_events
        )  # fmt: skip

    def test_feedback_for_a_stranger(self) -> None:
        """Feedback for a session that is not known here makes it known."""
        books = Books()
        books.feedback("s", 0)
        assert [("s", 1, "idle", 0)] == books.due(IDLE)

    def test_while_it_runs(self) -> None:
        """A late span of a session that goes on is in its next record."""
        books = Books()
        books.root("s", 0)
        books.tell("s", 2, 1, is_late=True)
        assert [] == books.due(2 * LINGER)
        assert [("s", 1, "idle", 2)] == books.due(2 * IDLE)

    def test_comes_back_meanwhile(self) -> None:
        """When the session comes back while late spans wait to be told, one record tells of both."""
        books = Books()
        books.root("s", 0, 1)
        books.end("s", "end_session", 1)
        books.told()
        books.tell("s", 2, 2, 1, is_late=True)
        books.root("s", 3, 2)
        assert [] == books.due(2 + LINGER)
        assert [("s", 2, "idle", 3)] == books.due(3 + IDLE)


class TestReport:
    """What a trace tells of its sessions."""

    def test_only_what_is_new(self) -> None:
        """Told often, everything counts once."""
        books = Books()
        for number in (1, 1, 2, 5, 5):
            books.tell("s", number, 0)
        session = books.lifecycle.get("s")
        assert session is not None
        assert 5 == session.totals.rollup.num_events

    def test_taken_back(self) -> None:
        """What a late span proves wrong is taken back, also from a session that has nothing of the trace any more."""
        books = Books()
        trace = Trace(1, 1)
        books.report(trace, {"a": Rollup(num_events=3, total_tokens=9)}, 0)
        books.report(trace, {"a": Rollup(num_events=1, total_tokens=4), "b": Rollup(num_events=2)}, 0)
        books.report(trace, {"b": Rollup(num_events=3, total_tokens=4)}, 0)
        found = {session.session_id: session.own.rollup for session in books.lifecycle}
        assert {"a": Rollup(total_tokens=0), "b": Rollup(num_events=3, total_tokens=4)} == found

    @given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("ab"), st.integers(0, 9)), max_size=20))
    def test_sums(self, steps: list[tuple[int, str, int]]) -> None:
        """Whatever traces tell in whatever order, a session has what each has told last."""
        books = Books()
        last: dict[tuple[int, str], int] = {}
        traces = {number: Trace(number, 1) for number in (1, 2, 3)}
        for trace_id, session_id, number in steps:
            last[trace_id, session_id] = number
            mine = {name: last[trace_id, name] for name in "ab" if (trace_id, name) in last}
            books.report(traces[trace_id], {name: Rollup(num_events=value) for name, value in mine.items()}, 0)
        for name in "ab":
            session = books.lifecycle.get(name)
            expected = sum(value for (_, session_id), value in last.items() if session_id == name)
            assert expected == (session.own.rollup.num_events if session is not None else 0)

    def test_no_news(self) -> None:
        """A trace that says the same again keeps no session awake."""
        books = Books()
        books.tell("s", 1, 0)
        books.tell("s", 1, IDLE - 1)
        assert [("s", 1, "idle", 1)] == books.due(IDLE)


class TestLabel:
    """What the application says of a session."""

    def test_record(self) -> None:
        """The first user and the latest labels stand in the record."""
        books = Books()
        books.stated("s", 1, "ann", {"plan": "free", "n": 1})
        books.stated("s", 2, "bob", {"plan": "pro"})
        books.stated("s", 3, None, {})
        books.pass_until(IDLE)
        [record] = books.endings.records
        assert ("ann", {"plan": "pro", "n": 1}) == (record.user_id, record.metadata)


@pytest.mark.slow
class TestMaxSessions:
    """More sessions than are kept in memory."""

    def test_oldest_ends(self) -> None:
        """The one that was used longest ago ends, with a record."""
        books = Books(max_sessions=2)
        books.root("a", 0, 1)
        books.root("b", 1, 2)
        books.root("a", 2, 3)
        books.root("c", 3, 4)
        assert [("b", 1, "max_sessions", 1)] == books.told()
        assert ["a", "c"] == [session.session_id for session in books.lifecycle]

    def test_nothing_new(self) -> None:
        """One that has ended is forgotten without another record."""
        books = Books(max_sessions=1)
        books.root("a", 0, 1)
        books.end("a", "end_session", 0)
        books.told()
        books.root("b", 1, 2)
        assert [] == books.told()

    def test_changed_since(self) -> None:
        """One that has changed since it ended is told of before it is forgotten."""
        books = Books(max_sessions=1)
        books.root("a", 0, 1)
        books.end("a", "end_session", 0)
        books.told()
        books.feedback("a", 1)
        books.root("b", 2, 2)
        assert [("a", 2, "end_session", 1)] == books.told()

    def test_shared(self) -> None:
        """With a store that is shared it is only forgotten here: the store knows when it ends."""
        books = Books(max_sessions=1, is_shared=True)
        books.root("a", 0, 1)
        books.root("b", 1, 2)
        assert ([], ["a"]) == (books.told(), [session.session_id for session in books.lifecycle.forgotten])

    @pytest.mark.parametrize(("is_shared", "number"), [(False, 150_000), (True, 50_000)])
    def test_ids_without_end(self, is_shared: bool, number: int) -> None:  # noqa: FBT001 -- of the table
        """However many ids come, memory stays as it was after the first few thousand, and each has its record."""
        books = Books(max_sessions=100, is_shared=is_shared)
        trace = Trace(1, 1)
        rollup = Rollup(num_events=1)
        weights = []
        told = 0
        for index in range(number):
            trace.reported = None
            books.report(trace, {f"s{index}": rollup}, index / 10_000)
            told += len(books.lifecycle.forgotten if is_shared else books.endings.records)
            books.endings.records.clear()
            books.lifecycle.forgotten.clear()
            books.lifecycle.unwritten.clear()
            if index in (9_999, number - 1):
                weights.append(weight(books.lifecycle))
        assert weights[1] <= 1.5 * weights[0]
        assert 100 == len(books.lifecycle)
        assert number - 100 == told


class TestMemory:
    """What one session costs."""

    def test_comes_back_for_ever(self) -> None:
        """A session that ends and comes back with each request does not grow."""
        books = Books()
        weights = []
        for number in range(20_000):
            books.tell("s", number, number / 1000, number)
            books.end("s", "end_on_exit", number / 1000)
            books.told()
            books._traces.clear()
            if number in (4_999, 19_999):
                weights.append(weight(books.lifecycle))
        assert weights[1] <= weights[0] + 100

    def test_ended_while_open(self) -> None:
        """One that is ended again and again while a trace is open does not either."""
        books = Books()
        books.tell("s", 1, 0)
        books.open["s"] = 1
        before = weight(books.lifecycle)
        for _ in range(5_000):
            books.end("s", "end_session", 1)
        assert weight(books.lifecycle) <= before + 10


class TestShared:
    """Sessions in a store that others share."""

    def test_end(self) -> None:
        """An end is handed on, also of a session that is not known here, or in which nothing is new here."""
        books = Books(is_shared=True)
        books.root("s", 0)
        for now in (1, 2):
            books.end("s", "end_session", now)
        books.end("other", "end_session", 3)
        assert [("s", "end_session"), ("s", "end_session"), ("other", "end_session")] == books.endings.ends
        assert [] == books.told()

    def test_idle(self) -> None:
        """One that is idle is forgotten here, and makes no record."""
        books = Books(is_shared=True)
        books.root("s", 0)
        books.pass_until(IDLE)
        assert ([], [], 0) == (books.told(), books.endings.ends, len(books.lifecycle))

    def test_writer(self) -> None:
        """One that was forgotten and comes back writes another slot."""
        books = Books(is_shared=True)
        writers = set()
        for turn in range(3):
            books.root("s", turn * 10 * IDLE, turn + 1)
            session = books.lifecycle.get("s")
            assert session is not None
            writers.add(session.writer)
            assert 1 == session.own.rollup.num_events
            books.pass_until((turn * 10 + 1) * IDLE)
        assert 3 == len(writers)

    def test_max_age(self) -> None:
        """One that goes on for too long is to end in the store, once."""
        books = Books(is_shared=True)
        for number in range(1, 110):
            books.root("s", 10.0 * number, number)
            books.pass_until(10.0 * number)
        assert [("s", "max_age")] == books.endings.ends

    def test_news(self) -> None:
        """What is new is to be written, also what is late."""
        books = Books(is_shared=True)
        books.root("a", 0, 1)
        books.tell("a", 2, 0, 1, is_late=True)
        books.feedback("b", 0)
        books.tell("c", 1, 0, 3, is_late=True)
        assert ["a", "b", "c"] == list(books.lifecycle.unwritten)

    def test_shutdown(self) -> None:
        """The end of the process ends nothing."""
        books = Books(is_shared=True)
        books.root("s", 0)
        books.shutdown()
        assert ([], []) == (books.told(), books.endings.ends)


class TestShutdown:
    """The end of the process."""

    def test_all_end(self) -> None:
        """All sessions that have something to tell end; those that were asked to end say so."""
        books = Books()
        for number, name in enumerate("abc", start=1):
            books.root(name, 0, number)
        books.end("a", "end_session", 1)
        books.open["b"] = 1
        books.end("b", "end_on_exit", 1)
        books.told()
        books.shutdown()
        assert [("b", 1, "end_on_exit", 1), ("c", 1, "shutdown", 1)] == books.told()
        books.shutdown()
        assert [] == books.told()


class TestTotals:
    """What is known of a session."""

    def test_others(self) -> None:
        """What other processes have is in it."""
        session = Session("s", "w", 0.0)
        session.grown.add_rollup(Rollup(num_events=1))
        assert 1 == session.totals.rollup.num_events
        session.remote_totals = SessionTotals(Rollup(num_events=2))
        assert 3 == session.totals.rollup.num_events

    def test_open(self) -> None:
        """The number of open traces is set, not added."""
        session = Session("s", "w", 0)
        session.grown.set_open(2)
        session.grown.set_open(5)
        assert 5 == session.own.num_open
