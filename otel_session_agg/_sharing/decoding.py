"""Totals from bytes of a store.

What a store has is trusted in nothing: every field is checked for its type.  All functions raise
`MalformedError` for what is not of the type that they return; readers count that and skip it.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from otel_session_agg._model.merges import ANY, FIRST, LATEST, MAX, MAYBE, MIN, SUM, Rule, rules_of
from otel_session_agg._model.rollup import MAX_MODELS, UNION, At, Rollup
from otel_session_agg._model.session_totals import (
    MAX_LABELS,
    MAX_LINKS,
    Labelled,
    LastRoot,
    Member,
    SessionTotals,
)
from otel_session_agg._reasons import SESSION_ENDS
from otel_session_agg._sharing.parts import Part, Recorded
from otel_session_agg._sharing.stored_form import COUNTS, DEFAULTS, FLAGS, TRACE_BYTES, VERSION
from otel_session_agg._values import MAX_WHOLE

T = TypeVar("T")

_HEX = frozenset("0123456789abcdef")
_MAX_BYTES = 1_000_000
"""Bytes of one value: ten times the largest that is ever written."""

_MAX_SUM = 10**30
"""No process writes larger sums: a million USD in picodollars is 10**18."""

_LATEST_NS = 2**63 - 1
"""The latest time that OTLP carries, nanoseconds since the Unix epoch."""

MAX_SEQUENCE = 2**63 - 1
"""The largest sequence number of a slot."""


class MalformedError(ValueError):
    """A value in the store is not what this version writes."""


# -- totals --------------------------------------------------------------------------------


def decode(value: bytes) -> SessionTotals:
    """Decode the totals of a session.

    Raises:
        MalformedError: another version wrote it, or another program.

    """
    return _checked(value, _totals)


def decode_part(value: bytes) -> Part:
    """Decode a part of a trace; raises like `decode`."""
    return _checked(value, _part)


def decode_recorded(value: bytes) -> Recorded:
    """Decode what the last record of a session was made from; raises like `decode`."""
    return _checked(value, _recorded)


def _checked(value: bytes, read: Callable[[dict[str, Any]], T]) -> T:
    if not isinstance(value, bytes) or len(value) > _MAX_BYTES:
        message = f"no bytes, or too many of them: {value!r:.40}"
        raise MalformedError(message)
    try:
        row = json.loads(value)
        if not isinstance(row, dict) or type(row.get("v")) is not int or row["v"] != VERSION:
            message = "another version"
            raise MalformedError(message)
        return read(row)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Base64Error) as error:
        message = f"{type(error).__name__}: {error}"
        raise MalformedError(message) from error


def _totals(row: dict[str, Any]) -> SessionTotals:
    packed = b64decode(text(row.get("traces", "")), validate=True)
    if len(packed) % TRACE_BYTES:
        message = "half a trace id"
        raise MalformedError(message)
    traces = (packed[at : at + TRACE_BYTES] for at in range(0, len(packed), TRACE_BYTES))
    roots = [
        Member(time_in(start), id_in(trace, 32), id_in(span, 16))
        for start, trace, span in rows(row.get("members", []))
    ]
    labels = [
        (text(name), label)
        for name, values in row.get("metadata", {}).items()
        for label in _labels(values)
    ]
    plain: dict[str, Any] = {name: whole(row.get(name, 0)) for name in COUNTS}
    plain.update({name: flag(row.get(name, False)) for name in FLAGS})
    return SessionTotals(
        rollup=_rollup(row["rollup"]),
        traces=frozenset(int.from_bytes(trace, "big") for trace in traces),
        members=tuple(sorted(roots)[:MAX_LINKS]),
        user=at_in(row["user"]) if row.get("user") is not None else None,
        metadata=dict(labels[:MAX_LABELS]),
        last_root=_last_root(*row["last_root"]) if row.get("last_root") is not None else None,
        **plain,
    )


def _labels(values: Any) -> list[Labelled]:
    """Return a piece of metadata, or nothing for a number that no attribute can have.

    Older versions wrote such numbers; only they are left out.
    """
    _, value = values
    return [] if type(value) is int and abs(value) > MAX_SEQUENCE else [labelled(*values)]


def _last_root(end: object, trace: object, span: object) -> LastRoot:
    return LastRoot(time_in(end), id_in(trace, 32), id_in(span, 16))


def _part(row: dict[str, Any]) -> Part:
    rollups = {text_or_none(session): _rollup(rollup) for session, rollup in rows(row["parts"])}
    included = tuple(text(writer) for writer in rows(row.get("included", [])))
    session_id = text_or_none(row["session"])
    is_unsampled = flag(row.get("unsampled", False))
    return Part(
        rollups,
        flag(row["open"]),
        flag(row["root"]),
        session_id,
        sequence(row["seq"]),
        included,
        is_unsampled,
    )


def _recorded(row: dict[str, Any]) -> Recorded:
    reason = text(row.get("reason", ""))  # older versions wrote neither
    ended_ns = time_in(row.get("ended_ns", 0))
    return Recorded(
        sequence(row["revision"]),
        whole(row["version"]),
        reason if reason in SESSION_ENDS else "",
        ended_ns,
    )


def _rollup(row: dict[str, Any]) -> Rollup:
    if not row.keys() <= DEFAULTS.keys():
        message = f"unknown fields {sorted(row.keys() - DEFAULTS.keys())}"
        raise MalformedError(message)
    return Rollup(**{name: _READERS[_RULES[name]](value) for name, value in row.items()})


# -- checks --------------------------------------------------------------------------------


def time_in(value: object) -> int:
    """Return a time in nanoseconds since the Unix epoch."""
    if whole(value) > _LATEST_NS:
        message = f"no time: {value!r:.40}"
        raise MalformedError(message)
    return whole(value)


def whole(value: object) -> int:
    """Return a count, or a sum of what cannot be below 0."""
    if type(value) is not int or not 0 <= value <= _MAX_SUM:
        message = f"no count: {value!r:.40}"
        raise MalformedError(message)
    return value


def sequence(value: object) -> int:
    """Return the sequence number of a slot, as stores can have it."""
    if whole(value) > MAX_SEQUENCE:
        message = f"no sequence number: {value!r:.40}"
        raise MalformedError(message)
    return whole(value)


def number(value: object) -> int:
    """Return a whole number."""
    if type(value) is not int or abs(value) > _MAX_SUM:
        message = f"no whole number: {value!r:.40}"
        raise MalformedError(message)
    return value


def flag(value: object) -> bool:
    """Return a boolean."""
    if type(value) is not bool:
        message = f"no flag: {value!r:.40}"
        raise MalformedError(message)
    return value


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        message = f"no text: {value!r:.40}"
        raise MalformedError(message)
    return value


def rows(value: object) -> list[Any]:
    """Return a list of anything."""
    if not isinstance(value, list):
        message = f"no list: {value!r:.40}"
        raise MalformedError(message)
    return value


def text_or_none(value: object) -> str | None:
    """Return a text or ``None``."""
    return None if value is None else text(value)


def id_in(value: object, digits: int) -> int:
    """Return an id from so many hexadecimal digits."""
    if len(text(value)) != digits or not _HEX.issuperset(text(value)):
        message = f"no id: {value!r:.40}"
        raise MalformedError(message)
    return int(text(value), 16)


def at_in(value: Any) -> At:
    """Return a value with its time and span id."""
    time_ns, span_id, value_text = value
    return At(time_in(time_ns), whole(span_id), text(value_text))


def labelled(time_ns: object, value: object) -> Labelled:
    """Return a piece of metadata."""
    if isinstance(value, str):
        return Labelled(time_in(time_ns), text(value))
    if isinstance(value, float) or (isinstance(value, int) and abs(value) <= MAX_WHOLE):
        return Labelled(time_in(time_ns), value)
    message = f"no label: {value!r:.40}"
    raise MalformedError(message)


_RULES = rules_of(Rollup)
_READERS: Mapping[Rule, Callable[[Any], Any]] = {
    # below 0 when a late span takes back what is in another slot
    SUM: number,
    MAYBE: number,
    MIN: time_in,
    MAX: time_in,
    ANY: flag,
    UNION: lambda names: frozenset([text(name) for name in rows(names)][:MAX_MODELS]),
    LATEST: at_in,
    FIRST: at_in,
}
"""How the value of a field is checked, by the way it is merged."""
