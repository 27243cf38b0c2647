"""Make ``SpanData`` of the fields that formats have, as it is made of the SDK's spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._reading.span import CARRYING_SCOPES
from otel_session_agg._untrusted.values import MAX_WHOLE

KINDS = ("INTERNAL", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
"""Kinds of spans by their number in OTLP; 0 is unspecified."""

STATUS_ERROR = 2
"""The number of the status code ``ERROR`` in OTLP."""

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8

_IS_REMOTE = 0x300
"""The flags of a span in OTLP for a parent in another process: it is known, and it is so."""

_new = tuple.__new__  # the named tuple's own ``__new__`` costs twice as much


MAX_KEYS = 4096
"""Keys of attributes that are kept; instrumentations have some hundred."""

_MAX_KEY_CHARS = 128

KEYS: dict[str, str] = {}
"""Keys of attributes, so that spans share them: they are hashed, stored and compared once."""


def kept_key(key: str) -> str:
    """Return a key that is not in ``KEYS``; keep it, if it is short."""
    if len(key) <= _MAX_KEY_CHARS:
        if len(KEYS) >= MAX_KEYS:
            KEYS.clear()
        KEYS[key] = key
    return key


class Scope(NamedTuple):
    """The instrumentation scope of a group of spans."""

    name: str
    version: str
    carries_context: bool
    """Whether its spans may have a parent in this process although it looks remote."""


def scope_of(name: str, version: str) -> Scope:
    """Return the scope with this name and version."""
    return Scope(name, version, name.startswith(CARRYING_SCOPES))


def nanoseconds(time: int) -> int:
    """Return a time; 0 when no store and no exporter can carry it."""
    return time if 0 <= time <= MAX_WHOLE else 0


def made_span(  # noqa: PLR0913 -- the fields of a span
    scope: Scope,
    name: str,
    trace_id: int,
    span_id: int,
    parent_id: int | None,
    flags: int,
    kind: int,
    start_ns: int,
    end_ns: int,
    attributes: Mapping[str, Any],
    events: Sequence[SpanEvent],
    status_code: int,
    description: str,
    dropped_attributes: int,
) -> SpanData:
    """Return a span.  ``flags``, ``kind`` and ``status_code`` are OTLP's numbers."""
    is_part = parent_id is not None and flags & _IS_REMOTE == _IS_REMOTE
    start_ns, end_ns = nanoseconds(start_ns), nanoseconds(end_ns)
    start_ns, end_ns = start_ns or end_ns, end_ns or start_ns
    if end_ns < start_ns:  # noqa: PLR1730 -- the clock was put back; ``max`` takes longer
        end_ns = start_ns
    failed = status_code == STATUS_ERROR
    return _new(
        SpanData,
        (
            name,
            trace_id,
            span_id,
            None if is_part else parent_id,
            KINDS[kind] if 0 <= kind < len(KINDS) else "INTERNAL",
            scope.name,
            scope.version,
            start_ns,
            end_ns,
            attributes,
            events,
            failed,
            (description or None) if failed else None,
            parent_id if is_part and scope.carries_context else None,
            is_part,
            dropped_attributes,
        ),
    )
