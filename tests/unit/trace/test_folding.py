"""Spans that end before what is below them, by values."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import pytest

from otel_session_agg._model.span import SpanData
from otel_session_agg._reading import span as reading
from otel_session_agg._trace.settling import MAX_WAITING
from otel_session_agg._trace.trace import Trace
from tests.support.deadlines import release_due
from tests.support.folding import Row, folded
from tests.unit.trace.test_engine import CHAT, data, new, rollups

SILENT: dict[str, Any] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
OUTER, INNER = "outer", "inner"
"""Two instrumentations, one above the other."""
ROOT = 1


def chat(prompt: int) -> dict[str, Any]:
    """What a call says of itself."""
    return {**CHAT, "gen_ai.usage.input_tokens": prompt}


def told(*spans: SpanData) -> list[Row]:
    """Spans with what is read from them."""
    return [(span, reading.read(span)) for span in spans]


def stream(first_id: int, prompt: int, outer: dict[str, Any] | None = None) -> list[SpanData]:
    """A call that two scopes tell of, the outer one without figures."""
    return [
        data(first_id, ROOT, outer or SILENT, scope_name=OUTER, start_ns=10, end_ns=100),
        data(first_id + 1, first_id, chat(prompt), scope_name=INNER, start_ns=20, end_ns=90),
    ]


class TestStreams:
    """A stream whose outer span ends first and says nothing, beside other calls at once."""

    @pytest.mark.parametrize("siblings", [0, 1])
    def test_every_order(self, siblings: int) -> None:
        """Whatever ends first, each call counts once."""
        rows = told(*stream(2, 100), *(stream(4, 200, chat(200)) if siblings else []))
        got = {(got.model_events, got.prompt_tokens) for order in permutations(range(len(rows))) for got in [folded(rows, order)]}
        assert {(1 + siblings, 100 + 200 * siblings)} == got

    @pytest.mark.parametrize("seed", range(60))
    def test_three_siblings(self, seed: int) -> None:
        """So does each of four calls at once, two of them streams."""
        calls = [stream(2, 100), stream(4, 200, chat(200)), stream(6, 300, chat(300)), stream(8, 400)]
        rows = told(*[span for call in calls for span in call])
        order = Random(seed).sample(range(len(rows)), len(rows))  # noqa: S311 -- a repeatable choice
        got = folded(rows, order)
        assert (4, 1000, 4) == (got.model_events, got.prompt_tokens, got.completion_tokens)

    def test_wrapped(self) -> None:
        """A plain span between the two, which ends early as well, changes nothing."""
        outer, inner = stream(2, 100)
        step = data(9, 2, {}, start_ns=15, end_ns=95)
        rows = told(outer, step, inner._replace(parent_id=9), *stream(4, 200, chat(200)))
        got = {(got.model_events, got.prompt_tokens) for order in permutations(range(5)) for got in [folded(rows, order)]}
        assert {(2, 300)} == got


class TestWhileOpen:
    """Totals that are asked for while a span waits."""

    def _asked(self, outer: dict[str, Any], *more: SpanData) -> tuple[int, int | None, int]:
        engine, out = new()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        for span_id, parent_id in ((2, ROOT), (3, 2), *((span.span_id, span.parent_id) for span in more)):
            engine.started(1, span_id, parent_id, out)
        for span in (*more, data(2, ROOT, outer, scope_name=OUTER, end_ns=50)):
            engine.ended(span, span, 0.0, out)
        rollup = engine.totals.rollup(trace)
        return rollup.num_model_events, rollup.prompt_tokens, rollup.num_events

    def test_counts(self) -> None:
        """What it says counts for now."""
        assert (1, 100, 1) == self._asked(chat(100))

    def test_silent(self) -> None:
        """Its model event counts for now."""
        assert (1, None, 1) == self._asked(SILENT)

    def test_told_below(self) -> None:
        """It does not when a child that has ended tells of it."""
        assert (1, 100, 2) == self._asked(chat(100), data(4, 2, chat(100), scope_name=INNER, end_ns=40))

    def test_told_beside(self) -> None:
        """It does not when another scope tells of it beside."""
        assert (1, 100, 2) == self._asked(chat(100), data(4, ROOT, chat(100), scope_name=INNER, end_ns=40))

    def test_asked_often(self) -> None:
        """Asking changes nothing of what comes out."""
        engine, out = new()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        for span_id in (2, 3):
            engine.started(1, span_id, span_id - 1, out)
        for span in stream(2, 100, chat(100)):
            engine.ended(span, span, 0.0, out)
            engine.totals.rollup(trace)
        engine.ended(data(ROOT, None), "root", 0.0, out)
        assert [(1, 100)] == [(rollup.num_model_events, rollup.prompt_tokens) for rollup in rollups(engine, out)]


class TestEnd:
    """Waiting ends, whatever comes."""

    def test_linger_over(self) -> None:
        """When the root leaves although something is open, what waits counts; what ends later corrects it."""
        engine, out = new()
        for span_id in (1, 2, 3):
            engine.started(1, span_id, span_id - 1 or None, out)
        outer, inner = stream(2, 100, chat(120))
        engine.ended(outer, "outer", 0.0, out)
        engine.ended(data(ROOT, None), "root", 0.0, out)
        release_due(engine, 1000.0, out)
        assert [120] == [rollup.prompt_tokens for rollup in rollups(engine, out)]
        engine.ended(inner, "inner", 1000.0, out)
        assert [100] == [rollup.prompt_tokens for rollup in rollups(engine, out)]

    def test_ring(self) -> None:
        """Spans that are each other's parents do not wait for each other for ever."""
        engine, out = new()
        engine.started(1, ROOT, None, out)
        engine.started(1, 2, 3, out)
        engine.started(1, 3, 2, out)
        for span_id in (2, 3):
            engine.ended(data(span_id, 5 - span_id, chat(100)), "call", 0.0, out)
        engine.ended(data(ROOT, None), "root", 0.0, out)
        (rollup,) = rollups(engine, out)
        assert (2, 100) == (rollup.num_events, rollup.prompt_tokens)

    def test_ended_twice(self) -> None:
        """A span that waits and ends again counts once."""
        engine, out = new()
        for span_id in (1, 2, 3):
            engine.started(1, span_id, span_id - 1 or None, out)
        outer, inner = stream(2, 100)
        for span in (outer, outer, inner):
            engine.ended(span, span, 0.0, out)
        engine.ended(data(ROOT, None), "root", 0.0, out)
        assert [(2, 1, 100)] == [(r.num_events, r.num_model_events, r.prompt_tokens) for r in rollups(engine, out)]

    def test_given_up(self) -> None:
        """A span that is given up holds nothing back: what ended above it counts, and nothing is attached to it."""
        engine, out = new()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        for span_id in (2, 3):
            engine.started(1, span_id, span_id - 1, out)
        engine.ended(stream(2, 100, chat(100))[0], "outer", 0.0, out)
        engine._folding.give_up(trace, [3])
        assert not trace.nodes
        assert not trace.opened
        rollup = engine.totals.rollup(trace)
        assert (1, 1, 100) == (rollup.num_events, rollup.num_model_events, rollup.prompt_tokens)

    @pytest.mark.parametrize("num_open", [65, 101, 255])
    def test_calls_beside_open_ones(self, num_open: int) -> None:
        """However many streams are open, the second report of a call beside them is recognised."""
        engine, out = new()
        engine.started(1, ROOT, None, out)
        for outer in range(10, 10 + 2 * num_open, 2):
            engine.started(1, outer, ROOT, out)
            engine.started(1, outer + 1, outer, out)
        for outer in range(10, 10 + 2 * num_open, 2):
            engine.ended(data(outer, ROOT, chat(outer), scope_name="outer", start_ns=10, end_ns=100 + outer), "c", 0.0, out)
        for number in range(400):
            start = 1000 * (1 + number)
            for beside, scope in enumerate("ab"):
                span = data(
                    9000 + 2 * number + beside, ROOT, chat(5000 + number), scope_name=scope, start_ns=start, end_ns=start + 50
                )
                engine.ended(span, "c", 0.0, out)
        engine.ended(data(ROOT, None), "root", 0.0, out)
        engine.drain("force_flush", out)
        (rollup,) = rollups(engine, out)
        assert num_open + 400 == rollup.num_model_events

    def test_bound(self) -> None:
        """Calls above something open are kept as long as possible, so that each counts once."""
        engine, out = new()
        trace = engine.started(1, ROOT, None, out)
        assert isinstance(trace, Trace)
        number = MAX_WAITING
        for index in range(number):
            engine.started(1, 10 + 2 * index, ROOT, out)
            engine.started(1, 11 + 2 * index, 10 + 2 * index, out)
        pairs = [stream(10 + 2 * index, 1000 + index, chat(1000 + index)) for index in range(number)]
        for outer, _ in pairs:
            engine.ended(outer, "outer", 0.0, out)
        assert trace.calls is not None
        assert MAX_WAITING == len(trace.calls.calls)
        for _, inner in pairs:
            engine.ended(inner, "inner", 0.0, out)
        engine.ended(data(ROOT, None), "root", 0.0, out)
        (rollup,) = rollups(engine, out)
        assert (number, sum(range(1000, 1000 + number))) == (rollup.num_model_events, rollup.prompt_tokens)
