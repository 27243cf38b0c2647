"""Two selections of sessions side by side: every figure, the difference, and its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from types import MappingProxyType
from typing import Any, NamedTuple

from otel_session_agg._history.sources import Filtered
from otel_session_agg._views.intervals import (
    ENOUGH,
    FEW,
    MAX_SAMPLE,
    Interval,
    Moments,
    bootstrap,
    newcombe,
    put_together,
    rank_shares,
    welch,
)
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.two_sides import quantiles_by_side, rows_by_side

__all__ = ["METHODS", "Comparison", "Difference", "compare"]

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "welch": "Welch, of all sessions",
        "bootstrap": "studentised bootstrap with a fixed seed",
        "newcombe": "Wilson and Newcombe, of all sessions",
        "ranks": "order statistics of all sessions",
        "ratio": "linearised ratio, of all sessions",
    }
)
"""How intervals are made, in words."""
_NOT_A_SAMPLE = "what there is, not a sample of it"
_A_PART = "not compared: the history has a part of the time only"
_TOO_FEW = "too few sessions for an interval"

_MEANS = (
    ("cost", "Cost per session", "cost::DOUBLE", "USD"),
    ("tokens", "Tokens per session", "tokens::DOUBLE", "tokens"),
    ("model_events", "Model calls per session", "model_events::DOUBLE", ""),
    ("turns", "Turns per session", "turns::DOUBLE", ""),
    ("mean_duration", "Average duration", "duration", "ms"),
)
_SHARES = (
    ("failed", "Sessions with errors", "errors > 0"),
    ("feedback", "Sessions with feedback", "feedback"),
    ("unpriced", "Sessions with unknown cost", "unpriced > 0"),
)
_QUANTILES = (
    ("median_cost", "Median cost", "cost::DOUBLE", 0.5, "USD"),
    ("p50", "Duration, p50", "duration", 0.5, "ms"),
    ("p95", "Duration, p95", "duration", 0.95, "ms"),
    ("p99", "Duration, p99", "duration", 0.99, "ms"),
)
_CACHE = (
    "sum(cache_read_tokens)::DOUBLE", "sum(prompt_tokens)::DOUBLE",
    "sum(cache_read_tokens::DOUBLE ** 2)", "sum(prompt_tokens::DOUBLE ** 2)",
    "sum(cache_read_tokens::DOUBLE * prompt_tokens)", "count(prompt_tokens)",
)  # fmt: skip


class Difference(NamedTuple):
    """One figure of both sides."""

    key: str
    title: str
    unit: str
    """USD, tokens, ms, %, or nothing."""
    a: float | None
    """``None``: it is not known."""
    b: float | None
    known_a: int
    """Sessions that have the figure."""
    known_b: int
    interval: Interval | None
    """Of ``b`` less ``a``."""
    note: str
    """How the interval is made, or why there is none."""
    is_comparable: bool = True
    """Whether it is no sum over times of which one is not known as a whole."""

    @property
    def difference(self) -> float | None:
        """``b`` less ``a``."""
        if self.a is None or self.b is None or not self.is_comparable:
            return None
        return self.b - self.a

    @property
    def relative(self) -> float | None:
        """The difference as a part of ``a``; ``None``: of nothing."""
        return None if self.difference is None or not self.a else self.difference / abs(self.a)


class Comparison(NamedTuple):
    """Two selections side by side."""

    sessions: tuple[int, int]
    differences: Sequence[Difference]
    is_cost_partial: bool
    """Whether sessions have calls of unknown cost, so that costs are those of the others."""


class _Side(NamedTuple):
    """What is asked of one side at once."""

    sessions: int
    cost: float | None
    unpriced: int
    means: Sequence[Moments]
    shares: Sequence[tuple[int, int]]
    cache: Sequence[float]


def compare(history: Reads, both: Filtered, *, is_whole: bool = True) -> Comparison:
    """Return every figure of two selections of sessions, with the difference and its interval.

    Args:
        history: what is read.
        both: both selections, as `both_of` returns them.
        is_whole: whether the history has all of both; else their numbers and sums have none.

    """
    sides = _sides(history, both)
    first, second = sides
    totals = [
        _plain("sessions", "Sessions", "", sides, lambda side: float(side.sessions)),
        _plain("total_cost", "Cost", "USD", sides, lambda side: side.cost),
    ]
    if not is_whole:
        totals = [one._replace(is_comparable=False, note=_A_PART) for one in totals]
    means = [_mean(history, both, sides, at) for at in range(len(_MEANS))]
    shares = [_share(sides, at) for at in range(len(_SHARES))]
    cost, *others = means
    median, *durations = _quantiles(history, both, sides)
    ordered = [*totals, cost, median, *others, *durations, *shares, _cache(sides)]
    is_partial = bool(first.unpriced or second.unpriced)
    return Comparison((first.sessions, second.sessions), ordered, is_partial)


def _sides(history: Reads, both: Filtered) -> tuple[_Side, _Side]:
    parts = ["count(*)", "sum(cost)::DOUBLE", "count(*) FILTER (unpriced > 0)"]
    for _, _, sql, _ in _MEANS:
        parts += [f"count({sql})", f"avg({sql})", f"var_samp({sql})"]
    for _, _, sql in _SHARES:
        parts += [f"count(*) FILTER ({sql})"]
    parts += _CACHE
    found = rows_by_side(history, both, ", ".join(parts))
    nothing = [None] * len(parts)
    return _side(found.get(0, nothing)), _side(found.get(1, nothing))


def _side(row: Sequence[Any]) -> _Side:
    number, cost, unpriced, *rest = row
    number = number or 0
    at = 3 * len(_MEANS)
    means = [Moments(n or 0, mean or 0.0, spread or 0.0) for n, mean, spread in _threes(rest[:at])]
    shares = [(hits or 0, number) for hits in rest[at : at + len(_SHARES)]]
    cache = [value or 0.0 for value in rest[at + len(_SHARES) :]]
    return _Side(number, cost, unpriced or 0, means, shares, cache)


def _threes(values: Sequence[Any]) -> list[tuple[Any, Any, Any]]:
    return list(zip(values[::3], values[1::3], values[2::3], strict=True))


# -- figures ---------------------------------------------------------------------------------------


def _plain(
    key: str,
    title: str,
    unit: str,
    sides: tuple[_Side, _Side],
    value: Callable[[_Side], float | None],
) -> Difference:
    a, b = sides
    return Difference(
        key, title, unit, value(a), value(b), a.sessions, b.sessions, None, _NOT_A_SAMPLE
    )


def _difference(
    of: tuple[str, str, str],
    figures: Sequence[float | None],
    known: Sequence[int],
    interval: Interval | None,
) -> Difference:
    note = _TOO_FEW if interval is None else METHODS[interval.method]
    return Difference(*of, figures[0], figures[1], known[0], known[1], interval, note)


def _mean(history: Reads, both: Filtered, sides: tuple[_Side, _Side], at: int) -> Difference:
    key, title, sql, unit = _MEANS[at]
    a, b = (side.means[at] for side in sides)
    interval = None
    if min(a.number, b.number) >= ENOUGH:
        interval = welch(a, b)
    elif min(a.number, b.number) >= FEW:
        of_a, of_b = (_sample(history, both, side, sql) for side in (0, 1))
        interval = bootstrap(of_a, of_b, b.mean - a.mean)
    figures = [moments.mean if moments.number else None for moments in (a, b)]
    return _difference((key, title, unit), figures, (a.number, b.number), interval)


def _sample(history: Reads, both: Filtered, side: int, sql: str) -> list[float]:
    """Return the figure of some sessions of a side, always the same ones."""
    rows = history.rows(
        f"SELECT {sql} FROM {both.sql} WHERE side = {side} AND {sql} IS NOT NULL"
        f" ORDER BY hash(session), session LIMIT {MAX_SAMPLE}",
        both.parameters,
    )
    return [value for (value,) in rows]


def _share(sides: tuple[_Side, _Side], at: int) -> Difference:
    key, title, _ = _SHARES[at]
    a, b = (side.shares[at] for side in sides)
    interval = newcombe(a, b)
    if interval is not None:
        interval = interval._replace(low=100 * interval.low, high=100 * interval.high)
    figures = [100 * hits / number if number else None for hits, number in (a, b)]
    return _difference((key, title, "%"), figures, (a[1], b[1]), interval)


def _quantiles(history: Reads, both: Filtered, sides: tuple[_Side, _Side]) -> list[Difference]:
    """Return quantiles, each with those of its rank interval, which are asked for with it."""
    found = _ranked(history, both, sides)
    differences = []
    for (key, title, _, _, unit), a, b in zip(_QUANTILES, *found, strict=True):
        interval = None
        if a.bounds is not None and b.bounds is not None:
            figures = ((a.value or 0.0, *a.bounds), (b.value or 0.0, *b.bounds))
            interval = put_together(*figures, "ranks")
        known = (a.number, b.number)
        differences.append(_difference((key, title, unit), (a.value, b.value), known, interval))
    return differences


class _Ranked(NamedTuple):
    number: int
    value: float | None
    bounds: tuple[float, float] | None


def _ranked(history: Reads, both: Filtered, sides: Sequence[_Side]) -> list[list[_Ranked]]:
    """Return the quantiles of each side."""
    known = [[side.means[0].number, *[side.means[-1].number] * 3] for side in sides]
    bounds = [
        [rank_shares(of[3], number) for of, number in zip(_QUANTILES, numbers, strict=True)]
        for numbers in known
    ]
    wanted = [
        (sql, one)
        for of_side in bounds
        for (_, _, sql, share, _), pair in zip(_QUANTILES, of_side, strict=True)
        for one in (share, *(pair or ()))
    ]
    found = quantiles_by_side(history, both, wanted)
    return [
        [
            _Ranked(number, of[sql, share], pair and (of[sql, pair[0]], of[sql, pair[1]]))
            for (_, _, sql, share, _), pair, number in zip(_QUANTILES, pairs, numbers, strict=True)
        ]
        for of, pairs, numbers in zip(found, bounds, known, strict=True)
    ]


def _cache(sides: tuple[_Side, _Side]) -> Difference:
    """Return the share of prompt tokens from a cache: a ratio of sums, not a mean of ratios."""
    moments = [_ratio(side.cache) for side in sides]
    a, b = moments
    interval = None
    if a is not None and b is not None and min(a.number, b.number) >= ENOUGH:
        interval = welch(a, b, "ratio")  # of fewer the line is too far from the curve
    figures = [None if one is None else one.mean for one in moments]
    known = [0 if one is None else one.number for one in moments]
    return _difference(("cache", "Prompt from a cache", "%"), figures, known, interval)


def _ratio(sums: Sequence[float]) -> Moments | None:
    """Return a ratio of two sums in percent, with the variance that its rows give it."""
    part, whole, parts2, wholes2, both, number = sums
    if not whole or number < 2:  # noqa: PLR2004
        return None
    share = part / whole
    spread = max(parts2 - 2 * share * both + share**2 * wholes2, 0.0) / (number - 1)
    return Moments(int(number), 100 * share, (100 * sqrt(spread) / (whole / number)) ** 2)
