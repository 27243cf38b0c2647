"""Leave out of a span what people and models wrote: prompts, answers, arguments, results, errors.

Everything that the readers of ``_reading/`` use stays, so that the span comes to the same figures.
It is a list of what is kept, so that an attribute which nobody knows is content:

=========================  =====================================================================
attribute                  what is kept
=========================  =====================================================================
counts, costs, flags       the value, if it is a number, a flag, or the text of one
names, ids, terms, times   the value, up to 1024 characters
objects with figures       the figures; see ``scrubbed_text.py``
whose presence says all    the key
any other                  numbers and flags
=========================  =====================================================================

The description of the status, the message of an exception and its stack trace are content, but for
the name of an error by which a connection is lost; its type is not.  Names of spans, tools, agents
and models, ids of sessions and users, metadata of sessions and the dimensions that are grouped by
are not content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from otel_session_agg._model.span import SpanData, SpanEvent
from otel_session_agg._reading.emitters import STREAMING_KEYS
from otel_session_agg._reading.first_token import EVENTS, event_name
from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._reading.outcome import lost_by
from otel_session_agg._reading.span import INDEX
from otel_session_agg._spans.given import as_made
from otel_session_agg._spans.scrubbed_text import scrubbed
from otel_session_agg._untrusted.json_text import loaded
from otel_session_agg._untrusted.values import MAX_TEXT_CHARS
from otel_session_agg.conventions import CONVENTIONS
from otel_session_agg.conventions._first_token_rows import FirstToken
from otel_session_agg.conventions._schema import Meaning
from otel_session_agg.conventions._term_rows import TermKey

_NAMES = frozenset({
    Meaning.RESPONSE_MODEL, Meaning.REQUEST_MODEL, Meaning.PROVIDER, Meaning.RESPONSE_ID,
    Meaning.SERVICE_TIER, Meaning.SERVER_ADDRESS, Meaning.ERROR_TYPE, Meaning.SESSION,
    Meaning.USER, Meaning.COST_CURRENCY, Meaning.TOOL_NAME, Meaning.AGENT_NAME,
    Meaning.ENTITY_NAME, Meaning.CHAIN_AGENT,
})  # fmt: skip
"""Meanings whose values are names or ids."""
_TEXTS = frozenset({
    Meaning.USAGE_TEXT, Meaning.MODEL_TEXT, Meaning.SESSION_TEXT, Meaning.CONVERSATION_TEXT,
    Meaning.USER_TEXT, Meaning.AGENT_TEXT, Meaning.BILLED, Meaning.TERM, Meaning.METADATA,
    Meaning.COST_TEXT, Meaning.FIRST_TOKEN, Meaning.RESPONSE_TEXT,
})  # fmt: skip
"""Meanings whose values are objects with figures among other things."""
_PRESENCE = frozenset({
    Meaning.OUTPUT, Meaning.CONTENT, Meaning.TOOL, Meaning.AGENT, Meaning.FEEDBACK, Meaning.ANSWER,
})  # fmt: skip
"""Meanings that a key has, or whose values are content."""

_NEVER_LONG = frozenset({int, float, bool, type(None)})
"""Types of values that have no text in them; what inherits from them is looked at."""

_ATTRIBUTES = SpanData._fields.index("attributes")  # after which the events come
_new = tuple.__new__

_MAX_FIGURE_CHARS = 64
_MAX_ITEMS = 16
_FIGURE = re.compile(r'["\s]*(?:[-+]?[0-9.eE+-]+|true|false|yes|no|on|off)["\s]*', re.IGNORECASE)
_NO_FIGURE = "-"
_TIME = re.compile(r'["\s]*[0-9T:. Z+-]{1,40}["\s]*')
_KIND = re.compile(r'["\s]*[\w.:/$-]{1,128}(?: [\w.:/$-]{1,64})?["\s]*')
_BLANKS = frozenset(row.blank for table in CONVENTIONS for row in table.events)

_NAMES_OF_IDS = frozenset(row.key for table in CONVENTIONS for row in table.session_texts) - {
    "metadata"
}
"""Keys whose whole text is an id."""
_SEARCHED = frozenset(
    found[0]
    for table in CONVENTIONS
    for row in table.emitters
    for found in (row.contains, row.matches)
    if found
)
"""Keys of whose texts a part shows what an emitter means."""
_OF_EMITTERS = _SEARCHED | {
    key for table in CONVENTIONS for row in table.emitters for key in (*row.has, *row.lacks)
}
"""These, and those whose presence shows it."""
_FLAGS = frozenset(STREAMING_KEYS) | {row.unless for table in CONVENTIONS for row in table.fees}
_OPENINGS: Mapping[str, str] = {"gen_ai.agent.description": "A human user"}
"""How texts begin that emitters' rows look for."""
_MARKS: Mapping[str, str] = {"gen_ai.output.messages": '"finish_reason"'}
"""What emitters' rows search for anywhere in texts."""
_KEPT = (_SEARCHED - _MARKS.keys()) | _FLAGS | _NAMES_OF_IDS
_SHOWN = frozenset({"ai.request.headers.user-agent"})
"""Texts of programs in which emitters' rows search."""

_EXCEPTION, _EXCEPTION_TYPE, _MESSAGE = "exception", "exception.type", "exception.message"
_OF_ERRORS = frozenset({_EXCEPTION_TYPE, _MESSAGE})
_READ_EVENTS = frozenset(name for one in CONVENTIONS for row in one.events for name in row.names)
"""Events whose attributes are read as if they were the span's."""


def without_content(span: SpanData, kept: frozenset[str] = frozenset()) -> SpanData:
    """Return a span without prompts, answers, arguments, results and other texts of users.

    Args:
        span: As it was stored; totals that were written on it are left out, too.
        kept: Attributes that are kept as they are: those that sessions are grouped by.

    """
    span = as_made(span)
    return span._replace(
        attributes=_attributes(span.attributes, span.scope_name, kept),
        events=[event for one in span.events if (event := _event(one, span.scope_name))],
        status_description=lost_by(span.status_description),
    )


def without_long_texts(span: SpanData, kept: frozenset[str] = frozenset()) -> SpanData:
    """Return a span without its long texts that are nothing but content; the keys stay.

    It comes to the same figures and the same error; only outputs and inputs are not what they
    were.  Objects that may have figures in them stay as they are: to take these out takes longer
    than it saves.

    Args:
        span: As it was stored.
        kept: Attributes that are kept as they are.

    """
    scope, events = span.scope_name, span.events
    attributes = _short(span.attributes, scope, kept)
    if events:
        short = [(one, _short(one.attributes, scope, _OF_ERRORS)) for one in events]
        events = tuple([event._replace(attributes=left) for event, left in short])
    elif attributes is span.attributes:  # as mostly
        return span
    # ``_replace`` takes three times as long
    return _new(SpanData, (*span[:_ATTRIBUTES], attributes, events, *span[_ATTRIBUTES + 2 :]))


def _short(found: Mapping[str, Any], scope: str, kept: frozenset[str]) -> Mapping[str, Any]:
    """Return attributes without long texts; the same object if there are none."""
    gone: list[str] = []
    for key, value in found.items():
        kind = type(value)
        if kind is str:
            if len(value) <= MAX_TEXT_CHARS:
                continue
        elif kind in _NEVER_LONG or not _is_long(value):
            continue
        if key not in kept and _is_content(key, scope):
            gone.append(key)
    return {**found, **dict.fromkeys(gone, "")} if gone else found


def _is_long(value: Any) -> bool:
    """Return whether a value may have long texts in it."""
    if isinstance(value, (list, tuple)):
        return len(value) > MAX_TEXT_CHARS or any(map(_is_long, value))
    return isinstance(value, Mapping) or (
        isinstance(value, (str, bytes)) and len(value) > MAX_TEXT_CHARS
    )


@lru_cache(maxsize=4096)
def _is_content(key: str, scope: str) -> bool:
    """Return whether the value of a key is nothing but content: at most its presence is read."""
    entries = INDEX.entries.get(key, ())
    return not (key in _KEPT or _is_term(entries)) and all(
        entry.meaning in _PRESENCE
        or (
            entry.meaning in _TEXTS
            and entry.meaning != Meaning.FIRST_TOKEN
            and not _is_read(entry, scope)
        )
        for entry in entries
    )


def _event(event: SpanEvent, scope: str) -> SpanEvent | None:
    """Return an event without content; ``None``: nothing is read of such events."""
    if event.name == _EXCEPTION:
        type_ = event.attributes.get(_EXCEPTION_TYPE)
        if not lost_by(type_):
            type_ = lost_by(event.attributes.get(_MESSAGE)) or type_
        known = isinstance(type_, str) and len(type_) <= MAX_TEXT_CHARS
        return event._replace(attributes={_EXCEPTION_TYPE: type_} if known else {})
    if event.name in _READ_EVENTS:
        return event._replace(attributes=_attributes(event.attributes, scope, frozenset()))
    if event.name in INDEX.feedback_events:
        return event._replace(attributes={})
    name = event_name(event.name)
    return event._replace(name=name, attributes={}) if name in EVENTS else None


def _attributes(found: Mapping[str, Any], scope: str, kept: frozenset[str]) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for key, value in found.items():
        if key in kept or (isinstance(value, str) and value in _BLANKS):
            left[key] = value
        elif key in INDEX.entries:
            left[key] = _known(key, value, scope)
        elif key.startswith(INDEX.feedback_prefixes):
            left[next(one for one in INDEX.feedback_prefixes if key.startswith(one))] = ""
        elif isinstance(value, (bool, int, float)) and len(key) <= MAX_TEXT_CHARS:
            left[key] = value
        elif key in _OF_EMITTERS or key in _FLAGS:
            left[key] = _other(key, value)
    return left


def _known(key: str, value: Any, scope: str) -> Any:
    """Return what is kept of an attribute whose key has a meaning."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    entries = INDEX.entries[key]
    meanings = {entry.meaning for entry in entries}
    if Meaning.KIND in meanings:
        return _word(value)
    if Meaning.SERVER_ADDRESS in meanings and isinstance(value, str):
        value = value.partition("?")[0]  # a query may hold anything
    if not meanings.isdisjoint(_NAMES) or key in _NAMES_OF_IDS or _is_term(entries):
        return _name(value)
    if meanings == {Meaning.FIRST_TOKEN} and isinstance(value, str) and _TIME.fullmatch(value):
        return value
    texts = meanings & _TEXTS
    if texts and any(_is_read(entry, scope) for entry in entries if entry.meaning in texts):
        return _scrubbed(value, texts)
    if Meaning.FIRST_TOKEN not in meanings and meanings <= _PRESENCE | _TEXTS:
        return _other(key, value)
    return _figure(value)


def _is_term(entries: Sequence[KeyMeaning]) -> bool:
    """Return whether a value is a term, and no object with some."""
    return any(isinstance(entry.row, TermKey) for entry in entries)


def _is_read(entry: KeyMeaning, scope: str) -> bool:
    """Return whether something is read in a text on spans of this scope."""
    if isinstance(entry.row, FirstToken) and not entry.row.member:
        return False
    return scope.startswith(getattr(entry.row, "scopes", ()) or ("",))


def _word(value: Any) -> Any:
    """Return what names a kind; nothing else has so few words."""
    return value if isinstance(value, str) and _KIND.fullmatch(value) else _NO_FIGURE


def _name(value: Any) -> Any:
    """Return a name; a longer one is none, but for its beginning, which names a tool or agent."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT_CHARS else value[: MAX_TEXT_CHARS + 1]
    return _figure(value)


def _figure(value: Any) -> Any:
    """Return a value that is a number or a flag, or a short list of such; else one that is none."""
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        if not value or value.isspace():
            return ""
        return value if len(value) <= _MAX_FIGURE_CHARS and _FIGURE.fullmatch(value) else _NO_FIGURE
    if isinstance(value, (list, tuple)) and len(value) <= _MAX_ITEMS:
        return [_figure(one) for one in value if not isinstance(one, (list, tuple, dict))]
    return _NO_FIGURE


def _other(key: str, value: Any) -> Any:
    """Return what is kept of a text of which a part may be looked for."""
    if not isinstance(value, str):
        return ""
    if key in _SHOWN:
        return value[:MAX_TEXT_CHARS]
    if key in _FLAGS:
        return _figure(value)
    mark, opening = _MARKS.get(key, ""), _OPENINGS.get(key, "")
    is_there = mark in value[:MAX_TEXT_CHARS] if mark else value.startswith(opening)
    return (mark or opening) if is_there else ""


def _scrubbed(value: Any, meanings: Iterable[int]) -> Any:
    keeps_all, is_metadata = Meaning.COST_TEXT in meanings, Meaning.METADATA in meanings
    if isinstance(value, str):
        return scrubbed(value, keeps_all=keeps_all, is_metadata=is_metadata)
    if isinstance(value, (Mapping, list, tuple)):
        try:
            text = json.dumps(value, default=lambda _: None)
            return loaded(scrubbed(text, keeps_all=keeps_all, is_metadata=is_metadata))
        except (ValueError, TypeError, RecursionError):
            return _NO_FIGURE
    return _NO_FIGURE
