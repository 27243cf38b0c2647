"""``explain_session()``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider

from otel_session_agg import SessionSpanProcessor, explain_session, session
from otel_session_agg.testing import RecordingExporter

_CALL: dict[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
}
_COST_PUSD = 210_000_000


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    """A provider with a processor."""
    found = TracerProvider(shutdown_on_exit=False)
    found.add_span_processor(SessionSpanProcessor(RecordingExporter()))
    yield found
    found.shutdown()


@pytest.fixture
def another() -> Iterator[TracerProvider]:
    """Another provider, with a processor of its own."""
    found = TracerProvider(shutdown_on_exit=False)
    found.add_span_processor(SessionSpanProcessor(RecordingExporter()))
    yield found
    found.shutdown()


@pytest.fixture
def another_processor(provider: TracerProvider) -> None:
    """Another processor of the provider."""
    provider.add_span_processor(SessionSpanProcessor(RecordingExporter()))


class TestExplainSession:
    """A session that runs."""

    def test_open_trace(self, provider: TracerProvider) -> None:
        """The calls of an open trace are explained, also which of two spans counts."""
        tracer, other = provider.get_tracer("a"), provider.get_tracer("b")
        with session("open-1") as chat, tracer.start_as_current_span("request"):
            with tracer.start_as_current_span("chat", attributes=_CALL):
                other.start_span("chat", attributes=_CALL).end()
            explanation = explain_session("open-1")
            assert explanation is not None
            assert chat.rollup() == explanation.rollup
            assert _COST_PUSD == explanation.rollup.cost_pusd
            assert [(0, "layer"), (1, None)] == [
                (row.branch.depth, row.verdict and row.verdict.rule) for row in explanation.spans
            ]
            assert ["gpt-4o-mini"] * 2 == [row.name for row in explanation.spans]
            assert explanation.earlier is None
            assert "session open-1" in str(explanation)

    def test_earlier(self, provider: TracerProvider) -> None:
        """What can no longer change is one row, and all of it adds up."""
        tracer = provider.get_tracer("a")
        with session("earlier-1"):
            with tracer.start_as_current_span("first"):
                tracer.start_span("chat", attributes=_CALL).end()
            with tracer.start_as_current_span("second"):
                tracer.start_span("chat", attributes=_CALL).end()
                explanation = explain_session("earlier-1")
        assert explanation is not None
        assert explanation.earlier is not None
        assert (1, _COST_PUSD) == (explanation.earlier.num_model_events, explanation.earlier.cost_pusd)
        shown = sum(row.verdict.cost_pusd or 0 for row in explanation.spans if row.verdict is not None)
        assert explanation.rollup.cost_pusd == shown + explanation.earlier.cost_pusd == 2 * _COST_PUSD
        assert "calls not remembered here: 1 model call: 1,000 in, 100 out" in str(explanation)
        assert explanation.to_dict()["earlier"]["cost_pusd"] == _COST_PUSD

    def test_only_its_own(self, provider: TracerProvider) -> None:
        """Calls of another session in the same trace are left out."""
        tracer = provider.get_tracer("a")
        with tracer.start_as_current_span("job"):
            for name in ("mine-1", "other-1"):
                with session(name):
                    tracer.start_span("chat", attributes=_CALL).end()
            explanation = explain_session("mine-1")
        assert explanation is not None
        assert 1 == len(explanation.spans)
        assert _COST_PUSD == explanation.rollup.cost_pusd

    def test_many_calls(self, provider: TracerProvider) -> None:
        """Of a long trace the last calls are explained, and the others are earlier ones."""
        tracer = provider.get_tracer("a")
        with session("long-1"), tracer.start_as_current_span("request"):
            for _ in range(400):
                tracer.start_span("chat", attributes=_CALL).end()
            explanation = explain_session("long-1")
        assert explanation is not None
        assert explanation.earlier is not None
        assert 400 == explanation.rollup.num_model_events == explanation.earlier.num_model_events + len(explanation.spans)

    def test_several_processors(self, provider: TracerProvider, another: TracerProvider) -> None:
        """Processors of several providers share the session: the calls of each are explained, and add up to all of it."""
        with session("several-1") as chat:
            for one, number in ((provider, 2), (another, 3)):
                with one.get_tracer("a").start_as_current_span("earlier"):
                    one.get_tracer("a").start_span("chat", attributes=_CALL).end()
                with one.get_tracer("a").start_as_current_span("request"):
                    for _ in range(number):
                        one.get_tracer("a").start_span("chat", attributes=_CALL).end()
                    explanation = explain_session("several-1")
                    rollup = chat.rollup()
        assert explanation is not None
        assert explanation.earlier is not None
        assert rollup == explanation.rollup
        shown = sum(row.verdict.cost_pusd or 0 for row in explanation.spans if row.verdict is not None)
        assert 7 * _COST_PUSD == explanation.rollup.cost_pusd == shown + explanation.earlier.cost_pusd

    @pytest.mark.usefixtures("another_processor")
    def test_same_spans(self, provider: TracerProvider) -> None:
        """Spans that two processors see are explained once."""
        tracer = provider.get_tracer("a")
        with session("same-1") as chat, tracer.start_as_current_span("request"):
            tracer.start_span("chat", attributes=_CALL).end()
            explanation = explain_session("same-1")
            assert explanation is not None
            assert chat.rollup() == explanation.rollup
        assert (1, _COST_PUSD, None) == (len(explanation.spans), explanation.rollup.cost_pusd, explanation.earlier)

    @pytest.mark.usefixtures("provider")
    def test_unknown(self) -> None:
        """A session that is not known here has no explanation."""
        assert explain_session("no-such-session") is None
        assert explain_session("") is None

    def test_too_long(self) -> None:
        """An id that is too long is refused."""
        with pytest.raises(ValueError, match="1024"):
            explain_session("x" * 2000)
