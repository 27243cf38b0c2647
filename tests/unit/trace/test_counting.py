"""Totals that are asked for while spans end, and the bounds of what is kept for them, by values."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from otel_session_agg import Settings
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._reading import span as reading
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Released, Trace
from otel_session_agg._trace.trace_calls import KEPT_CALLS, MAX_CALLS, MAX_PLACES
from tests.support.folding import Row, folded, price
from tests.unit.trace.test_engine import CHAT, data, new, rollups

ROOT = 1
_MS = 1_000_000
_KINDS = [Kind.MODEL] * 3 + [Kind.AGENT, Kind.CHAIN, Kind.SPAN, Kind.TOOL, Kind.EMBEDDING]
_USAGES = [Usage(100, 5, 105), Usage(100, 7, 107), Usage(200, 5, 205), None]


def anything(chance: Random, number: int) -> list[Row]:
    """Spans of three scopes, in any tree and at any time, that state whatever may make two of them one call."""
    told: list[Row] = []
    for span_id in range(2, number + 2):
        kind, start = chance.choice(_KINDS), chance.randint(0, 1000)
        span = SpanData(
            "s", 1, span_id, chance.randint(1, span_id - 1), "INTERNAL", chance.choice("abc"), "",
            start * _MS, (start + chance.randint(0, 300)) * _MS, {},
        )  # fmt: skip
        states = Reading(
            kind,
            chance.choice(_USAGES) if kind is not Kind.SPAN else None,
            response_id=chance.choice([None, "x", "y"]) if kind is Kind.MODEL else None,
            request_model=chance.choice([None, "m1", "m2"]),
            session_id=chance.choice([None, None, None, "s", "t"]),
            session_is_weak=chance.random() < 0.5,
            error="bad" if chance.random() < 0.05 else None,
            ends_early=chance.random() < 0.05,
            is_billed=kind is Kind.EMBEDDING or (kind is Kind.AGENT and chance.random() < 0.2),
        )
        told.append((span, states))
    return told


class _Open:
    """An open root, with spans below it that have all begun."""

    def __init__(self, told: list[Row]) -> None:
        self._told = told
        events = {span.span_id: states for span, states in told}
        self.priced: list[int] = []
        self.engine = Engine(Settings(), lambda span: events[span.span_id], self._price, Deadlines())
        self._out: list[object] = []
        trace = self.engine.started(1, ROOT, None, self._out)
        assert trace is not None
        self.trace: Trace = trace
        for span, _ in told:
            self.engine.started(1, span.span_id, span.parent_id, self._out)

    def _price(self, call: Call) -> int:
        self.priced.append(call.span_id)
        return price(call)

    def end(self, place: int) -> None:
        """A span ends."""
        self.engine.ended(self._told[place][0], None, 0.0, self._out)

    def rollups(self) -> Any:
        """The totals so far."""
        return self.engine.totals.rollups(self.trace)


class TestAsked:
    """Totals while spans are open."""

    @pytest.mark.parametrize("seed", range(150))
    def test_remembered(self, seed: int) -> None:
        """What is remembered between two questions makes no difference, and neither does the order of ends."""
        chance = Random(seed)  # noqa: S311 -- a repeatable choice
        told = anything(chance, chance.randint(2, 20))
        order = chance.sample(range(len(told)), len(told))
        asked = _Open(told)
        for number, place in enumerate(order, start=1):
            asked.end(place)
            if chance.random() < 0.5:
                once = _Open(told)
                for other in order[:number]:
                    once.end(other)
                assert once.rollups() == asked.rollups()
        assert folded(told) == folded(told, order) == folded(told, order, is_asked=True)

    def test_priced_once(self) -> None:
        """A call that nothing new changes is priced once, however often somebody asks."""
        spans = [data(10 + number, ROOT, start_ns=100 * number, end_ns=100 * number + 50) for number in range(100)]
        told = [(span, Reading(Kind.MODEL, Usage(span.span_id, 1, span.span_id + 1))) for span in spans]
        asked = _Open(told)
        for place in range(len(told)):
            asked.end(place)
            asked.rollups()
        assert sorted(asked.priced) == [span.span_id for span in spans]

    def test_unpriced_once(self) -> None:
        """A call without a known price is counted once, when its root has left, however often somebody asks."""
        engine, out = Engine(Settings(), reading.read, lambda _: None, Deadlines()), list[object]()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        for span_id in (2, 3, 4):
            engine.started(1, span_id, ROOT, out)
        for span_id in (2, 3):
            engine.ended(data(span_id, ROOT, CHAT), "call", 0.0, out)
            assert span_id - 1 == engine.totals.rollup(trace).num_unpriced_events
        assert 0 == engine.unpriced
        engine.ended(data(ROOT, None), "root", 0.0, out)
        engine.drain("shutdown", out)
        for _ in range(3):
            assert 2 == engine.totals.rollup(trace).num_unpriced_events
        assert 2 == engine.unpriced
        engine.ended(data(4, ROOT, CHAT), "late", 0.0, out)
        for _ in range(3):
            assert 3 == engine.totals.rollup(trace).num_unpriced_events
        assert 3 == engine.unpriced


def _below(number: int, *, agent: dict[str, Any]) -> tuple[int, int | None, int]:
    """Events of calls, tokens and the most calls that were kept, of calls below an agent that is still open."""
    engine, out = new()
    trace = engine.started(1, ROOT, None, out)
    assert trace is not None
    engine.started(1, 2, ROOT, out)
    most = 0
    for span_id in range(3, 3 + number):
        times = {"start_ns": 100 * span_id, "end_ns": 100 * span_id + 50}
        engine.ended(data(span_id, 2, {**CHAT, "gen_ai.usage.input_tokens": span_id}, **times), "call", 0.0, out)
        assert trace.calls is not None
        most = max(most, len(trace.calls.calls))
    engine.ended(data(2, ROOT, agent, start_ns=1, end_ns=10**9), "agent", 0.0, out)
    engine.ended(data(ROOT, None), "root", 0.0, out)
    [rollup] = rollups(engine, out)
    return rollup.num_model_events, rollup.prompt_tokens, most


class TestBound:
    """More calls than are kept."""

    @pytest.mark.parametrize(
        "agent", [{}, {**CHAT, "gen_ai.operation.name": "invoke_agent"}, CHAT], ids=["plain", "sum", "model"]
    )
    @pytest.mark.parametrize("number", [MAX_CALLS - 1, MAX_CALLS, 3 * MAX_CALLS, 1000])
    def test_exact(self, number: int, agent: dict[str, Any]) -> None:
        """The oldest are added up, and what is above them knows that: totals are exact."""
        events, prompt, most = _below(number, agent=agent)
        assert (number, sum(range(3, 3 + number))) == (events, prompt)
        assert most <= MAX_CALLS

    def test_left(self) -> None:
        """So few are left when some were added up that this is seldom done."""
        engine, out = new()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        for span_id in range(2, 2 + MAX_CALLS):
            engine.ended(data(span_id, ROOT, CHAT, start_ns=span_id, end_ns=span_id + 1), "call", 0.0, out)
        assert trace.calls is not None
        assert KEPT_CALLS == len(trace.calls.calls)

    def test_places(self) -> None:
        """What is kept of spans above calls is bounded as well."""
        engine, out = new()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        for span_id in range(10, 10 + 40 * 200, 40):
            for step in range(40):
                engine.started(1, span_id + step, span_id + step - 1 if step else ROOT, out)
            engine.ended(data(span_id + 39, span_id + 38, CHAT, start_ns=span_id, end_ns=span_id + 1), "call", 0.0, out)
            for step in reversed(range(39)):
                parent_id = span_id + step - 1 if step else ROOT
                engine.ended(data(span_id + step, parent_id, start_ns=span_id, end_ns=span_id + 2), "step", 0.0, out)
            assert trace.calls is not None
            assert len(trace.calls.places) <= MAX_PLACES + 40
        engine.ended(data(ROOT, None), "root", 0.0, out)
        assert [(200, 200 * 40)] == [(rollup.num_model_events, rollup.num_events) for rollup in rollups(engine, out)]

    def test_nothing_is_kept_without_calls(self) -> None:
        """Spans without a call below them leave no place."""
        engine, out = new()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        engine.ended(data(2, ROOT, CHAT), "call", 0.0, out)
        for span_id in range(3, 100):
            engine.ended(data(span_id, ROOT), "step", 0.0, out)
        assert trace.calls is not None
        assert {} == trace.calls.places


class TestSessions:
    """To which session calls belong, whatever ends first."""

    @pytest.mark.parametrize("order", [(4, 3, 2), (2, 3, 4), (3, 2, 4), (3, 4, 2)])
    def test_any_order(self, order: tuple[int, ...]) -> None:
        """An ancestor's session counts for a span that ends after it, too."""
        engine, out = new()
        engine.started(1, ROOT, None, out)
        spans = {2: (ROOT, {"session.id": "a"}), 3: (2, {}), 4: (3, CHAT)}
        for span_id, (parent_id, _) in spans.items():
            engine.started(1, span_id, parent_id, out)
        for span_id in order:
            engine.ended(data(span_id, *spans[span_id]), "span", 0.0, out)
        engine.ended(data(ROOT, None, {"session.id": "r"}), "root", 0.0, out)
        [trace] = [item.trace for item in out if isinstance(item, Released)]
        found = engine.totals.rollups(trace)
        assert {"a": (3, 11)} == {name: (one.num_events, one.total_tokens) for name, one in found.items() if one.num_events}


class TestTwoTraces:
    """A call that two traces report."""

    def test_passed_again(self) -> None:
        """What the trace in which it counts learned of it holds however often its calls are decided about again."""
        engine, out = new()
        one = engine.started(1, ROOT, None, out)
        assert one is not None
        named = {**CHAT, "gen_ai.response.id": "r"}
        engine.ended(data(2, ROOT, named, scope_name="framework", start_ns=10, end_ns=90), "call", 0.0, out)
        fuller = {**named, "gen_ai.usage.cache_read.input_tokens": 4}
        engine.started(2, 5, None, out)
        engine.ended(data(5, None, fuller, trace_id=2, scope_name="client", start_ns=20, end_ns=80), "root", 0.0, out)
        assert [(0, None)] == [(rollup.num_model_events, rollup.total_tokens) for rollup in rollups(engine, out)]
        for span_id in (3, 4):
            engine.ended(data(span_id, ROOT, CHAT, scope_name="framework", start_ns=200, end_ns=300), "call", 0.0, out)
            for _ in range(2):
                got = engine.totals.rollup(one)
                assert (span_id - 1, 11 * (span_id - 1), 4) == (got.num_model_events, got.total_tokens, got.cache_read_tokens)
        engine.ended(data(ROOT, None), "root", 0.0, out)
        got = engine.totals.rollup(one)
        assert (3, 33, 4) == (got.num_model_events, got.total_tokens, got.cache_read_tokens)

    def test_left_out_again(self) -> None:
        """What another trace counts stays left out, however often totals are asked for while other calls end."""
        engine, out = new()
        one = engine.started(1, ROOT, None, out)
        assert one is not None
        named = {**CHAT, "gen_ai.response.id": "r"}
        engine.ended(data(2, ROOT, named, scope_name="framework", start_ns=10, end_ns=90), "call", 0.0, out)
        engine.started(2, 5, None, out)
        inside = {**named, "session.id": "s"}
        engine.ended(data(5, None, inside, trace_id=2, scope_name="client", start_ns=20, end_ns=80), "root", 0.0, out)
        two = next(item.trace for item in out if isinstance(item, Released))
        assert 1 == engine.totals.rollup(two).num_model_events
        for number in range(1, 5):
            start = 200 * number
            later = data(number + 10, ROOT, CHAT, scope_name="framework", start_ns=start, end_ns=start + 50)
            engine.ended(later, "call", 0.0, out)
            for _ in range(2):
                found = [engine.totals.rollup(trace).num_model_events for trace in (one, two)]
                assert number + 1 == sum(found)

    def test_settled_in_the_session_of_an_ancestor(self) -> None:
        """A call of a trace that has left is in the session of the agent above it, for another trace that reports it, too."""
        engine, out = new()
        engine.started(1, ROOT, None, out)
        for agent, session in ((2, "a"), (3, "b")):
            engine.started(1, agent, ROOT, out)
            call, start = {**CHAT, "gen_ai.response.id": session}, 100 * agent
            engine.ended(data(agent + 2, agent, call, scope_name="framework", start_ns=start, end_ns=start + 80), "c", 0.0, out)
            engine.ended(data(agent, ROOT, {"session.id": session}, start_ns=start - 5, end_ns=start + 90), "a", 0.0, out)
        engine.ended(data(ROOT, None, start_ns=1, end_ns=500), "root", 0.0, out)
        again = {**CHAT, "gen_ai.response.id": "b", "session.id": "b"}
        assert 2 == sum(rollup.num_model_events for rollup in rollups(engine, out))
        out.clear()
        engine.started(2, ROOT, None, out)
        engine.ended(data(ROOT, None, again, trace_id=2, scope_name="client", start_ns=310, end_ns=370), "root", 0.0, out)
        assert [0] == [rollup.num_model_events for rollup in rollups(engine, out)]

    def test_counts_in_the_later(self) -> None:
        """The same where the trace in which it does not count is asked again."""
        engine, out = new()
        for trace_id, scope in ((1, "framework"), (2, "client")):
            engine.started(trace_id, ROOT, None, out)
            engine.started(trace_id, 3, ROOT, out)
            named = {**CHAT, "gen_ai.response.id": "r"}
            engine.ended(data(2, ROOT, named, trace_id=trace_id, scope_name=scope, start_ns=10, end_ns=90), "call", 0.0, out)
        for trace_id in (1, 2):
            engine.ended(data(ROOT, None, trace_id=trace_id), "root", 0.0, out)
        engine.drain("force_flush", out)
        traces = [item.trace for item in out if isinstance(item, Released)]
        assert 11 == sum(engine.totals.rollup(trace).total_tokens or 0 for trace in traces)
        for trace_id in (1, 2):
            engine.ended(data(3, ROOT, CHAT, trace_id=trace_id, start_ns=200, end_ns=300), "late", 0.0, out)
        for _ in range(2):
            assert 33 == sum(engine.totals.rollup(trace).total_tokens or 0 for trace in traces)
