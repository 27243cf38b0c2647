"""Rules about sessions that stand out."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._alerts import anomalies
from otel_session_agg._alerts.columns import Row
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.rules_file import rule
from otel_session_agg._history.history import History
from otel_session_agg._sharing.stored_sessions import StoredSession
from otel_session_agg.analysis._outliers import find_outliers
from tests.support.alerted import NOW, history_of, row, stored


def _usual(number: int = 40, **more: Any) -> list[StoredSession]:
    return [stored(f"usual{at}", cost=0.01 * (1 + at % 5), **more) for at in range(number)]


def _judged(given: dict[str, Any], history: History, *sessions: Row) -> list[Finding]:
    one = rule("r", given, {})
    normal = anomalies.normal(one, history, NOW)
    return [found for given_row in sessions if (found := anomalies.anomaly_finding(one, given_row, normal))]


class TestAnomaly:
    """What is normal, and what is not."""

    def test_same_as_reports(self) -> None:
        """It is the rule by which reports find outliers, with what is normal in the finding."""
        sessions = [*_usual(), stored("odd", cost=3.0), stored("high", cost=0.08)]
        with history_of(*sessions) as history:
            found = _judged({"anomaly": "cost"}, history, *map(row, sessions))
            reported = find_outliers(history, None, 100, ("cost",))
        assert [one.session for one in reported] == [finding.target for finding in found] == ["odd"]
        [one] = found
        assert pytest.approx(reported[0].score, abs=0.01) == one.figures["score"]
        assert pytest.approx(0.03) == one.figures["normal_median"]
        assert 42 == one.figures["normal_sessions"]
        assert one.reason.startswith("cost 3 USD, 100.0 times the median of 0.03 USD; normal is 0.00")
        assert one.figures["normal_low"] < 0.03 < one.figures["normal_high"] < 3  # type: ignore[operator]

    def test_segments(self) -> None:
        """What is normal in one segment stands out in another; small segments are not judged."""
        sessions = [
            *(stored(f"a{n}", tokens=100 + n, user="a") for n in range(30)),
            *(stored(f"b{n}", tokens=10_000 + n, user="b") for n in range(30)),
            *(stored(f"c{n}", tokens=10, user="c") for n in range(5)),
        ]
        candidates = [stored(name, tokens=10_000, user=name) for name in "abc"]
        with history_of(*sessions) as history:
            found = _judged({"anomaly": "tokens", "by": "user"}, history, *map(row, candidates))
        assert [("a", "a")] == [(one.target, one.segment) for one in found]

    def test_unknown_costs(self) -> None:
        """An unknown cost is not judged and not learned from; one that is a lower bound is found when it is high enough."""
        cheap = [stored(f"partly{n}", cost=0.000001, unpriced=1) for n in range(100)]
        candidates = [stored("unknown", cost=None), stored("bound", cost=3, unpriced=1), stored("zero", cost=0)]
        with history_of(*_usual(), *cheap) as history:
            found = _judged({"anomaly": "cost"}, history, *map(row, candidates))
        assert [("bound", 40)] == [(one.target, one.figures["normal_sessions"]) for one in found]

    def test_period(self) -> None:
        """It is learned from the period up to now only, from the sessions of the rule only."""
        old = [stored(f"old{n}", cost=3, ago=8 * 86_400) for n in range(100)]
        others = [stored(f"other{n}", cost=3, metadata={"plan": "x"}) for n in range(100)]
        odd = row(stored("odd", cost=3.0, metadata={"plan": "y"}))
        given = {"anomaly": "cost", "where": "metadata.plan = y"}
        with history_of(*_usual(metadata={"plan": "y"}), *old, *others) as history:
            assert ["odd"] == [one.target for one in _judged(given, history, odd)]
            assert [] == _judged(given, history, row(stored("odd", cost=3.0, metadata={"plan": "x"})))
