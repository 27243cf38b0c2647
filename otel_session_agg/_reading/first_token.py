"""Read how long a model call took to its first token: from keys, else from the time of an event.

What cannot be is no statement: a time before the call began or after it ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import Any

from otel_session_agg._model.span import SpanData
from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._untrusted.values import plain_text
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._first_token_rows import INSTANT, FirstToken

TOLERANCE_NS = 10_000_000
"""How much later than the end of its span the first token may come, nanoseconds.

Spans and first tokens are measured by different clocks: whole milliseconds, monotonic ones.
Recorded: up to 5 ms.
"""

EVENTS = frozenset(name for table in CONVENTIONS for name in table.first_token_events)
"""Names of events (``event_name``); the first one of a span is at its first token."""

_MAX_CHARS = 40
"""Length of a number or time; ISO 8601 with nanoseconds and an offset has 35."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_INSTANTS = ((10**17, 1), (10**14, 10**3), (10**11, 10**6), (0, 10**9))
"""The least numbers since the epoch in each unit, for times after 1973, and the unit's length."""


def event_name(name: str) -> str:
    """Return the name of an event without what BeeAI adds in parentheses."""
    return name.partition(" (")[0]


def read_first_token(
    rows: Sequence[KeyMeaning], attributes: Mapping[str, Any], span: SpanData
) -> int | None:
    """Return the nanoseconds from the start of a model call to its first token, if it states them.

    Args:
        rows: The entries of its keys that state it, in order of precedence.
        attributes: Those of the span, which have these keys.
        span: Its times and events are read.

    """
    longest = span.end_ns - span.start_ns + TOLERANCE_NS
    for entry in rows:
        row = entry.row
        if isinstance(row, FirstToken):
            stated = _stated(row, attributes[entry.key], span.start_ns)
            if stated is not None and 0 <= stated <= longest:
                return stated
    for event in span.events:
        if event_name(event.name) in EVENTS and event.time_ns:
            stated = event.time_ns - span.start_ns
            return stated if 0 <= stated <= longest else None
    return None


def _stated(row: FirstToken, value: object, start_ns: int) -> int | None:
    """Return the time that a value states, from the start of the call."""
    if row.member:
        text = plain_text(value)
        found = parsed(text) if text is not None and len(text) <= MAX_TEXT_CHARS else value
        value = found.get(row.member) if isinstance(found, Mapping) else None
    number = _number(value)
    if row.unit == INSTANT:
        at = _instant(value) if number is None else _since_epoch(number)
        return None if at is None else at - start_ns
    if number is None:
        return None
    unit = row.whole if row.whole is not None and isinstance(number, int) else row.unit
    return round(number * unit)


def _number(value: object) -> int | float | None:
    """Return a finite number, given as such or as text; ``None``: it is none."""
    text = plain_text(value)
    if text is not None:
        text = text.strip().strip('"')
        if not (len(text) <= _MAX_CHARS and text.isascii() and text[:1].isdigit()):
            return None
        try:
            value = int(text) if text.isdigit() else float(text)
        except ValueError:
            return None
    if type(value) is int:
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        number = float.__float__(value)
        return number if isfinite(number) and abs(number) < 2**63 else None
    return None


def _since_epoch(number: int | float) -> int | None:  # noqa: PYI041 -- compiled, no float is whole
    """Return a time since the epoch, whose unit its size shows, as nanoseconds."""
    unit = next((unit for least, unit in _INSTANTS if number >= least), None)
    return None if unit is None else round(number * unit)


def _instant(value: object) -> int | None:
    """Return a time in ISO 8601, perhaps as JSON, in nanoseconds; without an offset it is UTC."""
    text = plain_text(value)
    if text is None or len(text) > _MAX_CHARS + 2:
        return None
    text = text.strip().strip('"').replace("Z", "+00:00")
    whole, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if dot:  # before Python 3.11, a fraction must have three or six digits
        text = f"{whole}.{digits[:6]:0<6}{rest[len(digits) :]}"
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            time = time.replace(tzinfo=timezone.utc)
        return (time - _EPOCH) // _MICROSECOND * 1000
    except (ValueError, OverflowError):
        return None
