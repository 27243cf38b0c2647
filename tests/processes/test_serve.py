"""The command ``serve`` as a program: real exporters send, the API answers, signals end it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_session_agg._history.history import History
from otel_session_agg._offline.beginning import replay
from tests.support.otlp import json_line
from tests.support.serving import Response, export, request

SECONDS = 300.0
"""How long anything may take on a busy machine."""
NODE = shutil.which("node")


def eventually(found: Callable[[], Any]) -> Any:
    """What a function returns as soon as that is true."""
    until = time.monotonic() + SECONDS
    while not (value := found()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return value


_COUNTS = """
import signal, threading
from otel_session_agg._history.shared import SharedHistory
from otel_session_agg._live.counter import LiveCounter
from otel_session_agg._offline.options import Options

stopped = threading.Event()
signal.signal(signal.SIGINT, lambda *_: stopped.set())
with SharedHistory() as history, LiveCounter(history, Options()) as counter:
    counter.start()
    while not stopped.wait(0.05):
        pass
"""
"""Counts until Ctrl-C, which it takes at any time."""


_INTERRUPTED_AT = """
import os, signal, sys
import otel_session_agg

class Finder:
    def find_spec(self, name, *_):
        if name == module:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Finder())
from otel_session_agg._cli import main
main()
"""
"""Gets Ctrl-C when it begins to import a module."""


_INTERRUPTED_IN_PACKAGE = _INTERRUPTED_AT.replace("import otel_session_agg\n", "").replace(
    "from otel_session_agg", "sys.argv[0] = '/usr/bin/otel-session-agg'\nfrom otel_session_agg"
)
"""The same, as the script that the package installs: the package is imported, too."""


_INTERRUPTED_OTHERS = (
    _INTERRUPTED_AT.replace("import otel_session_agg\n", "")
    .replace(
        """module = sys.argv.pop(1)
""",
        """module = "otel_session_agg._sdk"
sys.argv[0] = sys.argv.pop(1)
""",
    )
    .partition("from otel_session_agg")[0]
    + """
try:
    import otel_session_agg
except KeyboardInterrupt:
    print("its own")
"""
)
"""The same, as an application."""


class Program:
    """A server that runs."""

    def __init__(self, process: subprocess.Popen[str], said: list[str]) -> None:
        self.process, self.said = process, said
        self.page = self._port("page")
        self.otlp = self._port("receiver")

    def _port(self, name: str) -> int:
        [address] = (line.split()[1] for line in self.said if line.startswith(f"{name} "))
        port = urlsplit(address).port
        assert port is not None
        return port

    @property
    def endpoint(self) -> str:
        """What exporters are given."""
        return f"http://127.0.0.1:{self.otlp}/v1/traces"

    def get(self, path: str, token: str | None = None, **arguments: object) -> Response:
        """The answer of the API."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return request(self.page, "GET", f"/api/v1/{path}?{urlencode(arguments)}", headers=headers)

    def values(self, path: str, **arguments: object) -> Any:
        """The values of an answer."""
        answer = self.get(path, None, **arguments)
        assert 200 == answer.status, answer.text
        return json.loads(answer.body)

    def counted(self, number: int) -> bool:
        """Whether so many spans are counted."""
        return bool(self.values("status")["spans_counted"] >= number)

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def command(*arguments: str, name: str = "serve") -> list[str]:
    """The command line, on ports that the system chooses."""
    return [sys.executable, "-m", "otel_session_agg", name, "--port", "0", "--otlp-port", "0", *arguments]


@contextmanager
def serving(*arguments: str, name: str = "serve") -> Iterator[Program]:
    """Run a server; end it at the end."""
    process = subprocess.Popen(command(*arguments, name=name), stdout=subprocess.PIPE, text=True)  # noqa: S603 -- our own program
    try:
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        yield Program(process, said)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(SECONDS)
        assert process.stdout is not None
        process.stdout.close()


def counting(parent: int) -> list[Path]:
    """The process that a server counts in, if it has started one."""
    children = Path(f"/proc/{parent}/task").glob("*/children")
    found = [Path(f"/proc/{number}") for one in children for number in one.read_text().split()]
    return [one for one in found if b"spawn_main" in (one / "cmdline").read_bytes()]


def catches_interrupts(process: Path) -> bool:
    """Whether Python in a process has begun to look after Ctrl-C."""
    [caught] = (line.split()[1] for line in (process / "status").read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & 1 << signal.SIGINT - 1)


def ran(*command_line: str) -> subprocess.CompletedProcess[str]:
    """A program that has ended."""
    return subprocess.run(command_line, capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603 -- our own


def chats() -> list[ReadableSpan]:
    """Sessions with agents, tools, a call that is reported twice, one of unknown price, and an error."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sdk, framework = provider.get_tracer("sdk"), provider.get_tracer("framework")
    for number in range(20):
        model = "nobody-knows-it" if number % 5 == 4 else "gpt-4o-mini"
        call: dict[str, str | int] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": 100 * number,
            "gen_ai.usage.output_tokens": 10,
        }
        with framework.start_as_current_span(
            "request", attributes={"session.id": f"chat {number % 7}", "user.id": f"u{number % 3}"}
        ):
            with framework.start_as_current_span("step", attributes=call), sdk.start_as_current_span("chat", attributes=call):
                pass
            with framework.start_as_current_span(
                "search", attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
            ) as tool:
                if number == 3:
                    tool.record_exception(ValueError("nothing"))
    provider.shutdown()
    return list(exporter.get_finished_spans())


class TestSame:
    """What is received is what a replay of the same spans has."""

    def test_exporter_of_python(self, tmp_path: Path) -> None:
        """Sent by the exporter in some parts and orders, gzip and not, and once in JSON again."""
        spans = chats()
        (tmp_path / "spans.jsonl").write_bytes(json_line(spans))
        with replay(tmp_path / "spans.jsonl") as sessions:
            names = (
                "session",
                "cost",
                "tokens",
                "unpriced",
                "traces",
                "model_events",
                "tool_events",
                "errors",
                "user",
                "duration",
            )
            expected = [
                {name: float(value) if name == "cost" and value is not None else value for name, value in row.items()}
                for row in sessions.columns(*names).sort("session")
            ]
        with serving() as program:
            for at, compression in zip(
                range(0, len(spans), 30), [Compression.Gzip, Compression.NoCompression, Compression.Deflate] * 9, strict=False
            ):
                exporter = OTLPSpanExporter(program.endpoint, compression=compression)
                assert SpanExportResult.SUCCESS == exporter.export(spans[at : at + 30])
                exporter.shutdown()  # type: ignore[no-untyped-call]
            assert 200 == export(program.otlp, json_line(spans), "application/json").status
            eventually(lambda: program.counted(2 * len(spans)))
            found = program.values("sessions", columns=",".join(names), sort="session", limit=1000)["items"]
            assert expected == found
            total = program.values("totals")
            assert pytest.approx(total["cost"]) == sum(row["cost"] or 0 for row in expected)
            tree = program.values("session/tree", id="chat 1")
            assert pytest.approx(next(row["cost"] for row in expected if row["session"] == "chat 1")) == tree["sum"]["cost_usd"]
            assert 0 == program.stop()

    @pytest.mark.skipif(NODE is None, reason="needs Node")
    def test_exporters_of_node(self) -> None:
        """Sent by the exporters of OpenTelemetry for Node, in JSON and in protobuf; their packages are in ``NODE_PATH``."""
        script = Path(__file__).with_name("otlp_exporters.cjs")
        packages = ("api", "sdk-trace-base", "exporter-trace-otlp-http", "exporter-trace-otlp-proto")
        resolve = "".join(f"require.resolve('@opentelemetry/{name}');" for name in packages)
        if ran(str(NODE), "-e", resolve).returncode:
            pytest.skip("the packages of Node are not installed")
        with serving() as program:
            sent = ran(str(NODE), str(script), program.endpoint)
            assert 0 == sent.returncode, sent.stderr
            eventually(lambda: program.counted(8))
            found = program.values("sessions", columns="session,cost,tokens", sort="session")["items"]
        names = ["json gzip", "json none", "protobuf gzip", "protobuf none"]
        assert [{"session": f"node {name}", "cost": 0.0035, "tokens": 1100} for name in names] == found


class TestOpen:
    """Sessions that get spans."""

    def test_everywhere(self, tmp_path: Path) -> None:
        """They are open in every answer, after a restart too; then they have ended without another span."""
        path = str(tmp_path / "kept.duckdb")
        with serving("--history", path) as program:
            assert 200 == export(program.otlp, json_line(chats()), "application/json").status
            eventually(lambda: program.counted(len(chats())))
            self.check(program, "open")
            assert 0 == program.stop()
        with History(Path(path)) as history:
            assert [("ended",)] == history.rows("SELECT DISTINCT state FROM sessions")
            moved = "SET end_time = now()::TIMESTAMP - INTERVAL 100 SECOND"  # so long ago that they end soon
            history._write(lambda connection: connection.execute(f"UPDATE sessions {moved}"))
        with serving("--history", path) as program:
            self.check(program, "open")
            eventually(lambda: 0 == program.values("status")["open_sessions"])
            self.check(program, "ended")

    def check(self, program: Program, state: str) -> None:
        """What every answer says of seven sessions."""
        number = 7 if state == "open" else 0
        assert number == program.values("status")["open_sessions"]
        assert number == program.values("totals")["running"]
        assert number == len(program.values("sessions", where="state = open")["items"])
        assert [7, 7] == [
            program.values("totals", where=f"state = {state}")["sessions"],
            sum(
                one["figures"]["sessions"]
                for one in program.values("groups", group_by="state")["groups"]
                if one["keys"] == {"state": state}
            ),
        ]
        assert state == program.values("session", id="chat 1")["session"]["state"]
        csv = program.get("sessions.csv", columns="state", where="session = 'chat 1'").text
        assert ["state", state] == csv.split()


class TestEnds:
    """How it ends, and what it keeps."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signals(self, tmp_path: Path, number: int) -> None:
        """A signal ends it cleanly: what was taken is in the history, and a second run shows it."""
        path = tmp_path / "kept.duckdb"
        spans = chats()
        with serving("--history", str(path)) as program:
            assert 200 == export(program.otlp, json_line(spans), "application/json").status
            assert 0 == program.stop(number)
        with History(path, read_only=True) as history:
            [(number_of_sessions, cost)] = history.rows("SELECT count(*), sum(cost) FROM sessions")
        assert 7 == number_of_sessions
        with serving("--history", str(path)) as program:
            assert (7, float(cost)) == (program.values("totals")["sessions"], program.values("totals")["cost"])

    @pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks at what signals a process has")
    def test_terminal(self, tmp_path: Path) -> None:
        """Ctrl-C, which a terminal sends to all processes, reaches the one that counts not even while that starts."""
        with (tmp_path / "said").open("w") as file:
            process = subprocess.Popen([sys.executable, "-c", _COUNTS], stdout=file, stderr=file, start_new_session=True)  # noqa: S603 -- our own
            try:
                eventually(lambda: process.poll() is not None or any(map(catches_interrupts, counting(process.pid))))
                os.killpg(process.pid, signal.SIGINT)
                assert 0 == process.wait(SECONDS)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(SECONDS)
        assert "Traceback" not in (tmp_path / "said").read_text()

    @pytest.mark.parametrize(
        "module",
        [
            f"otel_session_agg._{name}"
            for name in ("cli.app", "cli.serve_command", "alerts.engine", "live.counter", "page.page", "serve.serving")
        ]
        + ["typer", "duckdb", "fastapi"],
    )
    def test_while_it_starts(self, module: str) -> None:
        """Ctrl-C while something is imported ends it with a line and the exit code for that, and no traceback."""
        done = ran(sys.executable, "-c", _INTERRUPTED_AT, module, *command()[3:])
        assert (130, "interrupted\n", "") == (done.returncode, done.stderr, done.stdout)

    @pytest.mark.parametrize("module", ["otel_session_agg._api", "otel_session_agg._sdk", "opentelemetry.sdk.trace"])
    def test_while_the_package_is_imported(self, module: str) -> None:
        """Before a line of the command line runs, Ctrl-C ends it as the system does, which shells say 130 for: quietly."""
        done = ran(sys.executable, "-c", _INTERRUPTED_IN_PACKAGE, module, *command()[3:])
        assert (-signal.SIGINT, "", "") == (done.returncode, done.stderr, done.stdout)

    @pytest.mark.parametrize("name", ["gunicorn", "-m"])
    def test_of_others(self, name: str) -> None:
        """An application that imports the package has its own Ctrl-C."""
        done = ran(sys.executable, "-c", _INTERRUPTED_OTHERS, name)
        assert (0, "its own\n") == (done.returncode, done.stdout)

    def test_files(self, tmp_path: Path) -> None:
        """Files are counted first."""
        (tmp_path / "spans.jsonl").write_bytes(json_line(chats()))
        with serving(str(tmp_path)) as program:
            assert 7 == program.values("totals")["sessions"]


class TestRefuses:
    """What it says when it cannot start."""

    def failed(self, *arguments: str) -> tuple[int, str]:
        """The exit code, and what was said."""
        done = ran(*command(*arguments))
        return done.returncode, done.stderr

    def test_port(self) -> None:
        """A port that is in use."""
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            code, said = self.failed("--port", str(port))
        assert (1, True) == (code, f"cannot listen on 127.0.0.1, port {port}: " in said)

    def test_options(self, tmp_path: Path) -> None:
        """Options that cannot be."""
        code, said = self.failed("--keyfile", "x")
        assert (1, True) == (code, "--keyfile goes with --certfile" in said)
        (tmp_path / "x.pem").write_text("no certificate")
        code, said = self.failed("--certfile", str(tmp_path / "x.pem"))
        assert (1, True) == (code, "the certificate cannot be used" in said)
        code, said = self.failed("--forwarded-allow-ips", "*")
        assert (1, True) == (code, "* is no address or network" in said)
        code, said = self.failed("--token", "two words")
        assert (1, True) == (code, "a token is of ASCII" in said)
        code, said = self.failed("--alerts", str(tmp_path / "none.yaml"))
        assert (1, True) == (code, "none.yaml cannot be read" in said)

    def test_extra(self) -> None:
        """A library that is missing: how to install it."""
        script = (
            "import sys; sys.modules['fastapi'] = None; sys.argv[1:] = ['serve']; from otel_session_agg._cli import main; main()"
        )
        done = ran(sys.executable, "-c", script)
        assert (1, "fastapi is missing: pip install 'otel-session-agg[serve]'\n") == (done.returncode, done.stderr)


class TestBeyondLoopback:
    """A server that others can reach."""

    def test_token(self) -> None:
        """A token is made up and printed; without it nothing is shown, and there is a warning."""
        with serving("--host", "0.0.0.0") as program:  # noqa: S104 -- that is what is tested
            [token] = (line.split()[1] for line in program.said if line.startswith("token "))
            assert 401 == program.get("totals").status
            assert 200 == program.get("totals", token=token).status
            assert 200 == export(program.otlp, json_line(chats()), "application/json").status

    def test_ingest_token(self) -> None:
        """Exporters are asked for one, too, if that is wished; it may stand in a variable."""
        with serving("--ingest-token", "for-exporters") as program:
            body = json_line(chats())
            assert 401 == export(program.otlp, body, "application/json").status
            assert 200 == export(program.otlp, body, "application/json", Authorization="Bearer for-exporters").status
            assert 200 == program.get("totals").status

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
    def test_tls(self, tmp_path: Path) -> None:
        """With a certificate both ports speak TLS."""
        names = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
        extended = ["-addext", "subjectAltName=IP:127.0.0.1"]
        assert 0 == ran(*made, *extended, *names).returncode
        certificate = str(tmp_path / "cert.pem")
        with serving("--certfile", certificate, "--keyfile", str(tmp_path / "key.pem")) as program:
            context = ssl.create_default_context(cafile=certificate)
            for port in (program.page, program.otlp):
                connection = HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)
                connection.request("GET", "/")
                assert connection.getresponse().status in {200, 404}
                connection.close()
