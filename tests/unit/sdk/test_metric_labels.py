"""What of metadata becomes attributes of metrics."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._sdk.metric_labels import MAX_COMBINATIONS, MAX_VALUES, OTHER, MetricLabels


class TestMetricLabels:
    """Names that are allowed, and a bounded number of values."""

    def test_names(self) -> None:
        """Only what is allowed and there."""
        assert {"metadata.plan": "pro"} == MetricLabels().of({"plan": "pro", "user": "ada"}, ("plan", "tenant"))
        assert {} == MetricLabels().of({"plan": "pro"}, ())

    def test_types(self) -> None:
        """Values are texts, truths as in JSON, none of them long."""
        labels = MetricLabels().of({"a": True, "b": 1, "c": 0.5, "d": "x" * 1000}, ("a", "b", "c", "d"))
        assert {"metadata.a": "true", "metadata.b": "1", "metadata.c": "0.5", "metadata.d": "x" * 100} == labels

    def test_values(self) -> None:
        """Beyond the bound new values are one, and known ones stay, of each name by itself."""
        labels = MetricLabels()
        for number in range(MAX_VALUES):
            labels.of({"n": number}, ("n",))
        assert {"metadata.n": OTHER} == labels.of({"n": "new"}, ("n",))
        assert {"metadata.n": "0", "metadata.m": "new"} == labels.of({"n": 0, "m": "new"}, ("n", "m"))

    @given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 300) | st.text(max_size=3)), max_size=50))
    def test_never_raises(self, sessions: list[dict[str, Any]]) -> None:
        """Whatever metadata is."""
        labels = MetricLabels()
        for metadata in sessions:
            assert {f"metadata.{name}" for name in metadata} == labels.of(metadata, ("a", "b", "c")).keys()

    def test_combinations(self) -> None:
        """Names with few values each do not multiply without bound."""
        labels = MetricLabels()
        rows = [{"a": a, "b": b} for a in range(MAX_VALUES) for b in range(MAX_VALUES)]
        found = {tuple(sorted(labels.of(row, ("a", "b")).items())) for row in rows}
        assert MAX_COMBINATIONS + 1 == len(found)
