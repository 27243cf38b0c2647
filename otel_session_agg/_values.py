"""Attribute values made into numbers and text, or refused.

Emitters write integers as floats, strings, and JSON-quoted strings; they also write ``True``, ``NaN`` and ``"unknown"``.
Every function here takes a value of any type and returns ``None`` for what it refuses; none of them raises.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from math import isfinite

MAX_TOKENS = 10**12
"""The largest believable count of one call: the longest context windows are below 10**8 tokens."""

MAX_COST_USD = 10**9
"""The largest believable cost of one call, USD."""

MAX_TEXT_CHARS = 1024
"""The longest name or id: long enough for a Bedrock profile ARN, short enough to keep."""

PUSD_PER_USD = 10**12

_SCRUBBED = "[Scrubbed due to "
"""How what Logfire puts in place of a value that may be a secret begins; ``session.id`` looks like one.  As an id it would make one
of all."""

_MAX_NUMBER_CHARS = 40
_PUSD = Decimal(PUSD_PER_USD)
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
"""Not the application's own context: that may round to a few digits, or raise."""


def plain(value: str) -> str:
    """The same text as one of Python's own: methods of a subclass may do anything, and raise."""
    return value if type(value) is str else str.__str__(value)


def _unquoted(value: str) -> str:
    text = plain(value).strip()
    while len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text


def count(value: object) -> int | None:
    """A whole number of tokens from 0 to ``MAX_TOKENS``: int, integral float, or text of either."""
    if type(value) is int:
        return value if 0 <= value <= MAX_TOKENS else None
    if isinstance(value, float):
        value = float.__float__(value)
        return int(value) if isfinite(value) and value.is_integer() and 0 <= value <= MAX_TOKENS else None
    if isinstance(value, str) and str.__len__(value) <= _MAX_NUMBER_CHARS:
        text = _unquoted(value)
        if text.isascii() and text.isdigit():
            return count(int(text))
        try:
            return count(float(text)) if text.isascii() and text[:1].isdigit() else None
        except ValueError:
            return None
    return None


def picodollars(value: object) -> int | None:
    """USD as whole picodollars, rounded once, half to even; negative, infinite and absurd amounts are refused."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = _unquoted(value) if isinstance(value, str) and len(value) <= _MAX_NUMBER_CHARS else value
    if isinstance(text, str) and not (text.isascii() and text[:1].isdigit()):
        return None
    try:
        # repr: the shortest text that names the float is the amount its writer meant
        amount = Decimal(repr(text) if isinstance(text, float) else text, _EXACT)
        if not amount.is_finite() or not 0 <= amount <= MAX_COST_USD:
            return None
    except InvalidOperation:
        return None
    return int(_EXACT.multiply(amount, _PUSD).to_integral_value(context=_EXACT))


def text(value: object) -> str | None:
    """A name or id: non-empty text without surrounding blanks or JSON quotes, and not scrubbed; integers are written out.

    What differs by these only is the same: emitters write ids as JSON, and headers keep no blanks.  Of the result it makes the same again.
    """
    if type(value) is str:
        if len(value) > MAX_TEXT_CHARS:
            return None
        if not (value and value[0] > '"' < value[-1]):  # else neither blank nor quote, as nearly always
            value = _unquoted(value)
        return None if not value or value.startswith(_SCRUBBED) else value
    if isinstance(value, str):
        return text(plain(value))
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    return None


def flag(value: object) -> bool | None:
    """``True`` or ``False``, also as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and str.__len__(value) <= len("false"):
        return {"true": True, "false": False}.get(plain(value).lower())
    return None
