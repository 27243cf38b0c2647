"""Figures by name, while they are added up, and what a trace keeps of its tools."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Settings
from otel_session_agg._collections.deadlines import Deadlines
from otel_session_agg._model.breakdown import MAX_NAME_CHARS, MAX_ROWS, OTHER, Breakdown, Figures, breakdown_of
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import NO_DETAILS
from otel_session_agg._model.rollup import Rollup
from otel_session_agg._model.span import Kind, Reading
from otel_session_agg._trace.engine import Engine
from otel_session_agg._trace.rows_by_name import MAX_NAMES, MAX_OPEN, OpenRows, Rows, add_open, add_row, merge_rows
from otel_session_agg._trace.tool_details import ToolDetails
from otel_session_agg._trace.trace import Released
from otel_session_agg._untrusted.values import MAX_WHOLE
from tests.support.folding import Row, price

from .test_call_callers import agent, model, tool

_ONE: Figures = (1, *[2] * 10, 3)

_TIMES = st.tuples(st.integers(-5, 20), st.integers(-5, 20)) | st.just((2**62, 2**64))
"""Starts and ends, also those that cannot be."""


def rollup_of(told: list[Row], *, breakdown: bool = True) -> Rollup:
    """The totals of a root with these spans below it; each ends before the next one begins, but for agents."""
    readings = {span.span_id: reading for span, reading in told}
    engine = Engine(
        Settings(breakdown=breakdown), lambda span: readings.get(span.span_id) or Reading(Kind.SPAN), price, Deadlines()
    )
    out: list[object] = []
    engine.started(1, 1, None, out)
    for span, _ in told:
        engine.started(1, span.span_id, span.parent_id, out)
        engine.ended(span, span, 0.0, out)
    root = told[0][0]._replace(span_id=1, parent_id=None)
    engine.ended(root, root, 0.0, out)
    [trace] = [item.trace for item in out if isinstance(item, Released)]
    return engine.totals.rollup(trace)


class TestRows:
    """Rows by name."""

    def test_many_names(self) -> None:
        """Of 10,000 names, in any order, those that sort first have rows, and nothing is lost."""
        names = [f"name-{number:05}" for number in range(10_000)]
        rows: Rows = {}
        for name in Random(1).sample(names, len(names)):  # noqa: S311 -- a repeatable choice
            add_row(rows, name, _ONE)
            assert len(rows) <= MAX_NAMES
        found = breakdown_of(rows)
        assert [*names[:MAX_ROWS], OTHER] == [*found]
        assert tuple(10_000 * number for number in _ONE) == found.total

    def test_merged(self) -> None:
        """Two are merged name by name, and the second stays as it is."""
        first: Rows = {}
        second: Rows = {"a": _ONE, "b": _ONE}
        merge_rows(first, second)
        merge_rows(first, second)
        assert {"a": tuple(2 * number for number in _ONE), "b": tuple(2 * number for number in _ONE)} == first
        assert {"a": _ONE, "b": _ONE} == second

    def test_long_name(self) -> None:
        """Of a long name the beginning counts."""
        rows: Rows = {}
        add_row(rows, "x" * 1000, _ONE)
        assert ["x" * MAX_NAME_CHARS] == [*rows]

    def test_open(self) -> None:
        """Figures of 300 open spans are kept up to a bound; those that are known go on."""
        rows: OpenRows = {}
        for _ in range(2):
            for span_id in range(300):
                add_open(rows, span_id, _ONE)
        assert MAX_OPEN == len(rows)
        assert {tuple(2 * number for number in _ONE)} == {*rows.values()}


class TestToolDetails:
    """What tools did."""

    def test_copied(self) -> None:
        """A copy is added to on its own."""
        details = ToolDetails()
        details.add(*tool(2, 1, 0, 5, "search"))
        twin = details.copied()
        twin.add(*tool(3, 1, 7, 9, "search"))
        for _ in range(2):  # asking changes nothing
            (rows, time), (more_rows, more_time) = details.sums().as_values(), twin.sums().as_values()
            assert (1, 2) == (rows["search"].num_calls, more_rows["search"].num_calls)
            assert (5_000_000, 7_000_000) == (time.covered_ns, more_time.covered_ns)
        third = twin.copied()
        third.add(*tool(4, 1, 10, 11, "search"))
        assert (1, 2, 3) == tuple(one.sums().as_values()[0].total.num_calls for one in (details, twin, third))
        assert 7_000_000 == twin.sums().as_values()[1].covered_ns

    def test_merged(self) -> None:
        """What another has is added, and that stays as it is."""
        first, second = ToolDetails(), ToolDetails()
        for details in (first, second):
            details.add(*tool(2, 1, 0, 5, "search"))
            span, reading = tool(3, 1, 5, 6, None)
            details.add(span, reading._replace(error="failed"))
        first.merge(second)
        expected = {"search": (1, 0, *[0] * 9, 5_000_000), "none": (1, 1, *[0] * 9, 1_000_000)}
        assert expected == second.sums().rows()
        assert {name: tuple(2 * figure for figure in row) for name, row in expected.items()} == first.sums().rows()

    @given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None]), _TIMES, st.booleans(), st.booleans())))
    def test_any(self, calls: list[tuple[int, str | None, tuple[int, int], bool, bool]]) -> None:
        """Whatever is added to whichever part, asked for or not, all calls are in the sums."""
        parts, expected, intervals = [ToolDetails() for _ in range(4)], Counter[tuple[str, str]](), []
        for part, name, (start_ns, end_ns), has_failed, is_asked in calls:
            span, reading = tool(2, 1, 0, 5, name)
            parts[part].add(
                span._replace(start_ns=start_ns, end_ns=end_ns), reading._replace(error="failed" if has_failed else None)
            )
            if is_asked:
                parts[part].sums().as_values()
            its = name or "none"
            expected[its, "calls"] += 1
            expected[its, "failed"] += has_failed
            expected[its, "ns"] += max(0, end_ns - start_ns)
            if 0 <= start_ns < end_ns <= MAX_WHOLE:
                intervals.append((start_ns, end_ns))
        whole = parts[0]
        for other in parts[1:]:
            whole.merge(other)
        rows, time = whole.sums().as_values()
        found = {(name, key): row[at] for name, row in rows.items() for key, at in (("calls", 0), ("failed", 1), ("ns", -1))}
        assert expected == Counter(found)
        assert rows.total == Breakdown(rows).total
        assert Coverage.of(intervals).covered_ns == time.covered_ns

    def test_many_names(self) -> None:
        """Of 10,000 names, in any order, those that sort first have rows, and nothing is lost."""
        names = [f"name-{number:05}" for number in range(10_000)]
        whole, part = ToolDetails(), ToolDetails()
        for number, name in enumerate(Random(1).sample(names, len(names))):  # noqa: S311 -- a repeatable choice
            details = whole if number % 2 else part
            details.add(*tool(2, 1, 0, 5, name))
        whole.merge(part)
        assert len(whole.sums().by_tool) <= MAX_NAMES
        found = breakdown_of(whole.sums().rows())
        assert [*names[:MAX_ROWS], OTHER] == [*found]
        assert (10_000, 50_000_000_000) == (found.total.num_calls, found.total.duration_ns)


class TestTotals:
    """Totals of traces with and without a breakdown."""

    def test_many(self) -> None:
        """Of very many models, tools and agents the totals are the same as without a breakdown, which is bounded."""
        told: list[Row] = []
        for number in range(3000):
            at = 10 * number
            told.append(model(2 + 3 * number, 1, at, at + 2, f"model {number}", agent=f"agent {number}"))
            told.append(tool(3 + 3 * number, 1, at + 3, at + 5, f"tool {number}"))
            told.append(agent(4 + 3 * number, 1, at + 6, at + 8, f"agent {number}"))
        found = rollup_of(told)
        assert NO_DETAILS == rollup_of(told, breakdown=False).details
        without = rollup_of(told, breakdown=False)
        assert [getattr(without, name) for name in _COUNTS] == [getattr(found, name) for name in _COUNTS]
        for rows, number in ((found.by_model, 3000), (found.by_agent, 3000), (found.by_tool, 3000)):
            assert len(rows) <= MAX_ROWS + 2
            assert number == rows.total.num_calls
        assert (6000.0, 6000.0) == (found.model_duration_ms, found.tool_duration_ms)
        assert found.are_durations_exact

    def test_root(self) -> None:
        """A root that is an agent, a tool or a model itself is in the rows."""
        found = [
            _below(reading)
            for reading in (
                Reading(Kind.AGENT, agent_name="a"),
                Reading(Kind.TOOL, tool_name="t"),
                Reading(Kind.MODEL, response_model="m"),
            )
        ]
        rows = [({*rollup.by_agent}, {*rollup.by_tool}, {*rollup.by_model}) for rollup in found]
        assert [({"a"}, {"none"}, {"m"}), ({"none"}, {"t"}, {"m"}), ({"none"}, {"none"}, {"m"})] == rows


def _below(reading: Reading) -> Rollup:
    """The totals of a root with a model call below it."""
    child, its = model(2, 1, 0, 3)
    engine = Engine(Settings(), lambda span: reading if span.span_id == 1 else its, price, Deadlines())
    out: list[object] = []
    engine.started(1, 1, None, out)
    engine.started(1, 2, 1, out)
    root = child._replace(span_id=1, parent_id=None)
    engine.ended(child, child, 0.0, out)
    engine.ended(root, root, 0.0, out)
    [trace] = [item.trace for item in out if isinstance(item, Released)]
    return engine.totals.rollup(trace)


_COUNTS = (
    "num_events", "num_model_events", "num_tool_events", "num_errors", "num_unpriced_events", "num_computed", "cost_pusd",
    "num_winners", "prompt_tokens", "completion_tokens", "total_tokens", "models", "start_ns", "end_ns",
)  # fmt: skip
