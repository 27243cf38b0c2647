"""Find the user of a span's session, and the metadata that the application states of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from otel_session_agg import attributes as n
from otel_session_agg._json import loaded
from otel_session_agg._reading.index import KeyMeaning, first_text, keys_of
from otel_session_agg._reading.session_ids import name_in_text
from otel_session_agg._values import MAX_TEXT_CHARS, MAX_WHOLE, plain_text
from otel_session_agg.conventions._schema import Meaning

Value = str | bool | int | float

_MAX_JSON_CHARS = 16_384
"""Longest metadata that is read."""

_MAX_KEPT_CHARS = 8192
"""How much of it is kept for each session that is remembered."""

_FRAMEWORKS = ("__", "checkpoint_", "langfuse_", "langgraph_", "langsmith", "lc_", "ls_")
"""Prefixes of names that frameworks add to the metadata of an application."""

_REDUNDANT_NAMES = frozenset(
    {"session_id", "thread_id", "conversation_id", "user_id", "userId", "sessionId", "versions"}
)
"""Names of what other attributes state as well, or of what is not about a session."""


class UserKeys(NamedTuple):
    """The keys of one plan that are about the user of a session, in order of precedence."""

    all: tuple[str, ...]
    texts: tuple[KeyMeaning, ...]
    """Read when no key has a name."""
    metadata: tuple[str, ...]
    """Objects with what else an application states of a session."""


def user_keys(entries: Mapping[int, Sequence[KeyMeaning]]) -> UserKeys | None:
    """Return the keys of a plan, or ``None`` if it has none."""
    found = UserKeys(
        keys_of(entries, Meaning.USER),
        tuple(entries.get(Meaning.USER_TEXT, ())),
        keys_of(entries, Meaning.METADATA),
    )
    return found if any(found) else None


def read_user(
    keys: UserKeys, attributes: Mapping[str, Any], scope: str
) -> tuple[str | None, str | None]:
    """Return the user of the session, and the text of its metadata, for ``metadata_in``."""
    user = first_text(keys.all, attributes)
    if not keys.metadata and not keys.texts:  # as nearly always
        return user, None
    texts = (plain_text(attributes[key]) for key in keys.metadata)
    metadata = next(
        (text for text in texts if text is not None and len(text) <= _MAX_JSON_CHARS), None
    )
    return user or name_in_text(keys.texts, attributes, scope), metadata


def metadata_in(text: str) -> dict[str, Value]:
    """Return the values of a text of metadata by name: plain ones that the application may set."""
    if len(text) > _MAX_JSON_CHARS:
        return {}
    try:
        found = loaded(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return _fitting((name, value) for name, value in found.items() if _is_kept(name, value))


def _fitting(values: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return the first values, as far as there is room for them."""
    fitting: dict[str, Value] = {}
    room = _MAX_KEPT_CHARS
    for name, value in values:
        room -= len(name) + (len(value) if isinstance(value, str) else 0)
        if room >= 0:
            fitting[name] = value
    return fitting


def _is_kept(name: str, value: object) -> bool:
    if (
        not name
        or "." in name
        or name in _REDUNDANT_NAMES
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
