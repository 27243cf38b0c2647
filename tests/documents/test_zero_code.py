"""Applications that know nothing of this library, run by ``opentelemetry-instrument``, with a real receiver of each protocol."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from otel_session_agg import attributes as n
from otel_session_agg._cli.demo.receiver import ReceivedSpan, Receiver
from tests.support.environments import HAS_CHECKOUT, environment, variables
from tests.support.paths import EXAMPLES
from tests.support.programs import HAS_EXAMPLES, cost_usd, model_server
from tests.support.scripts import printed
from tests.support.servers import free_port, wait_until

if not (HAS_EXAMPLES and HAS_CHECKOUT):
    pytest.skip("the examples are not here", allow_module_level=True)

REQUIREMENTS = (
    "fastapi>=0.115",
    "openai>=3,<4",
    "openinference-instrumentation-openai>=0.1.66,<0.2",
    "opentelemetry-configuration>=0.66b0",
    "opentelemetry-distro>=0.66b0",
    "opentelemetry-instrumentation-fastapi>=0.66b0",
    "uvicorn>=0.30",
)
ZERO_CODE = EXAMPLES / "zero_code"
STOP_SECONDS = 120
GPT_4O_MINI = {"input_pusd": 150_000, "cached_pusd": 75_000, "output_pusd": 600_000}
"""Its public price, picodollars a token."""
OF_THE_FILE = {"input_pusd": 120_000, "cached_pusd": 60_000, "output_pusd": 480_000}
"""What ``otel.yaml`` says."""


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder with ``opentelemetry-instrument``."""
    return environment("zero-code", REQUIREMENTS, extras=["otlp"]).parent


@contextmanager
def over_grpc(receiver: Receiver) -> Iterator[str]:
    """Receive OTLP over gRPC on a free port; the value is the endpoint."""
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415 -- a large library, for this alone
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages  # noqa: PLC0415
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services  # noqa: PLC0415

    class Traces(services.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 -- of the interface
            receiver.take(request)
            return messages.ExportTraceServiceResponse()

    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        services.add_TraceServiceServicer_to_server(Traces(), server)  # type: ignore[no-untyped-call]  # generated
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


Received = Callable[[Receiver], AbstractContextManager[str]]
RECEIVERS: dict[str, Received] = {"grpc": over_grpc, "http/protobuf": Receiver.running}


class Service:
    """The running application."""

    def __init__(self, port: int) -> None:
        self._port = port

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            return self._call("GET", "/openapi.json")[0] == 200
        except (OSError, HTTPException):
            return False

    def ask(self, text: str, session_id: str | None = None) -> dict[str, Any]:
        """One request of a chat."""
        headers = {"baggage": f"session.id={session_id}"} if session_id else {}
        status, body = self._call("POST", "/chat", {"text": text}, headers)
        assert 200 == status
        return dict(body)

    def _call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=300)
        try:
            sent = json.dumps(body) if body is not None else None
            connection.request(method, path, sent, {"Content-Type": "application/json", "Connection": "close", **(headers or {})})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@contextmanager
def serving(programs: Path, log: Path, **more: str) -> Iterator[Service]:
    """The application under ``opentelemetry-instrument``, stopped as by Ctrl-C at the end."""
    port = free_port()
    command = [
        programs / "opentelemetry-instrument",
        programs / "uvicorn",
        "app:app",
        "--app-dir",
        ZERO_CODE,
        "--port",
        str(port),
    ]
    service = Service(port)
    with log.open("w+", encoding="utf-8") as file:
        process = subprocess.Popen(  # noqa: S603
            [str(part) for part in command], env=_variables(programs, **more), stdout=file, stderr=file, start_new_session=True
        )
        try:
            wait_until(lambda: service.is_up() or process.poll() is not None)
            yield service
            process.send_signal(signal.SIGINT)
            assert process.wait(STOP_SECONDS) in {0, 130, -signal.SIGINT}
        except BaseException:
            file.seek(0)
            print(file.read())  # noqa: T201 -- shown with the failure
            raise
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _variables(programs: Path, **more: str) -> dict[str, str]:
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    return variables(PATH=path, OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none", OPENAI_API_KEY="x", **more)


def _run(programs: Path, code: str, folder: Path | None = None, /, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python under ``opentelemetry-instrument``, in a folder."""
    command = [str(programs / "opentelemetry-instrument"), str(programs / "python"), "-c", code]
    return subprocess.run(  # noqa: S603
        command, env=_variables(programs, **more), capture_output=True, encoding="utf-8", timeout=300, check=False, cwd=folder
    )


def _roots(receiver: Receiver) -> list[ReceivedSpan]:
    return [span for span in receiver.spans if span.name == "POST /chat"]


def _checked(receiver: Receiver, usage: Any, price: dict[str, int]) -> None:
    """Two requests of one chat and one without a session arrived, with what the model served in all."""
    roots = _roots(receiver)
    assert [2, 2, 2] == [root.attributes[n.NUM_MODEL_EVENTS] for root in roots]
    assert ["chat-42", "chat-42", None] == [root.attributes.get(n.SESSION_ID) for root in roots]
    assert usage.total_tokens == sum(root.attributes[n.TOTAL_TOKENS] for root in roots)  # type: ignore[misc]
    assert usage.cached_tokens == sum(root.attributes[n.CACHE_READ_TOKENS] for root in roots)  # type: ignore[misc]
    cost = sum(root.attributes[n.COST] for root in roots)  # type: ignore[misc]
    assert cost_usd(usage, **price) == pytest.approx(cost, abs=1e-12)
    assert not any(root.attributes.get(n.PARTIAL) for root in roots)
    (record,) = (span for span in receiver.spans if span.name == n.SESSION_SPAN)
    assert ("chat-42", 2, 4) == tuple(record.attributes[name] for name in (n.SESSION_ID, n.NUM_TRACES, n.NUM_MODEL_EVENTS))
    assert len(receiver.spans) == len({span.span_id for span in receiver.spans})


class TestEnvironment:
    """``OTEL_TRACES_EXPORTER=session_agg``."""

    @pytest.mark.parametrize("protocol", RECEIVERS)
    def test_service(self, programs: Path, tmp_path: Path, protocol: str) -> None:
        """A service has totals on the roots of its requests, and a record of the chat whose id came in baggage."""
        receiver = Receiver()
        with model_server().running() as model, RECEIVERS[protocol](receiver) as endpoint:
            with serving(
                programs,
                tmp_path / "log",
                OPENAI_BASE_URL=model.base_url,
                OTEL_TRACES_EXPORTER="session_agg",
                OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
                OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
                OTEL_PYTHON_SESSION_AGG_TRUST_BAGGAGE="true",
            ) as service:
                for session_id in ("chat-42", "chat-42", None):
                    service.ask("What is a rollup?", session_id)
            _checked(receiver, model.usage(), GPT_4O_MINI)

    def test_console(self, programs: Path) -> None:
        """Another exporter is named by a variable."""
        ran = _run(programs, SCRIPT, OTEL_TRACES_EXPORTER="session_agg", OTEL_PYTHON_SESSION_AGG_EXPORTER="console")
        assert (0, 30) == (ran.returncode, json.loads(ran.stdout.split("\n}\n")[1] + "\n}")["attributes"][n.TOTAL_TOKENS])

    def test_summary(self, programs: Path) -> None:
        """While developing, one line for each root is printed."""
        ran = _run(programs, SCRIPT, OTEL_TRACES_EXPORTER="session_agg", OTEL_PYTHON_SESSION_AGG_EXPORTER="summary")
        (line,) = ran.stdout.splitlines()
        assert ["root", "0.000009 USD", "30 tokens", "1 call"] == line.split("  ")[1:5]
        assert (0, "") == (ran.returncode, ran.stderr)

    @pytest.mark.parametrize("by_file", [False, True])
    def test_totals_before_sampling(self, programs: Path, tmp_path: Path, by_file: bool) -> None:  # noqa: FBT001 -- of the table
        """With the sampler that is named by the environment, or in a file, unsampled traces are counted and not exported."""
        chosen = {"OTEL_TRACES_EXPORTER": "session_agg", "OTEL_TRACES_SAMPLER": "session_agg_record_unsampled"}
        if by_file:
            text = 'file_format: "1.0"\ntracer_provider: {sampler: {session_agg_record_unsampled: }, processors: [{batch: {exporter: '
            (tmp_path / "otel.yaml").write_text(f"{text}{{session_agg: {{exporter: summary}}}}}}}}]}}", "utf-8")
            chosen = {"OTEL_CONFIG_FILE": "otel.yaml"}
        code = f"from otel_session_agg import session\nwith session('s'):\n  for _ in range(3):\n    {SCRIPT.replace(chr(10), chr(10) + '    ')}"
        ran = _run(programs, code, tmp_path, **chosen, OTEL_TRACES_SAMPLER_ARG="0", OTEL_PYTHON_SESSION_AGG_EXPORTER="summary")
        assert (0, False) == (ran.returncode, "Traceback" in ran.stderr), ran.stderr
        (line,) = ran.stdout.splitlines()
        assert ["session", "s", "0.000027 USD", "90 tokens", "3 calls"] == line.split("  ")[1:6]
        assert "3 traces" in line

    def test_wrong_exporter(self, programs: Path) -> None:
        """A name that leads nowhere is logged, and the application goes on."""
        ran = _run(programs, SCRIPT, OTEL_TRACES_EXPORTER="session_agg", OTEL_PYTHON_SESSION_AGG_EXPORTER="nowhere")
        assert 0 == ran.returncode
        assert "there is no exporter 'nowhere'" in ran.stderr

    def test_only_installed(self, programs: Path) -> None:
        """Being installed changes nothing: not even imported, when another exporter is named."""
        code = "import sys; print([name for name in sys.modules if name.startswith('otel_session_agg')])"
        ran = _run(programs, code, OTEL_TRACES_EXPORTER="console")
        assert (0, "[]") == (ran.returncode, ran.stdout.strip())

    def test_force_flush(self, programs: Path) -> None:
        """``force_flush`` of the provider, as platforms that freeze processes call it, leaves nothing behind."""
        code = f"{SCRIPT}\nassert trace.get_tracer_provider().force_flush()\nimport os\nos._exit(0)"
        receiver = Receiver()
        with receiver.running() as endpoint:
            ran = _run(
                programs,
                code,
                OTEL_TRACES_EXPORTER="session_agg",
                OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
                OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            )
        assert 0 == ran.returncode, ran.stderr
        assert [None, 30] == [span.attributes.get(n.TOTAL_TOKENS) for span in receiver.spans]

    def test_help(self, programs: Path) -> None:
        """All settings are listed by ``opentelemetry-instrument --help``."""
        command = [str(programs / "opentelemetry-instrument"), "--help"]
        ran = subprocess.run(  # noqa: S603
            command, env=_variables(programs), capture_output=True, encoding="utf-8", timeout=300, check=True
        )
        for name in ("linger", "exporter", "store", "trust_baggage"):
            assert f"--session_agg_{name}" in ran.stdout


SCRIPT = """
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span("root"):
    with trace.get_tracer("app").start_as_current_span("chat") as span:
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"})
        span.set_attributes({"gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 10})
""".strip()
"""What an instrumented library does, in small."""


class TestFile:
    """``OTEL_CONFIG_FILE``."""

    def test_service(self, programs: Path, tmp_path: Path) -> None:
        """The same by a file, over OTLP/HTTP, with the settings and prices that stand in it."""
        receiver = Receiver()
        with model_server().running() as model, receiver.running() as endpoint:
            with serving(
                programs,
                tmp_path / "log",
                OPENAI_BASE_URL=model.base_url,
                OTEL_CONFIG_FILE=str(ZERO_CODE / "otel.yaml"),
                OTLP_ENDPOINT=endpoint,
            ) as service:
                for session_id in ("chat-42", "chat-42", None):
                    service.ask("What is a rollup?", session_id)
            _checked(receiver, model.usage(), OF_THE_FILE)
        assert {"chat"} == {span.resource["service.name"] for span in receiver.spans}

    def test_service_over_grpc(self, programs: Path, tmp_path: Path) -> None:
        """And over gRPC."""
        file = tmp_path / "otel.yaml"
        text = (ZERO_CODE / "otel.yaml").read_text("utf-8")
        file.write_text(text.replace("otlp_http", "otlp_grpc").replace("/v1/traces", ""), "utf-8")
        receiver = Receiver()
        with model_server().running() as model, over_grpc(receiver) as endpoint:
            with serving(
                programs,
                tmp_path / "log",
                OPENAI_BASE_URL=model.base_url,
                OTEL_CONFIG_FILE=str(file),
                OTLP_ENDPOINT=endpoint,
            ) as service:
                for session_id in ("chat-42", "chat-42", None):
                    service.ask("What is a rollup?", session_id)
            _checked(receiver, model.usage(), OF_THE_FILE)

    def test_of_the_readme(self, programs: Path, tmp_path: Path) -> None:
        """The file in the folder's README works as it stands there; only the receiver's port is another one here."""
        readme = (ZERO_CODE / "README.md").read_text("utf-8")
        (text,) = re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)
        receiver = Receiver()
        with receiver.running() as endpoint:
            assert "http://localhost:4318/" in text
            (tmp_path / "otel.yaml").write_text(text.replace("http://localhost:4318", endpoint), "utf-8")
            ran = _run(programs, SCRIPT.replace("gpt-4o-mini", "my-model-7"), tmp_path, OTEL_CONFIG_FILE="otel.yaml")
        assert (0, False) == (ran.returncode, "Traceback" in ran.stderr), ran.stderr
        root = next(span for span in receiver.spans if span.name == "root")
        assert (30, 0.00001) == (root.attributes[n.TOTAL_TOKENS], root.attributes[n.COST])
        assert (tmp_path / "sessions.db").exists()

    def test_wrong_store(self, programs: Path) -> None:
        """A store of the environment that is none is logged, and there are totals all the same."""
        ran = _run(
            programs,
            SCRIPT,
            OTEL_TRACES_EXPORTER="session_agg",
            OTEL_PYTHON_SESSION_AGG_EXPORTER="console",
            OTEL_PYTHON_SESSION_AGG_STORE="foo://",
            OTEL_PYTHON_SESSION_AGG_LINGRE="1",
        )
        assert "OTEL_PYTHON_SESSION_AGG_STORE: no store is named 'foo://'" in ran.stderr
        assert 1 == ran.stderr.count("did you mean OTEL_PYTHON_SESSION_AGG_LINGER?")
        assert (0, 1) == (ran.returncode, ran.stdout.count('"metadata.total_tokens": 30'))

    def test_wrong_setting(self, programs: Path, tmp_path: Path) -> None:
        """A setting that is not allowed is named, and the application goes on."""
        file = tmp_path / "otel.yaml"
        file.write_text(
            (ZERO_CODE / "otel.yaml").read_text("utf-8").replace("linger_seconds: 2", "linger_seconds: soon"), "utf-8"
        )
        ran = _run(programs, SCRIPT, OTEL_CONFIG_FILE=str(file))
        assert 0 == ran.returncode
        assert "linger_seconds='soon' is not allowed" in ran.stderr


class TestAlone:
    """The exporter where the tests run."""

    def test_entry_point(self) -> None:
        """It is registered under its name, in an environment without anything of OpenTelemetry's set-up."""
        code = "from importlib.metadata import entry_points as e; print(e(group='opentelemetry_traces_exporter', name='session_agg'))"
        assert "SessionSpanExporter" in printed(code)
