"""``otel-session-agg query`` on a history."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from otel_session_agg._cli import app
from otel_session_agg._history.tables import TABLES
from tests.support.histories import kept, many, one_trace


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history."""
    path = tmp_path_factory.mktemp("history") / "h.db"
    kept(path, many(6, 3), one_trace(100, "=evil()\x1b[31m", cost_pusd=1)).close()
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: Path) -> Any:
    """Runs the command on it."""

    def run(*arguments: str, history: Path | None = path) -> Done:
        option = () if history is None else ("--history", str(history))
        monkeypatch.setattr("sys.argv", ["otel-session-agg", "query", *option, *arguments])
        with pytest.raises(SystemExit) as exit_:
            app.main()
        code = exit_.value.code
        assert isinstance(code, int)
        return Done(code, *capsys.readouterr())

    return run


class TestQuery:
    """``query``."""

    def test_table(self, run: Any) -> None:
        """Aligned columns."""
        done = run("SELECT session, cost, start_time FROM sessions WHERE traces = 2 ORDER BY session")
        assert (0, "") == (done.code, done.err)
        header, *rows = done.out.splitlines()
        assert ["session", "cost", "start_time"] == header.split()
        assert ["session-0", "session-1", "session-2"] == [row.split()[0] for row in rows]
        assert "2026-01-12T10:00:00.000Z" in rows[0]

    def test_json(self, run: Any) -> None:
        """Values of every kind."""
        done = run(
            "--json", "SELECT 1.5 AS a, [1, 2] AS b, {'c': NULL} AS d, 'nan'::DOUBLE AS e, INTERVAL 1 DAY AS f, 'x'::BLOB AS g"
        )
        assert [{"a": 1.5, "b": [1, 2], "d": {"c": None}, "e": None, "f": "1 day, 0:00:00", "g": "b'x'"}] == json.loads(done.out)

    def test_json_in_json(self, run: Any) -> None:
        """What is JSON is part of it, and what is not, though it is called so, is text."""
        done = run(
            "--json", "SELECT dimensions, attributes FROM sessions JOIN spans USING (session) WHERE session = 'session-0' LIMIT 1"
        )
        assert [{"dimensions": {"service.name": "shop-0", "tier": 0}, "attributes": {"gen_ai.system": "openai"}}] == json.loads(
            done.out
        )
        for text in ("{", "NaN", '{"a": NaN}', "plain"):
            assert [{"metadata": text}] == json.loads(run("--json", f"SELECT '{text}' AS metadata").out)

    def test_csv(self, run: Any) -> None:
        """Exact money, and no formulas or control characters."""
        done = run("--csv", "SELECT session, cost FROM sessions WHERE traces = 1")
        assert [["session", "cost"], ["'=evil()\\x1b[31m", "0.000000000001"]] == list(csv.reader(StringIO(done.out)))
        assert "\x1b" not in run("SELECT session FROM sessions").out

    def test_documentation(self, run: Any) -> None:
        """Without a query, all columns are listed."""
        done = run("--json", history=None)
        assert [(table.name, column.name) for table in TABLES for column in table.columns] == [
            (row["table"], row["column"]) for row in json.loads(done.out)
        ]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("SELECT nope FROM sessions",), 'Referenced column "nope" not found'),
            (("DROP TABLE sessions",), "one query is needed"),
            (("--json", "--csv", "SELECT 1"), "not both"),
            (("--timeout", "0.1", "SELECT count(*) FROM range(1000000000000)"), "longer than 0.1 seconds"),
            (("--memory", "lots", "SELECT 1"), "cannot be opened"),
        ],
    )
    def test_errors(self, run: Any, arguments: tuple[str, ...], message: str) -> None:
        """One sentence, and exit code 1."""
        done = run(*arguments)
        assert (1, "") == (done.code, done.out)
        assert message in done.err
        assert 1 == done.err.count("\n")

    def test_no_history(self, run: Any, tmp_path: Path) -> None:
        """A history has to be named and be there."""
        assert "give --history FILE" in run("SELECT 1", history=None).err
        assert "does not exist" in run("SELECT 1", history=tmp_path / "none").err
        assert [] == list(tmp_path.iterdir())
