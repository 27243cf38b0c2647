"""Parse JSON from untrusted sources in linear time."""

from __future__ import annotations

import json
from json import JSONDecoder

_MAX_DIGITS = 40
"""Digits of a whole number that is read; the largest sum that is ever written has 30."""


def _whole(digits: str) -> int | float:
    """Return a whole number; an implausibly long one is infinite, so that the rest can be read."""
    return (
        int(digits) if len(digits) <= _MAX_DIGITS else float("-inf" if digits[0] == "-" else "inf")
    )


# Python's own ``int`` takes the square of the digits, or refuses the whole text
_DECODER = JSONDecoder(parse_int=_whole)


def loaded(text: str | bytes) -> object:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deeply.

    """
    try:
        return _DECODER.decode(
            text
            if isinstance(text, str)
            else text.decode(json.detect_encoding(text), "surrogatepass")
        )
    except RecursionError:
        raise ValueError(text[:_MAX_DIGITS]) from None
