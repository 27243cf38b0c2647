"""Index the tables of ``conventions``: which keys mean something, and which is asked first.

A convention is data: rows that give keys a meaning.  All conventions are merged into one index from
key to *entries*: a meaning, its precedence, and the row behind it.  Precedences are positions in
the lists of ``conventions/_precedence.py``.  Only ``plan.py`` looks keys up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._precedence import (
    AGENT_NAMES,
    COSTS,
    GENERIC_COSTS,
    KINDS,
    SESSIONS,
    SPAN_NAMES,
    USERS,
    WEAK_SESSIONS,
    WRONG_KIND_NAMES,
)
from otel_session_agg.conventions._schema import (
    Convention,
    Emitter,
    Events,
    Meaning,
    NamedSpans,
    SpanNames,
)

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
    ("answer", Meaning.ANSWER),
    ("error_type", Meaning.ERROR_TYPE),
    ("feedback", Meaning.FEEDBACK),
    ("content", Meaning.CONTENT),
    ("tool", Meaning.TOOL),
    ("agent", Meaning.AGENT),
    ("metadata", Meaning.METADATA),
    ("tool_name", Meaning.TOOL_NAME),
    ("entity_name", Meaning.ENTITY_NAME),
    ("chain_agent", Meaning.CHAIN_AGENT),
)


def _positions(order: Iterable[str | tuple[str, ...]]) -> dict[str, int]:
    """Return the position of each key; keys whose values are added share one."""
    return {
        key: position
        for position, item in enumerate(order)
        for key in ((item,) if isinstance(item, str) else item)
    }


_KIND_ORDER = _positions(KINDS)
_COST_ORDER = _positions((*COSTS, *GENERIC_COSTS))
_RANKED: tuple[tuple[str, int, dict[str, int]], ...] = (
    ("cost", Meaning.COST, _COST_ORDER),
    ("cost_text", Meaning.COST_TEXT, _COST_ORDER),
    ("cost_parts", Meaning.COST_PART, _COST_ORDER),
    ("session", Meaning.SESSION, _positions((*SESSIONS, *WEAK_SESSIONS))),
    ("user", Meaning.USER, _positions(USERS)),
    ("agent_name", Meaning.AGENT_NAME, _positions(AGENT_NAMES)),
)
_TEXTS = (
    ("texts", Meaning.USAGE_TEXT),
    ("model_texts", Meaning.MODEL_TEXT),
    ("response_texts", Meaning.RESPONSE_TEXT),
    ("session_texts", Meaning.SESSION_TEXT),
    ("conversation_texts", Meaning.CONVERSATION_TEXT),
    ("user_texts", Meaning.USER_TEXT),
    ("agent_texts", Meaning.AGENT_TEXT),
    ("billed", Meaning.BILLED),
    ("fees", Meaning.FEE),
    ("terms", Meaning.TERM),
    ("first_tokens", Meaning.FIRST_TOKEN),
)


MAX_SILENT = 8192
"""Keys that are remembered to be no feedback: those of flattened messages of a thousand turns."""

_MAX_SILENT_CHARS = 128
"""Mean length of keys that are remembered; that of a tool call in a message has 71."""


class KeyMeaning:
    """An entry of the index: one meaning of a key, its precedence, and the table row behind it."""

    __slots__ = ("convention", "key", "meaning", "precedence", "row")

    def __init__(
        self, meaning: int, convention: int, precedence: int, key: str, row: object = None
    ) -> None:
        self.meaning = meaning
        self.convention = convention
        """The position of its convention among all."""
        self.precedence = precedence
        """Of two entries with one meaning the lower is asked first."""
        self.key = key
        self.row = row


def keys_of(entries: Mapping[int, Sequence[KeyMeaning]], meaning: int) -> tuple[str, ...]:
    """Return the keys that have a meaning, in order of precedence."""
    return tuple(entry.key for entry in entries.get(meaning, ()))


def precedence_of(spans: NamedSpans) -> int:
    """Return the precedence of spans' names among the keys of kinds."""
    return _KIND_ORDER[WRONG_KIND_NAMES if spans.despite_keys else SPAN_NAMES]


class Index:
    """All conventions merged: entries by key, and the rows that no key leads to."""

    def __init__(self, conventions: Sequence[Convention]) -> None:
        self.entries: dict[str, list[KeyMeaning]] = {}
        self.named_spans: dict[str, list[tuple[NamedSpans, Kind]]] = {}
        self.emitters: list[Emitter] = []
        self.events: list[Events] = []
        self.span_names: list[SpanNames] = []
        self.feedback_prefixes: tuple[str, ...] = ()
        self.feedback_events: frozenset[str] = frozenset()
        self.silent: set[str] = set()
        """Keys that are known to be no feedback."""
        self._num_entries = 0
        for number, convention in enumerate(conventions):
            self._add(number, convention)

    def _add_entry(
        self,
        number: int,
        key: str,
        meaning: int,
        row: object = None,
        precedence: int | None = None,
    ) -> None:
        """Add an entry; without a precedence of its own it comes after all that were added."""
        entries = self.entries.setdefault(key, [])
        self._num_entries += 1
        if precedence is None:
            precedence = self._num_entries
        # of two conventions that give a key the same meaning the first has it
        if row is not None or all(entry.meaning != meaning for entry in entries):
            entries.append(KeyMeaning(meaning, number, precedence, key, row))

    def _add(self, number: int, convention: Convention) -> None:
        for name, meaning in _LISTS:
            for key in getattr(convention, name):
                self._add_entry(number, key, meaning)
        for name, meaning, order in _RANKED:
            for key in getattr(convention, name):
                self._add_entry(number, key, meaning, None, order.get(key, len(order)))
        for name, meaning in _TEXTS:
            for row in getattr(convention, name):
                self._add_entry(number, row.key, meaning, row)
        for kinds in convention.kinds:
            place = _KIND_ORDER.get(kinds.place or kinds.key, len(KINDS))
            self._add_entry(number, kinds.key, Meaning.KIND, kinds, place)
        for spans in convention.spans:
            for name, kind in spans.names.items():
                self.named_spans.setdefault(name, []).append((spans, kind))
                self.named_spans[name].sort(key=lambda row: precedence_of(row[0]))
        self.emitters.extend(convention.emitters)
        self.events.extend(convention.events)
        self.span_names.extend(convention.span_names)
        self.feedback_prefixes += convention.feedback_prefixes
        self.feedback_events |= frozenset(convention.feedback_events)

    def has_feedback(self, keys: Collection[str]) -> bool:
        """Return whether a key begins as those of feedback do."""
        if self.silent.issuperset(keys):
            return False
        joined = "\n" + "\n".join(keys)
        for prefix in self.feedback_prefixes:
            if "\n" + prefix in joined:
                return True
        if len(keys) <= MAX_SILENT and len(joined) <= _MAX_SILENT_CHARS * len(keys):
            if len(self.silent) + len(keys) > MAX_SILENT:
                self.silent.clear()
            self.silent.update(keys)
        return False
