"""Whether a call may be above another one, as it is known while spans end."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from random import Random

import pytest

from otel_session_agg import Settings
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.span import Reading, SpanData
from otel_session_agg._reading import span as reading
from otel_session_agg._trace.counting import top_id
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.trace import Trace
from otel_session_agg._trace.tree import Tree
from tests.support.folding import Row, price
from tests.unit.trace.test_counting import ROOT, anything
from tests.unit.trace.test_engine import CHAT, data


def _reading(events: Mapping[int, Reading], span: SpanData) -> Reading:
    return events[span.span_id]


def _num_above(trace: Trace) -> int:
    """The number of calls that are below another one."""
    assert trace.calls is not None
    calls = trace.calls.calls
    outer = Tree(calls, trace.calls.places, trace.opened, top_id(trace)).outer(calls.values())
    return sum(above is not None for above, _ in outer.values())


def _steps(told: list[Row], chance: Random) -> list[tuple[int, bool]]:
    """Starts and ends of spans by their places, in any order; some are not seen to start, and some not at all."""
    steps = [(chance.random(), place, True) for place in range(len(told)) if chance.random() < 0.9]
    begun = [(chance.uniform(0, time), place, False) for time, place, _ in steps if chance.random() < 0.7]
    return [(place, is_end) for _, place, is_end in sorted(steps + begun)]


class TestMayNest:
    """The calls of a trace that may be above each other."""

    @pytest.mark.parametrize("root", ["open", "plain", "call"])
    def test_none_above(self, root: str) -> None:
        """As long as none may be, none is, whatever begins late or unseen, and in whatever order spans end."""
        seen = {True: 0, False: 0}
        for seed in range(200):
            chance = Random(seed)  # noqa: S311 -- a repeatable choice
            told = anything(chance, chance.randint(2, 12))
            events = {span.span_id: states for span, states in told}
            events[ROOT] = told[0][1]._replace(usage=None, is_billed=root == "call")
            engine, out = Engine(Settings(), partial(_reading, events), price, Deadlines()), list[object]()
            trace = engine.started(1, ROOT, None, out)
            assert trace is not None
            for place, is_end in _steps(told, chance):
                span = told[place][0]
                if is_end:
                    engine.ended(span, None, 0.0, out)
                else:
                    engine.started(1, span.span_id, span.parent_id, out)
                if trace.calls is not None and len(trace.calls.calls) > 1:
                    seen[trace.calls.may_nest] += 1
                    assert trace.calls.may_nest or not _num_above(trace)
            if root != "open":
                engine.ended(data(ROOT, None), None, 0.0, out)
                engine.totals.fold_roots(item for item in out if item is not None)
                if trace.calls is not None and len(trace.calls.calls) > 1:
                    assert trace.calls.may_nest or not _num_above(trace)
        assert min(seen.values()) > 100

    def test_root(self) -> None:
        """A root that reports a call is above calls whose parent was never seen."""
        engine, out = Engine(Settings(), reading.read, price, Deadlines()), list[object]()
        trace = engine.started(1, ROOT, None, out)
        assert trace is not None
        engine.ended(data(3, 2, CHAT), None, 0.0, out)
        engine.ended(data(ROOT, None, CHAT), None, 0.0, out)
        engine.totals.fold_roots(item for item in out if item is not None)
        assert trace.calls is not None
        assert (1, True) == (_num_above(trace), trace.calls.may_nest)
