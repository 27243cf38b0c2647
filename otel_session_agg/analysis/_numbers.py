"""Figures as pages and charts show them: with separators, rounded where that is read more easily.

Whatever is rounded here is exact beside it, or when one points at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from otel_session_agg._untrusted.formatting import counted

__all__ = [
    "USD_FORMAT",
    "compact",
    "exact",
    "grouped",
    "many",
    "money",
    "money_ticks",
    "rate",
    "share",
    "significant",
    "time_axis",
    "time_ticks",
]

USD_FORMAT = "$,.6~f"
"""Amounts in Plotly's charts."""

_DIGITS = 3
"""Digits of amounts below one dollar."""
_MAX_DECIMALS = 6
"""Decimals of an amount, as a grid or a table on a terminal has them."""
_LEAST = Decimal(1).scaleb(-_MAX_DECIMALS)
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_COMPACT_FROM = 100_000
_MANY = 10


def money(amount: Decimal | float | None) -> str:
    """Return USD with the sign: in cents, or with three digits what is less than a dollar.

    An amount has six decimals at most; one that would be rounded to 0 is less than a millionth.
    """
    if amount is None:
        return "unknown"
    usd = Decimal(amount)
    if not 0 < usd < 1:
        return f"${usd:,.2f}"
    if usd <= _LEAST / 2:
        return f"<${_LEAST:f}"
    rounded = round(usd, min(_DIGITS - 1 - usd.adjusted(), _MAX_DECIMALS))
    return f"${rounded:f}" if rounded < 1 else f"${rounded:.2f}"


def exact(amount: Decimal) -> str:
    """Return all digits of an amount, without an exponent."""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def significant(number: float, digits: int = 4) -> str:
    """Return the first digits of a number, without an exponent."""
    return f"{Decimal(f'{number:.{digits}g}'):,f}"


def compact(number: int) -> str:
    """Return a number with at most six digits, or with a unit: ``31.2 M``."""
    if number < _COMPACT_FROM:
        return f"{number:,}"
    size, unit = next(one for one in _UNITS if number >= one[0])
    return grouped(number / size, 1) + f" {unit}"


def grouped(number: Decimal | float, decimals: int = 0) -> str:
    """Return a number with separators between thousands."""
    return f"{number:,.{decimals}f}"


def rate(number: int, periods: int) -> str:
    """Return how many there are in a period, on average: few with two digits."""
    found = number / max(periods, 1)
    return grouped(found) if found >= _MANY else significant(found, 2)


def share(part: int, whole: int, decimals: int = 0) -> str:
    """Return a part of a whole in percent."""
    return f"{part / whole:.{decimals}%}" if whole else "0%"


def many(number: int, one: str) -> str:
    """Return a number with what it counts: ``1 call``, ``2,000 calls``."""
    return counted(number, one).replace(str(number), f"{number:,}", 1)


# -- axes ------------------------------------------------------------------------------------------

_TIMES = (
    (0.001, "1 ms"), (0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"), (60, "1 min"),
    (600, "10 min"), (3600, "1 h"), (36_000, "10 h"), (864_000, "10 d"),
)  # fmt: skip
_STEPS = (
    *((60 * minutes, minutes, "min") for minutes in (1, 2, 5, 10, 15, 30)),
    *((3600 * hours, hours, "h") for hours in (1, 2, 6, 12)),
    *((86_400 * days, days, "d") for days in (1, 2, 5, 10)),
)
"""Between the marks of an axis: seconds, and the same in a unit."""
_MAX_STEPS = 6
_SECONDS_UP_TO = 100
"""Up to so many seconds an axis has Plotly's own marks."""


def money_ticks() -> dict[str, Any]:
    """Return the marks of a logarithmic axis of USD, from a millionth on."""
    powers = range(-_MAX_DECIMALS, _MAX_DECIMALS + 1)
    values = [10.0**power for power in powers]
    texts = [f"${10**power:,}" if power >= 0 else f"${10.0**power:.{-power}f}" for power in powers]
    return {"tickvals": values, "ticktext": texts}


def time_ticks() -> dict[str, Any]:
    """Return the marks of a logarithmic axis of seconds: times as people say them."""
    values, texts = zip(*_TIMES, strict=True)
    return {"tickvals": list(values), "ticktext": list(texts)}


def time_axis(seconds: Iterable[float | None]) -> dict[str, Any]:
    """Return the marks of an axis from 0 on which seconds are, in minutes or hours if these fit."""
    most = max((one for one in seconds if one is not None), default=0.0)
    step = next((one for one in _STEPS if most / one[0] <= _MAX_STEPS), None)
    if most <= _SECONDS_UP_TO or step is None:
        return {"ticksuffix": " s"}
    seconds_each, each, unit = step
    numbers = range(_MAX_STEPS + 2)
    return {
        "tickvals": [seconds_each * number for number in numbers],
        "ticktext": [f"{each * number} {unit}" if number else "0" for number in numbers],
    }
