"""The store in a file."""

from __future__ import annotations

import multiprocessing
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg._exceptions import StoreError
from otel_session_agg.stores import (
    SqliteStore,
    _sqlite_connection,
    _sqlite_tables,
    open_store,
)
from otel_session_agg.testing import FakeClock
from tests.support.scripts import printed
from tests.support.stores import only, put, statements

TIMEOUT_SECONDS = 60


_needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def write_many(path: str, writer: str, start: Any) -> None:
    """What one of several processes does at the same time."""
    store = SqliteStore(path)
    start.wait(TIMEOUT_SECONDS)
    for seq in range(1, 101):
        put(store, ("shared", writer, seq, b"%d" % seq), (f"{writer}{seq}", writer, 1, b""))
    store.close()


@pytest.mark.slow
class TestSqlite:
    """What only the file has."""

    def test_processes(self, tmp_path: Path) -> None:
        """Several processes begin and write at once, and no put is lost."""
        context = multiprocessing.get_context("spawn")
        start = context.Barrier(3)
        path = tmp_path / "sessions.db"
        processes = [context.Process(target=write_many, args=(str(path), writer, start)) for writer in "abc"]
        for process in processes:
            process.start()
        for process in processes:
            process.join(TIMEOUT_SECONDS)
        assert [0, 0, 0] == [process.exitcode for process in processes]
        with closing(SqliteStore(path)) as store:
            assert dict.fromkeys("abc", b"100") == only(store, "shared").slots
            assert 301 == len(list(store.keys()))
        assert [("wal",)] == statements(path, "PRAGMA journal_mode")

    @_needs_fork
    def test_fork(self, tmp_path: Path) -> None:
        """Parent and child go on, each with its own connection, whoever closes first."""
        body = """
            import os, sys
            from otel_session_agg.stores import Slot, open_store
            store = open_store("sqlite:///" + sys.argv[1])
            put = lambda key: store.put([Slot(key, "w", 1, b"")], ttl_seconds=1000)
            put("before")
            from_parent, to_child = os.pipe()
            from_child, to_parent = os.pipe()
            if os.fork() == 0:
                put("child")
                os.write(to_parent, b"1")
                os.read(from_parent, 1)
                put("child after the parent closed")
                os._exit(0)
            os.read(from_child, 1)
            put("parent")
            store.close()
            os.write(to_child, b"1")
            os.wait()
            print(sorted(store.keys()))
            store.close()
        """
        expected = ["before", "child", "child after the parent closed", "parent"]
        assert str(expected) == printed(body, tmp_path / "sessions.db", forks=True).strip()

    @_needs_fork
    def test_fork_amid_puts(self, tmp_path: Path) -> None:
        """A fork waits for the call of another thread, and the child can go on at once."""
        body = """
            import os, sys, threading
            from otel_session_agg.stores import Slot, open_store
            store = open_store("sqlite:///" + sys.argv[1])
            put = lambda key: store.put([Slot(key, "w", 1, b"")], ttl_seconds=1000)
            forked = threading.Event()
            begun = threading.Event()
            count = 0
            def work():
                global count
                while not forked.is_set():
                    put(f"parent{count}")
                    count += 1
                    begun.set()
            worker = threading.Thread(target=work)
            worker.start()
            begun.wait()
            for number in range(10):
                if os.fork() == 0:
                    put(f"child{number}")
                    os._exit(0)
            statuses = [os.wait()[1] for _ in range(10)]
            forked.set()
            worker.join()
            print(statuses == [0] * 10, len(list(store.keys("child"))), len(list(store.keys("parent"))) == count)
            store.close()
        """
        assert "True 10 True" == printed(body, tmp_path / "sessions.db", forks=True).strip()

    def test_fork_untold(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where nobody told Python of a fork, the parent's connection is left alone."""
        left: list[Any] = []
        monkeypatch.setattr(_sqlite_connection, "_LEFT_ALONE", left)
        store = SqliteStore(tmp_path / "sessions.db")
        put(store, ("k", "w", 1, b""))
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            assert ["k"] == list(store.keys())
            (parents,) = left
            assert (1,) == parents.execute("SELECT count(*) FROM keys").fetchone()
            store.close()
        parents.close()

    def test_fork_hooks(self, tmp_path: Path) -> None:
        """Around a fork nothing is open and nothing is done."""
        store = SqliteStore(tmp_path / "sessions.db")
        put(store, ("k", "w", 1, b""))
        store._connection._before_fork()
        assert store._connection._open is None
        assert store._connection._lock.locked()
        store._connection._after_fork()
        assert ["k"] == list(store.keys())
        store.close()

    def test_no_fork(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It works where there is no fork."""
        monkeypatch.delattr(os, "register_at_fork", raising=False)
        with closing(SqliteStore(tmp_path / "sessions.db")) as store:
            put(store, ("k", "w", 1, b""))

    def test_fork_while_busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A fork does not wait for a call for ever."""
        monkeypatch.setattr(_sqlite_connection, "_FORK_WAIT_SECONDS", 0.01)
        store = SqliteStore(tmp_path / "sessions.db")
        with store._connection.reading() as (connection, _):
            store._connection._before_fork()
            store._connection._after_fork()
            assert (1,) == connection.execute("SELECT 1").fetchone()
        assert not store._connection._lock.locked()
        store.close()

    def test_reboot(self, tmp_path: Path) -> None:
        """After a reboot the clock starts again, and what was left to wait is waited then."""
        path = tmp_path / "sessions.db"
        store = SqliteStore(path, clock=FakeClock(5000.0))
        put(store, ("k", "w", 1, b""), due=10, ttl=100)
        store.claim("k", "one", 20)
        store.close()
        clock = FakeClock(7.0)
        with closing(SqliteStore(path, clock=clock)) as store:
            assert [] == store.due(10)
            clock.tick(10)
            assert ["k"] == store.due(10)
            assert not store.claim("k", "other", 1)
            clock.tick(10)
            assert store.claim("k", "other", 1)
            clock.tick(79)
            assert ["k"] == list(store.keys())
            clock.tick(1)
            assert [] == list(store.keys())

    def test_killed(self, tmp_path: Path) -> None:
        """What was put is there after its process was killed."""
        body = """
            import os, sys
            from otel_session_agg.stores import Slot, open_store
            store = open_store("sqlite:///" + sys.argv[1])
            store.put([Slot("k", "w", 1, b"one")], ttl_seconds=1000, due_seconds=0)
            os._exit(0)
        """
        printed(body, tmp_path / "sessions.db", forks=True)
        with closing(open_store(f"sqlite:///{tmp_path}/sessions.db")) as store:
            assert {"w": b"one"} == only(store, "k").slots
            assert ["k"] == store.due(1)

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        """A put that fails leaves nothing behind, and the next one works."""
        with closing(SqliteStore(tmp_path / "sessions.db")) as store:
            with pytest.raises(OverflowError):
                put(store, ("a", "w", 1, b""), ("b", "w", 2**63, b""))
            assert [] == list(store.keys())
            put(store, ("a", "w", 1, b""))
            assert ["a"] == list(store.keys())

    def test_purge(self, tmp_path: Path) -> None:
        """Keys that have expired leave the file as others are put."""
        clock, path = FakeClock(), tmp_path / "sessions.db"
        with closing(SqliteStore(path, clock=clock)) as store:
            put(store, *((f"k{number}", "w", 1, b"") for number in range(100)), ttl=1)
            store.claim("k", "one", 1)
            clock.tick(1)
            put(store, ("new", "w", 1, b""))
            counts = ("SELECT count(*) FROM keys", "SELECT count(*) FROM slots")
            assert [(100 - 64 + 1,)] * 2 == statements(path, *counts)
            put(store, ("new", "w", 2, b""))
            store.claim("l", "one", 1)
            assert [(1,)] * 3 == statements(path, *counts, "SELECT count(*) FROM claims")

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            ("CREATE TABLE customers (name)", "belongs to another application: name another file"),
            ("PRAGMA user_version = 1", "belongs to another application: name another file"),
            (None, "schema 99, this one has 1.*: name another file, or delete this one"),
        ],
    )
    def test_other_files(self, tmp_path: Path, statement: str | None, message: str) -> None:
        """A file of another application or another version is refused, and not touched."""
        path = tmp_path / "sessions.db"
        if statement is None:
            with closing(SqliteStore(path)) as store:
                put(store, ("k", "w", 1, b""))
            statement = "PRAGMA user_version = 99"
        statements(path, statement)
        before = path.read_bytes()
        with pytest.raises(StoreError, match=message):
            SqliteStore(path).get(["k"])
        assert before == path.read_bytes()

    def test_working_directory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A path from the working directory stays the same file when that changes."""
        monkeypatch.chdir(tmp_path)
        store = open_store("sqlite:///sessions.db")
        assert not (tmp_path / "sessions.db").exists()
        monkeypatch.chdir("/")
        put(store, ("k", "w", 1, b""))
        store.close()
        assert (tmp_path / "sessions.db").exists()


class TestSqliteFiles:
    """A file that is another one than it was, and who can read it."""

    @pytest.mark.parametrize("others", [True, False])
    def test_deleted(self, tmp_path: Path, others: bool) -> None:  # noqa: FBT001 -- a parameter
        """A file that was deleted, with those beside it or without, is noticed at the next write, and said once."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as two:
            put(one, ("k", "one", 1, b"1"))
            put(two, ("k", "two", 1, b"2"))
            before = only(one, "k").version
            for name in ("", "-wal", "-shm") if others else ("",):
                Path(f"{path}{name}").unlink()
            put(two, ("k", "two", 2, b"22"))
            put(one, ("k", "one", 2, b"11"))
            assert [True, False] == [one.lost_sight(), one.lost_sight()]
            assert [True, False] == [two.lost_sight(), two.lost_sight()]
            assert {"one": b"11", "two": b"22"} == only(one, "k").slots == only(two, "k").slots
            assert only(one, "k").version > before

    def test_replaced(self, tmp_path: Path) -> None:
        """So is one that another file was put in the place of, also by who only reads."""
        path, made = tmp_path / "sessions.db", tmp_path / "made.db"
        with closing(SqliteStore(made)) as store:
            put(store, ("k", "other", 1, b"1"))
        with closing(SqliteStore(path)) as store:
            put(store, ("k", "one", 1, b"1"))
            made.rename(path)
            assert {"other": b"1"} == only(store, "k").slots
            assert store.lost_sight()

    def test_log_deleted(self, tmp_path: Path) -> None:
        """So is one that has lost its log."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as store:
            put(store, ("k", "one", 1, b"1"))
            Path(f"{path}-wal").unlink()
            put(store, ("k", "one", 2, b"2"))
            assert store.lost_sight()
        with closing(SqliteStore(path)) as store:
            assert {"one": b"2"} == only(store, "k").slots

    def test_replaced_while_it_is_opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """When it is replaced just while it is opened, the new one is opened."""
        path, made = tmp_path / "sessions.db", tmp_path / "made.db"
        with closing(SqliteStore(made)) as store:
            put(store, ("k", "other", 1, b"1"))

        def connect(*args: Any) -> Any:
            connection = connects(*args)
            if made.exists():
                made.rename(path)
            return connection

        connects = _sqlite_tables.connect
        monkeypatch.setattr(_sqlite_connection, "connect", connect)
        with closing(SqliteStore(path)) as store:
            assert {"other": b"1"} == only(store, "k").slots

    def test_kept(self, tmp_path: Path) -> None:
        """As long as it is the same, nothing is lost, whoever closes it and opens it again."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as one, closing(SqliteStore(path)) as two:
            for seq in range(1, 20):
                put(one, ("k", "one", seq, b""))
                put(two, ("k", "two", seq, b""))
                (one, two)[seq % 2].close()
            assert [False, False] == [one.lost_sight(), two.lost_sight()]

    @pytest.mark.parametrize("reads", [True, False])
    def test_migrated(self, tmp_path: Path, reads: bool) -> None:  # noqa: FBT001 -- a parameter
        """A file that a newer version migrates while it is open is written and read no more, and said to be."""
        path = tmp_path / "sessions.db"
        with closing(SqliteStore(path)) as store:
            put(store, ("k", "w", 1, b"1"))
            statements(path, "PRAGMA user_version = 2")
            with pytest.raises(StoreError, match=r"another version .*schema 2"):
                _ = only(store, "k") if reads else put(store, ("k", "w", 2, b"2"))
        assert [(b"1",)] == statements(path, "SELECT value FROM slots")

    @pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
    def test_mode(self, tmp_path: Path) -> None:
        """A file that is created, and those beside it, can be read by its owner only; one that exists stays as it is."""
        path = tmp_path / "sessions.db"
        umask = os.umask(0)
        try:
            with closing(SqliteStore(path)) as store:
                put(store, ("k", "w", 1, b""))
                assert {0o600} == {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
                assert 3 == len(list(tmp_path.iterdir()))
            path.chmod(0o660)
            with closing(SqliteStore(path)) as store:
                put(store, ("k", "w", 2, b""))
                assert {0o660} == {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
        finally:
            os.umask(umask)
