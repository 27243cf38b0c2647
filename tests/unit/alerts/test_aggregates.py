"""Rules about figures of many sessions: against a limit, and against the period before."""

from __future__ import annotations

from typing import Any

import pytest

from otel_session_agg._alerts import aggregates
from otel_session_agg._alerts.finding import Finding
from otel_session_agg._alerts.rules_file import rule
from otel_session_agg._sharing.stored_sessions import StoredSession
from tests.support.alerted import NOW, history_of, stored

_HOUR = 3600.0


def _found(given: dict[str, Any], *sessions: StoredSession, now: float = NOW) -> list[Finding]:
    with history_of(*sessions) as history:
        return aggregates.findings(rule("r", given, {}), history, now)


def _spread(prefix: str, seconds: range, ago: float = 60.0, **more: Any) -> list[StoredSession]:
    return [stored(f"{prefix}{number}", seconds=number, ago=ago, **more) for number in seconds]


class TestLimit:
    """A figure is beyond a limit."""

    def test_percentile_by_segment(self) -> None:
        """Each segment by itself, with the sessions that did most of it; what ended before the period does not count."""
        sessions = [
            *_spread("slow", range(1, 41), dimensions={"service.name": "checkout"}),
            *_spread("fast", range(1, 11), dimensions={"service.name": "search"}),
            *_spread("old", range(100, 140), ago=_HOUR + 1, dimensions={"service.name": "search"}),
        ]
        [found] = _found({"aggregate": "p95(duration) > 20 s", "by": "service.name", "min_sessions": 10}, *sessions)
        assert ("checkout", "checkout", "p95(duration) 38.0 s (above 20.0 s) in 1 h (40 sessions)") == (
            found.target, found.segment, found.reason,
        )  # fmt: skip
        assert {"value": pytest.approx(38_050), "sessions": 40, "unknown": 0} == found.figures
        assert ("slow40", "slow39", 20) == (*found.sessions[:2], len(found.sessions))
        assert int(NOW * 10**9) == found.time_ns

    def test_reserved_segment(self) -> None:
        """A segment that is called as what has none is one of its own, and is named so that both can be told apart."""
        sessions = [
            *_spread("s", range(30, 34), dimensions={"service.name": "none"}),
            *_spread("t", range(30, 33)),
        ]
        found = _found({"aggregate": "p95(duration) > 20 s", "by": "service.name", "min_sessions": 3}, *sessions)
        assert [('"none"', 4), ("none", 3)] == [(one.segment, one.figures["sessions"]) for one in found]

    def test_minimum(self) -> None:
        """With fewer sessions nothing is found."""
        sessions = _spread("s", range(30, 49))
        assert [] == _found({"aggregate": "p95(duration) > 20 s", "min_sessions": 20}, *sessions)
        assert 1 == len(_found({"aggregate": "p95(duration) > 20 s", "min_sessions": 19}, *sessions))

    def test_event_time(self) -> None:
        """A session belongs to the hour in which it ended, whatever the clock says; the future is not looked at."""
        sessions = [stored("a", seconds=30, ago=0.5), stored("b", seconds=30, ago=-5), stored("c", seconds=30, ago=_HOUR + 1)]
        [found] = _found({"aggregate": "count() >= 1"}, *sessions)
        assert ("a",) == found.sessions
        [found] = _found({"aggregate": "count() >= 1"}, *sessions, now=NOW - _HOUR)
        assert ("c",) == found.sessions

    def test_where(self) -> None:
        """Only sessions that meet the condition are in it."""
        sessions = [stored("a", user="x"), stored("b", user="y")]
        [found] = _found({"aggregate": "count() > 0", "where": "user = y"}, *sessions)
        assert ("b",) == found.sessions

    def test_unknown_costs(self) -> None:
        """A sum is a lower bound: found above a limit, never below it; averages leave out what is not known."""
        sessions = [stored("a", cost=3), stored("b", cost=3, unpriced=1), stored("c", cost=None)]
        [found] = _found({"aggregate": "sum(cost) > 5"}, *sessions)
        assert "sum(cost) 6 USD (above 5 USD) in 1 h (3 sessions, of 2 not all is known)" == found.reason
        assert [] == _found({"aggregate": "sum(cost) < 10"}, *sessions)
        assert [] == _found({"aggregate": "avg(cost) < 2"}, stored("a", cost=None), stored("b", cost=1, unpriced=1))
        [found] = _found({"aggregate": "avg(cost) < 4"}, *sessions)
        assert {"value": 3.0, "sessions": 3, "unknown": 2} == found.figures

    def test_share(self) -> None:
        """A share in percent, of those of which it is known, with the sessions for which it holds."""
        sessions = [*(stored(f"fine{n}") for n in range(3)), stored("bad", errors=2)]
        [found] = _found({"aggregate": "share(errors > 0) > 20 %"}, *sessions)
        assert (("bad",), 25.0) == (found.sessions, found.figures["value"])
        assert [] == _found({"aggregate": "share(errors > 0) > 25 %"}, *sessions)
        [found] = _found({"aggregate": "share(cost > 0.1) < 50 %"}, stored("a", cost=0.01), stored("b", cost=None))
        assert {"value": 0.0, "sessions": 2, "unknown": 1} == found.figures

    def test_nothing(self) -> None:
        """No session at all is a count of 0, and no average."""
        [found] = _found({"aggregate": "count() < 1"})
        assert ("", "count() 0 (below 1) in 1 h (0 sessions)") == (found.target, found.reason)
        assert [] == _found({"aggregate": "avg(duration) < 1 s"})
        assert [] == _found({"aggregate": "sum(cost) < 1"})

    @pytest.mark.parametrize(
        ("figure", "value"),
        [("sum", 6_000), ("avg", 2_000), ("median", 2_000), ("min", 1_000), ("max", 3_000), ("p50", 2_000), ("p90", 2_800)],
    )
    def test_figures(self, figure: str, value: float) -> None:
        """Each is what its name says."""
        [found] = _found({"aggregate": f"{figure}(duration) > 1 ms"}, *_spread("s", range(1, 4)))
        assert pytest.approx(value) == found.figures["value"]


class TestDrift:
    """A figure against the period before."""

    def _days(self, before: float | None, after: float | None, number: int = 20) -> list[StoredSession]:
        earlier = [stored(f"b{n}", cost=before, ago=1.5 * _HOUR) for n in range(number)]
        later = [stored(f"a{n}", cost=after, ago=0.5 * _HOUR) for n in range(number)]
        return [*earlier, *later]

    def test_rise(self) -> None:
        """In percent, with both figures."""
        [found] = _found({"drift": "avg(cost) > +30 %", "over": "1 h"}, *self._days(0.10, 0.15))
        assert "avg(cost) +50.0% (above +30.0%): 0.15 USD in 1 h (20 sessions), 0.1 USD before (20 sessions)" == found.reason
        assert pytest.approx(50) == found.figures["change_percent"]
        assert [] == _found({"drift": "avg(cost) > +30 %", "over": "1 h"}, *self._days(0.10, 0.12))
        assert [] == _found({"drift": "avg(cost) < -30 %", "over": "1 h"}, *self._days(0.10, 0.15))

    def test_sample(self) -> None:
        """Both periods need enough sessions."""
        assert [] == _found({"drift": "avg(cost) > +30 %", "over": "1 h"}, *self._days(0.10, 0.15, 19))

    def test_unknown_costs(self) -> None:
        """From or to a cost that is not known there is no change; nor from 0."""
        given = {"drift": "sum(cost) > +30 %", "over": "1 h", "min_sessions": 1}
        old = stored("old", ago=3 * _HOUR)
        assert [] == _found(given, old, *self._days(None, 0.15))
        assert [] == _found(given, old, *self._days(0, 0.15))
        partly = stored("partly", cost=1, unpriced=1, ago=1.5 * _HOUR)
        assert [] == _found(given, old, partly, *self._days(0.10, 0.15))
        now_partly = stored("partly", cost=1, unpriced=1, ago=0.5 * _HOUR)
        assert 1 == len(_found(given, old, now_partly, *self._days(0.10, 0.15)))

    def test_silence(self) -> None:
        """Sessions that stop coming are a fall by 100 %, in a segment, too."""
        before = [stored(f"b{n}", ago=1.5 * _HOUR, dimensions={"service.name": "x"}) for n in range(20)]
        given = {"drift": "count() < -50 %", "over": "1 h", "by": "service.name"}
        [found] = _found(given, stored("old", ago=3 * _HOUR), *before)
        assert ("x", -100.0) == (found.target, found.figures["change_percent"])

    def test_beginning(self) -> None:
        """What began in the period before is not compared where it adds up: it is not all there."""
        assert [] == _found({"drift": "count() > +10 %", "over": "1 h", "min_sessions": 1}, *self._days(1, 1), stored("more"))
        later = [stored("old", ago=3 * _HOUR), *self._days(1, 1), *(stored(f"m{n}") for n in range(10))]
        assert 1 == len(_found({"drift": "count() > +10 %", "over": "1 h", "min_sessions": 1}, *later))
