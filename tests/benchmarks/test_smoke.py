"""Every benchmark's answers at tiny sizes; no time is looked at."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_session_agg import SessionSpanProcessor
from otel_session_agg._model.span import Kind, Reading
from otel_session_agg._reading import span as reading
from otel_session_agg._spans.received import span_data

from . import burst, growth, instructions, memory, overhead, overload, price, unsampled
from ._receiver import receiving
from ._web_workload import WEB_SPANS, recorded_web
from ._workload import SPANS, expected, is_root, recorded


class TestWorkload:
    """The trace that everything is measured on."""

    def test_one_trace(self) -> None:
        """One trace has its spans and one root."""
        spans = recorded(2)
        assert [2 * SPANS, 2] == [len(spans), sum(map(is_root, spans))]

    def test_one_request(self) -> None:
        """One trace without a model has its spans and one root, and nothing in it is read as more than a span."""
        spans = recorded_web(2)
        assert [2 * WEB_SPANS, 2] == [len(spans), sum(map(is_root, spans))]
        assert {Reading(Kind.SPAN)} == {reading.read(span_data(span)) for span in spans}

    def test_traces_differ(self) -> None:
        """The totals of two traces differ, so that a mix-up shows."""
        assert expected(0) != expected(1)


class TestOverhead:
    """Side by side."""

    def test_without_network(self) -> None:
        """All that is compared gives the right answer, and a sample of each can be taken."""
        pipelines = overhead.variants()
        for variant in pipelines[1:]:
            variant.check()
        samples = overhead.compare(pipelines, rounds=2, traces=1)
        overhead.report(samples, pipelines[1].name)
        for variant in pipelines:
            variant.provider.shutdown()
        assert [2, 2, 2] == [len(taken) for taken in samples.values()]

    def test_over_otlp(self) -> None:
        """The totals arrive over OTLP/HTTP."""
        with receiving() as receiver:
            for variant in overhead.otlp_variants(receiver):
                variant.check()
                variant.provider.shutdown()

    def test_unsampled(self) -> None:
        """What is not sampled is counted or not, and exported or not, as each variant says."""
        pipelines = unsampled.variants()
        for variant in pipelines:
            variant.check()
        samples = overhead.compare(pipelines, rounds=1, traces=1)
        overhead.report(samples, pipelines[0].name)
        for variant in pipelines:
            variant.provider.shutdown()
        assert [1, 1, 1] == [len(taken) for taken in samples.values()]

    def test_interval(self) -> None:
        """The interval holds the median."""
        middle, low, high = overhead.interval([float(value) for value in range(101)])
        assert middle == 50
        assert low == 40
        assert high == 60


class TestBurst:
    """An overflowing downstream."""

    def test_exact_while_downstream_loses(self, caplog: pytest.LogCaptureFixture) -> None:
        """Surviving roots are exact and nothing is left behind, though the downstream lost spans."""
        caplog.set_level(logging.ERROR, logger="opentelemetry")
        exporter = burst.Slow(60.0)
        downstream = BatchSpanProcessor(exporter, max_queue_size=256, max_export_batch_size=64)
        outcome = burst.burst(4, 14, exporter, downstream)
        assert outcome.faults == []
        assert 0 < outcome.survivors < outcome.traces
        assert outcome.exported < outcome.handed_on == outcome.traces * SPANS


class TestOverload:
    """One thread that never pauses."""

    def test_outcome(self) -> None:
        """What is lost is counted, and questions are answered."""
        exporter = overload.Counting()
        processor = SessionSpanProcessor(BatchSpanProcessor(exporter))
        outcome = overload.overload(processor, exporter, seconds=0.2, every=0.05, asks=True)
        assert 0 < outcome.spans_per_second
        assert 0.0 <= outcome.lost_share < 1.0
        assert len(outcome.flushes) == len(outcome.questions) > 0


class TestGrowth:
    """Scenes at growing sizes."""

    def test_costs(self) -> None:
        """Every scene runs and takes time."""
        assert 0.0 < growth.starts("parts of one root", 10)
        assert 0.0 < growth.ends("inside out", 10)


class TestMemory:
    """State."""

    def test_totals(self) -> None:
        """Totals are right with the window overflowing, too."""
        memory.check(600)

    def test_measures(self) -> None:
        """Ended children that told of no call add nothing that stays."""
        engine, spans = memory.new_engine(1), memory.Spans()
        memory.open_roots(engine, 1)
        assert len(memory.grow_root(engine, (spans.child(0, number, call=False) for number in range(20)), 10)) == 2
        [trace] = engine.roots
        assert not trace.nodes
        assert trace.window is None
        assert memory.bytes_per_trace(10, open_children=1, tools=2, calls=2) > 0


class TestPrice:
    """The steps of one span."""

    def test_prices(self) -> None:
        """Ours equals the price table's own arithmetic."""
        price.check_prices()

    def test_folding(self) -> None:
        """Folded traces have the right totals."""
        price.check_folding()


class TestInstructions:
    """What is counted under valgrind, without valgrind."""

    @pytest.mark.parametrize("name", instructions.VARIANTS)
    def test_child(self, name: str) -> None:
        """Each variant runs."""
        instructions.child(name, 2)
