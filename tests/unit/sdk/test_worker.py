"""When the worker is woken for a span that has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, set_span_in_context

from otel_session_agg import Budget, SessionSpanProcessor, session
from otel_session_agg._api.context import use
from otel_session_agg._sdk import worker
from otel_session_agg._sdk.worker import SpanWorker
from otel_session_agg.testing import RecordingExporter

pytestmark = pytest.mark.oldest_sdk

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class App:
    """An application whose worker only notes when it would be woken."""

    def __init__(self, store: str | None = None) -> None:
        self.processor = SessionSpanProcessor(RecordingExporter(), store=store)
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.span_worker: SpanWorker = self.processor._span_worker

    @property
    def tracer(self) -> Tracer:
        """What makes its spans."""
        return self.provider.get_tracer("tests")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the worker was woken each time."""
    found: list[str] = []
    monkeypatch.setattr(SpanWorker, "wake_worker", lambda _: found.append("now"))
    monkeypatch.setattr(SpanWorker, "wake_later", lambda _: found.append("later"))
    return found


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """An application without a store, in a process without budgets."""
    monkeypatch.setattr(use, "any_budget", False)
    found = App()
    yield found
    found.provider.shutdown()


class TestSpanEnded:
    """``SpanWorker.span_ended``."""

    def test_children_wait(self, app: App, woken: list[str]) -> None:
        """Spans that end below an open root are folded later, and all with it when it ends."""
        with app.tracer.start_as_current_span("root"):
            for _ in range(2):
                app.tracer.start_span("child").end()
            assert ["later", "later"] == woken
        assert "now" == woken[-1]

    def test_once(self, app: App) -> None:
        """A worker that waits is not woken again by what ends meanwhile."""
        app.span_worker.is_patient = True
        with app.tracer.start_as_current_span("root"):
            app.tracer.start_span("child").end()
            assert app.span_worker.worker.thread is None
            assert not app.span_worker.awake

    def test_first(self, app: App) -> None:
        """The first span that ends starts the thread, which takes a turn at once."""
        with app.tracer.start_as_current_span("root"):
            app.tracer.start_span("child").end()
            assert app.span_worker.worker.thread is not None
            assert not app.span_worker.is_patient

    def test_remote_parent(self, app: App, woken: list[str]) -> None:
        """A root in the middle of a trace is a root."""
        parent = NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=_SAMPLED))
        app.tracer.start_span("part", set_span_in_context(parent, Context())).end()
        assert ["now"] == woken

    def test_parent_that_does_not_come(self, app: App, woken: list[str]) -> None:
        """So is a span below one in this process that nobody sees."""
        parent = NonRecordingSpan(SpanContext(7, 8, is_remote=False, trace_flags=_SAMPLED))
        app.tracer.start_span("top", set_span_in_context(parent, Context())).end()
        assert ["now"] == woken

    def test_root_waits(self, app: App, woken: list[str]) -> None:
        """A root that has ended waits for what is open below it, so that is needed at once."""
        root = app.tracer.start_span("root")
        child = app.tracer.start_span("child", set_span_in_context(root))
        root.end()
        app.span_worker.turn()
        woken.clear()
        child.end()
        assert ["now"] == woken

    def test_budget(self, app: App, woken: list[str]) -> None:
        """Where there are budgets, what a span costs is known at once."""
        with session("budget-1", budget=Budget(cost_usd=1.0)), app.tracer.start_as_current_span("root"):
            app.tracer.start_span("child").end()
        assert {"now"} == set(woken)

    def test_store(self, woken: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
        """Other processes are to know of it soon."""
        app = App(f"sqlite:///{tmp_path_factory.mktemp('store') / 'sessions'}")
        with app.tracer.start_as_current_span("root"):
            app.tracer.start_span("child").end()
        app.provider.shutdown()
        assert {"now"} == set(woken)

    def test_many(self, app: App, woken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """A full batch does not wait."""
        monkeypatch.setattr(worker, "_BATCH", 5)
        with app.tracer.start_as_current_span("root"):
            for _ in range(3):
                app.tracer.start_span("child").end()
        assert ["later", "now", "now", "now"] == woken
