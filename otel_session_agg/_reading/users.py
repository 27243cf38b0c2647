"""Who uses the session of a span, and what its application says of that session beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from otel_session_agg import attributes as n
from otel_session_agg._json import loaded
from otel_session_agg._reading.marks import KeyMeaning, first_text, keys_of
from otel_session_agg._reading.session_ids import name_in_text
from otel_session_agg._values import MAX_TEXT_CHARS, MAX_WHOLE, plain_text
from otel_session_agg.conventions._schema import Meaning

Value = str | bool | int | float

_MAX_JSON_CHARS = 16_384
"""Longer metadata is not read ..."""

_MAX_SAID_CHARS = 8192
"""... and so much of it is kept, for each session that is remembered."""

_FRAMEWORKS = ("__", "checkpoint_", "langfuse_", "langgraph_", "langsmith", "lc_", "ls_")
"""Beginnings of names that frameworks put among the metadata of an application."""

_READ_ELSEWHERE = frozenset(
    {"session_id", "thread_id", "conversation_id", "user_id", "userId", "sessionId", "versions"}
)
"""Names that say what other attributes say, or nothing of a session."""


class UserKeys(NamedTuple):
    """The keys of one plan that say who uses a session, the first to be asked first."""

    all: tuple[str, ...]
    texts: tuple[KeyMeaning, ...]
    """Asked when no key has a name."""
    metadata: tuple[str, ...]
    """Objects with what else an application says of a session."""


def user_keys(marks: Mapping[int, Sequence[KeyMeaning]]) -> UserKeys | None:
    """The keys of a plan; ``None`` when there are none."""
    found = UserKeys(
        keys_of(marks, Meaning.USER),
        tuple(marks.get(Meaning.USER_TEXT, ())),
        keys_of(marks, Meaning.METADATA),
    )
    return found if any(found) else None


def read_user(
    keys: UserKeys, attributes: Mapping[str, Any], scope: str
) -> tuple[str | None, str | None]:
    """Who uses the session, and the text of its metadata, for ``metadata_in``."""
    user = first_text(keys.all, attributes)
    if not keys.metadata and not keys.texts:  # as nearly always
        return user, None
    texts = (plain_text(attributes[key]) for key in keys.metadata)
    metadata = next(
        (text for text in texts if text is not None and len(text) <= _MAX_JSON_CHARS), None
    )
    return user or name_in_text(keys.texts, attributes, scope), metadata


def metadata_in(text: str) -> dict[str, Value]:
    """What a text of metadata says of the session, by name: plain values that the application may have set."""
    if len(text) > _MAX_JSON_CHARS:
        return {}
    try:
        found = loaded(text)
    except ValueError:
        return {}
    return (
        _fitting((name, value) for name, value in found.items() if _is_said(name, value))
        if isinstance(found, dict)
        else {}
    )


def _fitting(said: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """The first of what is said, as far as there is room for it."""
    fitting: dict[str, Value] = {}
    room = _MAX_SAID_CHARS
    for name, value in said:
        room -= len(name) + (len(value) if isinstance(value, str) else 0)
        if room >= 0:
            fitting[name] = value
    return fitting


def _is_said(name: str, value: object) -> bool:
    if (
        not name
        or "." in name
        or name in _READ_ELSEWHERE
        or name.startswith(_FRAMEWORKS)
        or n.METADATA_PREFIX + name in n.RESERVED
    ):
        return False
    if isinstance(value, str):
        return max(len(name), len(value)) <= MAX_TEXT_CHARS
    return (
        len(name) <= MAX_TEXT_CHARS
        and isinstance(value, (bool, int, float))
        and isfinite(value)
        and abs(value) <= MAX_WHOLE
    )
