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

MAX_WHOLE = 2**63 - 1
"""The largest whole number that OTLP carries."""

PUSD_PER_USD = 10**12

_SCRUBBED = "[Scrubbed due to "
"""How what Logfire puts in place of a value that may be a secret begins; ``session.id`` looks like one.  As an id it would make one
of all."""

_FIRST_OF_MORE_BLANKS = "\x85"
"""Behind ASCII, the first character that is a blank."""

_MAX_NUMBER_CHARS = 40
_PUSD = Decimal(PUSD_PER_USD)
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
"""Not the application's own context: that may round to a few digits, or raise."""


def plain(value: str) -> str:
    """The same text as one of Python's own: methods of a subclass may do anything, and raise."""
    return value if type(value) is str else str.__str__(value)


def encodable(value: str) -> str:
    """The text without halves of surrogate pairs, which no exporter can encode."""
    return value if value.isascii() else value.encode(errors="replace").decode()


def plain_text(value: object) -> str | None:
    """The same of any value; ``None`` if it is no text."""
    return plain(value) if isinstance(value, str) else None


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
        number = float.__float__(value)
        return (
            int(number)
            if isfinite(number) and number.is_integer() and 0 <= number <= MAX_TOKENS
            else None
        )
    said = plain_text(value)
    if said is None or len(said) > _MAX_NUMBER_CHARS:
        return None
    said = _unquoted(said)
    if said.isascii() and said.isdigit():
        return count(int(said))
    try:
        return count(float(said)) if said.isascii() and said[:1].isdigit() else None
    except ValueError:
        return None


def picodollars(value: object) -> int | None:
    """USD as whole picodollars, rounded once, half to even; negative, infinite and absurd amounts are refused."""
    amount: str | int
    if type(value) is int:
        if (
            not 0 <= value <= MAX_COST_USD
        ):  # before it is made a decimal, which takes the square of its length
            return None
        amount = value
    elif isinstance(value, float):
        amount = float.__repr__(
            value
        )  # the shortest text that names the float is the amount its writer meant
    else:
        said = plain_text(value)
        if said is None or len(said) > _MAX_NUMBER_CHARS:
            return None
        amount = _unquoted(said)
    if isinstance(amount, str) and not (amount.isascii() and amount[:1].isdigit()):
        return None
    try:
        usd = Decimal(amount, _EXACT)
        if not usd.is_finite() or not 0 <= usd <= MAX_COST_USD:
            return None
    except InvalidOperation:
        return None
    return int(_EXACT.multiply(usd, _PUSD).to_integral_value(context=_EXACT))


def text(value: object) -> str | None:
    """A name or id: non-empty text without surrounding blanks or JSON quotes, and not scrubbed; integers are written out.

    What differs by these only is the same: emitters write ids as JSON, and headers keep no blanks.  Of the result it makes the same again.
    """
    if type(value) is str:
        if len(value) > MAX_TEXT_CHARS:
            return None
        if not (
            value and _FIRST_OF_MORE_BLANKS > value[0] > '"' < value[-1] < _FIRST_OF_MORE_BLANKS
        ):  # else neither blank nor quote, as nearly always
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
    said = plain_text(value)
    if said is None or len(said) > len("false"):
        return None
    return {"true": True, "false": False}.get(said.lower())
