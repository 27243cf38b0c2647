"""``History``: what is written is there, once, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from otel_session_agg._history import history as history_module
from otel_session_agg._history.database import HistoryError
from otel_session_agg._history.history import History
from otel_session_agg._history.span_tables import StoredSpan
from otel_session_agg._model.dimensions import dimension_value
from otel_session_agg._model.replayed import SessionPart
from otel_session_agg._model.session_totals import SessionTotals
from tests.support.histories import Facts, corrected, joined, kept, many, one_trace
from tests.support.offline import stored_span
from tests.support.paths import TESTS


def rows(history: History, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query, read beside all locks."""
    return history._reader().execute(sql).fetchall()


def sums(parts: Iterable[SessionPart]) -> dict[str, SessionTotals]:
    """What parts add up to, by session."""
    found: dict[str, SessionTotals] = {}
    for part in parts:
        found[part.session_id] = found.get(part.session_id, SessionTotals()) + part.totals
    return found


class TestAdd:
    """``add`` and ``recount``."""

    @pytest.mark.parametrize("num_sessions", [None, 1, 7])
    @pytest.mark.parametrize("batch", [1, 10, 100])
    def test_sessions(self, num_sessions: int | None, batch: int) -> None:
        """Sessions are what their parts add up to, in however many pieces these come."""
        facts = many(30, num_sessions)
        with History() as history:
            for at in range(0, 30, batch):
                history.add(facts.parts[at : at + batch], facts.traces[at : at + batch], facts.calls[2 * at : 2 * (at + batch)])
            history.recount()
            wanted = sums(facts.parts)
            assert {name: totals.rollup.cost_pusd for name, totals in wanted.items()} == {
                name: int((cost or 0) * 10**12) for name, cost in rows(history, "SELECT session, cost FROM sessions")
            }
            assert wanted == {name: history.session_totals(name) for name in wanted}
            assert [(60,)] == rows(history, "SELECT count(*) FROM calls")

    def test_twice(self) -> None:
        """What is written again is there once."""
        facts = many(20, 3)
        with History() as history:
            for _ in range(2):
                history.add(*facts)
                history.recount()
            counts = [rows(history, f"SELECT count(*) FROM {name}") for name in ("sessions", "traces", "calls", "spans")]  # noqa: S608
            assert [[(3,)], [(20,)], [(40,)], [(20,)]] == counts

    def test_large(self) -> None:
        """A session of more parts than are added up at once, by other threads."""
        facts = many(2500, 2)
        with History() as history, ThreadPoolExecutor(2) as pool:
            for at in range(0, 2500, 500):
                history.add(facts.parts[at : at + 500], facts.traces[at : at + 500], [])
            assert 2 == history.recount(pool.map)
            wanted = sum(part.totals.rollup.cost_pusd for part in facts.parts)
            assert [(2500, wanted)] == [
                (traces, int(cost * 10**12)) for traces, cost in rows(history, "SELECT sum(traces), sum(cost) FROM sessions")
            ]

    def test_long_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A text that DuckDB cannot hold in the memory that is usual is written all the same, with what came before."""
        monkeypatch.setattr(history_module, "WRITING_MEMORY_LIMIT", "60MB")
        long = "x" * 40_000_000
        with History() as history:
            for number, name in ((1, "short"), (2, long), (3, "short")):
                span = stored_span(1, trace_id=number)._replace(name=name)
                history.add((), (), (), [StoredSpan(span, {}, "s1", "span")])
            sizes = [(5,), (5,), (40_000_000,)]
            assert sizes == rows(history, "SELECT length(name) FROM spans ORDER BY ALL")

    def test_late(self) -> None:
        """A trace that is counted again corrects its session, even one that it leaves."""
        first, other = one_trace(1, "a"), one_trace(2, "b")
        with History() as history:
            history.add(*joined([first, other]))
            history.add(*corrected(first, 10))
            history.recount()
            assert [("a", Decimal("0.000001234577")), ("b", Decimal("0.000001234567"))] == rows(
                history, "SELECT session, cost FROM sessions ORDER BY session"
            )
            history.add(*one_trace(1, "b"))
            history.recount()
            assert [("b", 2)] == rows(history, "SELECT session, traces FROM sessions")

    def test_nothing_of_it(self, tmp_path: Path) -> None:
        """When one value cannot be written, nothing is."""
        facts = many(3)
        broken: Any = [facts.calls[0]._replace(start_ns=None)]  # type: ignore[arg-type]
        with kept(tmp_path / "h", one_trace(9, "old")) as history:
            with pytest.raises(TypeError):
                history.add(facts.parts, facts.traces, broken)
            assert [("old",)] == rows(history, "SELECT session FROM sessions")
            history.add(*facts)
            assert [(4,)] == rows(history, "SELECT count(*) FROM traces")

    @pytest.mark.parametrize(
        "text", ["it's", 'say "hi"', "'); DROP TABLE sessions; --", "a\0b", "\U0001f600\u202e", "x" * 1_000_000, "\ud800", ""]
    )
    def test_hostile(self, text: str) -> None:
        """Whatever a session, user, model or dimension is called, it is a value."""
        facts = one_trace(1, text, user=text, model=text, dimensions={text: dimension_value(text) or 1}, metadata={text: text})
        kept_text = text.replace("\ud800", "?")
        with History() as history:
            history.add(*facts)
            history.add(*one_trace(2, text))
            history.recount()
            found = rows(history, 'SELECT session, "user", models, traces FROM sessions')
            assert [(kept_text, kept_text, {kept_text, "gpt-4o"}, 2)] == [(*row[:2], set(row[2]), row[3]) for row in found]


class TestFile:
    """Files that are kept, and those that cannot be used."""

    def test_again(self, tmp_path: Path) -> None:
        """What was written is there when the file is opened again, to write or to read."""
        facts = many(5)
        kept(tmp_path / "h", facts).close()
        with History(tmp_path / "h") as history:
            history.add(*one_trace(100, "new"))
            history.recount()
        with History(tmp_path / "h", read_only=True) as history:
            assert [(6,)] == rows(history, "SELECT count(*) FROM sessions")
            with pytest.raises(HistoryError, match="was opened to be read"):
                history.add(*facts)

    def test_stale(self, tmp_path: Path) -> None:
        """Sessions that were not recounted are, the next time."""
        with History(tmp_path / "h") as history:
            history.add(*one_trace(1, "s"))
            history.add(*one_trace(2, "s"))
        with History(tmp_path / "h") as history:
            assert 1 == history.recount()
            assert [(2,)] == rows(history, "SELECT traces FROM sessions")

    def test_temporary(self) -> None:
        """Nothing is left of a temporary one."""
        history = History()
        folder = history._folder.path
        assert folder.exists()
        history.close()
        assert not folder.exists()

    def test_missing(self, tmp_path: Path) -> None:
        """A file that is to be read has to be there."""
        with pytest.raises(HistoryError, match="does not exist"):
            History(tmp_path / "h", read_only=True)

    def test_no_place(self, tmp_path: Path) -> None:
        """A folder is no file, and one that is not there is not made."""
        with pytest.raises(HistoryError, match="cannot be used: Is a directory"):
            History(tmp_path)
        with pytest.raises(HistoryError, match=f"^{tmp_path / 'none'} does not exist"):
            History(tmp_path / "none" / "h")

    def test_empty(self, tmp_path: Path) -> None:
        """An empty file is as none."""
        (tmp_path / "h").touch()
        with pytest.raises(HistoryError, match="is no history"):
            History(tmp_path / "h", read_only=True)
        kept(tmp_path / "h", one_trace(1)).close()
        with History(tmp_path / "h", read_only=True) as history:
            assert [(1,)] == rows(history, "SELECT count(*) FROM sessions")

    @pytest.mark.skipif(sys.platform == "win32", reason="there are none")
    @pytest.mark.skipif(sys.platform != "linux", reason="names are texts there")
    @pytest.mark.parametrize("read_only", [False, True])
    def test_not_utf8(self, tmp_path: Path, *, read_only: bool) -> None:
        """A name that DuckDB cannot be given is refused."""
        path = tmp_path / os.fsdecode(b"\xff.duckdb")
        with pytest.raises(HistoryError, match="its name is not UTF-8"):
            History(path, read_only=read_only)

    @pytest.mark.parametrize("read_only", [False, True])
    def test_no_file(self, tmp_path: Path, *, read_only: bool) -> None:
        """A device or a pipe is no history, is not waited for, and stays what it is."""
        (tmp_path / "device").symlink_to(os.devnull)
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "device", tmp_path / "pipe"):
            with pytest.raises(HistoryError, match="is a device or a pipe"):
                History(path, read_only=read_only)
            assert path.exists()

    @pytest.mark.parametrize("content", [b"SQLite format 3\0" + b"\0" * 5000, b"{}", b"x" * 8 + b"DUCK" + b"\xff" * 9000])
    def test_another(self, tmp_path: Path, content: bytes) -> None:
        """A file of another kind is refused, and stays as it is."""
        (tmp_path / "h").write_bytes(content)
        for read_only in (True, False):
            with pytest.raises(HistoryError, match=r"is no history|cannot be opened"):
                History(tmp_path / "h", read_only=read_only)
        assert content == (tmp_path / "h").read_bytes()

    def test_another_program(self, tmp_path: Path) -> None:
        """Tables of another program are not touched."""
        duckdb.connect(str(tmp_path / "h")).execute("CREATE TABLE t (a INTEGER)").close()
        with pytest.raises(HistoryError, match="another program"):
            History(tmp_path / "h")

    def test_newer(self, tmp_path: Path) -> None:
        """A file of a newer version is refused."""
        kept(tmp_path / "h").close()
        duckdb.connect(str(tmp_path / "h")).execute("INSERT INTO internal.versions VALUES (99)").close()
        for read_only in (True, False):
            with pytest.raises(HistoryError, match=r"newer version \(99\)"):
                History(tmp_path / "h", read_only=read_only)

    def test_in_use(self, tmp_path: Path) -> None:
        """Two cannot write at once."""
        with kept(tmp_path / "h"), pytest.raises(HistoryError, match="is in use"):
            History(tmp_path / "h")

    @pytest.mark.slow
    def test_in_use_elsewhere(self, tmp_path: Path) -> None:
        """Nor can two processes."""
        script = f"import duckdb, sys; kept = duckdb.connect({str(tmp_path / 'h')!r}); print(1, flush=True); sys.stdin.read()"
        kept(tmp_path / "h").close()
        with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:  # noqa: S603
            assert other.stdout
            other.stdout.readline()
            for read_only in (True, False):
                with pytest.raises(HistoryError, match="is in use"):
                    History(tmp_path / "h", read_only=read_only)
            other.kill()


_WRITES_FOREVER = """
import sys
from pathlib import Path
from tests.support.histories import History, many

history = History(Path(sys.argv[1]))
for at in range(0, 10**6, 50):
    history.add(*many(50, 20, first=at))
    print(at + 50, flush=True)
    if at % 500 == 450:
        history.recount()
"""


_WRITES_TOO_MUCH = """
import resource
import sys
from pathlib import Path
from otel_session_agg import SessionAggError
from tests.support.histories import History, many

history = History(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
try:
    for at in range(0, 10**6, 500):
        history.add(*many(500, first=at))
        print(at + 500)
except SessionAggError as error:
    print(error)
"""


class TestFull:
    """A disk on which there is no room."""

    @pytest.mark.slow
    def test_nothing_half(self, tmp_path: Path) -> None:
        """What does not fit is an error, and what was written before is there."""
        command = [sys.executable, "-c", _WRITES_TOO_MUCH, str(tmp_path / "h")]
        done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=True)  # noqa: S603
        *numbers, error = done.stdout.splitlines()
        assert error.startswith("the history cannot be written: ")
        assert "File too large" in error
        with History(tmp_path / "h") as history:
            assert [(int(numbers[-1]),)] * 2 == rows(
                history, "SELECT count(*) FROM traces UNION ALL SELECT count(*) FROM internal.parts"
            )


class TestKilled:
    """A process that is killed at any point."""

    @pytest.mark.slow
    @pytest.mark.parametrize("after", [1, 4, 11, 12])
    def test_nothing_lost(self, tmp_path: Path, after: int) -> None:
        """All that was added is there, whole, and a second run doubles nothing."""
        path = tmp_path / "h"
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _WRITES_FOREVER, str(path)], cwd=TESTS.parent, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            done = [int(writer.stdout.readline()) for _ in range(after)][-1]
            writer.send_signal(signal.SIGKILL)
        with History(path) as history:
            (found,) = rows(history, "SELECT count(*) FROM traces")[0]
            assert 0 == found % 50
            assert found >= done
            assert [(found,)] == rows(history, "SELECT count(*) FROM internal.parts")
            facts: Facts = many(found, 20)
            history.add(*facts)
            history.recount()
            wanted = sums(facts.parts)
            assert {name: len(totals.traces) for name, totals in wanted.items()} == dict(
                rows(history, "SELECT session, traces FROM sessions")
            )
