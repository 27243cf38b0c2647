"""Attributes and events of spans as JSON texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from math import isfinite
from typing import Any

from otel_session_agg._extras import needed
from otel_session_agg._model.session_totals import SessionTotals
from otel_session_agg._model.span import SpanEvent
from otel_session_agg._sharing.encoding import encode, in_json

_PLAIN = frozenset({str, int, float, bool})
"""Types of values that both encoders write in the same way, but for floats that JSON has not."""


@cache
def _fast() -> Callable[[object], bytes]:
    """Return an encoder that takes a fifth of the time, and writes ``null`` for such floats."""
    encode: Callable[[object], bytes] = needed("msgspec.json", "replay").Encoder().encode
    return encode


def object_text(values: Mapping[str, Any]) -> str:
    """Return attributes as an object in JSON; what cannot be in JSON is as near as it can be."""
    given = values if type(values) is dict else dict(values)
    try:
        if _PLAIN.issuperset(map(type, given.values())):
            found = _fast()(given)
            if b"null" not in found:
                return found.decode()
        return _JSON.encode(given)
    except (ValueError, RecursionError):  # not a number, infinite, or nested too deeply
        return _JSON.encode({name: _encodable(value) for name, value in given.items()})


def totals_text(totals: SessionTotals) -> str:
    """Return the totals of a session, encoded; `decoding` reads them."""
    return encode(totals, to_json=_object).decode()


def _object(row: dict[str, Any]) -> bytes:
    try:
        found = _fast()(row)
    except (OverflowError, TypeError, UnicodeEncodeError):  # what only Python's can write
        return in_json(row)
    return in_json(row) if b"null" in found else found


def events_text(events: Iterable[SpanEvent]) -> str | None:
    """Return events as ``[[name, nanoseconds], attributes]`` for each; ``None``: there are none."""
    texts = [
        f"[{_JSON.encode([event.name, event.time_ns])}, {object_text(event.attributes)}]"
        for event in events
    ]
    return f"[{', '.join(texts)}]" if texts else None


def _encodable(value: Any) -> Any:
    """Return an attribute that cannot be in JSON as one that can; ``None``: it cannot at all."""
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    try:
        _JSON.encode(value)
    except (ValueError, RecursionError):
        return None
    return value


def _shown(value: object) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


_JSON = json.JSONEncoder(allow_nan=False, default=_shown, ensure_ascii=False, check_circular=False)
