"""Which request is set aside."""

from __future__ import annotations

from otel_session_agg._live.suspects import TRIES, TRIES_ALONE, Sent, Suspects


class TestEnded:
    """Ends of processes."""

    def test_alone(self) -> None:
        """After some ends requests are sent alone; the one that does not get through is set aside."""
        suspects = Suspects()
        for number in range(TRIES):
            assert 0 == suspects.alone_until
            assert (None, number + 1) == (suspects.ended(Sent(9, None)), suspects.num_ends)
        assert 9 == suspects.alone_until

    def test_set_aside(self) -> None:
        """One that was alone often enough; another one begins anew."""
        suspects = Suspects()
        assert [None] * (TRIES_ALONE - 1) == [suspects.ended(Sent(3, 3)) for _ in range(TRIES_ALONE - 1)]
        assert None is suspects.ended(Sent(4, 4))
        assert [None] * (TRIES_ALONE - 1) + [3] == [suspects.ended(Sent(3, 3)) for _ in range(TRIES_ALONE)]
        assert 0 == suspects.num_ends

    def test_counted(self) -> None:
        """When something new is counted in between, ends are by something else."""
        suspects = Suspects()
        for done in range(1, 4 * TRIES):
            suspects.ended(Sent(99, None))
            suspects.counted(done)
        assert 0 == suspects.alone_until
        suspects.ended(Sent(99, None))
        suspects.counted(1)
        assert 1 == suspects.num_ends

    def test_not_started(self) -> None:
        """A process that ends before it gets anything says nothing about requests."""
        suspects = Suspects()
        assert {None} == {suspects.ended(Sent(0, None)) for _ in range(100)}
        assert (0, 100) == (suspects.alone_until, suspects.num_ends)
