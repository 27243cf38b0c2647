"""Select the rows of the emitter tables that apply to a scope or span, and unite their effects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from otel_session_agg._untrusted.values import MAX_TEXT_CHARS, flag, plain_text, text
from otel_session_agg.conventions._schema import Effect, Emitter

Effects = frozenset[int]

NameKeys = tuple[tuple[int, tuple[str, ...]], ...]
"""Keys of a call's names, by their positions in ``NAMES`` of ``plan.py``."""

_NUM_MODEL_NAMES = 3
"""The first positions: provider, response model, request model."""

STREAMING_KEYS = (
    "gen_ai.is_streaming",
    "gen_ai.request.stream",
    "llm.is_streaming",
    "gen_ai.request.is_stream",
)
"""Flags that state that the answer was streamed."""

_CACHED_PART = frozenset((Effect.PROMPT_EXCLUDES_CACHE, Effect.PROMPT_INCLUDES_CACHE))

_MAX_DIGITS = 9
_MAX_CHARS = 64
"""Characters of a version that are read: the numbers are at its head."""


def version_tuple(version: str) -> tuple[int, ...]:
    """Return the numbers at the head of a version, for comparing: ``1.3b0`` is ``(1, 3)``."""
    numbers: list[int] = []
    for part in version[:_MAX_CHARS].split("."):
        ends = (i for i, char in enumerate(part) if not char.isdecimal() or not char.isascii())
        digits = part[: next(ends, len(part))]
        if not digits or len(digits) > _MAX_DIGITS:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def applies_to(row: Emitter, scope: str, version: str) -> bool:
    """Return whether a row applies to spans of this scope and version."""
    if not scope.startswith(row.scopes) or (row.not_scopes and scope.startswith(row.not_scopes)):
        return False
    numbers = version_tuple(version)
    if row.since and numbers and numbers < version_tuple(row.since):
        return False
    return not row.before or (bool(numbers) and numbers < version_tuple(row.before))


def depends_on_values(row: Emitter) -> bool:
    """Return whether a row applies to some of the spans with certain keys, by their values."""
    return bool(row.streaming or row.providers or row.not_providers or row.contains or row.matches)


def united(rows: Iterable[Emitter]) -> Effects:
    """Return the effects of all rows; of the cached part, the first row that decides holds."""
    effects: frozenset[int] = frozenset()
    for row in rows:
        effects |= row.effects if effects.isdisjoint(_CACHED_PART) else row.effects - _CACHED_PART
    return effects


def effects_of(rows: Iterable[Emitter], names: NameKeys, attributes: Mapping[str, Any]) -> Effects:
    """Return the effects of the rows that apply to a span by the values of its attributes."""
    return united(row for row in rows if _applies(row, names, attributes))


def _applies(row: Emitter, names: NameKeys, attributes: Mapping[str, Any]) -> bool:
    """Return whether a row applies to a span, by the values of its attributes."""
    if row.streaming and not any(flag(attributes.get(key)) for key in STREAMING_KEYS):
        return False
    if row.providers and not mentions(row.providers, names, attributes):
        return False
    if row.not_providers and mentions(row.not_providers, names, attributes):
        return False
    if row.contains is not None:
        key, part = row.contains
        if part not in (plain_text(attributes.get(key)) or ""):
            return False
    if row.matches is None:
        return True
    key, pattern = row.matches
    text_there = (plain_text(attributes.get(key)) or "")[:MAX_TEXT_CHARS]
    return re.search(pattern, text_there) is not None


def mentions(words: tuple[str, ...], names: NameKeys, attributes: Mapping[str, Any]) -> bool:
    """Return whether the provider or a model name of a span contains one of these words."""
    for position, keys in names:
        for key in keys if position < _NUM_MODEL_NAMES else ():
            value = text(attributes[key])
            if value is not None and any(word in value.lower() for word in words):
                return True
    return False
