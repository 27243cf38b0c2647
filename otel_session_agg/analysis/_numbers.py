"""Figures as pages and charts show them: with separators, rounded where that is read more easily.

Whatever is rounded here is exact beside it, or when one points at it.
"""

from __future__ import annotations

from decimal import Decimal

from otel_session_agg._untrusted.formatting import counted

__all__ = ["USD_FORMAT", "compact", "exact", "grouped", "many", "money", "share", "significant"]

USD_FORMAT = "$,.6~f"
"""Amounts in Plotly's charts."""

_DIGITS = 3
"""Digits of amounts below one dollar."""
_UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_COMPACT_FROM = 100_000


def money(amount: Decimal | float | None) -> str:
    """Return USD with the sign: in cents, or with three digits what is less than a dollar."""
    if amount is None:
        return "unknown"
    usd = Decimal(amount)
    if usd >= 1 or not usd:
        return f"${usd:,.2f}"
    return f"${exact(round(usd, _DIGITS - 1 - usd.adjusted()))}"


def exact(amount: Decimal) -> str:
    """Return all digits of an amount, without an exponent."""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def significant(number: float) -> str:
    """Return four digits of a number, without an exponent."""
    return f"{Decimal(f'{number:.4g}'):,f}"


def compact(number: int) -> str:
    """Return a number with at most six digits, or with a unit: ``31.2 M``."""
    if number < _COMPACT_FROM:
        return f"{number:,}"
    size, unit = next(one for one in _UNITS if number >= one[0])
    return grouped(number / size, 1) + f" {unit}"


def grouped(number: float, decimals: int = 0) -> str:
    """Return a number with separators between thousands."""
    return f"{number:,.{decimals}f}"


def share(part: int, whole: int, decimals: int = 0) -> str:
    """Return a part of a whole in percent."""
    return f"{part / whole:.{decimals}%}" if whole else "0%"


def many(number: int, one: str) -> str:
    """Return a number with what it counts: ``1 call``, ``2,000 calls``."""
    return counted(number, one).replace(str(number), f"{number:,}", 1)
