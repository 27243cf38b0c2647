"""The types that convention tables are made of: rows of data, no behaviour.

Keys of one field stand in order of precedence, but for those that have a place in an order over all
conventions: kinds, costs, session ids, users and agents (``_precedence.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import FirstToken
from otel_session_agg.conventions._meanings import Effect, Meaning
from otel_session_agg.conventions._term_rows import BilledText, FeeKey, TermKey, TermText

__all__ = [
    "Convention",
    "Effect",
    "Emitter",
    "Events",
    "Kinds",
    "Meaning",
    "NameText",
    "NamedSpans",
    "SpanNames",
    "Text",
]


@dataclass(frozen=True, slots=True)
class Text:
    """An attribute that holds a usage object as text."""

    key: str
    shape: str
    """A name in ``SHAPES`` of ``_reading/usage_shapes.py``: how to read the object."""
    sole: bool = False
    """Read only when no other attribute states prompt or completion tokens."""
    scopes: tuple[str, ...] = ()
    """Read only on spans of these scopes (prefixes); empty: of any."""
    path: tuple[str, ...] = ()
    """Path of the usage in the object."""
    search: str = ""
    """Name of the usage, at any depth of the object at the path."""
    within: str = ""
    """Name of the part of a usage object that the object is; empty: it is all of one."""
    fills: bool = False
    """Read only when nothing else states ``unless``; used only if it agrees with other counts."""
    unless: int = Meaning.REASONING
    """The part that ``fills`` is for; other parts of the text are used, too."""
    hint: str = ""
    """Read only when the text contains this."""
    proves: bool = False
    """It is the provider's own answer: an equal prompt count under a key excludes the same."""


@dataclass(frozen=True, slots=True)
class NameText:
    """A text that contains a name or an id; read only when no attribute has one."""

    key: str
    pattern: str
    """Regular expression whose first group is the name; of several matches, all must be equal."""
    scopes: tuple[str, ...] = ()
    """Read only on spans of these scopes (prefixes); empty: of any."""
    instead_of: tuple[str, ...] = ()
    """Values of attributes that are no names."""


@dataclass(frozen=True, slots=True)
class Events:
    """An emitter that writes on events what most emitters write on spans.

    Attributes of the events are read as if they were the span's.
    """

    scopes: tuple[str, ...]
    """Prefixes of scope names."""
    names: frozenset[str]
    """Names of the events; of several with the same attribute, the last counts."""
    blank: str
    """The value that stands for an unknown one."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """A key whose value names the kind."""

    key: str
    values: Mapping[str, Kind]
    """Lower-case value to kind."""
    place: str = ""
    """Its name in ``KINDS`` of ``_precedence.py``; empty: the key."""
    otherwise: Kind | None = None
    """The kind for values that are not listed; ``None``: the next key decides."""
    or_model: bool = False
    """With other values, a span with a model beside usage, messages or a provider is a call."""
    first_word: bool = False
    """Only the value's first word counts."""
    suffixes: Mapping[str, Kind] = field(default_factory=dict)
    """Kinds by the end of the value, where ``values`` has none."""


@dataclass(frozen=True, slots=True)
class NamedSpans:
    """Spans known by scope and name alone."""

    names: Mapping[str, Kind]
    """Whole names, or the last part of dotted ones, dot included."""
    scopes: tuple[str, ...] = ()
    """Prefixes of scope names; empty: any scope."""
    despite_keys: bool = False
    """Their attributes name another kind, which is wrong: the name decides first."""
    need_usage: bool = False
    """Only spans that state usage have the kind; others are plain spans."""


@dataclass(frozen=True, slots=True)
class SpanNames:
    """How spans of tools and agents are named: what is left is the name of the tool or agent."""

    before: tuple[str, ...] = ()
    """What stands before that name."""
    after: tuple[str, ...] = ()
    """What stands after it."""
    nameless: tuple[str, ...] = ()
    """Whole names that name no tool or agent, also where a key states them."""
    scopes: tuple[str, ...] = ()
    """Only on spans of these scopes (prefixes); empty: of any."""
    nameless_before: tuple[str, ...] = ()
    """How names begin that go on with something else, such as the model."""


@dataclass(frozen=True, slots=True)
class Emitter:
    """An emitter whose attributes do not mean what their keys say.

    An unknown version is taken to be the newest: rows for old versions apply only to spans that
    state an old version.
    """

    scopes: tuple[str, ...]
    """Prefixes of scope names; an empty prefix stands for any scope."""
    proof: str
    """The evidence: a recording, the source, a report."""
    since: str = ""
    before: str = ""
    """Versions of the instrumentation scope: ``since`` is included, ``before`` is not."""
    providers: tuple[str, ...] = ()
    """Only for these providers or models (parts of the names); empty: for all."""
    not_providers: tuple[str, ...] = ()
    """Not for these providers or models (parts of the names)."""
    has: tuple[str, ...] = ()
    """Only when the span has one of these keys."""
    lacks: tuple[str, ...] = ()
    """Only when the span has none of these keys."""
    contains: tuple[str, str] | None = None
    """Only when the text of this key contains this."""
    matches: tuple[str, str] | None = None
    """Only when a part of this key's text matches this regular expression, which must be linear."""
    streaming: bool = False
    """Only on streamed calls."""
    not_scopes: tuple[str, ...] = ()
    """Prefixes of scope names that it does not apply to."""
    not_keys: tuple[str, ...] = ()
    """Keys that are not read on its spans."""
    effects: AbstractSet[int] = frozenset()
    """What its attributes mean instead (``Effect``)."""
    copied_sessions: tuple[str, ...] = ()
    """Keys of session ids that it fills with a framework's conversations, threads or memories."""
    running_costs: tuple[str, ...] = ()
    """Names of spans whose cost includes that of the spans before them: it is not read."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One convention family as data."""

    name: str
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
    image_prompt: tuple[str, ...] = ()
    image_completion: tuple[str, ...] = ()
    web_searches: tuple[str, ...] = ()
    uncached: tuple[str, ...] = ()
    tool_prompt: tuple[str, ...] = ()
    text_cache_read: tuple[str, ...] = ()
    exclusive: tuple[str, ...] = ()
    texts: tuple[Text, ...] = ()
    model_texts: tuple[NameText, ...] = ()
    events: tuple[Events, ...] = ()
    cost: tuple[str, ...] = ()
    """Keys of the total cost in USD; like the next two they have a place in ``_precedence.py``."""
    cost_text: tuple[str, ...] = ()
    """Keys of cost objects as JSON."""
    cost_parts: tuple[str, ...] = ()
    """Keys whose sum is the cost."""
    cost_currency: tuple[str, ...] = ()
    fees: tuple[FeeKey, ...] = ()
    billed: tuple[BilledText, ...] = ()
    """Billed amounts, which beat any calculated cost."""
    terms: tuple[TermKey | TermText, ...] = ()
    cache_hit: tuple[str, ...] = ()
    response_model: tuple[str, ...] = ()
    request_model: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    response_id: tuple[str, ...] = ()
    response_texts: tuple[NameText, ...] = ()
    """The first group is the id of the response."""
    service_tier: tuple[str, ...] = ()
    server_address: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    """Keys of the session id; they have a place in ``_precedence.py``."""
    session_texts: tuple[NameText, ...] = ()
    """Read last; their ids are those of conversations or threads."""
    conversation_texts: tuple[NameText, ...] = ()
    """Their first group is the id of a conversation, as JSON; an equal session id was copied."""
    user: tuple[str, ...] = ()
    """Keys of the user of the session; they have a place in ``_precedence.py``."""
    user_texts: tuple[NameText, ...] = ()
    """Read last."""
    metadata: tuple[str, ...] = ()
    """Objects in JSON with what else the application states of the session."""
    input: tuple[str, ...] = ()
    """Keys of the input; read only for profiles that show it."""
    output: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    """Keys whose presence shows that a call which failed had been answered in part."""
    error_type: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    feedback_prefixes: tuple[str, ...] = ()
    feedback_events: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    tool: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    tool_name: tuple[str, ...] = ()
    agent_name: tuple[str, ...] = ()
    """Keys of the agent, also on calls; they have a place in ``_precedence.py``."""
    chain_agent: tuple[str, ...] = ()
    """Those of the same keys that state the agent on chains, too, and not the chain's own name."""
    agent_texts: tuple[NameText, ...] = ()
    """Read last on agents, calls and chains; the first group is JSON without its quotes."""
    entity_name: tuple[str, ...] = ()
    """Keys of the name of what a span is about, for tools and agents; asked last."""
    span_names: tuple[SpanNames, ...] = ()
    first_tokens: tuple[FirstToken, ...] = ()
    first_token_events: tuple[str, ...] = ()
    """Names of events, the first of which is at the first token of a model call."""
    emitters: tuple[Emitter, ...] = ()
