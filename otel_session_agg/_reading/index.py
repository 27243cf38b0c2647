"""The machinery that reads attributes by table; the only place that looks keys up.

A convention is data: which key says what.  All conventions are merged into one index from key to *marks* (what the key
says, and with which precedence).  What a set of keys says on spans of one scope is worked out once and kept as a *plan*.

Rules
-----
* Of several keys that say the same thing the lowest precedence with a valid value wins; 0 is a value.
* Prompt and completion tokens come from one convention, the first that has either; the parts may come from any.
* Two spellings of one thing are never added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from otel_session_agg._model.span import AnyAttributes, Kind, SpanEvent
from otel_session_agg._reading.emitters import is_from
from otel_session_agg._reading.marks import KeyMeaning, keys_of
from otel_session_agg._reading.session_ids import SessionKeys, session_keys
from otel_session_agg._reading.size_limits import (
    MAX_PLAN_CHARS,
    MAX_PLAN_KEYS,
    MAX_PLANS,
    MAX_SCOPE_CHARS,
    MAX_SCOPES,
    Room,
)
from otel_session_agg._reading.users import UserKeys, user_keys
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
"""Room between the precedences of two conventions for the keys of the first."""


def family(precedence: int) -> int:
    """Which convention a precedence belongs to."""
    return precedence // _KEYS_PER_CONVENTION


class Index:
    """All conventions merged: key to marks, and the rows that no key leads to."""

    def __init__(self, conventions: Sequence[Convention]) -> None:
        self.marks: dict[str, list[KeyMeaning]] = {}
        self.named_spans: dict[str, list[tuple[NamedSpans, Kind]]] = {}
        self.emitters: list[Emitter] = []
        self.events: list[Events] = []
        self.feedback_prefixes: tuple[str, ...] = ()
        self.feedback_events: frozenset[str] = frozenset()
        for convention in sorted(conventions, key=lambda c: c.precedence):
            self._add(convention)

    def _meaning(self, key: str, says: int, precedence: int, extra: object = None) -> None:
        marks = self.marks.setdefault(key, [])
        if extra is not None or all(
            meaning.says != says for meaning in marks
        ):  # of two conventions with one key the first has it
            marks.append(KeyMeaning(says, precedence, key, extra))

    def _add(self, convention: Convention) -> None:
        base = convention.precedence * _KEYS_PER_CONVENTION
        for name, says in _LISTS:
            for position, key in enumerate(getattr(convention, name)):
                self._meaning(key, says, base + position)
        for name, says in _RANKED:
            for key, precedence in getattr(convention, name).items():
                self._meaning(key, says, precedence)
        for name, says in _TEXTS:
            for position, row in enumerate(getattr(convention, name)):
                self._meaning(row.key, says, base + position, row)
        for kinds in convention.kinds:
            self._meaning(kinds.key, Meaning.KIND, kinds.precedence, kinds)
        for spans in convention.spans:
            for name, kind in spans.names.items():
                self.named_spans.setdefault(name, []).append((spans, kind))
                self.named_spans[name].sort(key=lambda row: row[0].precedence)
        self.emitters.extend(convention.emitters)
        self.events.extend(convention.events)
        self.feedback_prefixes += convention.feedback_prefixes
        self.feedback_events |= frozenset(convention.feedback_events)

    def feeds_back(self, keys: Iterable[str]) -> bool:
        """Whether some key begins as feedback does."""
        joined = "\n" + "\n".join(keys)
        return any("\n" + prefix in joined for prefix in self.feedback_prefixes)


class ReadingPlan:
    """What one set of keys says on spans of one scope, worked out once.

    ``marks`` has everything; the other fields are what is asked for most, ready for use.
    """

    __slots__ = (
        "billed", "emitters", "error_types", "families", "feedback", "has_cost", "has_usage", "kind_memo", "kinds", "marks",
        "model_texts", "names", "names_model", "one_kind_key", "outputs", "parts", "says_more", "session", "terms", "texts", "two_keys", "user",
    )  # fmt: skip

    def __init__(
        self,
        marks: Mapping[int, Sequence[KeyMeaning]],
        emitters: tuple[Emitter, ...],
        *,
        feedback: bool,
    ) -> None:
        self.marks = marks
        self.emitters = emitters
        """Rows that apply, as far as keys, scope and version tell."""
        self.kinds = tuple(marks.get(Meaning.KIND, ()))
        self.one_kind_key = len({meaning.key for meaning in self.kinds}) == 1
        self.kind_memo: dict[object, Kind] = {}
        """Kinds by the value of the one key that names a kind."""
        self.families = _families(marks)
        """Keys of prompt, completion and total by convention."""
        self.parts = tuple((says, keys_of(marks, says)) for says in PARTS if says in marks)
        self.texts = tuple(marks.get(Meaning.USAGE_TEXT, ()))
        self.model_texts = tuple(marks.get(Meaning.MODEL_TEXT, ()))
        self.two_keys = _two_keys(self)
        """The keys of prompt and completion, when there is nothing else about tokens."""
        self.has_usage = bool(self.families or self.texts)
        self.has_cost = not _COSTS.isdisjoint(marks)
        self.billed = tuple(marks.get(Meaning.BILLED, ()))
        self.terms = tuple(marks.get(Meaning.TERM, ()))
        self.names_model = Meaning.REQUEST_MODEL in marks or Meaning.RESPONSE_MODEL in marks
        self.names = tuple(
            (position, keys_of(marks, says)) for position, says in enumerate(NAMES) if says in marks
        )
        self.session: SessionKeys | None = session_keys(marks, emitters)
        self.user: UserKeys | None = user_keys(marks)
        self.outputs = keys_of(marks, Meaning.OUTPUT)
        self.error_types = keys_of(marks, Meaning.ERROR_TYPE)
        self.feedback = feedback or Meaning.FEEDBACK in marks
        counts = self.has_usage or self.has_cost or self.feedback
        makes_calls = any(row.makes_calls or row.is_call for row in emitters)
        self.says_more = bool(
            counts or self.session or self.user or self.outputs or self.error_types or makes_calls
        )
        """More than the kind, and names that matter to model calls only."""


PARTS = (
    Meaning.CACHE_READ, Meaning.CACHE_WRITE, Meaning.CACHE_WRITE_5M, Meaning.CACHE_WRITE_1H, Meaning.REASONING, Meaning.AUDIO_PROMPT,
    Meaning.AUDIO_COMPLETION, Meaning.AUDIO_CACHE_READ, Meaning.UNCACHED, Meaning.TOOL_PROMPT, Meaning.TEXT_CACHE_READ, Meaning.IMAGE_PROMPT,
    Meaning.IMAGE_COMPLETION, Meaning.WEB_SEARCHES,
)  # fmt: skip
"""Counts that are parts of the prompt or the completion, or are billed beside them."""

WHOLES = (Meaning.PROMPT, Meaning.COMPLETION, Meaning.TOTAL)
"""Counts that have to come from one convention."""

NAMES = (
    Meaning.PROVIDER, Meaning.RESPONSE_MODEL, Meaning.REQUEST_MODEL, Meaning.RESPONSE_ID, Meaning.SERVICE_TIER, Meaning.SERVER_ADDRESS,
)  # fmt: skip
"""Names of a call, in the order of positions in ``Plan.names``."""

_COSTS = frozenset((Meaning.COST, Meaning.COST_TEXT, Meaning.COST_PART, Meaning.FEE))

Family = tuple[int, tuple[tuple[int, tuple[str, ...]], ...]]


def _families(marks: Mapping[int, Sequence[KeyMeaning]]) -> tuple[Family, ...]:
    families: dict[int, dict[int, tuple[str, ...]]] = {}
    for says in WHOLES:
        for meaning in marks.get(says, ()):
            row = families.setdefault(family(meaning.precedence), {})
            row[says] = (*row.get(says, ()), meaning.key)
    return tuple((number, tuple(row.items())) for number, row in sorted(families.items()))


def _two_keys(plan: ReadingPlan) -> tuple[str, str] | None:
    if plan.parts or plan.texts or plan.emitters or len(plan.families) != 1:
        return None
    rows = plan.families[0][1]
    if [says for says, keys in rows if len(keys) == 1] != [
        Meaning.PROMPT,
        Meaning.COMPLETION,
    ] or len(rows) != 2:  # noqa: PLR2004
        return None
    return rows[0][1][0], rows[1][1][0]


class Scope:
    """What is known of one instrumentation scope at one version, and the plans of its spans."""

    def __init__(self, index: Index, name: str, version: str, room: Room | None = None) -> None:
        self._index = index
        self._room = room or Room()
        self._emitters = tuple(row for row in index.emitters if is_from(row, name, version))
        self._events = next((row for row in index.events if name.startswith(row.scopes)), None)
        self.has_events = self._events is not None  # what they say is read too
        self.named: dict[str, tuple[int, Kind, bool]] = {}
        """Precedence and kind by span name."""
        for span_name, rows in index.named_spans.items():
            row = next(
                ((r, kind) for r, kind in rows if not r.scopes or name.startswith(r.scopes)), None
            )
            if row is not None:
                self.named[span_name] = (row[0].precedence, row[1], row[0].need_usage)
        self.has_endings = any(name.startswith(".") for name in self.named)
        self._plans: dict[object, ReadingPlan] = {}

    def with_events(self, attributes: AnyAttributes, events: Iterable[SpanEvent]) -> AnyAttributes:
        """What a span of this scope says together with its events."""
        row = self._events
        said = [event.attributes for event in events if row is not None and event.name in row.names]
        return {
            k: v
            for more in (attributes, *said)
            for k, v in more.items()
            if row is not None and v != row.blank
        }

    def plan(self, attributes: Mapping[str, object]) -> ReadingPlan:
        """The plan of a span's keys."""
        keys = tuple(attributes)
        if len(keys) > MAX_PLAN_KEYS:
            return self._large(attributes)
        plan = self._plans.get(keys)
        if plan is not None:
            return plan
        if sum(map(len, keys)) > MAX_PLAN_CHARS:
            return self._large(attributes)
        return self._made(keys, keys, feedback=self._index.feeds_back(keys))

    def _large(self, attributes: Mapping[str, object]) -> ReadingPlan:
        known = frozenset(self._index.marks.keys() & attributes.keys())
        feedback = self._index.feeds_back(attributes)
        plan = self._plans.get((known, feedback))
        return plan if plan is not None else self._made((known, feedback), known, feedback=feedback)

    def _made(self, name: object, keys: Iterable[str], *, feedback: bool) -> ReadingPlan:
        present = frozenset(keys)
        emitters = tuple(
            row
            for row in self._emitters
            if (not row.has or not present.isdisjoint(row.has)) and present.isdisjoint(row.lacks)
        )
        idle = {key for row in emitters for key in row.not_keys}
        marks: dict[int, list[KeyMeaning]] = {}
        for key in keys:
            for meaning in self._index.marks.get(key, ()) if key not in idle else ():
                marks.setdefault(meaning.says, []).append(meaning)
        for found in marks.values():
            found.sort(key=lambda meaning: meaning.precedence)
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        self._room.take(present)
        plan = self._plans[name] = ReadingPlan(marks, emitters, feedback=feedback)
        return plan


class Scopes:
    """Scopes by name and version, bounded."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._room = Room()
        self._scopes: dict[tuple[str, str], Scope] = {}

    def get(self, name: str, version: str) -> Scope:
        """What is known of a scope."""
        scope = self._scopes.get((name, version))
        if scope is None or self._room.is_full:
            return self._made(name[:MAX_SCOPE_CHARS], version[:MAX_SCOPE_CHARS])
        return scope

    def _made(self, name: str, version: str) -> Scope:
        if len(self._scopes) >= MAX_SCOPES or self._room.is_full:
            self._scopes.clear()
            self._room = Room()
        scope = self._scopes.get((name, version))
        if scope is None:
            scope = self._scopes[name, version] = Scope(self._index, name, version, self._room)
        return scope
