"""One line for each root, while an application is being developed."""

from __future__ import annotations

import io
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Status, StatusCode

from otel_session_agg import SessionSpanExporter, SessionSpanProcessor, Settings, SettingsError, SummaryExporter, end_session
from otel_session_agg._sdk.summary import line
from otel_session_agg.testing import make_span
from tests.support.apps import CALL, PRICES

_NS = 1_000_000_000
_AT = 1_795_299_807 * _NS
"""22:23:27 in UTC."""


def root(**attributes: object) -> ReadableSpan:
    """A root with totals, by their names without a prefix."""
    prefixed = {
        name if name in {"session.id", "error", "duration"} else f"metadata.{name}": value for name, value in attributes.items()
    }
    return make_span("answer", end_ns=_AT, attributes={"metadata.num_events": 2, **prefixed})


class TestLine:
    """What stands in a line."""

    @pytest.mark.parametrize(
        ("span", "expected"),
        [
            (
                root(**{"session.id": "chat-42"}, cost=0.000663, total_tokens=3730, num_model_events=2, duration=414.975),
                "answer  chat-42  0.000663 USD  3730 tokens  2 calls  415 ms",
            ),
            (
                root(cost=0.1, duration=2000.0, model_duration=1200.0, tool_duration=300.0),
                "answer  0.100000 USD  0 tokens  0 calls  2.0 s (models 1.2 s, tools 300 ms)",
            ),
            (
                root(cost=0.1, duration=7_200_000.0, tool_duration=0.0, idle_duration=3_600_000.0),
                "answer  0.100000 USD  0 tokens  0 calls  2 h 0 min (idle 1 h 0 min)",
            ),
            (
                root(num_unpriced_events=1, total_tokens=1, num_model_events=1, duration=0.5),
                "answer  unknown cost  1 token  1 call  0.5 ms",
            ),
            (
                root(cost=1.0, num_unpriced_events=2, total_tokens=0, num_model_events=3, duration=61_000.0, partial=True),
                "answer  1.000000 USD and 2 unpriced calls  0 tokens  3 calls  1 min 1 s  partial: None",
            ),
            (
                root(cost=0.0, error="no\nway", num_errors=2, partial=True, partial_reason="linger", budget_exceeded=True),
                "answer  0.000000 USD  0 tokens  0 calls  unknown duration  2 errors: no\\nway  partial: linger  budget exceeded",
            ),
            (
                root(cost=0.0, duration=1000.0, num_traces=2, end_reason="idle", error="no"),
                "answer  0.000000 USD  0 tokens  0 calls  1.0 s  2 traces  ended by idle  error: no",
            ),
        ],
    )
    def test_parts(self, span: ReadableSpan, expected: str) -> None:
        """When it ended, what it is, what it used, and what was wrong; an unknown cost is not 0."""
        assert f"22:23:27  {expected}" == line(span)

    def test_hostile(self) -> None:
        """What users or models wrote stays in its line and moves no cursor."""
        evil = "\x1b[2J\n\u202e" + "x" * 10_000
        said = line(
            make_span(evil, attributes={"metadata.num_events": evil, "session.id": evil, "error": evil, "metadata.cost": evil})
        )
        assert said.isprintable()
        assert len(said) < 500

    @pytest.mark.parametrize("end", [2**80, "soon", None, -5])
    def test_odd_times(self, end: Any) -> None:
        """A time that is none does no harm."""
        assert "answer" in line(make_span("answer", end_ns=end, attributes={"metadata.num_events": 0}))


class TestExporter:
    """Where lines go."""

    def test_roots_only(self) -> None:
        """Other spans have none."""
        out = io.StringIO()
        assert SpanExportResult.SUCCESS is SummaryExporter(out).export([make_span("chat"), root(cost=1.0)])
        assert 1 == out.getvalue().count("\n")

    def test_standard_output(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Standard output is the one of the moment, and nothing is held back."""
        exporter = SummaryExporter()
        exporter.export([root(cost=1.0)])
        said = capsys.readouterr()
        assert ("1.000000 USD" in said.out, "") == (True, said.err)
        exporter.shutdown()

    def test_plain_terminal(self) -> None:
        """What a terminal cannot show is escaped."""
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        SummaryExporter(out).export([root(cost=1.0, **{"session.id": "größe"})])
        assert rb"gr\xf6\xdfe" in out.buffer.getvalue()

    def test_behind_the_processor(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Behind a processor each root and each record has its line."""
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(
            SessionSpanProcessor(SimpleSpanProcessor(SummaryExporter()), settings=Settings(), prices=PRICES)
        )
        tracer = provider.get_tracer("tests")
        for number in range(2):
            with tracer.start_as_current_span("answer", attributes={"session.id": "s"}):
                call = tracer.start_span("chat", attributes=CALL)
                if number:
                    call.set_status(Status(StatusCode.ERROR, "too\x1bmuch"))
                call.end()
        provider.force_flush()
        end_session("s")
        provider.shutdown()
        found = [said.split("  ")[1:] for said in capsys.readouterr().out.splitlines()]
        assert ["answer", "answer", "session"] == [parts[0] for parts in found]
        assert ["s", "20.000000 USD", "15 tokens", "1 call"] == found[0][1:5]
        assert r"1 error: too\x1bmuch" == found[1][-1]
        assert ["s", "40.000000 USD", "30 tokens", "2 calls"] == found[2][1:5]
        assert "2 traces" in found[2]

    def test_by_name(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """It is named by a variable, or as an argument; it takes no arguments of its own."""
        monkeypatch.setenv("OTEL_PYTHON_SESSION_AGG_EXPORTER", "summary")
        for exporter in (SessionSpanExporter(prices=PRICES), SessionSpanExporter("summary", prices=PRICES)):
            exporter.export([make_span("chat", attributes=CALL)])
            exporter.shutdown()
        assert 2 == capsys.readouterr().out.count("chat  20.000000 USD  15 tokens  1 call")
        with pytest.raises(SettingsError, match="'summary' takes no arguments"):
            SessionSpanExporter({"summary": {"colour": "red"}})
