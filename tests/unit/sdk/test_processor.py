"""The span processor, through the real SDK."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context, get_value
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from otel_session_agg import PriceBook, SessionSpanProcessor, Settings, session
from otel_session_agg._api.context import use
from otel_session_agg._collections.deadlines import Phase, PhaseDeadlines
from otel_session_agg._guard import Guard
from otel_session_agg._sdk import turns
from otel_session_agg._sdk import worker as _span_worker
from otel_session_agg._threads import locks
from otel_session_agg._writing import root_writer
from otel_session_agg._writing.profiles import names_in
from otel_session_agg.testing import FakeClock, RecordingExporter, make_span
from tests.support.builds import not_compiled
from tests.support.deadlines import next_deadline

pytestmark = pytest.mark.oldest_sdk

DEADLINE_SECONDS = 10.0
"""How long a test waits for another thread before it fails."""

_CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}
_PRICES = PriceBook({"*": {"input": 1_000_000, "output": 2_000_000}})
"""One dollar a token in, two out."""


class Recorder(SpanProcessor):
    """Notes every call, and the thread and context that made it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.spans: list[ReadableSpan] = []
        self.threads: set[threading.Thread] = set()
        self.suppressed: set[object] = set()
        self.ended = threading.Condition()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Note it."""
        self.calls.append(("on_start", (span, parent_context)))

    def _on_ending(self, span: Span) -> None:
        self.calls.append(("_on_ending", span))

    def on_end(self, span: ReadableSpan) -> None:
        """Note it, and tell those who wait."""
        with self.ended:
            self.spans.append(span)
            self.threads.add(threading.current_thread())
            self.suppressed.add(get_value(_SUPPRESS_INSTRUMENTATION_KEY))
            self.ended.notify_all()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Note it."""
        self.calls.append(("force_flush", timeout_millis))
        return True

    def shutdown(self) -> None:
        """Note it."""
        self.calls.append(("shutdown", None))

    def wait_for(self, number: int) -> None:
        """Wait until so many spans have come."""
        with self.ended:
            assert self.ended.wait_for(lambda: len(self.spans) >= number, DEADLINE_SECONDS)

    def names(self) -> list[str]:
        """Names of the spans, in the order they came."""
        return [span.name for span in self.spans]

    def root(self) -> dict[str, Any]:
        """Attributes of the only session root."""
        (root,) = [span for span in self.spans if span.parent is None or span.parent.is_remote]
        return dict(root.attributes or {})


class Setup:
    """A provider with a processor and what came out of it."""

    def __init__(
        self, downstream: Any = None, prices: PriceBook | None = None, clock: FakeClock | None = None, **settings: Any
    ) -> None:
        self.recorder = Recorder()
        self.processor = SessionSpanProcessor(
            downstream or self.recorder, settings=Settings(**settings), prices=_PRICES if prices is None else prices
        )
        if clock is not None:
            self.processor._span_worker.clock = clock
        self.provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.tracer = self.provider.get_tracer("tests", "1.0")

    def fold(self) -> None:
        """One turn of the worker, here."""
        self.processor._span_worker.turn()


@pytest.fixture
def make() -> Iterator[Callable[..., Setup]]:
    """Makes processors and shuts them down."""
    made: list[Setup] = []

    def _make(*args: Any, **settings: Any) -> Setup:
        made.append(Setup(*args, **settings))
        return made[-1]

    yield _make
    for setup in made:
        setup.provider.shutdown()


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker: the test folds and forwards."""
    monkeypatch.setattr(_span_worker.SpanWorker, "wake_worker", lambda self: setattr(self, "awake", True))
    monkeypatch.setattr(turns.TurnWorker, "begin", lambda _: False)


@contextmanager
def held(lock: Any) -> Iterator[None]:
    """A lock that another thread holds."""
    holds, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holds.set()
            may_end.wait(DEADLINE_SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait(DEADLINE_SECONDS)
    yield
    may_end.set()
    thread.join(DEADLINE_SECONDS)


def below(span: Any) -> Context:
    """The context of a span's children."""
    return set_span_in_context(span)


def queued(processor: SessionSpanProcessor) -> int:
    """How many starts and ends wait to be folded."""
    return len(processor._span_worker.queue)


class TestDownstream:
    """What may stand behind the processor."""

    @pytest.mark.parametrize("downstream", [object(), "otlp", SimpleSpanProcessor])
    def test_neither(self, downstream: Any) -> None:
        """Anything that is neither processor nor exporter is refused at once."""
        with pytest.raises(TypeError, match="downstream must be a SpanProcessor or a SpanExporter, not "):
            SessionSpanProcessor(downstream)

    def test_exporter(self, make: Callable[..., Setup]) -> None:
        """An exporter is put behind a batch processor."""
        exporter = RecordingExporter()
        setup = make(exporter)
        assert isinstance(setup.processor._downstream, BatchSpanProcessor)
        with setup.tracer.start_as_current_span("root"), setup.tracer.start_as_current_span("chat", attributes=_CALL):
            pass
        assert setup.provider.force_flush()
        assert {"chat", "root"} == {span.name for span in exporter.spans}
        assert 20.0 == dict(exporter.roots[0].attributes or {})["metadata.cost"]

    def test_five_calls(self, make: Callable[..., Setup]) -> None:
        """All five calls of the interface are forwarded, with what they were given."""
        setup = make()
        context = Context({"key": "value"})
        with setup.tracer.start_as_current_span("root", context=context) as root:
            pass
        setup.processor.force_flush(5000)
        setup.processor.shutdown()
        calls = dict(setup.recorder.calls)
        ending = ["_on_ending"] if hasattr(SpanProcessor, "_on_ending") else []  # not in older SDKs
        assert ["on_start", *ending, "force_flush", "shutdown"] == [name for name, _ in setup.recorder.calls]
        assert (root, context) == calls["on_start"]
        assert root is calls.get("_on_ending", root)
        assert 0 < calls["force_flush"] <= 5000
        assert ["root"] == setup.recorder.names()

    def test_defaults(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Settings come from the environment when none are given."""
        monkeypatch.setenv("OTEL_PYTHON_SESSION_AGG_LINGER", "7")
        assert 7.0 == SessionSpanProcessor(Recorder())._span_worker._settings.linger_seconds

    def test_worker_forwards(self, make: Callable[..., Setup]) -> None:
        """The application's threads never call the downstream's ``on_end``; the worker does, with instrumentation suppressed."""
        setup = make()
        with setup.tracer.start_as_current_span("root"), setup.tracer.start_as_current_span("chat"):
            pass
        setup.recorder.wait_for(2)
        assert {setup.processor._span_worker.worker.thread} == setup.recorder.threads
        assert {True} == setup.recorder.suppressed
        assert get_value(_SUPPRESS_INSTRUMENTATION_KEY) is None
        assert ["chat", "root"] == setup.recorder.names()

    @pytest.mark.usefixtures("quiet")
    def test_flush_is_suppressed(self, make: Callable[..., Setup]) -> None:
        """Instrumentation is also suppressed, and then no longer, when the application flushes."""
        setup = make()
        setup.tracer.start_span("root").end()
        setup.provider.force_flush()
        assert {True} == setup.recorder.suppressed
        assert get_value(_SUPPRESS_INSTRUMENTATION_KEY) is None


class TestRoot:
    """The session root as it leaves."""

    def test_all_else_stays(self, make: Callable[..., Setup]) -> None:
        """Everything but the totals is that of the root that the application made."""
        setup = make()
        remote = SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        root = setup.tracer.start_span(
            "root",
            context=below(NonRecordingSpan(remote)),
            kind=SpanKind.SERVER,
            attributes={"mine": 1},
            links=[Link(remote, {"l": 1})],
            start_time=1_000_000_000,
        )
        root.add_event("e", {"x": 1}, 5)
        root.set_status(Status(StatusCode.ERROR, "bad"))
        root.end(2_000_000_000)
        setup.provider.force_flush()
        (left,) = setup.recorder.spans
        assert isinstance(root, Span)
        same = (
            "name",
            "context",
            "parent",
            "resource",
            "links",
            "kind",
            "status",
            "start_time",
            "end_time",
            "instrumentation_scope",
        )
        assert [getattr(root, name) for name in same] == [getattr(left, name) for name in same]
        assert [event.name for event in root.events] == [event.name for event in left.events]
        assert 1 == setup.recorder.root()["mine"]
        assert "mine" in (root.attributes or {})
        assert "metadata.num_events" not in (root.attributes or {})

    def test_children_untouched(self, make: Callable[..., Setup]) -> None:
        """Spans below the root leave as they came."""
        setup = make()
        with setup.tracer.start_as_current_span("root"), setup.tracer.start_as_current_span("chat", attributes=_CALL) as chat:
            pass
        setup.provider.force_flush()
        assert isinstance(chat, Span)
        (left,) = [span for span in setup.recorder.spans if span.name == "chat"]
        assert chat.context == left.context
        assert _CALL == dict(left.attributes or {})

    def test_two_in_one_trace(self, make: Callable[..., Setup]) -> None:
        """A span with a remote parent is a root of its own, and what it has is in the totals of the root that begins the trace."""
        setup = make()
        outer = setup.tracer.start_span("outer")
        client = setup.tracer.start_span("client", context=below(outer))
        parent = client.get_span_context()
        remote = SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=parent.trace_flags)
        inner = setup.tracer.start_span("inner", context=below(NonRecordingSpan(remote)))
        setup.tracer.start_span("chat", context=below(inner), attributes=_CALL).end()
        inner.end()
        client.end()
        setup.tracer.start_span("chat", context=below(outer), attributes=_CALL).end()
        setup.tracer.start_span("chat", context=below(outer), attributes=_CALL).end()
        outer.end()
        setup.provider.force_flush()
        tokens = {span.name: (span.attributes or {}).get("metadata.total_tokens") for span in setup.recorder.spans}
        assert {"outer": 45, "inner": 15, "client": None, "chat": None} == tokens

    def test_parallel_children_move_the_times(self, make: Callable[..., Setup]) -> None:
        """Start and end are those of root and events together, so a child that outlasts the root moves them."""
        setup = make()
        root = setup.tracer.start_span("root", start_time=2_000_000_000)
        child = setup.tracer.start_span("child", context=below(root), start_time=1_000_000_000)
        root.end(3_000_000_000)
        child.end(5_500_000_000)
        setup.provider.force_flush()
        actual = setup.recorder.root()
        assert (1000, 5500, 4500.0) == (actual["start_time"], actual["end_time"], actual["duration"])
        assert "metadata.partial" not in actual

    @pytest.mark.parametrize(("name", "value"), [("duration", 7.5), ("session.id", "mine")])
    def test_kept(self, name: str, value: Any, make: Callable[..., Setup]) -> None:
        """Duration and session id stay when they were set by hand on the root."""
        setup = make()
        setup.tracer.start_span("root", attributes={name: value, "gen_ai.conversation.id": "other"}).end()
        setup.provider.force_flush()
        assert value == setup.recorder.root()[name]

    def test_reserved(
        self, make: Callable[..., Setup], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A reserved name set by the user is replaced, with one warning per name and process."""
        monkeypatch.setattr(root_writer, "warned", Guard(logging.getLogger("otel_session_agg")))
        for _ in range(2):
            setup = make()
            for _ in range(2):
                setup.tracer.start_span("root", attributes={"metadata.num_events": 99, "metadata.cost": 99.0}).end()
            setup.provider.force_flush()
            for span in setup.recorder.spans:
                assert (0, 0.0) == ((span.attributes or {})["metadata.num_events"], (span.attributes or {})["metadata.cost"])
        expected = {
            f"attribute {name} is reserved for session totals: the value set on a root is replaced"
            for name in ("metadata.num_events", "metadata.cost")
        }
        assert expected == set(caplog.messages)
        assert len(expected) == len(caplog.messages)

    @pytest.mark.parametrize("profile", ["default", "honeyhive", "posthog"])
    def test_own_output_and_error(self, make: Callable[..., Setup], profile: str) -> None:
        """The root's own output and error stay when there is nothing to write in their place."""
        outputs, error = names_in(profile, ("outputs",)), names_in(profile, ("error",))
        own = dict.fromkeys((*outputs, *error), "mine")
        setup = make(profiles=profile)
        with setup.tracer.start_as_current_span("root", attributes=own):
            setup.tracer.start_span("chat", attributes=_CALL).end()
        setup.provider.force_flush()
        assert own == {name: setup.recorder.root().get(name) for name in own}

    def test_own_output_is_replaced(self, make: Callable[..., Setup]) -> None:
        """They are replaced by what is below the root."""
        setup = make()
        with setup.tracer.start_as_current_span("root", attributes={"outputs": "mine", "error": True}):
            setup.tracer.start_span("chat", attributes={**_CALL, "output.value": "four"}).end()
        setup.provider.force_flush()
        assert ("four", True) == (setup.recorder.root()["outputs"], setup.recorder.root()["error"])

    @pytest.mark.parametrize(
        ("scope", "attributes", "is_kept"),
        [
            ("app", {"duration": 1.5}, True),
            ("app", {"duration": 1.5, "logfire.msg": "m", "logfire.span_type": "span"}, True),
            ("logfirely", {"duration": 1.5}, True),
            ("logfire", {"duration": 1.5}, False),
            ("logfire.openai", {"duration": 1.5}, False),
            ("other", {"duration": 1.5, "logfire.msg_template": "took {duration:.2f}s"}, False),
        ],
    )
    def test_duration_of_logfire(
        self,
        make: Callable[..., Setup],
        scope: str,
        attributes: dict[str, Any],
        is_kept: bool,  # noqa: FBT001 -- pytest's way
    ) -> None:
        """Logfire's own duration is in seconds and is replaced; the application's stays, also where Logfire marks its spans."""
        setup = make()
        setup.provider.get_tracer(scope).start_span("root", attributes=attributes, start_time=10**18).end(10**18 + 2 * 10**9)
        setup.provider.force_flush()
        assert (1.5 if is_kept else 2000.0) == setup.recorder.root()["duration"]

    def test_reserved_without_total(self, make: Callable[..., Setup]) -> None:
        """A cost that nobody knows is not the one that the user wrote under the reserved name."""
        setup = make(prices=PriceBook())
        with setup.tracer.start_as_current_span("root", attributes={"metadata.cost": 99.0}):
            setup.tracer.start_span("chat", attributes={**_CALL, "gen_ai.request.model": "nobody-knows"}).end()
        setup.provider.force_flush()
        assert "metadata.cost" not in setup.recorder.root()

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [({}, "Four is the answer."), ({"max_output_chars": 4}, "Four"), ({"outputs": False}, None)],
    )
    def test_outputs(self, settings: dict[str, Any], expected: str | None, make: Callable[..., Setup]) -> None:
        """The last output is written, bounded, or not at all."""
        setup = make(**settings)
        with setup.tracer.start_as_current_span("root"):
            setup.tracer.start_span("chat", attributes={**_CALL, "output.value": "first"}).end()
            setup.tracer.start_span("chat", attributes={**_CALL, "output.value": "Four is the answer."}).end()
        setup.provider.force_flush()
        assert expected == setup.recorder.root().get("outputs")


class TestWaiting:
    """When a root leaves."""

    @pytest.mark.usefixtures("quiet")
    def test_waits_for_open_children(self, make: Callable[..., Setup]) -> None:
        """A root that ended leaves when the last span below it has ended."""
        setup = make(clock=FakeClock())
        root = setup.tracer.start_span("root")
        child = setup.tracer.start_span("chat", context=below(root), attributes=_CALL)
        root.end()
        setup.fold()
        assert [] == setup.recorder.names()
        child.end()
        setup.fold()
        assert ["chat", "root"] == setup.recorder.names()
        assert 15 == setup.recorder.root()["metadata.total_tokens"]
        assert "metadata.partial" not in setup.recorder.root()

    @pytest.mark.usefixtures("quiet")
    def test_linger(self, make: Callable[..., Setup]) -> None:
        """After the linger time the root leaves without the spans that are still open, and says so."""
        clock = FakeClock()
        setup = make(clock=clock, linger_seconds=5)
        root = setup.tracer.start_span("root")
        setup.tracer.start_span("chat", context=below(root), attributes=_CALL).end()
        late = setup.tracer.start_span("late", context=below(root), attributes=_CALL)
        root.end()
        setup.fold()
        clock.tick(4.9)
        assert 0.1 == pytest.approx(setup.processor._span_worker.turn())
        assert ["chat"] == setup.recorder.names()
        clock.tick(0.1)
        setup.fold()
        assert ["chat", "root"] == setup.recorder.names()
        actual = setup.recorder.root()
        assert (15, True, "linger") == (
            actual["metadata.total_tokens"],
            actual["metadata.partial"],
            actual["metadata.partial_reason"],
        )
        late.end()
        setup.fold()
        assert ["chat", "root", "late"] == setup.recorder.names()
        engine = setup.processor._span_worker.pipeline.engine
        assert (1, {}) == (engine.late, engine.ignored)

    def test_worker_wakes_for_the_deadline(self, make: Callable[..., Setup]) -> None:
        """Nobody has to end another span for the linger time to be over."""
        setup = make(linger_seconds=0.05)
        root = setup.tracer.start_span("root")
        setup.tracer.start_span("open", context=below(root))
        root.end()
        setup.recorder.wait_for(1)
        assert "linger" == setup.recorder.root()["metadata.partial_reason"]

    @pytest.mark.usefixtures("quiet")
    def test_end_without_start(self, make: Callable[..., Setup]) -> None:
        """A root whose start was not seen leaves at once, marked partial."""
        setup = make()
        setup.processor.on_end(make_span("root"))
        setup.fold()
        assert "start_not_seen" == setup.recorder.root()["metadata.partial_reason"]

    @pytest.mark.usefixtures("quiet")
    def test_ended_twice(self, make: Callable[..., Setup]) -> None:
        """A span that ends twice leaves twice and counts once, root or not."""
        setup = make()
        with setup.tracer.start_as_current_span("root") as root:
            with setup.tracer.start_as_current_span("chat", attributes=_CALL) as chat:
                pass
            assert isinstance(chat, Span)
            setup.processor.on_end(chat._readable_span())
        assert isinstance(root, Span)
        setup.processor.on_end(root._readable_span())
        setup.fold()
        assert ["chat", "chat", "root", "root"] == setup.recorder.names()
        tokens = [(span.attributes or {}).get("metadata.total_tokens") for span in setup.recorder.spans]
        assert [None, None, 15, None] == tokens
        assert {"duplicate_span": 2} == setup.processor._span_worker.pipeline.engine.ignored

    @pytest.mark.usefixtures("quiet")
    def test_without_context(self, make: Callable[..., Setup]) -> None:
        """A span without context goes out as it came."""
        setup = make()
        odd = ReadableSpan("odd")
        setup.processor.on_start(odd)  # type: ignore[arg-type]  # what is tested
        setup.processor.on_end(odd)
        setup.fold()
        assert [odd] == setup.recorder.spans
        assert {"no_context": 1} == setup.processor._span_worker.pipeline.engine.ignored

    @pytest.mark.usefixtures("quiet")
    def test_ring_of_parents(self, make: Callable[..., Setup]) -> None:
        """Spans that are each other's parents leave, and a root beside them is whole."""
        setup = make(clock=FakeClock())
        root = make_span("root", trace_id=9, span_id=1)
        setup.processor.on_end(make_span("a", trace_id=9, span_id=2, parent_id=3, attributes=_CALL))
        setup.processor.on_end(make_span("b", trace_id=9, span_id=3, parent_id=2, attributes=_CALL))
        setup.processor.on_end(make_span("self", trace_id=9, span_id=4, parent_id=4, attributes=_CALL))
        setup.processor.on_end(root)
        setup.fold()
        assert ["a", "b", "self", "root"] == setup.recorder.names()
        assert 3 == setup.recorder.root()["metadata.num_events"]


class TestForceFlush:
    """Everything at once."""

    def test_releases(self, make: Callable[..., Setup]) -> None:
        """Roots that have ended leave at once; a root that is open stays and is whole in the end."""
        setup = make()
        waiting = setup.tracer.start_span("waiting")
        setup.tracer.start_span("child", context=below(waiting))
        waiting.end()
        still_open = setup.tracer.start_span("open")
        setup.tracer.start_span("chat", context=below(still_open), attributes=_CALL).end()
        assert setup.processor.force_flush()
        assert {"waiting", "chat"} == set(setup.recorder.names())
        assert "force_flush" == setup.recorder.root()["metadata.partial_reason"]
        still_open.end()
        assert setup.provider.force_flush()
        assert 15 == dict(setup.recorder.spans[-1].attributes or {})["metadata.total_tokens"]

    def test_downstream_says_no(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """It fails when the downstream's does."""
        setup = make()
        monkeypatch.setattr(Recorder, "force_flush", lambda _self, _timeout: False)
        assert setup.processor.force_flush() is False

    def test_downstream_says_nothing(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """A downstream that returns nothing has not failed."""
        setup = make()
        monkeypatch.setattr(Recorder, "force_flush", lambda _self, _timeout: None)
        assert setup.processor.force_flush(None) is True

    def test_downstream_raises(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """It fails, and does not raise, when the downstream's raises."""
        setup = make()
        monkeypatch.setattr(Recorder, "force_flush", lambda _self, _timeout: 1 / 0)
        assert setup.processor.force_flush() is False

    def test_keeps_its_time(self, make: Callable[..., Setup]) -> None:
        """It gives up in time when somebody else is folding or forwarding."""
        setup = make()
        for lock in (setup.processor._span_worker.fold_lock, setup.processor._span_worker.forward_lock):
            with held(lock):
                assert setup.processor.force_flush(10) is False
        assert setup.processor.force_flush() is True

    @pytest.mark.usefixtures("quiet")
    def test_no_time(self, make: Callable[..., Setup]) -> None:
        """Without time to do everything it says so, and nothing is lost."""
        setup = make()
        for _ in range(3):
            setup.tracer.start_span("root").end()
        assert setup.processor.force_flush(0) is False
        assert setup.processor.force_flush() is True
        assert 3 == len(setup.recorder.spans)


class TestShutdown:
    """The end."""

    def test_forwards_everything(self, make: Callable[..., Setup]) -> None:
        """Everything that has ended leaves before the downstream is shut down."""
        setup = make()
        root = setup.tracer.start_span("root")
        setup.tracer.start_span("open", context=below(root))
        setup.tracer.start_span("chat", context=below(root), attributes=_CALL).end()
        root.end()
        setup.processor.shutdown()
        assert ["chat", "root"] == setup.recorder.names()
        assert "shutdown" == setup.recorder.root()["metadata.partial_reason"]
        assert ("shutdown", None) == setup.recorder.calls[-1]

    def test_twice(self, make: Callable[..., Setup]) -> None:
        """The downstream is shut down once."""
        setup = make()
        setup.processor.shutdown()
        setup.processor.shutdown()
        assert [("shutdown", None)] == setup.recorder.calls

    def test_afterwards(self, make: Callable[..., Setup], caplog: pytest.LogCaptureFixture) -> None:
        """Later spans are lost, counted, logged once, and held by nobody."""
        setup = make()
        setup.processor.shutdown()
        for _ in range(3):
            setup.tracer.start_span("late").end()
        assert [] == setup.recorder.spans
        assert {"after_shutdown": 3} == setup.processor._span_worker.lost
        assert ["spans are lost: after_shutdown"] == caplog.messages
        assert 0 == queued(setup.processor)

    def test_worker_ends(self, make: Callable[..., Setup]) -> None:
        """The worker ends."""
        setup = make()
        setup.tracer.start_span("root").end()
        setup.recorder.wait_for(1)
        worker = setup.processor._span_worker.worker.thread
        assert worker is not None
        setup.processor.shutdown()
        worker.join(DEADLINE_SECONDS)
        assert not worker.is_alive()

    def test_raising(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """A downstream that raises does not reach the application."""
        monkeypatch.setattr(Recorder, "shutdown", lambda _self: 1 / 0)
        setup = make()
        setup.processor.shutdown()
        assert {"downstream shutdown": 1} == setup.processor._guard.faults


class TestOddSpans:
    """What applications hand to the SDK, which takes it as it is."""

    @pytest.mark.parametrize("scope", [("tests", "1.0"), (None, None), (7, 1.5), (("a", "b"), (1, 2))])
    @pytest.mark.parametrize("name", ["chat", None, 5])
    def test_names(self, name: Any, scope: tuple[Any, Any], make: Callable[..., Setup]) -> None:
        """Names and versions of any type."""
        setup = make()
        with setup.tracer.start_as_current_span("root"):
            setup.provider.get_tracer(*scope).start_span(name, attributes=_CALL).end()
        setup.provider.force_flush()
        assert (15, 1) == tuple(setup.recorder.root()[f"metadata.{name}"] for name in ("total_tokens", "num_model_events"))

    @pytest.mark.parametrize("kind", [None, 3, "CLIENT"])
    @pytest.mark.parametrize(
        ("start", "end"),
        [(1.5e18, 1.5e18 + 1e9), (int(1.5e18), None), ("1500000000000000000", None), (float("nan"), float("inf"))],
    )
    def test_times_and_kinds(self, start: Any, end: Any, kind: Any, make: Callable[..., Setup]) -> None:
        """Times and kinds of any type, in a session."""
        setup = make()
        with session("s"):
            span = setup.tracer.start_span("root", start_time=start, kind=kind)
            setup.tracer.start_span("chat", set_span_in_context(span), attributes=_CALL, start_time=start, kind=kind).end(end)
            span.end(end)
        setup.provider.force_flush()
        root = setup.recorder.root()
        assert (15, "s") == (root["metadata.total_tokens"], root["session.id"])
        assert {} == setup.processor._guard.faults


class TestFaults:
    """What fails stays here."""

    def test_downstream_raises(
        self, make: Callable[..., Setup], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The application does not notice a downstream that raises; each type of error is logged once."""
        hooks = [name for name in ("on_start", "_on_ending", "on_end") if hasattr(SpanProcessor, name)]  # newer SDKs have three
        for name in hooks:
            monkeypatch.setattr(Recorder, name, lambda *_args: 1 / 0)
        setup = make()
        for _ in range(3):
            with setup.tracer.start_as_current_span("root"):
                pass
        setup.provider.force_flush()
        places = [f"downstream {name}" for name in hooks]
        assert dict.fromkeys(places, 3) == setup.processor._guard.faults
        assert [f"{place} failed: ZeroDivisionError: division by zero" for place in places] == caplog.messages

    def test_downstream_hangs(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """The application goes on while the downstream hangs; memory is bounded and the loss counted."""
        hanging, go_on = threading.Event(), threading.Event()
        forwarded: list[ReadableSpan] = []

        def _hang(_self: Recorder, span: ReadableSpan) -> None:
            hanging.set()
            assert go_on.wait(DEADLINE_SECONDS)
            forwarded.append(span)

        monkeypatch.setattr(Recorder, "on_end", _hang)
        setup = make(max_held_spans=5, max_queue_size=2)
        processor = setup.processor
        setup.tracer.start_span("first").end()
        assert hanging.wait(DEADLINE_SECONDS)
        for _ in range(100):
            setup.tracer.start_span("root").end()
            assert len(processor._span_worker.held) <= 5
            assert queued(processor) <= 8
        assert processor.force_flush(10) is False
        lost = processor._span_worker.lost["max_held_spans"]
        assert 0 < lost
        go_on.set()
        assert processor.force_flush() is True
        assert 101 == len(forwarded) + processor._span_worker.lost["max_held_spans"]

    def test_price_book_raises(self, make: Callable[..., Setup], caplog: pytest.LogCaptureFixture) -> None:
        """A price book that fails makes the cost unknown, and not zero."""

        class Book(PriceBook):
            def cost_pusd(self, **_: Any) -> Any:
                return 1 / 0

        setup = make(prices=Book())
        with setup.tracer.start_as_current_span("root"):
            for _ in range(2):
                setup.tracer.start_span("chat", attributes=_CALL).end()
        setup.provider.force_flush()
        actual = setup.recorder.root()
        assert (30, 2) == (actual["metadata.total_tokens"], actual["metadata.num_unpriced_events"])
        assert "metadata.cost" not in actual
        assert [
            "pricing failed: ZeroDivisionError: division by zero",
            "no price is known for m: its cost is left out",
        ] == (caplog.messages)

    def test_part_of_tokens(self, make: Callable[..., Setup], caplog: pytest.LogCaptureFixture) -> None:
        """A model has a price where a call states its input and not its output: what is missing is said."""
        setup = make()
        named = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
        setup.tracer.start_span("chat", attributes={**named, "gen_ai.usage.input_tokens": 10}).end()
        setup.provider.force_flush()
        assert ["a call of gpt-4o-mini does not state all of its tokens: its cost is left out"] == caplog.messages

    @pytest.mark.parametrize("cost", [1.5, "1", None])
    def test_price_book_of_their_own(self, cost: object, make: Callable[..., Setup]) -> None:
        """What a price book says that is no whole number is no cost."""

        class Book(PriceBook):
            def cost_pusd(self, **_: Any) -> Any:
                return cost

        setup = make(prices=Book())
        with setup.tracer.start_as_current_span("root"):
            setup.tracer.start_span("chat", attributes=_CALL).end()
        setup.provider.force_flush()
        actual = setup.recorder.root()
        assert (15, 1) == (actual["metadata.total_tokens"], actual["metadata.num_unpriced_events"])
        assert "metadata.cost" not in actual

    @pytest.mark.usefixtures("quiet")
    def test_reading_raises(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """When reading fails, every span leaves once as it came, and is counted."""
        setup = make()
        monkeypatch.setattr(setup.processor._span_worker.pipeline.engine, "_read", lambda _span: 1 / 0)
        with setup.tracer.start_as_current_span("root"), setup.tracer.start_as_current_span("chat", attributes=_CALL):
            pass
        setup.fold()
        engine = setup.processor._span_worker.pipeline.engine
        assert ["chat", "root"] == setup.recorder.names()
        assert {} == setup.recorder.root()
        assert {"fault": 2} == engine.ignored
        assert (2, 0, 1, 0) == (engine.received, engine.folded, engine.released["fault"], engine.open)

    @pytest.mark.usefixtures("quiet")
    def test_reading_one_raises(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """What else is below the root counts; nothing waits for the span that could not be read, and the root says so."""
        setup = make()
        engine = setup.processor._span_worker.pipeline.engine
        read = engine._read
        monkeypatch.setattr(engine, "_read", lambda span: 1 / 0 if span.name == "bad" else read(span))
        with setup.tracer.start_as_current_span("root"):
            for name in ("bad", "chat"):
                with setup.tracer.start_as_current_span(name, attributes=_CALL):
                    pass
        setup.fold()
        root = setup.recorder.root()
        assert (15, True, "fault") == tuple(root[f"metadata.{name}"] for name in ("total_tokens", "partial", "partial_reason"))
        assert {"fault": 1} == engine.released

    @not_compiled
    @pytest.mark.parametrize("step", ["expired", "drain"])
    def test_releasing_raises(self, step: str, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """When releasing fails, what was taken from the queue leaves all the same."""
        setup = make()
        pipeline = setup.processor._span_worker.pipeline
        due: PhaseDeadlines[str] = pipeline.deadlines.of(Phase.LINGERING)
        due.add(0.0, "a trace")

        def fail(*_: object) -> None:
            due.take()
            raise ZeroDivisionError

        monkeypatch.setattr(pipeline.engine, step, fail)
        with setup.tracer.start_as_current_span("root"), setup.tracer.start_as_current_span("chat", attributes=_CALL):
            pass
        setup.provider.force_flush()
        assert ["chat", "root"] == setup.recorder.names()
        assert {"releasing": 1} == {place: min(number, 1) for place, number in setup.processor._span_worker.faults().items()}

    def test_writing_raises(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """When writing fails, the root leaves as it came."""
        monkeypatch.setattr("otel_session_agg._writing.rollup_attributes.attributes", lambda *_: 1 / 0)
        setup = make()
        setup.tracer.start_span("root", attributes={"mine": 1}).end()
        setup.provider.force_flush()
        assert {"mine": 1} == setup.recorder.root()

    def test_price_updates(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """Price updates are started when asked for, and stopped; that they fail does not matter."""
        calls: list[str] = []
        book = PriceBook()
        monkeypatch.setattr(book, "start_updates", lambda: [calls.append("start"), 1 / 0][-1])  # type: ignore[func-returns-value]  # a short way to do both
        monkeypatch.setattr(book, "stop_updates", lambda: calls.append("stop"))
        setup = make(prices=book, prices_update=True)
        assert {"starting price updates": 1} == setup.processor._guard.faults
        setup.processor.shutdown()
        assert ["start", "stop"] == calls

    def test_no_thread(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """When no thread can be started, a later span starts one, and nothing is lost."""
        setup, now = make(), time.monotonic
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", lambda _self: (_ for _ in ()).throw(RuntimeError("can't start new thread")))
            setup.tracer.start_span("root").end()
        monkeypatch.setattr(time, "monotonic", lambda: now() + 2.0)  # it is not tried at each span
        setup.tracer.start_span("root").end()
        setup.recorder.wait_for(2)
        assert {"thread": 1} == setup.processor._guard.faults


class TestQueue:
    """What waits for the worker."""

    @pytest.mark.usefixtures("quiet")
    def test_caller_folds(self, make: Callable[..., Setup]) -> None:
        """When the queue is full, the thread that ends a span folds what is there, and forwards nothing."""
        setup = make(max_queue_size=3)
        for number in range(7):
            setup.processor.on_end(make_span("root", trace_id=1 + number))
            assert queued(setup.processor) < 3
        assert [] == setup.recorder.spans
        assert 6 == setup.processor._span_worker.pipeline.engine.folded
        assert 6 == len(setup.processor._span_worker.held)
        setup.fold()
        assert 7 == len(setup.recorder.spans)

    @pytest.mark.usefixtures("quiet")
    def test_nobody_waits_for_a_fold(self, make: Callable[..., Setup]) -> None:
        """While another thread folds, a full queue may grow to twice its size without anybody waiting."""
        setup = make(max_queue_size=4)
        with setup.processor._span_worker.fold_lock:
            for number in range(7):
                setup.processor.on_end(make_span("root", trace_id=1 + number))
        assert 7 == queued(setup.processor)
        setup.processor.on_end(make_span("root", trace_id=99))
        assert 0 == queued(setup.processor)

    @pytest.mark.usefixtures("quiet")
    @pytest.mark.parametrize("is_remote", [True, False])
    @pytest.mark.parametrize("any_label", [True, False])
    def test_start_of_a_part(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_remote: bool, any_label: bool) -> None:
        """With a shared store others get to know at once that a part of their trace is open, although nothing has ended."""
        monkeypatch.setattr(use, "any_label", any_label)
        processor = SessionSpanProcessor(Recorder(), settings=Settings(), store=f"sqlite:///{tmp_path / 'store'}")
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        parent = SpanContext(1, 2, is_remote=is_remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        provider.get_tracer("tests").start_span("part", set_span_in_context(NonRecordingSpan(parent)))
        assert is_remote is processor._span_worker.awake
        provider.shutdown()

    @pytest.mark.parametrize("any_label", [True, False])
    def test_spans_that_only_start(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch, *, any_label: bool) -> None:
        """Spans that start and never end do not fill the queue, whether sessions are named in the process or not."""
        monkeypatch.setattr(use, "any_label", any_label)
        setup = make(max_queue_size=10, max_open_roots=10)
        for _ in range(1000):
            setup.tracer.start_span("root")
            assert queued(setup.processor) <= 40

    def test_burst_below_one_root(self, make: Callable[..., Setup]) -> None:
        """Spans that start and end while nobody folds were never open at once: the bound on open spans is not hit."""
        setup = make(max_open_spans=20, max_queue_size=1000)
        root = setup.tracer.start_span("root")
        with setup.processor._span_worker.fold_lock:
            for _ in range(100):
                agent = setup.tracer.start_span(
                    "agent", context=below(root), attributes={**_CALL, "gen_ai.operation.name": "invoke_agent"}
                )
                setup.tracer.start_span("chat", context=below(agent), attributes=_CALL).end()
                agent.end()
        root.end()
        setup.provider.force_flush()
        actual = setup.recorder.root()
        assert (200, 100, 1500) == tuple(
            actual[f"metadata.{name}"] for name in ("num_events", "num_model_events", "total_tokens")
        )
        assert "metadata.partial" not in actual

    def test_burst_from_threads(self, make: Callable[..., Setup]) -> None:
        """Under full speed from several threads every total is exact and no state is left."""
        setup = make(max_queue_size=64)
        barrier = threading.Barrier(4)

        def _work() -> None:
            barrier.wait(DEADLINE_SECONDS)
            for _ in range(50):
                with setup.tracer.start_as_current_span("root"):
                    for _ in range(5):
                        with setup.tracer.start_as_current_span("agent"):
                            setup.tracer.start_span("chat", attributes=_CALL).end()

        threads = [threading.Thread(target=_work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_SECONDS)
        assert setup.provider.force_flush()
        roots = [dict(span.attributes or {}) for span in setup.recorder.spans if span.parent is None]
        assert 200 * 11 == len(setup.recorder.spans)
        assert 200 == len(roots)
        assert {(10, 5, 75, 100.0, None)} == {
            tuple(root.get(f"metadata.{name}") for name in ("num_events", "num_model_events", "total_tokens", "cost", "partial"))
            for root in roots
        }
        engine = setup.processor._span_worker.pipeline.engine
        assert (0, 0, None) == (
            engine.open,
            len(engine.roots),
            next_deadline(setup.processor._span_worker.pipeline.deadlines, Phase.LINGERING),
        )
        assert (0, 0) == (queued(setup.processor), len(setup.processor._span_worker.held))
        assert {} == setup.processor._span_worker.lost


class TestWorker:
    """The one thread."""

    def test_one(self, make: Callable[..., Setup]) -> None:
        """However many threads end the first span, there is one worker."""
        setup = make()
        barrier = threading.Barrier(8)

        def _end() -> None:
            barrier.wait(DEADLINE_SECONDS)
            setup.tracer.start_span("root").end()

        threads = [threading.Thread(target=_end) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_SECONDS)
        setup.recorder.wait_for(8)
        assert {setup.processor._span_worker.worker.thread} == setup.recorder.threads

    def test_none_before_it_is_needed(self, make: Callable[..., Setup]) -> None:
        """A processor that sees nothing end has no thread."""
        setup = make()
        setup.tracer.start_span("root")
        assert setup.processor._span_worker.worker.thread is None

    @pytest.mark.usefixtures("quiet")
    def test_appended_at_the_last_moment(self, make: Callable[..., Setup]) -> None:
        """A span that ends just before the worker falls asleep wakes it again."""
        setup = make()
        span_worker, late = setup.processor._span_worker, [None, make_span("last")]

        class Queue(deque[Any]):
            """One to which something is appended when it has been found empty."""

            def __bool__(self) -> bool:
                is_empty = not len(self)
                if is_empty and late and (span := late.pop(0)) is not None:
                    setup.processor.on_end(span)
                return not is_empty

        span_worker.awake, span_worker.queue = True, Queue()
        assert 0.0 == span_worker.turn()
        assert setup.processor._span_worker.awake
        assert setup.processor._span_worker.turn() is None
        assert not setup.processor._span_worker.awake
        assert ["last"] == setup.recorder.names()

    @not_compiled
    @pytest.mark.usefixtures("quiet")
    def test_nothing_is_due(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """Where nothing is due, no part is asked."""
        setup = make()
        span_worker = setup.processor._span_worker
        monkeypatch.setattr(span_worker.pipeline.deadlines, "due", lambda _now: 1 / 0)
        setup.tracer.start_span("root").end()
        setup.fold()
        assert {} == span_worker.faults()

    @not_compiled
    @pytest.mark.usefixtures("quiet")
    def test_deadlines_are_searched_under_the_lock(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """The worker that goes to sleep changes nothing while another thread may be folding."""
        setup = make()
        span_worker = setup.processor._span_worker
        find, are_held = span_worker.pipeline.deadlines.next, list[bool]()

        def finding() -> float | None:
            are_held.append(locks.is_mine(span_worker.fold_lock))
            return find()

        monkeypatch.setattr(span_worker.pipeline.deadlines, "next", finding)
        setup.tracer.start_span("root").end()
        assert span_worker.turn() is None
        assert {True} == set(are_held)

    @pytest.mark.usefixtures("quiet")
    def test_one_round(self, make: Callable[..., Setup], monkeypatch: pytest.MonkeyPatch) -> None:
        """A turn folds what is there, and not once more to learn that nothing came meanwhile."""
        setup, numbers = make(), list[int]()
        pipeline = setup.processor._span_worker.pipeline
        fold = pipeline.fold

        def folding(queue: Any, number: int, now: float) -> None:
            numbers.append(number)
            fold(queue, number, now)

        monkeypatch.setattr(pipeline, "fold", folding)
        with setup.tracer.start_as_current_span("root"):
            pass
        setup.fold()
        assert ([2], ["root"]) == (numbers, setup.recorder.names())

    def test_gone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The worker does not keep the processor alive, and ends with it."""
        recorder = Recorder()
        processor = SessionSpanProcessor(recorder, settings=Settings())
        processor.on_end(make_span("root"))
        recorder.wait_for(1)
        worker, gone = processor._span_worker.worker.thread, weakref.ref(processor)
        assert worker is not None
        monkeypatch.setattr(turns, "_LOOK_AGAIN_SECONDS", 0.01)
        processor.on_end(make_span("root", trace_id=2))
        recorder.wait_for(2)
        del processor
        with _collected(gone):
            worker.join(DEADLINE_SECONDS)
        assert gone() is None
        assert not worker.is_alive()

    def test_nothing_to_reset(self) -> None:
        """After a fork nothing happens for a processor that is gone."""
        assert locks.nothing() is None  # type: ignore[func-returns-value]  # that is what is tested


@contextmanager
def _collected(gone: Callable[[], object]) -> Iterator[None]:
    """Collect garbage before and after; a worker in the middle of a turn holds its processor for a moment."""
    gc.collect()
    yield
    gc.collect()
    assert gone() is None
