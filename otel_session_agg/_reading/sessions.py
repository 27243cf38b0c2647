"""Find the session of a span: its id, whether that may be a copy, its user and its metadata.

Rules
-----
* An id that the application sets for a session is strong; one of a conversation or thread, which
  frameworks set by themselves, on sub-agents too, is weak.  ``SESSIONS`` and ``WEAK_SESSIONS``
  of ``conventions/_precedence.py`` have the keys of both.
* The id of a strong key is weak when an instrumentation copied it: it equals the id of a
  conversation or thread on the same span, under a key of its own or in a text
  (``Convention.conversation_texts``), or its emitter is known to write there what it has from the
  framework (``Emitter.copied_sessions``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from otel_session_agg import attributes as n
from otel_session_agg._reading.index import KeyMeaning, keys_of
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._untrusted.values import (
    MAX_TEXT_CHARS,
    MAX_WHOLE,
    first_text,
    plain_text,
    text,
)
from otel_session_agg.conventions._precedence import SESSIONS, STATED_BY_APPLICATIONS
from otel_session_agg.conventions._schema import Emitter, Meaning, NameText

_MAX_TEXT_CHARS = 16_384
"""How much of a text is searched."""

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


class SessionKeys(NamedTuple):
    """The keys of one plan that are about sessions, in order of precedence."""

    all: tuple[str, ...]
    strong: tuple[str, ...]
    """Keys set for sessions, and not copied by the emitter."""
    weak: tuple[str, ...]
    """Keys of conversations and threads."""
    texts: tuple[KeyMeaning, ...]
    """Read when no key has an id."""
    conversations: tuple[KeyMeaning, ...]
    """Texts with ids of conversations that may have been copied."""
    pair: tuple[str | None, str | None]
    """Keys of the values that decide, where these are at most two: a session's, a conversation's.

    A single key of either stands first; where texts or more keys decide, there is no first.
    """


def session_keys(
    entries: Mapping[int, Sequence[KeyMeaning]], emitters: tuple[Emitter, ...]
) -> SessionKeys | None:
    """Return the keys of a plan, or ``None`` if none is about a session."""
    found = entries.get(Meaning.SESSION, ())
    texts = tuple(entries.get(Meaning.SESSION_TEXT, ()))
    if not found and not texts:
        return None
    copied = {key for row in emitters for key in row.copied_sessions}
    strong = [entry.key for entry in found if entry.key in SESSIONS]
    weak = [entry.key for entry in found if entry.key not in SESSIONS]
    keys = keys_of(entries, Meaning.SESSION)
    strong = [key for key in strong if key not in copied]
    weak = [key for key in weak if key not in STATED_BY_APPLICATIONS]
    conversations = tuple(entries.get(Meaning.CONVERSATION_TEXT, ()))
    pair: tuple[str | None, str | None] = None, None
    if not texts and not conversations:
        if len(keys) == 1:
            pair = keys[0], None
        elif keys == (*strong, *weak) and len(strong) == len(weak) == 1:
            pair = strong[0], weak[0]
    return SessionKeys(keys, tuple(strong), tuple(weak), texts, conversations, pair)


def read_session(keys: SessionKeys, attributes: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Return the session id that a span states, and whether it is weak."""
    if keys.strong and not keys.weak and not keys.conversations:  # no copy can be proved
        own = first_text(keys.strong, attributes)
        if own is not None:
            return own, False
    named = first_text(keys.all, attributes)
    if named is None:
        named = name_in_text(keys.texts, attributes)
        return named, named is not None
    if not keys.strong:
        return named, True
    conversations = {text(attributes[key]) for key in keys.weak}
    for entry in keys.conversations:
        conversations.update(_conversations(entry, attributes))
    for key in keys.strong:
        own = text(attributes[key])
        if own is not None and own not in conversations:
            return own, False
    return named, True


def _conversations(entry: KeyMeaning, attributes: Mapping[str, Any]) -> Iterator[str | None]:
    """Yield the ids of conversations in a text."""
    value, row = plain_text(attributes[entry.key]), entry.row
    if value is not None and isinstance(row, NameText):
        yield from map(_of_json, re.findall(row.pattern, value[:_MAX_TEXT_CHARS]))


def _of_json(value: str) -> str | None:
    try:
        return text(loaded(value))
    except ValueError:  # no escape of JSON
        return None


def name_in_text(
    entries: Sequence[KeyMeaning], attributes: Mapping[str, Any], named: str | None = None
) -> str | None:
    """Return the one model or session that a text names, or ``named`` if there is not exactly one.

    Args:
        entries: The texts, in order of precedence; their rows have the pattern of the name.
        attributes: Of the span.
        named: The name found so far; kept unless a row states that it is no name.

    """
    for entry in entries:
        value, row = plain_text(attributes[entry.key]), entry.row
        if value is None or not isinstance(row, NameText):
            continue
        if named is None or named in row.instead_of:
            names = set(re.findall(row.pattern, value[:_MAX_TEXT_CHARS]))
            if len(names) == 1:
                return text(names.pop())
    return named


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


def read_user(keys: UserKeys, attributes: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the user of the session, and the text of its metadata, for ``metadata_in``."""
    user = first_text(keys.all, attributes)
    if not keys.metadata and not keys.texts:  # as nearly always
        return user, None
    texts = (plain_text(attributes[key]) for key in keys.metadata)
    metadata = next(
        (text for text in texts if text is not None and len(text) <= _MAX_JSON_CHARS), None
    )
    return user or name_in_text(keys.texts, attributes), metadata


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
