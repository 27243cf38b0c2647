"""Every benchmark's answers at tiny sizes; no time is looked at."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_session_agg import SessionSpanProcessor
from otel_session_agg._model.span import Kind, Reading
from otel_session_agg._reading import span as reading
from otel_session_agg._spans.received import span_data
from tests.support.paths import ROOT

from . import burst, collector, growth, history, instructions, live, memory, overhead, overload, price, questions, unsampled
from ._libraries import THIS, libraries
from ._receiver import receiving
from ._shapes import SHAPES, Shape
from ._web_workload import WEB_SPANS, recorded_web
from ._workload import SPANS, Null, expected, is_root, recorded


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
        assert {Reading(Kind.SPAN, is_plain=True)} == {reading.read(span_data(span)) for span in spans}

    def test_traces_differ(self) -> None:
        """The totals of two traces differ, so that a mix-up shows."""
        assert expected(0) != expected(1)


class TestOverhead:
    """Side by side."""

    @pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
    def test_shape(self, shape: Shape) -> None:
        """What is compared gives the right answer in every shape."""
        for variant in overhead.variants(shape):
            variant.check()
            variant.provider.shutdown()

    def test_wrong_answer(self) -> None:
        """A pipeline whose roots have no totals is not measured."""
        bare = overhead.variants()[0]
        with pytest.raises(AssertionError, match="wrong totals"):
            replace(bare, totals=True).check()
        bare.provider.shutdown()

    def test_compared(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The variants take turns, and the table has a line for each figure."""
        pipelines = overhead.variants()
        samples = overhead.compare(pipelines, rounds=2, traces=1)
        overhead.report("LLM", samples, pipelines[0].name)
        for variant in pipelines:
            variant.provider.shutdown()
        assert [2, 2] == [len(taken) for taken in samples.values()]
        assert 3 == capsys.readouterr().out.count("x")

    @pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there are no other versions")
    def test_versions(self) -> None:
        """Another version runs beside this one, under a name of its own."""
        with libraries(["HEAD"]) as versions:
            pipelines = overhead.variants(versions=versions)
            for variant in pipelines:
                variant.check()
                variant.provider.shutdown()
        assert ["otel_session_agg", "otel_session_agg_HEAD"] == [library.api.__name__ for library in versions]

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
        overhead.report("not sampled", samples, pipelines[0].name)
        for variant in pipelines:
            variant.provider.shutdown()
        assert [1, 1, 1] == [len(taken) for taken in samples.values()]

    def test_interval(self) -> None:
        """The interval holds the median."""
        middle, low, high = overhead.interval([float(value) for value in range(101)])
        assert middle == 50
        assert low == 40
        assert high == 60


class TestQuestions:
    """Asking, flushing and waiting."""

    def test_totals(self) -> None:
        """The totals of an open root are right each time they are timed."""
        assert all(figure > 0.0 for figure in questions.totals(THIS, calls=3, rounds=2))

    def test_live(self) -> None:
        """Live totals are right when all is timed."""
        assert questions.live(THIS, calls=2, rounds=2) > 0.0

    def test_roots(self) -> None:
        """Open roots are flushed, and roots of one trace id leave."""
        assert min(*questions.flush(THIS, 10, rounds=2), *questions.same_id(THIS, 1000)) > 0.0

    def test_latency(self) -> None:
        """Roots arrive behind."""
        middle, high = questions.latency(THIS, None, rounds=3)
        assert 0.0 < middle <= high


class TestCollector:
    """The garbage collector's share."""

    def test_sustained(self) -> None:
        """Something is tracked, and took time."""
        collecting, process, tracked = collector.sustained(SessionSpanProcessor(BatchSpanProcessor(Null())), 30)
        assert 0.0 <= collecting < process
        assert tracked > 0

    def test_passes(self) -> None:
        """Collections go through something, the most of it young."""
        young, middle, old = collector.passes(SessionSpanProcessor(BatchSpanProcessor(Null())), 30)
        assert young > 0.0
        assert min(middle, old) >= 0.0


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
        """Totals are right with more calls than are kept, too."""
        memory.check(600)

    def test_measures(self) -> None:
        """Ended children that told of no call add nothing that stays."""
        engine, spans = memory.new_engine(1), memory.Spans()
        memory.open_roots(engine, 1)
        assert len(memory.grow_root(engine, (spans.child(0, number, call=False) for number in range(20)), 10)) == 2
        [trace] = engine.roots
        assert not trace.nodes
        assert trace.calls is None
        assert memory.bytes_per_trace(10, open_children=1, tools=2, calls=2) > 0

    def test_session(self) -> None:
        """A session whose traces have left takes what is remembered of them, too, until others come."""
        assert memory.bytes_per_session(10, memory.run_calls, before=0) > 0


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


class TestLive:
    """What is counted while it comes."""

    @pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what a process uses is read there")
    @pytest.mark.parametrize("over_http", [False, True])
    def test_measures(self, capsys: pytest.CaptureFixture[str], *, over_http: bool) -> None:
        """All spans are counted, both processes take time, and what is sent then is seen."""
        found = live.measure(500, 5, over_http=over_http)
        assert 500 == found.spans
        assert 0.0 < found.accepted_seconds <= found.seconds
        assert 0 < min(found.accepting.peak_bytes, found.counting.peak_bytes)
        assert 0.0 < min(found.seen_after)
        live.report(found)
        assert 5 == capsys.readouterr().out.count("\n")


class TestHistory:
    """What is kept and asked for."""

    @pytest.mark.parametrize("sessions", [None, 3])
    def test_sums(self, sessions: int | None) -> None:
        """Sums are right."""
        assert 4 == len(history.measured(7, sessions))
