"""Select the rows of the emitter tables that apply to a scope and version; unite their effects."""

from __future__ import annotations

from collections.abc import Iterable

from otel_session_agg.conventions._schema import Effect, Emitter

Effects = frozenset[int]

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
