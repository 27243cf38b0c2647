"""Totals from bytes of a store.

What a store has is trusted in nothing: every field is checked for its type and its bounds.  All
functions raise `MalformedError` for what is not as expected; readers count that and skip it.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from otel_session_agg._model.dimensions import Dimension, dimension_value, is_same
from otel_session_agg._model.merges import (
    ANY,
    FIRST,
    LATEST,
    MAX,
    MAX_MODELS,
    MAYBE,
    MIN,
    SUM,
    UNION,
    Rule,
    rules_of,
)
from otel_session_agg._model.rollup import At, Rollup
from otel_session_agg._model.session_totals import (
    MAX_LABELS,
    MAX_LINKS,
    Labelled,
    LastRoot,
    Member,
    SessionTotals,
)
from otel_session_agg._model.turns import Turn
from otel_session_agg._reasons import SESSION_ENDS
from otel_session_agg._setting_rules import MAX_DIMENSIONS
from otel_session_agg._sharing.details_form import details_in
from otel_session_agg._sharing.parts import Part, Recorded
from otel_session_agg._sharing.stored_form import COUNTS, DEFAULTS, FLAGS, TRACE_BYTES, VERSION
from otel_session_agg._untrusted.values import MAX_WHOLE

T = TypeVar("T")

_HEX = frozenset("0123456789abcdef")
MAX_BYTES = 1_000_000
"""Bytes of one value in a store: ten times the largest that is ever written."""

_MAX_SUM = 10**30
"""No process writes larger sums: a million USD in picodollars is 10**18."""

_BOUNDS = {
    "count": (0, _MAX_SUM),  # also a sum of what cannot be below 0
    "number": (-_MAX_SUM, _MAX_SUM),
    "time": (0, MAX_WHOLE),  # nanoseconds since the Unix epoch, as OTLP carries
    "sequence number": (0, MAX_WHOLE),
}
"""The smallest and the largest whole number of each kind."""


class MalformedError(ValueError):
    """A value in the store is not what this version writes."""


# -- totals --------------------------------------------------------------------------------


def decode(value: bytes, *, max_bytes: int = MAX_BYTES) -> SessionTotals:
    """Decode the totals of a session.

    Raises:
        MalformedError: another version wrote it, or another program.

    """
    return _checked(value, _totals, max_bytes)


def decode_part(value: bytes) -> Part:
    """Decode a part of a trace; raises like `decode`."""
    return _checked(value, _part)


def decode_recorded(value: bytes) -> Recorded:
    """Decode what the last record of a session was made from; raises like `decode`."""
    return _checked(value, _recorded)


def _checked(value: bytes, read: Callable[[dict[str, Any]], T], max_bytes: int = MAX_BYTES) -> T:
    if not isinstance(value, bytes) or len(value) > max_bytes:
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
    packed = b64decode(_expect(str, row.get("traces", "")), validate=True)
    if len(packed) % TRACE_BYTES:
        message = "half a trace id"
        raise MalformedError(message)
    traces = (packed[at : at + TRACE_BYTES] for at in range(0, len(packed), TRACE_BYTES))
    members = [Member(*_root(root)) for root in _expect(list, row.get("members", []))]
    labels = {name: _label(value) for name, value in row.get("metadata", {}).items()}
    known = [(name, label) for name, label in labels.items() if label is not None]
    plain: dict[str, Any] = {name: _whole("count", row.get(name, 0)) for name in COUNTS}
    plain.update({name: _expect(bool, row.get(name, False)) for name in FLAGS})
    return SessionTotals(
        rollup=_rollup(row["rollup"], row.get("details", {})),
        traces=frozenset(int.from_bytes(trace, "big") for trace in traces),
        members=tuple(sorted(members)[:MAX_LINKS]),
        user=_at(row["user"]) if row.get("user") is not None else None,
        metadata=dict(known[:MAX_LABELS]),
        dimensions=_dimensions(row.get("dimensions", {})),
        dearest_turn=_turn(row["dearest_turn"]) if row.get("dearest_turn") is not None else None,
        first_input=_at(row["first_input"]) if row.get("first_input") is not None else None,
        last_root=LastRoot(*_root(row["last_root"])) if row.get("last_root") is not None else None,
        **plain,
    )


def _part(row: dict[str, Any]) -> Part:
    parts = _expect(list, row["parts"])
    details = _expect(list, row.get("details", [{}] * len(parts)))
    return Part(
        rollups={
            _text_or_none(session): _rollup(rollup, its)
            for (session, rollup), its in zip(parts, details, strict=True)
        },
        is_open=_expect(bool, row["open"]),
        root=_expect(bool, row["root"]),
        session_id=_text_or_none(row["session"]),
        seq=_whole("sequence number", row["seq"]),
        included=tuple(_expect(str, writer) for writer in _expect(list, row.get("included", []))),
        is_unsampled=_expect(bool, row.get("unsampled", False)),
    )


def _recorded(row: dict[str, Any]) -> Recorded:
    reason = _expect(str, row.get("reason", ""))  # older versions wrote neither
    return Recorded(
        revision=_whole("sequence number", row["revision"]),
        version=_whole("count", row["version"]),
        reason=reason if reason in SESSION_ENDS else "",
        ended_ns=_whole("time", row.get("ended_ns", 0)),
    )


def _rollup(row: dict[str, Any], details: object) -> Rollup:
    if not row.keys() <= DEFAULTS.keys():
        message = f"unknown fields {sorted(row.keys() - DEFAULTS.keys())}"
        raise MalformedError(message)
    known = {name: _READERS[_RULES[name]](value) for name, value in row.items()}
    return Rollup(**known, details=details_in(details))


# -- checks --------------------------------------------------------------------------------


def _expect(kind: type[T], value: object) -> T:
    """Return a value of exactly this type: JSON has no others."""
    if type(value) is not kind:
        message = f"no {kind.__name__}: {value!r:.40}"
        raise MalformedError(message)
    return value


def _whole(kind: str, value: object) -> int:
    """Return a whole number within the bounds of its kind."""
    low, high = _BOUNDS[kind]
    if type(value) is not int or not low <= value <= high:
        message = f"no {kind}: {value!r:.40}"
        raise MalformedError(message)
    return value


def _id(value: object, digits: int) -> int:
    """Return an id from so many hexadecimal digits."""
    if type(value) is not str or len(value) != digits or not _HEX.issuperset(value):
        message = f"no id: {value!r:.40}"
        raise MalformedError(message)
    return int(value, 16)


def _text_or_none(value: object) -> str | None:
    return None if value is None else _expect(str, value)


def _at(value: Any) -> At:
    """Return a value with its time and span id."""
    time_ns, span_id, text = value
    return At(_whole("time", time_ns), _whole("count", span_id), _expect(str, text))


def _root(value: Any) -> tuple[int, int, int]:
    """Return a time with the trace id and the span id of a session root."""
    time_ns, trace_id, span_id = value
    return _whole("time", time_ns), _id(trace_id, 32), _id(span_id, 16)


def _label(value: Any) -> Labelled | None:
    """Return a piece of metadata; ``None`` for a number that no attribute can have.

    Older versions wrote such numbers; only they are left out.
    """
    time_ns, stated = value
    if type(stated) is int and abs(stated) > MAX_WHOLE:
        return None
    if type(stated) not in _LABEL_TYPES:
        message = f"no label: {stated!r:.40}"
        raise MalformedError(message)
    return Labelled(_whole("time", time_ns), stated)


def _turn(row: Any) -> Turn:
    """Return what a turn has used."""
    cost_pusd, trace_id, total_tokens = row
    tokens = None if total_tokens is None else _whole("number", total_tokens)
    return Turn(_whole("number", cost_pusd), _id(trace_id, 32), tokens)


def _dimensions(row: Any) -> dict[str, Dimension]:
    """Return dimensions; older versions wrote none, and there are never more than so many."""
    found = {name: _dimension(one) for name, one in _expect(dict, row).items()}
    return {name: found[name] for name in sorted(found)[:MAX_DIMENSIONS]}


def _dimension(row: Any) -> Dimension:
    time_ns, span_id, stated = row
    value = dimension_value(stated)
    if value is None or not is_same(value, stated):
        message = f"no value of a dimension: {stated!r:.40}"
        raise MalformedError(message)
    return Dimension(_whole("time", time_ns), _whole("count", span_id), value)


def _models(value: object) -> frozenset[str]:
    names = [_expect(str, name) for name in _expect(list, value)]
    return frozenset(names[:MAX_MODELS])


_LABEL_TYPES = (str, bool, int, float)
_RULES = rules_of(Rollup)
_READERS: Mapping[Rule, Callable[[Any], Any]] = {
    # below 0 when a late span takes back what is in another slot
    SUM: partial(_whole, "number"),
    MAYBE: partial(_whole, "number"),
    MIN: partial(_whole, "time"),
    MAX: partial(_whole, "time"),
    ANY: partial(_expect, bool),
    UNION: _models,
    LATEST: _at,
    FIRST: _at,
}
"""How the value of a field is checked, by the way it is merged."""
