"""What holds for the verdicts on all recordings and on any reports: one for each, and the winners' figures are the totals."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._trace import Verdict, verdicts
from otel_session_agg._trace.call import reports_call
from otel_session_agg._trace.verdicts import calls_of
from tests.laws.test_laws import _price, _read, _reference, _Span, trees
from tests.laws.test_recorded_laws import _cases
from tests.support.folding import Row, folded, rows
from tests.support.verdicts import call_totals, used

_PARTS = 8
"""Parts that all recordings are looked at in."""
_SHUFFLES = 5


def _by_span(told: list[Row]) -> dict[int, Verdict]:
    return {one.span_id: one for one in verdicts(told)}


class TestRecordings:
    """All recordings, and what is like them."""

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_one_for_each(self, part: int) -> None:
        """Every span that reports a call has exactly one verdict: it counts, or another one does by a rule."""
        for case in _cases()[part::_PARTS]:
            told = rows(case)
            found = verdicts(told)
            by_span = {one.span_id: one for one in found}
            assert [span.span_id for span, reading in told if reports_call(reading)] == [one.span_id for one in found], case["id"]
            for one in found:
                assert one.lost_to is not None or one.counts, case["id"]
                assert one.lost_to is None or one.usage is None, case["id"]
                assert (one.rule is None) == (one.lost_to is None), case["id"]
                assert one.counts or (one.model_events, one.usage) == (0, None), case["id"]
                assert one.counts or _winner(one, by_span).counts, case["id"]

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_sum(self, part: int) -> None:
        """The figures of those that count are the totals of the trace."""
        for case in _cases()[part::_PARTS]:
            told = rows(case)
            found, totals = verdicts(told), folded(told)
            usages = [one.usage for one in found if one.usage is not None]
            summed = [sum(tokens or 0 for tokens in column) for column in zip(*usages, strict=True)] or [0] * len(Usage._fields)
            assert totals.winners == len(usages), case["id"]
            assert totals.model_events == sum(one.model_events for one in found), case["id"]
            assert totals[2:7] == tuple(summed[:5]), case["id"]
            assert totals.reasoning_tokens == summed[6], case["id"]

    @pytest.mark.parametrize("part", range(_PARTS))
    def test_order(self, part: int) -> None:
        """The order in which spans end shows nowhere: parents first, or any other."""
        for case in _cases()[part::_PARTS]:
            told, random = rows(case), Random(case["id"])  # noqa: S311 -- a repeatable choice
            found = _by_span(told)
            orders = [sorted(told, key=lambda row: row[0].start_ns), *(random.sample(told, len(told)) for _ in range(_SHUFFLES))]
            assert all(found == _by_span(order) for order in orders), case["id"]


def _winner(one: Verdict, by_span: dict[int, Verdict]) -> Verdict:
    """Follow a chain of losers; it ends."""
    for _ in by_span:
        if one.counts or one.lost_to is None:
            break
        one = by_span[one.lost_to]
    return one


class TestTrees:
    """Generated trees of one scope, against the reference of the laws."""

    @settings(max_examples=25 * settings().max_examples)
    @given(trees(), st.randoms(use_true_random=False))
    def test_reference(self, spans: list[_Span], random: Any) -> None:
        """Any tree, handed in in any order and with any end times, has the totals of the reference."""
        ends = random.sample([span.end_ns for span in spans], len(spans))
        told = [(span.data()._replace(end_ns=end_ns), _read(span.data())) for span, end_ns in zip(spans, ends, strict=True)]
        calls = calls_of(random.sample(told, len(told)))
        totals = call_totals(calls)
        cost = sum(_price(call) for call in calls.values() if call.stands and call.usage_counts)
        got = (totals.num_models, totals.prompt_tokens, totals.completion_tokens, cost, totals.winners)
        _, models, _, prompt, completion, expected, winners, _, _ = _reference(spans)
        assert (models, prompt, completion, expected, winners) == got


_USAGES = st.none() | st.sampled_from(
    [
        used(100, 10),
        used(100, 10, 40),
        used(60, 10),
        used(60, 10, 40),
        used(100, 1),
        Usage(100, 25, 125, reasoning_tokens=15),
        Usage(0, 0, 0),
        Usage(7, None, 7),
    ]
)
_SELDOM = st.sampled_from([False, False, False, True])


@st.composite
def _reports(draw: st.DrawFn) -> list[Row]:
    """Spans of three scopes that report whatever they can, in trees and in rings."""
    number = draw(st.integers(1, 8))
    return [_report(draw, span_id, draw(st.integers(1, number + 1))) for span_id in range(2, number + 2)]


def _report(draw: st.DrawFn, span_id: int, parent_id: int) -> Row:
    start, length = draw(st.tuples(st.integers(0, 20), st.integers(0, 20)))
    kind = draw(st.sampled_from([Kind.MODEL] * 4 + list(Kind)))
    scope, span_kind = draw(st.sampled_from("abc")), draw(st.sampled_from(["INTERNAL", "SERVER"]))
    span = SpanData("s", 1, span_id, parent_id, span_kind, scope, "", start * 10**6, (start + length) * 10**6, {})
    return span, Reading(
        kind,
        draw(_USAGES),
        response_model=draw(st.sampled_from([None, "gpt-4o", "gpt-4o-2024", "claude"])),
        response_id=draw(st.sampled_from([None, None, "r", "q"])),
        recorded_pusd=draw(st.sampled_from([None, None, 5])),
        error=draw(st.sampled_from([None, None, "error"])),
        num_calls=draw(st.sampled_from([0, 0, 2])) if kind is Kind.AGENT else 0,
        ends_early=draw(_SELDOM),
        unsure_output=draw(_SELDOM),
        unsure_usage=draw(_SELDOM),
        misplaced=draw(_SELDOM),
        is_billed=kind is not Kind.MODEL and draw(st.booleans()),
    )


class TestAnything:
    """Whatever spans report."""

    @settings(max_examples=5 * settings().max_examples)
    @given(_reports(), st.randoms(use_true_random=False))
    def test_order(self, told: list[Row], random: Any) -> None:
        """The verdicts are a function of the set of spans."""
        assert _by_span(told) == _by_span(random.sample(told, len(told)))

    @settings(max_examples=5 * settings().max_examples)
    @given(_reports())
    def test_nothing_is_lost(self, told: list[Row]) -> None:
        """What loses is lost to what counts, and what counts has something to count."""
        calls = calls_of(told)
        losers = Counter(call.lost_to is not None for call in calls.values())
        assert losers[True] < len(calls) or not calls
        for call in calls.values():
            winner = call.winner()
            assert winner.stands
            assert winner.usage_counts or winner.model_events or winner.silent or winner.recorded_pusd is not None
