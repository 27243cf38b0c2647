"""Text that is none of Python's own: subclasses of ``str`` whose methods raise, as attributes, names and ids."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer, set_span_in_context

from otel_session_agg import Rollup, SessionSpanExporter, Settings, end_session, record_feedback, session
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._sharing.encoding import encode
from otel_session_agg._sharing.keys import SESSION
from otel_session_agg._sharing.stored_sessions import SessionReader
from otel_session_agg.stores import MemoryStore
from otel_session_agg.stores.base import Slot
from otel_session_agg.testing import RecordingExporter
from tests.support.apps import CALL, PRICES, App

Make = Callable[..., App]


def _raise(*_: object) -> Any:
    message = "odd"
    raise RuntimeError(message)


class _NoHash(str):
    __slots__ = ()
    __hash__ = _raise


class _NoEquals(str):
    __slots__ = ()
    __eq__ = _raise
    __hash__ = str.__hash__


class _NoText(str):
    __slots__ = ()
    __str__ = __repr__ = __format__ = _raise


_ODD = (_NoHash, _NoEquals, _NoText)
_KEYS = (
    "session.id", "user.id", "gen_ai.conversation.id", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id",
    "gen_ai.provider.name", "gen_ai.operation.name", "openinference.span.kind", "metadata.team", "gen_ai.usage.input_tokens",
    "server.address", "error.type",
)  # fmt: skip


def _spans(tracer: Tracer, odd: Callable[[str], str], key: str, *, is_on_root: bool) -> None:
    value = odd(str(CALL.get(key, "s")))
    root = tracer.start_span("request", Context(), attributes={key: value} if is_on_root else {})
    attributes = CALL if is_on_root else {**CALL, key: value}
    tracer.start_span("chat", set_span_in_context(root, Context()), attributes=attributes).end()
    root.end()


@pytest.mark.parametrize("key", _KEYS)
@pytest.mark.parametrize("odd", _ODD)
@pytest.mark.parametrize("is_on_root", [True, False], ids=["root", "child"])
class TestOnce:
    """Each span leaves once."""

    def test_processor(self, make: Make, odd: type[str], key: str, *, is_on_root: bool) -> None:
        """Behind the processor, with the totals."""
        app = make()
        _spans(app.tracer, odd, key, is_on_root=is_on_root)
        app.turn()
        app.provider.force_flush()
        assert {"request": 1, "chat": 1} == Counter(span.name for span in app.exporter.spans if span.name != "session")
        assert {} == app.span_worker.faults()
        assert 15 == app.attributes("request")["metadata.total_tokens"]

    def test_exporter(self, odd: type[str], key: str, *, is_on_root: bool) -> None:
        """Behind the exporter, with the totals."""
        ended = _Ended()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(ended)
        _spans(provider.get_tracer("tests"), odd, key, is_on_root=is_on_root)
        sent = RecordingExporter()
        exporter = SessionSpanExporter(sent, settings=Settings(linger_seconds=60.0), prices=PRICES)
        exporter.export(ended.spans)
        exporter.force_flush()
        assert {"request": 1, "chat": 1} == Counter(span.name for span in sent.spans if span.name != "session")
        assert {} == exporter._aggregator.span_worker.faults()
        exporter.shutdown()


class _Ended(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


@pytest.mark.parametrize(
    "name", [5, b"x", None, object(), *(odd("exception") for odd in _ODD)], ids=lambda name: type(name).__name__
)
class TestEventNames:
    """Events with names that are no text."""

    def test_totals(self, make: Make, name: Any) -> None:
        """A span with such an event is in the totals."""
        app = make()
        with app.tracer.start_as_current_span("request", Context()):
            span = app.tracer.start_span("chat", attributes=CALL)
            span.add_event("x", {"a": "b"})
            span._events = [Event(name, {"exception.message": "m"}, 1)]  # type: ignore[attr-defined]  # the SDK checks no name either
            span.end()
        app.turn()
        assert {} == app.span_worker.faults()
        assert 15 == app.attributes("request")["metadata.total_tokens"]


class TestDurations:
    """Spans that end before they began, as the clock was put back."""

    def test_never_negative(self, make: Make) -> None:
        """Totals have no negative duration."""
        app = make()
        root = app.tracer.start_span("request", Context(), start_time=2_000_000_000)
        app.tracer.start_span("chat", set_span_in_context(root, Context()), attributes=CALL, start_time=3_000_000_000).end(
            1_000_000_000
        )
        root.end(500_000_000)
        app.turn()
        attributes = app.attributes("request")
        assert (1000.0, 2000, 3000) == tuple(attributes[name] for name in ("duration", "start_time", "end_time"))

    @pytest.mark.parametrize(("start", "end"), [(3_000_000_000, 2**63), (3_000_000_000, 2**90), (-5, 3_000_000_000)])
    def test_impossible(self, start: int, end: int, make: Make) -> None:
        """A time that cannot be is not known, and the session is in the store with all of its cost."""
        store = MemoryStore()
        app = make(store=store)
        root = app.tracer.start_span("request", Context(), start_time=2_000_000_000, attributes={"session.id": "s"})
        app.tracer.start_span("chat", set_span_in_context(root, Context()), attributes=CALL, start_time=start).end(end)
        root.end(4_000_000_000)
        app.flush()
        found = SessionReader(store).get("s")
        assert found is not None
        assert (20.0, 2000.0, 2000.0) == (found.rollup.cost_usd, found.rollup.duration_ms, app.attributes("request")["duration"])

    def test_root_alone(self, make: Make) -> None:
        """Nor has a root with nothing below it."""
        app = make()
        app.tracer.start_span("request", Context(), start_time=2_000_000_000).end(500_000_000)
        app.turn()
        assert 0.0 == app.attributes("request")["duration"]


class TestIds:
    """Ids that differ by blanks or JSON quotes around them."""

    _ALIKE = ("chat", " chat ", '"chat"', '""chat""', '" chat "', "\tchat\n")

    @pytest.mark.parametrize("given", _ALIKE)
    def test_block_and_attribute(self, app: App, given: str) -> None:
        """Are one session, given by a block or by an attribute, and asked for by any of them."""
        app.tracer.start_span("request", Context(), attributes={**CALL, "session.id": given}).end()
        with session("chat") as chat, app.tracer.start_as_current_span("request", attributes={"session.id": given}) as root:
            app.call()
        assert root.is_recording() is False
        assert 30 == chat.rollup().total_tokens == session(given).rollup().total_tokens

    @pytest.mark.parametrize("given", _ALIKE)
    def test_baggage(self, make: Make, given: str) -> None:
        """So they are in baggage that is trusted."""
        app = make(trust_baggage=True)
        context = baggage.set_baggage("session.id", given, Context())
        app.tracer.start_span("request", context, attributes=CALL).end()
        assert 15 == session("chat").rollup().total_tokens

    @pytest.mark.parametrize("given", _ALIKE)
    def test_end_and_feedback(self, app: App, given: str) -> None:
        """So they are for feedback, and for the end."""
        app.tracer.start_span("request", Context(), attributes={**CALL, "session.id": "chat"}).end()
        record_feedback(1, session_id=given)
        end_session(given)
        app.turn()
        assert [("chat", True)] == [(record.session_id, record.totals.rollup.has_feedback) for record in app.records]

    @pytest.mark.parametrize("given", _ALIKE)
    def test_reader(self, given: str) -> None:
        """So they are for whoever reads a store."""
        store = MemoryStore()
        totals = SessionTotals(rollup=Rollup(num_events=3))
        store.put([Slot(SESSION + "chat", "w", 1, encode(totals))], ttl_seconds=60.0)
        found = SessionReader(store).get(given)
        assert found is not None
        assert ("chat", 3) == (found.session_id, found.totals.rollup.num_events)


class TestScores:
    """Scores of feedback."""

    @pytest.mark.parametrize(
        ("score", "expected"), [(10**400, sys.float_info.max), (-(10**400), -sys.float_info.max), (True, 1.0)]
    )
    def test_number(self, app: App, score: Any, expected: float) -> None:
        """One that is too large for a float is the largest."""
        record_feedback(score, label=_NoText("good"), session_id="chat")
        app.turn()
        [span] = app.named("feedback")
        assert {"gen_ai.evaluation.score.value": expected, "gen_ai.evaluation.score.label": "good"}.items() <= dict(
            span.events[0].attributes or {}
        ).items()

    def test_no_number(self) -> None:
        """What is no number is refused with a sentence."""
        with pytest.raises(ValueError, match="use a number"):
            record_feedback([])  # type: ignore[arg-type]
