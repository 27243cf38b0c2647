"""Plan what to read from a set of keys: all attributes are looked up here.

What the keys of a span mean on spans of one scope is worked out once for each set of keys and kept
as a ``ReadingPlan``; that is what makes reading fast, since few sets occur.  Scopes, sets of keys
and their values are foreign input, so there are bounds on what is remembered of them.

Rules
-----
* Of several keys with one meaning the lowest precedence with a valid value wins; 0 is a value.
* Prompt and completion tokens come from one convention, the first that has either; their parts
  may come from any.
* Two spellings of one thing are never added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from otel_session_agg._model.span import AnyAttributes, Kind, Reading, SpanEvent
from otel_session_agg._reading.emitters import applies_to, depends_on_values, united
from otel_session_agg._reading.entity_names import EntityNames, SpanNaming
from otel_session_agg._reading.index import Index, KeyMeaning, keys_of, precedence_of
from otel_session_agg._reading.plain_counts import PlainCounts, plain_counts
from otel_session_agg._reading.plan_memory import PlanMemory
from otel_session_agg._reading.sessions import SessionKeys, UserKeys, session_keys, user_keys
from otel_session_agg.conventions._schema import Effect, Emitter, Meaning

MAX_SCOPES = 512
"""Scopes remembered; an application has a few dozen."""

MAX_SCOPE_CHARS = 256
"""Characters of a scope's name or version; of longer ones the beginning counts."""

MAX_PLANS = 1024
"""Sets of keys remembered per scope: a few dozen occur.  Flattened chat messages would fill it, so
the next two bounds leave them out."""

MAX_PLAN_KEYS = 48
"""Spans with more keys are flattened messages, whose sets do not repeat: only the keys that have a
meaning are looked at."""

MAX_PLAN_CHARS = 4096
"""The same for all keys of a span together; 48 real ones have half of that."""

PARTS = (
    Meaning.CACHE_READ, Meaning.CACHE_WRITE, Meaning.CACHE_WRITE_5M, Meaning.CACHE_WRITE_1H,
    Meaning.REASONING, Meaning.AUDIO_PROMPT, Meaning.AUDIO_COMPLETION, Meaning.AUDIO_CACHE_READ,
    Meaning.UNCACHED, Meaning.TOOL_PROMPT, Meaning.TEXT_CACHE_READ, Meaning.IMAGE_PROMPT,
    Meaning.IMAGE_COMPLETION, Meaning.WEB_SEARCHES,
)  # fmt: skip
"""Counts that are parts of the prompt or the completion, or are billed beside them."""

WHOLES = (Meaning.PROMPT, Meaning.COMPLETION, Meaning.TOTAL)
"""Counts that must come from one convention."""

NAMES = (
    Meaning.PROVIDER, Meaning.RESPONSE_MODEL, Meaning.REQUEST_MODEL, Meaning.RESPONSE_ID,
    Meaning.SERVICE_TIER, Meaning.SERVER_ADDRESS,
)  # fmt: skip
"""Names of a call, in the order of the positions in ``ReadingPlan.names``."""

_MAKING_CALLS = frozenset((Effect.MAKES_CALLS, Effect.IS_CALL))
MODEL_NAMES = frozenset((Meaning.REQUEST_MODEL, Meaning.RESPONSE_MODEL))
USAGE = frozenset((Meaning.PROMPT, Meaning.COMPLETION, Meaning.USAGE_TEXT))
CALL = frozenset((*USAGE, Meaning.CONTENT, Meaning.PROVIDER))
"""Beside the name of a model, what makes a span a call."""

PLAIN = {kind: Reading(kind, is_plain=kind is not Kind.MODEL) for kind in Kind}
"""Readings that state nothing but a kind."""

_COSTS = frozenset((Meaning.COST, Meaning.COST_TEXT, Meaning.COST_PART, Meaning.FEE))

Family = tuple[int, tuple[tuple[int, tuple[str, ...]], ...]]
"""The number of a convention, and its keys by meaning."""


class ReadingPlan:
    """What one set of keys means on spans of one scope, worked out once.

    ``entries`` has everything, by meaning; the other fields are what is needed most, ready for use.
    """

    __slots__ = (
        "billed", "effects", "emitters", "entities", "entries", "error_types", "families",
        "feedback", "first_tokens", "has_cost", "has_usage", "is_more_than_session", "kind_by_keys",
        "kind_memo", "kinds", "model_texts", "names", "names_model", "one_kind_key", "outputs",
        "parts", "plain", "plain_counts", "response_texts", "running_costs", "session",
        "states_cost", "terms", "texts", "user",
    )  # fmt: skip

    def __init__(
        self,
        entries: Mapping[int, Sequence[KeyMeaning]],
        emitters: tuple[Emitter, ...],
        naming: SpanNaming,
        *,
        feedback: bool,
    ) -> None:
        self.entries = entries
        read = _read_in(naming.scope, entries)
        self.emitters = emitters
        """Rows that apply, as far as keys, scope and version decide."""
        self.effects = None if any(map(depends_on_values, emitters)) else united(emitters)
        """Effects of the emitter; ``None`` if they depend on the values of attributes."""
        self.kinds = tuple(entries.get(Meaning.KIND, ()))
        self.one_kind_key = len({entry.key for entry in self.kinds}) == 1
        self.kind_memo: dict[object, Kind] = {}
        """Kinds by value, where only one key names a kind."""
        self.kind_by_keys = _kind_by_keys(entries)
        """The kind where no value of a key and no span name decides; ``None``: it may be a call."""
        self.families = _families(entries)
        """Keys of prompt, completion and total, by convention."""
        self.parts = tuple(
            (meaning, keys_of(entries, meaning)) for meaning in PARTS if meaning in entries
        )
        self.texts = tuple(read.get(Meaning.USAGE_TEXT, ()))
        self.model_texts = tuple(read.get(Meaning.MODEL_TEXT, ()))
        self.response_texts = tuple(read.get(Meaning.RESPONSE_TEXT, ()))
        self.plain_counts: PlainCounts | None = None
        """Keys of counts that leave nothing to decide, if all are such; see ``plain_counts.py``."""
        if len(self.families) == 1:
            self.plain_counts = plain_counts(read, dict(self.families[0][1]), self.parts, emitters)
        self.has_usage = bool(self.families or self.texts)
        self.has_cost = not _COSTS.isdisjoint(entries)
        self.billed = tuple(read.get(Meaning.BILLED, ()))
        self.states_cost = self.has_cost or bool(self.billed)
        self.running_costs = {name for row in emitters for name in row.running_costs}
        self.first_tokens = tuple(read.get(Meaning.FIRST_TOKEN, ()))
        self.terms = tuple(read.get(Meaning.TERM, ()))
        self.names_model = not MODEL_NAMES.isdisjoint(entries)
        self.names = tuple(
            (position, keys_of(entries, meaning))
            for position, meaning in enumerate(NAMES)
            if meaning in entries
        )
        self.session: SessionKeys | None = session_keys(read, emitters)
        self.user: UserKeys | None = user_keys(read)
        self.entities = EntityNames(read, naming)
        self.outputs = keys_of(entries, Meaning.OUTPUT)
        self.error_types = keys_of(entries, Meaning.ERROR_TYPE)
        self.feedback = feedback or Meaning.FEEDBACK in entries
        counts = self.has_usage or self.has_cost or not _MAKING_CALLS.isdisjoint(united(emitters))
        self.is_more_than_session = bool(
            counts or self.feedback or self.user or self.outputs or self.error_types
        )
        """The keys state more than kind and session, and names, which only model calls need."""
        is_more = self.is_more_than_session or self.session is not None
        is_plain = not is_more and not self.kinds and self.kind_by_keys is Kind.SPAN
        self.plain = PLAIN[Kind.SPAN] if is_plain else None
        """The reading, if the keys state nothing."""


def _kind_by_keys(entries: Mapping[int, Sequence[KeyMeaning]]) -> Kind | None:
    """Return the kind of a span by its keys alone; ``None``: a model call if it names a model."""
    if Meaning.TOOL in entries:
        return Kind.TOOL
    if Meaning.AGENT in entries:
        return Kind.AGENT
    return Kind.SPAN if MODEL_NAMES.isdisjoint(entries) or CALL.isdisjoint(entries) else None


def _read_in(
    scope: str, entries: Mapping[int, Sequence[KeyMeaning]]
) -> Mapping[int, Sequence[KeyMeaning]]:
    """Return the entries without the rows that are for spans of other scopes."""
    read: dict[int, Sequence[KeyMeaning]] = {}
    for meaning, found in entries.items():
        own = [e for e in found if scope.startswith(getattr(e.row, "scopes", ()) or ("",))]
        if own:
            read[meaning] = own
    return read


def _families(entries: Mapping[int, Sequence[KeyMeaning]]) -> tuple[Family, ...]:
    families: dict[int, dict[int, tuple[str, ...]]] = {}
    for meaning in WHOLES:
        for entry in entries.get(meaning, ()):
            row = families.setdefault(entry.convention, {})
            row[meaning] = (*row.get(meaning, ()), entry.key)
    return tuple((number, tuple(row.items())) for number, row in sorted(families.items()))


class Scope:
    """One instrumentation scope at one version: the rows that apply to it, the plans of its spans.

    Its plans are bounded by ``MAX_PLANS`` and, with those of other scopes, by ``PlanMemory``.
    """

    def __init__(
        self, index: Index, name: str, version: str, memory: PlanMemory | None = None
    ) -> None:
        self._index = index
        self._memory = memory or PlanMemory(bool)
        self._emitters = tuple(row for row in index.emitters if applies_to(row, name, version))
        self._events = next((row for row in index.events if name.startswith(row.scopes)), None)
        self.has_events = self._events is not None
        """Events of its spans are read as well."""
        self.named: dict[str, tuple[int, Kind, bool]] = {}
        """By span name: precedence, kind, and whether it holds only with usage."""
        for span_name, rows in index.named_spans.items():
            first = next(
                (row for row in rows if not row[0].scopes or name.startswith(row[0].scopes)), None
            )
            if first is not None:
                row, kind = first
                self.named[span_name] = (precedence_of(row), kind, row.need_usage)
        self._naming = SpanNaming(index.span_names, name)
        self.has_endings = any(name.startswith(".") for name in self.named)
        self._plans: dict[object, ReadingPlan] = {}

    def with_events(self, attributes: AnyAttributes, events: Iterable[SpanEvent]) -> AnyAttributes:
        """Return a span's attributes together with those of its events that are read."""
        row = self._events
        if row is None:
            return {}
        stated = [event.attributes for event in events if event.name in row.names]
        return {
            key: value
            for source in (attributes, *stated)
            for key, value in source.items()
            if value != row.blank
        }

    def plan(self, attributes: Mapping[str, object]) -> ReadingPlan:
        """Return the plan for the keys of a span."""
        keys = tuple(attributes)
        if len(keys) > MAX_PLAN_KEYS:
            return self._large(attributes)
        plan = self._plans.get(keys)
        if plan is not None:
            return plan
        if sum(map(len, keys)) > MAX_PLAN_CHARS:
            return self._large(attributes)
        return self._add(keys, keys, feedback=self._index.has_feedback(keys))

    def _large(self, attributes: Mapping[str, object]) -> ReadingPlan:
        known = frozenset(self._index.entries.keys() & attributes.keys())
        feedback = self._index.has_feedback(attributes)
        plan = self._plans.get((known, feedback))
        return plan if plan is not None else self._add((known, feedback), known, feedback=feedback)

    def _add(self, name: object, keys: Iterable[str], *, feedback: bool) -> ReadingPlan:
        present = frozenset(keys)
        emitters = tuple(
            row
            for row in self._emitters
            if (not row.has or not present.isdisjoint(row.has)) and present.isdisjoint(row.lacks)
        )
        unread = {key for row in emitters for key in row.not_keys}
        entries: dict[int, list[KeyMeaning]] = {}
        for key in keys:
            for entry in self._index.entries.get(key, ()) if key not in unread else ():
                entries.setdefault(entry.meaning, []).append(entry)
        for found in entries.values():
            found.sort(key=lambda entry: entry.precedence)
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        self._memory.add(present)  # which may forget this scope
        plan = self._plans[name] = ReadingPlan(entries, emitters, self._naming, feedback=feedback)
        return plan


class Scopes:
    """Scopes by name and version; all are forgotten when there are too many, or too many plans."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.known: dict[tuple[str, str], Scope] = {}
        self._memory = PlanMemory(self.known.clear)

    def get(self, name: str, version: str) -> Scope:
        """Return the scope of this name and version."""
        key = name[:MAX_SCOPE_CHARS], version[:MAX_SCOPE_CHARS]
        scope = self.known.get(key)
        if scope is None:
            if len(self.known) >= MAX_SCOPES:
                self.known.clear()
            scope = self.known[key] = Scope(self._index, *key, self._memory)
        return scope
