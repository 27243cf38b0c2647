"""Which rows of the emitter tables hold for a scope at its version."""

from __future__ import annotations

from otel_session_agg.conventions._schema import Emitter

_MAX_DIGITS = 9
_MAX_CHARS = 64
"""Of a version; the numbers of longer ones would stand at the head all the same."""


def version_tuple(version: str) -> tuple[int, ...]:
    """The numbers at the head of a version, for comparing: ``1.3b0`` is ``(1, 3)``."""
    numbers: list[int] = []
    for part in version[:_MAX_CHARS].split("."):
        digits = part[
            : next(
                (i for i, char in enumerate(part) if not char.isdecimal() or not char.isascii()),
                len(part),
            )
        ]
        if not digits or len(digits) > _MAX_DIGITS:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def is_from(row: Emitter, scope: str, version: str) -> bool:
    """Whether a row holds for spans of this scope and version."""
    if not scope.startswith(row.scopes) or (row.not_scopes and scope.startswith(row.not_scopes)):
        return False
    numbers = version_tuple(version)
    if row.since and numbers and numbers < version_tuple(row.since):
        return False
    return not row.before or (bool(numbers) and numbers < version_tuple(row.before))
