"""The exporter: totals from ended spans alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, ReadableSpan, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult

from otel_session_agg import (
    PriceBook,
    Rollup,
    SessionRecord,
    SessionSpanExporter,
    Settings,
    SettingsError,
    current_rollup,
    end_session,
    record_feedback,
    session,
)
from otel_session_agg._collections.deadlines import Phase
from otel_session_agg._trace import assembler
from otel_session_agg.stores.memory import MemoryStore
from otel_session_agg.testing import FakeClock, RecordingExporter, make_span
from tests.support.apps import CALL, DEADLINE_SECONDS, PRICES
from tests.support.builds import not_compiled
from tests.support.deadlines import next_deadline

pytestmark = pytest.mark.oldest_sdk

_NS = 1_000_000_000


class Face:
    """An exporter without a worker: its time is ``clock``, and ``tick`` is the worker's turn."""

    def __init__(self, sent: SpanExporter | None = None, *, store: Any = None, **settings: Any) -> None:
        self.sent = RecordingExporter() if sent is None else sent
        self.records: list[SessionRecord] = []
        self.clock = FakeClock(1000.0)
        self.exporter = SessionSpanExporter(
            self.sent, settings=Settings(**settings), store=store, prices=PRICES, on_session=self.records.append
        )
        self.span_worker = self.exporter._aggregator.span_worker
        self.span_worker.clock = self.clock
        self.span_worker.worker.thread = threading.current_thread()  # there is one already

    def export(self, *spans: ReadableSpan) -> SpanExportResult:
        """One batch."""
        return self.exporter.export(spans)

    def tick(self, seconds: float) -> None:
        """One turn of the worker, so many seconds later."""
        self.clock.tick(seconds)
        self.span_worker.turn()
        assert self.span_worker.callbacks.flush(time.monotonic() + DEADLINE_SECONDS)

    def totals(self, name: str = "root") -> dict[str, Any]:
        """What was written on the only exported span with this name."""
        (span,) = (span for span in self.sent.spans if span.name == name)  # type: ignore[attr-defined]
        return {key.removeprefix("metadata."): value for key, value in (span.attributes or {}).items()}

    def names(self) -> list[str]:
        """Exported spans, in order."""
        return [span.name for span in self.sent.spans]  # type: ignore[attr-defined]


@pytest.fixture
def make() -> Iterator[Callable[..., Face]]:
    """Make exporters, which are shut down at the end."""
    faces: list[Face] = []

    def made(*args: Any, **kwargs: Any) -> Face:
        faces.append(Face(*args, **kwargs))
        return faces[-1]

    yield made
    for face in faces:
        face.exporter.shutdown()


@pytest.fixture
def face(make: Callable[..., Face]) -> Face:
    """An exporter with the defaults."""
    return make()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """The global tracer provider of an application."""
    made = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made)
    yield made
    made.shutdown()


def call(span_id: int, parent_id: int | None, **more: Any) -> ReadableSpan:
    """A model call of 15 tokens and 20 dollars."""
    return make_span("chat", span_id=span_id, parent_id=parent_id, attributes=CALL, **more)


def root(span_id: int = 1, **more: Any) -> ReadableSpan:
    """A root."""
    return make_span("root", span_id=span_id, **more)


class TestRoots:
    """When roots leave, and with what."""

    def test_leaves_when_it_has_waited(self, face: Face) -> None:
        """What is below a root leaves at once, the root when it has waited, with its totals."""
        assert SpanExportResult.SUCCESS is face.export(call(2, 1), call(3, 1), root())
        assert ["chat", "chat"] == face.names()
        face.tick(4.9)
        assert ["chat", "chat"] == face.names()
        face.tick(0.2)
        assert ["chat", "chat", "root"] == face.names()
        totals = face.totals()
        assert (2, 2, 30, 40.0) == tuple(totals[k] for k in ("num_events", "num_model_events", "total_tokens", "cost"))
        assert "partial" not in totals

    def test_waits_for_late_children(self, face: Face) -> None:
        """What ends while the root waits is in its totals."""
        face.export(call(2, 1), root())
        face.tick(3)
        face.export(call(3, 1))
        face.tick(3)
        assert 30 == face.totals()["total_tokens"]

    def test_leaves_at_once_without_lingering(self, make: Callable[..., Face]) -> None:
        """Nothing waits where lingering is switched off."""
        face = make(linger_seconds=0)
        face.export(call(2, 1), root())
        assert ["chat", "root"] == face.names()
        assert 15 == face.totals()["total_tokens"]

    def test_children_of_long_roots(self, face: Face) -> None:
        """Children that ended long before their root are in its totals."""
        face.export(call(2, 1))
        face.tick(1500)
        face.export(call(3, 1))
        face.tick(1500)
        face.export(root())
        face.tick(6)
        assert (2, 30) == (face.totals()["num_events"], face.totals()["total_tokens"])

    def test_repeats_of_containers(self, face: Face) -> None:
        """An agent that repeats the sums of its calls counts once, in whatever batches it comes."""
        agent = make_span(
            "agent",
            span_id=2,
            parent_id=1,
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.usage.input_tokens": 20,
                "gen_ai.usage.output_tokens": 10,
            },
        )
        for span in (call(3, 2), call(4, 2), agent, root()):
            face.export(span)
        face.tick(6)
        assert (3, 2, 30) == tuple(face.totals()[k] for k in ("num_events", "num_model_events", "total_tokens"))

    def test_root_that_is_a_call(self, face: Face) -> None:
        """A call without anything above it is its own root."""
        face.export(call(1, None))
        face.tick(6)
        assert (1, 15) == (face.totals("chat")["num_events"], face.totals("chat")["total_tokens"])

    def test_after_it_left(self, face: Face) -> None:
        """What ends later still is forwarded at once, and a record of the session tells of it."""
        face.export(call(2, 1), root(attributes={"session.id": "s"}))
        face.tick(6)
        face.export(call(3, 1))
        assert ["chat", "root", "chat"] == face.names()
        face.exporter.shutdown()
        assert [("s", 30, 1)] == [(r.session_id, r.rollup.total_tokens, r.num_traces) for r in face.records]

    def test_after_it_left_in_any_order(self, face: Face) -> None:
        """A late span whose parent comes later still finds its way."""
        face.export(root(attributes={"session.id": "s"}))
        face.tick(6)
        face.export(call(3, 2))
        face.export(make_span("tool", span_id=2, parent_id=1))
        face.exporter.shutdown()
        assert [("s", 2, 15)] == [(r.session_id, r.rollup.num_events, r.rollup.total_tokens) for r in face.records]


class TestMissing:
    """What does not come."""

    def test_parent_that_never_comes(self, face: Face) -> None:
        """What hangs at a span that was dropped counts for the root that begins the trace, which is partial."""
        face.export(call(3, 2), root())
        face.tick(6)
        assert (15, True, "linger") == tuple(face.totals()[k] for k in ("total_tokens", "partial", "partial_reason"))

    def test_parent_that_comes_too_late(self, face: Face) -> None:
        """An agent that ends after its root and repeats its call does not count it again."""
        again = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
        face.export(call(3, 2), root(attributes={"session.id": "s"}))
        face.tick(6)
        face.export(make_span("agent", span_id=2, parent_id=1, attributes=again))
        face.exporter.shutdown()
        assert [("s", 2, 15, 20.0)] == [
            (r.session_id, r.rollup.num_events, r.rollup.total_tokens, r.rollup.cost_usd) for r in face.records
        ]

    def test_root_that_never_comes(self, make: Callable[..., Face]) -> None:
        """What has no root is in its session's totals when it has waited as long as a session does."""
        face = make(session_idle_seconds=60)
        face.export(make_span("chat", span_id=2, parent_id=1, attributes={**CALL, "session.id": "s"}))
        face.tick(50)
        face.export(call(3, 1))
        face.tick(59)
        assert [] == face.records
        for _ in range(4):
            face.tick(61)
        assert [("s", 30, "idle")] == [(r.session_id, r.rollup.total_tokens, r.end_reason) for r in face.records]

    def test_nothing_is_kept(self, face: Face) -> None:
        """When all has left, nothing of it is kept."""
        for number in range(100):
            face.export(call(2, 1, trace_id=number + 1), call(4, 3, trace_id=number + 1), root(trace_id=number + 1))
        face.tick(6)
        assembling = face.span_worker.pipeline.assembler
        assert isinstance(assembling, assembler.TraceAssembler)
        assert (0, {}, None) == (
            assembling.number,
            assembling._traces,
            next_deadline(face.span_worker.pipeline.deadlines, Phase.ASSEMBLING),
        )


class TestSeveralRoots:
    """One trace with several roots in this process."""

    def test_one_after_the_other(self, face: Face) -> None:
        """A service that one trace calls twice has two roots, each with its own totals."""
        far: dict[str, Any] = {"parent_id": 99, "remote_parent": True}
        face.export(call(2, 1, start_ns=1, end_ns=2), root(1, start_ns=0, end_ns=3, **far))
        face.export(call(12, 11, start_ns=5, end_ns=6), call(13, 11, start_ns=7, end_ns=8))
        face.tick(6)
        face.export(make_span("second", span_id=11, start_ns=4, end_ns=9 * _NS, **far))
        face.tick(6)
        assert (1, 2) == (face.totals()["num_events"], face.totals("second")["num_events"])

    def test_at_once(self, face: Face) -> None:
        """So does one that it calls twice at once, with steps of the longer one still open when the shorter one leaves."""
        far: dict[str, Any] = {"parent_id": 99, "remote_parent": True}
        face.export(call(2, 1, start_ns=2, end_ns=3), call(13, 12, start_ns=2, end_ns=3), root(1, start_ns=1, end_ns=4, **far))
        face.tick(6)
        face.export(make_span("step", span_id=12, parent_id=11, start_ns=1, end_ns=9))
        face.export(make_span("second", span_id=11, start_ns=1, end_ns=9, **far))
        face.tick(6)
        assert (1, 2) == (face.totals()["num_events"], face.totals("second")["num_events"])
        assert (True, 15) == (face.totals()["partial"], face.totals("second")["total_tokens"])  # truly: who knows whose step

    def test_calls_itself(self, face: Face) -> None:
        """The root that begins a trace has the totals of those below it in the same process."""
        inner = make_span("inner", span_id=5, parent_id=4, remote_parent=True)
        face.export(call(6, 5), inner, call(2, 1), make_span("request", span_id=4, parent_id=1), root())
        face.tick(6)
        assert (1, 30) == (face.totals("inner")["num_events"], face.totals()["total_tokens"])
        assert 4 == face.totals()["num_events"]  # the call, the request, the root in the middle and its call

    def test_a_carried_context(self, face: Face) -> None:
        """A span whose parent looks remote but came from this process is no root."""
        carried = make_span("streamed", span_id=3, parent_id=2, remote_parent=True, attributes=CALL, scope="logfire.openai")
        face.export(carried, make_span("chat", span_id=2, parent_id=1), root())
        face.tick(6)
        assert (2, 15) == (face.totals()["num_events"], face.totals()["total_tokens"])
        assert "num_events" not in face.totals("streamed")


class TestBounds:
    """What is too much."""

    def test_spans_of_a_trace(self, make: Callable[..., Face]) -> None:
        """A root with more spans than are kept has exact totals; nothing but counts is kept of them."""
        face = make(max_open_spans=50)
        for number in range(500):
            face.export(call(number + 2, 1))
        assert isinstance(face.span_worker.pipeline.assembler, assembler.TraceAssembler)
        assert face.span_worker.pipeline.assembler.number <= 50
        face.export(root())
        face.tick(6)
        assert (500, 7500, 10000.0) == tuple(face.totals()[k] for k in ("num_events", "total_tokens", "cost"))

    def test_spans_of_all_traces(self, make: Callable[..., Face], monkeypatch: pytest.MonkeyPatch) -> None:
        """So have all roots when there are more spans than are kept."""
        monkeypatch.setattr(assembler, "MAX_KEPT", 20)
        face = make()
        for number in range(100):
            face.export(call(2, 1, trace_id=number + 1))
        assert isinstance(face.span_worker.pipeline.assembler, assembler.TraceAssembler)
        assert face.span_worker.pipeline.assembler.number == 20
        for number in range(100):
            face.export(root(trace_id=number + 1))
        face.tick(6)
        roots = [span for span in face.sent.spans if span.name == "root"]  # type: ignore[attr-defined]
        assert [15] * 100 == [span.attributes["metadata.total_tokens"] for span in roots]

    def test_texts_of_all_traces(self, make: Callable[..., Face], monkeypatch: pytest.MonkeyPatch) -> None:
        """And when their texts are longer than what is kept."""
        monkeypatch.setattr(assembler, "MAX_KEPT_CHARS", 20_000)
        face = make()
        said = {**CALL, "output.value": "x" * 1000, "metadata": json.dumps({"a": "x" * 1000})}
        for number in range(100):
            face.export(make_span("n" * 100_000, trace_id=number + 1, span_id=2, parent_id=1, attributes=said))
        assert isinstance(face.span_worker.pipeline.assembler, assembler.TraceAssembler)
        assert 9 == face.span_worker.pipeline.assembler.number
        assert all(
            "" == kept.span.name
            for waiting in face.span_worker.pipeline.assembler._traces.values()
            for kept in waiting.spans.values()
        )
        for number in range(100):
            face.export(root(trace_id=number + 1))
        face.tick(6)
        roots = [span for span in face.sent.spans if span.name == "root"]  # type: ignore[attr-defined]
        assert [15] * 100 == [span.attributes["metadata.total_tokens"] for span in roots]

    def test_outputs(self, make: Callable[..., Face]) -> None:
        """Of what waits, no more of an output is kept than is written."""
        face = make(max_output_chars=100)
        said = {**CALL, "output.value": "x" * 1_000_000}
        face.export(make_span("chat", span_id=2, parent_id=1, attributes=said))
        (waiting,) = face.span_worker.pipeline.assembler._traces.values()  # type: ignore[union-attr]
        assert 100 >= len(str(waiting.spans[2].reading.output))
        face.export(root())
        face.tick(6)
        assert str(face.totals()["outputs"]).startswith("xxx")

    def test_a_ring_of_parents(self, face: Face) -> None:
        """Spans that are below each other are no trap."""
        face.export(call(2, 3), call(3, 2), root())
        face.tick(6)
        assert (2, True) == (face.totals()["num_events"], face.totals()["partial"])

    def test_the_same_span_again(self, face: Face) -> None:
        """A span that comes twice counts once, before its root leaves and after."""
        face.export(call(2, 1), call(2, 1), root(attributes={"session.id": "s"}))
        face.export(root(attributes={"session.id": "s"}))
        face.tick(6)
        face.export(call(2, 1), root())
        face.exporter.shutdown()
        assert ["chat", "chat", "root", "root", "chat", "root"] == [name for name in face.names() if name != "session"]
        assert [15] == [r.rollup.total_tokens for r in face.records]
        assert {"duplicate_span": 4} == dict(face.span_worker.pipeline.engine.ignored)


class _Failing(RecordingExporter):
    """An exporter whose backend is away."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)
        self.num_shut_down = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        answer = self.answers.pop(0) if self.answers else SpanExportResult.SUCCESS
        if isinstance(answer, BaseException):
            raise answer
        super().export(spans)
        return SpanExportResult(answer)

    def shutdown(self) -> None:
        self.num_shut_down += 1


class TestDownstream:
    """The exporter behind."""

    def test_result(self, make: Callable[..., Face]) -> None:
        """Its failure is the result, also when it raises; the next batch is not held up."""
        face = make(_Failing(SpanExportResult.FAILURE, ValueError("gone")))
        results = [face.export(call(number, 1)) for number in (2, 3, 4)]
        assert [SpanExportResult.FAILURE, SpanExportResult.FAILURE, SpanExportResult.SUCCESS] == results
        assert {"downstream on_end": 1} == face.span_worker.faults()

    def test_large_batches(self, make: Callable[..., Face]) -> None:
        """It gets no more at once than the batch processor gives."""
        sizes = []

        class Sizes(RecordingExporter):
            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                sizes.append(len(spans))
                return SpanExportResult.SUCCESS

        make(Sizes()).export(*(call(number, 1) for number in range(2, 1302)))
        assert [512, 512, 276] == sizes

    def test_shutdown(self, make: Callable[..., Face]) -> None:
        """Roots that wait leave, the exporter is shut down once, and later spans are lost and counted."""
        behind = _Failing()
        face = make(behind)
        face.export(call(2, 1), root())
        face.exporter.shutdown()
        face.exporter.shutdown()
        assert (["chat", "root"], 1) == (face.names(), behind.num_shut_down)
        assert SpanExportResult.FAILURE is face.export(call(3, 1))
        assert {"after_shutdown": 1} == face.span_worker.lost
        assert "partial" not in face.totals()

    def test_force_flush(self, face: Face) -> None:
        """Roots that wait leave, complete as far as it is known."""
        face.export(call(2, 1), root())
        face.export(call(12, 11, trace_id=2), root(20, trace_id=2))
        assert face.exporter.force_flush()
        roots = [span.attributes for span in face.sent.spans if span.name == "root"]  # type: ignore[attr-defined]
        assert [None, "force_flush"] == [attributes.get("metadata.partial_reason") for attributes in roots]

    def test_spans_of_its_own(self, make: Callable[..., Face]) -> None:
        """An exporter that makes spans on the exporting thread comes to no deadlock, and all of them leave."""

        class Chatty(RecordingExporter):
            def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
                result = super().export(spans)
                if not any(span.name == "inner" for span in self.spans):
                    made.append(make_span("inner", trace_id=7, span_id=70, parent_id=7))
                    assert SpanExportResult.SUCCESS is face.exporter.export(made)
                return result

        made: list[ReadableSpan] = []
        face = make(Chatty())
        face.export(call(2, 1))
        face.tick(1)
        assert ["chat", "inner"] == face.names()

    @not_compiled
    def test_a_fault_of_ours(self, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
        """A root whose totals cannot be made leaves as it came."""
        monkeypatch.setattr(face.span_worker.pipeline.engine, "_release", lambda *_: 1 / 0)
        face.export(call(2, 1), root())
        face.tick(6)
        assert ["chat", "root"] == face.names()
        assert "num_events" not in face.totals()
        assert {"folding": 1} == face.span_worker.faults()


class TestSessions:
    """Sessions of an application that only names the exporter."""

    def test_session_block(self, make: Callable[..., Face], provider: TracerProvider) -> None:
        """``session()`` stamps what starts inside, and the record knows the user and the metadata."""
        face = make()
        provider.add_span_processor(SimpleSpanProcessor(face.exporter))
        tracer = trace.get_tracer("tests")
        with session("s", user_id="ada", metadata={"plan": "pro"}), tracer.start_as_current_span("root"):
            tracer.start_span("chat", attributes=CALL).end()
        face.exporter.shutdown()
        assert ("s", "pro", "ada") == tuple(face.totals()[key] for key in ("session.id", "plan", "user.id"))
        assert [("s", "ada", {"plan": "pro"}, 15)] == [
            (r.session_id, r.user_id, dict(r.metadata), r.rollup.total_tokens) for r in face.records
        ]

    @pytest.mark.parametrize("parts", [1, 2])
    def test_copied_id(self, parts: int, make: Callable[..., Face], provider: TracerProvider) -> None:
        """An id that an instrumentation copies from a conversation in the end takes no span out of the block."""
        face = make(session_records=True)
        provider.add_span_processor(SimpleSpanProcessor(face.exporter))
        tracer = trace.get_tracer("tests")
        said = {"session.id": "c", "gen_ai.conversation.id": "c"}
        with session("s"):
            for _ in range(parts):
                with (
                    tracer.start_as_current_span("root") as above,
                    tracer.start_as_current_span("chat", attributes=CALL) as below,
                ):
                    above.set_attributes(said)
                    below.set_attributes(said)
        face.exporter.shutdown()
        assert [("s", 15 * parts)] == [(r.session_id, r.rollup.total_tokens) for r in face.records]
        assert parts * ["s"] == [(span.attributes or {})["session.id"] for span in face.sent.spans if span.name == "root"]  # type: ignore[attr-defined]

    def test_baggage(self, make: Callable[..., Face], provider: TracerProvider) -> None:
        """So does an id in baggage, where that is trusted."""
        face = make(trust_baggage=True)
        provider.add_span_processor(SimpleSpanProcessor(face.exporter))
        face.exporter._context_processor.attach()
        trace.get_tracer("tests").start_span("root", baggage.set_baggage("session.id", "far")).end()
        trace.get_tracer("tests").start_span("other").end()
        face.tick(6)
        assert ("far", None) == (face.totals()["session.id"], face.totals("other").get("session.id"))

    def test_joins_the_provider(self, provider: TracerProvider) -> None:
        """It comes into the provider by itself, when that is there, once."""
        exporter = SessionSpanExporter(RecordingExporter())
        deadline = time.monotonic() + DEADLINE_SECONDS
        while exporter._context_processor not in provider._active_span_processor._span_processors and time.monotonic() < deadline:
            time.sleep(0.01)
        exporter._context_processor.attach()
        assert (exporter._context_processor,) == provider._active_span_processor._span_processors
        exporter.shutdown()

    def test_force_flush_of_the_provider(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """``force_flush`` of the provider reaches roots that wait, although the batch processor does not pass it on."""
        sent, provider = RecordingExporter(), TracerProvider(shutdown_on_exit=False)
        exporter = SessionSpanExporter(sent, settings=Settings())
        provider.add_span_processor(BatchSpanProcessor(exporter))
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)  # only now: the exporter joins it by itself, as the last
        exporter._context_processor.attach()
        provider.get_tracer("tests").start_span("root").end()
        assert provider.force_flush()
        assert [0] == [span.attributes["metadata.num_events"] for span in sent.spans if span.attributes]
        provider.shutdown()

    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize("processors", [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor])
    def test_force_flush_in_any_order(self, monkeypatch: pytest.MonkeyPatch, processors: type[Any], number: int) -> None:
        """So it does where the exporter joined before its batch processor, as in an application that starts slowly."""
        provider = TracerProvider(shutdown_on_exit=False, active_span_processor=processors())
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
        sent = [RecordingExporter() for _ in range(number)]
        exporters = [SessionSpanExporter(one, settings=Settings()) for one in sent]
        for exporter in exporters:
            exporter._context_processor.attach()
        for exporter in exporters:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        provider.get_tracer("tests").start_span("root").end()
        assert provider.force_flush()
        assert [["root"]] * number == [[span.name for span in one.spans] for one in sent]
        provider.shutdown()

    def test_end_session(self, make: Callable[..., Face]) -> None:
        """A session that is ended waits for spans that are still in the batch processor's queue."""
        face = make()
        face.export(call(2, 1), root(attributes={"session.id": "s"}))
        face.tick(6)
        end_session("s")
        face.tick(4)
        face.export(call(2, 1, trace_id=2), root(trace_id=2, attributes={"session.id": "s"}))
        face.tick(6)
        face.tick(1)
        assert [("s", 2, 30)] == [(r.session_id, r.num_traces, r.rollup.total_tokens) for r in face.records]

    def test_feedback(self, make: Callable[..., Face], provider: TracerProvider) -> None:
        """Feedback is exported, and the record knows of it."""
        face = make()
        face.export(call(2, 1), root(attributes={"session.id": "s"}))
        record_feedback(1, session_id="s")
        face.exporter.shutdown()
        assert "feedback" in face.names()
        assert [True] == [r.rollup.has_feedback for r in face.records]
        assert provider._active_span_processor._span_processors  # the companion's

    def test_totals_while_it_runs(self, make: Callable[..., Face], provider: TracerProvider) -> None:
        """The totals of a session are those of its roots that have left."""
        face = make(linger_seconds=0)
        provider.add_span_processor(SimpleSpanProcessor(face.exporter))
        tracer = trace.get_tracer("tests")
        with session("s"):
            for _ in range(2):
                with tracer.start_as_current_span("root"):
                    tracer.start_span("chat", attributes=CALL).end()
            assert 30 == (current_rollup() or Rollup()).total_tokens

    def test_parts_in_other_processes(self, make: Callable[..., Face]) -> None:
        """The root that begins a trace has the totals of parts in other processes, with a store that both share."""
        store = MemoryStore()
        here, there = make(store=store), make(store=store)
        there.export(
            make_span("chat", span_id=12, parent_id=11, attributes={**CALL, "session.id": "s"}),
            make_span("part", span_id=11, parent_id=2, remote_parent=True, attributes={"session.id": "s"}),
        )
        here.export(
            make_span("chat", span_id=2, parent_id=1, attributes={**CALL, "session.id": "s"}),
            root(attributes={"session.id": "s"}),
        )
        there.tick(6)
        there.exporter.force_flush()
        here.tick(6)
        assert ["chat"] == here.names()  # waits as long as parts may be on their way
        here.tick(5)
        here.exporter.force_flush()
        assert 30 == here.totals()["total_tokens"]
        assert 15 == there.totals("part")["total_tokens"]


class TestArguments:
    """What it can be given."""

    def test_mappings(self) -> None:
        """Settings and prices may be mappings, as a configuration file has them."""
        sent = RecordingExporter()
        exporter = SessionSpanExporter(
            sent, settings={"linger_seconds": 0}, prices={"m": {"input": 1_000_000, "output": 2_000_000}}
        )
        exporter.export([call(2, 1), root()])
        exporter.shutdown()
        assert 20.0 == (sent.roots[0].attributes or {})["metadata.cost"]

    def test_price_book(self) -> None:
        """A price book may be given as it is."""
        sent = RecordingExporter()
        exporter = SessionSpanExporter(
            sent, settings=Settings(linger_seconds=0), prices=PriceBook({"m": {"input": 0, "output": 0}})
        )
        exporter.export([call(2, 1), root()])
        exporter.shutdown()
        assert 0.0 == (sent.roots[0].attributes or {})["metadata.cost"]

    def test_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without settings, those of the environment hold; the batch processor's delay is looked up there, too."""
        monkeypatch.setenv("OTEL_PYTHON_SESSION_AGG_LINGER", "7")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "250")
        exporter = SessionSpanExporter(RecordingExporter())
        given = exporter._aggregator.given
        assert (7.0, 0.25) == (given.settings.linger_seconds, given.batch_seconds)
        exporter.shutdown()

    def test_delay_that_is_no_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A delay that cannot be read is the batch processor's own."""
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "soon")
        exporter = SessionSpanExporter(RecordingExporter())
        assert 5.0 == exporter._aggregator.given.batch_seconds
        exporter.shutdown()

    @pytest.mark.parametrize("settings", [{"linger": 1}, {"linger_seconds": -1}])
    def test_wrong_settings(self, settings: dict[str, Any]) -> None:
        """Settings that are not allowed are an error."""
        with pytest.raises(SettingsError):
            SessionSpanExporter(RecordingExporter(), settings=settings)
