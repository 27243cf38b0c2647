"""What drives the difference in the cost of a session: models, agents or tools, exactly.

The cost of a session is, over all names, calls for each session, times the share of the name in
these calls, times the cost of such a call.  The difference of such products is divided among its
three factors as Shapley divides a gain: each gets the average over the orders in which they can
change.  So the parts have no remainder, and no order is preferred.  All of it is done in fractions:
the parts of all names add up to the difference to the last digit.

==========  =====================================================================
``volume``  sessions have more or fewer calls
``mix``     other names are called
``rate``    a call of the name costs more or less: other lengths, other prices
==========  =====================================================================

A name that is on one side only has the rate of that side on both: it is mix.  What is in no call
whose cost is known (recorded sums, rows of older versions) is rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._history.sources import Filtered
from otel_session_agg._views.measures import PARTS
from otel_session_agg._views.reads import Reads
from otel_session_agg._views.two_sides import rows_by_side

__all__ = ["Driver", "Drivers", "drivers", "parted"]

_MAX_NAMES = 100
"""Names that stand by themselves: those with the largest costs; the others are one."""
OTHER = "other"
_TOTALS = """
count(*) FILTER (cost IS NOT NULL), (sum(cost) * 1000000000000)::HUGEINT,
min(start_time), max(start_time)
"""
_BY_NAME = """
SELECT side, name, sum(priced)::BIGINT, (sum(breakdown.cost) * 1000000000000)::HUGEINT,
       sum(unpriced)::BIGINT
FROM main.breakdown JOIN (SELECT side, session FROM {both} WHERE cost IS NOT NULL) USING (session)
WHERE kind = '{kind}' AND (start_time BETWEEN ? AND ? OR start_time IS NULL)
GROUP BY side, name
"""
"""Parts have the time of their session: what began at another one is skipped without reading it."""


class Cost(NamedTuple):
    """What one name came to on one side."""

    calls: int
    """Those of known cost."""
    pusd: int
    unpriced: int = 0
    """Calls of unknown cost."""

    def __add__(self, other: object) -> Cost:
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(*(one + more for one, more in zip(self, other, strict=True)))


NOTHING = Cost(0, 0)


class Driver(NamedTuple):
    """What one name adds to the difference; amounts in picodollars for each session."""

    name: str | None
    """``None``: what has no name, or is in no call."""
    a: Fraction
    b: Fraction
    volume: Fraction
    mix: Fraction
    rate: Fraction
    calls_a: int
    calls_b: int
    """Calls of known cost."""
    unpriced_a: int = 0
    unpriced_b: int = 0
    """Calls of unknown cost, which are in no amount."""

    @property
    def difference(self) -> Fraction:
        """``b`` less ``a``: the sum of the effects."""
        return self.b - self.a

    @property
    def effects(self) -> tuple[Fraction, Fraction, Fraction]:
        """Volume, mix and rate."""
        return self.volume, self.mix, self.rate


class Drivers(NamedTuple):
    """What drives the difference in the cost of a session."""

    kind: str
    rows: list[Driver]
    """The largest difference first; they add up to ``b`` less ``a``."""
    a: Fraction
    """Picodollars for each session of known cost."""
    b: Fraction
    sessions: tuple[int, int]
    """Of known cost."""
    unpriced: tuple[int, int]
    """Calls of unknown cost in them."""


def drivers(history: Reads, both: Filtered, kind: str) -> Drivers | None:
    """Return what drives the difference; ``None``: a side has no session of known cost.

    Args:
        history: what is read.
        both: both selections, as `both_of` returns them.
        kind: model, agent or tool.

    """
    if kind not in PARTS:
        message = f"a session is split by one of {', '.join(PARTS)}"
        raise SettingsError(message)
    (number_a, of_a), (number_b, of_b) = _sides(history, both, kind)
    if not number_a or not number_b:
        return None
    names = sorted(
        {*of_a, *of_b},
        key=lambda name: -of_a.get(name, NOTHING).pusd - of_b.get(name, NOTHING).pusd,
    )
    rest = set(names[_MAX_NAMES:]) - {None}
    of_a, of_b = (_with_rest(side, rest) for side in (of_a, of_b))
    return parted(kind, (number_a, of_a), (number_b, of_b))


def _sides(history: Reads, both: Filtered, kind: str) -> list[tuple[int, dict[str | None, Cost]]]:
    """Return the sessions of known cost of each side, and what they cost by name.

    The parts of both are looked for at once: that is most of the work.
    """
    of_sides = rows_by_side(history, both, _TOTALS)
    totals = [of_sides.get(side, (0, None, None, None)) for side in (0, 1)]
    times = [time for row in totals for time in row[2:] if time is not None]
    bounds = [min(times), max(times)] if times else [None, None]
    sql = _BY_NAME.format(kind=kind, both=both.sql)
    found: tuple[dict[str | None, Cost], ...] = ({}, {})
    for side, name, priced, pusd, unpriced in history.rows(sql, [*both.parameters, *bounds]):
        found[side][name] = Cost(priced, pusd or 0, unpriced)
    for (_, total, *_), by_name in zip(totals, found, strict=True):
        missing = (total or 0) - sum(cost.pusd for cost in by_name.values())
        if missing:
            by_name[None] = by_name.get(None, NOTHING) + Cost(0, missing)
    return [(row[0], by_name) for row, by_name in zip(totals, found, strict=True)]


def _with_rest(side: Mapping[str | None, Cost], rest: set[str | None]) -> dict[str | None, Cost]:
    kept = {name: cost for name, cost in side.items() if name not in rest}
    for name in rest & side.keys():
        kept[OTHER] = kept.get(OTHER, NOTHING) + side[name]
    return kept


def parted(
    kind: str, a: tuple[int, Mapping[str | None, Cost]], b: tuple[int, Mapping[str | None, Cost]]
) -> Drivers:
    """Return the parts of the difference between two sides: sessions, and costs by name."""
    (number_a, of_a), (number_b, of_b) = a, b
    calls = [sum(cost.calls for cost in side.values()) for side in (of_a, of_b)]
    rows = []
    for name in {*of_a, *of_b}:
        one, two = of_a.get(name, NOTHING), of_b.get(name, NOTHING)
        volume, mix, rate = _effects(
            (one, calls[0], number_a), (two, calls[1], number_b)
        )  # fmt: skip
        rows.append(
            Driver(
                name, Fraction(one.pusd, number_a), Fraction(two.pusd, number_b), volume, mix, rate,
                one.calls, two.calls, one.unpriced, two.unpriced,
            )
        )  # fmt: skip
    rows.sort(key=lambda row: (-abs(row.difference), row.name or ""))
    return Drivers(
        kind,
        rows,
        sum((row.a for row in rows), Fraction(0)),
        sum((row.b for row in rows), Fraction(0)),
        (number_a, number_b),
        (_unpriced(of_a), _unpriced(of_b)),
    )


def _unpriced(side: Mapping[str | None, Cost]) -> int:
    return sum(cost.unpriced for cost in side.values())


def _effects(
    a: tuple[Cost, int, int], b: tuple[Cost, int, int]
) -> tuple[Fraction, Fraction, Fraction]:
    """Return what volume, mix and rate add for one name; each side: cost, all calls, sessions."""
    (of_a, calls_a, number_a), (of_b, calls_b, number_b) = a, b
    if (of_a.pusd and not of_a.calls) or (of_b.pusd and not of_b.calls):
        rate = Fraction(of_b.pusd, number_b) - Fraction(of_a.pusd, number_a)
        return Fraction(0), Fraction(0), rate
    rates = [Fraction(one.pusd, one.calls) if one.calls else None for one in (of_a, of_b)]
    rate_a = rates[0] if rates[0] is not None else rates[1] or Fraction(0)
    rate_b = rates[1] if rates[1] is not None else rate_a
    share_a, share_b = _share(of_a.calls, calls_a), _share(of_b.calls, calls_b)
    each_a, each_b = Fraction(calls_a, number_a), Fraction(calls_b, number_b)
    volume = _shapley((each_a, each_b), (share_a, share_b), (rate_a, rate_b))
    mix = _shapley((share_a, share_b), (each_a, each_b), (rate_a, rate_b))
    rate = _shapley((rate_a, rate_b), (each_a, each_b), (share_a, share_b))
    return volume, mix, rate


def _share(part: int, whole: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(0)


_Pair = tuple[Fraction, Fraction]


def _shapley(changed: _Pair, one: _Pair, two: _Pair) -> Fraction:
    """Return what a factor adds to a product of three: before and after, of each."""
    same = (one[0] * two[0] + one[1] * two[1]) / 3
    crossed = (one[0] * two[1] + one[1] * two[0]) / 6
    return (changed[1] - changed[0]) * (same + crossed)
