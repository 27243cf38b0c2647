"""Find the session id of a span, and whether an instrumentation may have copied it.

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
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._json import loaded
from otel_session_agg._reading.index import KeyMeaning, first_text, keys_of
from otel_session_agg._values import plain_text, text
from otel_session_agg.conventions._precedence import SESSIONS, STATED_BY_APPLICATIONS
from otel_session_agg.conventions._schema import Emitter, Meaning, NameText

_MAX_TEXT_CHARS = 16_384
"""How much of a text is searched."""


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
    return SessionKeys(
        keys_of(entries, Meaning.SESSION),
        tuple(key for key in strong if key not in copied),
        tuple(key for key in weak if key not in STATED_BY_APPLICATIONS),
        texts,
        tuple(entries.get(Meaning.CONVERSATION_TEXT, ())),
    )


def read_session(
    keys: SessionKeys, attributes: Mapping[str, Any], scope: str
) -> tuple[str | None, bool]:
    """Return the session id that a span states, and whether it is weak."""
    named = first_text(keys.all, attributes)
    if named is None:
        named = name_in_text(keys.texts, attributes, scope)
        return named, named is not None
    if not keys.weak and not keys.conversations:  # as nearly always
        own = first_text(keys.strong, attributes)
        return (named, True) if own is None else (own, False)
    conversations = {text(attributes[key]) for key in keys.weak}.union(
        *(_conversations(m, attributes) for m in keys.conversations)
    )
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
    entries: Sequence[KeyMeaning],
    attributes: Mapping[str, Any],
    scope: str,
    named: str | None = None,
) -> str | None:
    """Return the one model or session that a text names, or ``named`` if there is not exactly one.

    Args:
        entries: The texts, in order of precedence; their rows have the pattern of the name.
        attributes: Of the span.
        scope: The span's instrumentation scope.
        named: The name found so far; kept unless a row states that it is no name.

    """
    for entry in entries:
        value, row = plain_text(attributes[entry.key]), entry.row
        if value is None or not isinstance(row, NameText):
            continue
        if scope.startswith(row.scopes or ("",)) and (named is None or named in row.instead_of):
            names = set(re.findall(row.pattern, value[:_MAX_TEXT_CHARS]))
            if len(names) == 1:
                return text(names.pop())
    return named
