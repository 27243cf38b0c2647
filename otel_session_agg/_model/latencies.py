"""How long calls took, as counts in buckets, for quantiles with a known error.

The buckets are those of DDSketch (Masson, Rim and Lee, VLDB 2019): each is a fixed ratio wider than
the one below, so a quantile is right to ``RELATIVE_ERROR`` of its value, and counts of two sketches
are simply added.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, log
from operator import add, itemgetter

from otel_session_agg._model.merges import Rule, by_slots

RELATIVE_ERROR = 0.01
"""How far a quantile may be from the true one, as a part of it."""

_count = itemgetter(1)
_RATIO = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_RATIO = log(_RATIO)
SHORTEST_NS, LONGEST_NS = 100_000, 86_400 * 10**9
"""The shortest and the longest duration with a bucket: 0.1 ms and a day.

Others count as these, so there are at most about a thousand buckets.
"""


def bucket_of(duration_ns: int) -> int:
    """Return the bucket of a duration, nanoseconds."""
    if duration_ns <= SHORTEST_NS:
        return MIN_BUCKET
    return MAX_BUCKET if duration_ns >= LONGEST_NS else ceil(log(duration_ns) / _LOG_RATIO)


MIN_BUCKET, MAX_BUCKET = (ceil(log(end_ns) / _LOG_RATIO) for end_ns in (SHORTEST_NS, LONGEST_NS))


def middle_ns(bucket: int) -> float:
    """Return the duration that stands for a bucket, nanoseconds: right to the relative error."""
    return float(2 * _RATIO**bucket / (1 + _RATIO))


@dataclass(frozen=True, slots=True)
class Latencies:
    """The number of calls in each bucket."""

    counts: tuple[tuple[int, int], ...] = ()
    """Buckets and counts, sorted; none is 0."""

    @classmethod
    def of(cls, durations_ns: Iterable[int]) -> Latencies:
        """Return the counts of durations, nanoseconds."""
        counts: dict[int, int] = {}
        for duration_ns in durations_ns:
            bucket = bucket_of(duration_ns)
            counts[bucket] = counts.get(bucket, 0) + 1
        return cls(tuple(sorted(counts.items())))

    def __add__(self, other: Latencies) -> Latencies:
        if not self.counts or not other.counts:
            return self if self.counts else other
        return _with(self.counts, other.counts, 1)

    def since(self, before: Latencies) -> Latencies:
        """Return what to add to counts that contain ``before`` so that they contain these."""
        return NO_LATENCIES if self == before else _with(self.counts, before.counts, -1)

    @property
    def num_calls(self) -> int:
        """Number of calls."""
        return sum(count for _, count in self.counts)

    def quantile_ms(self, quantile: float) -> float | None:
        """Return a quantile (0 to 1) of the durations, milliseconds; ``None`` without calls."""
        return next(iter(self.quantiles_ms((quantile,))), None)

    def quantiles_ms(self, quantiles: Sequence[float]) -> list[float]:
        """Return quantiles (0 to 1) of the durations, milliseconds; none without calls.

        Each is the duration that at least this share of the calls did not exceed: of few calls the
        high ones are the longest.
        """
        return [middle_ns(bucket) / 1e6 for bucket in self.quantile_buckets(quantiles)]

    def quantile_buckets(self, quantiles: Sequence[float]) -> list[int]:
        """Return the buckets of quantiles (0 to 1) of the durations; none without calls."""
        counts = self.counts
        seen = list(accumulate(map(_count, counts)))
        if not seen or seen[-1] <= 0:  # a difference may have less than no calls
            return []
        number = seen[-1]
        if len(seen) == 1:
            return [counts[0][0]] * len(quantiles)
        return [counts[bisect_left(seen, quantile * number)][0] for quantile in quantiles]


def _with(a: Iterable[tuple[int, int]], b: Iterable[tuple[int, int]], sign: int) -> Latencies:
    counts = dict(a)
    for bucket, count in b:
        counts[bucket] = counts.get(bucket, 0) + sign * count
    return Latencies(tuple(sorted([row for row in counts.items() if row[1]])))


def _since(now: Latencies, before: Latencies) -> Latencies:
    return now.since(before)


Latencies.__init__ = by_slots(Latencies)  # type: ignore[method-assign]
NO_LATENCIES = Latencies()
"""Counts of no calls, made once."""
BUCKETS = Rule("buckets", add, _since)
"""Counts are added by bucket."""
