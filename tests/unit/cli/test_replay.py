"""The commands ``replay`` and ``explain`` on real files."""

from __future__ import annotations

import csv
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from decimal import Decimal
from io import StringIO
from pathlib import Path

import duckdb
import pytest

from otel_session_agg._cli import app
from otel_session_agg._cli.demo.receiver import Receiver
from otel_session_agg._offline.beginning import replay
from tests.support.offline import call, stored_span
from tests.support.otlp_files import in_json
from tests.support.pipes import piped

_TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
EVIL = '=cmd()\x1b[31m\n"<script>'
Run = Callable[..., tuple[int, str, str]]


def _trace(number: int, session: str, user: str, *, tokens: int = 1000, model: str = "gpt-4o-mini") -> bytes:
    root = stored_span(1, trace_id=number, at=number, attributes={"session.id": session, "user.id": user})
    return in_json(
        [root, stored_span(2, 1, trace_id=number, attributes=_TOOL), call(3, 2, trace_id=number, tokens=(tokens, 0), model=model)]
    )


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Four sessions: 0.15 and 0.30 USD, one of an unknown price, and one whose id is hostile."""
    path = tmp_path / "traces.jsonl"
    rows = [_trace(1, "cheap", "ada", tokens=1_000_000), _trace(2, "dear", "bob", tokens=2_000_000)]
    path.write_bytes(b"".join([*rows, _trace(3, "odd", "ada", model="none-such"), _trace(4, EVIL, "bob", tokens=0)]))
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code and what it printed."""

    def _run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            app._app()(list(map(str, arguments)), prog_name="otel-session-agg")
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return _run


class TestReplay:
    """``replay``."""

    def test_table(self, run: Run, traces: Path) -> None:
        """A table has the sessions, and their totals in the last row; nothing hostile reaches the terminal."""
        code, out, err = run("replay", traces, "--sort=-cost", "--columns", "cost,tokens,user,session")
        assert (0, "2 calls have no known price: costs are those of the others\n") == (code, err)
        rows = [line.split(maxsplit=3) for line in out.splitlines()]
        assert [["cost", "tokens", "user", "session"], ["0.300000", "2000000", "bob", "dear"]] == rows[:2]
        assert ["0.450000", "3001000", "total"] == rows[-1]
        assert "\x1b" not in out
        assert gc.isenabled()

    def test_groups(self, run: Run, traces: Path) -> None:
        """Groups are added up, with a row of totals."""
        code, out, _ = run("replay", traces, "--group-by", "user", "--columns", "sessions,cost")
        assert 0 == code
        assert [["user", "sessions", "cost"], ["ada", "2", "0.150000"], ["bob", "2", "0.300000"], ["total", "4", "0.450000"]] == [
            line.split() for line in out.splitlines()
        ]

    @pytest.mark.parametrize(("by", "number"), [("session", 4), ("trace", 4), ("root", 4), ("call", 4)])
    def test_by(self, run: Run, traces: Path, by: str, number: int) -> None:
        """Sessions, traces, roots or calls."""
        rows = json.loads(run("replay", traces, "--by", by, "--json")[1])
        assert number == len(rows)
        assert 0.45 == pytest.approx(sum(row["cost"] or 0 for row in rows))

    def test_where(self, run: Run, traces: Path) -> None:
        """A condition keeps what meets it; an unknown cost meets none."""
        rows = json.loads(run("replay", traces, "--where", "cost > 0.10 and user = 'bob'", "--json")[1])
        assert ["dear"] == [row["session"] for row in rows]

    def test_csv(self, run: Run, traces: Path) -> None:
        """CSV has all digits, and no formula."""
        _, out, _ = run("replay", traces, "--csv", "--columns", "session,cost", "--sort", "session")
        rows = list(csv.reader(StringIO(out, newline="")))
        assert ["session", "cost"] == rows[0]
        assert {"0.3", "0.15", ""} == {row[1] for row in rows[1:]}
        assert not any(cell.startswith("=") for row in rows for cell in row)

    def test_not_understood(self, run: Run, traces: Path) -> None:
        """What is wrong is said in a line that lists what there is."""
        code, out, err = run("replay", traces, "--columns", "price")
        assert (1, "") == (code, out)
        assert "price" in err
        assert "cost" in err

    def test_unread(self, run: Run, traces: Path) -> None:
        """What could not be read is named with its place, and says so by the exit code."""
        with traces.open("ab") as file:
            file.write(b"{broken\n" * 30)
        code, out, err = run("replay", traces, "--group-by", "user", "--columns", "cost")
        assert (3, True) == (code, "0.450000" in out)
        assert f"{traces}, line 5: " in err
        assert "30 problems in all" in err

    def test_parquet(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """The tables are written by day; a folder with other files is named before anything is read."""
        for _ in range(2):
            assert 0 == run("replay", traces, "--parquet", tmp_path / "tables")[0]
        files = f"{tmp_path}/tables/sessions/day=*/*.parquet"
        assert [(4, Decimal("0.45"))] == duckdb.execute(f"SELECT count(*), sum(cost) FROM '{files}'").fetchall()  # noqa: S608
        code, out, err = run("replay", traces, "--parquet", tmp_path)
        assert (1, "", True) == (code, out, "has other files in it" in err)

    def test_fail_over(self, run: Run, traces: Path) -> None:
        """A script can stop at a cost."""
        assert 0 == run("replay", traces, "--fail-over", "0.45")[0]
        code, _, err = run("replay", traces, "--fail-over", "0.449999999999", "--json")
        unpriced = "2 calls have no known price: costs are those of the others\n"
        assert (4, f"{unpriced}the sessions cost 0.45 USD, more than 0.449999999999\n") == (code, err)
        assert (1, "--fail-over 'much' is no amount in USD\n") == run("replay", traces, "--fail-over", "much")[::2]

    def test_prices(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """Own prices come from JSON and YAML, and what is wrong with them is said."""
        for name, text in (
            ("p.json", '{"none-such": {"input": 1, "output": 1}}'),
            ("p.yaml", "none-such: {input: 1, output: 1}"),
        ):
            (tmp_path / name).write_text(text)
            _, out, _ = run("replay", traces, "--prices", tmp_path / name, "--where", "session = 'odd'", "--json")
            assert [0.001] == [row["cost"] for row in json.loads(out)]
        (tmp_path / "p.json").write_text("{]")
        code, _, err = run("replay", traces, "--prices", tmp_path / "p.json")
        assert (1, True) == (code, "are not JSON" in err)

    def test_out(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """The traces can be written with totals on their roots; to replay them changes nothing."""
        out = tmp_path / "with totals.jsonl.gz"
        assert 0 == run("replay", traces, "--out", out)[0]
        first, again = (run("replay", path, "--json", "--sort", "session")[1] for path in (traces, out))
        assert json.loads(first) == json.loads(again)
        with replay(out) as sessions:
            root = sessions.rows("SELECT count(*) FROM traces")
        assert [(4,)] == root

    @pytest.mark.parametrize("command", [("replay", "--out"), ("explain", "--dearest", "1", "--html"), ("report", "--html")])
    @pytest.mark.parametrize(("name", "why"), [("none/x.pb", "its folder does not exist"), ("", "it is a folder")])
    def test_no_place(self, run: Run, tmp_path: Path, command: tuple[str, ...], name: str, why: str) -> None:
        """A file that cannot be written is named as it was given, before anything is read."""
        place = tmp_path / name
        name, *options = command
        code, out, err = run(name, tmp_path / "missing.jsonl", *options, place)
        assert (1, "", f"{place} cannot be written: {why}") == (code, out, err.strip())

    @pytest.mark.parametrize("command", [("replay", "--out"), ("explain", "--dearest", "1", "--html"), ("report", "--html")])
    def test_disk_full(self, run: Run, traces: Path, command: tuple[str, ...]) -> None:
        """A file that could not be written to its end is named."""
        name, *options = command
        code, _, err = run(name, traces, *options, "/dev/full")
        assert (1, "/dev/full cannot be written: No space left on device") == (code, err.splitlines()[-1])

    def test_history(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """Tables are kept in a file; to replay the same again changes nothing."""
        path = tmp_path / "kept.duckdb"
        for _ in range(2):
            code, out, _ = run("replay", traces, "--history", path, "--group-by", "user", "--columns", "sessions,cost")
            assert (0, ["total", "4", "0.450000"]) == (code, out.splitlines()[-1].split())

    def test_no_content(self, run: Run, tmp_path: Path) -> None:
        """Without content the history has nobody's texts; elsewhere the option has no sense."""
        traces, path = tmp_path / "t.jsonl", tmp_path / "kept.duckdb"
        traces.write_bytes(in_json([call(1, None, attributes={"input.value": "zqx wrote this", "note": "zqx"})]))
        code, _, err = run("replay", traces, "--no-content")
        assert (1, True) == (code, "--no-content goes with --history" in err)
        assert 0 == run("replay", traces, "--history", path, "--no-content")[0]
        code, out, _ = run("query", "SELECT cost, attributes FROM calls JOIN spans USING (span_id)", "--history", path, "--csv")
        assert (0, True, False) == (code, "gpt-4o-mini" in out, "zqx" in out)
        assert b"zqx" not in path.read_bytes()

    def test_stdin(self, traces: Path) -> None:
        """Standard input can be read, and printed output be cut short."""
        command = [sys.executable, "-m", "otel_session_agg", "replay", "-", "--group-by", "user", "--csv"]
        with traces.open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, check=True)  # noqa: S603
        assert done.stdout.startswith(b"user,")
        assert b"" == done.stderr

    def test_pipes(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """Pipes are read once, as what a shell makes of ``<(...)`` has to be, also where they are written again."""
        data, out = traces.read_bytes().splitlines(keepends=True), tmp_path / "out.jsonl"
        with ExitStack() as stack:
            pipes = [
                stack.enter_context(piped(tmp_path / name, b"".join(part))) for name, part in (("a", data[:2]), ("b", data[2:]))
            ]
            code, found, err = run("replay", *pipes, "--out", out, "--json", "--sort", "session")
        assert (0, run("replay", traces, "--json", "--sort", "session")[1]) == (code, found), err
        assert found == run("replay", out, "--json", "--sort", "session")[1]

    @pytest.mark.slow
    def test_interrupted(self, tmp_path: Path) -> None:
        """After Ctrl-C, what was read is counted and printed."""
        fifo = tmp_path / "pipe"
        os.mkfifo(fifo)
        command = [sys.executable, "-m", "otel_session_agg", "replay", str(fifo), "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
        with suppress(BrokenPipeError), fifo.open("wb", buffering=0) as file:
            for number in range(1, 20_000):
                file.write(_trace(number, f"s-{number}", "ada"))
                if number == 4000:
                    process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert 130 == process.returncode
        assert 0 < len(json.loads(out)) < 19_999
        assert b"interrupted: " in err


def test_query_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C while DuckDB writes is Ctrl-C, although it raises another error."""

    def ask() -> int:
        message = "Query interrupted"
        raise RuntimeError(message)

    assert 130 == app._attempted(ask)
    assert "interrupted\n" == capsys.readouterr().err


class TestExplain:
    """``explain``."""

    def test_call_of_two_traces(self, run: Run, tmp_path: Path) -> None:
        """A call that two traces report counts once in a replay; each explanation says so which sees it alone."""
        path = tmp_path / "traces.jsonl"
        ids = {"gen_ai.response.id": "r-1"}
        spans = [
            call(1, None, trace_id=number, at=1, attributes={**ids, "session.id": f"s-{number}"}, scope_name=f"scope-{number}")
            for number in (1, 2)
        ]
        path.write_bytes(in_json(spans))
        told = [run("explain", path, "--session", f"s-{number}")[2] for number in (1, 2)]
        told += [run("explain", path, "--trace", f"{number:032x}")[2] for number in (1, 2)]
        said = "0.00021 USD by its own spans; replay counts 0 USD: a call that another trace reports, too, counts once, there or here"
        assert sorted(["", "", f"session s-2: {said}\n", f"trace {2:032x}: {said}\n"]) == sorted(told)

    def test_session(self, run: Run, traces: Path) -> None:
        """The sum is the cost of the session."""
        code, out, err = run("explain", traces, "--session", "dear")
        assert (0, "") == (code, err)
        assert "session dear" in out.splitlines()[0]
        [total] = [line for line in out.splitlines() if "sum of 1 model call" in line]
        assert Decimal("0.3") == Decimal(total.split()[-1])

    def test_trace(self, run: Run, traces: Path) -> None:
        """A trace is found by its id; JSON has everything."""
        found = json.loads(run("explain", traces, "--trace", f"{2:032x}", "--json")[1])
        assert ("trace 00000000000000000000000000000002", 3) == (found["title"], len(found["spans"]))

    def test_dearest(self, run: Run, traces: Path) -> None:
        """The sessions that cost most come first, folded at a depth."""
        _, out, _ = run("explain", traces, "--dearest", "2", "--depth", "1")
        assert ["dear", "cheap"] == [line.split()[-1] for line in out.splitlines() if ", session " in line]
        assert 2 == out.count("... 2 spans below")

    def test_html(self, run: Run, traces: Path, tmp_path: Path) -> None:
        """A page is written, in which ids are text."""
        page = tmp_path / "page.html"
        assert 0 == run("explain", traces, "--session", EVIL, "--html", page)[0]
        text = page.read_text("utf-8")
        assert "&lt;script&gt;" in text
        assert "<script" not in text

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--session", "none"], "there is no session none in the files\n"),
            (["--trace", "ff"], f"there is no trace {255:032x} in the files\n"),
            (["--trace", "xyz"], "'xyz' is no trace id: 32 hexadecimal digits\n"),
            ([], "Give one of --session ID, --trace ID and --dearest N.\n"),
        ],
    )
    def test_nothing(self, run: Run, traces: Path, arguments: list[str], message: str) -> None:
        """What is not there is said."""
        assert (1, "", message) == run("explain", traces, *arguments)


class TestOtlp:
    """``replay --otlp``."""

    def test_sent(self, run: Run, traces: Path) -> None:
        """The traces arrive at a real receiver, with totals on their roots."""
        receiver = Receiver()
        with receiver.running() as url:
            assert 0 == run("replay", traces, "--otlp", url)[0]
        assert {0.15, 0.3, None} == {span.attributes.get("metadata.cost") for span in receiver.spans}
        assert 12 == len(receiver.spans)

    def test_no_url(self, run: Run, traces: Path) -> None:
        """It is refused before anything is read."""
        code, out, err = run("replay", traces, "--otlp", "localhost")
        assert (1, "", True) == (code, out, "is not an HTTP URL" in err)
