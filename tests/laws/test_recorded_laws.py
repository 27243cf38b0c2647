"""What holds for all recordings, however they are put together and in whatever order their spans end."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from tests.recording.verdict import recordings
from tests.support.folding import NOTHING, folded, joined, made_cases, rows
from tests.support.replay import Case, cases_in

_JOINED = 150
"""Traces that are joined: more calls than a trace keeps."""
_SECOND_NS = 1_000_000_000
_PARTS = 8
"""Parts that all recordings are looked at in."""
_MOST_ASKED = 100
"""Spans of a trace whose totals are asked for after each of them."""


@cache
def _cases() -> list[Case]:
    """All recordings, and what is like them."""
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *own) if case["spans"]]


class TestJoined:
    """Recorded traces one after the other below one root."""

    @pytest.mark.parametrize("gap_ns", [_SECOND_NS, 3600 * _SECOND_NS], ids=["a second apart", "an hour apart"])
    @pytest.mark.parametrize("seed", range(12))
    def test_sum_of_parts(self, seed: int, gap_ns: int) -> None:
        """Their totals are those of the traces alone, however often another scope told the same figures before."""
        chosen = Random(seed).sample(_cases(), _JOINED)  # noqa: S311 -- a repeatable choice
        apart = sum((folded(rows(case)) for case in chosen), start=NOTHING)
        assert apart == folded(joined(chosen, gap_ns))


_ORDERS = 5
"""Random orders of ends, beside parents first."""
BEYOND = frozenset({"h-a-1369", "h-a-1375"})
"""Recordings of more reports than a trace keeps: in a random order, those of one call end minutes apart."""


class TestOrderOfEnds:
    """Recordings whose spans all begin and then end in any order."""

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_shuffled(self, part: int) -> None:
        """The totals are a function of the set of spans."""
        changed = {case["id"] for case in _cases()[part::_PARTS] if _depends_on_order(case, 1)}
        assert changed <= BEYOND

    @pytest.mark.slow
    @pytest.mark.parametrize("part", range(_PARTS))
    def test_shuffled_often(self, part: int) -> None:
        """The same for many orders."""
        changed = {case["id"] for case in _cases()[part::_PARTS] if _depends_on_order(case, _ORDERS)}
        assert changed <= BEYOND


def _depends_on_order(case: Case, number_of_orders: int) -> bool:
    told = rows(case)
    number = len(told)
    chance = Random(case["id"])  # noqa: S311 -- a repeatable choice
    orders = [sorted(range(number), key=lambda place: told[place][0].start_ns)]
    orders += [chance.sample(range(number), number) for _ in range(number_of_orders)]
    return len({folded(told), *(folded(told, order) for order in orders)}) > 1


class TestAsked:
    """Totals that are asked for while spans are open."""

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_changes_nothing(self, part: int) -> None:
        """Asking after each end, as budgets do, leaves the totals as they are."""
        cases = [case for case in _cases()[part :: 4 * _PARTS] if len(case["spans"]) <= _MOST_ASKED]
        assert [] == [case["id"] for case in cases if folded(rows(case)) != folded(rows(case), is_asked=True)]
