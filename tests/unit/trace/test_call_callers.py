"""Which agent and which tool made a call, against going up the parents of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from otel_session_agg import Rollup
from otel_session_agg._model.breakdown import NONE, Breakdown
from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._trace import trace_calls
from otel_session_agg._trace.call import Call
from otel_session_agg._trace.call_callers import CallCallers
from otel_session_agg._trace.caller import NO_CALLER, Caller
from otel_session_agg._trace.rules import Rule
from otel_session_agg._trace.tree import Place
from tests.support.folding import Row, folded_rollup

_MS = 1_000_000
_EPOCH_NS = 1_790_000_000_000 * _MS
_ROOT = 1
_USAGE = Usage(3, 2, 5)


def _span(span_id: int, parent_id: int | None, begin: int, end: int) -> SpanData:
    return SpanData("", 1, span_id, parent_id, "INTERNAL", "app", "", _EPOCH_NS + begin * _MS, _EPOCH_NS + end * _MS, {})


def model(span_id: int, parent_id: int | None, begin: int = 0, end: int = 1, name: str = "m", **stated: str) -> Row:
    """A model call."""
    reading = Reading(
        Kind.MODEL, usage=_USAGE, response_model=name, agent_name=stated.get("agent"), session_id=stated.get("session")
    )
    return _span(span_id, parent_id, begin, end), reading


def agent(span_id: int, parent_id: int | None, begin: int, end: int, name: str | None, session: str | None = None) -> Row:
    """An agent."""
    return _span(span_id, parent_id, begin, end), Reading(Kind.AGENT, agent_name=name, session_id=session)


def tool(span_id: int, parent_id: int | None, begin: int, end: int, name: str | None) -> Row:
    """A tool."""
    return _span(span_id, parent_id, begin, end), Reading(Kind.TOOL, tool_name=name)


def walked(told: Sequence[Row], which: Kind) -> Counter[str]:
    """Calls by the nearest agent or tool with a name at or above each, found by going up from each."""
    by_id = {span.span_id: (span, reading) for span, reading in told}
    found: Counter[str] = Counter()
    for span, reading in told:
        if reading.kind is not Kind.MODEL:
            continue
        at: int | None = span.span_id
        name = None
        while at in by_id and name is None:
            above, stated = by_id[at]
            name = stated.agent_name if which is Kind.AGENT else stated.tool_name
            at = above.parent_id
        found[name or NONE] += 1
    return found


def calls_in(rows: Breakdown) -> Counter[str]:
    """Calls in the rows of agents."""
    return Counter({name: row.num_calls for name, row in rows.items()})


def priced_in(rows: Breakdown) -> Counter[str]:
    """Calls whose cost is in the rows of tools."""
    return Counter({name: row.num_priced for name, row in rows.items() if row.num_priced})


def is_right(told: Sequence[Row], rollup: Rollup) -> bool:
    """Whether the rows are what going up from each call finds."""
    agents, tools = walked(told, Kind.AGENT), walked(told, Kind.TOOL)
    return calls_in(rollup.by_agent) == agents and priced_in(rollup.by_tool) == tools


def _some(random: Random, number: int) -> list[Row]:
    """A tree of agents, tools and models, each inside the time of its parent."""
    told: list[Row] = []
    inside: list[tuple[int, int, int]] = [(_ROOT, 0, 100_000)]
    for span_id in range(2, number + 2):
        parent_id, begin, end = random.choice(inside[-8:])
        first = random.randint(begin, end - 1)
        last = random.randint(first + 1, end)
        name = random.choice(["a", "b", "c", None])
        kind = random.choice("atmmm")
        if kind == "m":
            told.append(model(span_id, parent_id, first, last, **({"agent": name} if name == "c" else {})))
        else:
            told.append((agent if kind == "a" else tool)(span_id, parent_id, first, last, name))
        if kind != "m" and last - first > 1:
            inside.append((span_id, first, last))
    return told


def _many(depth: int, calls: int, sessions: int = 1) -> list[Row]:
    """Agents one inside the other, each with calls of its own before and after the next one."""
    told: list[Row] = []
    length = calls * 2 * depth
    for level in range(depth):
        parent_id = _ROOT if level == 0 else level + 1
        session = f"s{level % sessions}" if sessions > 1 else None
        told.append(agent(level + 2, parent_id, level * calls, 10 * length - level * calls, f"agent {level % 12}", session))
        for number in range(calls):
            first, last = level * calls + number, 10 * length - (level + 1) * calls + number
            told.append(model(1000 + level * 2 * calls + 2 * number, level + 2, first, first + 1))
            told.append(model(1001 + level * 2 * calls + 2 * number, level + 2, last, last + 1))
    return told


class TestNearest:
    """The nearest agent and the nearest tool."""

    def test_tree(self) -> None:
        """They are found above calls, whatever is between, and names that a call itself states are nearer."""
        assert [] == [seed for seed in range(300) if not is_right(told := _some(Random(seed), 30), folded_rollup(told))]  # noqa: S311

    def test_asked(self) -> None:
        """So they are where totals are asked for all the time."""
        wrong = []
        for seed in range(100):
            told = _some(Random(seed), 60)  # noqa: S311 -- a repeatable choice
            if not is_right(told, folded_rollup(told, is_asked=True)):
                wrong.append(seed)
        assert [] == wrong

    def test_any_order(self) -> None:
        """So they are in whatever order the spans end, as agents that end before what they began."""
        for seed in range(100):
            random = Random(seed)  # noqa: S311 -- a repeatable choice
            told = _some(random, 30)
            order = random.sample(range(len(told)), len(told))
            assert is_right(told, folded_rollup(told, order))
            assert is_right(told, folded_rollup(told, order, is_asked=True))

    def test_unknown_parent(self) -> None:
        """A call below a span that is never seen has none."""
        told = [model(2, 99), model(3, _ROOT)]
        assert {NONE: 2} == calls_in(folded_rollup(told).by_agent)

    def test_ring(self) -> None:
        """Rings of parents end, and each call is counted once."""
        told = [agent(2, 4, 0, 9, "a"), tool(3, 2, 1, 8, "t"), model(4, 3, 2, 7), model(5, 5, 2, 3)]
        rollup = folded_rollup(told)
        assert 2 == sum(calls_in(rollup.by_agent).values()) == sum(priced_in(rollup.by_tool).values())
        assert 1 == calls_in(rollup.by_agent)["a"]

    @pytest.mark.parametrize("is_asked", [False, True])
    def test_deep(self, *, is_asked: bool) -> None:
        """Agents may be 50 deep."""
        told = _many(50, 1)
        assert walked(told, Kind.AGENT) == calls_in(folded_rollup(told, is_asked=is_asked).by_agent)


class TestSettled:
    """Calls that are added up for good while the agents that made them are open."""

    @pytest.mark.parametrize("is_asked", [False, True])
    @pytest.mark.parametrize(("depth", "calls", "sessions"), [(1, 400, 1), (3, 200, 1), (12, 60, 1), (3, 200, 3)])
    def test_nested(self, depth: int, calls: int, sessions: int, *, is_asked: bool) -> None:
        """They have their agents when these end."""
        told = _many(depth, calls, sessions)
        assert walked(told, Kind.AGENT) == calls_in(folded_rollup(told, is_asked=is_asked).by_agent)

    @pytest.mark.parametrize("seed", range(4))
    def test_without_the_bound(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """All figures are those of a trace that keeps all of its calls; times, unless they say that they are not exact."""
        told = _some(Random(seed), 1500)  # noqa: S311 -- a repeatable choice
        bounded = folded_rollup(told), folded_rollup(told, is_asked=True)
        monkeypatch.setattr(trace_calls, "MAX_CALLS", 10_000)
        rollup = folded_rollup(told)
        assert is_right(told, rollup)
        expected = (rollup.by_model, rollup.by_agent, rollup.by_tool, rollup.details.latencies)
        for one in bounded:
            assert expected == (one.by_model, one.by_agent, one.by_tool, one.details.latencies)
            assert rollup.model_duration_ms == one.model_duration_ms or not one.are_durations_exact


class TestMerged:
    """Several reports of one call."""

    def test_below_an_agent(self) -> None:
        """The call belongs to the agent that any of them is below; of several to that of the first."""
        counts, first, second = (Call(*model(span_id, parent)) for span_id, parent in ((1, None), (2, 10), (3, 11)))
        second.span_start_ns += 1
        for report in (first, second):
            report.lose(counts, Rule.RESPONSE)
        places = {10: Place(None, caller=("a", None)), 11: Place(None, caller=("b", "t"))}
        calls = {call.span_id: call for call in (counts, second, first)}
        found = CallCallers(calls, places, {}, (None, NO_CALLER)).of([*calls.values()])
        assert {counts: ("a", "t")} == found

    @pytest.mark.parametrize(("own", "expected"), [(None, ("a", None)), ("mine", ("mine", None))])
    def test_own(self, own: str | None, expected: Caller) -> None:
        """What the report that counts states, or is below, is nearer."""
        counts = Call(*model(1, None, **({"agent": own} if own is not None else {})))  # type: ignore[arg-type]
        other = Call(*model(2, 10))
        other.lose(counts, Rule.RESPONSE)
        places = {10: Place(None, caller=("a", None))}
        assert {counts: expected} == CallCallers({1: counts, 2: other}, places, {}, (None, NO_CALLER)).of([counts, other])


class TestOpen:
    """Open spans."""

    def test_ids(self) -> None:
        """Their ids stand for their names."""
        call = Call(*model(1, 5))
        found = CallCallers({1: call}, {}, {5: None}, (7, (7, 7)))
        assert {call: (5, 5)} == found.of([call])
        assert (7, 7) == found.at(None) == found.at(99)
