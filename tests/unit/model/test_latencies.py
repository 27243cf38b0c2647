"""Quantiles of durations."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._model.latencies import (
    LONGEST_NS,
    MAX_BUCKET,
    MIN_BUCKET,
    RELATIVE_ERROR,
    SHORTEST_NS,
    Latencies,
    bucket_of,
)
from tests.support.details import LATENCIES


class TestLatencies:
    """Counts in buckets."""

    @given(st.lists(st.integers(SHORTEST_NS, LONGEST_NS), min_size=1, max_size=200), st.floats(0, 1))
    def test_error(self, durations: list[int], quantile: float) -> None:
        """A quantile is right to its relative error."""
        found = Latencies.of(durations).quantile_ms(quantile)
        true = sorted(durations)[max(0, ceil(quantile * len(durations)) - 1)] / 1e6
        assert found == pytest.approx(true, rel=RELATIVE_ERROR * 1.001)

    @pytest.mark.parametrize(("quantile", "seconds"), [(0.0, 1), (0.5, 1), (0.51, 30), (0.95, 30), (0.99, 30), (1.0, 30)])
    def test_of_two(self, quantile: float, seconds: int) -> None:
        """Of few calls the high quantiles are the longest."""
        found = Latencies.of([30 * 10**9, 10**9]).quantile_ms(quantile)
        assert found == pytest.approx(seconds * 1000, rel=RELATIVE_ERROR)

    @given(LATENCIES, LATENCIES, LATENCIES)
    def test_any_order(self, a: Latencies, b: Latencies, c: Latencies) -> None:
        """Neither the order nor the grouping of what is added matters."""
        assert (a + b) + c == a + (b + c) == c + a + b
        assert a == a + Latencies() == Latencies() + a

    @given(LATENCIES, LATENCIES)
    def test_since(self, before: Latencies, more: Latencies) -> None:
        """What is new can be added to what was before, also if it is less."""
        assert before + more == before + (before + more).since(before)
        assert before == before + more + before.since(before + more)

    def test_bounds(self) -> None:
        """There are at most about a thousand buckets, whatever the durations are."""
        assert (MIN_BUCKET, MAX_BUCKET) == (bucket_of(-5), bucket_of(10**30))
        assert 1100 > MAX_BUCKET - MIN_BUCKET

    @given(LATENCIES, st.lists(st.floats(0, 1), max_size=4).map(sorted))
    def test_several(self, latencies: Latencies, quantiles: list[float]) -> None:
        """Several quantiles at once are those asked for one by one."""
        one_by_one = [latencies.quantile_ms(quantile) for quantile in quantiles]
        assert [ms for ms in one_by_one if ms is not None] == latencies.quantiles_ms(quantiles)

    def test_none(self) -> None:
        """Without calls there is no quantile."""
        assert Latencies().quantile_ms(0.5) is None
        assert 0 == Latencies().num_calls
