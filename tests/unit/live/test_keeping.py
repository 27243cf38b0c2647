"""Since when sessions are kept."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from otel_session_agg._live.keeping import Keeping

_DAY = 86_400.0
_NOW = 1_790_000_000.0


class _Clocks:
    """A clock that is set, and the time that passes."""

    def __init__(self) -> None:
        self.unix, self.passed = _NOW, 500.0
        self.keeping = Keeping(30, lambda: self.unix, lambda: self.passed)

    def go_on(self, seconds: float) -> None:
        self.unix += seconds
        self.passed += seconds

    def kept_days(self) -> float:
        """For how many days sessions are kept, by the time that has really passed."""
        since = self.keeping.since()
        assert since is not None
        now = datetime.fromtimestamp(_NOW + self.passed - 500.0, timezone.utc)
        return (now - since) / timedelta(days=1)


class TestKeeping:
    """With a clock that goes right, and one that is set."""

    def test_right(self) -> None:
        """A clock that goes on, and drifts by some minutes a day."""
        clocks = _Clocks()
        for _ in range(100):
            clocks.go_on(_DAY)
            clocks.unix += 300
            assert abs(clocks.kept_days() - 30) < 0.4

    def test_all(self) -> None:
        """All are kept."""
        assert Keeping(None, lambda: _NOW, lambda: 0.0).since() is None

    def test_put_forward(self) -> None:
        """A clock that is a year ahead deletes nothing that is not old, and is put right within the day."""
        clocks = _Clocks()
        clocks.unix += 365 * _DAY
        for _ in range(23):
            assert clocks.kept_days() == 30
            clocks.go_on(3600)
        clocks.unix -= 365 * _DAY
        for _ in range(50):
            assert clocks.kept_days() == 30
            clocks.go_on(3600)

    def test_was_wrong_before(self) -> None:
        """It is believed after a day: it was wrong before."""
        clocks = _Clocks()
        clocks.unix += 10 * _DAY
        assert clocks.kept_days() == 30
        clocks.go_on(_DAY)
        assert clocks.kept_days() == 20

    def test_put_back(self) -> None:
        """A clock that is put back keeps more, and no less when it is right again."""
        clocks = _Clocks()
        clocks.unix -= 5 * _DAY
        assert clocks.kept_days() == 35
        clocks.unix += 5 * _DAY
        assert clocks.kept_days() == 35
        clocks.go_on(_DAY)
        assert clocks.kept_days() == 30
