"""When something ran, as the number of things that ran at each moment.

A ``Coverage`` is a step function of time, kept as its *steps*: the times at which the number
changes, and by how much.  Two are added moment by moment, and one can be subtracted, so parts of a
session can be added in any order and corrected later.  What is asked for is how long the number was
above 0: calls that ran at once count once.

Mostly things run *in turn*: one begins after another has ended.  Then the number goes up and down
by one, so the times alone are kept, and all that is asked is a sum over them.

At most ``MAX_STEPS`` are kept.  Of more the earliest are *settled*: only how long something ran
until then stays known, and when it began.  That is exact as long as nothing is added to the time
that is settled, but what ended before all of it began; if something is, its time is added, as if it
had not run at once with anything there, and ``is_exact`` is false.

Times are those of the hosts on which the spans ended, so what ran at once on two hosts is known as
well as their clocks agree: mostly to milliseconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain, pairwise, repeat
from operator import add, lt, sub
from typing import Any

from otel_session_agg._model.merges import Rule, by_slots, joined, packed

MAX_STEPS = 40
"""Steps that are kept: 20 calls one after the other, so that a session in a store stays small.

Only calls that overlap and end in another order than they began need more than a few.
"""

_IN_TURN = (1, -1)
"""Changes where something runs, and nothing else meanwhile."""

Step = tuple[int, int]
"""A time, nanoseconds since the Unix epoch, and by how much the number changes there."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many things ran at each moment."""

    times_ns: Sequence[int] = ()
    """The times of the steps, sorted: an array if there are many, 8 bytes each instead of 44."""
    changes: tuple[int, ...] = ()
    """The change of each, which is never 0; none is given where they are 1 and -1 in turn."""
    settled_ns: int = 0
    """How long something ran before ``since_ns``, nanoseconds."""
    since_ns: int = 0
    """The time before which no steps are kept; 0: all are."""
    settled_gap_ns: int = 0
    """The longest time before ``since_ns`` in which nothing ran, nanoseconds."""
    is_exact: bool = True
    """Whether nothing was added to a time that was settled."""
    first_ns: int = 0
    """When the first of what is settled began; 0: nothing is."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The times at which the number changes, and by how much."""
        times = self.times_ns
        return tuple(zip(times, self.changes or _IN_TURN * (len(times) // 2), strict=True))

    @staticmethod
    def by_steps(steps: Sequence[Step], *settled: Any) -> Coverage:
        """Return the coverage by sorted steps; ``settled``: the other fields."""
        return Coverage(*_split(steps), *settled)

    @staticmethod
    def of(intervals: Sequence[tuple[int, int]]) -> Coverage:
        """Return the coverage by intervals: starts and ends, each before its end."""
        return Coverage.between([*chain.from_iterable(intervals)])

    @staticmethod
    def between(bounds_ns: Sequence[int]) -> Coverage:
        """Return the coverage by starts and ends in turn, each start before its end."""
        if all(map(lt, bounds_ns, bounds_ns[1:])):
            return _bounded(Coverage(bounds_ns))
        steps = [*zip(bounds_ns[::2], repeat(1)), *zip(bounds_ns[1::2], repeat(-1))]
        if len({*bounds_ns}) == len(steps):  # as nearly always
            return _bounded(Coverage(*_split(sorted(steps))))
        changes: dict[int, int] = {}
        for time_ns, change in steps:
            changes[time_ns] = changes.get(time_ns, 0) + change
        return _bounded(Coverage(*_split(_steps(changes))))

    def __bool__(self) -> bool:
        return bool(self.times_ns or self.settled_ns)

    def __hash__(self) -> int:
        return hash((*self.times_ns, self.changes, self.settled_ns, self.since_ns))

    def __add__(self, other: Coverage) -> Coverage:
        if not other:
            return self
        if not self:
            return other
        since_ns = max(self.since_ns, other.since_ns)
        is_exact, gap_ns = self.is_exact and other.is_exact, 0
        if since_ns and (
            self.is_before(since_ns)
            or other.is_before(since_ns)
            or (self.settled_ns and other.settled_ns)
        ):
            first, last = sorted((self, other), key=Coverage.began_ns)
            is_exact = is_exact and first.ended_ns() <= last.began_ns()
            gap_ns = min(last.began_ns(), since_ns) - first.ended_ns()
        mine, its = self.settled_until(since_ns), other.settled_until(since_ns)
        both = Coverage(
            *_added(mine, its),
            mine.settled_ns + its.settled_ns,
            since_ns,
            max(mine.settled_gap_ns, its.settled_gap_ns, gap_ns),
            is_exact,
            min(mine.first_ns or its.first_ns, its.first_ns or mine.first_ns),
        )
        return _bounded(both)

    def since(self, before: Coverage) -> Coverage:
        """Return what to add to a coverage that contains ``before`` so that it contains this."""
        if self == before:
            return NO_TIME
        is_more = self.since_ns > before.since_ns
        before = before.settled_until(self.since_ns)
        changes = dict(self.steps)
        for time_ns, change in before.steps:
            changes[time_ns] = changes.get(time_ns, 0) - change
        settled_ns = self.settled_ns - before.settled_ns
        return Coverage(
            *_split(_steps(changes)),
            settled_ns,
            self.since_ns if is_more else 0,
            self.settled_gap_ns,
            self.is_exact,
            self.first_ns if settled_ns or is_more else 0,
        )

    @property
    def covered_ns(self) -> int:
        """How long something ran, nanoseconds."""
        return self.settled_ns + (
            _measured(self.steps)[0] if self.changes else _covered_in_turn(self.times_ns)
        )

    @property
    def longest_gap_ns(self) -> int:
        """The longest time between two things that ran, nanoseconds."""
        gap_ns = _measured(self.steps)[1] if self.changes else _gap_in_turn(self.times_ns)
        return max(self.settled_gap_ns, gap_ns)

    def began_ns(self) -> int:
        """Return when the first thing began to run."""
        return self.first_ns or (self.times_ns[0] if self.times_ns else self.since_ns)

    def ended_ns(self) -> int:
        """Return when the last thing ended; the latest steps are always kept."""
        return self.times_ns[-1] if self.times_ns else self.since_ns

    def is_before(self, since_ns: int) -> bool:
        """Return whether something of it is before a time, and not settled with that."""
        return self.since_ns < since_ns and bool(
            self.settled_ns or (self.times_ns and self.times_ns[0] < since_ns)
        )

    def settled_until(self, since_ns: int) -> Coverage:
        """Return the same with the steps before a time settled."""
        if since_ns <= self.since_ns:
            return self
        at = bisect_left(self.times_ns, since_ns)
        if not at:
            settled = (self.settled_ns, since_ns, self.settled_gap_ns, self.is_exact, self.first_ns)
            return Coverage(self.times_ns, self.changes, *settled)
        if not self.changes and not at % 2:
            return self._settled_in_turn(at, since_ns)
        early, steps = self.steps[:at], self.steps[at:]
        level = sum(change for _, change in early)
        if steps and steps[0][0] == since_ns:
            level_then = level + steps[0][1]
            steps = ((since_ns, level_then), *steps[1:]) if level_then else steps[1:]
        elif level:
            steps = ((since_ns, level), *steps)
        covered_ns, gap_ns = _measured([*early, (since_ns, -level)])
        if level <= 0 and at < len(self.times_ns):  # the gap that ends there
            gap_ns = max(gap_ns, since_ns - early[-1][0])
        return Coverage(
            *_split(steps),
            self.settled_ns + covered_ns,
            since_ns,
            max(self.settled_gap_ns, gap_ns),
            self.is_exact,
            self.first_ns or early[0][0],
        )

    def _settled_in_turn(self, at: int, since_ns: int) -> Coverage:
        """Return the same with so many steps settled, which ended before a time, each in turn."""
        early, times_ns = self.times_ns[:at], self.times_ns[at:]
        gap_ns = _gap_in_turn((*early, since_ns) if times_ns else early)
        return Coverage(
            times_ns,
            (),
            self.settled_ns + _covered_in_turn(early),
            since_ns,
            max(self.settled_gap_ns, gap_ns),
            self.is_exact,
            self.first_ns or early[0],
        )


def _covered_in_turn(times_ns: Sequence[int]) -> int:
    """Return how long things ran that began and ended in turn at these times."""
    return sum(times_ns[1::2]) - sum(times_ns[::2])


def _gap_in_turn(times_ns: Sequence[int]) -> int:
    """Return the longest time between them."""
    return max(map(sub, times_ns[2::2], times_ns[1::2]), default=0)


def _bounded(coverage: Coverage) -> Coverage:
    """Return the coverage with its earliest steps settled, if there are too many."""
    times_ns = coverage.times_ns
    at = len(times_ns) - MAX_STEPS
    if at <= 0:
        return coverage
    changes = coverage.changes or _IN_TURN * len(times_ns)
    if not sum(changes[: at + 1]):
        at += 1  # from where something runs, so that the time before is known to be a gap
    return coverage.settled_until(times_ns[at])


def _split(steps: Sequence[Step]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the times and the changes of sorted steps."""
    times_ns = tuple([time_ns for time_ns, _ in steps])
    changes = tuple([change for _, change in steps])
    return times_ns, () if changes == _IN_TURN * (len(steps) // 2) else changes


def _added(one: Coverage, other: Coverage) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the times and the changes of both, of which nothing is settled separately."""
    if not (one.changes or other.changes) and (
        not one.times_ns or not other.times_ns or one.times_ns[-1] < other.times_ns[0]
    ):  # as what ends later mostly is
        return (*one.times_ns, *other.times_ns), ()
    changes = dict(one.steps)
    for time_ns, change in other.steps:
        changes[time_ns] = changes.get(time_ns, 0) + change
    return _split(_steps(changes))


def _steps(changes: dict[int, int]) -> tuple[Step, ...]:
    return tuple(sorted([step for step in changes.items() if step[1]]))


def _measured(steps: Sequence[Step]) -> tuple[int, int]:
    """Return how long the number is above 0, and the longest time that it is not in between."""
    covered_ns = gap_ns = level = 0
    last_ns: int | None = None
    for time_ns, change in steps:
        if last_ns is not None:
            if level > 0:
                covered_ns += time_ns - last_ns
            elif change > 0:
                gap_ns = max(gap_ns, time_ns - last_ns)
        level += change
        last_ns = time_ns
    return covered_ns, gap_ns


def sum_of_times(parts: Sequence[Coverage]) -> Coverage:
    """Return the sum of coverages: the same as of one after the other."""
    first, *others = parts
    since_ns, is_exact = first.since_ns, first.is_exact
    for part in others:
        if part.since_ns or part.settled_ns or part.is_before(since_ns):
            return reduce(add, parts)
        is_exact = is_exact and part.is_exact
    kept = [part.times_ns for part in parts if part.times_ns]
    times_ns = joined(kept)
    changes: tuple[int, ...] = ()
    if any(part.changes for part in parts) or any(a[-1] >= b[0] for a, b in pairwise(kept)):
        found: dict[int, int] = {}
        for time_ns, change in chain.from_iterable([part.steps for part in parts]):
            found[time_ns] = found.get(time_ns, 0) + change
        times_ns, changes = _split(_steps(found))
    settled = (first.settled_ns, since_ns, first.settled_gap_ns, is_exact, first.first_ns)
    return _bounded(Coverage(times_ns, changes, *settled))


Coverage.__init__ = by_slots(Coverage, times_ns=packed)  # type: ignore[method-assign]
NO_TIME = Coverage()
"""Nothing ran, made once."""
MOMENTS = Rule("moments", add, Coverage.since)
"""The number of things that ran is added moment by moment."""
