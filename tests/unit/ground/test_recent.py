"""What was put in last is remembered, and no more than that."""

from __future__ import annotations

from otel_session_agg._collections.recent import Recent


class TestRecent:
    def test_bounds(self) -> None:
        """At least one generation is remembered, at most two."""
        recent: Recent[int, str] = Recent(10)
        for number in range(1000):
            recent.put(number, f"v{number}")
            assert [f"v{key}" for key in range(max(0, number - 9), number + 1)] == [
                recent.get(key) for key in range(max(0, number - 9), number + 1)
            ]
            assert sum(recent.get(key) is not None for key in range(number + 1)) <= 20

    def test_newest_wins(self) -> None:
        """A key that comes again has its new value, whichever generation the other is in."""
        recent: Recent[str, int] = Recent(2)
        for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)):
            recent.put(key, value)
            assert value == recent.get(key)
