"""The demo command: its model server, its receiver, and the whole of it in a process of its own."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import openai
import pytest
import requests
from genai_prices import Usage, calc_price
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_session_agg import attributes as n
from otel_session_agg._cli import app
from otel_session_agg._cli import demo as _demo
from otel_session_agg._cli.demo import EndpointError, Outcome
from otel_session_agg._cli.demo import backend as _backend
from otel_session_agg._cli.demo.agents import CONTRACT, RESEARCH, SESSIONS, WEATHER
from otel_session_agg._cli.demo.backend import Backend, traces_url
from otel_session_agg._cli.demo.check import differences
from otel_session_agg._cli.demo.loopback import Handler, serve
from otel_session_agg._cli.demo.receiver import Receiver
from otel_session_agg._cli.demo.script import SCRIPT
from otel_session_agg._cli.demo.server import SESSION_HEADER, ModelServer, Reply, Served, scripted
from otel_session_agg._cli.demo.show import show
from tests.support.scripts import command_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

REPLIES = {
    "hello": Reply("Good morning to you.", 1500, 20, cached_tokens=1024, reasoning_tokens=8, latency_ms=1),
    "weather?": Reply('{"city": "Oslo"}', 100, 10, tool="get_forecast", latency_ms=1),
    "embed me": Reply("", 9, 0, latency_ms=1),
    "me too": Reply("", 4, 0, latency_ms=1),
}

NOBODY_LISTENS = "http://127.0.0.1:1"


@pytest.fixture(name="model_server")
def _model_server() -> ModelServer:
    return ModelServer(scripted(REPLIES))


@pytest.fixture(name="model_url")
def _model_url(model_server: ModelServer) -> Iterator[str]:
    with model_server.running() as url:
        yield url


@pytest.fixture(name="client")
def _client(model_url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{model_url}/v1",
        api_key="not-a-key",
        default_headers={SESSION_HEADER: "s1"},
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    ) as client:
        yield client


@pytest.fixture(name="spans")
def _spans() -> list[ReadableSpan]:
    """Make a root and its child, as an SDK hands them to an exporter."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "s"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("scope")
    attributes: dict[str, Any] = {"s": "text", "b": True, "i": 7, "d": 0.5, "a": ["x", "y"]}
    with tracer.start_as_current_span("root", attributes=attributes), tracer.start_as_current_span("child"):
        pass
    return list(memory.get_finished_spans())


@pytest.fixture(name="outcome", scope="module")
def _outcome() -> Outcome:
    return _demo.run()


def user(text: str) -> Any:
    """Messages of one user turn."""
    return [{"role": "user", "content": text}]


def direct() -> requests.Session:
    """Make a session that goes to loopback whatever proxies the environment names."""
    session = requests.Session()
    session.trust_env = False
    return session


def demo(*arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, its output in a pipe."""
    return command_line("demo", *arguments, env={**os.environ, **(variables or {})})


class TestModelServer:
    """The real client against the stub."""

    def test_answers_a_chat(self, client: openai.OpenAI, model_server: ModelServer) -> None:
        """The real client reads text, dated model and all token counts."""
        answer = client.chat.completions.create(model="gpt-4o", messages=user("hello"))

        assert "Good morning to you." == answer.choices[0].message.content
        assert "gpt-4o-2024-08-06" == answer.model
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        assert answer.usage.completion_tokens_details is not None
        assert (1500, 20, 1520) == (
            answer.usage.prompt_tokens,
            answer.usage.completion_tokens,
            answer.usage.total_tokens,
        )
        assert 1024 == answer.usage.prompt_tokens_details.cached_tokens
        assert 8 == answer.usage.completion_tokens_details.reasoning_tokens
        assert [Served("s1", "chat", "gpt-4o-2024-08-06", 1500, 20, 1024, 8)] == model_server.served

    def test_streams_a_chat(self, client: openai.OpenAI) -> None:
        """The words come in pieces and the usage in a last chunk without choices."""
        chunks = list(
            client.chat.completions.create(
                model="gpt-4o", messages=user("hello"), stream=True, stream_options={"include_usage": True}
            )
        )

        assert "Good morning to you." == "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        assert ["stop"] == [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
        assert [] == chunks[-1].choices
        assert chunks[-1].usage is not None
        assert 1520 == chunks[-1].usage.total_tokens

    def test_streams_without_usage_unless_asked(self, client: openai.OpenAI) -> None:
        """As with OpenAI, a stream says nothing about tokens unless `include_usage` is set."""
        chunks = list(client.chat.completions.create(model="gpt-4o", messages=user("hello"), stream=True))

        assert {None} == {chunk.usage for chunk in chunks}

    def test_calls_a_tool(self, client: openai.OpenAI) -> None:
        """A reply with a tool is a tool call, without content."""
        choice = client.chat.completions.create(model="gpt-4o", messages=user("weather?")).choices[0]

        assert ("tool_calls", None) == (choice.finish_reason, choice.message.content)
        (call,) = choice.message.tool_calls or []
        assert call.type == "function"
        assert ("get_forecast", '{"city": "Oslo"}') == (call.function.name, call.function.arguments)

    def test_streams_a_tool_call(self, client: openai.OpenAI) -> None:
        """Name and arguments of a streamed tool call come in pieces of one index."""
        chunks = client.chat.completions.create(model="gpt-4o", messages=user("weather?"), stream=True)
        pieces = [piece.function for chunk in chunks for piece in chunk.choices[0].delta.tool_calls or []]

        assert "get_forecast" == "".join(piece.name or "" for piece in pieces if piece)
        assert '{"city": "Oslo"}' == "".join(piece.arguments or "" for piece in pieces if piece)

    def test_embeds(self, client: openai.OpenAI, model_server: ModelServer) -> None:
        """Vectors are the same whether the client asks for base64, its default, or for numbers."""
        packed = client.embeddings.create(model="text-embedding-3-small", input=["embed me", "me too"])
        plain = client.embeddings.create(model="text-embedding-3-small", input="embed me", encoding_format="float")

        assert pytest.approx(plain.data[0].embedding) == packed.data[0].embedding
        assert [0, 1] == [item.index for item in packed.data]
        assert (13, 9) == (packed.usage.prompt_tokens, plain.usage.prompt_tokens)
        assert [13, 9] == [served.prompt_tokens for served in model_server.served]

    def test_answers_what_is_not_in_the_script(self, client: openai.OpenAI) -> None:
        """Unknown messages get an answer with figures of their own; unknown models are named as asked."""
        short, long = (client.chat.completions.create(model="acme-1", messages=user(text)) for text in ("a" * 8, "b" * 80))

        assert f"You said: {'a' * 8}" == short.choices[0].message.content
        assert "acme-1" == short.model
        assert short.id != long.id
        assert short.usage is not None
        assert long.usage is not None
        assert short.usage.prompt_tokens < long.usage.prompt_tokens

    def test_refuses_unknown_urls(self, client: openai.OpenAI) -> None:
        """The client gets OpenAI's shape of an error."""
        with pytest.raises(openai.NotFoundError, match="Unknown request URL: POST /v1/moderations"):
            client.moderations.create(input="hello")

    @pytest.mark.parametrize("body", [b"{", b"{}", b'{"messages": []}', b"[]"])
    def test_refuses_what_is_not_a_request(self, model_url: str, body: bytes) -> None:
        """A damaged request is answered, not dropped."""
        response = direct().post(f"{model_url}/v1/chat/completions", data=body, timeout=5)

        assert HTTPStatus.BAD_REQUEST == response.status_code
        assert "invalid_request_error" == response.json()["error"]["type"]


class TestScript:
    """The figures that the demo counts with."""

    def test_tool_calls_have_json_arguments(self) -> None:
        """The client leaves the arguments as text; agents parse them."""
        assert all(isinstance(json.loads(reply.text), dict) for reply in SCRIPT.values() if reply.tool)

    def test_details_are_parts_of_the_whole(self) -> None:
        """Cached tokens are prompt tokens, reasoning tokens are completion tokens."""
        for reply in SCRIPT.values():
            assert reply.cached_tokens <= reply.prompt_tokens
            assert reply.reasoning_tokens <= reply.completion_tokens

    def test_figures_differ(self) -> None:
        """No two answers count the same, so a sum that leaves one out or takes one twice is seen."""
        figures = [(reply.prompt_tokens, reply.completion_tokens) for reply in SCRIPT.values()]

        assert len(set(figures)) == len(figures)


class TestReceiver:
    """The real exporter against the receiver."""

    @pytest.mark.parametrize("compression", list(Compression))
    def test_takes_what_an_exporter_sends(self, spans: list[ReadableSpan], compression: Compression) -> None:
        """Spans arrive whole, however they are packed."""
        receiver = Receiver()
        with receiver.running() as url:
            exporter = OTLPSpanExporter(f"{url}/v1/traces", compression=compression, session=direct())
            assert SpanExportResult.SUCCESS is exporter.export(spans)
            exporter.shutdown()  # type: ignore[no-untyped-call]  # not annotated in the SDK

        child, root = receiver.spans
        assert ("root", "child") == (root.name, child.name)
        assert ("", root.span_id) == (root.parent_span_id, child.parent_span_id)
        assert root.trace_id == child.trace_id == f"{spans[0].context.trace_id:032x}"
        assert {"s": "text", "b": True, "i": 7, "d": 0.5, "a": ["x", "y"]} == root.attributes
        assert (spans[1].start_time, spans[1].end_time) == (root.start_ns, root.end_ns)
        assert ("scope", {"service.name": "s"}) == (root.scope, root.resource)

    @pytest.mark.parametrize(
        ("path", "headers", "body", "status"),
        [
            ("/v1/logs", {}, b"", HTTPStatus.NOT_FOUND),
            ("/v1/traces", {"Content-Type": "application/json"}, b"{}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
            ("/v1/traces", {}, b"\xff", HTTPStatus.BAD_REQUEST),
            ("/v1/traces", {"Content-Encoding": "gzip"}, b"not packed", HTTPStatus.BAD_REQUEST),
            ("/v1/traces", {"Content-Length": str(2**40)}, b"", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ],
    )
    def test_refuses_everything_else(self, path: str, headers: dict[str, str], body: bytes, status: HTTPStatus) -> None:
        """What is not a request of an OTLP exporter gets the status that says so, and nothing is kept."""
        receiver = Receiver()
        with receiver.running() as url:
            response = direct().post(
                f"{url}{path}", headers={"Content-Type": "application/x-protobuf", **headers}, data=body, timeout=5
            )

        assert status == response.status_code
        assert [] == receiver.spans


class TestTracesUrl:
    """Where spans are sent for what the reader typed."""

    @pytest.mark.parametrize(
        ("endpoint", "expected"),
        [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://host/otel", "https://host/otel/v1/traces"),
            ("https://host/otel/v1/traces", "https://host/otel/v1/traces"),
            ("https://host/api/v0.2/traces?k=v", "https://host/api/v0.2/traces?k=v"),
        ],
    )
    def test_completes_a_base_url(self, endpoint: str, expected: str) -> None:
        """A base URL gets the path of the OTLP specification, a URL of a traces endpoint is left alone."""
        assert expected == traces_url(endpoint)

    @pytest.mark.parametrize("endpoint", ["", "localhost:4318", "grpc://localhost:4317", "http://", "http://[::1", "http://h:x"])
    def test_refuses_what_is_no_http_url(self, endpoint: str) -> None:
        """The text names the value and shows what is allowed."""
        with pytest.raises(EndpointError, match=r"is not an HTTP URL such as http://localhost:4318"):
            traces_url(endpoint)


class _Unwilling(Handler):
    def do_POST(self) -> None:
        """Refuse."""
        self.body()
        self.answer(HTTPStatus.UNAUTHORIZED, "text/plain", b"who are you?\n")


class TestBackend:
    """What is told of the reader's own backend."""

    def test_counts_what_was_taken(self, spans: list[ReadableSpan]) -> None:
        """There is no problem when everything was taken."""
        receiver = Receiver()
        with receiver.running() as url:
            backend = Backend(url)
            backend.export(spans)
            backend.shutdown()

        assert (2, None) == (backend.num_sent, backend.problem)

    def test_names_the_status(self, spans: list[ReadableSpan]) -> None:
        """A refusal is told with its HTTP status."""
        with serve(_Unwilling) as url:
            backend = Backend(url)
            backend.export(spans)

        assert "it answered HTTP 401 Unauthorized" == backend.problem

    def test_names_the_reason_of_the_operating_system(self, spans: list[ReadableSpan], monkeypatch: pytest.MonkeyPatch) -> None:
        """Of all the wrapping of a connection error only the cause is told."""
        monkeypatch.setattr(_backend, "_TIMEOUT_SECONDS", 0.5)  # less than a retry would wait for
        backend = Backend(NOBODY_LISTENS)
        with suppress(requests.ConnectionError):  # exporters before 1.40 let it out
            backend.export(spans)

        assert 2 == backend.num_failed
        assert os.strerror(errno.ECONNREFUSED) == backend.problem

    def test_is_a_problem_when_nothing_was_sent(self) -> None:
        """Silence is not success."""
        assert "nothing was accepted" == Backend(NOBODY_LISTENS).problem


class TestDifferences:
    """The check of the totals."""

    def test_none_when_all_is_equal(self, outcome: Outcome) -> None:
        """What the processor added up is what the server gave out."""
        assert [] == differences(outcome.roots, outcome.served)

    def test_tells_each_total(self, outcome: Outcome) -> None:
        """A call that was not counted shows in every total that it is part of."""
        told = differences(outcome.roots, [*outcome.served, Served(CONTRACT, "chat", "m", 1, 2, 0, 0)])

        assert [
            f"{CONTRACT}: metadata.num_model_events is 1, the server answered 2",
            f"{CONTRACT}: metadata.prompt_tokens is 1640, the server answered 1641",
            f"{CONTRACT}: metadata.completion_tokens is 34, the server answered 36",
            f"{CONTRACT}: metadata.total_tokens is 1674, the server answered 1677",
        ] == told

    def test_tells_missing_and_doubled_roots(self, outcome: Outcome) -> None:
        """Each session has to arrive once."""
        told = differences([*outcome.roots[1:], outcome.roots[1]], outcome.served)

        assert [
            f"{SESSIONS[0]}: 0 session roots arrived, one was expected",
            f"{SESSIONS[1]}: 2 session roots arrived, one was expected",
        ] == told


class TestRun:
    """What arrives in a run."""

    def test_every_session_has_its_root(self, outcome: Outcome) -> None:
        """The roots arrive with the sessions' ids, also where only a child knew it."""
        assert list(SESSIONS) == [root.attributes[n.SESSION_ID] for root in outcome.roots]

    def test_costs_are_those_of_the_price_list(self, outcome: Outcome) -> None:
        """The cost of a session is the sum over its calls, priced one by one; an unknown model leaves it unknown."""
        expected: dict[str, float] = defaultdict(float)
        for served in outcome.served:
            if served.session == CONTRACT:
                continue
            usage = Usage(
                input_tokens=served.prompt_tokens,
                output_tokens=served.completion_tokens or None,
                cache_read_tokens=served.cached_tokens or None,
            )
            expected[served.session] += float(calc_price(usage, served.model, provider_id="openai").total_price)
        actual = {root.attributes[n.SESSION_ID]: root.attributes.get(n.COST) for root in outcome.roots}

        assert {**{name: pytest.approx(cost) for name, cost in expected.items()}, CONTRACT: None} == actual

    def test_tells_unpriced_calls_and_errors(self, outcome: Outcome) -> None:
        """The unknown model is counted as unpriced, the failed tool as an error."""
        roots = {root.attributes[n.SESSION_ID]: root.attributes for root in outcome.roots}

        assert {CONTRACT: 1} == {name: a[n.NUM_UNPRICED_EVENTS] for name, a in roots.items() if n.NUM_UNPRICED_EVENTS in a}
        assert {WEATHER: 1} == {name: a[n.NUM_ERRORS] for name, a in roots.items() if n.NUM_ERRORS in a}
        assert "forecast service did not answer" in str(roots[WEATHER][n.ERROR])

    def test_waits_for_the_child_that_outlives_its_root(self, outcome: Outcome) -> None:
        """The session's end is the child's, not the root span's, and nothing is partial."""
        (root,) = (root for root in outcome.roots if root.attributes[n.SESSION_ID] == RESEARCH)
        last_end_ns = max(span.end_ns for span in outcome.spans if span.trace_id == root.trace_id)

        assert last_end_ns > root.end_ns
        assert last_end_ns // 1_000_000 == root.attributes[n.END_TIME]
        assert n.PARTIAL not in root.attributes

    def test_leaves_environment_and_client_as_they_were(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A run in an application's own process changes nothing there, and is changed by nothing."""
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        before = dict(os.environ), openai.OpenAI.request

        assert [] == _demo.run().differences
        assert before == (dict(os.environ), openai.OpenAI.request)


class TestShow:
    """What is printed when not all is well."""

    def test_tells_differences_and_what_was_logged(self, outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
        """When totals differ, the reader sees which, and gets no advice."""
        show(replace(outcome, differences=["s1: a is 1, the server answered 2"], warnings=["lib: lost a span"]))

        printed = capsys.readouterr().out
        assert "totals equal what the server answered: no\n  s1: a is 1, the server answered 2\n" in printed
        assert "  logged: lib: lost a span\n" in printed
        assert "--endpoint" not in printed

    def test_shortens_long_outputs(self, outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
        """An output is one line, whatever it is."""
        root = replace(outcome.roots[0], attributes={**outcome.roots[0].attributes, n.OUTPUTS: "very\nlong " * 40})
        show(replace(outcome, roots=[root]))

        (line,) = (line for line in capsys.readouterr().out.splitlines() if "very long" in line)
        assert line.endswith("...")
        assert len(line) <= 80


class TestCommand:
    """The command in a process of its own."""

    def test_shows_what_arrived(self) -> None:
        """All sessions are in the table, the totals hold, and 80 columns are enough."""
        done = demo()

        assert (0, "") == (done.returncode, done.stderr)
        assert "totals equal what the server answered: yes\n" in done.stdout
        assert [] == [session for session in SESSIONS if f"\n{session} " not in done.stdout]
        assert max(map(len, done.stdout.splitlines())) <= 80
        assert "\x1b" not in done.stdout

    def test_is_not_disturbed_by_the_environment(self) -> None:
        """Proxies, keys, limits and switches of the reader's own set-up change nothing, nor does a bare ASCII pipe."""
        done = demo(
            variables={
                "OTEL_SDK_DISABLED": "true",
                "OTEL_TRACES_SAMPLER": "always_off",
                "OTEL_BSP_MAX_QUEUE_SIZE": "1",
                "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "2",
                "OTEL_EXPORTER_OTLP_HEADERS": "damaged",
                "OTEL_EXPORTER_OTLP_COMPRESSION": "damaged",
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/nowhere",
                "OTEL_PYTHON_SESSION_AGG_LINGER": "damaged",
                "OPENAI_BASE_URL": NOBODY_LISTENS,
                "OPENAI_LOG": "debug",
                "OPENINFERENCE_HIDE_OUTPUTS": "true",
                **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"), NOBODY_LISTENS),
                "PYTHONIOENCODING": "ascii",
            }
        )

        assert (0, "") == (done.returncode, done.stderr)
        assert done.stdout.startswith("Note: OTEL_SDK_DISABLED is set.")
        assert "totals equal what the server answered: yes\n" in done.stdout

    def test_sends_to_a_backend(self) -> None:
        """The same spans go to the reader's backend, and the end tells where to look."""
        receiver = Receiver()
        with receiver.running() as url:
            done = demo("--endpoint", url, variables={"NO_PROXY": "127.0.0.1"})

        assert (0, "") == (done.returncode, done.stderr)
        assert f"\n{len(receiver.spans)} spans went to {url}/v1/traces.\n" in done.stdout
        ids = {span.attributes.get(n.SESSION_ID) for span in receiver.spans if not span.parent_span_id}
        assert set(SESSIONS) <= ids

    def test_says_that_a_backend_cannot_be_reached(self) -> None:
        """One plain sentence, no traceback, exit code 1."""
        done = demo("--endpoint", NOBODY_LISTENS, variables={"NO_PROXY": "127.0.0.1"})

        assert (1, "") == (done.returncode, done.stderr)
        assert done.stdout.startswith(f"Could not send to {NOBODY_LISTENS}/v1/traces: ")

    def test_says_that_an_endpoint_is_no_url(self) -> None:
        """A forgotten scheme is told at once."""
        done = demo("--endpoint", "localhost:4318")

        assert (1, "") == (done.returncode, done.stdout)
        assert done.stderr.startswith("'localhost:4318' is not an HTTP URL")

    @pytest.mark.parametrize("package", ["typer", "rich", "openai", "openinference"])
    def test_names_the_extra(self, package: str) -> None:
        """Without a package of the extra, the message says what to install."""
        code = f"import sys; sys.modules[{package!r}] = None; from otel_session_agg._cli.app import main; main()"
        done = subprocess.run(  # noqa: S603  our own interpreter and code
            [sys.executable, "-c", code, "demo"], capture_output=True, encoding="utf-8", timeout=300, check=False
        )

        assert (1, "") == (done.returncode, done.stdout)
        assert "pip install 'otel-session-agg[demo]'" in done.stderr
        assert "Traceback" not in done.stderr


class TestMain:
    """The command line in this process."""

    @staticmethod
    def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
        """Run the command line in this process."""
        monkeypatch.setattr(sys, "argv", ["otel-session-agg", *arguments])
        with pytest.raises(SystemExit) as exit_info:
            app.main()
        return exit_info.value.code

    def test_prints_the_version(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """`--version` prints the installed distribution's version and nothing else."""
        monkeypatch.setattr("importlib.metadata.version", {"otel-session-agg": "1.2.3"}.__getitem__)

        assert 0 == self.exit_code(monkeypatch, "--version")
        assert "1.2.3\n" == capsys.readouterr().out

    def test_fails_when_totals_differ(self, monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
        """A demo that does not add up does not pass for a success."""
        monkeypatch.setattr(_demo, "run", lambda _: replace(outcome, differences=["s1: wrong"]))

        assert 1 == self.exit_code(monkeypatch, "demo")

    def test_never_shows_a_traceback(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Whatever happens inside, the reader gets one line."""

        def fail(_: str | None) -> Outcome:
            message = "no port is free"
            raise OSError(message)

        monkeypatch.setattr(_demo, "run", fail)

        assert 1 == self.exit_code(monkeypatch, "demo")
        assert "The demo could not run: OSError: no port is free\n" == capsys.readouterr().err
