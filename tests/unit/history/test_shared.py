"""A history that is read while it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread
from time import monotonic

import pytest

from otel_session_agg import analysis
from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._history.sources import Selection
from tests.support.histories import kept, many, one_trace
from tests.support.paths import TESTS

_ENDLESS = "SELECT sum(a.range * b.range % 7) FROM range(1000000) AS a, range(1000000) AS b"
_COUNT = "SELECT count(*) FROM traces"


@pytest.fixture
def history() -> Iterator[SharedHistory]:
    """A temporary history with 20 traces of 5 sessions."""
    with SharedHistory(memory_limit="200MB", threads=2) as made:
        made.add(*many(20, 5))
        made.recount()
        yield made


def _count(history: SharedHistory) -> int:
    with history.reading() as reader:
        [(number,)] = reader.rows(_COUNT)
    return int(number)


class TestReading:
    """What readers see."""

    def test_snapshot(self, history: SharedHistory) -> None:
        """Rows of one reader are of one moment; those of the next one have what was written meanwhile."""
        with history.reading() as reader:
            assert [(20,)] == reader.rows(_COUNT)
            history.add(*many(5, first=20))
            assert [(20,)] == reader.rows(_COUNT)
        assert 25 == _count(history)

    def test_revision(self, history: SharedHistory) -> None:
        """It is another one after something was written: whoever reads it sees at least that."""
        with history.reading() as reader:
            history.add(*many(5, first=40))
            with history.reading() as other:
                assert reader.revision < other.revision == history.revision
                assert [(25,)] == other.rows("SELECT count(*) FROM traces")

    def test_all_questions(self, history: SharedHistory, tmp_path: Path) -> None:
        """A reader answers what a history does, the same."""
        with kept(tmp_path / "h", many(20, 5)) as other, history.reading() as reader:
            assert list(other.sessions()) == list(reader.sessions())
            assert other.session_totals("session-1") == reader.session_totals("session-1")
            assert other.traces_of("session-1") == reader.traces_of("session-1")
            assert list(other.stored_spans()) == list(reader.stored_spans())
            [mine, theirs] = [one.select(Selection(where="cost > 0.001")) for one in (reader, other)]
            assert (dict(mine.total), list(mine.rows)) == (dict(theirs.total), list(theirs.rows))
            sql, parameters = reader.filtered(Selection(where="cost > 0.001"))
            assert 0 < len(reader.rows(f"FROM {sql}", parameters)) == mine.total["sessions"]
            assert list(other.query("FROM calls ORDER BY ALL").rows) == list(reader.query("FROM calls ORDER BY ALL").rows)

    def test_analysis(self, history: SharedHistory, tmp_path: Path) -> None:
        """The functions for figures take a reader."""
        with kept(tmp_path / "h", many(20, 5)) as other, history.reading() as reader:
            expected = analysis.cost_over_time(other).to_json()
            assert "claude" in analysis.cost_by(other, "model").to_json()
            assert expected == analysis.cost_over_time(reader).to_json()

    def test_total_of_rows(self, history: SharedHistory) -> None:
        """A selection's total is that of its rows, whatever is written before they are read."""
        with history.reading() as reader:
            found = reader.select(Selection("trace"))
            history.add(*many(5, first=20))
            assert found.total["traces"] == len(list(found.rows)) == 20

    def test_several(self, history: SharedHistory) -> None:
        """Several threads read while one writes; each sees whole transactions only."""
        begin, stop = Barrier(4, timeout=300), Event()

        def read() -> list[tuple[int, int]]:
            begin.wait()
            seen = []
            while not stop.is_set():
                with history.reading() as reader:
                    seen += reader.rows("SELECT (SELECT count(*) FROM traces), (SELECT count(*) FROM calls)")
            return seen

        with ThreadPoolExecutor(3) as pool:
            waiting = [pool.submit(read) for _ in range(3)]
            begin.wait()
            for at in range(10):
                history.add(*many(10, 5, first=20 + 10 * at))
                history.recount()
            stop.set()
            seen = [row for one in waiting for row in one.result()]
        assert {2 * traces for traces, _ in seen} == {calls for _, calls in seen}
        assert 120 == _count(history)

    def test_same_as_one_connection(self, history: SharedHistory) -> None:
        """What is written is what a history writes that nobody else reads."""
        with History() as other, history.reading() as reader:
            other.add(*many(20, 5))
            other.recount()
            sql = "FROM sessions ORDER BY session"
            assert list(other.query(sql).rows) == list(reader.query(sql).rows)


class TestRefused:
    """What readers cannot do."""

    @pytest.mark.parametrize(
        "sql",
        [
            "EXPLAIN ANALYZE DELETE FROM sessions",
            "WITH gone AS (DELETE FROM sessions RETURNING *) FROM gone",
            "FROM read_csv('/etc/passwd')",
            "FROM force_checkpoint()",
            "FROM enable_logging()",
            "DELETE FROM sessions",
            "COMMIT",
            "SET memory_limit = '10GB'",
            "ATTACH '/tmp/x' AS x",
            "CREATE TEMP TABLE x AS SELECT 1",
        ],
    )
    def test_query(self, history: SharedHistory, sql: str) -> None:
        """A query neither writes nor leaves the file, though the file is open for writing."""
        with history.reading() as reader, pytest.raises(HistoryError):
            list(reader.query(sql).rows)
        with history.reading() as reader:
            assert [(5,)] == reader.rows("SELECT count(*) FROM sessions")

    def test_library(self, history: SharedHistory) -> None:
        """Not even the library's own queries write."""
        with history.reading() as reader:
            with pytest.raises(HistoryError, match="read-only"):
                reader.rows("DELETE FROM sessions RETURNING session")
            assert [(5,)] == reader.rows("SELECT count(*) FROM sessions")

    def test_condition(self, history: SharedHistory) -> None:
        """A condition is one expression over columns."""
        with history.reading() as reader, pytest.raises(HistoryError):
            reader.select(Selection(where="cost > (SELECT 1)"))


class TestBounds:
    """Readers have a share of time and memory."""

    def test_time(self, history: SharedHistory) -> None:
        """A query that takes too long is stopped; the reader can be asked on."""
        with history.reading(seconds=0.2) as reader:
            with pytest.raises(HistoryError, match=r"longer than 0\.2 seconds"):
                reader.rows(_ENDLESS)
            with pytest.raises(HistoryError, match=r"longer than 0\.2 seconds"):
                reader.query(_ENDLESS)
            assert [(20,)] == reader.rows(_COUNT)

    def test_interrupted(self, history: SharedHistory) -> None:
        """Another thread stops a query, again and again, also while the next transaction begins."""
        done = Event()
        with history.reading(seconds=60) as reader:

            def stop() -> None:
                while not done.is_set():
                    reader.interrupt()

            thread = Thread(target=stop)
            thread.start()
            try:
                with pytest.raises(HistoryError, match="it was stopped"):
                    reader.rows(_ENDLESS)
            finally:
                done.set()
                thread.join()
            assert [(20,)] == reader.rows(_COUNT)

    def test_memory(self, history: SharedHistory) -> None:
        """A query that wants more memory than there is fails; what is written does not."""
        with history.reading() as reader, pytest.raises(HistoryError):
            reader.rows("SELECT length(string_agg(repeat('x', 1000), '')) FROM range(1000000)")
        history.add(*many(5, first=20))
        assert 25 == _count(history)

    def test_turns(self) -> None:
        """So many may read at once; a further one is told to come later."""
        with SharedHistory(max_readers=1) as history, history.reading(), ThreadPoolExecutor(1) as pool:

            def read() -> None:
                with history.reading(seconds=0.05):
                    pass

            with pytest.raises(HistoryError, match="too many others"):
                pool.submit(read).result()

    def test_closed_while_read(self) -> None:
        """Closing stops those who read."""
        history = SharedHistory()
        began = monotonic()
        with ThreadPoolExecutor(1) as pool, history.reading(seconds=60) as reader:
            waiting = pool.submit(reader.rows, _ENDLESS)
            closing = Thread(target=history.close)
            closing.start()
            with pytest.raises(HistoryError):
                waiting.result()
            with pytest.raises(HistoryError, match="was stopped"):
                reader.traces_of("a")
        closing.join()
        assert monotonic() - began < 50
        with pytest.raises(HistoryError, match="closed"), history.reading():
            pass


_FILLS_UP = """
import resource, signal, sys
from pathlib import Path
from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.shared import SharedHistory
from tests.support.histories import many

def count():
    with history.reading() as reader:
        return reader.rows("SELECT count(*) FROM traces")[0][0]

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
history, number, errors = SharedHistory(Path(sys.argv[1])), 0, []
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
while len(errors) < 3:
    try:
        history.add(*many(50, 5, first=number))
        number += 50
    except HistoryError as error:
        errors.append(str(error))
while_full = count()
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
history.add(*many(50, 5, first=number))
print(number, while_full, count(), errors[-1])
"""


class TestFiles:
    """The file itself."""

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
    def test_gone(self, tmp_path: Path) -> None:
        """Nothing is written to a file that has no name any more, as that would be lost; when it has its name again, it is."""
        path, moved = tmp_path / "history.duckdb", tmp_path / "moved.duckdb"
        with SharedHistory(path) as history:
            history.add(*many(20, 5))
            path.rename(moved)
            for _ in range(2):
                with pytest.raises(HistoryError, match="was deleted, moved or replaced"):
                    history.add(*many(40, 5))
                path.write_bytes(b"")
            assert 20 == _count(history)
            moved.replace(path)
            history.add(*many(40, 5))
            assert 40 == _count(history)

    def test_damaged(self, tmp_path: Path) -> None:
        """What is wrong with a file is said in plain words, with what can be done about it."""
        path = tmp_path / "history.duckdb"
        with SharedHistory(path) as history:
            history.add(*many(2000, 50))
        size = path.stat().st_size
        with SharedHistory(path) as history:
            with path.open("r+b") as file:
                file.seek(12288)
                file.write(b"x" * (size - 12288))
            with (
                pytest.raises(HistoryError, match="its file is damaged, restore a copy of it or move it away"),
                history.reading() as reader,
            ):
                reader.rows("SELECT sum(hash(COLUMNS(*))) FROM calls")

    def test_full(self, tmp_path: Path) -> None:
        """While there is no room nothing is written and all is read; when there is, writing goes on."""
        command = [sys.executable, "-c", _FILLS_UP, str(tmp_path / "h")]
        done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=True)  # noqa: S603
        number, while_full, after, error = done.stdout.split(maxsplit=3)
        assert (int(number), int(number) + 50) == (int(while_full), int(after))
        assert "File too large" in error

    def test_kept(self, tmp_path: Path) -> None:
        """A file can be opened again, here and by a history that one thread uses."""
        for number in (1, 2):
            with SharedHistory(tmp_path / "h") as history:
                history.add(*one_trace(number))
                history.recount()
        with History(tmp_path / "h", read_only=True) as other:
            assert 2 == len(list(other.sessions()))

    def test_unusable(self, tmp_path: Path) -> None:
        """A file of another program, and a folder, are refused with a plain message."""
        (tmp_path / "h").write_bytes(os.urandom(4096))
        with pytest.raises(HistoryError, match="is no history"):
            SharedHistory(tmp_path / "h")
        with pytest.raises(HistoryError, match="cannot be used"):
            SharedHistory(tmp_path)
