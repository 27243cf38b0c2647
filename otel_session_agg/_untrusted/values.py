"""Convert attribute values to numbers and text, or refuse them.

Emitters write integers as floats, strings, and JSON-quoted strings; they also write ``True``,
``NaN`` and ``"unknown"``.  Every function here takes a value of any type and returns ``None`` for
values that it refuses; none of them raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from math import isfinite

MAX_TOKENS = 10**12
"""The largest plausible count of one call: the longest context windows are below 10**8 tokens."""

MAX_COST_USD = 10**9
"""The largest plausible cost of one call, USD."""

MAX_TEXT_CHARS = 1024
"""The longest name or id: long enough for a Bedrock profile ARN, short enough to keep."""

MAX_WHOLE = 2**63 - 1
"""The largest whole number that OTLP carries."""

PUSD_PER_USD = 10**12
"""Picodollars per US dollar."""

_SCRUBBED = "[Scrubbed due to "
"""How Logfire's replacement for values that may be secrets begins.

``session.id`` looks like a secret to it.  Taken as an id, the replacement would merge all sessions.
"""

_NOT_AT_ENDS = (
    '"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007'
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""The quote of JSON, and all blanks."""

_MAX_NUMBER_CHARS = 40
_PUSD = Decimal(PUSD_PER_USD)
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
"""Used instead of the application's context, which may round to a few digits, or raise."""


def plain(value: str) -> str:
    """Return the text as a plain ``str``: methods of a subclass may do anything, and raise."""
    return value if type(value) is str else str.__str__(value)


def encodable(value: str) -> str:
    """Return the text without halves of surrogate pairs, which no exporter can encode."""
    return value if value.isascii() else value.encode(errors="replace").decode()


def plain_text(value: object) -> str | None:
    """Return a text as a plain ``str``; ``None`` for any other value."""
    return plain(value) if isinstance(value, str) else None


def _unquoted(value: str) -> str:
    text = plain(value).strip()
    while len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text


def count(value: object, most: int = MAX_TOKENS) -> int | None:
    """Return a number, of tokens by default, from 0 to ``most``: int, whole float, or text."""
    if type(value) is int:
        return value if 0 <= value <= most else None
    if isinstance(value, float):
        number = float.__float__(value)
        return (
            int(number)
            if isfinite(number) and number.is_integer() and 0 <= number <= most
            else None
        )
    stated = plain_text(value)
    if stated is None or len(stated) > _MAX_NUMBER_CHARS:
        return None
    stated = _unquoted(stated)
    if stated.isascii() and stated.isdigit():
        return count(int(stated), most)
    try:
        return count(float(stated), most) if stated.isascii() and stated[:1].isdigit() else None
    except ValueError:
        return None


def picodollars(value: object) -> int | None:
    """Return USD as whole picodollars, rounded once, half to even.

    Negative, infinite and implausible amounts are refused.
    """
    amount: str | int
    if type(value) is int:
        # before it becomes a decimal, which takes the square of its length
        if not 0 <= value <= MAX_COST_USD:
            return None
        amount = value
    elif isinstance(value, float):
        # the shortest text that names the float is the amount that its writer meant
        amount = float.__repr__(value)
    else:
        stated = plain_text(value)
        if stated is None or len(stated) > _MAX_NUMBER_CHARS:
            return None
        amount = _unquoted(stated)
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
    """Return a name or id as non-empty text, without surrounding blanks or JSON quotes.

    Values that differ only by these are the same: emitters write ids as JSON, and headers keep no
    blanks.  Integers are written out; scrubbed values are refused.  Idempotent.
    """
    if type(value) is str:
        if len(value) > MAX_TEXT_CHARS:
            return None
        if value.strip(_NOT_AT_ENDS) != value:  # nearly always there is neither blank nor quote
            value = _unquoted(value)
        return None if not value or (value[0] == "[" and value.startswith(_SCRUBBED)) else value
    if isinstance(value, str):
        return text(plain(value))
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    return None


def first_text(keys: tuple[str, ...], attributes: Mapping[str, object]) -> str | None:
    """Return the first valid name or id under these keys, which must be there."""
    for key in keys:
        value = text(attributes[key])
        if value is not None:
            return value
    return None


def flag(value: object) -> bool | None:
    """Return ``True`` or ``False``, given as such or as text."""
    if isinstance(value, bool):
        return value
    stated = plain_text(value)
    if stated is None or len(stated) > len("false"):
        return None
    return {"true": True, "false": False}.get(stated.lower())
