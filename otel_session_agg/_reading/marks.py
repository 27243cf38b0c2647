"""That keys say things: what plans are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_session_agg._values import text


class KeyMeaning:
    """That a key says something, with which precedence; ``extra`` is the table row behind it."""

    __slots__ = ("extra", "key", "precedence", "says")

    def __init__(self, says: int, precedence: int, key: str, extra: object = None) -> None:
        self.says = says
        self.precedence = precedence
        self.key = key
        self.extra = extra


def keys_of(marks: Mapping[int, Sequence[KeyMeaning]], says: int) -> tuple[str, ...]:
    """The keys that say something, the first to be asked first."""
    return tuple(meaning.key for meaning in marks.get(says, ()))


def first_text(keys: tuple[str, ...], attributes: Mapping[str, object]) -> str | None:
    """The first valid name or id among these keys."""
    for key in keys:
        value = text(attributes[key])
        if value is not None:
            return value
    return None
