"""When calls or tools ran, while spans end."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterable
from random import Random
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.coverage import NO_TIME, Coverage
from otel_session_agg._trace.run_times import MAX_INTERVALS, RunTimes
from otel_session_agg._untrusted.values import MAX_WHOLE
from tests.support.builds import not_compiled
from tests.support.details import INTERVALS, swept


def times_of(intervals: Iterable[tuple[int, int]]) -> RunTimes:
    """The times of things that ran."""
    found = RunTimes()
    for start_ns, end_ns in intervals:
        found.add(start_ns, end_ns)
    return found


def _in_turn(random: Random, number: int) -> list[tuple[int, int]]:
    """So many things, each begun after the one before, some of which run at once."""
    found, at = [], 1000
    for _ in range(number):
        at += random.randint(1, 50)
        found.append((at, at + random.randint(1, random.choice([5, 60, 200]))))
    return found


class TestRunTimes:
    """The times of things that ran, collected."""

    @given(st.lists(INTERVALS, max_size=60), st.integers(0, 60))
    def test_value(self, intervals: list[tuple[int, int]], at: int) -> None:
        """The value does not depend on when it was asked for before, nor on copies."""
        expected = Coverage.of(intervals)
        assert expected == times_of(intervals).coverage
        asked = RunTimes()
        for number, interval in enumerate(intervals):
            asked.add(*interval)
            assert asked.coverage is asked.coverage
            if number == at:
                asked = asked.copied()
        assert expected == asked.coverage
        both = times_of(intervals[:at])
        both.merge(times_of(intervals[at:]))
        assert expected == both.coverage

    @pytest.mark.parametrize("number", [1, 32, 33, MAX_INTERVALS, 2 * MAX_INTERVALS])
    def test_list(self, number: int) -> None:
        """Things that are given at once take as long as those that come one by one, also when more follow."""
        intervals = [(10 * at + 1, 10 * at + 5) for at in range(number)]
        found = RunTimes([bound for interval in intervals for bound in interval])
        assert 4 * number == found.coverage.covered_ns
        found.add(10 * number + 1, 10 * number + 5)
        twin = found.copied()
        for both in (found, twin):
            both.merge(RunTimes([10 * number + 11, 10 * number + 15]))
        assert [(4 * number + 8, True)] * 2 == [(one.coverage.covered_ns, one.coverage.is_exact) for one in (found, twin)]

    @pytest.mark.parametrize("seed", range(20))
    def test_many(self, seed: int) -> None:
        """Of more than are kept the time is exact as long as none begins much earlier, whatever is asked in between."""
        random = Random(seed)  # noqa: S311 -- a repeatable choice
        intervals = _in_turn(random, 4 * MAX_INTERVALS)
        found = RunTimes()
        for interval in intervals:
            found.add(*interval)
            if random.random() < 0.1:
                assert found.coverage.is_exact
            if random.random() < 0.02:
                found = found.copied()
        assert (swept(intervals)[0], True) == (found.coverage.covered_ns, found.coverage.is_exact)

    def test_at_once(self) -> None:
        """As many as are kept may all run at once, and end in any order."""
        ends = Random(1).sample(range(10**6, 2 * 10**6), MAX_INTERVALS)  # noqa: S311 -- a repeatable choice
        intervals = [(number, end) for number, end in enumerate(ends)]
        found = times_of(intervals).coverage
        assert (max(ends), True) == (found.covered_ns, found.is_exact)

    @pytest.mark.parametrize(
        "interval", [(5, 5), (6, 5), (-1, 5), (-5, -1), (1, MAX_WHOLE + 1), (2**80, 2**81), (-(2**80), 2**80)]
    )
    def test_no_time(self, interval: tuple[int, int]) -> None:
        """What took no time, went backwards or cannot have been takes none."""
        assert NO_TIME == times_of([interval]).coverage
        assert Coverage.of([(1, 2)]) == times_of([interval, (1, 2), interval]).coverage

    @pytest.mark.parametrize("step", [0, 10])
    def test_memory(self, step: int) -> None:
        """It does not grow: one after the other, or all from the same moment on; all bounds would be 300 kB."""
        found = RunTimes()
        for number in range(1000):
            found.add(1 + step * number, 2 + step * number + number // 7)
        tracemalloc.start()
        try:
            for number in range(1000, 20_000):
                found.add(1 + step * number, 2 + step * number + number // 7)
            gc.collect()  # which also drops what the interpreter keeps of tuples for later
            assert tracemalloc.get_traced_memory()[0] < 16 * 4 * MAX_INTERVALS
        finally:
            tracemalloc.stop()
        assert 40 >= len(found.coverage.steps)

    @not_compiled
    @pytest.mark.parametrize("step", [0, 10])
    def test_steps(self, step: int) -> None:
        """Each thing costs as much among many as among few, also when all run at one time, as by a clock that stands still."""
        lines = 0

        def trace(_frame: FrameType, event: str, _argument: object) -> Any:
            nonlocal lines
            lines += event == "line"
            return trace

        costs, before = [], sys.gettrace()
        for number in (2_000, 20_000):
            lines = 0
            sys.settrace(trace)
            try:
                times_of((1 + step * at, 5 + step * at) for at in range(number))
            finally:
                sys.settrace(before)
            costs.append(lines / number)
        assert costs[1] <= 1.2 * costs[0]
