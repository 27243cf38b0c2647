"""What budgets are over, and the names of their accounts."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from otel_session_agg import Budget
from otel_session_agg._model.budget_scopes import (
    HOUR_NS,
    PERIODS,
    Scope,
    in_words,
    known_scope,
    owner,
    scopes,
    ttl_seconds,
    values,
)


def hour(year: int, month: int, day: int, of_day: int) -> int:
    """Hours since the Unix epoch."""
    return int(datetime(year, month, day, of_day, tzinfo=timezone.utc).timestamp()) // 3600


class TestScope:
    """``Scope``."""

    @pytest.mark.parametrize(
        ("period", "expected"),
        [
            ("hour", 'hour:2026-02-28T23:["user","ada"]'),
            ("day", 'day:2026-02-28:["user","ada"]'),
            ("month", 'month:2026-02:["user","ada"]'),
            (None, 'ever::["user","ada"]'),
        ],
    )
    def test_account(self, period: str | None, expected: str) -> None:
        """An account's name tells whose it is and when, by the calendar of UTC."""
        scope = Scope("user", period)
        assert expected == scope.account("ada", hour(2026, 2, 28, 23))
        assert (expected == scope.account("ada", hour(2026, 3, 1, 0))) == (period is None)
        assert scope.has(expected)

    def test_apart(self) -> None:
        """No two owners have the same account, whatever they are called."""
        pairs = [("a", 'b","c'), ('a","b', "c"), ("a", 1), ("a", "1"), ("a", True), ("user", "a:b"), ("user:a", "b")]
        assert len(pairs) == len({Scope(per, "day").account(value, 0) for per, value in pairs})

    @pytest.mark.parametrize("when", [-1, 0, 10**30])
    def test_any_time(self, when: int) -> None:
        """Whatever a clock says has an account."""
        for period in (*PERIODS, None):
            assert Scope("user", period).account("ada", when // HOUR_NS)

    def test_said(self) -> None:
        """Names are told to people without what a terminal would obey."""
        assert "user ada in 2026-02-28 (UTC)" == in_words(Scope("user", "day").account("ada", hour(2026, 2, 28, 1)))
        assert "plan pro" == in_words(Scope("plan", None).account("pro", 0))
        assert "\x1b" not in in_words(Scope("user", None).account("\x1b[2J", 0))

    def test_ttl(self) -> None:
        """An account is kept longer than its period lasts."""
        for period, seconds in (("hour", 3600), ("day", 86400), ("month", 31 * 86400), (None, 365 * 86400)):
            assert seconds < ttl_seconds(Scope("user", period).account("ada", 0))


class TestKnownScope:
    """``known_scope``."""

    def test_sessions(self) -> None:
        """Budgets of sessions need no accounts."""
        Budget(1)
        Budget(1, per="session")
        assert {} == scopes
        Budget(1, period="day")
        Budget(1, per="user")
        Budget(1, per="user")
        assert [Scope("session", "day"), Scope("user", None)] == list(scopes)

    @pytest.mark.parametrize("more", [{"period": "week"}, {"period": ""}, {"per": ""}, {"per": 3}])
    def test_refused(self, more: dict[str, str]) -> None:
        """What is none is refused with a sentence."""
        with pytest.raises(ValueError, match="is not allowed: use"):
            Budget(1, **more)  # type: ignore[arg-type]

    def test_bound(self) -> None:
        """There are not too many different ones."""
        for number in range(64):
            Budget(1, per=f"key{number}")
        Budget(1, per="key0")
        with pytest.raises(ValueError, match="at most 64"):
            Budget(1, per="one more")


class TestValues:
    """``values``."""

    def test_of_all(self) -> None:
        """Only what budgets are over, and only what is known."""
        for per in ("session", "user", "plan", "team"):
            known_scope(per, "day")
        assert {"session": "s", "plan": "pro"} == values("s", None, {"plan": "pro", "other": 1}.get)
        assert '["plan","pro"]' == owner("plan", "pro")
