"""Keep the readings of spans that state only a kind, a session and a name, as most of them do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.span import Kind, Reading
from otel_session_agg._reading.plan import PLAIN
from otel_session_agg._reading.sessions import SessionKeys, read_session
from otel_session_agg._untrusted.values import MAX_TEXT_CHARS

MAX_KEPT = 4096
"""Readings of each kind that are kept: about 1 kB each at most, and a span of another session or
name costs no more than if none were kept."""

_IN_SESSIONS: Recent[tuple[Kind, str, str, bool], Reading] = Recent(MAX_KEPT // 2)
"""By kind, the ids of a session and of a conversation as stated, and whether there is only the
latter."""

_NAMED: Recent[tuple[Kind, str | None, str | None, str, bool], Reading] = Recent(MAX_KEPT // 2)
"""By kind, name and the same; without a session the first id is ``None``."""

_TOOL = Kind.TOOL


def reading_in_session(keys: SessionKeys, attributes: Mapping[str, Any], kind: Kind) -> Reading:
    """Return the reading of a span that states its kind and its session."""
    key, weak_key = keys.pair
    value = attributes[key] if key is not None else None
    beside = attributes[weak_key] if weak_key is not None else ""
    if not type(value) is type(beside) is str or len(value) + len(beside) > MAX_TEXT_CHARS:
        return _with_session(kind, *read_session(keys, attributes))
    known = (kind, value, beside, not keys.strong)
    reading = _IN_SESSIONS.get(known)
    if reading is None:
        reading = _with_session(kind, *read_session(keys, attributes))
        _IN_SESSIONS.put(known, reading)
    return reading


def named_reading(
    keys: SessionKeys | None, attributes: Mapping[str, Any], kind: Kind, name: str | None
) -> Reading:
    """Return the reading of a tool or agent that states its name and perhaps its session."""
    value: Any = None
    beside: Any = ""
    is_weak = False
    if keys is not None:
        key, weak_key = keys.pair
        value = attributes[key] if key is not None else None
        beside = attributes[weak_key] if weak_key is not None else ""
        is_weak = not keys.strong
        if not type(value) is type(beside) is str or len(value) + len(beside) > MAX_TEXT_CHARS:
            return _with_name(reading_in_session(keys, attributes, kind), name)
    known = (kind, name, value, beside, is_weak)
    reading = _NAMED.get(known)
    if reading is None:
        unnamed = PLAIN[kind] if keys is None else reading_in_session(keys, attributes, kind)
        reading = _with_name(unnamed, name)
        _NAMED.put(known, reading)
    return reading


def _with_session(kind: Kind, session: str | None, is_weak: bool) -> Reading:  # noqa: FBT001
    return Reading(kind, session_id=session, session_is_weak=is_weak, is_plain=True)


def _with_name(reading: Reading, name: str | None) -> Reading:
    if reading.kind is _TOOL:
        return reading._replace(tool_name=name)
    return reading._replace(agent_name=name)
