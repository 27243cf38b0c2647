"""Values of OTLP's JSON form -> Python's: attributes, numbers, ids."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from otel_session_agg._otlp.span_fields import KEYS, kept_key

if TYPE_CHECKING:  # needs a library that is not always installed
    from otel_session_agg._otlp.json_structs import Pair, Value

_MAX_DEPTH = 64
"""Values inside each other; an attribute whose value is nested deeper is left out."""

_MAX_CHARS = 40
"""Characters of a number."""

_INT64 = range(-(2**63), 2**63)


def whole(value: float | str | None) -> int:
    """Return a whole number, given as such or as text; nothing is 0.

    Raises:
        ValueError: it is none.

    """
    if type(value) is int:
        return value
    if type(value) is str and len(value) <= _MAX_CHARS:
        return int(value)
    if type(value) is float and value.is_integer():
        return int(value)
    if value is None:
        return 0
    raise ValueError


def id_of(text: str, size: int) -> int:
    """Return an id of so many bytes: hexadecimal, or base64 as some exporters write it.

    Raises:
        ValueError: it is none.

    """
    given = bytes.fromhex(text) if len(text) == 2 * size else b64decode(text, validate=True)
    if len(given) != size:
        raise ValueError
    return int.from_bytes(given, "big")


def attributes_of(pairs: Iterable[Pair] | None, wrong: list[str]) -> dict[str, Any]:
    """Return attributes as a dict; of a key that is there twice the last value.

    Args:
        pairs: The attributes.
        wrong: Gets a text for each attribute that is left out.

    """
    found: dict[str, Any] = {}
    known = KEYS.get
    for pair in pairs or ():
        value, key = pair.value, known(pair.key) or kept_key(pair.key)
        if value is None:
            found[key] = None
        elif value.stringValue is not None:
            found[key] = value.stringValue
        else:
            try:
                found[key] = value_of(value)
            except ValueError:
                wrong.append("an attribute with a value that is none")
    return found


def value_of(value: Value | None, depth: int = 0) -> Any:
    """Return an attribute's value; ``None``: it has none, or one of an unknown type.

    Raises:
        ValueError: it is not what its type says, or nested too deeply.

    """
    if value is None:
        return None
    if value.stringValue is not None:
        return value.stringValue
    if value.intValue is not None:
        return _int64(value.intValue)
    if value.doubleValue is not None:
        return _double(value.doubleValue)
    if value.bytesValue is not None:
        return b64decode(value.bytesValue)
    if value.boolValue is not None:
        return value.boolValue
    return _nested(value, depth + 1)


def _int64(value: float | str) -> int:
    number = whole(value)
    if number not in _INT64:
        raise ValueError
    return number


def _double(value: float | str) -> float:
    """Return a number; those that JSON does not have are given as text."""
    if type(value) is str and len(value) > _MAX_CHARS:
        raise ValueError
    return float(value)


def _nested(value: Value, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError
    if value.arrayValue is not None:
        return tuple(value_of(inner, depth) for inner in value.arrayValue.values or ())
    if value.kvlistValue is not None:
        pairs = value.kvlistValue.values or ()
        return {pair.key: value_of(pair.value, depth) for pair in pairs}
    return None
