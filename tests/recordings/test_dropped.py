"""Spans that lose attributes to the SDK's limit, as a long chat makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import (
    Budget,
    BudgetExceeded,
    SessionRecord,
    SessionSpanExporter,
    SessionSpanProcessor,
    Settings,
    end_session,
    session,
)
from otel_session_agg._cli.demo.server import ModelServer, Reply, scripted
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, App, below

PROMPT, COMPLETION = 7000, 30
MESSAGES = [{"role": ("user", "assistant")[number % 2], "content": f"message {number}"} for number in range(100)]
MESSAGES.append({"role": "user", "content": "go on"})


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    """A client of a model server on loopback, with OpenInference's instrumentation and a provider that is global."""
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    server = ModelServer(scripted({"go on": Reply("Yes.", PROMPT, COMPLETION, latency_ms=1)}))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    with (
        server.running() as url,
        openai.OpenAI(
            base_url=f"{url}/v1", api_key="none", max_retries=0, http_client=openai.DefaultHttpxClient(trust_env=False)
        ) as made,
    ):
        yield made
    instrumentor.uninstrument()
    provider.shutdown()


class Door:
    """One of the ways in, behind the global provider."""

    def __init__(self, door: str) -> None:
        self.sent = RecordingExporter()
        self.records: list[SessionRecord] = []
        more: Any = {"settings": Settings(), "on_session": self.records.append}
        provider: Any = trace.get_tracer_provider()
        if door == "processor":
            provider.add_span_processor(SessionSpanProcessor(SimpleSpanProcessor(self.sent), **more))
        else:
            exporter = SessionSpanExporter(self.sent, **more)
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            exporter._context_processor.attach()

    def shut_down(self) -> dict[str, Any]:
        """Everything leaves; the attributes of the only root."""
        trace.get_tracer_provider().shutdown()  # type: ignore[attr-defined]  # it is the SDK's
        [root] = [span for span in self.sent.roots if span.name != "session"]
        return dict(root.attributes or {})


def ask(client: openai.OpenAI) -> None:
    """One call at the end of a long chat."""
    client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)  # type: ignore[arg-type]  # they are plain


class TestLongChat:
    """A hundred messages through the real instrumentation."""

    @pytest.mark.parametrize("door", ["processor", "exporter"])
    @pytest.mark.parametrize("is_below", [True, False])
    def test_block(self, door: str, is_below: bool, client: openai.OpenAI) -> None:  # noqa: FBT001 -- pytest's way
        """Inside a block all of it is in the session, although no span says so in the end."""
        made = Door(door)
        with session("s", budget=Budget(total_tokens=PROMPT)) as block:
            if is_below:
                with trace.get_tracer("app").start_as_current_span("request"):
                    ask(client)
            else:
                ask(client)
            if door == "processor":
                with pytest.raises(BudgetExceeded):
                    block.check()
        root = made.shut_down()
        [call] = [span for span in made.sent.spans if span.dropped_attributes]
        assert is_below == (root.get("session.id") is not None and "session.id" not in (call.attributes or {}))
        assert ("s", PROMPT + COMPLETION, None) == tuple(
            root.get(name) for name in ("session.id", "metadata.total_tokens", "metadata.partial")
        )
        [record] = made.records
        assert ("s", 1, PROMPT + COMPLETION) == (record.session_id, record.num_traces, record.rollup.total_tokens)
        assert (record.rollup.cost_usd or 0) > 0

    @pytest.mark.parametrize("door", ["processor", "exporter"])
    def test_without_block(self, door: str, client: openai.OpenAI) -> None:
        """Outside of one the root says that its session may be lost, and nothing else is."""
        made = Door(door)
        ask(client)
        root = made.shut_down()
        assert (True, "dropped_attributes", PROMPT + COMPLETION) == tuple(
            root.get(f"metadata.{name}") for name in ("partial", "partial_reason", "total_tokens")
        )


class TestLost:
    """What roots and counters say of it."""

    @pytest.fixture
    def limited(self, make: Callable[..., App]) -> App:
        """An application whose spans keep eight attributes."""
        app = make()
        app.provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=8), shutdown_on_exit=False)
        app.provider.add_span_processor(app.processor)
        app.tracer = app.provider.get_tracer("tests")
        return app

    @staticmethod
    def _more(number: int) -> dict[str, Any]:
        return {f"message.{index}": index for index in range(number)}

    @pytest.mark.parametrize(
        ("number", "named", "expected", "counted"),
        [
            (4, True, None, 0),
            (5, True, None, 1),  # the operation is lost: model and usage still tell of a call, which is in the root's session
            (6, True, "dropped_attributes", 1),  # the model, too
            (8, True, None, 0),  # nothing is left that could be a call
            (4, False, None, 0),
            (5, False, "dropped_attributes", 1),
        ],
    )
    def test_root(self, number: int, named: bool, expected: str | None, counted: int, limited: App) -> None:  # noqa: FBT001 -- pytest's way
        """A root says so when something that decides may be lost, and only then; what may be is counted."""
        with limited.tracer.start_as_current_span("request", attributes={"session.id": "s"} if named else {}):
            limited.tracer.start_span("chat", attributes={**CALL, **self._more(number)}).end()
        limited.flush()
        root = limited.attributes("request")
        assert (expected, expected and True) == (root.get("metadata.partial_reason"), root.get("metadata.partial"))
        assert counted == limited.span_worker.pipeline.engine.unread["dropped_attributes"]

    def test_lost_session_of_a_root(self, limited: App) -> None:
        """A root that may have lost the session says so when there is something to tell; others do not."""
        for name, number in (("request", 1), ("idle", 0)):
            with limited.tracer.start_as_current_span(name, attributes={"session.id": "s", **self._more(8)}):
                for _ in range(number):
                    limited.call()
        limited.flush()
        assert ["dropped_attributes", None] == [
            limited.attributes(name).get("metadata.partial_reason") for name in ("request", "idle")
        ]


class TestNothing:
    """Sessions in which nothing has happened."""

    def test_record(self, make: Callable[..., App]) -> None:
        """Their record has neither cost nor tokens."""
        app = make(session_records=True)
        with session("s"):
            app.tracer.start_span("request").end()
        end_session("s")
        app.flush()
        assert not {"metadata.cost", "metadata.total_tokens"} & app.attributes("session").keys()
        assert 1 == app.attributes("session")["metadata.num_traces"]


class TestLive:
    """Totals on open roots that are nearly full."""

    @pytest.mark.parametrize("number", [20, 100, 112, 120, 127, 128])
    def test_own_attributes_stay(self, number: int, make: Callable[..., App]) -> None:
        """The application's attributes stay, also those that it sets afterwards, as far as they fit by themselves."""
        app = make(live=True)
        more = {f"own.{index}": index for index in range(number - 1)}
        later = {f"later.{index}": index for index in range(min(10, 128 - number))}
        with app.tracer.start_as_current_span("request", attributes={"session.id": "s", **more}) as root:
            app.call()
            app.call()
            root.set_attributes(later)
            app.call()
        assert isinstance(root, ReadableSpan)
        own = {"session.id": "s", **more, **later}
        assert own.items() <= dict(root.attributes or {}).items()
        assert 0 == root.dropped_attributes
        expected = (60.0, 45) if number <= 108 else (None, None)
        assert expected == tuple((root.attributes or {}).get(f"metadata.{name}") for name in ("cost", "total_tokens"))

    def test_no_limit(self, make: Callable[..., App]) -> None:
        """Without a limit everything is written."""
        app = make(live=True)
        app.provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=SpanLimits.UNSET), shutdown_on_exit=False)
        app.provider.add_span_processor(app.processor)
        root = app.provider.get_tracer("tests").start_span("request", attributes={f"own.{index}": index for index in range(200)})
        app.provider.get_tracer("tests").start_span("chat", below(root), attributes=CALL).end()
        root.end()
        assert isinstance(root, ReadableSpan)
        assert 15 == (root.attributes or {})["metadata.total_tokens"]
