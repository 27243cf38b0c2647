"""The totals of a session, and how those of its traces and processes become one."""

from __future__ import annotations

from dataclasses import fields
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import Rollup
from otel_session_agg._model.breakdown import ROWS
from otel_session_agg._model.coverage import MOMENTS
from otel_session_agg._model.details import DETAIL_RULES, Details
from otel_session_agg._model.dimensions import Dimension
from otel_session_agg._model.growing_totals import GrowingTotals
from otel_session_agg._model.latencies import BUCKETS
from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import (
    MAX_LABELS,
    MAX_LINKS,
    MAX_TRACES,
    RULES,
    Labelled,
    LastRoot,
    Member,
    SessionTotals,
)
from otel_session_agg._model.turns import Turn
from otel_session_agg.attributes import USER_ID
from tests.support.details import DETAILS
from tests.unit.model.test_rollup import ROLLUPS

_WHOLE = st.integers(0, 2**70)
_FEW = st.integers(0, 3)
_TRACE_IDS = st.integers(1, 9) | st.integers(1, 2**128 - 1)
MEMBERS = st.builds(Member, _FEW | st.integers(0, 2**63), _TRACE_IDS, _FEW | st.integers(0, 2**64 - 1))
LABELS = st.builds(
    Labelled,
    _FEW,
    st.sampled_from(["a", "b", "", True, False, 0, 1, 1.0, 0.5])
    | st.floats(allow_nan=False)
    | st.integers(-(2**63) + 1, 2**63 - 1),
)
DIMENSIONS = st.builds(
    Dimension, _FEW, _FEW, st.sampled_from(["a", "b", True, False, 0, 1, 1.0, 0.5]) | st.integers(-(2**63) + 1, 2**63 - 1)
)
_BY_RULE = {
    "totals": ROLLUPS,
    "sum": _WHOLE,
    "max": _FEW,
    "any": st.booleans(),
    "traces": st.frozensets(_TRACE_IDS, max_size=6),
    "earliest": st.sets(MEMBERS, max_size=6).map(lambda members: tuple(sorted(members))),
    "user": st.none() | st.builds(At, _FEW, _FEW, st.sampled_from("ab")),
    "metadata": st.dictionaries(st.sampled_from("abcd"), LABELS, max_size=4),
    "dimensions": st.dictionaries(st.sampled_from(["user.id", "tenant", "a", "b"]), DIMENSIONS, max_size=4),
    "dearest": st.none() | st.builds(Turn, _FEW, _TRACE_IDS, st.none() | _FEW),
    "first": st.none() | st.builds(At, _FEW, _FEW, st.sampled_from("ab")),
    "latest": st.none() | st.builds(LastRoot, _FEW, _TRACE_IDS, st.integers(0, 2**64 - 1)),
}
TOTALS = st.builds(SessionTotals, **{name: _BY_RULE[rule.name] for name, rule in RULES.items()})


def _root(member: Member, end_ns: int, *, is_part: bool, is_sampled: bool = True) -> SessionTotals:
    """What a session root adds to its session."""
    grown = GrowingTotals()
    grown.add_root(member, end_ns, is_part=is_part, is_sampled=is_sampled)
    return grown.totals


@pytest.mark.slow
class TestMonoid:
    """Totals of a session are a commutative monoid."""

    @given(TOTALS, TOTALS)
    def test_commutative(self, a: SessionTotals, b: SessionTotals) -> None:
        """The order of what is added does not matter."""
        assert a + b == b + a

    @given(TOTALS, TOTALS, TOTALS)
    def test_associative(self, a: SessionTotals, b: SessionTotals, c: SessionTotals) -> None:
        """The grouping of what is added does not matter."""
        assert (a + b) + c == a + (b + c)

    @given(TOTALS)
    def test_identity(self, a: SessionTotals) -> None:
        """Empty totals change nothing."""
        assert a == a + SessionTotals() == SessionTotals() + a

    @given(st.lists(TOTALS, min_size=1, max_size=6), st.randoms(use_true_random=False))
    def test_any_order(self, parts: list[SessionTotals], random: Any) -> None:
        """Slots of a session may be read in whatever order they come."""
        assert reduce(add, parts) == reduce(add, random.sample(parts, len(parts)))

    @given(
        st.lists(st.tuples(st.integers(0, 90), _FEW, st.sampled_from("ab")), max_size=150),
        st.integers(1, 140),
        st.integers(1, 140),
    )
    def test_bounded_labels(self, rows: list[tuple[int, int, str]], one: int, two: int) -> None:
        """However many names come, grouped in whatever way, the same ones stay."""
        labels = [SessionTotals(metadata={f"n{name:02}": Labelled(at, value)}) for name, at, value in rows]
        low, high = sorted((one, two))
        grouped = [reduce(add, group, SessionTotals()) for group in (labels[high:], labels[:low], labels[low:high])]
        assert reduce(add, labels, SessionTotals()).metadata == reduce(add, grouped).metadata


class TestFields:
    """How each field is merged."""

    @pytest.mark.parametrize(
        ("a", "b", "expected"),
        [
            ({"num_open": 1, "more_traces": 2}, {"num_open": 3, "more_traces": 4}, {"num_open": 4, "more_traces": 6}),
            ({"num_roots": 1, "root_ns": 2}, {"num_roots": 3, "root_ns": 4}, {"num_roots": 4, "root_ns": 6}),
            ({"num_repeats": 1}, {"num_repeats": 2}, {"num_repeats": 3}),
            ({"num_parts": 1, "part_ns": 2}, {"num_parts": 3, "part_ns": 4}, {"num_parts": 4, "part_ns": 6}),
            ({"traces": frozenset({1, 2})}, {"traces": frozenset({2, 3})}, {"traces": frozenset({1, 2, 3})}),
            ({"rollup": Rollup(num_events=1)}, {"rollup": Rollup(num_events=2)}, {"rollup": Rollup(num_events=3)}),
            ({"is_budget_exceeded": True}, {}, {"is_budget_exceeded": True}),
            ({"last_began_ns": 2}, {"last_began_ns": 1}, {"last_began_ns": 2}),
            ({"user": At(2, 1, "a")}, {"user": At(1, 1, "b")}, {"user": At(1, 1, "b")}),
            ({"user": At(1, 1, "a")}, {}, {"user": At(1, 1, "a")}),
            ({"metadata": {"n": Labelled(1, "z")}}, {"metadata": {"n": Labelled(2, "a")}}, {"metadata": {"n": Labelled(2, "a")}}),
            ({"metadata": {"n": Labelled(1, "a")}}, {"metadata": {"n": Labelled(1, "z")}}, {"metadata": {"n": Labelled(1, "z")}}),
            (
                {"metadata": {"n": Labelled(1, 1)}},
                {"metadata": {"m": Labelled(0, 2)}},
                {"metadata": {"n": Labelled(1, 1), "m": Labelled(0, 2)}},
            ),
            ({"root_events": 1}, {"root_events": 2}, {"root_events": 3}),
            ({"last_root": LastRoot(2, 1, 1)}, {"last_root": LastRoot(1, 9, 9)}, {"last_root": LastRoot(2, 1, 1)}),
            ({"has_root_feedback": True}, {}, {"has_root_feedback": True}),
            (
                {"members": (Member(2, 1, 1),)},
                {"members": (Member(1, 9, 9), Member(2, 1, 1))},
                {"members": (Member(1, 9, 9), Member(2, 1, 1))},
            ),
        ],
    )
    def test_examples(self, a: dict[str, Any], b: dict[str, Any], expected: dict[str, Any]) -> None:
        """Counts are added, traces are a set, users are the first that was named, labels the latest by name."""
        assert SessionTotals(**expected) == SessionTotals(**a) + SessionTotals(**b)

    @given(TOTALS, TOTALS)
    def test_since(self, before: SessionTotals, more: SessionTotals) -> None:
        """What came since some totals, added to them, is the totals now, whatever is in them."""
        now = before + more
        assert now == before + now.since(before)

    def test_links(self) -> None:
        """Of too many members the earliest stay."""
        members = [Member(number, number + 1, 1) for number in range(2 * MAX_LINKS)]
        a, b = SessionTotals(members=tuple(members[::2])), SessionTotals(members=tuple(members[1::2]))
        assert tuple(members[:MAX_LINKS]) == (a + b).members

    def test_labels(self) -> None:
        """Of too many names those that sort first stay."""
        names = [f"n{number:03}" for number in range(2 * MAX_LABELS)]
        a, b = (SessionTotals(metadata={name: Labelled(1, name) for name in half}) for half in (names[::2], names[1::2]))
        assert names[:MAX_LABELS] == sorted((a + b).metadata)


class TestAddRoot:
    """What a session root adds to its session."""

    def test_begins_a_trace(self) -> None:
        """A root that begins a trace is a trace, a member, and has a duration."""
        expected = SessionTotals(traces=frozenset({7}), members=(Member(5, 7, 1),), num_roots=1, root_ns=7)
        assert expected == _root(Member(5, 7, 1), 12, is_part=False)

    def test_part(self) -> None:
        """One that goes on with a trace of another process has its duration apart."""
        expected = SessionTotals(traces=frozenset({7}), members=(Member(5, 7, 1),), num_parts=1, part_ns=7)
        assert expected == _root(Member(5, 7, 1), 12, is_part=True)

    def test_unsampled(self) -> None:
        """One that is not exported is no member."""
        expected = SessionTotals(traces=frozenset({7}), num_roots=1, root_ns=7, num_unsampled=1)
        assert expected == _root(Member(5, 7, 1), 12, is_part=False, is_sampled=False)

    def test_ends_before_it_starts(self) -> None:
        """Times that contradict count as no time at all."""
        assert 0 == _root(Member(5, 7, 1), 1, is_part=False).root_ns

    @pytest.mark.parametrize(("is_part", "expected"), [(False, MAX_TRACES + 2), (True, MAX_TRACES)])
    def test_too_many_traces(self, is_part: bool, expected: int) -> None:  # noqa: FBT001 -- of the table
        """Beyond the bound, roots that begin a trace are counted, and no ids are kept."""
        grown = GrowingTotals()
        for number in range(1, MAX_TRACES + 3):
            grown.add_root(Member(number, number, 1), number, is_part=is_part and number > MAX_TRACES)
        assert MAX_TRACES == len(grown.totals.traces)
        assert expected == grown.totals.num_traces

    def test_same_trace_beyond_the_bound(self) -> None:
        """A trace that is known is not counted again."""
        grown = GrowingTotals(SessionTotals(traces=frozenset(range(1, MAX_TRACES + 1))))
        grown.add_root(Member(1, 5, 1), 1, is_part=False)
        assert MAX_TRACES == grown.totals.num_traces


class TestNumTraces:
    """Traces of a session."""

    def test_over_processes(self) -> None:
        """A trace that several processes are in counts once."""
        here = _root(Member(1, 7, 1), 2, is_part=False)
        there = _root(Member(1, 7, 2), 2, is_part=True)
        assert 1 == (here + there).num_traces

    def test_more(self) -> None:
        """Those whose id is not kept count, too."""
        assert 5 == SessionTotals(traces=frozenset({1, 2}), more_traces=3).num_traces


class TestAverageTraceMs:
    """How long a trace of the session takes on average."""

    @pytest.mark.parametrize(
        ("totals", "expected"),
        [
            (SessionTotals(), None),
            (SessionTotals(num_roots=2, root_ns=5_000_000), 2.5),
            (SessionTotals(num_parts=2, part_ns=5_000_000), 2.5),
            (SessionTotals(num_roots=2, root_ns=5_000_000, num_parts=1, part_ns=10**12), 2.5),
            (SessionTotals(num_roots=1), 0.0),
        ],
    )
    def test_examples(self, totals: SessionTotals, expected: float | None) -> None:
        """Of roots that begin a trace; of parts only when no other root was seen; unknown without any."""
        assert expected == totals.average_trace_ms


_EXTREMES = ("start_ns", "end_ns", "models", "has_feedback", "output", "error", "session", "details")


class TestSince:
    """What has to be told to one who has got earlier totals."""

    @given(ROLLUPS, ROLLUPS)
    def test_restores_sums(self, before: Rollup, now: Rollup) -> None:
        """Earlier totals and the difference are the totals now, in all that is added up."""
        told = before + now.since(before)
        sums = [field.name for field in fields(Rollup) if field.name not in _EXTREMES]
        assert [getattr(now, name) or 0 for name in sums] == [getattr(told, name) or 0 for name in sums]

    @given(DETAILS, DETAILS)
    def test_restores_details(self, before: Details, now: Details) -> None:
        """So are the rows as a whole, the times and the latencies; a name may have lost its row to another."""
        told = before + now.since(before)
        for name, rule in DETAIL_RULES.items():
            expected, found = getattr(now, name), getattr(told, name)
            if rule is ROWS:
                assert expected.total == found.total
            elif rule in (MOMENTS, BUCKETS):
                assert expected == found

    @given(ROLLUPS, ROLLUPS)
    def test_what_came(self, before: Rollup, more: Rollup) -> None:
        """When something was added since, everything is as if it had been told at once."""
        now = before + more
        assert now == before + now.since(before)

    @given(ROLLUPS, ROLLUPS, ROLLUPS)
    def test_told_often(self, a: Rollup, b: Rollup, c: Rollup) -> None:
        """However often it is told in between, the result is the same."""
        told = a
        for now in (a + b, a + b + c):
            told += now.since(told)
        assert a + b + c == told

    def test_nothing_stated(self) -> None:
        """What is not stated stays not stated."""
        assert Rollup() == Rollup().since(Rollup())


class TestGrowing:
    """The same totals while they grow."""

    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(1, 99), st.booleans()), max_size=200))
    def test_as_if_added(self, roots: list[tuple[int, int, int, bool]]) -> None:
        """Roots, rollups and labels come to what adding them one by one comes to."""
        growing, expected = GrowingTotals(), SessionTotals()
        for start, trace, span, is_part in roots:
            member = Member(start, trace, span)
            growing.add_root(member, start + 5, is_part=is_part)
            expected += _root(member, start + 5, is_part=is_part)
            growing.add_rollup(Rollup(num_events=span))
            expected += SessionTotals(Rollup(num_events=span))
            growing.add_labels(SessionTotals(user=At(start, 0, "u")))
            growing.began(span)
            expected += SessionTotals(user=At(start, 0, "u"), last_began_ns=span)
        growing.exceeded()
        expected += SessionTotals(is_budget_exceeded=True)
        assert expected == growing.totals == GrowingTotals(expected).totals

    @given(
        st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2), st.sampled_from("uv"), st.booleans(), st.booleans()), max_size=9)
    )
    def test_labels(self, rows: list[tuple[int, int, str, bool, bool]]) -> None:
        """Users come to what adding them one by one comes to, also as a dimension; what is known is nothing new."""
        growing, expected = GrowingTotals(), SessionTotals()
        for time_ns, span_id, name, has_user, is_named in rows:
            labels = SessionTotals(
                user=At(time_ns, span_id, name), metadata={name: Labelled(time_ns, span_id)} if is_named else {}
            )
            more = {USER_ID: Dimension(time_ns, span_id, name)} if has_user else {}
            before = expected
            expected += SessionTotals(user=labels.user, metadata=labels.metadata, dimensions=more)
            assert growing.add_labels(labels, has_user=has_user) == (expected != before)
            assert expected == growing.totals
