"""What holds for all recordings, however they are put together and in whatever order their spans end."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from otel_session_agg._model.span import Kind, Reading, Usage
from tests.recording.verdict import recordings
from tests.support.folding import NOTHING, Row, Totals, folded, joined, made_cases, rows
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
    @pytest.mark.parametrize("seed", range(4))
    def test_sum_of_parts(self, seed: int, gap_ns: int) -> None:
        """Their totals are those of the traces alone, however often another scope told the same figures before."""
        chosen = Random(seed).sample(_cases(), _JOINED)  # noqa: S311 -- a repeatable choice
        apart = sum((folded(rows(case)) for case in chosen), start=NOTHING)
        assert apart == folded(joined(chosen, gap_ns))

    @pytest.mark.parametrize("seed", range(2))
    def test_below_agents(self, seed: int) -> None:
        """The same where every second trace is below an agent that states the sum of its tokens."""
        chosen = Random(seed).sample(_cases(), _JOINED)  # noqa: S311 -- a repeatable choice
        apart = [folded(rows(case)) for case in chosen]
        told, number = joined(chosen, _SECOND_NS), len(chosen) // 2
        totals = sum(apart, start=NOTHING)
        assert totals._replace(events=totals.events + number) == folded(_below_agents(told, chosen, apart))


def _below_agents(told: list[Row], cases: list[Case], totals: list[Totals]) -> list[Row]:
    """Put the spans of every second case below an agent of their own; ``told``: of all cases, in order."""
    found: list[Row] = []
    first = 0
    for index, (case, its) in enumerate(zip(cases, totals, strict=True)):
        part = told[first : first + len(case["spans"])]
        first += len(part)
        if index % 2:
            agent_id = 1_000_000 + index
            part = [(span._replace(parent_id=agent_id) if span.parent_id == 1 else span, states) for span, states in part]
            begin, end = min(span.start_ns for span, _ in part), max(span.end_ns for span, _ in part)
            agent = part[0][0]._replace(
                span_id=agent_id, parent_id=1, scope_name="agents", span_kind="INTERNAL", start_ns=begin - 1, end_ns=end + 1
            )
            tokens = (its.prompt_tokens, its.completion_tokens, its.total_tokens)
            part.append((agent, Reading(Kind.AGENT, Usage(*tokens) if any(tokens) else None)))
        found += part
    return found


_ORDERS = 4
"""Random orders of ends, beside parents first."""
BEYOND = frozenset({"h-a-1369", "h-a-1375"})
"""Recordings of more reports than a trace keeps: in a random order, those of one call end minutes apart."""


class TestOrderOfEnds:
    """Recordings whose spans all begin and then end in any order."""

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_shuffled(self, part: int) -> None:
        """The totals are a function of the set of spans."""
        changed = {case["id"] for case in _cases()[part::_PARTS] if _depends_on_order(case)}
        assert changed <= BEYOND


def _depends_on_order(case: Case) -> bool:
    told = rows(case)
    number = len(told)
    chance = Random(case["id"])  # noqa: S311 -- a repeatable choice
    orders = [sorted(range(number), key=lambda place: told[place][0].start_ns)]
    orders += [chance.sample(range(number), number) for _ in range(_ORDERS)]
    return len({folded(told), *(folded(told, order) for order in orders)}) > 1


class TestAsked:
    """Totals that are asked for while spans are open."""

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_changes_nothing(self, part: int) -> None:
        """Asking after each end, as budgets do, leaves the totals as they are."""
        cases = [case for case in _cases()[part :: 4 * _PARTS] if len(case["spans"]) <= _MOST_ASKED]
        assert [] == [case["id"] for case in cases if folded(rows(case)) != folded(rows(case), is_asked=True)]
