"""What is due when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._deadlines import Deadlines


class TestDeadlines:
    """Entries by time."""

    def test_empty(self) -> None:
        """Nothing is due when nothing was added."""
        deadlines: Deadlines[str] = Deadlines()
        assert deadlines.next() is None
        assert [] == deadlines.pop_due(1e9)

    def test_due_at_its_time(self) -> None:
        """An entry is due at its time and not before."""
        deadlines: Deadlines[str] = Deadlines()
        deadlines.add(2.0, "a")
        assert 2.0 == deadlines.next()
        assert [] == deadlines.pop_due(1.999)
        assert ["a"] == deadlines.pop_due(2.0)
        assert deadlines.next() is None

    def test_equal_times(self) -> None:
        """Entries of one time are due in the order they came, whatever they are."""
        deadlines: Deadlines[object] = Deadlines()
        items: list[object] = [{}, "b", 1, (), {}]
        for item in items:
            deadlines.add(1.0, item)
        assert items == deadlines.pop_due(1.0)

    def test_cancelled(self) -> None:
        """A cancelled entry is never due, first or not."""
        deadlines: Deadlines[str] = Deadlines()
        first = deadlines.add(1.0, "a")
        second = deadlines.add(2.0, "b")
        deadlines.add(3.0, "c")
        first.cancel()
        assert 2.0 == deadlines.next()
        second.cancel()
        second.cancel()
        assert ["c"] == deadlines.pop_due(9.0)

    @given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=40), st.lists(st.integers(0, 25), max_size=5))
    def test_model(self, entries: list[tuple[int, bool]], times: list[int]) -> None:
        """Whatever is added and cancelled, everything else is due once, in order of time."""
        deadlines: Deadlines[int] = Deadlines()
        waiting: list[tuple[int, int]] = []
        for number, (when, cancelled) in enumerate(entries):
            entry = deadlines.add(when, number)
            if cancelled:
                entry.cancel()
            else:
                waiting.append((when, number))
        for now in [*sorted(times), 99]:
            due = [(when, number) for when, number in sorted(waiting) if when <= now]
            assert [number for _, number in due] == deadlines.pop_due(now)
            waiting = [entry for entry in waiting if entry not in due]
            assert min((when for when, _ in waiting), default=None) == deadlines.next()
