"""The machinery that reads attributes by table; the only place that looks keys up.

A convention is data: which key says what.  All conventions are merged into one index from key to *marks* (what the key
says, and with which precedence).  For a span, the keys it has in common with the index are found in one step, and the
marks are kept as a *plan* per set of keys, because an instrumentation writes the same keys again and again.

Rules
-----
* Of several keys that say the same thing the lowest precedence with a valid value wins; 0 is a value.
* Prompt and completion tokens come from one convention, the first that has either; the parts may come from any.
* Two spellings of one thing are never added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from .._model import Kind


class Says(IntEnum):
    """What an attribute says about its span."""

    KIND = 0
    PROMPT = 1
    COMPLETION = 2
    TOTAL = 3
    CACHE_READ = 4
    CACHE_WRITE = 5
    CACHE_WRITE_5M = 6
    CACHE_WRITE_1H = 7
    REASONING = 8
    AUDIO_PROMPT = 9
    AUDIO_COMPLETION = 10
    AUDIO_CACHE_READ = 11
    UNCACHED = 12
    """The part of the prompt that was neither read from nor written to a cache."""
    EXCLUSIVE = 13
    """A flag: the prompt count leaves the cached part out."""
    USAGE_TEXT = 14
    """Usage as JSON or Python ``repr``."""
    COST = 15
    COST_TEXT = 16
    COST_PART = 17
    """A part of the cost; all parts of one convention are added."""
    COST_CURRENCY = 18
    CACHE_HIT = 19
    """A flag: the answer came from a response cache, so a cost of 0 is meant."""
    RESPONSE_MODEL = 20
    REQUEST_MODEL = 21
    PROVIDER = 22
    RESPONSE_ID = 23
    SERVICE_TIER = 24
    SERVER_ADDRESS = 25
    SESSION = 26
    OUTPUT = 27
    ERROR_TYPE = 28
    FEEDBACK = 29
    CONTENT = 30
    """Its presence shows messages: with a model name, a model call."""
    TOOL = 31
    """Its presence shows a tool call."""
    AGENT = 32
    """Its presence shows that a span with a model name is an agent and no call."""
    NUM_CALLS = 33
    """How many model calls a usage text is the sum of."""


@dataclass(frozen=True, slots=True)
class Text:
    """An attribute that holds a usage object as text."""

    key: str
    shape: str
    """A name in ``_usage_text.SHAPES``: how the object is to be understood."""
    sole: bool = False
    """Read only when no other attribute states prompt or completion tokens."""
    scopes: tuple[str, ...] = ()
    """Read only on spans of these scopes (prefixes); empty: of any."""
    path: tuple[str, ...] = ()
    """Where in the object the usage stands."""
    search: str = ""
    """Or: the name it has, wherever it stands."""
    within: str = ""
    """The object is only this part of a usage object."""
    proves: bool = False
    """It is the provider's own answer: an input count equal to the one in it leaves the cached part out as that does."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """A key whose value names the kind."""

    key: str
    values: Mapping[str, Kind]
    """Lower-case value to kind."""
    precedence: int
    """Lower decides first, over all conventions."""
    otherwise: Kind | None = None
    """The kind for values that are not listed; ``None``: the next key decides."""
    first_word: bool = False
    """Only the value's first word counts."""
    suffixes: Mapping[str, Kind] = field(default_factory=dict)
    """Kinds by the end of the value, after ``values``."""


@dataclass(frozen=True, slots=True)
class NamedSpans:
    """Spans known by scope and name alone."""

    names: Mapping[str, Kind]
    """Whole names, or the last part of dotted ones, dot included."""
    scopes: tuple[str, ...] = ()
    """Prefixes of scope names; empty: any scope."""
    precedence: int = 60


@dataclass(frozen=True, slots=True)
class Emitter:
    """What is known of an emitter whose figures do not mean what their key says.

    An unknown version is taken to be the newest: of an emitter that changed, only spans that say they are old are old.
    """

    scopes: tuple[str, ...]
    """Prefixes of scope names; an empty prefix stands for any scope."""
    proof: str
    """How it is known."""
    since: str = ""
    before: str = ""
    """Versions of the instrumentation scope, ``since`` included, ``before`` not."""
    providers: tuple[str, ...] = ()
    """Only for these providers or models (parts of the names); empty: for all."""
    has: tuple[str, ...] = ()
    """Only when the span has one of these keys."""
    lacks: tuple[str, ...] = ()
    """Only when the span has none of these keys."""
    prompt_excludes_cache: bool | None = None
    completion_from_total: bool = False
    """Completion leaves reasoning out; total minus prompt has it."""
    completion_excludes_reasoning: bool = False
    stream_output_extra: int = 0
    """How much a streamed completion count is too high."""
    unsure_output: bool = False
    """Another teller of the same call knows the completion better."""
    ignore_usage: bool = False
    """Token attributes on this span are a repeat of another span's."""
    streaming: bool = False
    """Only on streamed calls."""
    not_scopes: tuple[str, ...] = ()
    """Prefixes of scope names that are left out."""
    foreign: bool = False
    """It writes the figures of a call on the span above it."""
    ends_early: bool = False
    """The span ends when a stream begins, not when the call ends."""
    provider: str = ""
    """The provider behind a name that this emitter gives of itself."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One convention family as data.  Keys of one field stand in order of precedence."""

    name: str
    precedence: int
    """Among conventions, for models, providers and tokens: the lower is asked first."""
    kinds: tuple[Kinds, ...] = ()
    spans: tuple[NamedSpans, ...] = ()
    prompt: tuple[str, ...] = ()
    completion: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    cache_read: tuple[str, ...] = ()
    cache_write: tuple[str, ...] = ()
    cache_write_5m: tuple[str, ...] = ()
    cache_write_1h: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    audio_prompt: tuple[str, ...] = ()
    audio_completion: tuple[str, ...] = ()
    audio_cache_read: tuple[str, ...] = ()
    uncached: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    texts: tuple[Text, ...] = ()
    cost: Mapping[str, int] = field(default_factory=dict)
    """Keys of the total cost in USD, with their precedence over all conventions."""
    cost_text: Mapping[str, int] = field(default_factory=dict)
    """Keys of cost objects as JSON, with their precedence."""
    cost_parts: Mapping[str, int] = field(default_factory=dict)
    """Keys whose sum is the cost, with the precedence of the sum."""
    cost_currency: tuple[str, ...] = ()
    cache_hit: tuple[str, ...] = ()
    response_model: tuple[str, ...] = ()
    request_model: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    response_id: tuple[str, ...] = ()
    service_tier: tuple[str, ...] = ()
    server_address: tuple[str, ...] = ()
    session: Mapping[str, int] = field(default_factory=dict)
    """Keys of the session id, with their precedence over all conventions."""
    output: tuple[str, ...] = ()
    error_type: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    feedback_prefixes: tuple[str, ...] = ()
    feedback_events: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    tool: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    emitters: tuple[Emitter, ...] = ()


class Mark:
    """That a key says something, with which precedence; ``extra`` is the table row behind it."""

    __slots__ = ("extra", "key", "precedence", "says")

    def __init__(self, says: Says, precedence: int, key: str, extra: object = None) -> None:
        self.says = says
        self.precedence = precedence
        self.key = key
        self.extra = extra


_LISTS: tuple[tuple[str, Says], ...] = (
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
    ("uncached", Says.UNCACHED),
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
)
_RANKED: tuple[tuple[str, Says], ...] = (
    ("cost", Says.COST),
    ("cost_text", Says.COST_TEXT),
    ("cost_parts", Says.COST_PART),
    ("session", Says.SESSION),
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
        self.feedback_prefixes: tuple[str, ...] = ()
        self.feedback_events: frozenset[str] = frozenset()
        for convention in sorted(conventions, key=lambda c: c.precedence):
            self._add(convention)

    def _mark(self, key: str, says: Says, precedence: int, extra: object = None) -> None:
        self.marks.setdefault(key, []).append(Mark(says, precedence, key, extra))

    def _add(self, convention: Convention) -> None:
        base = convention.precedence * _KEYS_PER_CONVENTION
        for name, says in _LISTS:
            for position, key in enumerate(getattr(convention, name)):
                self._mark(key, says, base + position)
        for name, says in _RANKED:
            for key, precedence in getattr(convention, name).items():
                self._mark(key, says, precedence)
        for position, text in enumerate(convention.texts):
            self._mark(text.key, Says.USAGE_TEXT, base + position, text)
        for kinds in convention.kinds:
            self._mark(kinds.key, Says.KIND, kinds.precedence, kinds)
        for spans in convention.spans:
            for name, kind in spans.names.items():
                self.named_spans.setdefault(name, []).append((spans, kind))
                self.named_spans[name].sort(key=lambda row: row[0].precedence)
        self.emitters.extend(convention.emitters)
        self.feedback_prefixes += convention.feedback_prefixes
        self.feedback_events |= frozenset(convention.feedback_events)

    def named(self, name: str) -> list[tuple[NamedSpans, Kind]] | None:
        """Rows for a span's name."""
        rows = self.named_spans.get(name)
        if rows is None:
            dot = name.rfind(".")
            rows = self.named_spans.get(name[dot:]) if dot > 0 else None
        return rows

    def plan(self, keys: Sequence[str]) -> Plan:
        """What these keys say, in order of precedence."""
        marks: dict[Says, list[Mark]] = {}
        for key in keys:
            for mark in self.marks.get(key, ()):
                marks.setdefault(mark.says, []).append(mark)
        for found in marks.values():
            found.sort(key=lambda mark: mark.precedence)
        if any(isinstance(key, str) and key.startswith(self.feedback_prefixes) for key in keys):
            marks.setdefault(Says.FEEDBACK, [])
        return marks


Plan = Mapping[Says, Sequence[Mark]]
"""What a set of keys says: marks in order of precedence."""

_MAX_PLANS = 2048
"""Sets of keys remembered: a few hundred occur in an application; flattened chat messages make more."""

_MAX_PLAN_KEYS = 48
"""Spans with more keys are flattened messages, whose sets hardly repeat."""


class Plans:
    """Plans by set of keys, bounded."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._plans: dict[tuple[str, ...], Plan] = {}

    def get(self, attributes: Mapping[str, object]) -> Plan:
        """The plan of a span's keys."""
        keys = tuple(attributes)
        plan = self._plans.get(keys)
        if plan is None:
            plan = self._index.plan(keys)
            if len(keys) <= _MAX_PLAN_KEYS:
                if len(self._plans) >= _MAX_PLANS:
                    self._plans.clear()
                self._plans[keys] = plan
        return plan


def first(
    plan: Plan, says: Says, attributes: Mapping[str, object], convert: Callable[[object], object | None]
) -> object | None:
    """The first valid value of what is asked for."""
    for mark in plan.get(says, ()):
        value = convert(attributes[mark.key])
        if value is not None:
            return value
    return None


def version_tuple(version: str) -> tuple[int, ...]:
    """The numbers at the head of a version, for comparing: ``1.3b0`` is ``(1, 3)``."""
    numbers: list[int] = []
    for part in version.split("."):
        digits = part[: next((i for i, char in enumerate(part) if not char.isdigit()), len(part))]
        if not digits or len(digits) > 9:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
