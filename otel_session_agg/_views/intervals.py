"""Intervals of differences at 95 percent, each by the method that its figure asks for.

===============  =================================================================================
``welch``        of means with enough rows: from exact means and variances of all rows
``bootstrap``    of means of few rows, studentised, so that skewed figures such as costs are covered
``newcombe``     of shares: score intervals of Wilson (1927), put together (Newcombe 1998)
``ranks``        of quantiles: order statistics of each side, put together (Zou and Donner 2008)
``ratio``        of ratios of sums: linearised, then as ``welch``
===============  =================================================================================

All are of independent sessions; of few of them there is none.
"""

from __future__ import annotations

from math import inf, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_session_agg._extras import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ENOUGH",
    "FEW",
    "Interval",
    "Moments",
    "bootstrap",
    "newcombe",
    "put_together",
    "rank_shares",
    "welch",
    "wilson",
]

CONFIDENCE = 0.95
FEW = 10
"""Rows of a side below which there is no interval."""
ENOUGH = 200
"""Rows of each side from which on means are as good as normal, however skewed costs are."""
RESAMPLES = 2000
SEED = 20_26
"""The same rows have the same interval, whoever asks."""
MAX_SAMPLE = 2000
"""Rows of a side that are drawn from."""
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


class Interval(NamedTuple):
    """Between which bounds a difference is, with a confidence of 95 percent."""

    low: float
    high: float
    method: str

    @property
    def has_zero(self) -> bool:
        """Whether no difference at all is among what it could be."""
        return self.low <= 0 <= self.high


class Moments(NamedTuple):
    """Rows of one side, added up."""

    number: int
    mean: float
    variance: float
    """Of the rows, with one degree of freedom less."""


def welch(a: Moments, b: Moments, method: str = "welch") -> Interval | None:
    """Return the interval of the mean of ``b`` less that of ``a``."""
    if min(a.number, b.number) < FEW:
        return None
    parts = [side.variance / side.number for side in (a, b)]
    spread = sqrt(sum(parts))
    if not spread:
        return Interval(b.mean - a.mean, b.mean - a.mean, method)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (side.number - 1) for part, side in zip(parts, (a, b), strict=True)
    )
    margin = _t(freedom) * spread
    return Interval(b.mean - a.mean - margin, b.mean - a.mean + margin, method)


def _t(freedom: float) -> float:
    """Return the quantile of Student's distribution, by the series of Fisher and Cornish."""
    z = _Z
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(sum(term / freedom**power for power, term in enumerate(terms)))


def bootstrap(a: Sequence[float], b: Sequence[float], difference: float) -> Interval | None:
    """Return the studentised interval of the mean of ``b`` less that of ``a``.

    ``difference``: the one of all rows, where ``a`` or ``b`` is a sample of them.
    """
    if min(len(a), len(b)) < FEW:
        return None
    numpy = needed("numpy", "replay")
    draw = numpy.random.default_rng(SEED)
    of_a, of_b = (_resampled(numpy, draw, numpy.asarray(side, dtype=float)) for side in (a, b))
    spread = sqrt(_standard(numpy, a) ** 2 + _standard(numpy, b) ** 2)
    if not spread:
        return Interval(difference, difference, "bootstrap")
    middle = float(numpy.mean(b) - numpy.mean(a))
    spreads = numpy.sqrt(of_a[1] ** 2 + of_b[1] ** 2)
    known = spreads > 0
    scores = (of_b[0] - of_a[0] - middle)[known] / spreads[known]
    tail = (1 - CONFIDENCE) / 2
    low, high = numpy.quantile(scores, [1 - tail, tail])
    return Interval(
        difference - float(low) * spread, difference - float(high) * spread, "bootstrap"
    )


def _resampled(numpy: Any, draw: Any, values: Any) -> tuple[Any, Any]:
    """Return means of resamples, and their standard errors."""
    means, errors = [], []
    size = len(values)
    at_once = max(1, 2_000_000 // size)
    for first in range(0, RESAMPLES, at_once):
        number = min(at_once, RESAMPLES - first)
        drawn = values[draw.integers(0, size, (number, size))]
        means.append(drawn.mean(axis=1))
        errors.append(drawn.std(axis=1, ddof=1) / sqrt(size))
    return numpy.concatenate(means), numpy.concatenate(errors)


def _standard(numpy: Any, values: Sequence[float]) -> float:
    return float(numpy.std(values, ddof=1)) / sqrt(len(values))


def wilson(hits: int, number: int) -> tuple[float, float]:
    """Return the score interval of a share."""
    share, z2 = hits / number, _Z**2
    middle = (share + z2 / (2 * number)) / (1 + z2 / number)
    margin = _Z * sqrt(share * (1 - share) / number + z2 / (4 * number**2)) / (1 + z2 / number)
    return max(middle - margin, 0.0), min(middle + margin, 1.0)


def newcombe(a: tuple[int, int], b: tuple[int, int]) -> Interval | None:
    """Return the interval of the share of ``b`` less that of ``a``: hits, and rows."""
    if min(a[1], b[1]) < FEW:
        return None
    shares = (a[0] / a[1], b[0] / b[1])
    return put_together((shares[0], *wilson(*a)), (shares[1], *wilson(*b)), "newcombe")


def put_together(
    a: tuple[float, float, float], b: tuple[float, float, float], method: str
) -> Interval:
    """Return the interval of ``b`` less ``a``, each a figure with the bounds of its own."""
    difference = b[0] - a[0]
    below = sqrt((b[0] - b[1]) ** 2 + (a[2] - a[0]) ** 2)
    above = sqrt((b[2] - b[0]) ** 2 + (a[0] - a[1]) ** 2)
    return Interval(difference - below, difference + above, method)


def rank_shares(share: float, number: int) -> tuple[float, float] | None:
    """Return between which quantiles of rows the true one is; ``None``: they are too few."""
    if number < FEW:
        return None
    margin = _Z * sqrt(share * (1 - share) / number)
    low, high = share - margin, share + margin
    is_inside = low * number > 1 and (inf if high >= 1 else high) * number < number - 1
    return (low, high) if is_inside else None
