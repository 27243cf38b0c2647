"""The details of totals in a store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from otel_session_agg._model.breakdown import MAX_NAME_CHARS, MAX_ROWS, Breakdown, BreakdownRow
from otel_session_agg._model.coverage import Coverage
from otel_session_agg._model.details import NO_DETAILS, Details
from otel_session_agg._model.latencies import Latencies
from otel_session_agg._sharing.details_form import details_in, details_out
from tests.support.details import DETAILS

_MANY = [(at, at + 5) for at in range(0, 1000, 10)]


class TestRoundTrip:
    """What is written is read as it was."""

    @given(DETAILS)
    def test_any(self, details: Details) -> None:
        """Through JSON, whatever they are."""
        assert details == details_in(json.loads(json.dumps(details_out(details))))

    @pytest.mark.parametrize(
        ("details", "expected"),
        [
            (NO_DETAILS, {}),
            (Details(by_tool=Breakdown({"t": BreakdownRow(1, 0, 5)})), {"by_tool": {"t": [1, 0, 5]}}),
            (Details(model_time=Coverage.of([(1, 4), (6, 9)])), {"model_time": [[1, 1, 3, -1, 2, 1, 3, -1]]}),
            (Details(latencies=Latencies(((700, 2), (703, 1)))), {"latencies": [700, 2, 3, 1]}),
            (Details(model_time=Coverage((), (), 500, 7, 0, is_exact=False)), {"model_time": [[], 500, 7, 0, 0]}),
        ],
    )
    def test_form(self, details: Details, expected: dict[str, Any]) -> None:
        """It is short: differences, no names of fields, no zeros at the end."""
        assert expected == details_out(details)
        assert details == details_in(expected)

    def test_size(self) -> None:
        """A session of a hundred turns with three models, five agents and eight tools takes a few kilobytes more."""
        row = BreakdownRow(12, 1, 120_000, 12_000, 132_000, 50_000, 1000, 500, 123_456_789_012, 12, 0, 12_000_000_000)
        tool = BreakdownRow(12, 1, duration_ns=12_000_000_000)
        rows = Breakdown({f"some-model-name-{number:03}": row for number in range(5)})
        tools = Breakdown({f"some-tool-name-{number:03}": tool for number in range(8)})
        time = Coverage.of([(at, at + 1_234_567_890) for at in range(10**18, 10**18 + 10**12, 10**10)])
        latencies = Latencies.of(range(10**8, 10**10, 10**8))
        full = Details(rows, rows, tools, time, time, time, latencies)
        assert 4_000 > len(json.dumps(details_out(full), separators=(",", ":")))


class TestMalformed:
    """What no process writes is refused."""

    @pytest.mark.parametrize(
        "row",
        [
            None, [], "", 1, {"x": 1}, {"by_model": []}, {"by_model": {"a": 1}}, {"by_model": {"a": [1.0]}}, {"by_model": {"a": [True]}},
            {"by_model": {"a": [1] * 99}}, {"by_model": {"a": [10**31]}}, {"by_model": {"a" * (MAX_NAME_CHARS + 1): [1]}},
            {"by_model": {str(number): [1] for number in range(MAX_ROWS + 3)}},
            {"model_time": 1}, {"model_time": []}, {"model_time": [[1]]}, {"model_time": [[1, 0]]}, {"model_time": [[-1, 1]]},
            {"model_time": [[1, 1, 0, -1]]}, {"model_time": [[1, 1, -1, -1]]}, {"model_time": [[2**64, 1]]}, {"model_time": [[], 1, -1]},
            {"model_time": [[], 1, 1, -1]}, {"model_time": [[], 1, 1, 1, 1, -1]}, {"model_time": [[], 1, 1, 1, 1, 1, 1]}, {"model_time": [[1, 1] * 1000]},
            {"by_dimension": []}, {"by_dimension": {"t": []}}, {"by_dimension": {"t" * (MAX_NAME_CHARS + 1): {}}},
            {"by_dimension": {str(number): {} for number in range(99)}},
            {"latencies": [1, 1]}, {"latencies": [10**6, 1]}, {"latencies": [700]}, {"latencies": {}}, {"first_token": [1, 2]},
            {"first_token": [1, 2, -3]}, {"first_token": 5}, {"first_answer_ns": -1}, {"first_answer_ns": "1"}, {"first_answer_ns": None},
        ],
    )  # fmt: skip
    def test_refused(self, row: Any) -> None:
        """Other types, numbers out of bounds, more than is ever kept."""
        with pytest.raises((ValueError, TypeError)):
            details_in(row)

    def test_many_steps(self) -> None:
        """What was settled is read as it was."""
        time = Coverage.of(_MANY)
        assert time == details_in(details_out(Details(model_time=time))).model_time
