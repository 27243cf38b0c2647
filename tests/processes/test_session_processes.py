"""Sessions over real processes and real stores: what is spread comes together, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.decoding import decode
from otel_session_agg.stores import open_store
from tests.support.servers import Server, free_port, valkey, wait_until
from tests.support.workers import COMPLETION_TOKENS, STARTS, Job, Root, Told, Worker, Workers, spawned

KINDS = ("sqlite", "valkey", "valkey_cluster")
SOON_SECONDS = 0.3
"""Lingering, where a test waits for its end."""
LONG_SECONDS = 600.0
"""Lingering that no test waits for."""
CALL_USD = 2.0 * COMPLETION_TOKENS
"""What a call costs beside one dollar for each prompt token."""


@pytest.fixture
def url(server: Server) -> str:
    """A place in the server where nobody has been."""
    return f"{server.url}?prefix={uuid4().hex}"


@pytest.fixture(params=KINDS)
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of each kind, where nobody has been."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sessions.db'}"
    if request.param == "valkey":
        return str(request.getfixturevalue("url"))
    return f"{request.getfixturevalue('cluster_url')}?prefix={uuid4().hex}"


def some_jobs(number: int, num_sessions: int, seed: int) -> list[Job]:
    """Requests of several sessions in any order."""
    random = Random(seed)  # noqa: S311 -- no secret
    return [(f"s{random.randrange(num_sessions)}", random.randint(1, 3), random.randint(1, 1000)) for _ in range(number)]


def record(
    jobs: Sequence[Job], session_id: str, revision: int = 1, end_reason: str = "end_session", *, is_partial: bool = False
) -> Told:
    """What has to be told of a session with these requests in it."""
    mine = [(calls, prompt_tokens) for name, calls, prompt_tokens in jobs if name == session_id]
    num_calls = sum(calls for calls, _ in mine)
    tokens = sum(calls * prompt_tokens for calls, prompt_tokens in mine)
    total_tokens, cost_usd = tokens + num_calls * COMPLETION_TOKENS, tokens + num_calls * CALL_USD
    return Told(session_id, revision, end_reason, len(mine), num_calls, total_tokens, cost_usd, is_partial)


def names(jobs: Sequence[Job]) -> list[str]:
    """Their sessions."""
    return sorted({name for name, _, _ in jobs})


def records_of(jobs: Sequence[Job]) -> list[Told]:
    """One record each."""
    return [record(jobs, name) for name in names(jobs)]


def shares(jobs: Sequence[Job], number: int) -> list[tuple[Sequence[Job]]]:
    """Requests as they are dealt out to processes."""
    return [(jobs[at::number],) for at in range(number)]


def stored_totals(url: str) -> SessionTotals:
    """All sessions as they stand in the store."""
    store = open_store(url)
    try:
        found = store.get(list(store.keys("s:")))
        parts = [decode(value) for stored in found for writer, value in stored.slots.items() if writer != "record"]
        return sum(parts, SessionTotals())
    finally:
        store.close()


def stored_tokens(url: str) -> int:
    """Tokens of all sessions as they stand in the store."""
    return stored_totals(url).rollup.total_tokens or 0


def stored_open(url: str) -> int:
    """How many roots are open in all sessions as they stand in the store."""
    return stored_totals(url).num_open


def tokens_of(jobs: Sequence[Job]) -> int:
    """Tokens of requests."""
    return sum(told.total_tokens or 0 for told in records_of(jobs))


def wait_for_records(workers: Workers, number: int) -> list[Told]:
    """Wait until so many were written, then let everybody do what is left to do, and see all of them."""
    with suppress(TimeoutError):  # what is missing says more
        wait_until(lambda: len(workers.records()) >= number)
    workers.each("flush")
    assert set() == {place for faults in workers.each("faults") for place in faults} - {"store"}
    return workers.records()


def connect(workers: Workers) -> None:
    """Let each process connect to the store, so that its first write takes no longer than others."""
    workers.each("totals", "nobody", 30.0)


def root_of(worker: Worker, name: str) -> Root:
    """A root, as soon as it has left."""
    wait_until(lambda: any(root.name == name for root in worker.do("roots")))
    found: list[Root] = [root for root in worker.do("roots") if root.name == name]
    assert 1 == len(found)
    return found[0]


class TestManyRequests:
    """Requests of many sessions over several processes."""

    @pytest.mark.parametrize("start", STARTS)
    def test_totals(self, start: str, any_url: str) -> None:
        """However they are spread and whoever ends a session, it gets one record, with exact totals."""
        jobs = some_jobs(160, 20, seed=7)
        with STARTS[start](4, any_url) as workers:
            workers.every("work", shares(jobs, 4))
            workers.each("flush")
            workers.every("end", [tuple(names(jobs)[at::4]) for at in (3, 1, 0, 2)])
            assert records_of(jobs) == wait_for_records(workers, len(names(jobs)))
            assert len(jobs) + sum(calls for _, calls, _ in jobs) == sum(workers.each("num_spans"))
            assert 4 * [{}] == workers.each("faults")
            assert 4 * [[]] == workers.each("close")

    def test_before_they_are_written(self, url: str) -> None:
        """A session that is ended by one process right after others worked in it has their parts in its last record."""
        jobs = some_jobs(60, 5, seed=8)
        with spawned(3, url, linger_seconds=SOON_SECONDS, session_idle_seconds=2) as workers:
            workers.every("work", shares(jobs, 3))
            workers[0].do("end", *names(jobs))
            expected = [(told.session_id, *told[3:]) for told in records_of(jobs)]
            wait_until(lambda: {*expected} <= {(told.session_id, *told[3:]) for told in workers.records()})
            last = {told.session_id: (told.session_id, *told[3:]) for told in workers.records()}
            assert expected == [last[name] for name in names(jobs)]

    @pytest.mark.skipif("fork" not in STARTS, reason="no fork here")
    def test_forked(self, url: str) -> None:
        """A process that is forked begins with nothing of its parent's, and writes into slots of its own."""
        with STARTS["fork"](2, url) as workers:
            assert [[], []] == workers.each("roots")
            workers.each("work", [("of the master", 1, 1)])
            workers.each("flush")
            store = open_store(url)
            (stored,) = store.get(["s:of the master"])
            store.close()
            parts = [decode(value) for value in stored.slots.values()]
            assert [(6, 0), (6, 0), (15, 1)] == sorted((part.rollup.total_tokens, part.num_open) for part in parts)

    def test_shutdown(self, url: str) -> None:
        """A process that shuts down leaves its part behind, and ends no session that others are in."""
        jobs = some_jobs(40, 4, seed=9)
        with spawned(2, url) as workers:
            workers.every("work", shares(jobs, 2))
            assert [] == workers[0].do("close")
            workers[1].do("flush")
            assert [] == workers.records()
            workers[1].do("end", *names(jobs))
            assert records_of(jobs) == wait_for_records(workers, len(names(jobs)))


class TestTraces:
    """Traces that cross processes, by W3C headers."""

    def test_callee_first(self, any_url: str) -> None:
        """The root carries what all processes below it did; a session that only the root knows gets all of it."""
        with spawned(3, any_url, linger_seconds=LONG_SECONDS) as workers:
            a, b, c = workers.members
            to_b = a.do("begin", "root", "s")
            to_c = b.do("begin", "middle", headers=to_b)
            c.do("begin", "end", headers=to_c)
            c.do("chat", "end", 300)
            c.do("finish", "end")
            b.do("chat", "middle", 20)
            b.do("finish", "middle")
            a.do("chat", "root", 1)
            a.do("finish", "root")
            assert Root("root", "s", 5, 336, None) == root_of(a, "root")
            assert Root("middle", None, 1, 25, None) == root_of(b, "middle")
            assert Root("end", None, 1, 305, None) == root_of(c, "end")
            workers.each("flush")
            c.do("end", "s")
            assert [Told("s", 1, "end_session", 1, 5, 336, 351.0)] == wait_for_records(workers, 1)

    @pytest.mark.parametrize("session_id", ["s", None])
    def test_callee_later(self, session_id: str | None, url: str) -> None:
        """A root waits for a callee that is still at work, and is whole then; nothing is late."""
        with spawned(2, url, linger_seconds=LONG_SECONDS, session_idle_seconds=1) as workers:
            a, b = workers.members
            headers = a.do("begin", "root", session_id)
            b.do("begin", "part", headers=headers)
            wait_until(lambda: b.do("counts").get("written", 0) >= 1)
            a.do("chat", "root", 1)
            a.do("finish", "root")
            a.do("begin", "another")
            a.do("finish", "another")
            root_of(a, "another")
            assert ["another"] == [root.name for root in a.do("roots")]
            b.do("chat", "part", 20)
            b.do("finish", "part")
            assert Root("root", session_id, 3, 31, None) == root_of(a, "root")
            workers.each("flush")
            b.do("work", [("later", 1, 10)])
            wait_until(lambda: "later" in {told.session_id for told in workers.records()})
            expected = [] if session_id is None else [Told("s", 1, "idle", 1, 3, 31, 41.0)]
            assert [record([("later", 1, 10)], "later", end_reason="idle"), *expected] == workers.records()

    def test_later_than_lingering(self, url: str) -> None:
        """A root does not wait longer than it lingers, then says so; its session gets what comes later, in a new revision."""
        with spawned(2, url, linger_seconds=SOON_SECONDS, session_idle_seconds=4) as workers:
            a, b = workers.members
            headers = a.do("begin", "root", "s")
            b.do("begin", "part", headers=headers)
            b.do("flush")
            a.do("chat", "root", 1)
            a.do("finish", "root")
            assert Root("root", "s", 1, 6, "open_traces") == root_of(a, "root")
            a.do("end", "s")
            first = Told("s", 1, "end_session", 1, 1, 6, 11.0)
            assert [first] == wait_for_records(workers, 1)
            b.do("chat", "part", 20)
            b.do("finish", "part")
            assert [first, Told("s", 2, "end_session", 1, 3, 31, 41.0)] == wait_for_records(workers, 2)

    def test_part_of_what_is_known(self, url: str) -> None:
        """A root that waited in vain for one callee has what another one did."""
        with spawned(3, url, linger_seconds=1) as workers:
            a, b, c = workers.members
            headers = a.do("begin", "root", "s")
            b.do("begin", "part", headers=headers)
            b.do("flush")
            c.do("begin", "done", headers=headers)
            c.do("chat", "done", 20)
            c.do("finish", "done")
            c.do("flush")
            a.do("finish", "root")
            assert Root("root", "s", 2, 25, "open_traces") == root_of(a, "root")

    def test_no_session(self, url: str) -> None:
        """A trace without a session is one itself as soon as something of it is late; its root was the first record."""
        with spawned(2, url, linger_seconds=SOON_SECONDS, session_idle_seconds=4) as workers:
            a, b = workers.members
            headers = a.do("begin", "root")
            trace_id = headers["traceparent"].split("-")[1]
            b.do("begin", "part", headers=headers)
            b.do("flush")
            a.do("chat", "root", 1)
            a.do("finish", "root")
            assert Root("root", None, 1, 6, "open_traces") == root_of(a, "root")
            b.do("chat", "part", 20)
            b.do("finish", "part")
            assert [Told(trace_id, 2, "idle", 1, 3, 31, 41.0)] == wait_for_records(workers, 1)

    @pytest.mark.parametrize(("trusts", "propagates", "joins"), [(True, True, True), (False, True, False), (True, False, False)])
    def test_baggage(self, trusts: bool, propagates: bool, joins: bool, url: str) -> None:  # noqa: FBT001 -- parameters
        """A callee joins the session in the baggage only when the caller lets it travel and the callee trusts it."""
        with spawned(2, url, linger_seconds=LONG_SECONDS, trust_baggage=trusts) as workers:
            a, b = workers.members
            headers = a.do("begin", "root", "s", propagate=propagates)
            b.do("begin", "part", headers=headers)
            b.do("chat", "part", 20)
            b.do("finish", "part")
            b.do("begin", "other", headers={name: value for name, value in headers.items() if name == "baggage"})
            b.do("chat", "other", 300)
            b.do("finish", "other")
            a.do("finish", "root")
            assert Root("root", "s", 2, 25, None) == root_of(a, "root")
            assert 2 * ["s" if joins else None] == [root_of(b, name).session_id for name in ("part", "other")]
            workers.each("flush")
            b.do("end", "s")
            expected = Told("s", 1, "end_session", 2, 3, 330, 340.0) if joins else None
            assert [expected or Told("s", 1, "end_session", 1, 2, 25, 30.0)] == wait_for_records(workers, 1)


class TestKilled:
    """A process that dies in the middle."""

    def test_with_an_open_root(self, any_url: str) -> None:
        """What it had written is there beside what others have, and the record says that something is missing."""
        jobs: list[Job] = [("s", 2, 100), ("s", 1, 30), ("s", 1, 7)]
        with spawned(3, any_url, linger_seconds=SOON_SECONDS) as workers:
            workers.every("work", shares(jobs, 3))
            workers[1].do("begin", "never ends", "s")
            workers[1].do("chat", "never ends", 4000)
            wait_until(lambda: stored_tokens(any_url) == tokens_of(jobs) + 4000 + COMPLETION_TOKENS)
            workers[1].kill()
            left = Workers([workers[0], workers[2]])
            left.each("end", "s")
            written = record([*jobs, ("s", 1, 4000)], "s", is_partial=True)
            assert [written._replace(num_traces=3)] == wait_for_records(left, 1)

    def test_amid_requests(self, any_url: str) -> None:
        """Requests that come one after the other, each shorter than the time between two writes, are held by it: some are missing."""
        with spawned(2, any_url, linger_seconds=SOON_SECONDS) as workers:
            pid = workers[0].do("pid")
            workers[0].begin_to("work", [("s", 1, 1)] * 100_000, 0.001)
            wait_until(lambda: stored_tokens(any_url) > 100 * (1 + COMPLETION_TOKENS))
            os.kill(pid, signal.SIGKILL)
            left = Workers([workers[1]])
            left[0].do("end", "s")
            assert [("s", 1, True)] == [(told.session_id, told.revision, told.is_partial) for told in wait_for_records(left, 1)]

    def test_after_a_moment(self, url: str) -> None:
        """When nothing has happened for a moment, it has said so by itself, and nothing is missing."""
        jobs: list[Job] = 30 * [("s", 1, 1)]
        with spawned(2, url, linger_seconds=LONG_SECONDS) as workers:
            workers[0].do("work", jobs)
            wait_until(lambda: stored_tokens(url) == tokens_of(jobs) and not stored_open(url))
            workers[0].kill()
            left = Workers([workers[1]])
            left[0].do("end", "s")
            assert records_of(jobs) == wait_for_records(left, 1)

    def test_between_requests(self, any_url: str) -> None:
        """When nothing of it was open, nothing is missing, and the record does not say so."""
        jobs = some_jobs(30, 3, seed=10)
        with spawned(3, any_url, linger_seconds=LONG_SECONDS) as workers:
            workers.every("work", shares(jobs, 3))
            workers.each("flush")
            workers[1].kill()
            left = Workers([workers[0], workers[2]])
            left[1].do("end", *names(jobs))
            assert records_of(jobs) == wait_for_records(left, len(names(jobs)))

    def test_callee(self, url: str) -> None:
        """A root whose callee died leaves when lingering is over, with what it knows."""
        with spawned(2, url, linger_seconds=SOON_SECONDS) as workers:
            a, b = workers.members
            b.do("begin", "part", headers=a.do("begin", "root", "s"))
            b.do("flush")
            b.kill()
            a.do("chat", "root", 1)
            a.do("finish", "root")
            assert Root("root", "s", 1, 6, "open_traces") == root_of(a, "root")


class TestEvicted:
    """A server that drops keys of which somebody has more to say."""

    @pytest.mark.parametrize("goes_on", [True, False])
    def test_session(self, goes_on: bool, server: Server) -> None:  # noqa: FBT001 -- a parameter
        """What its process knows is written again; what others had written is missing, and the record says so."""
        prefix = uuid4().hex
        jobs: list[Job] = [("s", 1, 10), ("other", 1, 100)]
        with spawned(2, f"{server.url}?prefix={prefix}", linger_seconds=SOON_SECONDS) as workers:
            workers[1].do("work", [("s", 1, 1000)])
            workers[1].do("flush")
            workers[0].do("work", jobs)
            workers[0].do("flush")
            server.command("DEL", f"{{{prefix}:s:s}}:slots")
            if goes_on:
                workers[0].do("work", [("s", 1, 20)])
                workers[0].do("flush")
            workers[0].do("end", "s", "other")
            left = [("s", 1, 10), *([("s", 1, 20)] if goes_on else [])]
            expected = [record(jobs, "other"), record(left, "s", is_partial=True)]
            assert expected == wait_for_records(workers, 2)
            assert 2 * [{}] == workers.each("faults")


class TestEnds:
    """Who tells of the end of a session, and how often."""

    def test_all_at_once(self, any_url: str) -> None:
        """Processes that end a session at the same moment write one record of it."""
        rounds = 25
        jobs: list[Job] = [(f"s{number:02}", 1, number + 1) for number in range(rounds) for _ in range(3)]
        with spawned(3, any_url) as workers:
            workers.each("work", jobs[::3])
            workers.each("flush")
            for name in names(jobs):
                workers.each("end_at", time.monotonic() + 0.02, name)
            assert records_of(jobs) == workers.records()
            assert 3 * [{}] == workers.each("faults")

    def test_comes_back(self, any_url: str) -> None:
        """A session that comes back in another process gets a second revision over everything, whoever ends it."""
        first: list[Job] = [("s", 2, 10)]
        second: list[Job] = [("s", 1, 500)]
        third: list[Job] = [("s", 1, 3)]
        expected = [record(first, "s"), record(first + second, "s", 2), record(first + second + third, "s", 3)]
        with spawned(2, any_url) as workers:
            for number, (worker, job) in enumerate(((0, first), (1, second), (1, third))):
                workers[worker].do("work", job)
                workers[worker].do("flush")
                workers[number % 2].do("end", "s")
                assert expected[: number + 1] == wait_for_records(workers, number + 1)

    def test_idle(self, any_url: str) -> None:
        """A session in which nothing happens any more gets one record, from one process, and no second one for nothing."""
        jobs: list[Job] = [("idle", 1, 10), ("idle", 1, 20), ("idle", 1, 30)]
        with spawned(3, any_url, session_idle_seconds=1.5, linger_seconds=0.2) as workers:
            connect(workers)
            workers.every("work", shares(jobs, 3))
            seen = [record(jobs, "idle", end_reason="idle")]
            wait_until(lambda: seen == workers.records())
            for name in ("later", "later still"):  # twice the time in which a second one would come
                workers[0].do("work", [(name, 1, 1)])
                wait_until(lambda: len(workers.records()) > len(seen))
                seen.append(record([(name, 1, 1)], name, end_reason="idle"))
                assert seen == workers.records()

    def test_idle_after_the_end(self, any_url: str) -> None:
        """A process that forgets a session which another one has ended does not make it change."""
        jobs: list[Job] = [("ended", 1, 10), ("ended", 1, 20)]
        with spawned(2, any_url, session_idle_seconds=1.5, linger_seconds=0.2) as workers:
            connect(workers)
            workers.every("work", shares(jobs, 2))
            workers.each("flush")
            workers[0].do("end", "ended")
            seen = [record(jobs, "ended")]
            assert seen == wait_for_records(workers, 1)
            for name in ("later", "later still"):
                workers[0].do("work", [(name, 1, 1)])
                wait_until(lambda: len(workers.records()) > len(seen))
                seen.append(record([(name, 1, 1)], name, end_reason="idle"))
                assert seen == workers.records()


class TestStoreFails:
    """A store that dies, hangs, or never was."""

    def test_killed_during_load(self) -> None:
        """It dies and returns empty: requests go on, and sessions that go on have exact totals then."""
        jobs, more = some_jobs(240, 12, seed=11), [(f"s{number}", 1, 1) for number in range(12)]
        with valkey() as server, spawned(3, server.url, linger_seconds=2) as workers:
            for worker, (its,) in zip(workers.members, shares(jobs, 3), strict=True):
                worker.begin_to("work", its, 0.02)
            wait_until(lambda: server.command("DBSIZE") > 20)
            server.kill()
            killed = time.monotonic()
            wait_until(lambda: time.monotonic() > killed + 1.0)  # dozens of writes of each, also where they are slow
            server.start()
            slowest = max(worker.answer() for worker in workers.members)
            workers.each("work", more)
            wait_until(lambda: stored_tokens(server.url) == tokens_of([*jobs, *3 * more]))
            workers[0].do("end", *names(jobs))
            assert records_of([*jobs, *3 * more]) == wait_for_records(workers, len(names(jobs)))
            assert slowest < 1.0
            counts = workers.each("counts")
            assert all(count["errors"] >= 1 and count["written"] > len(names(jobs)) for count in counts)
            assert not any("lost" in count for count in counts)

    def test_down_during_load(self) -> None:
        """While it is down, roots leave at once and say that they may miss something; later all of it is there."""
        jobs, before, after = some_jobs(60, 5, seed=12), some_jobs(20, 5, seed=13), some_jobs(20, 5, seed=14)
        with valkey() as server, spawned(2, server.url, linger_seconds=LONG_SECONDS) as workers:
            workers.every("work", shares(before, 2))
            wait_until(lambda: len(before) == sum(map(len, workers.each("roots"))))
            workers.each("flush")
            server.kill()
            workers.every("work", shares(jobs, 2))
            wait_until(lambda: len(before + jobs) == sum(map(len, workers.each("roots"))))
            reasons = [root.partial_reason for roots in workers.each("roots") for root in roots]
            assert (len(before), len(jobs)) == (reasons.count(None), reasons.count("store"))
            server.start()
            workers.every("work", shares(after, 2))
            wait_until(lambda: stored_tokens(server.url) == tokens_of([*before, *jobs, *after]))
            workers[1].do("end", *names(before + jobs + after))
            expected = records_of([*before, *jobs, *after])
            assert expected == wait_for_records(workers, len(expected))

    def test_hangs(self) -> None:
        """A store that does not answer stops nobody: not the threads of the application, and flushing not for long."""
        jobs, more = some_jobs(2000, 10, seed=15), some_jobs(10, 10, seed=16)
        with valkey() as server, spawned(1, server.url, linger_seconds=1) as workers:
            (worker,) = workers.members
            worker.do("work", more)
            worker.do("flush")
            with server.paused():
                slowest = worker.do("work", jobs, 0.0005)
                done, seconds = worker.do("flush", 20.0)
                roots = worker.do("roots")
            assert slowest < 0.9  # the store's own limit is a second
            assert done
            assert seconds < 10.0
            assert len(more) + len(jobs) == len(roots)
            assert {"store", None} == {root.partial_reason for root in roots}
            wait_until(lambda: stored_tokens(server.url) == tokens_of([*jobs, *more]))
            worker.do("end", *names(jobs))
            assert records_of([*jobs, *more]) == wait_for_records(workers, len(names(jobs)))
            assert worker.do("counts")["errors"] >= 1

    def test_never_there(self) -> None:
        """Without a store that answers, everything leaves, marked, and nothing is slower for it."""
        jobs = some_jobs(50, 5, seed=17)
        with spawned(1, f"redis://127.0.0.1:{free_port()}", linger_seconds=LONG_SECONDS) as workers:
            (worker,) = workers.members
            assert worker.do("work", jobs) < 1.0
            wait_until(lambda: len(jobs) == len(worker.do("roots")))
            assert {"store"} == {root.partial_reason for root in worker.do("roots")}
            done, seconds = worker.do("flush", 10.0)
            assert done
            assert seconds < 10.0
            assert len(jobs) + sum(calls for _, calls, _ in jobs) == worker.do("num_spans")
            assert [] == worker.do("close")
            assert worker.do("counts")["errors"] >= 1
            assert [] == worker.do("records")


class TestWaiting:
    """Who asks with ``wait_seconds`` knows what other processes have used."""

    WAIT_SECONDS = 30.0

    @pytest.mark.parametrize("start", STARTS)
    def test_budget(self, start: str, any_url: str) -> None:
        """A request that follows another one in whichever process is refused exactly when the budget is used up."""
        with STARTS[start](3, any_url) as workers:
            for number in range(20):
                session_id = f"s{number}"
                answers = [
                    workers[(number + turn) % 3].do("answer", session_id, 3 * CALL_USD, 5, self.WAIT_SECONDS) for turn in range(4)
                ]
                assert [True, True, True, False] == answers

    def test_budget_of_a_user(self, any_url: str) -> None:
        """So it is with the budget of a user, whatever sessions and processes it is used in, also after a restart."""
        for expected in ([True, True, True, False], [False] * 4):
            with spawned(3, any_url) as workers:
                for number in range(10):
                    answers = [
                        workers[(number + turn) % 3].do(
                            "answer", f"s{turn}", 3 * CALL_USD, 5, self.WAIT_SECONDS, user_id=f"u{number}"
                        )
                        for turn in range(4)
                    ]
                    assert expected == answers

    @pytest.mark.parametrize("asks", [True, False])
    def test_totals(self, any_url: str, *, asks: bool) -> None:
        """Outside of any block, too, each process has what all of them used: of blocks that ask at once, of others when it is written."""
        with spawned(2, any_url) as workers:
            for number in range(10):
                for turn in range(2):
                    workers[turn].do("answer", f"s{number}", 100.0, 5, self.WAIT_SECONDS if asks else 0.0)
                if not asks:
                    workers.each("flush")
                told = [workers[turn].do("totals", f"s{number}", self.WAIT_SECONDS) for turn in range(2)]
                assert [(2, 2 * (5 + CALL_USD))] * 2 == [row[:2] for row in told]

    def test_at_once(self, url: str) -> None:
        """Processes that ask at the same time do not wait for each other."""
        with spawned(3, url) as workers:
            for number in range(10):
                before = time.monotonic()
                assert [True] * 3 == workers.each("answer", f"s{number}", 100.0, 5, self.WAIT_SECONDS)
                assert time.monotonic() - before < self.WAIT_SECONDS / 2

    def test_without_waiting(self, url: str) -> None:
        """Who does not ask for it never waits, whatever is open elsewhere."""
        with spawned(2, url) as workers:
            workers[0].do("begin", "root", "s")
            workers[0].do("flush")
            assert workers[1].do("totals", "s", 0.0)[2] < 1.0

    def test_a_killed_process(self, url: str) -> None:
        """What it left open is waited for only as long as was asked for."""
        with spawned(2, url) as workers:
            workers[0].do("begin", "root", "s")
            workers[0].do("flush")
            workers[0].kill()
            number, _, seconds = workers[1].do("totals", "s", 0.5)
            assert 0 == number
            assert 0.5 <= seconds < self.WAIT_SECONDS / 2
