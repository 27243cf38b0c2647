"""Totals before sampling: what a sampler drops is recorded and counted, and not exported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.metadata import entry_points
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk._configuration import _import_sampler
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, set_span_in_context

from otel_session_agg import (
    Budget,
    BudgetExceeded,
    BudgetUnknown,
    RecordUnsampled,
    Rollup,
    SessionRecord,
    SessionSpanExporter,
    SessionSpanProcessor,
    Settings,
    SettingsError,
    current_rollup,
    session,
)
from otel_session_agg._sdk.sampler import NAME, record_unsampled
from otel_session_agg.stores import MemoryStore
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, PRICES

ARGUMENT = "OTEL_TRACES_SAMPLER_ARG"


class OneOf(Sampler):
    """Samples the first of each so many traces."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen: dict[int, int] = {}

    def should_sample(
        self, parent_context: Any, trace_id: int, name: str, kind: Any = None, attributes: Any = None, *_: Any
    ) -> Any:
        """Sample it, or not."""
        del parent_context, name, kind
        is_first = self.seen.setdefault(trace_id, len(self.seen)) % self.number == 0
        return SamplingResult(Decision.RECORD_AND_SAMPLE if is_first else Decision.DROP, attributes if is_first else None)

    def get_description(self) -> str:
        """Its name."""
        return "OneOf"


class App:
    """An application of which one trace in so many is sampled."""

    def __init__(self, one_of: int, *, live: bool = False, exporter: bool = False, batch: bool = True, **more: Any) -> None:
        self.sent = RecordingExporter()
        self.records: list[SessionRecord] = []
        processor = BatchSpanProcessor(self.sent) if batch else SimpleSpanProcessor(self.sent)
        self.provider = TracerProvider(sampler=RecordUnsampled(OneOf(one_of)), resource=Resource({}), shutdown_on_exit=False)
        given: dict[str, Any] = {"settings": Settings(), "prices": PRICES, "on_session": self.records.append, **more}
        self.door: Any = None
        if exporter:
            self.door = SessionSpanExporter(self.sent, **given)
            processor = BatchSpanProcessor(self.door)
        elif live:
            self.provider.add_span_processor(SessionSpanProcessor(**given))
        else:
            processor = SessionSpanProcessor(processor, **given)  # type: ignore[assignment]
        self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer("tests")

    def ask(self, **attributes: Any) -> None:
        """A trace with one call."""
        with self.tracer.start_as_current_span("request", Context(), attributes=attributes):
            self.tracer.start_span("chat", attributes=CALL).end()

    def close(self) -> None:
        """Everything has left."""
        self.provider.force_flush()
        self.provider.shutdown()

    def sampled(self, name: str = "request") -> list[ReadableSpan]:
        """Exported spans with this name."""
        return [span for span in self.sent.spans if span.name == name]


def _record(app: App) -> dict[str, Any]:
    (record,) = app.sampled("session")
    return dict(record.attributes or {})


class TestSampler:
    """What it decides."""

    def test_sampled(self) -> None:
        """What the other one samples, or has recorded itself, is as it says."""
        for inner in (ALWAYS_ON, ParentBased(ALWAYS_ON)):
            made = RecordUnsampled(inner).should_sample(None, 1, "a", attributes={"x": 1})
            assert (Decision.RECORD_AND_SAMPLE, {"x": 1}) == (made.decision, dict(made.attributes))

    def test_dropped(self) -> None:
        """What it drops is recorded, with the attributes that it began with."""
        made = RecordUnsampled(ALWAYS_OFF).should_sample(None, 1, "a", attributes={"session.id": "s"})
        assert (Decision.RECORD_ONLY, {"session.id": "s"}) == (made.decision, dict(made.attributes))
        assert {} == dict(RecordUnsampled(ALWAYS_OFF).should_sample(None, 1, "a").attributes)

    @pytest.mark.parametrize("is_remote", [False, True])
    def test_parents(self, is_remote: bool) -> None:  # noqa: FBT001 -- of the table
        """Below a parent that is not sampled nothing is sampled, here or in another process; all of it is recorded."""
        for flags, expected in ((0, Decision.RECORD_ONLY), (1, Decision.RECORD_AND_SAMPLE)):
            parent = set_span_in_context(NonRecordingSpan(SpanContext(1, 2, is_remote, TraceFlags(flags))), Context())
            assert expected is RecordUnsampled(ParentBased(ALWAYS_OFF)).should_sample(parent, 1, "a").decision

    def test_others_see_no_difference(self) -> None:
        """A service that is called from an unsampled trace is told that it is not sampled."""
        provider = TracerProvider(sampler=RecordUnsampled(ALWAYS_OFF), shutdown_on_exit=False)
        with provider.get_tracer("tests").start_as_current_span("a"):
            assert get_current_span().is_recording()
            assert not get_current_span().get_span_context().trace_flags.sampled

    def test_description(self) -> None:
        """It names the one that decides."""
        assert "RecordUnsampled{AlwaysOffSampler}" == RecordUnsampled(ALWAYS_OFF).get_description()
        default: Sampler = DEFAULT_ON
        assert default.get_description() in RecordUnsampled().get_description()

    def test_wrong(self) -> None:
        """Something else is refused with a sentence."""
        with pytest.raises(TypeError, match=r"^sampler must be a Sampler such as .*, not 0\.1$"):
            RecordUnsampled(0.1)  # type: ignore[arg-type]  # what is tested


class TestByName:
    """``OTEL_TRACES_SAMPLER`` and its argument."""

    @pytest.mark.parametrize(
        ("argument", "expected"),
        [
            (None, DEFAULT_ON),
            ("", DEFAULT_ON),
            ("0.1", ParentBased(TraceIdRatioBased(0.1))),
            ("parentbased_traceidratio:0.25", ParentBased(TraceIdRatioBased(0.25))),
            (" TraceIdRatio : 0 ", TraceIdRatioBased(0.0)),
            ("always_off", ALWAYS_OFF),
            ("parentbased_always_off", ParentBased(ALWAYS_OFF)),
        ],
    )
    def test_sdk(self, argument: str | None, expected: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
        """The SDK finds it by its name; the argument is a share, or another sampler with its own argument."""
        monkeypatch.delenv(ARGUMENT, raising=False)
        if argument is not None:
            monkeypatch.setenv(ARGUMENT, argument)
        made = _import_sampler(NAME)
        assert made is not None
        assert f"RecordUnsampled{{{expected.get_description()}}}" == made.get_description()

    @pytest.mark.parametrize("argument", ["ten", "1.5", "parentbased_traceidratio", "traceidratio:10%", f"{NAME}:0.1", "nan"])
    def test_wrong(self, argument: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
        """An argument that is none is an error that says what is allowed; the SDK logs it and goes on."""
        with pytest.raises(SettingsError, match=r"use a share from 0 to 1, or a sampler with its argument"):
            record_unsampled(argument)
        monkeypatch.setenv(ARGUMENT, argument)
        assert _import_sampler(NAME) is None
        assert "is not allowed: use a share from 0 to 1" in caplog.text

    def test_declarative(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A configuration file finds it by the same name, without an argument of its own."""
        monkeypatch.setenv(ARGUMENT, "0.5")
        (found,) = entry_points(group="opentelemetry_sampler", name=NAME)
        made: Sampler = found.load()()
        assert "RecordUnsampled{ParentBased{root:TraceIdRatioBased{0.5}" in made.get_description()


class TestTotals:
    """What is counted, and what is exported."""

    @pytest.mark.parametrize("how", [{}, {"batch": False}, {"exporter": True}], ids=["batch", "simple", "exporter"])
    def test_record(self, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """The record has all traces; of those that are not sampled nothing is exported, and it links to none of them."""
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
        app = App(4, **how)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", app.provider)
        if app.door is not None:
            assert app.door._context_processor.attach()
        for _ in range(8):
            app.ask(**{"session.id": "s"})
        app.close()
        assert [2, 2] == [len(app.sampled()), len(app.sampled("chat"))]
        assert [15, 15] == [(span.attributes or {})["metadata.total_tokens"] for span in app.sampled()]
        record = _record(app)
        assert (8, 6, 120, 160.0) == tuple(
            record[f"metadata.{name}"] for name in ("num_traces", "num_unsampled_traces", "total_tokens", "cost")
        )
        linked = [link.context.trace_id for link in app.sampled("session")[0].links]
        assert sorted(span.context.trace_id for span in app.sampled()) == sorted(linked)
        assert all(span.context.trace_flags.sampled for span in app.sent.spans)
        assert [(8, 6, 2)] == [(r.num_traces, r.num_unsampled_traces, len(r.members)) for r in app.records]

    def test_all_sampled(self) -> None:
        """A record of sampled traces says nothing of it."""
        app = App(1)
        for _ in range(2):
            app.ask(**{"session.id": "s"})
        app.close()
        assert "metadata.num_unsampled_traces" not in _record(app)

    def test_one_trace(self) -> None:
        """A session of one trace that is not sampled has a record: its totals stand on nothing else."""
        app = App(10**9)
        app.ask()
        app.ask(**{"session.id": "s"})
        app.close()
        assert (1, 15) == tuple(_record(app)[f"metadata.{name}"] for name in ("num_unsampled_traces", "total_tokens"))

    def test_live(self) -> None:
        """In live mode, too: totals stand on open roots, and others export what is sampled."""
        app = App(2, live=True)
        for _ in range(4):
            app.ask(**{"session.id": "s"})
        app.close()
        assert [15, 15] == [(span.attributes or {})["metadata.total_tokens"] for span in app.sampled()]
        assert [(4, 2, 60)] == [(r.num_traces, r.num_unsampled_traces, r.rollup.total_tokens) for r in app.records]

    @pytest.mark.parametrize("live", [False, True])
    def test_budget(self, live: bool) -> None:  # noqa: FBT001 -- of the table
        """A budget bites although nothing is exported, and totals can be asked for."""
        app = App(10**9, live=live)
        app.ask()
        budget = Budget(total_tokens=20)
        with session("s", budget=budget):
            app.ask()
            assert 15 == (current_rollup() or Rollup()).total_tokens
            budget.check()
            app.ask()
            with pytest.raises(BudgetExceeded):
                budget.check()
        app.close()
        assert ["request", "chat"] == [span.name for span in app.sent.spans if span.name != "session"][::-1]

    @pytest.mark.parametrize("is_remote", [False, True])
    def test_strict_budget(self, is_remote: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 -- of the table
        """A strict budget sees what is recorded, also below a caller that is sampled out; what is dropped it cannot see."""
        for sampler, sees in ((RecordUnsampled(ParentBased(ALWAYS_OFF)), True), (ParentBased(ALWAYS_OFF), False)):
            provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
            provider.add_span_processor(SessionSpanProcessor(RecordingExporter(), settings=Settings(), prices=PRICES))
            monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
            caller = set_span_in_context(NonRecordingSpan(SpanContext(1, 2, is_remote=True)), Context())
            budget = Budget(total_tokens=20, strict=True)
            token = attach(caller if is_remote else Context())
            try:
                with session("s", budget=budget), nullcontext() if sees else pytest.raises(BudgetUnknown):
                    budget.check()
            finally:
                detach(token)
            provider.shutdown()

    def test_metrics(self) -> None:
        """Metrics have all of it."""
        reader = InMemoryMetricReader()
        app = App(10**9, meter_provider=MeterProvider([reader], shutdown_on_exit=False))
        app.ask()
        app.ask(**{"session.id": "s"})
        app.close()
        data: Any = reader.get_metrics_data()
        found = {one.name: one.data.data_points for scope in data.resource_metrics[0].scope_metrics for one in scope.metrics}
        assert 15 == found["otel_session_agg.session.tokens"][0].sum

    def test_over_processes(self) -> None:
        """Traces of other processes count alike; a part that named no session links to nothing that is not exported."""
        store = MemoryStore()
        here, there = App(1, store=store), App(10**9, store=store)
        there.ask(**{"session.id": "s"})  # sampled: the first of many
        for _ in range(2):
            there.ask(**{"session.id": "s"})
        here.ask(**{"session.id": "s"})
        for app in (there, here):
            app.provider.force_flush()
        with session("s") as block:
            assert 60 == block.rollup(wait_seconds=5).total_tokens
            block.end()
        for app in (there, here):
            app.close()
        (record,) = [*here.sampled("session"), *there.sampled("session")]
        assert (4, 2) == tuple((record.attributes or {})[f"metadata.num_{name}"] for name in ("traces", "unsampled_traces"))
        assert 2 == len(record.links)

    def test_processors_of_others(self) -> None:
        """A processor of the application's own behind ours gets what the SDK would give it: whatever is recorded."""
        seen: list[str] = []

        class Mine(SpanProcessor):
            def on_end(self, span: ReadableSpan) -> None:
                seen.append(span.name)

        provider = TracerProvider(sampler=RecordUnsampled(ALWAYS_OFF), shutdown_on_exit=False)
        provider.add_span_processor(SessionSpanProcessor(Mine(), settings=Settings()))
        provider.get_tracer("tests").start_span("root").end()
        provider.force_flush()
        assert ["root"] == seen
        provider.shutdown()


class TestExporter:
    """The exporter, which batch processors tell of sampled spans only."""

    @pytest.fixture
    def app(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., App]]:
        """Makes an application with a global provider."""
        made: list[App] = []

        def make(**settings: Any) -> App:
            monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
            made.append(App(10**9, exporter=True, settings=Settings(**settings)))
            monkeypatch.setattr(trace, "_TRACER_PROVIDER", made[-1].provider)
            made[-1].door._context_processor.attach()
            return made[-1]

        yield make
        for one in made:
            one.close()

    def test_queue_is_bounded(self, app: Callable[..., App]) -> None:
        """However many come at once, the queue has a bound, and each is counted."""
        one = app(max_queue_size=10)
        one.ask(**{"session.id": "s"})
        for _ in range(200):
            one.ask(**{"session.id": "s"})
        assert len(one.door._aggregator.span_worker.queue) <= 20
        one.close()
        assert [(201 * 15, 200)] == [(r.rollup.total_tokens, r.num_unsampled_traces) for r in one.records]
        assert {"request", "chat", "session"} == {span.name for span in one.sent.spans}
        assert 3 == len(one.sent.spans)

    def test_after_shutdown(self, app: Callable[..., App]) -> None:
        """After it was shut down nothing is kept."""
        one = app()
        one.door.shutdown()
        for _ in range(3):
            one.ask()
        assert 0 == len(one.door._aggregator.span_worker.queue)
