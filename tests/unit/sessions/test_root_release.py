"""Roots that leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import Span

from otel_session_agg import session
from tests.support.apps import App, alone, below


class Waiting:
    """A root that has ended and waits for the parts of others, with a span below it that is open."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.root = app.tracer.start_span("request")
        self.child = app.tracer.start_span("step", below(self.root))
        app.call(below(self.root))
        self.root.end()
        app.turn()
        app.turn(6)  # lingering is over, and the store is asked
        assert [] == app.named("request")

    def left(self) -> dict[str, Any]:
        """What the root says when it leaves."""
        self.app.turn()
        self.app.flush()
        return self.app.attributes("request")


def _nothing(_: App, __: Span) -> None:
    pass


def _late_span(_: App, child: Span) -> None:
    child.end()


def _late_call(app: App, child: Span) -> None:
    app.call(below(child))


def _feedback(_: App, child: Span) -> None:
    child.add_event("gen_ai.evaluation.result")
    child.end()


def _named(app: App, child: Span) -> None:
    with session("s"):
        app.tracer.start_span("more", below(child))


class TestWaiting:
    """What comes while a root waits is in its totals."""

    @pytest.fixture
    def waiting(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """A root that waits."""
        with alone(monkeypatch) as make:
            yield Waiting(make(store=f"sqlite:///{tmp_path / 'store.db'}", linger_seconds=5))

    @pytest.mark.parametrize(
        ("comes", "expected"),
        [
            (_nothing, {"metadata.num_events": 1, "metadata.total_tokens": 15, "metadata.has_feedback": False}),
            (_late_span, {"metadata.num_events": 2, "metadata.total_tokens": 15, "metadata.has_feedback": False}),
            (_late_call, {"metadata.num_events": 2, "metadata.total_tokens": 30, "metadata.has_feedback": False}),
            (_feedback, {"metadata.num_events": 2, "metadata.total_tokens": 15, "metadata.has_feedback": True}),
            (_named, {"metadata.num_events": 1, "metadata.total_tokens": 15, "session.id": "s"}),
        ],
    )
    def test_totals(self, waiting: Waiting, comes: Callable[[App, Span], None], expected: dict[str, Any]) -> None:
        """Spans that end late, what they name, and feedback; the root is marked as partial all the same."""
        comes(waiting.app, waiting.child)
        left = waiting.left()
        assert expected == {name: left.get(name) for name in expected}
        assert "linger" == left["metadata.partial_reason"]

    def test_feedback_of_somebody(self, waiting: Waiting) -> None:
        """Feedback that is given inside the trace counts, too."""
        feedback: Any = waiting.app.tracer.start_span("feedback", below(waiting.child))
        waiting.app.processor._aggregator.queries.feedback(None, feedback)
        assert waiting.left()["metadata.has_feedback"] is True
