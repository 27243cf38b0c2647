"""Spans whose parent is in this process and is never seen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as _api
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_session_agg import SessionSpanExporter, SessionSpanProcessor, current_rollup, session
from otel_session_agg._api.context import use
from otel_session_agg._sdk import parents
from otel_session_agg._sdk.parents import is_top
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, PRICES, App, alone, below
from tests.support.replay import is_ours

_TRACE, _PARENT = 0xABC, 0xDEF


def made_up(span_id: int = _PARENT, trace_id: int = _TRACE) -> Context:
    """The context below a parent that nobody started, as an application makes it to choose the trace id."""
    parent = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(parent), Context())


def totals_on(exporter: RecordingExporter) -> dict[str, int]:
    """Tokens by name of the spans that carry totals, without records."""
    own = {span.name: span.attributes or {} for span in exporter.spans if not is_ours(span)}
    return {name: values["metadata.total_tokens"] for name, values in own.items() if "metadata.total_tokens" in values}  # type: ignore[misc]  # an int


def records(exporter: RecordingExporter) -> list[ReadableSpan]:
    """Session records."""
    return [span for span in exporter.spans if is_ours(span)]


class _DropsRoots(Sampler):
    """Drops spans named ``dropped``, whatever is below them."""

    def should_sample(self, *given: Any, **named: Any) -> SamplingResult:
        """Whether a span is recorded."""
        decision = Decision.DROP if given[2] == "dropped" else Decision.RECORD_AND_SAMPLE
        return SamplingResult(decision, given[4] if len(given) > 4 else named.get("attributes"))

    def get_description(self) -> str:
        """What it is called."""
        return "drops roots"


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes applications."""
    with alone(monkeypatch) as make:
        yield make


class TestIsTop:
    """What the context tells of a parent."""

    def test_where_it_comes(self) -> None:
        """No parent, a remote one, one of the same provider that is open, and a context that is not the parent's."""
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
        root: Any = tracer.start_span("root", Context())
        child: Any = tracer.start_span("child", below(root))
        remote = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
        part: Any = tracer.start_span("part", set_span_in_context(NonRecordingSpan(remote), Context()))
        assert not is_top(root, Context())
        assert not is_top(child, below(root))
        assert not is_top(part, set_span_in_context(NonRecordingSpan(remote), Context()))
        assert not is_top(child, set_span_in_context(INVALID_SPAN, Context()))
        assert not is_top(child, made_up())

    def test_where_it_does_not(self) -> None:
        """Made up, of another provider, or ended."""
        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("t")
        other: Any = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("other", Context())
        root: Any = tracer.start_span("root", Context())
        of_made_up: Any = tracer.start_span("top", made_up())
        of_other: Any = tracer.start_span("top", below(other))
        root.end()
        of_ended: Any = tracer.start_span("top", below(root))
        assert is_top(of_made_up, made_up())
        assert is_top(of_other, below(other))
        assert is_top(of_ended, below(root))


class TestCurrentContext:
    """The current context, read without calls."""

    def test_same(self) -> None:
        """It is the one that the API tells."""
        token = attach(Context({"a": 1}))
        try:
            assert get_current() is parents.current_context()
        finally:
            detach(token)
        assert get_current() is parents.current_context()

    def test_another_runtime(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where contexts are kept elsewhere, the API is asked."""

        class Runtime(ContextVarsRuntimeContext):
            """Another one."""

        monkeypatch.setattr(_api, "_RUNTIME_CONTEXT", Runtime())
        assert get_current is parents._current_context()


class TestCalls:
    """What a plain span costs the application's thread."""

    def test_number(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """The two hooks call nothing: neither for a root, nor for what is below one."""
        monkeypatch.setattr(use, "any_label", False)  # as long as no test has named a session
        app, seen = make(), []
        with app.tracer.start_as_current_span("root") as root, app.tracer.start_as_current_span("step") as step:
            app.processor._span_worker.awake = True
            context, nothing = below(root), Context()
            sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name) if event == "call" else None)
            try:
                app.processor.on_start(step, None)
                app.processor.on_start(step, context)
                app.processor.on_start(root, nothing)
                app.processor.on_end(step)
            finally:
                sys.setprofile(None)
        assert [*3 * ["on_start"], "on_end"] == seen

    def test_spans_of_others(self, make: Any) -> None:
        """A span that is none of the SDK's, below one that is none, harms nobody."""
        app = make()
        app.processor.on_start(INVALID_SPAN, set_span_in_context(INVALID_SPAN, Context()))


class TestMadeUpParent:
    """A chosen trace id."""

    @pytest.mark.parametrize("in_session", [False, True])
    @pytest.mark.parametrize("store", [None, "sqlite"])
    def test_totals(self, make: Any, tmp_path: Path, store: str | None, *, in_session: bool) -> None:
        """The span below it is a session root: it carries the totals, and the record counts its trace and links to it."""
        app = make(store=store and f"sqlite:///{tmp_path / 'store.db'}")
        with session("s") if in_session else session("other"):
            top = app.tracer.start_span("top", made_up())
            app.call(below(top))
            with trace.use_span(top):
                rollup = current_rollup()
                assert rollup is not None
                assert 15 == rollup.total_tokens
            top.end()
        app.flush()
        assert {"top": 15} == totals_on(app.exporter)
        app.provider.shutdown()
        if store is None:
            (record,) = app.records
            assert 1 == record.num_traces
            assert ((_TRACE, top.get_span_context().span_id),) == record.members
            assert 15 == record.rollup.total_tokens

    def test_several(self, make: Any) -> None:
        """Each of several in one trace carries its own, one after the other and at once; the session has one trace."""
        app = make()
        with session("s"):
            first = app.tracer.start_span("first", made_up())
            second = app.tracer.start_span("second", made_up())
            app.call(below(first))
            app.call(below(second))
            app.call(below(second))
            first.end()
            second.end()
            third = app.tracer.start_span("third", made_up())
            app.call(below(third))
            third.end()
        app.flush()
        assert {"first": 15, "second": 30, "third": 15} == totals_on(app.exporter)
        app.provider.shutdown()
        assert [(1, 3, 60)] == [(one.num_traces, len(one.members), one.rollup.total_tokens) for one in app.records]

    def test_model_call_itself(self, make: Any) -> None:
        """A call directly below the made-up parent is counted on itself."""
        app = make()
        app.call(made_up(), **{"session.id": "s"})
        app.flush()
        assert {"chat": 15} == totals_on(app.exporter)
        app.provider.shutdown()
        assert [(1, 15)] == [(one.num_traces, one.rollup.total_tokens) for one in app.records]

    def test_late_child(self, make: Any) -> None:
        """A child that ends after the root left corrects the session."""
        app = make()
        with session("s"):
            top = app.tracer.start_span("top", made_up())
            child = app.tracer.start_span("chat", below(top), attributes=CALL)
        top.end()
        app.turn()
        app.turn(6)
        assert {"top": 0} == totals_on(app.exporter)
        child.end()
        app.turn()
        app.provider.shutdown()
        assert 15 == app.records[-1].rollup.total_tokens

    def test_live(self, make: Any) -> None:
        """In live mode the totals are on the open span."""
        app = make(live=True)
        top = app.tracer.start_span("top", made_up())
        app.call(below(top))
        assert 15 == top.attributes["metadata.total_tokens"]
        top.end()
        assert {"top": 15} == totals_on(app.exporter)

    def test_parked(self, make: Any) -> None:
        """Beyond the bound of open roots nothing is lost or left behind."""
        app = make(max_open_roots=1)
        tops = [app.tracer.start_span(f"top {number}", made_up(trace_id=number + 1)) for number in range(8)]
        for top in tops:
            app.call(below(top))
            top.end()
        app.flush()
        assert 16 == len([span for span in app.exporter.spans if not is_ours(span)])
        assert {} == app.span_worker.pipeline.engine.roots.tops.by_span


class TestParentComesLate:
    """A parent that was taken for one that does not come."""

    def test_while_open(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """It takes the place of the root below it."""
        app = make()
        with session("s"):
            top = app.tracer.start_span("top", made_up())
            app.call(below(top))
            app.turn()
            monkeypatch.setattr(app.provider.id_generator, "generate_span_id", lambda: _PARENT)
            monkeypatch.setattr(app.provider.id_generator, "generate_trace_id", lambda: _TRACE)
            late = app.tracer.start_span("late", Context())
            monkeypatch.undo()
        top.end()
        late.end()
        app.flush()
        assert {"late": 15} == totals_on(app.exporter)
        app.provider.shutdown()
        assert (1, 15, 1) == (app.records[0].num_traces, app.records[0].rollup.total_tokens, len(app.records[0].members))

    def test_after_the_end(self, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """It carries what the root below it had, too."""
        app = make()
        top = app.tracer.start_span("top", made_up())
        app.call(below(top))
        top.end()
        app.turn()
        monkeypatch.setattr(app.provider.id_generator, "generate_span_id", lambda: _PARENT)
        monkeypatch.setattr(app.provider.id_generator, "generate_trace_id", lambda: _TRACE)
        app.tracer.start_span("late", Context()).end()
        monkeypatch.undo()
        app.flush()
        assert {"top": 15, "late": 15} == totals_on(app.exporter)

    def test_with_store(self, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody waits for the part that it was taken for."""
        app = make(store=f"sqlite:///{tmp_path / 'store.db'}", quiet=False)
        top = app.tracer.start_span("top", made_up())
        app.flush()
        monkeypatch.setattr(app.provider.id_generator, "generate_span_id", lambda: _PARENT)
        monkeypatch.setattr(app.provider.id_generator, "generate_trace_id", lambda: _TRACE)
        late = app.tracer.start_span("late", Context())
        monkeypatch.undo()
        app.call(below(top))
        top.end()
        late.end()
        app.flush()
        app.flush()
        assert {"late": 15} == totals_on(app.exporter)
        assert "metadata.partial" not in app.attributes("late")


class TestDroppedRoot:
    """A sampler that drops roots, but not what is below them."""

    def test_totals(self, make: Any) -> None:
        """What is below the dropped root carries the totals."""
        app = make()
        provider = TracerProvider(sampler=_DropsRoots(), shutdown_on_exit=False)
        provider.add_span_processor(app.processor)
        tracer = provider.get_tracer("t")
        with session("s"), tracer.start_as_current_span("dropped"), tracer.start_as_current_span("top"):
            tracer.start_span("chat", attributes=CALL).end()
        app.flush()
        assert {"top": 15} == totals_on(app.exporter)
        app.provider.shutdown()
        assert [1] == [record.num_traces for record in app.records]


class TestOtherProvider:
    """Spans of several providers below each other."""

    def test_parent(self, make: Any) -> None:
        """A root of a provider that has no processor of ours is never seen."""
        app = make()
        other = TracerProvider(shutdown_on_exit=False).get_tracer("other").start_span("request", Context())
        with trace.use_span(other), app.tracer.start_as_current_span("top"):
            app.call()
        app.flush()
        assert {"top": 15} == totals_on(app.exporter)

    def test_in_between(self, make: Any) -> None:
        """A span of another provider between a root and its call changes nothing."""
        app = make()
        other = TracerProvider(shutdown_on_exit=False).get_tracer("other")
        with app.tracer.start_as_current_span("root"), other.start_as_current_span("between"):
            app.call()
        app.flush()
        assert {"root": 15} == totals_on(app.exporter)

    def test_one_processor_for_both(self, make: Any) -> None:
        """A processor that is in both providers knows the parent."""
        app = make()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(app.processor)
        with app.tracer.start_as_current_span("root"), provider.get_tracer("t").start_as_current_span("below"):
            app.call()
        app.flush()
        assert {"root": 15} == totals_on(app.exporter)


class TestAddedLate:
    """A processor that is added while the root is open."""

    def _late(self, app: App) -> None:
        app.turn()
        app.provider._active_span_processor._span_processors = (app.processor,)

    @pytest.mark.parametrize("long", [False, True])
    def test_totals(self, make: Any, *, long: bool) -> None:
        """The root carries the totals, however long it is open; nothing below it does."""
        app = make()
        app.provider._active_span_processor._span_processors = ()
        root = app.tracer.start_span("root", Context())
        self._late(app)
        with session("s"):
            step = app.tracer.start_span("step", below(root))
            app.call(below(step))
            step.end()
        app.turn()
        if long:
            app.turn(60)
        root.end()
        app.flush()
        assert {"root": 15} == totals_on(app.exporter)
        app.provider.shutdown()
        assert [(1, 15)] == [(record.num_traces, record.rollup.total_tokens) for record in app.records]

    def test_root_never_comes(self, make: Any) -> None:
        """What has no root in the end is a trace of its session all the same."""
        app = make()
        app.provider._active_span_processor._span_processors = ()
        root = app.tracer.start_span("root", Context())
        self._late(app)
        with session("s"):
            step = app.tracer.start_span("step", below(root))
            app.call(below(step))
            step.end()
        app.turn()
        app.turn(60)
        app.provider.shutdown()
        member = (root.get_span_context().trace_id, step.get_span_context().span_id)
        assert [(1, (member,), 15)] == [(one.num_traces, one.members, one.rollup.total_tokens) for one in app.records]


class TestExporter:
    """Where only ends are seen."""

    @pytest.fixture
    def provider(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TracerProvider, RecordingExporter]]:
        """The application's provider, with our exporter."""
        provider = TracerProvider(sampler=_DropsRoots(), shutdown_on_exit=False)
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
        exporter = RecordingExporter()
        ours = SessionSpanExporter(exporter, prices=PRICES)
        assert ours._context_processor.attach()
        provider.add_span_processor(SimpleSpanProcessor(ours))
        yield provider, exporter
        provider.shutdown()

    @pytest.mark.parametrize("name", ["dropped", "made up", "other"])
    def test_totals(self, provider: tuple[TracerProvider, RecordingExporter], name: str) -> None:
        """A root that nobody sees: what is below it carries the totals."""
        tracer = provider[0].get_tracer("t")
        contexts = {
            "dropped": below(tracer.start_span("dropped", Context())),
            "made up": made_up(),
            "other": below(TracerProvider(shutdown_on_exit=False).get_tracer("o").start_span("o", Context())),
        }
        with session("s"):
            top = tracer.start_span("top", contexts[name])
            tracer.start_span("chat", below(top), attributes=CALL).end()
            top.end()
        provider[0].force_flush()
        assert {"top": 15} == totals_on(provider[1])
        provider[0].shutdown()
        assert [1] == [(span.attributes or {})["metadata.num_traces"] for span in records(provider[1])]

    def test_root_never_comes(self) -> None:
        """Where nobody saw it begin, it is a trace of its session all the same."""
        provider, exporter = TracerProvider(shutdown_on_exit=False), RecordingExporter()
        provider.add_span_processor(SimpleSpanProcessor(SessionSpanExporter(exporter, prices=PRICES)))
        tracer = provider.get_tracer("t")
        top = tracer.start_span("top", made_up(), attributes={"session.id": "s"})
        tracer.start_span("chat", below(top), attributes=CALL).end()
        top.end()
        provider.shutdown()
        (record,) = records(exporter)
        assert (1, 15) == ((record.attributes or {})["metadata.num_traces"], (record.attributes or {})["metadata.total_tokens"])
        assert [top.get_span_context().span_id] == [link.context.span_id for link in record.links]


def test_processors_in_two_providers(make: Any) -> None:
    """With a processor in each provider, each has totals of what it sees."""
    inner, outer = make(), make()
    assert isinstance(inner.processor, SessionSpanProcessor)
    with outer.tracer.start_as_current_span("root"):
        outer.call()
        with inner.tracer.start_as_current_span("top"):
            inner.call()
            inner.call()
    inner.flush()
    outer.flush()
    assert {"top": 30} == totals_on(inner.exporter)
    assert {"root": 15} == totals_on(outer.exporter)
