"""Format figures and escape foreign text for terminals, HTML, logs and error messages.

All outputs use the same forms: the command line, ``repr``, HTML, error messages and the demo.
Unknown figures are shown as unknown, never as 0.  Text is untrusted: on a terminal it is reduced to
printable characters, so that it cannot move the cursor, and in HTML it is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from html import escape
from math import isfinite

UNKNOWN = "unknown"
MAX_CHARS = 400
"""Characters of a text that are shown; JSON output has all of it."""

_MAX_NAME = 60
"""Characters of a name for which a close one is looked for."""
_MICRO_USD = 0.000001
_SECOND_MS = 1_000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_UNITS_MS = (
    (_DAY_MS, "d", _HOUR_MS, "h"),
    (_HOUR_MS, "h", _MINUTE_MS, "min"),
    (_MINUTE_MS, "min", _SECOND_MS, "s"),
)
_TENTHS_BELOW_MS = 10
_MAX_MS = 10**15
"""The longest plausible duration: 30,000 years."""


# -- figures --------------------------------------------------------------------------------


def usd(amount: float | None) -> str:
    """Return an amount in USD, without the unit, to the millionth.

    An amount that would be rounded to 0 is shown as less than a millionth.
    """
    if amount is None or not isfinite(amount):
        return UNKNOWN
    return f"{amount:.6f}" if not 0 < amount <= _MICRO_USD / 2 else f"<{_MICRO_USD:.6f}"


def change_usd(amount: float) -> str:
    """Return a change of an amount in USD, with its sign, without the unit."""
    return f"+{usd(amount)}" if amount > 0 else usd(amount)


def change_percent(percent: float) -> str:
    """Return a change in percent, with its sign."""
    return f"{percent:+.1f}%" if percent else "0.0%"


def dollars(amount: float | None) -> str:
    """Return an amount in USD, with the unit."""
    return "unknown cost" if usd(amount) == UNKNOWN else f"{usd(amount)} USD"


def exact_usd(amount: float) -> str:
    """Return USD with all digits down to picodollars, without an exponent."""
    return f"{amount:.12f}".rstrip("0").rstrip(".")


def milliseconds(ms: float, decimals: int = 1) -> str:
    """Return a duration in milliseconds, without the unit."""
    return f"{ms:.{decimals}f}"


def duration(ms: float | None) -> str:
    """Return a duration in readable units.

    ``7.5 ms``, ``415 ms``, ``12.3 s``, ``3 min 5 s``, ``2 h 10 min``.
    """
    if ms is None or not abs(ms) <= _MAX_MS:
        return f"{UNKNOWN} duration"
    if round(abs(ms)) < _SECOND_MS:
        return f"{milliseconds(ms, 0 if abs(ms) >= _TENTHS_BELOW_MS else 1)} ms"
    if round(abs(ms), -2) < _MINUTE_MS:
        return f"{milliseconds(ms / _SECOND_MS)} s"
    sign, whole = "-" if ms < 0 else "", round(abs(ms) / _SECOND_MS) * _SECOND_MS
    large, name, small, rest = next(unit for unit in _UNITS_MS if whole >= unit[0])
    return f"{sign}{whole // large} {name} {whole % large // small} {rest}"


def split_duration(ms: float | None, parts: Iterable[tuple[str, float | None]]) -> str:
    """Return a duration and the parts of it that are known and not 0: ``2.0 s (tools 1.5 s)``."""
    shown = [f"{name} {duration(part)}" for name, part in parts if part]
    return duration(ms) + (f" ({', '.join(shown)})" if shown else "")


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with what it counts: ``1 call``, ``2 calls``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


# -- text -----------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Return the text with all unprintable characters as escape sequences."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def short(text: str, max_chars: int = MAX_CHARS) -> str:
    """Return the beginning of a text, printable."""
    line = printable(text[: max_chars + 1])
    return line if len(line) <= max_chars else f"{line[: max_chars - 3]}..."


def proposal(name: str, known: Iterable[str]) -> str:
    """Return which of the known names may be meant, to add to an error; empty: none is close."""
    close = get_close_matches(name[:_MAX_NAME].lower(), list(known), 1)
    return f" (did you mean {close[0]}?)" if close else ""


def as_html(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return an HTML table of names and values, for notebooks."""
    lines = "".join(
        f'<tr><th style="text-align:left">{_html(name)}</th>'
        f'<td style="text-align:left">{_html(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table><caption>{_html(title)}</caption>{lines}</table>"


def _html(text: str) -> str:
    return escape(printable(text)).encode("ascii", "xmlcharrefreplace").decode("ascii")


def as_repr(title: str, facts: Iterable[str]) -> str:
    """Return one line for ``repr``."""
    return printable(f"<{title} {', '.join(facts)}>")


def called(given: object) -> str:
    """Return what an argument of a wrong type is called in an error."""
    return f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
