"""Feedback: what instrumentations write of it, and ``record_feedback()``, through the real SDK."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import end_session, record_feedback, session
from otel_session_agg._api import feedback
from otel_session_agg._threads.messages import messages
from otel_session_agg._trace.left_traces import MAX_COMPLETE
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.stores import MemoryStore
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import DEADLINE_SECONDS, App, below
from tests.support.builds import not_compiled

pytestmark = pytest.mark.oldest_sdk

KEYS = sorted(
    {key for table in CONVENTIONS for key in table.feedback}
    | {f"{prefix}thing" for table in CONVENTIONS for prefix in table.feedback_prefixes}
)
PREFIXES_OF_THE_ATLAS = (
    "annotations.",
    "trace.annotations.",
    "session.annotations.",
    "evaluations.",
    "gen_ai.evaluation.",
    "honeyhive_feedback.",
    "langwatch.evaluation.",
    "langwatch.reserved.evaluations",
)


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[TracerProvider], None]:
    """Makes a provider the global one."""

    def install(provider: TracerProvider) -> None:
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)

    return install


def flag(app: App, name: str = "request") -> Any:
    """What the root says of feedback."""
    return app.attributes(name)["metadata.has_feedback"]


def said(span: ReadableSpan) -> dict[str, Any]:
    """What a feedback span says."""
    (event,) = span.events
    assert "gen_ai.evaluation.result" == event.name
    return dict(event.attributes or {})


class TestCarriers:
    """What a span processor can see of feedback."""

    def test_atlas(self) -> None:
        """The tables have every carrier that is known."""
        assert [] == [prefix for prefix in PREFIXES_OF_THE_ATLAS if not any(key.startswith(prefix) for key in KEYS)]

    @pytest.mark.parametrize("value", [1, 0, False, 0.0, "thumbs_down", "no"])
    @pytest.mark.parametrize("key", KEYS)
    def test_attribute(self, key: str, value: object, app: App) -> None:
        """Any of the attributes, with any value, on a child is feedback on its root; a bad score is feedback, too."""
        with app.tracer.start_as_current_span("request"):
            app.call(**{key: value})
        app.flush()
        assert True is flag(app)

    @pytest.mark.parametrize("key", KEYS)
    def test_on_the_root(self, key: str, app: App) -> None:
        """On the root itself, too."""
        app.trace(1, **{key: 0})
        app.flush()
        assert True is flag(app)

    @pytest.mark.parametrize("where", ["root", "child", "last"])
    def test_event(self, where: str, app: App) -> None:
        """An evaluation event on any span of the trace is feedback."""
        with app.tracer.start_as_current_span("request") as root:
            app.call()
            child = app.tracer.start_span("child")
            (root if where == "root" else child).add_event(
                "gen_ai.evaluation.result", {"gen_ai.evaluation.score.value": 0.0} if where == "child" else {}
            )
            child.end()
        app.flush()
        assert True is flag(app)

    @pytest.mark.parametrize("key", ["feedback", "annotation", "gen_ai.evaluated", "evaluation", "langwatch.evaluations"])
    def test_none(self, key: str, app: App) -> None:
        """What is no feedback is none."""
        with app.tracer.start_as_current_span("request") as root:
            root.add_event("gen_ai.evaluation")
            app.call(**{key: 1})
        app.flush()
        assert False is flag(app)

    def test_session(self, app: App) -> None:
        """Feedback in a trace of its own that names only the session is in the session's record."""
        with session("s"):
            app.trace(1)
        app.tracer.start_span("annotation", attributes={"session.id": "s", "annotations.thumb": "down"}).end()
        end_session("s")
        app.flush()
        assert False is flag(app)
        assert [True] == [record.rollup.has_feedback for record in app.records]


class TestSpan:
    """The span that ``record_feedback()`` emits."""

    def test_shape(self, app: App) -> None:
        """Inside a session and a trace it is a child of the active span, with everything that was said in one event."""
        with session("s", user_id="u"), app.tracer.start_as_current_span("request") as root:
            record_feedback(0.5, "fair", "could be shorter")
        app.flush()
        (span,) = app.named("feedback")
        assert isinstance(root, ReadableSpan)
        assert root.context == span.parent
        assert span.context is not None
        assert root.context.trace_id == span.context.trace_id
        assert root.context.span_id != span.context.span_id
        assert {"session.id": "s"} == dict(span.attributes or {})
        assert span.instrumentation_scope is not None
        assert ("otel_session_agg", "shop") == (span.instrumentation_scope.name, span.resource.attributes["service.name"])
        assert span.start_time == span.end_time == span.events[0].timestamp
        assert root.start_time is not None
        assert span.start_time is not None
        assert root.start_time <= span.start_time
        assert {
            "gen_ai.evaluation.name": "feedback",
            "gen_ai.evaluation.score.value": 0.5,
            "gen_ai.evaluation.score.label": "fair",
            "gen_ai.evaluation.explanation": "could be shorter",
        } == said(span)

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"score": 1}, {"score.value": 1.0}),
            ({"score": 0}, {"score.value": 0.0}),
            ({"score": True}, {"score.value": 1.0}),
            ({"score": False}, {"score.value": 0.0}),
            ({"score": -1.5}, {"score.value": -1.5}),
            ({"label": "thumbs_down"}, {"score.label": "thumbs_down"}),
            ({"comment": ""}, {"explanation": ""}),
            ({}, {}),
        ],
    )
    def test_what_is_said(self, given: dict[str, Any], expected: dict[str, Any], app: App) -> None:
        """Only what was given is said; 0, ``False`` and nothing at all are feedback."""
        with session("s"), app.tracer.start_as_current_span("request"):
            record_feedback(**given)
        app.flush()
        expected = {f"gen_ai.evaluation.{name}": value for name, value in expected.items()}
        assert {"gen_ai.evaluation.name": "feedback", **expected} == said(app.named("feedback")[0])
        assert True is flag(app)

    def test_session_without_trace(self, app: App) -> None:
        """Inside a session, outside of a trace, it is a trace of its own."""
        with session("s"):
            app.trace(1)
            record_feedback(1)
        app.flush()
        (span,) = app.named("feedback")
        assert span.parent is None
        assert {"session.id": "s"} == dict(span.attributes or {})

    def test_resource(self, app: App, everywhere: Callable[[TracerProvider], None]) -> None:
        """Outside of a trace it has the resource of the application's provider."""
        everywhere(TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False))
        record_feedback(1, session_id="s")
        app.flush()
        assert "shop" == app.named("feedback")[0].resource.attributes["service.name"]

    def test_no_resource(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where none can be made, as when the process can have no more threads, nothing is raised and nothing lost."""

        def no_thread() -> Resource:
            message = "can't start new thread"
            raise RuntimeError(message)

        monkeypatch.setattr(Resource, "create", no_thread)
        feedback._of_environment.cache_clear()
        record_feedback(1, session_id="s")
        feedback._of_environment.cache_clear()
        app.flush()
        assert {"gen_ai.evaluation.name": "feedback", "gen_ai.evaluation.score.value": 1.0} == said(app.named("feedback")[0])

    def test_bare_trace(self, app: App) -> None:
        """In a trace without a session it names none."""
        with app.tracer.start_as_current_span("request"):
            record_feedback(1)
        app.flush()
        (span,) = app.named("feedback")
        assert {} == dict(span.attributes or {})
        assert span.parent is not None
        assert True is flag(app)

    def test_other_session(self, app: App) -> None:
        """Feedback for another session than the active one is in a trace of its own, and not the active trace's."""
        with session("s"), app.tracer.start_as_current_span("request"):
            record_feedback(1, session_id="other")
        end_session("s")
        end_session("other")
        app.flush()
        (span,) = app.named("feedback")
        assert span.parent is None
        assert {"session.id": "other"} == dict(span.attributes or {})
        assert False is flag(app)
        assert {"s": False, "other": True} == {record.session_id: record.rollup.has_feedback for record in app.records}

    def test_active_session_named(self, app: App) -> None:
        """Naming the active session is the same as not naming it."""
        with session(7), app.tracer.start_as_current_span("request"):
            record_feedback(1, session_id=7)
        app.flush()
        (span,) = app.named("feedback")
        assert span.parent is not None
        assert True is flag(app)

    def test_nothing_active(self, app: App) -> None:
        """Outside of everything it is exported all the same, and belongs to nothing."""
        record_feedback(1)
        app.flush()
        (span,) = app.named("feedback")
        assert {} == dict(span.attributes or {})
        assert [] == app.records

    @pytest.mark.parametrize("live", [True, False])
    def test_no_event(self, live: bool, make: Callable[..., App], everywhere: Callable[[TracerProvider], None]) -> None:  # noqa: FBT001 -- pytest's way
        """Feedback is never counted as an event or a trace."""
        app = make(live=live)
        everywhere(app.provider)
        with session("s", end_on_exit=True):
            with app.tracer.start_as_current_span("request"):
                record_feedback(1)
                app.call()
                record_feedback(1)
            record_feedback(1)
        record_feedback(1, session_id="s")
        app.flush()
        assert 4 == len(app.named("feedback"))
        root = app.attributes("request")
        assert (1, 15, True) == tuple(root[f"metadata.{name}"] for name in ("num_events", "total_tokens", "has_feedback"))
        assert {(1, 1, 15, True)} == {
            (r.num_traces, r.rollup.num_events, r.rollup.total_tokens, r.rollup.has_feedback) for r in app.records
        }
        engine = app.span_worker.pipeline.engine
        assert (2, 2, 1, 0) == (engine.received, engine.folded, engine.opened, engine.open)

    @pytest.mark.parametrize("wrong", ["x" * 1025])
    def test_wrong_session(self, wrong: object, app: App) -> None:
        """An id that no session can have is refused."""
        with pytest.raises(ValueError, match="is not allowed"):
            record_feedback(1, session_id=wrong)
        app.flush()
        assert [] == app.named("feedback")

    def test_score_of_another_type(self, app: App) -> None:
        """Scores of other number types are made into a float, and what is no number is refused before anything is told."""
        with app.tracer.start_as_current_span("request"):
            record_feedback("0.5")  # type: ignore[arg-type]  # text that is a number
            with pytest.raises(ValueError, match="could not convert"):
                record_feedback("good")  # type: ignore[arg-type]  # a label in the wrong place
        app.flush()
        assert [0.5] == [said(span)["gen_ai.evaluation.score.value"] for span in app.named("feedback")]


class TestWhen:
    """Before and after the session's root and record have left."""

    def test_root_has_left(self, app: App) -> None:
        """After the root left, the session's record has it."""
        with session("s"):
            with app.tracer.start_as_current_span("request"):
                app.call()
            app.flush()
            record_feedback(1)
        end_session("s")
        app.flush()
        assert False is flag(app)
        assert [(1, True)] == [(record.revision, record.rollup.has_feedback) for record in app.records]

    def test_root_is_forgotten(self, app: App) -> None:
        """When nothing else is known of a root that left, its session still is."""
        with app.tracer.start_as_current_span("request", attributes={"session.id": "s"}) as root:
            app.call()
        for _ in range(MAX_COMPLETE + 1):
            app.trace(0)
        app.flush()
        with trace.use_span(root):
            record_feedback(1)
        end_session("s")
        app.flush()
        assert [("s", True, 15)] == [(one.session_id, one.rollup.has_feedback, one.rollup.total_tokens) for one in app.records]

    def test_session_has_ended(self, app: App) -> None:
        """After the session ended, one more revision of the record has it, a moment later."""
        with session("s", end_on_exit=True):
            app.trace(2)
        app.turn()
        record_feedback(0, session_id="s")
        record_feedback(1, session_id="s")
        app.turn()
        assert [(1, False)] == [(record.revision, record.rollup.has_feedback) for record in app.records]
        app.turn(5.0)
        app.turn(5000.0)
        assert [(1, False, 30, "end_on_exit"), (2, True, 30, "end_on_exit")] == [
            (record.revision, record.rollup.has_feedback, record.rollup.total_tokens, record.end_reason) for record in app.records
        ]
        assert [2] == [(span.attributes or {})["metadata.revision"] for span in app.named("session")]  # the first was on the root

    def test_nothing_new(self, app: App) -> None:
        """Feedback on a session whose record has feedback already makes a revision all the same: it is news."""
        with session("s", end_on_exit=True):
            app.trace(1)
            record_feedback(1)
        app.turn()
        record_feedback(0, session_id="s")
        app.turn(5.0)
        assert [1, 2] == [record.revision for record in app.records]

    def test_trace_without_session(self, app: App) -> None:
        """In a trace without a session whose root has left, a record of revision 2 by the name of the trace tells of it."""
        root = app.tracer.start_span("request")
        child = app.tracer.start_span("child", below(root))
        root.end()
        app.flush()
        with trace.use_span(child):
            record_feedback(1)
        child.end()
        app.turn()
        app.turn(5.0)
        name = f"{root.get_span_context().trace_id:032x}"
        assert [(name, 2, True)] == [(r.session_id, r.revision, r.rollup.has_feedback) for r in app.records]

    def test_unknown_session(self, app: App) -> None:
        """Feedback for a session that nobody knows makes one, with a time of its own."""
        record_feedback(1, session_id="unknown")
        end_session("unknown")
        app.flush()
        (feedback,) = app.named("feedback")
        (record,) = app.named("session")
        assert feedback.start_time is not None
        assert record.start_time is not None
        assert record.end_time is not None
        assert feedback.start_time <= record.start_time <= record.end_time
        assert (True, 0) == tuple((record.attributes or {})[f"metadata.{name}"] for name in ("has_feedback", "num_events"))

    def test_from_a_log_handler(self, app: App) -> None:
        """A log handler may give feedback, also while this library logs in the middle of its work: it is exported."""

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                record_feedback(0, comment=record.getMessage(), session_id="s")

        handler = Handler()
        logging.getLogger("otel_session_agg").addHandler(handler)
        try:
            with session("s"):
                app.trace(1, **{"metadata.cost": 1.0})
                app.call(**{"gen_ai.request.model": "nobody-knows-that-price-either"})
            app.flush()
            assert messages.flush(time.monotonic() + DEADLINE_SECONDS)  # another thread logs
            app.flush()
        finally:
            logging.getLogger("otel_session_agg").removeHandler(handler)
        assert app.named("feedback")
        assert {} == app.span_worker.faults()

    @not_compiled
    def test_fails(self, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
        """When feedback cannot be added, its span leaves all the same, and once."""

        def fails(*_: object) -> None:
            message = "on purpose"
            raise RuntimeError(message)

        monkeypatch.setattr(app.span_worker.pipeline.manager, "add_feedback", fails)
        with session("s"), app.tracer.start_as_current_span("request"):
            record_feedback(1.0)
        app.turn()
        assert ["feedback", "request"] == sorted(span.name for span in app.exporter.spans)

    def test_after_shutdown(self, app: App, everywhere: Callable[[TracerProvider], None]) -> None:
        """After the shutdown nothing fails."""
        everywhere(TracerProvider(shutdown_on_exit=False))
        app.provider.shutdown()
        record_feedback(1, session_id="s")
        assert [] == app.named("feedback")


class TestOtherProcesses:
    """Two processors with one store."""

    def test_by_session_id(self, make: Callable[..., App], monkeypatch: pytest.MonkeyPatch) -> None:
        """Feedback from a process that never saw the session is in the session's record, whoever writes that."""
        store = MemoryStore()
        here, there = make(store=store), make(store=store)
        with session("s"):
            here.trace(2)
        here.flush()
        only(monkeypatch, there)
        record_feedback(0, session_id="s")
        there.flush()
        only(monkeypatch, here)
        end_session("s")
        here.flush()
        assert [("s", 1, True, 30, 1)] == [
            (r.session_id, r.revision, r.rollup.has_feedback, r.rollup.total_tokens, r.num_traces) for r in here.records
        ]
        assert [(0, 1), (1, 0)] == [(len(app.named("feedback")), len(app.named("session"))) for app in (here, there)]

    def test_after_the_end(self, make: Callable[..., App], monkeypatch: pytest.MonkeyPatch) -> None:
        """After the session ended it makes the next revision, once."""
        store = MemoryStore()
        here, there = make(store=store), make(store=store, session_idle_seconds=0.1)
        only(monkeypatch, here)
        with session("s", end_on_exit=True):
            here.trace(2)
        here.flush()
        assert [1] == [record.revision for record in here.records]
        only(monkeypatch, there)
        record_feedback(1, session_id="s")
        end_session("s")
        there.flush()
        assert [("s", 2, True, 30, 1)] == [
            (r.session_id, r.revision, r.rollup.has_feedback, r.rollup.total_tokens, r.num_traces) for r in there.records
        ]


def only(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    """From now on this is the only process."""
    monkeypatch.setattr("otel_session_agg._api.registry._LIVE", WeakSet([app.processor._aggregator.queries]))


class TestWithoutDownstream:
    """Feedback that goes out by the application's own pipeline."""

    def test_no_processor(self, make: Callable[..., App], everywhere: Callable[[TracerProvider], None]) -> None:
        """Before there is a processor it goes through the global provider."""
        assert make is not None
        exporter = RecordingExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        everywhere(provider)
        with session("s"), provider.get_tracer("tests").start_as_current_span("request"):
            record_feedback(0, "thumbs_down")
        (span, _) = exporter.spans
        assert ("feedback", {"session.id": "s"}) == (span.name, dict(span.attributes or {}))
        assert span.parent is not None
        assert {
            "gen_ai.evaluation.name": "feedback",
            "gen_ai.evaluation.score.value": 0.0,
            "gen_ai.evaluation.score.label": "thumbs_down",
        } == said(span)

    def test_no_provider(self, make: Callable[..., App], caplog: pytest.LogCaptureFixture) -> None:
        """Without a provider nothing happens and nothing fails."""
        assert make is not None
        with caplog.at_level(logging.WARNING), session("s"):
            record_feedback(1)
        assert [] == caplog.messages

    def test_live(self, make: Callable[..., App], everywhere: Callable[[TracerProvider], None]) -> None:
        """In live mode it goes through the global provider, and the open root says so at once."""
        app = make(live=True)
        everywhere(app.provider)
        with session("s", end_on_exit=True), app.tracer.start_as_current_span("request"):
            app.call()
            record_feedback(1)
            app.call()
        app.flush()
        assert True is flag(app)
        (span,) = app.named("feedback")
        assert span.parent is not None
        assert {"session.id": "s"} == dict(span.attributes or {})
        assert [(1, True)] == [(r.revision, r.rollup.has_feedback) for r in app.records]

    def test_live_last(self, make: Callable[..., App], everywhere: Callable[[TracerProvider], None]) -> None:
        """In live mode the open root says so also when nothing ends behind the feedback."""
        app = make(live=True)
        everywhere(app.provider)
        with app.tracer.start_as_current_span("request"):
            app.call()
            record_feedback(1)
        assert True is flag(app)

    def test_live_other_session(self, make: Callable[..., App], everywhere: Callable[[TracerProvider], None]) -> None:
        """In live mode feedback for another session is a trace of its own, too."""
        app = make(live=True)
        everywhere(app.provider)
        with session("s", user_id="u"), app.tracer.start_as_current_span("request"):
            record_feedback(1, session_id="other")
            app.call()
        (span,) = app.named("feedback")
        assert span.parent is None
        assert {"session.id": "other"} == dict(span.attributes or {})
        assert False is flag(app)

    def test_live_and_wrapping(self, make: Callable[..., App], everywhere: Callable[[TracerProvider], None]) -> None:
        """With a wrapping processor beside it, one span is exported by that."""
        wrapping, live = make(), make(live=True)
        everywhere(wrapping.provider)
        wrapping.provider.add_span_processor(live.processor)
        with session("s"), wrapping.tracer.start_as_current_span("request", Context()):
            record_feedback(1)
        wrapping.flush()
        assert (1, 0) == (len(wrapping.named("feedback")), len(live.named("feedback")))
        assert True is flag(wrapping)
