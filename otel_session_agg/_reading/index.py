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
from otel_session_agg._reading.marks import Mark, keys_of
from otel_session_agg._reading.session_ids import SessionKeys, session_keys
from otel_session_agg._reading.size_limits import MAX_PLAN_CHARS, MAX_PLAN_KEYS, MAX_PLANS, MAX_SCOPE_CHARS, MAX_SCOPES, Room
from otel_session_agg._reading.users import UserKeys, user_keys
from otel_session_agg.conventions._schema import Convention, Emitter, Events, NamedSpans, Says

_LISTS: tuple[tuple[str, int], ...] = (
    ("prompt", Says.PROMPT),
    ("completion", Says.COMPLETION),
    ("total", Says.TOTAL),
    ("cache_read", Says.CACHE_READ),
    ("cache_write", Says.CACHE_WRITE),
    ("cache_write_5m", Says.CACHE_WRITE_5M),
    ("cache_write_1h", Says.CACHE_WRITE_1H),
    ("reasoning", Says.REASONING),
    ("audio_prompt", Says.AUDIO_PROMPT),
    ("audio_completion", Says.AUDIO_COMPLETION),
    ("audio_cache_read", Says.AUDIO_CACHE_READ),
    ("image_prompt", Says.IMAGE_PROMPT),
    ("image_completion", Says.IMAGE_COMPLETION),
    ("web_searches", Says.WEB_SEARCHES),
    ("uncached", Says.UNCACHED),
    ("tool_prompt", Says.TOOL_PROMPT),
    ("text_cache_read", Says.TEXT_CACHE_READ),
    ("exclusive", Says.EXCLUSIVE),
    ("cost_currency", Says.COST_CURRENCY),
    ("cache_hit", Says.CACHE_HIT),
    ("response_model", Says.RESPONSE_MODEL),
    ("request_model", Says.REQUEST_MODEL),
    ("provider", Says.PROVIDER),
    ("response_id", Says.RESPONSE_ID),
    ("service_tier", Says.SERVICE_TIER),
    ("server_address", Says.SERVER_ADDRESS),
    ("output", Says.OUTPUT),
    ("error_type", Says.ERROR_TYPE),
    ("feedback", Says.FEEDBACK),
    ("content", Says.CONTENT),
    ("tool", Says.TOOL),
    ("agent", Says.AGENT),
    ("metadata", Says.METADATA),
)
_RANKED: tuple[tuple[str, int], ...] = (
    ("cost", Says.COST),
    ("cost_text", Says.COST_TEXT),
    ("cost_parts", Says.COST_PART),
    ("session", Says.SESSION),
    ("user", Says.USER),
)
_TEXTS = (
    ("texts", Says.USAGE_TEXT),
    ("model_texts", Says.MODEL_TEXT),
    ("session_texts", Says.SESSION_TEXT),
    ("conversation_texts", Says.CONVERSATION_TEXT),
    ("user_texts", Says.USER_TEXT),
    ("billed", Says.BILLED),
    ("fees", Says.FEE),
    ("terms", Says.TERM),
)
_KEYS_PER_CONVENTION = 100
"""Room between the precedences of two conventions for the keys of the first."""


def family(precedence: int) -> int:
    """Which convention a precedence belongs to."""
    return precedence // _KEYS_PER_CONVENTION


class Index:
    """All conventions merged: key to marks, and the rows that no key leads to."""

    def __init__(self, conventions: Sequence[Convention]) -> None:
        self.marks: dict[str, list[Mark]] = {}
        self.named_spans: dict[str, list[tuple[NamedSpans, Kind]]] = {}
        self.emitters: list[Emitter] = []
        self.events: list[Events] = []
        self.feedback_prefixes: tuple[str, ...] = ()
        self.feedback_events: frozenset[str] = frozenset()
        for convention in sorted(conventions, key=lambda c: c.precedence):
            self._add(convention)

    def _mark(self, key: str, says: int, precedence: int, extra: object = None) -> None:
        marks = self.marks.setdefault(key, [])
        if extra is not None or all(mark.says != says for mark in marks):  # of two conventions with one key the first has it
            marks.append(Mark(says, precedence, key, extra))

    def _add(self, convention: Convention) -> None:
        base = convention.precedence * _KEYS_PER_CONVENTION
        for name, says in _LISTS:
            for position, key in enumerate(getattr(convention, name)):
                self._mark(key, says, base + position)
        for name, says in _RANKED:
            for key, precedence in getattr(convention, name).items():
                self._mark(key, says, precedence)
        for name, says in _TEXTS:
            for position, row in enumerate(getattr(convention, name)):
                self._mark(row.key, says, base + position, row)
        for kinds in convention.kinds:
            self._mark(kinds.key, Says.KIND, kinds.precedence, kinds)
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


class Plan:
    """What one set of keys says on spans of one scope, worked out once.

    ``marks`` has everything; the other fields are what is asked for most, ready for use.
    """

    __slots__ = (
        "billed", "emitters", "error_types", "families", "feedback", "has_cost", "has_usage", "kind_memo", "kinds", "marks",
        "model_texts", "names", "names_model", "one_kind_key", "outputs", "parts", "says_more", "session", "terms", "texts", "two_keys", "user",
    )  # fmt: skip

    def __init__(self, marks: Mapping[int, Sequence[Mark]], emitters: tuple[Emitter, ...], *, feedback: bool) -> None:
        self.marks = marks
        self.emitters = emitters
        """Rows that apply, as far as keys, scope and version tell."""
        self.kinds = tuple(marks.get(Says.KIND, ()))
        self.one_kind_key = len({mark.key for mark in self.kinds}) == 1
        self.kind_memo: dict[object, Kind] = {}
        """Kinds by the value of the one key that names a kind."""
        self.families = _families(marks)
        """Keys of prompt, completion and total by convention."""
        self.parts = tuple((says, keys_of(marks, says)) for says in PARTS if says in marks)
        self.texts = tuple(marks.get(Says.USAGE_TEXT, ()))
        self.model_texts = tuple(marks.get(Says.MODEL_TEXT, ()))
        self.two_keys = _two_keys(self)
        """The keys of prompt and completion, when there is nothing else about tokens."""
        self.has_usage = bool(self.families or self.texts)
        self.has_cost = not _COSTS.isdisjoint(marks)
        self.billed = tuple(marks.get(Says.BILLED, ()))
        self.terms = tuple(marks.get(Says.TERM, ()))
        self.names_model = Says.REQUEST_MODEL in marks or Says.RESPONSE_MODEL in marks
        self.names = tuple((position, keys_of(marks, says)) for position, says in enumerate(NAMES) if says in marks)
        self.session: SessionKeys | None = session_keys(marks, emitters)
        self.user: UserKeys | None = user_keys(marks)
        self.outputs = keys_of(marks, Says.OUTPUT)
        self.error_types = keys_of(marks, Says.ERROR_TYPE)
        self.feedback = feedback or Says.FEEDBACK in marks
        counts = self.has_usage or self.has_cost or self.feedback
        makes_calls = any(row.makes_calls or row.is_call for row in emitters)
        self.says_more = bool(counts or self.session or self.user or self.outputs or self.error_types or makes_calls)
        """More than the kind, and names that matter to model calls only."""


PARTS = (
    Says.CACHE_READ, Says.CACHE_WRITE, Says.CACHE_WRITE_5M, Says.CACHE_WRITE_1H, Says.REASONING, Says.AUDIO_PROMPT,
    Says.AUDIO_COMPLETION, Says.AUDIO_CACHE_READ, Says.UNCACHED, Says.TOOL_PROMPT, Says.TEXT_CACHE_READ, Says.IMAGE_PROMPT,
    Says.IMAGE_COMPLETION, Says.WEB_SEARCHES,
)  # fmt: skip
"""Counts that are parts of the prompt or the completion, or are billed beside them."""

WHOLES = (Says.PROMPT, Says.COMPLETION, Says.TOTAL)
"""Counts that have to come from one convention."""

NAMES = (
    Says.PROVIDER, Says.RESPONSE_MODEL, Says.REQUEST_MODEL, Says.RESPONSE_ID, Says.SERVICE_TIER, Says.SERVER_ADDRESS,
)  # fmt: skip
"""Names of a call, in the order of positions in ``Plan.names``."""

_COSTS = frozenset((Says.COST, Says.COST_TEXT, Says.COST_PART, Says.FEE))

Family = tuple[int, tuple[tuple[int, tuple[str, ...]], ...]]


def _families(marks: Mapping[int, Sequence[Mark]]) -> tuple[Family, ...]:
    families: dict[int, dict[int, tuple[str, ...]]] = {}
    for says in WHOLES:
        for mark in marks.get(says, ()):
            row = families.setdefault(family(mark.precedence), {})
            row[says] = (*row.get(says, ()), mark.key)
    return tuple((number, tuple(row.items())) for number, row in sorted(families.items()))


def _two_keys(plan: Plan) -> tuple[str, str] | None:
    if plan.parts or plan.texts or plan.emitters or len(plan.families) != 1:
        return None
    rows = plan.families[0][1]
    if [says for says, keys in rows if len(keys) == 1] != [Says.PROMPT, Says.COMPLETION] or len(rows) != 2:  # noqa: PLR2004
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
            row = next(((r, kind) for r, kind in rows if not r.scopes or name.startswith(r.scopes)), None)
            if row is not None:
                self.named[span_name] = (row[0].precedence, row[1], row[0].need_usage)
        self.has_endings = any(name.startswith(".") for name in self.named)
        self._plans: dict[object, Plan] = {}

    def with_events(self, attributes: AnyAttributes, events: Iterable[SpanEvent]) -> AnyAttributes:
        """What a span of this scope says together with its events."""
        row = self._events
        said = [event.attributes for event in events if row is not None and event.name in row.names]
        return {k: v for more in (attributes, *said) for k, v in more.items() if row is not None and v != row.blank}

    def plan(self, attributes: Mapping[str, object]) -> Plan:
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

    def _large(self, attributes: Mapping[str, object]) -> Plan:
        known = frozenset(self._index.marks.keys() & attributes.keys())
        feedback = self._index.feeds_back(attributes)
        plan = self._plans.get((known, feedback))
        return plan if plan is not None else self._made((known, feedback), known, feedback=feedback)

    def _made(self, name: object, keys: Iterable[str], *, feedback: bool) -> Plan:
        present = frozenset(keys)
        emitters = tuple(
            row for row in self._emitters if (not row.has or not present.isdisjoint(row.has)) and present.isdisjoint(row.lacks)
        )
        idle = {key for row in emitters for key in row.not_keys}
        marks: dict[int, list[Mark]] = {}
        for key in keys:
            for mark in self._index.marks.get(key, ()) if key not in idle else ():
                marks.setdefault(mark.says, []).append(mark)
        for found in marks.values():
            found.sort(key=lambda mark: mark.precedence)
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        self._room.take(present)
        plan = self._plans[name] = Plan(marks, emitters, feedback=feedback)
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
