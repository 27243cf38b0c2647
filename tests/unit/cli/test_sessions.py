"""The commands ``sessions`` and ``session`` on stores that real processors have filled."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode, Tracer, use_span

from otel_session_agg import PriceBook, Rollup, SessionSpanProcessor, Settings, end_session, open_store, record_feedback, session
from otel_session_agg._cli import app
from otel_session_agg._cli.render import shown
from otel_session_agg._cli.rows import write_csv
from otel_session_agg._cli.selected import GROUPS_IN_TABLE
from otel_session_agg._cli.sessions import IN_TABLE
from otel_session_agg._history.figures import OF_SESSIONS
from otel_session_agg._history.rollup_tables import SESSIONS as TABLE
from otel_session_agg._sharing.stored_sessions import COLUMNS
from otel_session_agg._untrusted.formatting import exact_usd, printable
from otel_session_agg.environment_variables import OTEL_PYTHON_SESSION_AGG_STORE as VARIABLE
from otel_session_agg.stores.base import Slot
from otel_session_agg.testing import RecordingExporter
from tests.support.servers import free_port, wait_until

PRICES = PriceBook({"m": {"input": 1, "output": 2}})
UUID = "0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f"
EVIL = "=evil()\x1b[31m\r\nid,\"'"
LONG = "long-" * 40
SESSIONS = ("cheap", "dear", UUID, EVIL, LONG, "unpriced", "half-priced", "open")
COSTS = {
    "cheap": 0.00002,
    "dear": 0.4,
    UUID: 0.00002,
    EVIL: 0.00002,
    LONG: 0.00002,
    "unpriced": None,
    "half-priced": 0.00002,
    "open": 0.00002,
}
SERVER_SECRET = "hidden"  # noqa: S105 -- shows up nowhere


def call(tracer: Tracer, model: str = "m", prompt: int = 10, completion: int = 5) -> None:
    """A model call."""
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": completion,
    }
    tracer.start_span("chat", attributes=attributes).end()


def request(tracer: Tracer, session_id: str, model: str = "m", error: str | None = None, **kwargs: Any) -> None:
    """One request of a session: a trace with a call."""
    block = session(session_id, user_id="Ann Lee", metadata={"plan": "pro", "odd": float("inf")})
    with block, tracer.start_as_current_span("request"):
        call(tracer, model, **kwargs)
        if error is not None:
            tracer.start_span("tool", attributes={"gen_ai.operation.name": "execute_tool"}).end()
            failed = tracer.start_span("tool", attributes={"gen_ai.operation.name": "execute_tool"})
            failed.set_status(Status(StatusCode.ERROR, error))
            failed.end()


def fill(url: str) -> None:
    """Two processors that share a store, as in two processes; one of them leaves a root open."""
    made: list[tuple[SessionSpanProcessor, Tracer]] = []
    for service in ("shop", "search"):
        provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
        processor = SessionSpanProcessor(
            RecordingExporter(), store=url, prices=PRICES, settings=Settings(profiles=("default",), store_outputs=True)
        )
        provider.add_span_processor(processor)
        made.append((processor, provider.get_tracer("tests")))
    (first, one), (second, other) = made
    for session_id in ("cheap", UUID, EVIL, LONG, "half-priced"):
        request(one, session_id)
    request(other, "half-priced", model="nobody knows")
    request(other, "unpriced", model="nobody knows")
    request(one, "dear", prompt=100_000, completion=50_000)
    request(other, "dear", prompt=100_000, completion=50_000, error="boom\x1b[0m")
    record_feedback(1, session_id="dear")
    with session("open"), use_span(one.start_span("request"), end_on_exit=False):
        call(one)
    for processor in (first, second):
        assert processor.force_flush()
    end_session("cheap")
    for processor in (first, second):
        assert processor.force_flush()
    store = open_store(url)
    wait_until(lambda: len(list(store.keys("s:"))) == len(SESSIONS))
    store.close()
    for processor in (first, second):
        processor.shutdown()


@pytest.fixture(scope="module", params=["sqlite", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a store with sessions in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'sessions.db'}"
    else:
        url = f"{request.getfixturevalue('server').url}?prefix={uuid4().hex}"
    fill(url)
    return url


class Done(NamedTuple):
    """What a command printed."""

    code: object
    out: str
    err: str


class Commands:
    """The command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *arguments: str) -> Done:
        """Run one command."""
        self._monkeypatch.setattr(sys, "argv", ["otel-session-agg", *arguments])
        with pytest.raises(SystemExit) as exit_info:
            app.main()
        return Done(exit_info.value.code, *self._capsys.readouterr())

    def out(self, *arguments: str) -> str:
        """Run one that succeeds; what it prints."""
        done = self.run(*arguments)
        assert 0 == done.code
        return done.out

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Sessions as JSON has them."""
        rows: list[dict[str, Any]] = json.loads(self.out("sessions", "--json", *arguments))
        return rows

    def error(self, *arguments: str) -> str:
        """Run one that fails: one line on standard error, nothing else."""
        done = self.run(*arguments)
        assert (1, "") == (done.code, done.out)
        assert 1 == len(done.err.splitlines())
        return done.err


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    """The command line."""
    monkeypatch.delenv(VARIABLE, raising=False)
    return Commands(monkeypatch, capsys)


def piped(*arguments: str, **variables: str) -> Done:
    """A command in a process of its own, its output in a pipe."""
    command = [sys.executable, "-m", "otel_session_agg", *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)  # noqa: S603
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.slow
class TestSessionsTable:
    """``sessions``."""

    def test_columns(self, url: str, commands: Commands) -> None:
        """A header and a line for each session, with figures aligned to the right and nothing behind them."""
        lines = commands.out(
            "sessions", "--store", url, "--where", "session <= dear and session > a", "--sort", "session"
        ).splitlines()
        assert [
            "    cost  tokens  traces  events  errors  state  session",
            "0.000020      15       1       1       0  ended  cheap",
            "0.400000  300000       2       4       1  open   dear",
        ] == lines

    def test_fits_eighty_columns(self, url: str, commands: Commands) -> None:
        """With ids as long as a UUID, every line fits."""
        lines = commands.out("sessions", "--store", url, "--where", f"session != {LONG}").splitlines()
        assert max(map(len, lines)) <= 80
        assert any(line.endswith(f" {UUID}") for line in lines)

    def test_shows_whole_ids(self, url: str, commands: Commands) -> None:
        """Ids are never cut, and what would move the cursor is escaped."""
        lines = commands.out("sessions", "--store", url).splitlines()
        assert len(SESSIONS) + 1 == len(lines)
        assert any(line.endswith(f" {LONG}") for line in lines)
        assert any(line.endswith(r""" =evil()\x1b[31m\r\nid,"'""") for line in lines)

    def test_unknown_cost_is_blank(self, url: str, commands: Commands) -> None:
        """An unknown cost is no 0, and a note says why; a known part is shown."""
        done = commands.run("sessions", "--store", url, "--where", "unpriced > 0", "--sort", "session")
        assert ["0.000020 30 2 2 0 open half-priced", "15 1 1 0 open unpriced"] == [
            " ".join(line.split()) for line in done.out.splitlines()[1:]
        ]
        assert "2 calls have no known price: costs are those of the others\n" == done.err

    def test_piped(self, url: str) -> None:
        """In a pipe there are no colours and no cut ids, not even where only ASCII can be written."""
        done = piped("sessions", "--store", url, COLUMNS="40", PYTHONIOENCODING="ascii", TERM="xterm-256color")
        assert 0 == done.code
        assert "\x1b" not in done.out
        assert all(f" {name}\n" in done.out for name in (UUID, LONG, "dear"))

    def test_nothing_fits(self, url: str, commands: Commands) -> None:
        """A header alone, and a note on the other stream."""
        done = commands.run("sessions", "--store", url, "--where", "cost > 1000")
        assert (0, [list(IN_TABLE)]) == (done.code, [line.split() for line in done.out.splitlines()])
        assert "no session in the store fits the condition\n" == done.err

    def test_malformed(self, tmp_path: Path, commands: Commands) -> None:
        """Entries that are none are left out and said."""
        url = f"sqlite:///{tmp_path / 'sessions.db'}"
        store = open_store(url)
        store.put([Slot("s:x", "a", 1, b"?"), Slot("s:y", "a", 1, b'{"v":99}')], ttl_seconds=100)
        done = commands.run("sessions", "--store", url)
        said = "2 entries were left out: not of this version, or damaged\nleft out: s:x: a\nleft out: s:y: a\n"
        assert f"{said}no session is in the store\n" == done.err
        assert "1 entry was left out" in commands.error("session", "x", "--store", url)
        store.close()


class TestSortAndLimit:
    """The order."""

    def test_by_cost(self, url: str, commands: Commands) -> None:
        """Ascending, or descending with a minus; unknown costs come last in both."""
        costs = [row["cost"] for row in commands.rows("--store", url, "--sort", "cost")]
        assert [*sorted(cost for cost in COSTS.values() if cost is not None), None] == costs
        costs = [row["cost"] for row in commands.rows("--store", url, "--sort", "-cost")]
        assert [*sorted((cost for cost in COSTS.values() if cost is not None), reverse=True), None] == costs

    def test_last_first(self, url: str, commands: Commands) -> None:
        """Unless told otherwise, the session that was active last comes first."""
        times = [row["end_time"] for row in commands.rows("--store", url)]
        assert sorted(times, reverse=True) == times

    def test_times(self, url: str, commands: Commands) -> None:
        """What began from a time on, and before one."""
        [now] = {row["start_time"][:10] for row in commands.rows("--store", url)}
        assert len(SESSIONS) == len(commands.rows("--store", url, "--since", now))
        assert [] == commands.rows("--store", url, "--until", now)
        assert "'then' is no date or time" in commands.error("sessions", "--store", url, "--since", "then")

    def test_limit(self, url: str, commands: Commands) -> None:
        """The first of them."""
        assert ["dear"] == [row["session"] for row in commands.rows("--store", url, "--sort", "-cost", "--limit", "1")]
        assert len(SESSIONS) == len(commands.rows("--store", url, "--limit", "1000"))

    def test_which_cost_more(self, url: str, commands: Commands) -> None:
        """The question of the README."""
        assert ["dear"] == [row["session"] for row in commands.rows("--store", url, "--where", "cost > 0.10")]


@pytest.mark.slow
class TestColumns:
    """``sessions --columns``."""

    def test_table(self, url: str, commands: Commands) -> None:
        """These columns in this order, dimensions and metadata too, by either name."""
        lines = commands.out(
            "sessions", "--store", url, "--where", "session = dear", "--columns", "session, service.name,plan,metadata.plan,turns"
        ).splitlines()
        assert ["session  service.name  plan  metadata.plan  turns", "dear     shop          pro   pro                2"] == lines

    def test_csv(self, url: str, commands: Commands) -> None:
        """As CSV, with nothing where a session has no such value."""
        where = "session >= dear and session < i"
        out = commands.out(
            "sessions", "--store", url, "--csv", "--columns", "session,plan,average_turn_cost", "--where", where, "--sort", "session"
        )  # fmt: skip
        assert ["session,plan,average_turn_cost", "dear,pro,0.2", "half-priced,pro,0.00001"] == out.splitlines()

    def test_json(self, url: str, commands: Commands) -> None:
        """As JSON; a session without metadata has none of these."""
        rows = commands.rows("--store", url, "--columns", "session,plan,end_reason,dimensions")
        found = {row["session"]: row for row in rows}
        assert {
            "session": "cheap",
            "plan": "pro",
            "end_reason": "end_session",
            "dimensions": {"service.name": "shop", "user.id": "Ann Lee"},
        } == found["cheap"]
        assert (None, None) == (found["open"]["plan"], found["open"]["end_reason"])

    def test_unknown(self, url: str, commands: Commands) -> None:
        """A wrong name is told with those that are known, metadata and dimensions too."""
        said = commands.error("sessions", "--store", url, "--columns", "session,costs")
        assert said.startswith("there is no column 'costs' (did you mean cost?): use one of session, ")
        assert all(name in said for name in (", service.name", ", plan", ", deployment.environment.name"))

    def test_dimension_of_setting(self, url: str, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
        """A dimension that is set can be asked for before any session has it."""
        assert "no column 'tenant'" in commands.error("sessions", "--store", url, "--columns", "tenant")
        monkeypatch.setenv("OTEL_PYTHON_SESSION_AGG_DIMENSIONS", "tenant")
        assert [{"tenant": None}] * len(SESSIONS) == commands.rows("--store", url, "--columns", "tenant")


@pytest.mark.slow
class TestGroups:
    """``sessions --group-by``."""

    def test_table(self, url: str, commands: Commands) -> None:
        """A line for each group and one with the totals, figures aligned to the right."""
        out = commands.out("sessions", "--store", url, "--group-by", "user", "--columns", "sessions,tokens,cost,unpriced")
        assert [
            "user     sessions  tokens      cost  unpriced",
            "Ann Lee         7  300105  0.400100         2",
            "                1      15  0.000020         0",
            "total           8  300120  0.400120         2",
        ] == out.splitlines()

    def test_csv(self, url: str, commands: Commands) -> None:
        """All figures, the cost to the last digit."""
        out = commands.out("sessions", "--store", url, "--csv", "--group-by", "service.name,end_reason")
        header, *records = csv.reader(StringIO(out, newline=""))
        assert ["service.name", "end_reason", *OF_SESSIONS] == header
        at = header.index("cost")
        assert [
            ["search", "", ""],
            ["shop", "end_session", "0.00002"],
            ["shop", "", "0.40008"],
            ["", "", "0.00002"],  # its root is open
            ["total", "", "0.40012"],
        ] == [[record[0], record[1], record[at]] for record in records]

    def test_json(self, url: str, commands: Commands) -> None:
        """The groups and the totals apart."""
        found = json.loads(commands.out("sessions", "--store", url, "--json", "--group-by", "plan", "--columns", "cost,sessions"))
        assert {
            "groups": [{"plan": "pro", "cost": 0.4001, "sessions": 7}, {"plan": None, "cost": 0.00002, "sessions": 1}],
            "total": {"cost": 0.40012, "sessions": 8},
        } == found

    def test_figures_of_table(self, url: str, commands: Commands) -> None:
        """Unless told otherwise, a table has those figures that fit on a screen."""
        lines = commands.out("sessions", "--store", url, "--group-by", "user").splitlines()
        assert ["user", *(name for name in GROUPS_IN_TABLE if name != "calls")] == lines[0].split()
        assert max(map(len, lines)) <= 80

    def test_where(self, url: str, commands: Commands) -> None:
        """A condition may be on dimensions and metadata."""
        arguments = ("sessions", "--store", url, "--json", "--group-by", "plan", "--columns", "sessions", "--where")
        found = commands.out(*arguments, "service.name = shop and metadata.plan = pro")
        assert {"groups": [{"plan": "pro", "sessions": 6}], "total": {"sessions": 6}} == json.loads(found)

    def test_models(self, url: str, commands: Commands) -> None:
        """Sessions are split by model, and each has the figures of its calls."""
        lines = commands.out("sessions", "--store", url, "--group-by", "model").splitlines()
        assert [
            "model         sessions  calls  tokens      cost  unpriced  errors",
            "m                    7      8  300090  0.400120         0       0",
            "nobody knows         2      2      30                   2       0",
            "total                8     10  300120  0.400120         2       0",
        ] == lines

    def test_time(self, url: str, commands: Commands) -> None:
        """By the day in which a session began."""
        days = {row["start_time"][:10] for row in commands.rows("--store", url)}
        found = json.loads(commands.out("sessions", "--store", url, "--json", "--group-by", "day"))
        assert days == {row["day"] for row in found["groups"]}

    def test_options(self, url: str, commands: Commands) -> None:
        """A condition chooses sessions, order and limit are those of groups, and the totals are over all groups."""
        out = commands.out(
            "sessions", "--store", url, "--json", "--group-by", "user", "--columns", "sessions", "--where", "cost > 0",
            "--sort", "-cost", "--limit", "1",
        )  # fmt: skip
        assert {"groups": [{"user": "Ann Lee", "sessions": 6}], "total": {"sessions": 7}} == json.loads(out)

    def test_nothing(self, url: str, commands: Commands) -> None:
        """Without sessions there is the row with the totals, and a note."""
        done = commands.run("sessions", "--store", url, "--group-by", "user", "--where", "cost > 1000", "--columns", "sessions")
        said = "no session in the store fits the condition\n"
        assert ([["user", "sessions"], ["total", "0"]], said) == ([line.split() for line in done.out.splitlines()], done.err)

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (
                ["--group-by", "models"],
                "there is no key to group by 'models' (did you mean model?): use one of session, state, user, cost_source, ",
            ),
            (["--group-by", "model,tool"], "sessions can be split by one of model, agent, tool, not by several"),
            (["--group-by", "model", "--columns", "turns"], "there is no column 'turns': use one of sessions, calls, "),
            (["--group-by", ""], "there is no key to group by ''"),
            (
                ["--group-by", "user", "--columns", "models"],
                "there is no column 'models' (did you mean model_events?): use one of sessions, turns, ",
            ),
            (["--group-by", "user", "--sort", "end_time"], "there is no column 'end_time': use one of sessions, turns, "),
        ],
    )
    def test_unknown(self, url: str, arguments: list[str], expected: str, commands: Commands) -> None:
        """A wrong key or figure is told with those that are known."""
        assert commands.error("sessions", "--store", url, *arguments).startswith(expected)


class TestSessionsJson:
    """``sessions --json``."""

    def test_all(self, url: str, commands: Commands) -> None:
        """An object for each session, with all columns; numbers are numbers, what is unknown is null."""
        rows = {row["session"]: row for row in commands.rows("--store", url)}
        assert COSTS == {name: row["cost"] for name, row in rows.items()}
        assert {tuple(TABLE.by_name)} == {tuple(row) for row in rows.values()}
        assert {"cheap": 1} == {name: row["revision"] for name, row in rows.items() if row["state"] == "ended"}
        assert {"open": 1} == {name: row["open_roots"] for name, row in rows.items() if row["open_roots"]}

    def test_one(self, url: str, commands: Commands) -> None:
        """All values of one session."""
        [row] = commands.rows("--store", url, "--where", "session = dear")
        times = {name: row.pop(name) for name in ("start_time", "end_time", "duration", "avg_trace_latency")}
        periods = {name: row.pop(name) for name in ("hour", "day", "month")}
        assert {"hour": f"{times['start_time'][:13]}:00Z", "day": times["start_time"][:10]}.items() <= periods.items()
        assert 0 < row.pop("model_duration") < times["duration"]
        assert 0 < row.pop("tool_duration") < times["duration"]
        assert 0 < row.pop("idle_duration") < times["duration"]
        assert {
            "session": "dear",
            "metadata": {"odd": None, "plan": "pro"},
            "state": "open",
            "revision": 0,
            "user": "Ann Lee",
            "cost": 0.4,
            "cost_source": "computed",
            "unpriced": 0,
            "tokens": 300_000,
            "prompt_tokens": 200_000,
            "completion_tokens": 100_000,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 0,
            "traces": 2,
            "open_roots": 0,
            "events": 4,
            "model_events": 2,
            "tool_events": 2,
            "errors": 1,
            "feedback": True,
            "models": ["m"],
            "turns": 2,
            "average_turn_cost": 0.2,
            "end_reason": None,
            "dimensions": {"service.name": "shop", "user.id": "Ann Lee"},
            "error": "boom\x1b[0m",
            "agents": [],
            "tools": ["tool"],
        } == row
        assert times["start_time"] <= times["end_time"]
        assert all(
            len("2026-01-31T12:00:00.000Z") == len(times[name]) and times[name][-1] == "Z" for name in ("start_time", "end_time")
        )
        assert 0 < times["avg_trace_latency"] < times["duration"]

    def test_nothing(self, url: str, commands: Commands) -> None:
        """An empty array, and silence."""
        assert Done(0, "[]\n", "") == commands.run("sessions", "--store", url, "--json", "--where", "cost > 1000")


def csv_id(session_id: str) -> str:
    """What a reader of CSV finds for an id."""
    out = StringIO(newline="")
    write_csv(out, ["session"], [[session_id]], None)
    out.seek(0)
    _, [read] = csv.reader(out)
    return read


@pytest.mark.slow
class TestSessionsCsv:
    """``sessions --csv``."""

    def test_all(self, url: str, commands: Commands) -> None:
        """A header and a record for each session, as RFC 4180 has them; formulas are no formulas."""
        out = commands.out("sessions", "--store", url, "--csv", "--sort", "session")
        header, *records = csv.reader(StringIO(out, newline=""))
        assert list(TABLE.by_name) == header
        assert [printable(name) for name in sorted(SESSIONS)] == [record[0].removeprefix("'") for record in records]
        by_id = {record[0]: dict(zip(header, record, strict=True)) for record in records}
        assert "'" + printable(EVIL) in by_id
        assert ("", "0.4", "0.00002") == tuple(by_id[name]["cost"] for name in ("unpriced", "dear", "half-priced"))
        assert ("true", "false", "1", "m") == (
            *(by_id[name]["feedback"] for name in ("dear", "cheap")),
            by_id["cheap"]["revision"],
            by_id["dear"]["models"],
        )

    def test_ends_of_lines(self, url: str) -> None:
        """CR LF, as they leave the process."""
        done = piped("sessions", "--store", url, "--csv", "--where", "session = cheap")
        assert (2, 2, True) == (done.out.count("\r\n"), done.out.count("\n"), done.out.endswith("\r\n"))

    @given(st.text())
    def test_any_id(self, session_id: str) -> None:
        """Whatever an id is, a reader of CSV gets it back, but for what it must not do and the apostrophes before formulas."""
        text = csv_id(session_id)
        assert session_id.isprintable() <= (session_id.replace("'", "") == text.replace("'", ""))
        assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)
        for cell in text.split(";"):
            assert cell.lstrip("\"' ")[:1] not in set("=+-@\uff1d\uff0b\uff0d\uff20") or cell.startswith("'")

    @pytest.mark.parametrize(
        ("session_id", "expected"),
        [
            ("=1", "'=1"),
            ("a;=1", "a;'=1"),
            ("a; =1;-2;b-c;d", "a;' =1;'-2;b-c;d"),
            ('a;"=1"', 'a;\'"=1"'),
            ("a\t=1", "a\\t=1"),
            ("\t=1", "\\t=1"),
            ("a\r\n=1", "a\\r\\n=1"),
            ("a\x00\x1b[2J\x9b", "a\\x00\\x1b[2J\\x9b"),
            ("\u202egpj.exe\u2066\u061c", "\\u202egpj.exe\\u2066\\u061c"),
            ("na\u00efve \U0001f469\u200d\U0001f680 -1", "na\u00efve \U0001f469\u200d\U0001f680 -1"),
        ],
    )
    def test_spoilt_cells(self, session_id: str, expected: str) -> None:
        """Formulas, also behind a semicolon, begin with an apostrophe; control characters and marks of direction are escaped."""
        assert expected == csv_id(session_id)

    @pytest.mark.parametrize(
        ("usd", "expected"), [(0.0, "0"), (1e-12, "0.000000000001"), (0.1, "0.1"), (1234.5, "1234.5"), (100.0, "100")]
    )
    def test_money(self, usd: float, expected: str) -> None:
        """All digits, no exponent."""
        assert expected == exact_usd(usd)


class TestSession:
    """``session``."""

    def test_shows_it(self, url: str, commands: Commands) -> None:
        """Each line has a name and a value; what others wrote cannot move the cursor."""
        lines = commands.out("session", "dear", "--store", url).splitlines()
        said = dict(line.split(None, 1) for line in lines if " " in line.strip() and not line.startswith(" "))
        expected = {
            "session": "dear",
            "state": "open",
            "user": "Ann Lee",
            "cost": "0.400000 USD",
            "traces": "2",
            "models": "m",
            "metadata.plan": "pro",
            "error": r"boom\x1b[0m",
            "roots": "(2 of 2):",
        }
        assert expected == {name: said[name] for name in expected}
        assert 2 == sum(line.startswith("  trace ") for line in lines)
        assert "\x1b" not in "".join(lines)

    def test_json(self, url: str, commands: Commands) -> None:
        """All columns, and what is too long for a list of sessions."""
        one = json.loads(commands.out("session", "dear", "--store", url, "--json"))
        assert [*COLUMNS, *Rollup().details_to_dict(), "error", "output", "members", "trace_ids"] == list(one)
        assert ({"plan": "pro", "odd": None}, "boom\x1b[0m", None) == (one["metadata"], one["error"], one["output"])
        assert sorted(one["trace_ids"]) == sorted(member["trace_id"] for member in one["members"])
        assert [{"trace_id", "span_id", "start_time"}] * 2 == [set(member) for member in one["members"]]
        assert one["start_time"] == min(member["start_time"] for member in one["members"])

    def test_says_what_it_is_made_of(self, url: str, commands: Commands) -> None:
        """The text has the times and the dearest of each kind, JSON all of it."""
        lines = commands.out("session", "half-priced", "--store", url).splitlines()
        assert {"time", "first response after", "model latency", "model m", "model nobody knows"} <= {
            re.split(" {2,}", line)[0] for line in lines
        }
        assert not [line for line in lines if line.startswith("metadata.user.id")]
        one = json.loads(commands.out("session", "half-priced", "--store", url, "--json"))
        assert {"m": 0.00002, "nobody knows": None} == {name: row["cost_usd"] for name, row in one["by_model"].items()}

    def test_ended(self, url: str, commands: Commands) -> None:
        """A session that has ended says so, with the revision of its record."""
        one = json.loads(commands.out("session", "cheap", "--store", url, "--json"))
        assert ("ended", 1, 0) == (one["state"], one["revision"], one["open_roots"])

    @pytest.mark.parametrize("session_id", [EVIL, LONG, "unpriced"])
    def test_any_id(self, url: str, session_id: str, commands: Commands) -> None:
        """Any id can be asked for."""
        assert session_id == json.loads(commands.out("session", session_id, "--store", url, "--json"))["session"]

    def test_unknown_cost_is_blank(self, url: str, commands: Commands) -> None:
        """No number and no unit."""
        assert "\ncost\n" in commands.out("session", "unpriced", "--store", url)

    def test_unknown_session(self, url: str, commands: Commands) -> None:
        """One sentence."""
        assert commands.error("session", "no\x1bbody", "--store", url).startswith(r"there is no session no\x1bbody in ")


class TestStores:
    """What is said when there is nothing to list."""

    def test_by_variable(self, url: str, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
        """The default is the store of the application's variable; the option wins."""
        monkeypatch.setenv(VARIABLE, url)
        assert len(SESSIONS) == len(commands.rows())
        monkeypatch.setenv(VARIABLE, "memory://")
        assert len(SESSIONS) == len(commands.rows("--store", url))

    def test_none(self, commands: Commands) -> None:
        """Nobody named one."""
        assert f"no store is named: give --store URL, or set {VARIABLE}" in commands.error("sessions")

    def test_memory(self, commands: Commands) -> None:
        """What is inside another process cannot be read."""
        assert "memory:// is inside the process that uses it" in commands.error("sessions", "--store", "memory://")

    @pytest.mark.parametrize("command", [["sessions"], ["session", "x"]])
    def test_no_file(self, command: list[str], tmp_path: Path, commands: Commands) -> None:
        """A file that does not exist is not created; what is empty or no file stays as it is."""
        path = tmp_path / "sessions.db"
        assert f"there is no store in {path}: it does not exist\n" == commands.error(*command, "--store", f"sqlite:///{path}")
        assert [] == list(tmp_path.iterdir())
        path.touch()
        assert f"there is no store in {path}: it is empty\n" == commands.error(*command, "--store", f"sqlite:///{path}")
        assert ([path], 0) == (list(tmp_path.iterdir()), path.stat().st_size)
        assert f"there is no store in {tmp_path}: it is no file\n" == commands.error(*command, "--store", f"sqlite:///{tmp_path}")

    def test_file_of_somebody_else(self, tmp_path: Path, commands: Commands) -> None:
        """A file that is no store is named, and left as it is."""
        path = tmp_path / "notes.txt"
        path.write_text("no database " * 1000, encoding="utf-8")
        assert f"sqlite:///{path} cannot be read: file is not a database\n" == commands.error(
            "sessions", "--store", f"sqlite:///{path}"
        )

    def test_unreachable(self, commands: Commands) -> None:
        """A server that is not there is named, without its password."""
        url = f"redis://user:{SERVER_SECRET}@127.0.0.1:{free_port()}"
        said = commands.error("sessions", "--store", url)
        assert said.startswith("redis://user:***@127.0.0.1:")
        assert " cannot be read: " in said
        assert SERVER_SECRET not in said

    def test_no_store_of_that_name(self, commands: Commands) -> None:
        """An unknown scheme is told with those that there are."""
        assert "sqlite://" in commands.error("sessions", "--store", "postgres://host")


@pytest.mark.slow
class TestArguments:
    """What is typed wrongly."""

    def test_where(self, url: str, commands: Commands) -> None:
        """A wrong condition is told with what is allowed."""
        assert "there is no column 'costs' (did you mean cost?): use one of session, " in commands.error(
            "sessions", "--store", url, "--where", "costs > 1"
        )

    def test_sql(self, url: str, commands: Commands) -> None:
        """What is more than conditions joined by and is SQL, with the same names."""
        where = "(cost > 0.3 or session in ('open')) and (metadata.plan = 'pro' or service.name is null or true)"
        assert ["dear", "open"] == [
            row["session"] for row in commands.rows("--store", url, "--where", where, "--sort", "session")
        ]
        assert "one expression" in commands.error("sessions", "--store", url, "--where", "true); DROP TABLE sessions; SELECT (1")

    def test_sort(self, url: str, commands: Commands) -> None:
        """So is a wrong column."""
        assert "there is no column 'costs' (did you mean cost?): use one of session, " in commands.error(
            "sessions", "--store", url, "--sort", "-costs"
        )

    def test_two_forms(self, url: str, commands: Commands) -> None:
        """One form at a time."""
        assert "Give --json or --csv, not both.\n" == commands.error("sessions", "--store", url, "--json", "--csv")

    def test_limit(self, url: str, commands: Commands) -> None:
        """None or fewer sessions are no list."""
        assert 2 == commands.run("sessions", "--store", url, "--limit", "0").code

    def test_help_names_the_columns(self, commands: Commands) -> None:
        """Whoever asks for help sees what can be sorted by."""
        text = commands.out("sessions", "--help")
        assert [] == [name for name in TABLE.by_name if name not in text]

    def test_names_the_extra(self, url: str) -> None:
        """Without a package of the extra, the message says what to install."""
        code = "import sys; sys.modules['typer'] = None; from otel_session_agg._cli.app import main; main()"
        command = [sys.executable, "-c", code, "sessions", "--store", url]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=False)  # noqa: S603
        assert (1, "") == (done.returncode, done.stdout)
        assert "pip install 'otel-session-agg[cli]'" in done.stderr
        assert "Traceback" not in done.stderr

    def test_reader_that_leaves(self, url: str) -> None:
        """``| head`` ends it without a traceback."""
        command = [sys.executable, "-m", "otel_session_agg", "sessions", "--store", url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
        assert process.stdout is not None
        process.stdout.close()
        with suppress(BrokenPipeError):
            _, error = process.communicate(timeout=300)
        assert b"Traceback" not in error
        assert b"cannot be read" not in error


class TestValues:
    """Values for people."""

    @pytest.mark.parametrize(
        ("usd", "expected"),
        [
            (0.0, "0.000000"),
            (1e-12, "<0.000001"),
            (4.9e-7, "<0.000001"),
            (5.1e-7, "0.000001"),
            (0.1234567, "0.123457"),
            (12.0, "12.000000"),
        ],
    )
    def test_money(self, usd: float, expected: str) -> None:
        """Six decimals; what is less is not 0."""
        assert expected == shown("cost", usd)

    @given(st.text())
    def test_printable(self, text: str) -> None:
        """Nothing that moves a cursor is left, and what is printable stays as it is."""
        found = printable(text)
        assert found.isprintable()
        assert not text.isprintable() or found == text

    def test_lone_surrogates(self) -> None:
        """What no encoding has is escaped, too."""
        assert r"a\ud800" == printable("a\ud800")
