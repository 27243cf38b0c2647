"""Which keys of a span name its session, and which of them an instrumentation may have copied from a conversation.

Rules
-----
* An id that the application sets for a session is strong; one of a conversation or thread, which frameworks set by themselves, on
  sub-agents too, is weak.  ``LAST_STRONG_SESSION`` parts the keys of both.
* A strong key says something weak when an instrumentation copied it: it has the id of a conversation or thread that stands on the
  same span, under a key of its own or in a text (``Convention.conversation_texts``), or its emitter is known to
  write there what it has from the framework (``Emitter.copied_sessions``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._json import loaded
from otel_session_agg._reading.marks import KeyMeaning, first_text, keys_of
from otel_session_agg._values import plain_text, text
from otel_session_agg.conventions._schema import Emitter, Meaning, NameText

LAST_STRONG_SESSION = 50
"""Precedence of session ids up to which they are set for sessions; those behind are of conversations and threads."""

STATED_BY_APPLICATIONS = frozenset(
    {
        "$ai_session_id",
        "ai.settings.context.sessionId",
        "ai.telemetry.metadata.$ai_session_id",
        "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.session_id",
        "gen_ai.session.id",
        "langfuse.observation.metadata.langfuse_session_id",
        "langfuse.trace.metadata.langfuse_session_id",
        "langwatch.thread.id",
        "metadata.sessionId",
        "mlflow.trace.session",
    }
)
"""Keys behind that line that hold what the application says in the words of one vendor: the same id elsewhere is no copy."""

_MAX_TEXT_CHARS = 16_384
"""How much of a text is looked through."""


class SessionKeys(NamedTuple):
    """The keys of one plan that have to do with sessions, the first to be asked first."""

    all: tuple[str, ...]
    strong: tuple[str, ...]
    """Those of them that the emitter does not copy."""
    weak: tuple[str, ...]
    """Those of conversations and threads."""
    texts: tuple[KeyMeaning, ...]
    """Asked when no key has an id."""
    conversations: tuple[KeyMeaning, ...]
    """Texts with ids of conversations that may have been copied."""


def session_keys(
    marks: Mapping[int, Sequence[KeyMeaning]], emitters: tuple[Emitter, ...]
) -> SessionKeys | None:
    """The keys of a plan; ``None`` when none names a session."""
    found = marks.get(Meaning.SESSION, ())
    texts = tuple(marks.get(Meaning.SESSION_TEXT, ()))
    if not found and not texts:
        return None
    copied = {key for row in emitters for key in row.copied_sessions}
    return SessionKeys(
        keys_of(marks, Meaning.SESSION),
        tuple(
            meaning.key
            for meaning in found
            if meaning.precedence <= LAST_STRONG_SESSION and meaning.key not in copied
        ),
        tuple(
            m.key
            for m in found
            if m.precedence > LAST_STRONG_SESSION and m.key not in STATED_BY_APPLICATIONS
        ),
        texts,
        tuple(marks.get(Meaning.CONVERSATION_TEXT, ())),
    )


def read_session(
    keys: SessionKeys, attributes: Mapping[str, Any], scope: str
) -> tuple[str | None, bool]:
    """The session that a span names, and whether it may be a conversation or thread."""
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


def _conversations(meaning: KeyMeaning, attributes: Mapping[str, Any]) -> Iterator[str | None]:
    """The ids of conversations in a text."""
    value, row = plain_text(attributes[meaning.key]), meaning.extra
    if value is not None and isinstance(row, NameText):
        yield from map(_of_json, re.findall(row.pattern, value[:_MAX_TEXT_CHARS]))


def _of_json(value: str) -> str | None:
    try:
        return text(loaded(value))
    except ValueError:  # no escape of JSON
        return None


def name_in_text(
    marks: Sequence[KeyMeaning], attributes: Mapping[str, Any], scope: str, named: str | None = None
) -> str | None:
    """The one model or session that a text names, if there is no name yet."""
    for meaning in marks:
        value, row = plain_text(attributes[meaning.key]), meaning.extra
        if (
            value is None
            or not isinstance(row, NameText)
            or not scope.startswith(row.scopes or ("",))
        ):
            continue
        names = (
            set(re.findall(row.pattern, value[:_MAX_TEXT_CHARS]))
            if named is None or named in row.instead_of
            else set()
        )
        if len(names) == 1:
            return text(names.pop())
    return named
