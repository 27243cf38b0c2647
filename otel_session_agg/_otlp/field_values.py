"""Read the fields of spans, however an export spells them: ids, times, kinds, status."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from math import isfinite
from typing import Any

from otel_session_agg._untrusted.values import MAX_WHOLE, encodable, plain

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

_UNITS = ((10**11, NS_PER_S), (10**14, NS_PER_MS), (10**17, NS_PER_US))
"""Times below the number are in this unit."""

_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]+)")
_TRACE_DIGITS, _SPAN_DIGITS = 32, 16
_NUMBERED = {"1": "INTERNAL", "2": "SERVER", "3": "CLIENT", "4": "PRODUCER", "5": "CONSUMER"}
_KINDS = {**_NUMBERED, **{name: name for name in _NUMBERED.values()}}
"""By number in OTLP, and by name."""
_ERRORS = frozenset({"ERROR", "2"})

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?"
    r" ?(?:Z|UTC|([+-]\d\d):?(\d\d)?)?",
    re.ASCII,
)
_NUMBER = re.compile(r"(\d{1,20})(?:\.(\d{1,20}))?", re.ASCII)
_MAX_TIME_CHARS = 64
_MAX_NAME_CHARS = 32


class UnreadableError(ValueError):
    """A record is no span; the text says why, and quotes nothing of the record."""


def _id(value: object, max_digits: int) -> int | None:
    if not isinstance(value, str) or len(value) > max_digits + 2:
        return None
    found = _HEX.fullmatch(value)
    return (int(found[1], 16) or None) if found and len(found[1]) <= max_digits else None


def trace_id(value: object) -> int:
    """Return the id of a trace, given as hexadecimal digits; leading zeros may lack.

    Raises:
        UnreadableError: it is none.

    """
    found = _id(value, _TRACE_DIGITS)
    if found is None:
        message = "no valid trace id"
        raise UnreadableError(message)
    return found


def span_id(value: object) -> int:
    """Return the id of a span, given in the same way.

    Raises:
        UnreadableError: it is none.

    """
    found = parent_id(value)
    if found is None:
        message = "no valid span id"
        raise UnreadableError(message)
    return found


def parent_id(value: object) -> int | None:
    """Return the id of a span; ``None``: there is none, or only zeros, as some roots have."""
    return _id(value, _SPAN_DIGITS)


def interval(start_ns: int, end_ns: int) -> tuple[int, int]:
    """Return when a span started and ended; one of both is enough, 0 stands for the other.

    Raises:
        UnreadableError: there is neither.

    """
    if not start_ns and not end_ns:
        message = "no valid time"
        raise UnreadableError(message)
    start = start_ns or end_ns
    return start, max(start, end_ns)


def lasting(start: object, duration: object, unit_ns: int) -> tuple[int, int]:
    """Return when a span started and ended, given how long it took, in the same unit.

    Raises:
        UnreadableError: there is no time at which it started.

    """
    start_ns = time_ns(start, unit_ns)
    return interval(start_ns, start_ns and min(start_ns + time_ns(duration, unit_ns), MAX_WHOLE))


def time_ns(value: object, unit_ns: int = 1) -> int:
    """Return a time as nanoseconds since the Unix epoch; 0: it is none.

    Args:
        value: A number of units, as such or as text; a ``datetime``; or a text as in ISO 8601.
            Without an offset it is in UTC.
        unit_ns: The unit of numbers, in nanoseconds.

    """
    if isinstance(value, bool):
        return 0
    if isinstance(value, float):
        number_ns = value * unit_ns
        return _bounded(round(number_ns)) if isfinite(number_ns) else 0
    if isinstance(value, int):
        return _bounded(value * unit_ns)
    if isinstance(value, datetime):
        return _of_datetime(value)
    if not isinstance(value, str) or len(value) > _MAX_TIME_CHARS:
        return 0
    stated = value.strip()
    number = _NUMBER.fullmatch(stated)
    if number is None:
        return _of_iso(stated)
    fraction = number[2] or "0"
    return _bounded(int(number[1]) * unit_ns + int(fraction) * unit_ns // 10 ** len(fraction))


def any_time_ns(value: object) -> int:
    """Return a time as ``time_ns`` does; the unit of a number, seconds or less, shows by its size.

    Sizes of times after 1973 and before 5138 do not meet.
    """
    size = time_ns(value)
    return next((time_ns(value, unit) for below, unit in _UNITS if size < below), size)


def _bounded(time: int) -> int:
    return time if 0 < time <= MAX_WHOLE else 0


def _of_datetime(value: datetime) -> int:
    aware = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
    whole = (aware - _EPOCH) // _MICROSECOND * NS_PER_US
    return _bounded(whole + getattr(value, "nanosecond", 0))  # of pandas' subclass


def _of_iso(stated: str) -> int:
    found = _ISO.fullmatch(stated)
    if found is None:
        return 0
    date, time, fraction, hours, minutes = found.groups()
    offset = f"{hours}:{minutes or '00'}" if hours else "+00:00"
    try:
        whole = _of_datetime(datetime.fromisoformat(f"{date}T{time}{offset}"))
    except ValueError:  # there is no such day or hour
        return 0
    return _bounded(whole + int((fraction or "0").ljust(9, "0"))) if whole else 0


def span_kind(value: object) -> str:
    """Return the kind of a span from its name or number in OTLP; ``INTERNAL``: it has none."""
    return _KINDS.get(_name(value), "INTERNAL")


def is_error(status_code: object) -> bool:
    """Return whether a status code, as a name or as the number in OTLP, is that of errors."""
    return _name(status_code) in _ERRORS


def _name(value: object) -> str:
    """Return a member of an enumeration without what stands before it in some exports."""
    if isinstance(value, str):
        return _without_prefix(value) if len(value) <= _MAX_NAME_CHARS else ""
    return str(value) if type(value) is int and 0 <= value <= len(_KINDS) else ""


@lru_cache(maxsize=64)
def _without_prefix(name: str) -> str:
    name = name.upper().removeprefix("SPAN_KIND_").removeprefix("STATUS_CODE_")
    return name.rpartition(".")[2]


def text(value: object) -> str:
    """Return a text as an exporter can encode it; empty: it is none."""
    if type(value) is str and value.isascii():
        return value
    return encodable(plain(value)) if isinstance(value, str) else ""


def record(value: object) -> Mapping[str, Any]:
    """Return an object of JSON; empty: it is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[Any]:
    """Return an array of JSON; empty: it is none."""
    return value if isinstance(value, list) else ()
