"""Totals while a session runs: ``current_rollup()``, and roots that are written on while they are open."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import Rollup, SessionSpanProcessor, Settings, current_rollup, session
from otel_session_agg._sdk import pipeline
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, PRICES, App, below, beyond, in_threads
from tests.support.servers import wait_until

pytestmark = pytest.mark.oldest_sdk


@pytest.fixture
def live(make: Callable[..., App]) -> App:
    """One in live mode, without a worker."""
    return make(live=True)


def now() -> Rollup:
    """The active totals."""
    rollup = current_rollup()
    assert rollup is not None
    return rollup


def tokens() -> int | None:
    """The tokens of the active totals."""
    return now().total_tokens


class TestCurrentRollup:
    """``current_rollup()``: exact at the moment of the call."""

    def test_outside(self, app: App) -> None:
        """Outside of session and trace there is none."""
        app.trace()
        assert current_rollup() is None

    def test_session(self, app: App) -> None:
        """In a session it has everything that has ended, over all of its traces, and nothing that has not."""
        with session("s"):
            assert Rollup() == now()
            app.trace(2)
            assert 30 == tokens()
            with app.tracer.start_as_current_span("request"):
                open_call = app.tracer.start_span("chat", attributes=CALL)
                assert (30, 40.0, 2) == (tokens(), now().cost_usd, now().num_events)
                app.call()
                assert (45, 60.0, 3) == (tokens(), now().cost_usd, now().num_events)
                open_call.end()
                assert (60, 80.0, 4) == (tokens(), now().cost_usd, now().num_events)
            assert 60 == tokens()

    def test_trace(self, app: App) -> None:
        """In a bare trace it is that of the trace, wherever in it."""
        with app.tracer.start_as_current_span("request"):
            app.call()
            assert 15 == tokens()
            with app.tracer.start_as_current_span("agent"), app.tracer.start_as_current_span("step"):
                app.call()
                assert (30, 2) == (tokens(), now().num_events)
            assert (30, 4) == (tokens(), now().num_events)
        with app.tracer.start_as_current_span("request"):
            assert 0 == now().num_events

    def test_trace_of_a_session(self, app: App) -> None:
        """In a trace that names a session by itself, without a block, it is that of the trace."""
        app.trace(3, **{"session.id": "s"})
        with app.tracer.start_as_current_span("request", attributes={"session.id": "s"}):
            app.call()
            assert 15 == tokens()

    def test_trace_that_left(self, app: App) -> None:
        """In a span whose root has left it is still that of the trace."""
        root = app.tracer.start_span("request")
        child = app.tracer.start_span("child", below(root))
        app.call(below(child))
        root.end()
        app.flush()
        with trace.use_span(child):
            app.call()
            assert 30 == tokens()
        child.end()

    def test_not_ours(self, app: App) -> None:
        """In a trace that no processor sees there is none."""
        silent = TracerProvider(shutdown_on_exit=False).get_tracer("silent")
        with silent.start_as_current_span("request"):
            assert current_rollup() is None
        assert [] == app.named("request")

    def test_callee(self, app: App) -> None:
        """In a root whose parent is in another process it is that of this process."""
        caller = app.tracer.start_span("caller")
        with app.tracer.start_as_current_span("server", beyond(caller)):
            app.call()
            assert 15 == tokens()
        caller.end()

    @pytest.mark.parametrize("in_session", [True, False])
    def test_parallel_children(self, in_session: bool, make: Callable[..., App]) -> None:  # noqa: FBT001 -- pytest's way
        """Each thread's answer has all that ended before it asked, its own and that behind a barrier, and never too much."""
        app = make(quiet=False)
        number, rounds = 8, 10
        barrier = threading.Barrier(number)
        token = attach(Context())
        block = session("s") if in_session else None
        if block is not None:
            block.__enter__()
        root = app.tracer.start_span("request")
        with trace.use_span(root):
            context = get_current()

            def work(_: int) -> None:
                mine = attach(context)
                for turn in range(rounds):
                    app.call()
                    own = now().num_events
                    assert turn * number < own <= (turn + 1) * number
                    barrier.wait(10)
                    assert (turn + 1) * number == now().num_events
                    barrier.wait(10)
                detach(mine)

            in_threads(number, work)
            assert (15 * number * rounds, 20.0 * number * rounds) == (tokens(), now().cost_usd)
        root.end()
        if block is not None:
            block.__exit__(None, None, None)
        detach(token)
        app.flush()
        assert 15 * number * rounds == app.attributes("request")["metadata.total_tokens"]

    def test_from_the_downstream(self, app: App) -> None:
        """A downstream processor may ask, wherever it is called."""
        found: list[tuple[str, int | None]] = []

        class Asking(SpanProcessor):
            def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 -- the interface
                found.append((f"start {span.name}", tokens()))

            def on_end(self, span: ReadableSpan) -> None:
                with session("s"):
                    found.append((f"end {span.name}", tokens()))

        processor = SessionSpanProcessor(Asking(), settings=Settings(), prices=PRICES)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        with session("s"), provider.get_tracer("tests").start_as_current_span("request", attributes=CALL):
            pass
        assert provider.force_flush()
        assert [("start request", None), ("end request", 15)] == found
        provider.shutdown()
        assert [] == app.records

    def test_from_a_processor_beside(self, app: App) -> None:
        """A processor behind ours in the same provider may ask when a span has ended, and that span is in the answer."""
        found: list[int | None] = []

        class Asking(SpanProcessor):
            def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002 -- the interface
                found.append(tokens())

        app.provider.add_span_processor(Asking())
        with session("s"):
            app.call()
            app.call()
        assert [15, 30] == found

    def test_from_a_log_handler(self, make: Callable[..., App]) -> None:
        """A log handler may ask, also when it is this library that logs in the middle of its work: no deadlock."""
        app = make()
        asked: list[Rollup | None] = []

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 -- the interface
                asked.append(current_rollup())

        handler = Handler()
        logging.getLogger("otel_session_agg").addHandler(handler)
        try:
            with session("s"):
                app.call(**{"gen_ai.request.model": "nobody-knows-its-price"})
                assert 15 == tokens()
            wait_until(lambda: bool(asked))  # the model without a price was logged, by a thread of its own
        finally:
            logging.getLogger("otel_session_agg").removeHandler(handler)
        assert 1 == len(asked)
        assert {} == app.span_worker.faults()

    def test_several_processors(self, make: Callable[..., App]) -> None:
        """Two processors in one provider answer like one."""
        app, beside = make(), make(live=True)
        app.provider.add_span_processor(beside.processor)
        with session("s"):
            app.trace(2)
            assert (30, 40.0) == (tokens(), now().cost_usd)
        with app.tracer.start_as_current_span("request"):
            app.call()
            assert 15 == tokens()

    def test_several_providers(self, make: Callable[..., App]) -> None:
        """What several providers have of a session is added up."""
        apps = [make() for _ in range(8)]
        with session("s"):
            for app in apps:
                app.trace(1)
            apps[3].trace(5)
            assert 195 == tokens()

    def test_after_shutdown(self, app: App) -> None:
        """After the shutdown there is none, and nothing fails."""
        with app.tracer.start_as_current_span("request"):
            app.call()
            app.provider.shutdown()
            assert current_rollup() is None

    def test_asking_wakes_the_worker(self, app: App) -> None:
        """What the asking thread folds while the worker is about to sleep is forwarded nevertheless."""
        hand_on, turns = app.span_worker.forward, [True, False]

        def forward(until: float, patience_seconds: float = 0.0) -> bool:
            hand_on(until, patience_seconds)
            if not turns.pop():  # the last time before it sleeps
                with session("s"):
                    app.tracer.start_span("late").end()
                    now()
            return True

        app.span_worker.forward = forward  # type: ignore[method-assign]  # a span ends when the worker has just forwarded
        app.tracer.start_span("request").end()
        assert 0.0 == app.span_worker.turn()
        assert app.span_worker.awake
        app.turn()
        assert ["request", "late"] == [span.name for span in app.exporter.spans]

    def test_asking_while_the_worker_goes_to_sleep(self, app: App) -> None:
        """What the asking thread has taken but not handed on when the worker looks for the last time wakes it again."""
        app.turn()
        app.span_worker.awake = True  # on its last look around
        app.tracer.start_span("request").end()
        finish = app.span_worker.pipeline.finish

        def finished(*args: Any) -> Any:
            app.span_worker.awake = False  # it found nothing
            return finish(*args)

        app.span_worker.pipeline.finish = finished  # type: ignore[assignment, method-assign]  # between taking and handing on
        with session("s"):
            now()
        assert app.span_worker.awake


class Pair:
    """Pipelines of others, one added before ours and one behind."""

    def __init__(self, **settings: Any) -> None:
        self.exporters = (RecordingExporter(), RecordingExporter())
        self.processor = SessionSpanProcessor(settings=Settings(**settings), prices=PRICES)
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporters[0]))
        self.provider.add_span_processor(self.processor)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporters[1]))
        self.tracer = self.provider.get_tracer("tests")


class TestLiveMode:
    """``SessionSpanProcessor()`` without a downstream, beside a pipeline of somebody else."""

    def test_before_and_after(self, make: Callable[..., App]) -> None:
        """The pipelines before and behind ours both export a root with the totals of all children."""
        make()
        pair = Pair()
        with pair.tracer.start_as_current_span("request"), pair.tracer.start_as_current_span("agent"):
            pair.tracer.start_span("chat", attributes=CALL).end()
            pair.tracer.start_span("chat", attributes=CALL).end()
        pair.provider.shutdown()
        for exporter in pair.exporters:
            (root,) = exporter.roots
            found = dict(root.attributes or {})
            assert (3, 2, 20, 10, 30, 40.0, False) == tuple(
                found[f"metadata.{name}"]
                for name in (
                    "num_events",
                    "num_model_events",
                    "prompt_tokens",
                    "completion_tokens",
                    "total_tokens",
                    "cost",
                    "has_feedback",
                )
            )
            assert {"chat", "agent", "request"} == {span.name for span in exporter.spans}

    def test_same_as_wrapped(self, make: Callable[..., App]) -> None:
        """Beside the times, the totals are those that a wrapping processor writes."""
        wrapping, live = make(), make(live=True)
        wrapping.provider.add_span_processor(live.processor)
        beside = RecordingExporter()
        wrapping.provider.add_span_processor(SimpleSpanProcessor(beside))
        with session("s", user_id="u"), wrapping.tracer.start_as_current_span("request", attributes={"mine": 1}):
            wrapping.call(**{"gen_ai.output.messages": '[{"role": "assistant", "parts": [{"content": "hello"}]}]'})
            with wrapping.tracer.start_as_current_span("tool", attributes={"gen_ai.tool.name": "x"}) as tool:
                tool.set_status(trace.StatusCode.ERROR, "bad")
        wrapping.flush()
        (root,) = beside.roots
        times = {"end_time", "duration"}
        expected = {name: value for name, value in wrapping.attributes("request").items() if name not in times}
        actual = {name: value for name, value in (root.attributes or {}).items() if name not in times}
        assert expected == actual
        assert ("hello", "bad", 1) == (actual["outputs"], actual["error"], actual["metadata.num_errors"])

    def test_times(self, live: App) -> None:
        """The start is known, the end is as of the last child."""
        root = live.tracer.start_span("request", start_time=1_000_000_000)
        live.tracer.start_span("child", below(root), start_time=2_000_000_000).end(3_500_000_000)
        root.end(9_000_000_000)
        found = live.attributes("request")
        assert (1000, 3500, 2500.0) == (found["start_time"], found["end_time"], found["duration"])

    def test_parallel_threads(self, make: Callable[..., App]) -> None:
        """Children that end on many threads at once, nested ones too, are all on the root that ends behind them."""
        app = make(live=True, quiet=False)
        for _ in range(20):
            root = app.tracer.start_span("request")

            def work(_: int, root: Any = root) -> None:
                agent = app.tracer.start_span("agent", below(root))
                for _ in range(5):
                    app.call(below(agent))
                agent.end()

            in_threads(4, work)
            root.end()
        found = [dict(span.attributes or {}) for span in app.named("request")]
        assert 20 * [(24, 300, 400.0)] == [
            (row["metadata.num_events"], row["metadata.total_tokens"], row["metadata.cost"]) for row in found
        ]

    def test_nested_call_counts_once(self, live: App) -> None:
        """A container that repeats the usage of its calls corrects nothing on the root."""
        agent = {**CALL, "gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 20}
        with live.tracer.start_as_current_span("request"), live.tracer.start_as_current_span("agent", attributes=agent):
            live.call()
            live.call()
        assert (3, 30) == tuple(live.attributes("request")[f"metadata.{name}"] for name in ("num_events", "total_tokens"))

    @pytest.mark.parametrize("when", ["start", "between"])
    @pytest.mark.parametrize(("name", "value"), [("duration", 7.5), ("session.id", "mine"), ("user.id", "me"), ("own", 1)])
    def test_own_values(self, name: str, value: Any, when: str, live: App) -> None:
        """Values of the user stay, however many children follow, whether set at the start or between children."""
        root = live.tracer.start_span("request", attributes={name: value} if when == "start" else {})
        for number in range(3):
            live.call(below(root), **{"gen_ai.conversation.id": "other"})
            if when == "between" and number == 1:
                root.set_attribute(name, value)
        root.end()
        assert value == live.attributes("request")[name]
        assert 45 == live.attributes("request")["metadata.total_tokens"]

    def test_reserved(self, live: App) -> None:
        """Reserved names are written over."""
        root = live.tracer.start_span("request", attributes={"metadata.total_tokens": 99, "metadata.cost": 99.0})
        live.call(below(root))
        root.end()
        assert (15, 20.0) == tuple(live.attributes("request")[f"metadata.{name}"] for name in ("total_tokens", "cost"))

    def test_cost_that_becomes_unknown(self, live: App) -> None:
        """An unknown cost is never 0, also when something without a cost ended first."""
        root = live.tracer.start_span("request")
        live.tracer.start_span("tool", below(root), attributes={"gen_ai.tool.name": "x"}).end()
        live.call(below(root), **{"gen_ai.request.model": "nobody-knows"})
        root.end()
        found = live.attributes("request")
        assert (15, 1) == (found["metadata.total_tokens"], found["metadata.num_unpriced_events"])
        assert "metadata.cost" not in found

    def test_count_that_falls(self, live: App) -> None:
        """A count that a later span takes back is 0, not what it was."""
        root = live.tracer.start_span("request")
        with trace.use_span(root), live.tracer.start_as_current_span("chat", attributes=CALL):
            live.tracer.start_span(
                "chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.request.model": "nobody-knows"}
            ).end()
            assert 1 == (root.attributes or {})["metadata.num_unpriced_events"]  # type: ignore[attr-defined]  # the SDK's
        root.end()
        found = live.attributes("request")
        assert 15 == found["metadata.total_tokens"]
        assert not found.get("metadata.num_unpriced_events")

    def test_after_the_root(self, live: App, caplog: pytest.LogCaptureFixture) -> None:
        """When the root has ended nothing more is written, and nothing is complained about."""
        root = live.tracer.start_span("request")
        late = live.tracer.start_span("chat", below(root), attributes=CALL)
        live.call(below(root))
        root.end()
        before = dict(live.attributes("request"))
        context = root.get_span_context()
        late.end()
        live.flush()
        assert before == live.attributes("request")
        trace_of_root = live.span_worker.pipeline.engine.roots.find(context.trace_id, context.span_id)
        assert trace_of_root is not None
        assert trace_of_root.written is None  # which has the root's attributes
        assert 15 == before["metadata.total_tokens"]
        assert [] == caplog.messages

    def test_changes_only(self, make: Callable[..., App], monkeypatch: pytest.MonkeyPatch) -> None:
        """What is the same as before is not written again, also when something else was set on the root meanwhile."""
        live = make(live=True, breakdown=False)
        root = live.tracer.start_span("request", start_time=1_000_000_000)
        written: list[Any] = []
        set_attributes = root.set_attributes

        def note(values: Any) -> None:
            if "own" not in values:  # older SDKs set a single one in the same way
                written.append(values)
            set_attributes(values)

        monkeypatch.setattr(root, "set_attributes", note)
        tool = {"gen_ai.tool.name": "x"}
        for end in (2, 3, 3):
            live.tracer.start_span("tool", below(root), attributes=tool, start_time=1_000_000_000).end(end * 1_000_000_000)
            root.set_attribute("own", end)
        assert {"metadata.num_events": 2, "metadata.num_tool_events": 2, "end_time": 3000, "duration": 2000.0} == written[1]
        assert {"metadata.num_events": 3, "metadata.num_tool_events": 3} == written[2]
        root.end()

    def test_bounded(self, live: App, monkeypatch: pytest.MonkeyPatch) -> None:
        """What has ended below an open root waits for the worker, but not without bound."""
        monkeypatch.setattr(pipeline, "_MAX_TAKEN", 5)
        with live.tracer.start_as_current_span("request"):
            for number in range(1, 20):
                live.call()
                assert number % 6 == len(live.span_worker.pipeline.taken)
        assert 19 == live.attributes("request")["metadata.num_events"]

    def test_no_children(self, live: App) -> None:
        """A root without children is left as it is."""
        live.tracer.start_span("request", attributes={"own": 1}).end()
        assert {"own": 1} == live.attributes("request")

    def test_two_roots(self, live: App) -> None:
        """Children write on their own root only."""
        roots = [live.tracer.start_span(name) for name in ("one", "two")]
        live.call(below(roots[0]))
        live.call(below(roots[1]))
        live.call(below(roots[1]))
        for root in roots:
            root.end()
        assert [15, 30] == [live.attributes(name)["metadata.total_tokens"] for name in ("one", "two")]

    def test_remote_parent(self, live: App) -> None:
        """A root whose parent is in another process is written on, too."""
        caller = live.tracer.start_span("caller")
        server = live.tracer.start_span("server", beyond(caller))
        live.call(below(server))
        server.end()
        caller.end()
        assert 15 == live.attributes("server")["metadata.total_tokens"]

    def test_session(self, live: App) -> None:
        """The root carries its session, and the session's record is told of."""
        with session("s", end_on_exit=True):
            live.trace(2)
        live.flush()
        assert "s" == live.attributes("request")["session.id"]
        assert [("s", 30, 1)] == [(r.session_id, r.rollup.total_tokens, r.num_traces) for r in live.records]
        assert [] == live.named("session")

    @pytest.mark.parametrize(
        ("profile", "tokens_name"), [("honeyhive", "honeyhive_metadata.total_tokens"), ("posthog", "$ai_total_tokens")]
    )
    def test_profiles(self, profile: str, tokens_name: str, make: Callable[..., App]) -> None:
        """The names of the chosen profiles are written, together or alone."""
        both, alone_ = make(live=True, profiles=("default", profile)), make(live=True, profiles=(profile,))
        for app in (both, alone_):
            app.trace(2)
        assert (30, 30) == tuple(both.attributes("request")[name] for name in ("metadata.total_tokens", tokens_name))
        assert 30 == alone_.attributes("request")[tokens_name]
        assert "metadata.total_tokens" not in alone_.attributes("request")

    def test_profile_on_a_call(self, make: Callable[..., App]) -> None:
        """A root that is itself a call keeps its own figures: what a backend sums over calls is not written on it."""
        app = make(live=True, profiles=("posthog",))
        root = app.tracer.start_span("chat", attributes=CALL)
        app.call(below(root), **{"gen_ai.usage.input_tokens": 100})
        root.end()
        found = dict(app.exporter.roots[0].attributes or {})
        assert 1 == found["ai_session_num_model_events"]
        assert "$ai_total_tokens" not in found

    def test_limits(self, make: Callable[..., App]) -> None:
        """Nothing stays in memory of children that have ended."""
        app = make(live=True)
        for _ in range(50):
            app.trace(3)
        app.turn()
        assert (0, 0, 0) == (app.span_worker.pipeline.engine.open, len(app.span_worker.queue), len(app.span_worker.held))
