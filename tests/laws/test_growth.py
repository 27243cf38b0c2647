"""What grows with what callers choose: a span costs as much among many as among few.

Lines of Python are counted, not time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context

from otel_session_agg import SessionSpanExporter, Settings, end_session, session
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, PRICES, App
from tests.support.builds import not_compiled

_FEW, _MANY = 150, 1500
_MOST = 1.5
"""How much more a span may cost among ten times as many."""
_EACH = 50
"""Spans between two turns of the worker."""

Make = Callable[..., App]


class _Lines:
    """Counts lines that are executed."""

    number = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, _frame: FrameType, event: str, _argument: object) -> Any:
        self.number += event == "line"
        return self._trace


def _context(*, is_remote: bool, trace_id: int = 0xABC, span_id: int = 7) -> Context:
    """A parent that a caller names."""
    context = SpanContext(trace_id, span_id, is_remote, TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(context), Context())


def _below(span: Span) -> Context:
    return set_span_in_context(span, Context())


def _turn(app: App, number: int) -> None:
    if number % _EACH == 0:
        app.span_worker.turn()


def _with_call(app: App, root: Span) -> None:
    app.call(_below(root))


def _one_after_the_other(app: App, number: int) -> None:
    for index in range(number):
        root = app.tracer.start_span("request", _context(is_remote=True))
        _with_call(app, root)
        root.end()
        _turn(app, index)


def _at_once(app: App, number: int, *, is_remote: bool = True, last_first: bool = False) -> None:
    roots = []
    for index in range(number):
        roots.append(app.tracer.start_span("request", _context(is_remote=is_remote)))
        _turn(app, index)
    for index, root in enumerate(roots):
        _with_call(app, root)
        _turn(app, index)
    for index, root in enumerate(reversed(roots) if last_first else roots):
        root.end()
        _turn(app, index)


def _below_one_root(app: App, number: int) -> None:
    with app.tracer.start_as_current_span("begins", Context()) as begins:
        ids = begins.get_span_context()
        for index in range(number):
            part = app.tracer.start_span("part", _context(is_remote=True, trace_id=ids.trace_id, span_id=ids.span_id))
            _with_call(app, part)
            part.end()
            _turn(app, index)


def _flushed_at_once(app: App, number: int) -> None:
    for _ in range(number):
        root = app.tracer.start_span("request", _context(is_remote=True))
        app.tracer.start_span("stays open", _below(root))
        root.end()
    app.flush()


def _sessions_that_wait(app: App, number: int) -> None:
    roots = []
    for index in range(number):
        with session(f"chat {index}"):
            roots.append(app.tracer.start_span("request"))
        end_session(f"chat {index}")
        _turn(app, index)
    for index, root in enumerate(roots):
        root.end()
        _turn(app, index)


def _deep(app: App, number: int, *, attributes: dict[str, Any] = CALL, outside_in: bool = True) -> None:
    spans = []
    context = Context()
    for index in range(number):
        spans.append(app.tracer.start_span("step", context, attributes=attributes))
        context = _below(spans[-1])
        _turn(app, index)
    for index, span in enumerate(spans if outside_in else reversed(spans)):
        span.end()
        _turn(app, index)


def _ring(app: App, number: int) -> None:
    """Spans below two that are the parents of each other."""
    with app.tracer.start_as_current_span("request", Context()) as root:
        trace_id = root.get_span_context().trace_id
        one, other = (_context(is_remote=False, trace_id=trace_id, span_id=span_id) for span_id in (8, 9))
        for context, span_id in ((other, 8), (one, 9)):
            span: Any = app.tracer.start_span("ring", context)
            span._context = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            span.end()
        app.span_worker.turn()
        for index in range(number):
            app.call(one)
            _turn(app, index)


STARTS: dict[str, Callable[[App, int], None]] = {
    "roots of one trace id, one after the other": _one_after_the_other,
    "roots of one trace id at once": _at_once,
    "roots of one trace id at once, the last to begin ends first": lambda app, number: _at_once(app, number, last_first=True),
    "roots whose parent never comes": lambda app, number: _at_once(app, number, is_remote=False),
    "parts of one root": _below_one_root,
    "roots that are flushed at once": _flushed_at_once,
    "sessions that wait to end": _sessions_that_wait,
    "calls in each other that end from outside in": _deep,
    "spans in each other that end from outside in": lambda app, number: _deep(app, number, attributes={}),
    "calls in each other that end from inside out": lambda app, number: _deep(app, number, outside_in=False),
    "spans below a ring of parents": _ring,
}
"""Scenes where starts are seen: each does something with so many spans, roots or sessions."""

ENDS = ("roots of one trace id", "spans that come late", "outside in", "inside out")
"""Scenes where only ends are seen."""


@not_compiled
class TestStarts:
    """Where starts are seen."""

    @pytest.mark.parametrize("scene", STARTS)
    def test_flat(self, make: Make, scene: str) -> None:
        """A span among ten times as many costs the same."""
        costs = []
        for number in (_FEW, _MANY):
            app, lines = make(max_queue_size=1_000_000), _Lines()
            with lines.counted():
                STARTS[scene](app, number)
                app.span_worker.turn()
            costs.append(lines.number / number)
            app.provider.shutdown()
        assert costs[1] <= _MOST * costs[0]


class _Ended(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def ended(scene: str, number: int) -> list[ReadableSpan]:
    """The spans of a scene, in the order of their ends."""
    processor = _Ended()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("tests", "1.0")
    if scene == "roots of one trace id":
        for _ in range(number):
            root = tracer.start_span("request", _context(is_remote=True))
            tracer.start_span("chat", _below(root), attributes=CALL).end()
            root.end()
    elif scene == "spans that come late":
        root = tracer.start_span("request", Context())
        late = [tracer.start_span("chat", _below(root), attributes=CALL) for _ in range(number)]
        for span in (root, *late):
            span.end()
    else:
        spans = []
        context = Context()
        for _ in range(number):
            spans.append(tracer.start_span("step", context, attributes=CALL))
            context = _below(spans[-1])
        for span in spans if scene == "outside in" else reversed(spans):
            span.end()
    return processor.spans


@not_compiled
class TestEnds:
    """Where only ends are seen."""

    @pytest.mark.parametrize("scene", ENDS)
    def test_flat(self, scene: str) -> None:
        """A span among ten times as many costs the same."""
        costs = []
        for number in (_FEW, _MANY):
            spans, lines, sent = ended(scene, number), _Lines(), RecordingExporter()
            exporter = SessionSpanExporter(sent, settings=Settings(linger_seconds=60.0), prices=PRICES)
            exporter._aggregator.span_worker.worker.thread = threading.current_thread()
            with lines.counted():
                for at in range(0, len(spans), _EACH):
                    exporter.export(spans[at : at + _EACH])
                exporter.force_flush()
            costs.append(lines.number / number)
            exporter.shutdown()
            assert len(spans) == len(sent.spans)
        assert costs[1] <= _MOST * costs[0]
