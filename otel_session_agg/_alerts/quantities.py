"""Read and show the quantities of rules: money, durations, shares, numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._untrusted.formatting import duration, short
from otel_session_agg.analysis._numbers import grouped, significant

_QUANTITY = re.compile(
    r"(?P<dollar>\$\s*)?(?P<number>[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15}))\s*(?P<unit>%|[A-Za-z]*)"
)
_SECONDS: Mapping[str, Decimal] = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86_400),
}
_MAX_SHOWN = 40
_MAX_SECONDS = 366 * 86_400
_DURATION_FORM = "a duration with its unit (ms, s, min, h, d), such as 20 s"


class Unit(Enum):
    """What a quantity is of; the value says how it is written."""

    NUMBER = "a number, such as 10000"
    USD = "an amount in USD, such as 0.10"
    DURATION = _DURATION_FORM
    PERCENT = "a share in percent, such as 30 %"


def quantity(text: str, unit: Unit) -> Decimal:
    """Return a quantity: USD, milliseconds, percent, or a number.

    Raises:
        SettingsError: it is written in another way; the text has how.

    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is not None:
        number, written, dollar = Decimal(match["number"]), match["unit"], match["dollar"]
        if unit is Unit.USD and (dollar or written in {"", "USD"}):
            return number
        if not dollar and unit is Unit.DURATION and written in _SECONDS:
            return number * _SECONDS[written] * 1000
        if not dollar and unit is Unit.PERCENT and written == "%":
            return number
        if not dollar and unit is Unit.NUMBER and not written:
            return number
    message = f"{short(text, _MAX_SHOWN)!r} is not {unit.value}"
    raise SettingsError(message)


def seconds(value: object) -> float:
    """Return a duration in seconds, at most a year.

    Raises:
        SettingsError: it is none.

    """
    if isinstance(value, str):
        found = float(quantity(value, Unit.DURATION) / 1000)
        if 0 <= found <= _MAX_SECONDS:
            return found
    elif value == 0 and not isinstance(value, bool):
        return 0.0
    message = f"{short(str(value), _MAX_SHOWN)!r} is not {_DURATION_FORM}, of at most 366 d"
    raise SettingsError(message)


def period(length: float) -> str:
    """Return a duration in seconds as a rule has it, in one unit where that is exact: ``1 h``."""
    for unit, size in reversed(list(_SECONDS.items())):
        if length and not Decimal(length) % size:
            return f"{grouped(length / float(size))} {unit}"
    return duration(length * 1000)


def shown(value: float | Decimal | None, unit: Unit) -> str:
    """Return a quantity as people read it; an unknown one is called so."""
    if value is None:
        return "unknown"
    number = float(value)
    if unit is Unit.USD:
        return f"{significant(number)} USD"
    if unit is Unit.DURATION:
        return duration(number)
    if unit is Unit.PERCENT:
        return f"{grouped(number, 1)} %"
    return grouped(number, 0 if number == int(number) else 2)
