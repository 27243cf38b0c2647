"""When something ran."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.coverage import MAX_STEPS, NO_TIME, Coverage, sum_of_times
from tests.support.details import COVERAGES, INTERVALS, swept

_DISJOINT = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=40, max_size=90)
"""Gaps and lengths, one after the other."""


def _in_turn(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found, at = [], 1000
    for gap, length in pairs:
        found.append((at + gap, at + gap + length))
        at += gap + length
    return found


class TestCoverage:
    """The number of things that ran at each moment."""

    @given(st.lists(INTERVALS, max_size=60))
    def test_swept(self, intervals: list[tuple[int, int]]) -> None:
        """What ran at once counts once, whatever lies in, over or beside what."""
        found = Coverage.of(intervals)
        assert swept(intervals) == (found.covered_ns, found.longest_gap_ns)
        assert found.is_exact

    @pytest.mark.parametrize("first_ns", [0, 2**63 - 6, 2**63, 2**64])
    def test_beyond_any_clock(self, first_ns: int) -> None:
        """Times that need more than 64 bits are kept like others; equal ones have equal hashes."""
        intervals = [(first_ns + 2 * at, first_ns + 2 * at + 1) for at in range(5)]
        whole, parts = Coverage.of(intervals), [Coverage.of([one]) for one in intervals]
        assert whole == reduce(add, parts) == sum_of_times(parts)
        assert hash(whole) == hash(reduce(add, parts))
        assert (5, 1) == (whole.covered_ns, whole.longest_gap_ns)
        assert [*whole.times_ns] == [time_ns for interval in intervals for time_ns in interval]
        assert parts[-1] == whole.since(reduce(add, parts[:-1]))

    @given(COVERAGES, COVERAGES, COVERAGES)
    def test_any_order(self, a: Coverage, b: Coverage, c: Coverage) -> None:
        """Neither the order nor the grouping of what is added matters."""
        assert (a + b) + c == a + (b + c) == c + a + b
        assert a == a + NO_TIME == NO_TIME + a

    @given(COVERAGES, COVERAGES, COVERAGES)
    def test_since(self, before: Coverage, more: Coverage, rest: Coverage) -> None:
        """What is new can be added to anything that contains what was before, also if it is less."""
        now = before + more
        assert rest + now == rest + before + now.since(before)
        assert rest + before == rest + now + before.since(now)

    @given(_DISJOINT, st.integers(1, 60))
    def test_many(self, pairs: list[tuple[int, int]], size: int) -> None:
        """Of very many things that ran one after the other the time is exact, in bounded memory."""
        intervals = _in_turn(pairs)
        parts = [Coverage.of(intervals[at : at + size]) for at in range(0, len(intervals), size)]
        found = reduce(add, parts)
        assert swept(intervals) == (found.covered_ns, found.longest_gap_ns)
        assert found.is_exact
        assert len(found.steps) <= MAX_STEPS

    @given(_DISJOINT, st.integers(0, 39))
    def test_corrected(self, pairs: list[tuple[int, int]], at: int) -> None:
        """What is new in very many is added exactly, if it begins after what is settled."""
        intervals = _in_turn(pairs)
        before, now = Coverage.of(intervals[:-at]), Coverage.of(intervals)
        assert now.covered_ns == (before + now.since(before)).covered_ns

    @given(_DISJOINT, st.integers(1, 60))
    def test_at_once(self, pairs: list[tuple[int, int]], size: int) -> None:
        """To add many at once is the same as one after the other."""
        intervals = _in_turn(pairs)
        parts = [Coverage.of(intervals[at : at + size]) for at in range(0, len(intervals), size)]
        assert reduce(add, parts) == sum_of_times(parts) == sum_of_times([sum_of_times(parts[:2]), *parts[2:]])

    @given(st.permutations(range(4)), _DISJOINT)
    def test_parts_in_any_order(self, order: list[int], pairs: list[tuple[int, int]]) -> None:
        """Where it is said that the time is exact it is, whichever of large parts comes first."""
        intervals = _in_turn(pairs)
        size = len(intervals) // 4 + 1
        found = reduce(add, [Coverage.of(intervals[at * size : (at + 1) * size]) for at in order])
        expected = swept(intervals)
        assert not found.is_exact or expected == (found.covered_ns, found.longest_gap_ns)
        assert expected[0] == found.covered_ns

    @given(_DISJOINT, _DISJOINT, st.integers(0, 10**4))
    def test_at_the_same_time(self, one: list[tuple[int, int]], other: list[tuple[int, int]], later: int) -> None:
        """Of two large parts that ran at once it is said that the time is not exact, unless it is."""
        first = _in_turn(one)
        second = [(start + later, end + later) for start, end in _in_turn(other)]
        found = Coverage.of(first) + Coverage.of(second)
        assert not found.is_exact or swept([*first, *second]) == (found.covered_ns, found.longest_gap_ns)
        assert not (Coverage.of(first) + Coverage.of(first)).is_exact

    def test_too_late(self) -> None:
        """What is added to a time that is settled counts in full, and it is said so."""
        intervals = _in_turn([(10, 10)] * 100)
        found = Coverage.of(intervals) + Coverage.of([(1000, 1030)])
        assert (1000 + 30, False) == (found.covered_ns, found.is_exact)

    def test_before_all(self) -> None:
        """What began before is settled with the part that is before."""
        intervals = [(0, 10**6), *_in_turn([(10, 10)] * 100)]
        assert (10**6, True) == (Coverage.of(intervals).covered_ns, Coverage.of(intervals).is_exact)
