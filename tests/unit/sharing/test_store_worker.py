"""Between a process and its store: what is kept, what is given up, and who never waits."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel_session_agg import PriceBook, SessionSpanProcessor, Settings
from otel_session_agg._guard import Guard
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing import remote_totals, store_queue, store_turns, store_worker
from otel_session_agg._sharing.decoding import decode
from otel_session_agg._sharing.encoding import encode_part
from otel_session_agg._sharing.keys import SlotWrite, open_slot, session_slot, trace_key
from otel_session_agg._sharing.parts import Part, RemoteParts
from otel_session_agg._sharing.store_worker import StoreWorker
from otel_session_agg._sharing.write_buffer import WriteBuffer
from otel_session_agg.stores import MemoryStore, SessionStore, Slot, SqliteStore, Stored
from otel_session_agg.testing import FakeClock, make_span
from tests.support.servers import wait_until
from tests.support.workers import App, Root, Told, call

AT_ONCE_SECONDS = 5.0
"""Much less than what would be waited for otherwise."""
NEVER_SECONDS = 3600.0
PART_A, PART_B = f"{10:016x}", f"{11:016x}"


class FakeStore(MemoryStore):
    """A store that fails or hangs when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = False
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.forgot = False
        self.num_calls = 0
        self.written: list[Slot] = []
        self.is_closed = False

    def _answer(self) -> None:
        self.num_calls += 1
        assert self.goes_on.wait(NEVER_SECONDS)
        if self.fails:
            message = "nobody there"
            raise ConnectionError(message)

    def put(self, slots: Sequence[Slot], *, ttl_seconds: float, due_seconds: float | None = None) -> list[bool]:
        """Put, if it is there."""
        self._answer()
        self.written += slots
        return super().put(slots, ttl_seconds=ttl_seconds, due_seconds=due_seconds)

    def get(self, keys: Sequence[str]) -> list[Stored]:
        """Get, if it is there."""
        self._answer()
        return super().get(keys)

    def due(self, limit: int) -> list[str]:
        """Say what is due, if it is there."""
        self._answer()
        return super().due(limit)

    def forget(self) -> None:
        """Lose everything, as a server does that is started again."""
        self._reset()
        self.forgot = True

    def lost_sight(self) -> bool:
        """Say it once."""
        forgot, self.forgot = self.forgot, False
        return forgot

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


@pytest.fixture
def store() -> Iterator[FakeStore]:
    """A store that hangs no longer than the test."""
    made = FakeStore()
    yield made
    made.fails = False
    made.goes_on.set()


@pytest.fixture
def make(store: FakeStore) -> Iterator[Callable[..., StoreWorker]]:
    """Makes couriers and stops them."""
    made: list[StoreWorker] = []

    def _make(**settings: Any) -> StoreWorker:
        guard = Guard(logging.getLogger("tests.courier"))
        made.append(StoreWorker(store, f"p{len(made)}", Settings(**settings), guard, lambda: None))
        return made[-1]

    yield _make
    store.fails = False
    store.goes_on.set()
    for store_thread in made:
        store_thread.stop()
    wait_until(lambda: not any(alive(store_thread) for store_thread in made))


def alive(store_thread: StoreWorker) -> bool:
    """Whether its thread is there."""
    return store_thread.thread is not None and store_thread.thread.is_alive()


def soon(seconds: float = NEVER_SECONDS) -> float:
    """A moment from now."""
    return time.monotonic() + seconds


def slot_write(session_id: str, seq: int = 1, writer: str = "w", *, tokens: int = 1) -> SlotWrite:
    """Something to write."""
    return SlotWrite(session_slot(session_id, writer, seq, SessionTotals(Rollup(total_tokens=tokens))))


def tokens(store: SessionStore, *session_ids: str) -> list[int]:
    """Tokens of sessions as they stand in the store."""
    found = store.get([f"s:{session_id}" for session_id in session_ids])
    return [sum(decode(value).rollup.total_tokens or 0 for value in stored.slots.values()) for stored in found]


def threads() -> list[threading.Thread]:
    """Those of ours."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("otel-session-agg")]


class TestOutbox:
    """What waits to be written."""

    def test_newest(self) -> None:
        """Of each slot what was said last waits."""
        buffer = WriteBuffer(10)
        for seq in (1, 2, 3):
            buffer.put(slot_write("s", seq))
        assert [slot_write("s", 3)] == buffer.first(10)

    def test_said_meanwhile(self) -> None:
        """What is said while the older is being written waits on."""
        buffer = WriteBuffer(10)
        buffer.put(slot_write("s", 1))
        batch = buffer.first(10)
        buffer.put(slot_write("s", 2))
        buffer.set_written(batch)
        assert [slot_write("s", 2)] == buffer.first(10)

    def test_bounds(self) -> None:
        """Of too many, those that wait the longest are lost; so it is with what was written."""
        buffer = WriteBuffer(3)
        assert [0, 0, 0, 1, 1] == [buffer.put(slot_write(f"s{number}")) for number in range(5)]
        assert [f"s:s{number}" for number in (2, 3, 4)] == [one.slot.key for one in buffer.first(10)]
        for number in range(5, 10):
            buffer.set_written([slot_write(f"s{number}")])
        buffer.set_written(buffer.first(10))
        assert not buffer
        assert 0 == buffer.write_again()
        assert [f"s:s{number}" for number in (2, 3, 4)] == [one.slot.key for one in buffer.first(10)]

    def test_again(self) -> None:
        """What is written again is what was said last."""
        buffer = WriteBuffer(10)
        for number in range(2):
            buffer.put(slot_write("a", 1 + number))
            buffer.put(slot_write(f"b{number}"))
            buffer.set_written(buffer.first(10))
        buffer.put(slot_write("a", 3))
        buffer.write_again()
        assert {"s:a": 3, "s:b0": 1, "s:b1": 1} == {one.slot.key: one.slot.seq for one in buffer.first(10)}

    @given(
        steps=st.lists(st.tuples(st.sampled_from(["put", "leave", "write", "again"]), st.integers(0, 1)), max_size=40),
        size=st.integers(1, 3),
    )
    @example(steps=[("put", 0), ("leave", 0), ("put", 0)], size=1)
    def test_order(self, steps: list[tuple[str, int]], size: int) -> None:
        """Whoever reads that nothing is open any more finds what had been put before, whatever is written in which batches."""
        buffer = WriteBuffer(100)
        said: dict[str, int] = {}
        needs: dict[int, int] = {}
        stands: dict[str, int] = {}
        for seq, (what, number) in enumerate([*steps, *[("write", 0)] * 40], 1):
            name = f"s{number}"
            if what == "put":
                said[name] = seq
                buffer.put(slot_write(name, seq))
            elif what == "leave":
                needs[seq] = said.get(name, 0)
                buffer.put(SlotWrite(open_slot(name, "p", seq, 0)))
            elif what == "again":
                stands.clear()
                buffer.write_again()
            else:
                batch = buffer.first(size)
                for one in sorted(batch, key=lambda row: row.slot.key.startswith("o:")):  # as the desk does
                    stands[one.slot.key] = one.slot.seq
                    if one.slot.key.startswith("o:"):
                        assert stands.get(f"s:{one.slot.key[2:]}", 0) >= needs[one.slot.seq]
                buffer.set_written(batch)


class TestWrites:
    """Slots on their way to the store."""

    def test_delivered(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """They are written without anybody waiting for it, and counted."""
        store_thread = make()
        store_thread.put(slot_write("a", tokens=7))
        wait_until(lambda: [7] == tokens(store, "a"))
        wait_until(lambda: store_thread.counts["written"] == 1)

    def test_kept_and_coalesced(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """While the store fails they are kept, of each slot the newest; then that is written, once."""
        store_thread = make()
        store.fails = True
        for seq in range(1, 101):
            store_thread.put(slot_write("a", seq, tokens=seq))
            store_thread.put(slot_write("b", seq, tokens=2 * seq))
        assert not store_thread.flush(soon())
        store.fails = False
        assert store_thread.flush(soon())
        assert [100, 200] == tokens(store, "a", "b")
        assert 2 == len(store.written)
        assert store_thread.counts["errors"] >= 1
        assert 2 == store_thread.counts["written"]
        assert 0 == store_thread.counts["lost"]

    def test_bounded(self, make: Callable[..., StoreWorker], store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of too many the oldest are lost, and counted."""
        monkeypatch.setattr(store_worker, "_MAX_TRACES", 0)
        store_thread = make(max_sessions=10)
        store.fails = True
        for number in range(25):
            store_thread.put(slot_write(f"s{number}", tokens=number))
        assert not store_thread.flush(soon())
        assert 15 == store_thread.counts["lost"]
        store.fails = False
        assert store_thread.flush(soon())
        assert list(range(15, 25)) == tokens(store, *(f"s{number}" for number in range(15, 25)))
        assert [0] * 15 == tokens(store, *(f"s{number}" for number in range(15)))

    def test_again_when_forgotten(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """A store that has forgotten is told again everything that was written lately."""
        store_thread = make()
        for number in range(300):  # more than one batch
            store_thread.put(slot_write(f"s{number}", tokens=number))
        assert store_thread.flush(soon())
        store.forget()
        store_thread.put(slot_write("new", tokens=7))
        assert store_thread.flush(soon())
        assert [*range(300), 7] == tokens(store, *(f"s{number}" for number in range(300)), "new")

    def test_many_due(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """When more sessions are idle than are looked at in one turn, the others do not wait for the next time."""
        slots = [slot_write(f"s{number}").slot for number in range(200)]
        store.put(slots, ttl_seconds=NEVER_SECONDS, due_seconds=0.0)
        store_thread = make(session_idle_seconds=1800)
        store_thread.watch({})
        found: list[object] = []

        def have_come() -> bool:
            found.extend(store_thread.take())
            return len(found) == 200

        wait_until(have_come, seconds=10)

    def test_ends_are_bounded(self, make: Callable[..., StoreWorker], store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sessions that are to end while the store is away do not fill memory."""
        monkeypatch.setattr(store_worker, "_MAX_TRACES", 0)
        store_thread = make(max_sessions=10)
        store.fails = True
        for number in range(1000):
            store_thread.end(f"s{number}", "end_session")
        assert 10 == len(store_thread.queue.ends)
        assert 990 == store_thread.counts["lost"]


class TestAsks:
    """Questions for the parts of a trace."""

    def test_down(self, make: Callable[..., StoreWorker], store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """While the store is down, they are answered at once by "not reached", however long it is until it is tried again."""
        monkeypatch.setattr(store_turns, "_BACK_OFF_SECONDS", (NEVER_SECONDS, NEVER_SECONDS))
        store_thread = make()
        store.fails = True
        assert not store_thread.flush(soon())
        store_thread.put(slot_write("a"))
        num_calls = store.num_calls
        before = time.monotonic()
        store_thread.ask(5, soon())
        assert [(5, RemoteParts((), is_reached=False))] == answers(store_thread)
        assert time.monotonic() - before < AT_ONCE_SECONDS
        assert num_calls == store.num_calls

    def test_fails(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """So is the question that finds out that it is."""
        store_thread = make()
        store.fails = True
        store_thread.ask(5, soon())
        assert [(5, RemoteParts((), is_reached=False))] == answers(store_thread)

    def test_slow(self, make: Callable[..., StoreWorker], store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Others get as long to write as it took here lately, within reason; that it was slow is forgotten."""
        store_thread = make()
        store.goes_on.clear()
        store_thread.put(slot_write("s"))
        wait_until(lambda: store.num_calls > 0)
        time.sleep(0.3)
        store.goes_on.set()
        assert store_thread.flush(soon())
        assert 0.6 <= store_thread.queue.grace_seconds < AT_ONCE_SECONDS
        store_thread.queue.took(NEVER_SECONDS)
        assert store_queue._MAX_GRACE_SECONDS == store_thread.queue.grace_seconds
        monkeypatch.setattr(store_thread.queue, "_slowest_until", 0.0)
        assert remote_totals.GRACE_SECONDS == store_thread.queue.grace_seconds

    def test_slow_once(self, make: Callable[..., StoreWorker]) -> None:
        """What was slow once, as opening the store, counts less with each write that is not."""
        queue = make().queue
        queue.took(0.5)
        assert 1.0 < queue.parts_seconds - store_queue._PARTS_SECONDS
        for _ in range(40):
            queue.took(0.001)
        assert 0.0 < queue.parts_seconds - store_queue._PARTS_SECONDS < 0.01

    def test_when(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Parts are read sooner than sessions, as each was written when it began; but not while others may connect."""
        queue = store_queue.StoreQueue(100)
        now = time.monotonic()
        queue.ask(5, now + NEVER_SECONDS)
        assert [] == queue.due_asks(now)
        assert [5] == queue.due_asks(time.monotonic() + queue.parts_seconds)
        assert queue.grace_seconds == pytest.approx(queue.parts_seconds)
        for _ in range(20):
            queue.took(0.0)
        assert queue.parts_seconds < queue.grace_seconds / 2
        monkeypatch.setattr(queue, "_wrote_at", now - store_queue._REMEMBERED_SECONDS)
        assert queue.grace_seconds == pytest.approx(queue.parts_seconds)

    def test_slow_while_asked(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """So it is when the question is there before that is known, as when all connect at the same time."""
        store_thread = make()
        store.goes_on.clear()
        store_thread.put(slot_write("s"))
        wait_until(lambda: store.num_calls > 0)
        asked = time.monotonic()
        store_thread.ask(5, soon())
        time.sleep(0.3)
        store.goes_on.set()
        assert [(5, RemoteParts((), is_reached=True))] == answers(store_thread)
        assert time.monotonic() - asked > 0.6

    def test_open(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """As long as a part is open there is no answer, then there are all parts."""
        store_thread = make()
        done, not_yet = part(3), part(4, is_open=True)
        put_parts(store, (PART_A, done), (PART_B, not_yet))
        store_thread.ask(5, soon())
        wait_until(lambda: store.num_calls > 10)
        assert [] == store_thread.take()
        put_parts(store, (PART_B, part(4, seq=2)))
        assert [(5, {PART_A: done, PART_B: part(4, seq=2)})] == [
            (number, dict(found.parts)) for number, found in answers(store_thread)
        ]

    def test_out_of_time(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """When time is over, the answer is what is known."""
        store_thread = make()
        put_parts(store, (PART_A, part(4, is_open=True)))
        store_thread.ask(5, soon(0.3))
        ((number, answer),) = answers(store_thread)
        assert (5, True, {PART_A: part(4, is_open=True)}) == (number, answer.is_reached, dict(answer.parts))

    def test_flushed(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """Flushing waits for no part."""
        store_thread = make()
        put_parts(store, (PART_A, part(4, is_open=True)))
        store_thread.ask(5, soon())
        assert store_thread.flush(soon(AT_ONCE_SECONDS))
        assert [5] == [number for number, _ in answers(store_thread)]


def part(total_tokens: int, seq: int = 1, *, is_open: bool = False) -> Part:
    """A part of a trace that names no session."""
    return Part({None: Rollup(total_tokens=total_tokens)}, is_open, root=False, session_id=None, seq=seq)


def put_parts(store: SessionStore, *parts: tuple[str, Part], trace_id: int = 5) -> None:
    """Parts that others have written."""
    slots = [Slot(trace_key(trace_id), writer, one.seq, encode_part(one)) for writer, one in parts]
    store.put(slots, ttl_seconds=NEVER_SECONDS)


def answers(store_thread: StoreWorker) -> list[Any]:
    """What comes back next."""
    found: list[object] = []

    def has_come() -> bool:
        found.extend(store_thread.take())
        return bool(found)

    wait_until(has_come)
    return found


class TestTime:
    """How long anybody waits."""

    def test_back_off(self, make: Callable[..., StoreWorker], store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store that fails is tried again later and later, at last every five seconds, and at once when it has worked."""
        clock = FakeClock(100.0)
        monkeypatch.setattr(store_turns, "time", SimpleNamespace(monotonic=clock, time_ns=time.time_ns))
        monkeypatch.setattr(store_queue, "time", SimpleNamespace(monotonic=clock, time_ns=time.time_ns))
        monkeypatch.setattr(StoreWorker, "_begin", lambda _: None)  # the test takes the turns
        store_thread = make()
        store_thread.put(slot_write("a"))
        store.fails = True
        waits = []
        for _ in range(8):
            store_thread.turns.turn()
            waits.append(round(store_thread.turns.pause(), 3))
            num_calls = store.num_calls
            store_thread.turns.turn()
            assert num_calls == store.num_calls
            clock.tick(store_thread.turns.pause())
        assert [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0] == waits
        store.fails = False
        store_thread.turns.turn()
        assert not store_thread.turns.is_down
        store.fails = True
        store_thread.put(slot_write("a", 2))
        store_thread.turns.turn()
        assert 0.1 == round(store_thread.turns.pause(), 3)

    def test_flushes_at_once(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """One that has no time left takes nothing from another one."""
        store_thread = make()
        store.goes_on.clear()
        store_thread.put(slot_write("s"))
        flushed: list[bool] = []
        patient = threading.Thread(target=lambda: flushed.append(store_thread.flush(soon(2 * AT_ONCE_SECONDS))))
        patient.start()
        wait_until(lambda: len(store_thread.queue.flushing) == 1)
        assert not store_thread.flush(soon(0.1))
        store.goes_on.set()
        patient.join(AT_ONCE_SECONDS)
        assert [True] == flushed

    def test_flush_of_one_that_hangs(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """Flushing takes no longer than it may; what is there is written later."""
        store_thread = make()
        store.goes_on.clear()
        store_thread.put(slot_write("a", tokens=7))
        before = time.monotonic()
        assert not store_thread.flush(soon(0.2))
        assert 0.2 <= time.monotonic() - before < AT_ONCE_SECONDS
        store.goes_on.set()
        wait_until(lambda: [7] == tokens(store, "a"))

    def test_nobody_waits(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """While the store hangs, everything can be left with the courier, at once."""
        store_thread = make()
        store.goes_on.clear()
        store_thread.put(slot_write("a"))
        wait_until(lambda: store.num_calls > 0)
        before = time.monotonic()
        store_thread.put(slot_write("b"))
        store_thread.ask(5, soon())
        store_thread.end("a", "end_session")
        store_thread.watch({"a": "w"})
        assert [] == store_thread.take()
        assert time.monotonic() - before < AT_ONCE_SECONDS


class TestThread:
    """The courier's thread."""

    def test_none_without_work(self, make: Callable[..., StoreWorker]) -> None:
        """It begins with the first thing to do; so does a processor's."""
        store_thread = make()
        assert store_thread.thread is None
        before = threads()
        processor = SessionSpanProcessor(store=MemoryStore(), prices=PriceBook())
        assert before == threads()
        processor.shutdown()
        store_thread.put(slot_write("a"))
        assert alive(store_thread)

    def test_stopped(self, make: Callable[..., StoreWorker], store: FakeStore) -> None:
        """Stopped, it ends and closes the store; nothing begins it again, and flushing does not wait for it."""
        store_thread = make()
        store_thread.put(slot_write("a"))
        assert store_thread.flush(soon())
        store_thread.stop()
        wait_until(lambda: not alive(store_thread))
        assert store.is_closed
        store_thread.put(slot_write("b"))
        before = time.monotonic()
        assert not store_thread.flush(soon(2 * AT_ONCE_SECONDS))
        assert time.monotonic() - before < AT_ONCE_SECONDS
        assert not alive(store_thread)

    def test_shutdown(self, store: FakeStore) -> None:
        """A processor that shuts down has delivered what was there, and leaves no thread behind."""
        before = set(threads())
        app = App(store, {})
        app.work([("s", 2, 10)])
        app.begin("open", "s")
        assert [] == app.close()
        assert [30] == tokens(store, "s")
        assert set(threads()) <= before
        assert store.is_closed

    def test_abandoned(self, store: FakeStore) -> None:
        """The thread of a processor that is gone without shutdown ends."""
        before = set(threads())
        app = App(store, {"session_idle_seconds": 0.4})
        app.work([("s", 1, 10)])
        app.flush()
        mine = [thread for thread in set(threads()) - before if thread.name == "otel-session-agg-store"]
        assert 1 == len(mine)
        del app

        def is_gone() -> bool:
            gc.collect()
            return not mine[0].is_alive()

        wait_until(is_gone)


@pytest.fixture
def apps() -> Iterator[Callable[..., App]]:
    """Makes applications in this process, each as if it was another one, and ends them."""
    made: list[App] = []

    def _make(store: SessionStore | str, **settings: Any) -> App:
        made.append(App(store, settings))
        return made[-1]

    yield _make
    for app in made:
        app.close()


def wait_for_root(app: App, name: str) -> None:
    """Wait until a root has left."""
    wait_until(lambda: any(root.name == name for root in app.roots()))


class TestParts:
    """A trace with parts in two processes that meet in a store, and in one."""

    @pytest.mark.parametrize("session_id", ["s", None])
    def test_in_one_process(self, session_id: str | None, apps: Callable[..., App]) -> None:
        """Parts of the root's own process count once, for the root and for its session."""
        store = MemoryStore()
        app = apps(store, linger_seconds=60)
        headers = app.begin("root", session_id)
        for name in ("before", "after"):
            app.begin(name, headers=headers)
        app.chat("before", 10)
        app.finish("before")
        app.finish("root")
        app.chat("after", 100)
        app.finish("after")
        wait_until(lambda: Root("root", session_id, 4, 120, None) in app.roots())
        app.flush()
        app.end("s", headers["traceparent"].split("-")[1])
        app.flush()
        assert ([Told("s", 1, "end_session", 1, 4, 120, 130.0)] if session_id else []) == app.records()

    @pytest.mark.parametrize("session_id", ["s", None])
    def test_late_in_both(self, session_id: str | None, apps: Callable[..., App]) -> None:
        """What comes late in a callee's part and below the root counts once, too."""
        store = MemoryStore()
        a, b = (apps(store, linger_seconds=0.1) for _ in range(2))
        headers = a.begin("root", session_id)
        name = session_id or headers["traceparent"].split("-")[1]
        b.begin("part", headers=headers)
        a.begin("slow", below="root")
        b.begin("slow", below="part")
        for app, root, prompt_tokens in ((b, "part", 1), (a, "root", 20)):
            app.chat(root, prompt_tokens)
            app.finish(root)
            wait_for_root(app, root)
        for app, prompt_tokens in ((b, 300), (a, 4000)):
            app.chat("slow", prompt_tokens)
            app.finish("slow")
            app.flush()
            app.flush()
        a.end(name)
        a.flush()
        last = max(a.records() + b.records())
        assert Told(name, last.revision, last.end_reason, 1, 7, 4341, 4361.0) == last


@pytest.mark.slow
class TestClockSteps:
    """A wall clock that jumps."""

    @pytest.mark.parametrize("kind", ["memory", "sqlite", "none"])
    def test_no_effect(self, kind: str, apps: Callable[..., App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lingering, idle ends and the life of what is stored go by a clock that does not jump."""
        steps = iter(range(10**9))

        def wall_clock() -> float:
            return 1e9 + (4e8 if next(steps) % 2 else -4e8)

        monkeypatch.setattr(time, "time", wall_clock)
        monkeypatch.setattr(time, "time_ns", lambda: int(wall_clock() * 1e9))
        stores: dict[str, SessionStore] = {"memory": MemoryStore(), "sqlite": SqliteStore(tmp_path / "s.db")}
        app = apps(stores.get(kind, "memory://"), linger_seconds=0.4, session_idle_seconds=1.0, session_max_seconds=600)
        app.begin("root", "s")
        app.begin("open", below="root")
        app.chat("root", 10)
        ended = time.monotonic()
        app.finish("root")
        wait_until(lambda: [Root("root", "s", 1, 15, "linger")] == app.roots())
        assert 0.4 <= time.monotonic() - ended < 5.0
        app.chat("open", 10)
        quiet = time.monotonic()
        app.finish("open")
        wait_until(lambda: bool(app.records()))
        assert 1.0 <= time.monotonic() - quiet < 10.0
        assert [Told("s", 1, "idle", 1, 3, 30, 40.0)] == app.records()
        assert kind not in stores or stores[kind].get(["s:s"])[0].version


@pytest.mark.slow
@pytest.mark.no_cover
class TestManySessions:
    """More session ids than anybody can keep."""

    def test_without_a_store(self) -> None:
        """Memory does not grow with their number, and each one that had to go got its record."""
        told: list[int] = [0, 0]

        def count(record: Any) -> None:
            told[0] += 1
            told[1] += record.rollup.total_tokens

        processor = SessionSpanProcessor(
            settings=Settings(max_sessions=1000, session_records=False), prices=PriceBook({"*": {"input": 1}}), on_session=count
        )
        feed(processor, 0, 10_000)
        before = objects()
        feed(processor, 10_000, 30_000)
        assert objects() - before < 10_000  # half of one for each session; what is remembered for a while goes up and down
        assert 1000 == len(processor._span_worker.pipeline.manager.lifecycle)
        wait_until(lambda: told[0] + processor._span_worker.callbacks.num_lost == 29_000)
        assert 0 == processor._span_worker.callbacks.num_lost
        processor.shutdown()
        assert [30_000, 15 * 30_000] == told
        assert {} == processor._span_worker.faults()

    def test_with_a_store(self) -> None:
        """So it is with a store that is shared: who is forgotten here ends there."""
        store = MemoryStore()
        told: list[str] = []
        processor = SessionSpanProcessor(
            settings=Settings(max_sessions=200, session_records=False, session_idle_seconds=2.0, linger_seconds=0.1),
            store=store,
            prices=PriceBook({"*": {"input": 1}}),
            on_session=lambda record: told.append(record.session_id),
        )
        feed(processor, 0, 6_000)
        manager, store_thread = processor._span_worker.pipeline.manager, processor._span_worker.pipeline.store_worker
        assert len(manager.lifecycle) <= 200
        assert len(processor._span_worker.pipeline.deadlines._heap) < 2_048
        assert store_thread is not None
        wait_until(lambda: len(told) >= 6_000, seconds=60)
        assert 6_000 == len(set(told)) == len(told)
        assert [0, 0, 0] == [len(store_thread.queue), len(store_thread.queue.ends), store_thread.counts["lost"]]
        processor.shutdown()
        assert {} == processor._span_worker.faults()


def feed(processor: SessionSpanProcessor, first: int, last: int) -> None:
    """Sessions of one call each."""
    for number in range(first, last):
        attributes = {**call(10), "session.id": f"session {number}"}
        span: Any = make_span("chat", trace_id=number + 1, span_id=number + 1, attributes=attributes)
        processor.on_start(span)
        processor.on_end(span)
        if number % 1000 == 0:
            assert processor.force_flush()
    assert processor.force_flush()


def objects() -> int:
    """Containers that are alive."""
    gc.collect()
    return len(gc.get_objects())


class TestMalformed:
    """What nobody of ours has written."""

    GARBAGE = (
        b"",
        b"\xff\xfe",
        b"junk",
        b"[]",
        b"null",
        b'{"v":2,"rollup":{}}',
        b'{"v":1}',
        b'{"v":1,"rollup":{"num_events":"1"}}',
    )

    def test_session(self, apps: Callable[..., App]) -> None:
        """It is skipped and counted; everything else adds up."""
        store = MemoryStore()
        a, b = (apps(store) for _ in range(2))
        a.work([("s", 1, 10)])
        b.work([("s", 2, 100)])
        a.flush()
        b.flush()
        store.put([Slot("s:s", f"writer {n}", 1, value) for n, value in enumerate(self.GARBAGE)], ttl_seconds=NEVER_SECONDS)
        a.end("s")
        a.flush()
        assert [Told("s", 1, "end_session", 2, 3, 225, 240.0, is_partial=True)] == a.records()
        assert len(self.GARBAGE) == a.counts()["malformed"]
        assert [{}, {}] == [a.faults(), b.faults()]

    def test_named(self, apps: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        """It is named in the log, each entry once, escaped and short, and not all of too many."""
        store = MemoryStore()
        app = apps(store)
        names = [f"writer\n{number:03}" for number in range(200)]
        store.put([Slot("s:s", name, 1, b"junk") for name in names], ttl_seconds=NEVER_SECONDS)
        for _ in range(2):
            app.work([("s", 1, 10)])
            app.end("s")
            app.flush()
        lines = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
        assert [f"an entry of the store is left out, as it cannot be read: s:s: writer\\n{n:03}" for n in range(16)] == lines

    def test_record(self, apps: Callable[..., App]) -> None:
        """A last record that cannot be read was none."""
        store = MemoryStore()
        app = apps(store)
        app.work([("s", 1, 10)])
        app.flush()
        store.put([Slot("s:s", "record", 1, b"junk")], ttl_seconds=NEVER_SECONDS)
        app.end("s")
        app.flush()
        assert [Told("s", 1, "end_session", 1, 1, 15, 20.0)] == app.records()
        assert app.counts()["malformed"] >= 1
        assert {} == app.faults()

    def test_trace(self, apps: Callable[..., App]) -> None:
        """A root carries the parts that can be read, and leaves with them."""
        store = MemoryStore()
        a, b = (apps(store) for _ in range(2))
        headers = a.begin("root", "s")
        trace_id = int(headers["traceparent"].split("-")[1], 16)
        b.begin("part", headers=headers)
        b.chat("part", 10)
        b.finish("part")
        b.flush()
        junk = [Slot(trace_key(trace_id), f"{n:016x}", 1, value) for n, value in enumerate(self.GARBAGE, 1)]
        nobody = Slot(trace_key(trace_id), "no span id", 1, encode_part(part(4000)))
        store.put([*junk, nobody], ttl_seconds=NEVER_SECONDS)
        a.finish("root")
        wait_until(lambda: bool(a.roots()))
        assert [Root("root", "s", 2, 15, None)] == a.roots()
        a.flush()
        a.end("s")
        a.flush()
        assert [Told("s", 1, "end_session", 1, 2, 15, 20.0)] == a.records()
        assert a.counts()["malformed"] > len(self.GARBAGE)
        assert [{}, {}] == [a.faults(), b.faults()]
