"""The breakdown of all recordings and cases: its rows add up to the totals, whatever the order of the ends."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from otel_session_agg import Rollup
from otel_session_agg._model.breakdown import Breakdown
from otel_session_agg._model.span import Kind
from otel_session_agg._trace import verdicts
from tests.recording.verdict import recordings
from tests.support.details import swept
from tests.support.folding import Row, _totals, folded_rollup, joined, made_cases, rows
from tests.support.replay import TOKENS, Case, cases_in, load

_PARTS = [slice(part, None, 16) for part in range(16)]
"""Parts that the recordings are looked at in."""
_JOINED = 60
_SECOND_NS = 1_000_000_000


@cache
def _cases() -> list[Case]:
    own = [case for path in recordings() for case in cases_in(path)]
    return [case for case in (*made_cases(), *load("reports"), *own) if case["spans"]]


def adds_up(rollup: Rollup) -> bool:
    """Whether each breakdown adds up to the totals."""
    totals = _totals(rollup)
    whole = (
        *(getattr(totals, name) for name in TOKENS),
        totals.cost_pusd,
        rollup.num_computed + rollup.num_recorded,
        totals.unpriced,
    )
    sums = [_figures(rows) for rows in (rollup.by_model, rollup.by_agent, rollup.by_tool)]
    calls = rollup.by_model.total
    return (
        sums == [whole] * 3
        and calls == rollup.by_agent.total
        and rollup.num_model_events <= calls.num_calls
        and rollup.num_tool_events == rollup.by_tool.total.num_calls
        and set(rollup.models) <= {*rollup.by_model}
    )


def _figures(rows: Breakdown) -> tuple[int, ...]:
    return tuple(rows.total)[2:11]


def _model_times(told: list[Row]) -> list[tuple[int, int]]:
    """When the model calls ran that count, by the verdict on each span."""
    by_id = {span.span_id: (span, reading) for span, reading in told}
    found = [by_id[one.span_id] for one in verdicts(told) if one.counts and one.model_events]
    return [
        (span.start_ns, span.end_ns)
        for span, reading in found
        if reading.kind is Kind.MODEL and not reading.ends_early and span.start_ns < span.end_ns
    ]


class TestRows:
    """Rows by model, by agent and by tool."""

    @pytest.mark.parametrize("part", _PARTS)
    def test_add_up(self, part: slice) -> None:
        """They add up to the totals exactly."""
        assert [] == [case["id"] for case in _cases()[part] if not adds_up(folded_rollup(rows(case)))]

    @pytest.mark.parametrize("seed", range(4))
    def test_of_many(self, seed: int) -> None:
        """So they do where calls are added up for good while agents above them are open, and more names than rows."""
        told = joined(Random(seed).sample(_cases(), _JOINED), _SECOND_NS)  # noqa: S311 -- a repeatable choice
        assert adds_up(folded_rollup(told))
        assert adds_up(folded_rollup(told, is_asked=True))


class TestOrder:
    """The order in which spans end."""

    @pytest.mark.parametrize("part", _PARTS)
    def test_shuffled(self, part: slice) -> None:
        """It does not matter, for rows, times and latencies."""
        changed: list[str] = []
        for case in _cases()[part]:
            told = rows(case)
            orders = [range(len(told)), Random(case["id"]).sample(range(len(told)), len(told))]  # noqa: S311 -- repeatable
            details = {folded_rollup(told, order).details for order in orders}
            if details != {folded_rollup(told).details}:
                changed.append(case["id"])
        assert set(changed) <= BEYOND


BEYOND = frozenset({"h-a-1369", "h-a-1375"})
"""Recordings of more reports than a trace keeps."""


class TestTimes:
    """Durations."""

    @pytest.mark.parametrize("part", _PARTS)
    def test_swept(self, part: slice) -> None:
        """They are what going along the spans finds."""
        wrong: list[str] = []
        for case in _cases()[part]:
            told = rows(case)
            if case["id"] in BEYOND or any(reading.ends_early for _, reading in told):
                continue
            rollup = folded_rollup(told)
            tools = [
                (span.start_ns, span.end_ns)
                for span, reading in told
                if reading.kind is Kind.TOOL and span.start_ns < span.end_ns
            ]
            expected = [swept(_model_times(told))[0] / 1e6, swept(tools)[0] / 1e6]
            if expected != [rollup.model_duration_ms or 0, rollup.tool_duration_ms or 0] or not rollup.are_durations_exact:
                wrong.append(case["id"])
        assert [] == wrong
