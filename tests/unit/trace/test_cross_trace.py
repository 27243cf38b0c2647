"""Calls that two traces tell of."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_session_agg import SessionRecord, SessionSpanProcessor, Settings
from otel_session_agg._trace import cross_trace
from otel_session_agg._trace.trace_calls import MAX_CALLS
from otel_session_agg.testing import FakeClock, RecordingExporter, make_span
from tests.support.apps import CALL, PRICES

_FIGURES = ("total_tokens", "num_model_events", "cost")


class _App:
    """A processor whose worker is the test: ``batch`` is one of its turns."""

    def __init__(self) -> None:
        self.sent = RecordingExporter()
        self.records: list[SessionRecord] = []
        self.processor = SessionSpanProcessor(
            SimpleSpanProcessor(self.sent), settings=Settings(), prices=PRICES, on_session=self.records.append
        )
        self.span_worker = self.processor._span_worker
        self.span_worker.clock, self.span_worker.worker.thread = FakeClock(1000.0), threading.current_thread()

    def batch(self, *spans: ReadableSpan) -> None:
        """These begin and end, in their order, and are folded together."""
        for span in sorted(spans, key=lambda one: (one.start_time or 0, one.parent is not None)):
            self.processor.on_start(span)  # type: ignore[arg-type]  # it reads nothing that an ended one has not
        for span in spans:
            self.processor.on_end(span)
        self.span_worker.turn()

    def totals(self) -> list[tuple[Any, ...]]:
        """Tokens, model events and cost of each root, in the order in which they left."""
        roots = [span.attributes or {} for span in self.sent.roots if span.name != "session"]
        return [tuple(attributes.get(f"metadata.{name}") for name in _FIGURES) for attributes in roots]

    def turns(self) -> list[tuple[Any, ...]]:
        """Turns and traces of each session, the averages of turns, and the model events."""
        self.processor.shutdown()
        return [
            (
                record.num_turns,
                record.num_traces,
                record.average_turn_cost_usd,
                record.average_turn_tokens,
                record.rollup.num_model_events,
            )
            for record in self.records
        ]

    def told(self) -> dict[str, int | None]:
        """What each session has used when the process ends."""
        self.processor.shutdown()
        return {record.session_id: record.rollup.total_tokens for record in self.records}


@pytest.fixture
def app() -> Any:
    """An application."""
    made = _App()
    yield made
    made.processor.shutdown()


def call(trace_id: int, scope: str, *, at: int = 0, **attributes: Any) -> ReadableSpan:
    """A call of 15 tokens and 20 dollars that begins a trace."""
    return make_span(
        scope,
        trace_id=trace_id,
        span_id=trace_id * 100,
        scope=scope,
        attributes={**CALL, **{key.replace("__", "."): value for key, value in attributes.items()}},
        start_ns=(1000 + at) * 1_000_000,
        end_ns=(1100 + at) * 1_000_000,
    )


ONCE, NOT_HERE = (15, 1, 20.0), (0, 0, 0.0)
ID: dict[str, Any] = {"gen_ai__response__id": "r-1"}
RESPONSE = "gen_ai.response.id"


class TestOneCall:
    """Two instrumentations, each with a trace of its own."""

    def test_by_response(self, app: _App) -> None:
        """The same response is one call, in whatever batch the second trace comes."""
        app.batch(call(1, "framework", **ID))
        app.batch(call(2, "client", at=500, **ID))
        assert [ONCE, NOT_HERE] == [(tokens or 0, events, cost) for tokens, events, cost in app.totals()]
        assert {"told_in_another_trace": 1} == dict(app.span_worker.pipeline.engine.unread)

    def test_by_time_and_figures(self, app: _App) -> None:
        """Without a response id, the same figures at the same time are one call."""
        app.batch(call(1, "framework"))
        app.batch(call(2, "client", at=1))
        assert [ONCE, NOT_HERE] == [(tokens or 0, events, cost) for tokens, events, cost in app.totals()]

    def test_both_say_something(self, app: _App) -> None:
        """Of two that end together, the later one has what both say."""
        more: dict[str, Any] = {"gen_ai__usage__cache_read__input_tokens": 4}
        app.batch(call(1, "client", **more, **ID), call(2, "framework", **ID))
        cached = [(span.attributes or {}).get("metadata.cache_read_tokens") for span in app.sent.roots]
        assert [None, 4] == cached

    def test_three_tell(self, app: _App) -> None:
        """So are three."""
        app.batch(call(1, "a", **ID), call(2, "b", **ID), call(3, "c", **ID))
        assert 15 == sum(tokens or 0 for tokens, _, _ in app.totals())

    @pytest.mark.parametrize("order", ["silent first", "silent last", "at once"])
    @pytest.mark.parametrize("named", [ID, {}])
    def test_silent(self, app: _App, order: str, named: dict[str, Any]) -> None:
        """A teller without figures is no second event, and takes none from the other one."""
        silent = call(1, "framework", gen_ai__usage__input_tokens=0, gen_ai__usage__output_tokens=0, **named)
        telling = call(2, "client", at=1, **named)
        batches = {"silent first": [[silent], [telling]], "silent last": [[telling], [silent]], "at once": [[silent, telling]]}
        for batch in batches[order]:
            app.batch(*batch)
        told = app.totals()
        assert (15, 1, 20.0) == (
            sum(tokens or 0 for tokens, _, _ in told),
            sum(events for _, events, _ in told),
            sum(cost or 0 for _, _, cost in told),
        )

    @pytest.mark.parametrize("order", [(1, 2), (2, 1)])
    def test_blind_to_the_cache(self, app: _App, order: tuple[int, int]) -> None:
        """A teller who leaves the cached part out tells of the same call."""
        cached: dict[str, Any] = {"gen_ai__usage__input_tokens": 14, "gen_ai__usage__cache_read__input_tokens": 4}
        spans = {1: call(1, "framework"), 2: call(2, "client", at=1, **cached)}
        app.batch(*(spans[number] for number in order))
        assert (19, 1) == tuple(sum(row[n] or 0 for row in app.totals()) for n in (0, 1))

    @pytest.mark.parametrize("at_once", [False, True])
    def test_estimate(self, app: _App, *, at_once: bool) -> None:
        """An estimate gives way; when it has left already, the figures count as well, but the event does not."""
        estimate = call(1, "@traceloop/instrumentation-openai", gen_ai__usage__input_tokens=1)
        for batch in [[estimate, call(2, "framework")]] if at_once else [[estimate], [call(2, "framework")]]:
            app.batch(*batch)
        assert (15 if at_once else 21, 1) == tuple(sum(row[n] or 0 for row in app.totals()) for n in (0, 1))

    def test_one_of_each_scope(self, app: _App) -> None:
        """Two silent calls are not both the one that left before."""
        silent: dict[str, Any] = {"gen_ai__usage__input_tokens": 0, "gen_ai__usage__output_tokens": 0}
        app.batch(call(1, "client"))
        app.batch(call(2, "framework", at=1, **silent), call(3, "framework", at=1, **silent))
        assert 2 == sum(events for _, events, _ in app.totals())

    def test_after_many(self, app: _App) -> None:
        """What ended before is given up after a while."""
        silent: dict[str, Any] = {"gen_ai__usage__input_tokens": 0, "gen_ai__usage__output_tokens": 0}
        app.batch(call(1, "framework", **silent))
        app.batch(*(call(number, "other", at=-500) for number in range(2, 30)))
        app.batch(call(30, "client"))
        assert 30 == sum(events for _, events, _ in app.totals())

    @pytest.mark.parametrize(("number", "expected"), [(cross_trace._MAX_ALONE - 1, 0), (cross_trace._MAX_ALONE, 1)])
    def test_second_scope_comes_late(self, app: _App, number: int, expected: int) -> None:
        """While one scope tells of all, a bounded number of calls is remembered for those that a second one tells of, too."""
        app.batch(*(call(trace_id, "client", gen_ai__response__id=f"r-{trace_id}") for trace_id in range(1, number + 1)))
        app.batch(call(1000, "framework", gen_ai__response__id="r-1"))
        assert number + expected == sum(events for _, events, _ in app.totals())

    def test_long_trace(self, app: _App) -> None:
        """Of a trace with more calls than can be corrected, all are remembered."""
        ids = [f"r-{number}" for number in range(MAX_CALLS + 10)]
        times: dict[str, Any] = {"start_ns": 1_000_000_000, "end_ns": 1_100_000_000}
        steps = [
            make_span(
                "step", trace_id=1, span_id=2 + at, parent_id=1, scope="framework", attributes={**CALL, RESPONSE: name}, **times
            )
            for at, name in enumerate(ids)
        ]
        app.batch(
            *steps, make_span("chain", trace_id=1, span_id=1, scope="framework", start_ns=999_000_000, end_ns=1_200_000_000)
        )
        app.batch(*(call(2 + at, "client", gen_ai__response__id=name) for at, name in enumerate(ids)))
        assert len(ids) == sum(events for _, events, _ in app.totals())

    def test_inside_a_framework(self, app: _App) -> None:
        """A framework that keeps its spans to itself has the call, not the client's own trace."""
        chain = make_span("chain", trace_id=1, span_id=1, scope="framework", start_ns=999_000_000, end_ns=1_200_000_000)
        inner = make_span(
            "inner",
            trace_id=1,
            span_id=2,
            parent_id=1,
            scope="framework",
            attributes=CALL,
            start_ns=999_500_000,
            end_ns=1_101_000_000,
        )
        app.batch(call(2, "client"), inner, chain)
        roots = {span.name: (span.attributes or {}).get("metadata.total_tokens", 0) for span in app.sent.roots}
        assert {"chain": 15, "client": 0} == roots


class TestTwoCalls:
    """What must not be taken for one."""

    @pytest.mark.parametrize(
        "second",
        [
            pytest.param(call(2, "framework", at=1), id="same scope"),
            pytest.param(call(2, "client", at=500), id="another time"),
            pytest.param(call(2, "client", at=1, gen_ai__usage__output_tokens=6), id="other figures"),
            pytest.param(call(2, "client", at=1, gen_ai__request__model="other"), id="another model"),
        ],
    )
    def test_differ(self, app: _App, second: ReadableSpan) -> None:
        """Calls that differ count both."""
        app.batch(call(1, "framework"))
        app.batch(second)
        assert 2 == sum(events for _, events, _ in app.totals())

    def test_other_responses(self, app: _App) -> None:
        """Two responses are two calls, whatever else is the same."""
        app.batch(call(1, "framework", gen_ai__response__id="r-1"), call(2, "client", gen_ai__response__id="r-2"))
        assert [ONCE, ONCE] == app.totals()

    def test_below_an_application(self, app: _App) -> None:
        """Calls in two traces of the application are two, although they look alike."""
        spans = []
        for trace_id, scope in ((1, "framework"), (2, "client")):
            inner = make_span(
                "inner", trace_id=trace_id, span_id=2, parent_id=1, scope=scope, attributes=CALL, start_ns=10**9, end_ns=2 * 10**9
            )
            spans += [inner, make_span("request", trace_id=trace_id, span_id=1, scope="app", start_ns=10**9, end_ns=2 * 10**9)]
        app.batch(*spans)
        assert [ONCE, ONCE] == app.totals()

    def test_many_at_once(self, app: _App) -> None:
        """Of calls that are made at once, each counts, and each once."""
        app.batch(*(call(number, "client") for number in range(1, 9)), *(call(number, "framework") for number in range(11, 19)))
        assert 8 == sum(events for _, events, _ in app.totals())


class TestTurns:
    """Which traces are turns of their session."""

    @pytest.mark.parametrize("order", [(1, 2), (2, 1)])
    def test_repeat(self, app: _App, order: tuple[int, int]) -> None:
        """A trace that only repeats a call of another one is none, and is a trace all the same."""
        spans = [call(1, "a", session__id="s", **ID), call(2, "b", session__id="s", **ID)]
        app.batch(*[spans[number - 1] for number in order])
        assert [(1, 2, 20.0, 15.0, 1)] == app.turns()

    @pytest.mark.parametrize("number", [1, 4])
    def test_many(self, app: _App, number: int) -> None:
        """So it is with each of many."""
        for at in range(1, number + 1):
            named = {"gen_ai__response__id": f"r-{at}", "session__id": "s"}
            app.batch(call(2 * at, "a", at=1000 * at, **named), call(2 * at + 1, "b", at=1000 * at, **named))
        assert [(number, 2 * number, 20.0, 15.0, number)] == app.turns()

    def test_without_call(self, app: _App) -> None:
        """A trace that makes no call is one: its answer was cached, or it failed before."""
        app.batch(call(1, "a", session__id="s", **ID), call(2, "b", session__id="s", **ID))
        app.batch(make_span("request", trace_id=3, span_id=3, attributes={"session.id": "s"}))
        assert [(2, 3, 10.0, 7.5, 1)] == app.turns()

    def test_call_of_its_own(self, app: _App) -> None:
        """A trace that repeats one call and makes another is one."""
        root = make_span(
            "request", trace_id=2, span_id=7, attributes={"session.id": "s"}, start_ns=1_000_000_000, end_ns=9_000_000_000
        )
        children = [_below(root, 8, call(2, "b", **ID)), _below(root, 9, call(2, "b", at=1000, gen_ai__response__id="r-2"))]
        app.batch(*children, root, call(1, "a", at=0, session__id="s", **ID))
        assert [(2, 2, 20.0, 15.0, 2)] == app.turns()

    def test_late_call(self, app: _App) -> None:
        """A late call makes a turn of it."""
        first, second = call(1, "a", session__id="s", **ID), call(2, "b", session__id="s", **ID)
        app.batch(first, second)
        left_out = next(span for span in (first, second) if _total(app, span) == 0)
        app.batch(_below(left_out, 77, call(3, "c", at=5000, gen_ai__response__id="r-2")))
        assert [(2, 2, 20.0, 15.0, 2)] == app.turns()


def _below(parent: ReadableSpan, span_id: int, span: ReadableSpan) -> ReadableSpan:
    """The same span below another one."""
    assert parent.context is not None
    assert span.instrumentation_scope is not None
    return make_span(
        span.name,
        trace_id=parent.context.trace_id,
        span_id=span_id,
        parent_id=parent.context.span_id,
        scope=span.instrumentation_scope.name,
        attributes=dict(span.attributes or {}),
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
    )


def _total(app: _App, span: ReadableSpan) -> object:
    """The tokens on a root that has left."""
    assert span.context is not None
    roots = [root for root in app.sent.roots if root.context and root.context.span_id == span.context.span_id]
    return (roots[0].attributes or {}).get("metadata.total_tokens")


class TestSessions:
    """What is in a session."""

    @pytest.mark.parametrize("order", [(1, 2), (2, 1)])
    @pytest.mark.parametrize("at_once", [False, True])
    def test_only_one_names_it(self, app: _App, order: tuple[int, int], *, at_once: bool) -> None:
        """A session has its call, although another trace told of it before, or will."""
        spans = {1: call(1, "framework", session__id="s", **ID), 2: call(2, "client", **ID)}
        if at_once:
            app.batch(*(spans[number] for number in order))
            assert 1 == sum(events for _, events, _ in app.totals())
        else:
            for number in order:
                app.batch(spans[number])
        assert {"s": 15} == app.told()

    def test_both_name_it(self, app: _App) -> None:
        """A session that both name has it once."""
        app.batch(call(1, "framework", session__id="s", **ID))
        app.batch(call(2, "client", session__id="s", **ID))
        assert {"s": 15} == app.told()
