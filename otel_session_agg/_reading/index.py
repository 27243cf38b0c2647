"""Index the tables of ``conventions``: which keys mean something, and with which precedence.

A convention is data: rows that give keys a meaning.  All conventions are merged into one index from
key to *entries*: a meaning, its precedence, and the row behind it.  Only ``plan.py`` looks keys up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from otel_session_agg._model.span import Kind
from otel_session_agg._values import text
from otel_session_agg.conventions._schema import Convention, Emitter, Events, Meaning, NamedSpans

_LISTS: tuple[tuple[str, int], ...] = (
    ("prompt", Meaning.PROMPT),
    ("completion", Meaning.COMPLETION),
    ("total", Meaning.TOTAL),
    ("cache_read", Meaning.CACHE_READ),
    ("cache_write", Meaning.CACHE_WRITE),
    ("cache_write_5m", Meaning.CACHE_WRITE_5M),
    ("cache_write_1h", Meaning.CACHE_WRITE_1H),
    ("reasoning", Meaning.REASONING),
    ("audio_prompt", Meaning.AUDIO_PROMPT),
    ("audio_completion", Meaning.AUDIO_COMPLETION),
    ("audio_cache_read", Meaning.AUDIO_CACHE_READ),
    ("image_prompt", Meaning.IMAGE_PROMPT),
    ("image_completion", Meaning.IMAGE_COMPLETION),
    ("web_searches", Meaning.WEB_SEARCHES),
    ("uncached", Meaning.UNCACHED),
    ("tool_prompt", Meaning.TOOL_PROMPT),
    ("text_cache_read", Meaning.TEXT_CACHE_READ),
    ("exclusive", Meaning.EXCLUSIVE),
    ("cost_currency", Meaning.COST_CURRENCY),
    ("cache_hit", Meaning.CACHE_HIT),
    ("response_model", Meaning.RESPONSE_MODEL),
    ("request_model", Meaning.REQUEST_MODEL),
    ("provider", Meaning.PROVIDER),
    ("response_id", Meaning.RESPONSE_ID),
    ("service_tier", Meaning.SERVICE_TIER),
    ("server_address", Meaning.SERVER_ADDRESS),
    ("output", Meaning.OUTPUT),
    ("error_type", Meaning.ERROR_TYPE),
    ("feedback", Meaning.FEEDBACK),
    ("content", Meaning.CONTENT),
    ("tool", Meaning.TOOL),
    ("agent", Meaning.AGENT),
    ("metadata", Meaning.METADATA),
)
_RANKED: tuple[tuple[str, int], ...] = (
    ("cost", Meaning.COST),
    ("cost_text", Meaning.COST_TEXT),
    ("cost_parts", Meaning.COST_PART),
    ("session", Meaning.SESSION),
    ("user", Meaning.USER),
)
_TEXTS = (
    ("texts", Meaning.USAGE_TEXT),
    ("model_texts", Meaning.MODEL_TEXT),
    ("session_texts", Meaning.SESSION_TEXT),
    ("conversation_texts", Meaning.CONVERSATION_TEXT),
    ("user_texts", Meaning.USER_TEXT),
    ("billed", Meaning.BILLED),
    ("fees", Meaning.FEE),
    ("terms", Meaning.TERM),
)
_KEYS_PER_CONVENTION = 100
"""Distance between the precedences of two conventions: more keys than any field has."""


class KeyMeaning:
    """An entry of the index: one meaning of a key, its precedence, and the table row behind it."""

    __slots__ = ("key", "meaning", "precedence", "row")

    def __init__(self, meaning: int, precedence: int, key: str, row: object = None) -> None:
        self.meaning = meaning
        self.precedence = precedence
        self.key = key
        self.row = row


def keys_of(entries: Mapping[int, Sequence[KeyMeaning]], meaning: int) -> tuple[str, ...]:
    """Return the keys that have a meaning, in order of precedence."""
    return tuple(entry.key for entry in entries.get(meaning, ()))


def first_text(keys: tuple[str, ...], attributes: Mapping[str, object]) -> str | None:
    """Return the first valid name or id among these keys."""
    for key in keys:
        value = text(attributes[key])
        if value is not None:
            return value
    return None


def family(precedence: int) -> int:
    """Return the number of the convention that a precedence belongs to."""
    return precedence // _KEYS_PER_CONVENTION


class Index:
    """All conventions merged: entries by key, and the rows that no key leads to."""

    def __init__(self, conventions: Sequence[Convention]) -> None:
        self.entries: dict[str, list[KeyMeaning]] = {}
        self.named_spans: dict[str, list[tuple[NamedSpans, Kind]]] = {}
        self.emitters: list[Emitter] = []
        self.events: list[Events] = []
        self.feedback_prefixes: tuple[str, ...] = ()
        self.feedback_events: frozenset[str] = frozenset()
        for convention in sorted(conventions, key=lambda c: c.precedence):
            self._add(convention)

    def _add_entry(self, key: str, meaning: int, precedence: int, row: object = None) -> None:
        entries = self.entries.setdefault(key, [])
        # of two conventions that give a key the same meaning the first has it
        if row is not None or all(entry.meaning != meaning for entry in entries):
            entries.append(KeyMeaning(meaning, precedence, key, row))

    def _add(self, convention: Convention) -> None:
        base = convention.precedence * _KEYS_PER_CONVENTION
        for name, meaning in _LISTS:
            for position, key in enumerate(getattr(convention, name)):
                self._add_entry(key, meaning, base + position)
        for name, meaning in _RANKED:
            for key, precedence in getattr(convention, name).items():
                self._add_entry(key, meaning, precedence)
        for name, meaning in _TEXTS:
            for position, row in enumerate(getattr(convention, name)):
                self._add_entry(row.key, meaning, base + position, row)
        for kinds in convention.kinds:
            self._add_entry(kinds.key, Meaning.KIND, kinds.precedence, kinds)
        for spans in convention.spans:
            for name, kind in spans.names.items():
                self.named_spans.setdefault(name, []).append((spans, kind))
                self.named_spans[name].sort(key=lambda row: row[0].precedence)
        self.emitters.extend(convention.emitters)
        self.events.extend(convention.events)
        self.feedback_prefixes += convention.feedback_prefixes
        self.feedback_events |= frozenset(convention.feedback_events)

    def has_feedback(self, keys: Iterable[str]) -> bool:
        """Return whether a key begins as those of feedback do."""
        joined = "\n" + "\n".join(keys)
        return any("\n" + prefix in joined for prefix in self.feedback_prefixes)
