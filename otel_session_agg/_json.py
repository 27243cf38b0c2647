"""JSON that anybody may have written, read in a time that is linear in its length."""

from __future__ import annotations

import json
from json import JSONDecoder

_MAX_DIGITS = 40
"""Of a whole number; the largest sum that is ever written has 30."""


def _whole(digits: str) -> int | float:
    """A whole number; one that is nobody's is infinite, so that what stands beside it can be read."""
    return (
        int(digits) if len(digits) <= _MAX_DIGITS else float("-inf" if digits[0] == "-" else "inf")
    )


_DECODER = JSONDecoder(
    parse_int=_whole
)  # Python's own takes the square of the digits, or refuses the whole text


def loaded(text: str | bytes) -> object:
    """The value that a text stands for.

    Raises:
        ValueError: It is no JSON, or nested too deeply.

    """
    try:
        return _DECODER.decode(
            text
            if isinstance(text, str)
            else text.decode(json.detect_encoding(text), "surrogatepass")
        )
    except RecursionError:
        raise ValueError(text[:_MAX_DIGITS]) from None
