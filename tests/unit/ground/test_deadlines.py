"""What is due when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._collections.deadlines import Deadlines, Phase, PhaseDeadlines

_PHASES = st.sampled_from([Phase.ASSEMBLING, Phase.LINGERING, Phase.SESSIONS])


class TestDeadlines:
    """Entries by time."""

    def test_empty(self) -> None:
        """Nothing is due when nothing was added."""
        deadlines = Deadlines()
        assert deadlines.next() is None
        assert Phase.LINGERING not in deadlines.due(1e9)
        assert [] == deadlines.of(Phase.LINGERING).take()

    def test_due_at_its_time(self) -> None:
        """An entry is due at its time and not before."""
        deadlines = Deadlines()
        mine: PhaseDeadlines[str] = deadlines.of(Phase.LINGERING)
        mine.add(2.0, "a")
        assert (2.0, 2.0) == (deadlines.next(), deadlines.first_seconds)
        assert Phase.LINGERING not in deadlines.due(1.999)
        assert [] == mine.take()
        assert Phase.LINGERING in deadlines.due(2.0)
        assert ["a"] == mine.take()
        assert (None, float("inf")) == (deadlines.next(), deadlines.first_seconds)

    def test_equal_times(self) -> None:
        """Entries of one time are due in the order they came, whatever they are."""
        deadlines = Deadlines()
        mine: PhaseDeadlines[object] = deadlines.of(Phase.LINGERING)
        items: list[object] = [{}, "b", 1, (), {}]
        for item in items:
            mine.add(1.0, item)
        deadlines.due(1.0)
        assert items == mine.take()

    def test_not_taken(self) -> None:
        """What is due and was not taken, as when the one before failed, is due at once."""
        deadlines = Deadlines()
        mine: PhaseDeadlines[str] = deadlines.of(Phase.SESSIONS)
        mine.add(1.0, "a")
        deadlines.of(Phase.LINGERING).add(5.0, "b")
        deadlines.due(2.0)
        assert (float("-inf"), float("-inf")) == (deadlines.next(), deadlines.first_seconds)
        assert Phase.SESSIONS in deadlines.due(3.0)
        assert ["a"] == mine.take()
        assert (5.0, 5.0) == (deadlines.next(), deadlines.first_seconds)

    def test_cancelled(self) -> None:
        """A cancelled entry is never due, first or not."""
        deadlines = Deadlines()
        mine: PhaseDeadlines[str] = deadlines.of(Phase.LINGERING)
        first = mine.add(1.0, "a")
        second = mine.add(2.0, "b")
        mine.add(3.0, "c")
        first.cancel()
        assert 2.0 == deadlines.next()
        second.cancel()
        second.cancel()
        deadlines.due(9.0)
        assert ["c"] == mine.take()

    def test_cancelled_when_due(self) -> None:
        """One that is cancelled by a phase before its own is not taken."""
        deadlines = Deadlines()
        mine: PhaseDeadlines[str] = deadlines.of(Phase.SESSIONS)
        entry = mine.add(1.0, "a")
        deadlines.due(2.0)
        entry.cancel()
        assert [] == mine.take()

    def test_cancelled_do_not_pile_up(self) -> None:
        """Cancelled entries behind one that waits long are removed."""
        deadlines = Deadlines()
        deadlines.of(Phase.SESSIONS).add(1e9, "a")
        for number in range(100_000):
            deadlines.of(Phase.LINGERING).add(1e9 + number, "b").cancel()
        assert len(deadlines._heap) < 2_048

    @given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), _PHASES), max_size=40), st.lists(st.integers(0, 25), max_size=5))
    def test_model(self, entries: list[tuple[int, bool, Phase]], times: list[int]) -> None:
        """Whatever is added and cancelled, everything else is due once, in its phase, in order of time."""
        deadlines = Deadlines()
        waiting: list[tuple[int, int, Phase]] = []
        for number, (when, cancelled, phase) in enumerate(entries):
            entry = deadlines.of(phase).add(when, number)
            if cancelled:
                entry.cancel()
            else:
                waiting.append((when, number, phase))
        for now in [*sorted(times), 99]:
            due = [row for row in sorted(waiting) if row[0] <= now]
            assert deadlines.first_seconds <= min((row[0] for row in waiting), default=float("inf"))
            phases = deadlines.due(now)
            assert {row[2] for row in due} == {phase for phase in Phase if phase in phases}
            for one in Phase:
                assert [number for _, number, phase in due if phase is one] == deadlines.of(one).take()
            waiting = [entry for entry in waiting if entry not in due]
            assert min((when for when, _, _ in waiting), default=None) == deadlines.next()
