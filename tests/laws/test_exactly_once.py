"""Every ended span that is handed in reaches the downstream exactly once, whatever shares a trace id and whatever fails in us."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context

from otel_session_agg import SessionSpanExporter, SessionSpanProcessor, Settings
from otel_session_agg._sessions.known_sessions import KnownSessions
from otel_session_agg._sessions.lifecycle import SessionLifecycle
from otel_session_agg._sessions.root_release import RootRelease
from otel_session_agg.stores import MemoryStore
from otel_session_agg.testing import FakeClock, RecordingExporter
from tests.support.apps import CALL, PRICES
from tests.support.builds import not_compiled
from tests.support.replay import is_ours

_TRACES = (7, 8)
"""Few, so that roots share them."""

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("root"), st.sampled_from(_TRACES)),
        st.tuples(st.just("part"), st.sampled_from(_TRACES)),
        st.tuples(st.just("made up"), st.sampled_from(_TRACES)),
        st.tuples(st.just("child"), st.integers(0, 5)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("turn"), st.sampled_from((0, 1, 6))),
        st.tuples(st.just("flush"), st.just(0)),
    ),
    max_size=24,
)
"""What an application does, and the worker between it."""


class _Ids(IdGenerator):
    """Trace ids that are asked for."""

    def __init__(self) -> None:
        self.trace_id = _TRACES[0]
        self._span_ids = count(1)

    def generate_span_id(self) -> int:
        return next(self._span_ids)

    def generate_trace_id(self) -> int:
        return self.trace_id


def _beyond(trace_id: int, *, remote: bool) -> Context:
    """Below a span that nobody sees."""
    parent = SpanContext(trace_id, 1_000_000 + remote, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(parent), Context())


class _Application:
    """The real SDK with one entry point of ours, whose worker is called by hand."""

    def __init__(self, entry: str, store: Any) -> None:
        self.exporter = RecordingExporter()
        self.clock = FakeClock(1000.0)
        self.ids = _Ids()
        self.provider = TracerProvider(id_generator=self.ids, shutdown_on_exit=False)
        own: dict[str, Any] = {"settings": Settings(), "store": store, "prices": PRICES}
        if entry == "processor":
            processor = SessionSpanProcessor(SimpleSpanProcessor(self.exporter), **own)
            self.span_worker = processor._span_worker
            self.flush: Callable[[], object] = processor.force_flush
            self.provider.add_span_processor(processor)
        else:
            exporter = SessionSpanExporter(self.exporter, **own)
            self.span_worker = exporter._aggregator.span_worker
            self.flush = exporter.force_flush
            self.provider.add_span_processor(SimpleSpanProcessor(exporter))
        self.span_worker.clock = self.clock
        self.span_worker.wake_worker = lambda: None  # type: ignore[method-assign]  # turns are steps
        self.tracer = self.provider.get_tracer("tests")
        self.open: list[Span] = []
        self.ended: Counter[int] = Counter()

    def do(self, step: str, number: int) -> None:
        """One step."""
        if step == "turn":
            self.clock.tick(number)
            self.span_worker.turn()
        elif step == "flush":
            self.flush()
        elif step == "end":
            if self.open:
                self.end(self.open.pop(number % len(self.open)))
        elif step != "child":
            self.ids.trace_id = number
            context = Context() if step == "root" else _beyond(number, remote=step == "part")
            self.open.append(self.tracer.start_span(step, context))
        elif self.open:
            above = self.open[number % len(self.open)]
            self.open.append(self.tracer.start_span(step, set_span_in_context(above, Context()), attributes=CALL))

    def end(self, span: Span) -> None:
        """A span ends."""
        self.ended[span.get_span_context().span_id] += 1
        span.end()

    @property
    def exported(self) -> Counter[int]:
        """How often each span came out."""
        own = [span for span in self.exporter.spans if not is_ours(span)]
        return Counter(span.context.span_id for span in own if span.context is not None)


@contextmanager
def _store(kind: str) -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        yield {"none": None, "memory": MemoryStore(), "sqlite": f"sqlite:///{Path(folder) / 'store.db'}"}[kind]


def _roots(exporter: RecordingExporter) -> dict[int, ReadableSpan]:
    """Exported spans with totals, by id."""
    totals = [span for span in exporter.spans if not is_ours(span) and "metadata.num_events" in (span.attributes or {})]
    return {span.context.span_id: span for span in totals if span.context is not None}


class TestExactlyOnce:
    """Nothing is lost, nothing comes twice."""

    @pytest.mark.parametrize("entry", ["processor", "exporter"])
    @pytest.mark.parametrize("kind", ["none", "memory", "sqlite"])
    @settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
    @given(steps=_STEPS)
    @example(steps=[("root", 7), ("root", 7), ("end", 0), ("turn", 6), ("flush", 0), ("end", 0), ("turn", 6)])
    def test_any_steps(self, kind: str, entry: str, steps: list[tuple[str, int]]) -> None:
        """Roots, parts, spans below parents that nobody sees and children, flushed and shut down at any moment."""
        with _store(kind) as store:
            application = _Application(entry, store)
            for step in steps:
                application.do(*step)
            application.provider.shutdown()
            assert application.ended == application.exported

    @pytest.mark.parametrize("entry", ["processor", "exporter"])
    @pytest.mark.parametrize("kind", ["none", "memory", "sqlite"])
    def test_one_trace_id(self, kind: str, entry: str) -> None:
        """Roots without a parent that share a trace id within the time that they wait all leave, with totals of their own."""
        with _store(kind) as store:
            application = _Application(entry, store)
            for _ in range(3):
                application.do("root", 7)
                application.do("child", 0)
                application.do("end", 1)
                application.do("end", 0)
                application.do("turn", 0)
            application.provider.shutdown()
            assert application.ended == application.exported
            assert [15, 15, 15] == [
                (span.attributes or {}).get("metadata.total_tokens") for span in _roots(application.exporter).values()
            ]

    def test_part_of_two_roots(self) -> None:
        """A part is in the totals of one of the roots that begin its trace, so that they add up."""
        with _store("memory") as store:
            application = _Application("processor", store)
            application.do("root", 7)
            application.do("root", 7)
            application.do("part", 7)
            application.do("child", 2)
            for _ in range(4):
                application.do("end", -1)
            application.provider.shutdown()
            roots = [span for span in _roots(application.exporter).values() if span.parent is None]
            assert {0, 15} == {(span.attributes or {})["metadata.total_tokens"] for span in roots}

    @not_compiled
    @pytest.mark.parametrize("kind", ["none", "sqlite"])
    @pytest.mark.parametrize(
        "place",
        [
            (RootRelease, "_delta"),
            (RootRelease, "_whole"),
            (RootRelease, "_ready"),
            (SessionLifecycle, "apply"),
            (KnownSessions, "labelled"),
        ],
    )
    def test_faults(self, kind: str, place: tuple[type, str], monkeypatch: pytest.MonkeyPatch) -> None:
        """Roots leave once each although a step between them and their session raises."""
        failed: list[str] = []

        def fails(*_: object, **__: object) -> None:
            message = "on purpose"
            failed.append(message)
            raise RuntimeError(message)

        with _store(kind) as store:
            application = _Application("processor", store)
            for step in ("root", "part", "root"):
                application.do(step, 7)
            for span in application.open:
                span.set_attribute("session.id", "s")
            monkeypatch.setattr(*place, fails)
            for _ in range(3):
                application.do("end", 0)
            application.do("turn", 6)
            application.provider.shutdown()
            assert failed
            assert application.ended == application.exported
