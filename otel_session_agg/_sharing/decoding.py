"""Values that come back from a store, each checked for its type: what is there may be anybody's.

All functions raise ``MalformedError`` for what is not of the type that they return.
"""

from __future__ import annotations

from typing import Any

from otel_session_agg._model.rollup import At
from otel_session_agg._model.session_totals import Labelled
from otel_session_agg._values import MAX_WHOLE

_HEX = frozenset("0123456789abcdef")
_MOST = 10**30
"""Larger sums are nobody's: a million USD in picodollars is 10**18."""

_LATEST_NS = 2**63 - 1
"""The latest time that OTLP carries, nanoseconds since the Unix epoch."""

MAX_SEQUENCE = 2**63 - 1
"""The largest number of a slot."""


class MalformedError(ValueError):
    """A value in the store is not what this version writes."""


def time_in(value: object) -> int:
    """A time in nanoseconds since the Unix epoch."""
    if whole(value) > _LATEST_NS:
        message = f"no time: {value!r:.40}"
        raise MalformedError(message)
    return whole(value)


def whole(value: object) -> int:
    """A count, or a sum of what cannot be below 0."""
    if type(value) is not int or not 0 <= value <= _MOST:
        message = f"no count: {value!r:.40}"
        raise MalformedError(message)
    return value


def sequence(value: object) -> int:
    """The number of a slot, as stores can have it."""
    if whole(value) > MAX_SEQUENCE:
        message = f"no sequence number: {value!r:.40}"
        raise MalformedError(message)
    return whole(value)


def number(value: object) -> int:
    """A whole number."""
    if type(value) is not int or abs(value) > _MOST:
        message = f"no whole number: {value!r:.40}"
        raise MalformedError(message)
    return value


def flag(value: object) -> bool:
    """True or false."""
    if type(value) is not bool:
        message = f"no flag: {value!r:.40}"
        raise MalformedError(message)
    return value


def text(value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        message = f"no text: {value!r:.40}"
        raise MalformedError(message)
    return value


def rows(value: object) -> list[Any]:
    """A list of anything."""
    if not isinstance(value, list):
        message = f"no list: {value!r:.40}"
        raise MalformedError(message)
    return value


def text_or_none(value: object) -> str | None:
    """A text, or nothing."""
    return None if value is None else text(value)


def id_in(value: object, digits: int) -> int:
    """An id in hexadecimal."""
    if len(text(value)) != digits or not _HEX.issuperset(text(value)):
        message = f"no id: {value!r:.40}"
        raise MalformedError(message)
    return int(text(value), 16)


def at_in(value: Any) -> At:
    """A value with its time and span."""
    time_ns, span_id, said = value
    return At(time_in(time_ns), whole(span_id), text(said))


def labelled(time_ns: object, value: object) -> Labelled:
    """A piece of metadata."""
    if isinstance(value, str):
        return Labelled(time_in(time_ns), text(value))
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= MAX_WHOLE):
        return Labelled(time_in(time_ns), value)
    message = f"no label: {value!r:.40}"
    raise MalformedError(message)
