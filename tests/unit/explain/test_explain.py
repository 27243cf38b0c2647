"""``explain()``: the verdict about each call, and the sum."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

from otel_session_agg import Explanation, PriceBook, SessionSpanProcessor, explain, session
from otel_session_agg._model.span import SpanData
from otel_session_agg._spans.received import span_data
from otel_session_agg.testing import RecordingExporter, make_span

from .conftest import Make, call


def _verdict(explanation: Explanation, number: int) -> Any:
    verdict = explanation.spans[number - 1].verdict
    assert verdict is not None
    return verdict


class TestSum:
    """The totals of all spans."""

    def test_as_processor(self) -> None:
        """The exported spans, roots with totals and records among them, have the sum that is on the record."""
        exporter = RecordingExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SessionSpanProcessor(exporter))
        tracer = provider.get_tracer("app")
        with session("chat", end_on_exit=True):
            for _ in range(2):
                with tracer.start_as_current_span("request"):
                    tracer.start_span("chat", attributes=call()).end()
        provider.force_flush()
        provider.shutdown()
        record = next(span for span in exporter.spans if span.name == "session")
        explanation = explain(exporter.spans)
        assert record.attributes is not None
        assert record.attributes["metadata.cost"] == explanation.cost_usd
        assert ["request", "chat"] * 2 == [span.name for span in explanation.spans]
        assert {"chat": explanation.rollup} == explanation.sessions

    @pytest.mark.parametrize("profile", ["default", "honeyhive", "phoenix", "posthog"])
    def test_profiles(self, profile: str) -> None:
        """The attributes that a profile adds to roots are no calls."""
        exporter = RecordingExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SessionSpanProcessor(exporter, settings={"profiles": profile}))
        tracer = provider.get_tracer("app")
        with tracer.start_as_current_span("request"):
            tracer.start_span("chat", attributes=call()).end()
        provider.shutdown()
        explanation = explain(exporter.spans)
        assert (1, 1100) == (explanation.rollup.num_model_events, explanation.rollup.total_tokens)
        assert [False, True] == [span.counts for span in explanation.spans]

    def test_written_attributes(self, make: Make) -> None:
        """What a processor has written on a root is not taken for what the root states."""
        begun = {"request_data": "{}", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
        written = {"duration": 1.5, "metadata.rollup": "trace", "metadata.cost": 0.5}
        for attributes in (begun, {**begun, **written}):
            assert 0 == explain([make(1, None, attributes, scope="logfire.openai")]).rollup.num_model_events

    def test_nothing(self) -> None:
        """No spans have no cost."""
        explanation = explain([])
        assert explanation.rollup.is_empty
        assert "0 spans" in str(explanation)

    def test_prices(self, make: Make) -> None:
        """Prices are the application's own, as the processor takes them."""
        spans = [make(1, None), make(2, 1, call(1_000_000, 0))]
        for prices in (PriceBook({"gpt-*": {"input": 3, "output": 1}}), {"gpt-*": {"input": 3, "output": 1}}):
            explanation = explain(spans, prices=prices)
            assert 3.0 == explanation.cost_usd
            price = _verdict(explanation, 2).price
            assert ("own", "gpt-*") == price.origin
            assert [("input", 1_000_000, 3.0)] == [(part.name, part.number, part.cost_usd) for part in price.parts]

    def test_own_book(self, make: Make) -> None:
        """A price that an application's own book computes is not taken apart."""

        class Book(PriceBook):
            def cost_pusd(self, **_: Any) -> int | None:
                return 7

        verdict = _verdict(explain([make(1, None, call())], prices=Book()), 1)
        assert [("whole call", 1, 7)] == [(part.name, part.number, part.cost_pusd) for part in verdict.price.parts]
        assert 7 == verdict.cost_pusd


class TestVerdicts:
    """What counts, and what lost to which span by which rule."""

    def test_counts(self, make: Make) -> None:
        """A call alone counts, by the price of the table."""
        verdict = _verdict(explain([make(1, None), make(2, 1, call())]), 2)
        assert (True, 1, None, "computed") == (verdict.counts, verdict.num_model_events, verdict.rule, verdict.cost_source)
        assert ["input", "output"] == [part.name for part in verdict.price.parts]
        assert verdict.cost_pusd == sum(part.cost_pusd for part in verdict.price.parts) == 210_000_000

    def test_sum_of_agent(self, make: Make) -> None:
        """An agent's sum repeats the calls below it."""
        agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 200}
        explanation = explain([make(1, None, agent), make(2, 1, call()), make(3, 1, call())])
        verdict = _verdict(explanation, 1)
        assert (False, "sum") == (verdict.counts, verdict.rule)
        assert "repeats calls below it, 2 among them" == verdict.why("2")
        assert 2 == explanation.rollup.num_model_events

    def test_layers(self, make: Make) -> None:
        """Of two nested spans of one call the inner one counts, with what only the outer one states."""
        outer = call(**{"gen_ai.response.model": "gpt-4o-mini-2024-07-18"})
        explanation = explain([make(1, None, outer, scope="a"), make(2, 1, call(), scope="b")])
        lost, counts = _verdict(explanation, 1), _verdict(explanation, 2)
        assert ("layer", (1, 2), ("response model",)) == (lost.rule, lost.other, lost.gave)
        assert (((1, 1), ("response model",)),) == counts.has_from

    def test_response_id(self, make: Make) -> None:
        """Two spans with one response id are one call."""
        named = call(**{"gen_ai.response.id": "r"})
        explanation = explain([make(1, None), make(2, 1, named, scope="a"), make(3, 1, named, scope="b")])
        assert 1 == explanation.rollup.num_model_events
        lost = next(span.verdict for span in explanation.spans if span.verdict is not None and not span.counts)
        assert "response" == lost.rule
        assert "same call as 3: its response id is the same" == lost.why("3")

    def test_attempt(self, make: Make) -> None:
        """A failed attempt inside a call that succeeded is no call."""
        failed = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
        attempt = make(2, 1, failed, status=Status(StatusCode.ERROR, "timeout"), end_ns=1_790_000_000_000_003_000)
        explanation = explain([make(1, None, call()), attempt])
        assert "attempt" == _verdict(explanation, 2).rule
        assert "failed attempt inside 1, which succeeded; failed:" in str(explanation)

    def test_other_trace(self, make: Make) -> None:
        """A call that two traces report counts in one of them, and the other one says so."""
        named = call(**{"gen_ai.response.id": "r"})
        explanation = explain([make(1, None, named, scope="a"), make(2, None, named, scope="b", trace_id=2)])
        assert 1 == explanation.rollup.num_model_events
        lost = next(span.verdict for span in explanation.spans if span.verdict is not None and not span.counts)
        assert "trace" == lost.rule
        assert lost.other is not None
        assert "2 traces" in str(explanation)

    def test_recorded(self, make: Make) -> None:
        """A recorded cost is taken as stated."""
        explanation = explain([make(1, None, call(**{"gen_ai.usage.cost": 0.5}))])
        verdict = _verdict(explanation, 1)
        assert ("recorded", 500_000_000_000, None) == (verdict.cost_source, verdict.cost_pusd, verdict.price)
        assert "taken as stated" in str(explanation)

    @pytest.mark.parametrize(
        ("attributes", "why"),
        [
            ({"gen_ai.request.model": "no-such-model"}, "neither your own prices nor genai-prices have such a model"),
            ({"gen_ai.request.model": ""}, "no span names its model"),
            ({"gen_ai.request.model": "x" * 600}, "too long"),
        ],
    )
    def test_unknown(self, make: Make, attributes: dict[str, Any], why: str) -> None:
        """An unknown price says why."""
        explanation = explain([make(1, None, call(**attributes))])
        verdict = _verdict(explanation, 1)
        assert ("unknown", None) == (verdict.cost_source, verdict.cost_pusd)
        assert explanation.cost_usd is None
        assert explanation.spans[0].cost_usd is None
        assert why in verdict.price.origin.text
        assert "unknown" in str(explanation)

    def test_without_figures(self, make: Make) -> None:
        """A call that states nothing has an unknown cost."""
        explanation = explain([make(1, None, {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"})])
        assert ("unknown", None) == (_verdict(explanation, 1).cost_source, _verdict(explanation, 1).price)
        assert "a call without figures" in str(explanation)


class TestPrices:
    """What may be given as prices."""

    @pytest.mark.parametrize("prices", [[("m", 1)], "gpt-4o", PriceBook])
    def test_neither(self, prices: Any) -> None:
        """Anything that is neither a price book nor a mapping is refused, as by a processor."""
        with pytest.raises(TypeError, match=r"^prices must be a PriceBook\(\.\.\.\) or a mapping of models to prices, not "):
            explain([], prices=prices)


class TestInput:
    """Spans as they come."""

    def test_span_data(self, make: Make) -> None:
        """Spans of the SDK and our own copies of them are explained alike."""
        spans = [make(1, None), make(2, 1, call())]
        copies = [span_data(span) for span in spans]
        assert all(isinstance(copy, SpanData) for copy in copies)
        assert explain(spans).to_dict() == explain(copies).to_dict()

    def test_any_order(self, make: Make) -> None:
        """The order of the spans makes no difference."""
        agent = {"gen_ai.operation.name": "invoke_agent"}
        spans = [make(1, None, agent), *(make(number, number // 2, call(number * 10)) for number in range(2, 12))]
        expected = explain(spans).to_dict()
        for seed in range(5):
            assert expected == explain(Random(seed).sample(spans, len(spans))).to_dict()  # noqa: S311 -- repeatable

    def test_repeated(self, make: Make) -> None:
        """A span that is given twice counts once, and is mentioned."""
        explanation = explain([make(1, None, call()), make(1, None, call())])
        assert (1, 1) == (explanation.num_repeated, explanation.rollup.num_model_events)
        assert "1 span left out: repeated" in str(explanation)

    def test_no_context(self, make: Make) -> None:
        """A span that cannot be read is left out."""
        broken = make(2)
        broken._context = None
        explanation = explain([make(1, None, call()), broken])
        assert (1, 1) == (explanation.num_unreadable, explanation.rollup.num_model_events)

    def test_missing_parent(self, make: Make) -> None:
        """A span whose parent is not there is at the top."""
        explanation = explain([make(2, 99, call()), make(3, 2)])
        assert [0, 1] == [span.branch.depth for span in explanation.spans]
        assert 1 == explanation.rollup.num_model_events

    def test_remote_parent(self, make: Make) -> None:
        """A part of a trace in another process is shown below its parent."""
        explanation = explain([make(1, None), make(2, 1, remote_parent=True), make(3, 2, call())])
        assert [0, 1, 2] == [span.branch.depth for span in explanation.spans]
        assert 1 == explanation.rollup.num_model_events

    def test_ring(self, make: Make) -> None:
        """Spans that are each other's parents are all explained."""
        explanation = explain([make(1, 3, call()), make(2, 1), make(3, 2, call())])
        assert [1, 2, 3] == sorted(span.span.span_id for span in explanation.spans)
        assert explanation.to_dict()["spans"][0]["parent_id"] is None

    def test_own_parent(self, make: Make) -> None:
        """So is a span that is its own parent."""
        assert 1 == len(explain([make(1, 1, call())]).spans)

    def test_no_times(self) -> None:
        """Spans without times are explained, too."""
        spans = [make_span(span_id=number, parent_id=number - 1 or None, attributes=call(), end_ns=0) for number in (1, 2)]
        assert 2 == len(explain(spans).spans)

    def test_end_before_start(self) -> None:
        """An end before the start is no end of the explanation."""
        span = SpanData("x", 1, 1, None, "INTERNAL", "", "", 10, 5, call())
        assert 1 == explain([span]).rollup.num_model_events

    @pytest.mark.parametrize("start_ns", [10**30, -(10**30), -1])
    def test_no_such_time(self, start_ns: int) -> None:
        """A call at a time that is none has no price."""
        span = SpanData("x", 1, 1, None, "INTERNAL", "", "", start_ns, start_ns + 1, call())
        explanation = explain([span])
        assert explanation.to_json()
        assert str(explanation)
        if abs(start_ns) > 1:
            assert "the time of its call is out of range" == _verdict(explanation, 1).price.origin.text

    @pytest.mark.parametrize(
        "value", [float("nan"), -1, 10**40, "x" * 100_000, "{" * 10_000, b"\xff", (1, 2), True, "\x1b[2J", None]
    )
    def test_hostile(self, make: Make, value: object) -> None:
        """Nothing is raised, whatever attributes hold."""
        keys = [*call(), "gen_ai.usage.cost", "llm.token_count.prompt", "session.id", "openinference.span.kind", "error.type"]
        for key in keys:
            explanation = explain([make(1, None, {**call(), key: value})])
            text = str(explanation)
            assert "\x1b" not in text
            assert len(text) < 10_000
            assert explanation.to_json()

    def test_many(self) -> None:
        """Of many spans the first are shown, and all are in the sum."""
        spans = [make_span(span_id=1, end_ns=10**9)]
        spans += [
            make_span(span_id=number, parent_id=1, start_ns=number, end_ns=number + 1, attributes=call())
            for number in range(2, 1002)
        ]
        explanation = explain(spans)
        assert 1000 * 210_000_000 == explanation.rollup.cost_pusd
        assert sum(span.verdict.cost_pusd or 0 for span in explanation.spans if span.verdict) == explanation.rollup.cost_pusd
        assert "... and 801 more spans" in str(explanation)
        assert len(str(explanation).splitlines()) < 300
