"""Collect when calls or tools ran, while spans end."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace

from otel_session_agg._model.coverage import MAX_STEPS, NO_TIME, Coverage, Step
from otel_session_agg._untrusted.values import MAX_WHOLE

MAX_INTERVALS = 256
"""Intervals that are kept as they are, 16 bytes each: as many as a trace keeps calls.

However many of them overlap, the time is exact.  Of more, those so far become a ``Coverage``, which
is exact, too, as long as no more that begin much earlier come.
"""

_MAX_LISTED = 64
"""Bounds up to which a list is kept as it is: the calls of a trace are mostly asked for at once,
and then dropped.  What grows is an array, which takes a sixth of the memory."""

_ONE = 2
"""Bounds of one interval."""

_MAX_COPIED = 2 * (MAX_INTERVALS - 32)
"""Bounds that are copied; with more there is too little room for what is added to a copy."""

_AT_ONCE = MAX_STEPS // 2
"""Intervals whose coverage keeps all its steps."""


class RunTimes:
    """When things ran that may have run at once."""

    __slots__ = ("_before", "_bounds", "_known", "_num_known")

    def __init__(self, bounds_ns: list[int] | None = None) -> None:
        """Start with things that take time, by their starts and ends in turn: a list to be kept."""
        self._bounds: array[int] | list[int] = array("q") if bounds_ns is None else bounds_ns
        """Starts and ends in turn, nanoseconds."""
        self._before = NO_TIME
        """What was there before these."""
        self._known = NO_TIME
        """The coverage when it was last asked for, so that only what came later is added to it."""
        self._num_known = 0
        """How many bounds are in it."""
        if bounds_ns is not None and len(bounds_ns) > _MAX_LISTED:
            self._bounds = array("q")
            self._extend(bounds_ns)

    def add(self, start_ns: int, end_ns: int) -> None:
        """Add one thing; one that takes no time, or has no possible time, takes none."""
        if 0 <= start_ns < end_ns <= MAX_WHOLE:
            bounds = self._bounds
            bounds.append(start_ns)
            bounds.append(end_ns)
            if len(bounds) > 2 * MAX_INTERVALS:
                self._shrink()

    def _extend(self, bounds: array[int] | list[int]) -> None:
        """Add starts and ends; of too many only the latest stay as they are."""
        own = self._bounds
        if isinstance(own, list) and len(own) + len(bounds) > _MAX_LISTED:
            own = self._bounds = array("q", own)
        own.extend(bounds)
        if len(own) > 2 * MAX_INTERVALS:
            self._shrink()

    def merge(self, other: RunTimes) -> None:
        """Add the things of another."""
        if other._before is not NO_TIME:
            self._before = self._known = self._before + other._before
            self._num_known = 0
        self._extend(other._bounds)

    def copied(self) -> RunTimes:
        """Return the same times, to be added to; without intervals where they have no room."""
        twin, bounds = RunTimes(), self._bounds
        twin._known = self.coverage
        if len(bounds) > _MAX_COPIED:
            twin._before = twin._known
        else:
            twin._before = self._before
            twin._bounds = bounds[:]
            twin._num_known = len(bounds)
        return twin

    @property
    def coverage(self) -> Coverage:
        """The times as a value; it does not depend on when it was asked for before."""
        bounds, known, at = self._bounds, self._known, self._num_known
        if at == len(bounds):
            return known
        if not at and self._before is NO_TIME:  # as nearly always
            known = Coverage.between(bounds) if len(bounds) != _ONE else Coverage(bounds)
            self._known = known
            self._num_known = len(bounds)
            return known
        new = bounds[at:] if at else bounds
        if at and (min(new) < known.since_ns or not {*new}.isdisjoint(known.times_ns)):
            known, new = self._before, bounds
        known = _added(known, new)
        self._known, self._num_known = known, len(bounds)
        return known

    def _shrink(self) -> None:
        """Keep the latest things as they are, and settle those before."""
        time, kept = _added(self._before, self._bounds), array("q")
        steps = time.steps
        if _ONE * sum(change for _, change in steps if change > 0) <= MAX_INTERVALS:
            kept.extend(_intervals_of(steps))
            time = replace(time, times_ns=(), changes=())
        self._before = self._known = time
        self._bounds, self._num_known = kept, 0


def _added(time: Coverage, bounds: Sequence[int]) -> Coverage:
    """Return a coverage with further things, added so that as much as possible is exact."""
    if not time:
        return Coverage.between(bounds)
    latest = sorted(zip(bounds[::2], bounds[1::2], strict=True))
    for at in range(0, len(latest), _AT_ONCE):
        time += Coverage.of(latest[at : at + _AT_ONCE])
    return time


def _intervals_of(steps: Iterable[Step]) -> list[int]:
    """Return starts and ends in turn of things that make these steps, if there are such."""
    found: list[int] = []
    running: list[int] = []
    for time_ns, change in steps:
        running += [time_ns] * change
        for _ in range(-change):
            found += (running.pop(), time_ns)
    return found
