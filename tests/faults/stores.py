"""Attacks by the store: entries that nobody of ours wrote, files that are deleted, replaced, locked or full, servers that are killed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import uuid4

import redis

from otel_session_agg.stores import Slot, open_store
from tests.support.servers import Server, valkey, wait_until
from tests.support.workers import COMPLETION_TOKENS, App, spawned

from .kit import apart, attack

_LONG_SECONDS = 3600.0
_LOAD = 5
"""Sessions that have nothing to do with what is broken."""
_GARBAGE = (
    b"",
    b"\xff\xfe\x00",
    b"junk",
    b"[]",
    b"null",
    b'"text"',
    b"{" * 2000,
    b"[" * 100_000,
    b"9" * 100_000,
    b'{"v":1}',
    b'{"v":2,"rollup":{}}',
    b'{"v":1,"rollup":{"num_events":"1"}}',
    b'{"v":1,"rollup":{"output":[1,2,"\\ud800"]}}',
    b'{"v":1,"rollup":{"num_events":1e400}}',
    b'{"v":1,"rollup":{},"metadata":{"a":[1,"\\ud800"],"b":[1,1e400],"c":[1,NaN],"d":[1,99999999999999999999]}}',
    b'{"v":1,"rollup":{},"num_open":1000000000000000000000000}',
    b'{"v":1,"revision":99999999999999999999,"version":1}',
    b'{"v":1,"revision":1,"version":99999999999999999999}',
    b'{"v":1,"parts":[[null,{}]],"open":true,"root":false,"session":null,"seq":99999999999999999999}',
)
_NAMES = (b"record", b"root", b"\xff\xfe", b"a" * 40, "\u00e9".encode(), b"00000000000000aa", b"", b"\x00")


# -- one application beside what is broken --------------------------------------------------------------------------------


class Seen(NamedTuple):
    """What became of sessions: their records, and why roots said they were partial."""

    records: Sequence[tuple[str, int | None]]
    reasons: set[str | None]


@contextmanager
def running(url: str, **settings: Any) -> Iterator[App]:
    """An application with a store."""
    app = App(url, {"linger_seconds": 0.3, "session_idle_seconds": _LONG_SECONDS, **settings})
    try:
        yield app
    finally:
        app.close()


def work(app: App, *names: str, tokens: int = 10) -> None:
    """One request with one call in each session, one of them below a span of another process."""
    app.work([(name, 1, tokens) for name in names])
    app.flush()


def ended(app: App, *names: str) -> Seen:
    """End sessions and see."""
    app.end(*names)
    app.flush()
    wait_until(lambda: {*names} <= {told.session_id for told in app.records()}, seconds=10)
    told = sorted((told.session_id, told.total_tokens) for told in app.records() if told.session_id in names)
    return Seen(told, {root.partial_reason for root in app.roots()})


def expect(app: App, *names: str, tokens: int = 10, times: int = 1) -> None:
    """These sessions have exact records, and no root of theirs is partial."""
    expected = [(name, times * (tokens + COMPLETION_TOKENS)) for name in sorted(names)]
    assert Seen(expected, {None}) == ended(app, *names)


# -- bad entries ----------------------------------------------------------------------------------------------------------


def _other_type(client: redis.Redis, name: bytes | str, chance: random.Random) -> None:
    """A key of some type that is not ours."""
    client.delete(name)
    makers: list[Callable[[], object]] = [
        lambda: client.set(name, chance.choice(_GARBAGE)),
        lambda: client.rpush(name, "a", "b"),
        lambda: client.sadd(name, "a"),
        lambda: client.zadd(name, {b"a": 1.0, b"\xff\xfe": 2.0, b"%ff": 3.0, b"s:a b": 4.0}),
        lambda: client.xadd(name, {"a": "b"}),
        lambda: client.hset(name, mapping={b"v" + chance.choice(_NAMES): chance.choice(_GARBAGE), b"n": b"x"}),
        lambda: client.hset(name, mapping={b"v\xff\xfe": b"x", b"q" + b"record": b"zz" * 20, b"n": b"9" * 30, b"s": b"1"}),
    ]
    chance.choice(makers)()


def _spoil_redis(client: redis.Redis, prefix: str, chance: random.Random) -> None:
    """Write strange things beside what is there, under the names that are used."""
    for number in range(10):
        kind = chance.choice(
            ("s:bad", "t:bad", "o:bad", "b:bad", "t:" + f"{number:032x}", "x:other", "s:%ff", "s:a b", "s:\u00e9")
        )
        _other_type(client, f"{{{prefix}:{kind}{number}}}:slots", chance)
        _other_type(client, f"{{{prefix}:s:good{number % _LOAD}}}:claim", chance)
        index = f"{{{prefix}#{chance.randrange(8)}}}:due"
        if chance.random() < 0.3:
            _other_type(client, index, chance)
        elif client.type(index) in (b"zset", b"none"):
            client.zadd(index, {chance.choice((b"\xff\xfe", b"%ff", b"s:a b", b"s:bad%d" % number, b"t:x", b"", b"{")): 1.0})


@attack(short=4, long=300)
def bad_entries_in_redis(chance: random.Random, rounds: int) -> None:
    """Keys of every type, fields and names that are no text: other sessions get their exact records."""
    names = [f"good{number}" for number in range(_LOAD)]
    with valkey() as server, redis.Redis(port=server.port) as client:
        for _ in range(rounds):
            prefix = uuid4().hex
            with running(f"{server.url}?prefix={prefix}") as app:
                _spoil_redis(client, prefix, chance)
                work(app, *names)
                _spoil_redis(client, prefix, chance)
                app.work([("bad1", 1, 10)])
                expect(app, *names)
                assert "errors" not in app.counts()
                assert {} == app.faults()


_BAD_ROWS = (
    "INSERT OR REPLACE INTO keys VALUES (x'733aff', 'x', 'y', 'z', 'w')",
    "INSERT OR REPLACE INTO keys VALUES ('s:text', 1, 0, 1e300, 0)",
    "INSERT OR REPLACE INTO keys VALUES (17, 1, 0, 1e300, 0)",
    "INSERT OR REPLACE INTO keys VALUES (x'733afffe', 1, 0, 1e300, 0)",
    "INSERT OR REPLACE INTO keys VALUES (CAST('s:bad' AS BLOB), 'x', 7, 'never', 0)",
    "INSERT OR REPLACE INTO keys VALUES (CAST('t:strange' AS BLOB), 1, 0, 1e300, 0)",
    "INSERT OR REPLACE INTO slots VALUES (CAST('s:bad' AS BLOB), 'text', 'x', 'text')",
    "INSERT OR REPLACE INTO slots VALUES (CAST('s:bad' AS BLOB), x'ff', 1, x'ff')",
    "INSERT OR REPLACE INTO slots VALUES (CAST('s:bad' AS BLOB), 5, 1, 5)",
    "INSERT OR REPLACE INTO slots VALUES (CAST('s:bad' AS BLOB), CAST('record' AS BLOB), 'x', CAST(x'ff' AS TEXT))",
    "INSERT OR REPLACE INTO claims VALUES (CAST('s:good1' AS BLOB), 5, 'never')",
    "UPDATE state SET version = 'x', written = 'y'",
    "DELETE FROM state",
    "INSERT INTO state VALUES (1, 2)",
)


@attack(short=6, long=500)
def bad_rows_in_sqlite(chance: random.Random, rounds: int) -> None:
    """Rows of every type: other sessions get their exact records."""
    names = [f"good{number}" for number in range(_LOAD)]
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "sessions.db"
            with running(f"sqlite:///{path}") as app:
                work(app, "bad")
                with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
                    for statement in chance.sample(_BAD_ROWS, 8):
                        connection.execute(statement)
                work(app, *names)
                expect(app, *names)


@attack(short=40, long=5000)
def bad_values(chance: random.Random, rounds: int) -> None:
    """Values that are none, below keys of every kind: nothing is raised, and other sessions get their exact records."""
    names = [f"good{number}" for number in range(_LOAD)]
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'sessions.db'}"
        store = open_store(url)
        with running(url) as app:
            for number in range(rounds):
                key = chance.choice(("s:bad", "o:bad", "b:user\0x", "t:" + f"{number:032x}", "x"))
                writer = chance.choice(_NAMES).decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()
                value = _mutated(chance)
                store.put([Slot(key, writer, chance.randint(1, 2**63 - 1), value)], ttl_seconds=100, due_seconds=0)
            work(app, *names, "bad")
            expect(app, *names)
            app.end("bad")
            app.flush()
            assert "errors" not in app.counts()
        store.close()


def _mutated(chance: random.Random) -> bytes:
    """Garbage, perhaps of something that was right."""
    value = bytearray(chance.choice(_GARBAGE)[:2000])
    for _ in range(chance.randrange(3)):
        if value:
            value[chance.randrange(len(value))] = chance.randrange(256)
    return bytes(value)


# -- files ----------------------------------------------------------------------------------------------------------------


def _deleted(path: Path) -> None:
    path.unlink()


def _deleted_all(path: Path) -> None:
    for one in path.parent.iterdir():
        one.unlink()


def _replaced(path: Path) -> None:
    made = path.with_name("made.db")
    with closing(open_store(f"sqlite:///{made}")) as store:
        store.put([Slot("s:of another", "w", 1, b"{}")], ttl_seconds=100)
    made.rename(path)


def _moved(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def _lost_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


_CHANGES = (_deleted, _deleted_all, _replaced, _moved, _lost_log)


@attack(short=10, long=400)
def file_is_another(chance: random.Random, rounds: int) -> None:
    """A file that is deleted, replaced or moved under load is noticed, and sessions that go on are whole in the new one."""
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "sessions.db"
            url = f"sqlite:///{path}"
            with running(url) as one, running(url) as two:
                for app in (one, two):
                    work(app, "s", "t")
                chance.choice(_CHANGES)(path)
                with running(url) as late:
                    for app in [*chance.sample((one, two, late), 3), one, two, late]:  # at the second write all have noticed
                        work(app, "s", "t")
                    late.end("s", "t")
                    wait_until(lambda apps=(one, two, late): {"s": 120, "t": 120} == _last_totals(apps), seconds=30)  # type: ignore[misc]


@attack(short=3, long=60)
def file_is_locked(chance: random.Random, rounds: int) -> None:
    """While somebody else has the file for himself, applications go on; what they had to say is written when he lets go of it."""
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "sessions.db"
            with running(f"sqlite:///{path}") as one, running(f"sqlite:///{path}") as two:
                work(one, "s")
                with closing(sqlite3.connect(path, isolation_level=None)) as other:
                    other.execute(f"BEGIN {chance.choice(('IMMEDIATE', 'EXCLUSIVE'))}")
                    for app in (one, two):
                        app.work([("s", 1, 10)] * 3)
                    time.sleep(chance.uniform(0.0, 0.5))
                    other.execute("ROLLBACK")
                two.end("s")
                wait_until(lambda apps=(one, two): _last_totals(apps) == {"s": 7 * 15}, seconds=30)  # type: ignore[misc]


@attack(short=1, long=20)
def disk_is_full(chance: random.Random, rounds: int) -> None:
    """While nothing more can be written, applications go on; what they had to say is written when there is room again."""
    for _ in range(rounds):
        assert 0 == (ended := apart(_fill, room=chance.randrange(20_000))).status, ended.stderr


def _fill(room: int) -> None:
    import resource  # noqa: PLC0415 -- not on Windows

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with TemporaryDirectory() as folder, running(f"sqlite:///{folder}/sessions.db") as app:
        work(app, "s")
        largest = max(path.stat().st_size for path in Path(folder).iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + room, before[1]))
        for number in range(100):
            work(app, "s", f"filler-{number}")
            if "errors" in app.counts():
                break
        assert "errors" in app.counts()
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        work(app, "s")
        app.end("s")
        wait_until(lambda: _last_totals([app]).get("s") == (number + 3) * 15, seconds=30)


@attack(short=3, long=60)
def server_is_gone(chance: random.Random, rounds: int) -> None:
    """A server that is killed, hangs or forgets everything is made good from what the applications know."""
    for number in range(rounds):
        with valkey() as server, running(server.url) as one, running(server.url) as two:
            calls = [chance.randrange(1, 4), chance.randrange(1, 4)]
            for app in (one, two):
                work(app, "s")
            with (_killed, Server.paused, _emptied)[number % 3](server):
                for app, num_calls in zip((one, two), calls, strict=True):
                    app.work([("s", 1, 10)] * num_calls)
                time.sleep(chance.uniform(0.0, 0.3))
            expected = 15 * (2 + sum(calls))
            one.end("s")
            wait_until(lambda apps=(one, two), total=expected: _last_totals(apps) == {"s": total}, seconds=30)  # type: ignore[misc]


@contextmanager
def _killed(server: Server) -> Iterator[None]:
    server.kill()
    yield
    server.start()


@contextmanager
def _emptied(server: Server) -> Iterator[None]:
    server.command("FLUSHALL")
    yield


def _last_totals(apps: Sequence[App]) -> dict[str, int | None]:
    """What the last record of each session says: what a write that failed had in it comes later, with a higher revision."""
    for app in apps:
        app.flush()
    records = sorted((told.revision, told.session_id, told.total_tokens) for app in apps for told in app.records())
    return {session_id: tokens for _, session_id, tokens in records}


# -- processes ------------------------------------------------------------------------------------------------------------


@attack(short=2, long=40)
def writer_is_killed(chance: random.Random, rounds: int) -> None:
    """A process that is killed while it works in a session has not said all: the record says that something is missing."""
    jobs = [("s", 1, 10)] * 100_000
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'sessions.db'}"
            with spawned(2, url, linger_seconds=0.5) as workers, closing(open_store(url)) as store:
                writer, other = workers.members
                pid = writer.do("pid")
                writer.begin_to("work", jobs, chance.choice((0.0, 0.001, 0.02)))
                wait_until(lambda store=store: len(store.get(["s:s"])[0].slots) > 0)  # type: ignore[misc]
                time.sleep(chance.uniform(0.1, 0.6))
                os.kill(pid, signal.SIGKILL)
                other.do("end", "s")
                wait_until(lambda other=other: len(other.do("records")) > 0)  # type: ignore[misc]
                [told] = other.do("records")
                assert told.is_partial
