"""The words in which a convention is written down: rows of data, no behaviour.

Keys of one field stand in order of precedence.  Where the order matters over all conventions (kinds, costs, session ids), a
number does: the lower is asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._meanings import Meaning
from otel_session_agg.conventions._term_rows import BilledText, FeeKey, TermKey, TermText

__all__ = [
    "GENERIC",
    "Convention",
    "Emitter",
    "Events",
    "Kinds",
    "Meaning",
    "NameText",
    "NamedSpans",
    "Text",
]

GENERIC: Final = 200
"""Costs of this precedence and later have names that anybody may use for anything."""


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
    fills: bool = False
    """Read only when nothing else states the part in ``unless``, and used only as far as it agrees with what is stated."""
    unless: int = Meaning.REASONING
    """What ``fills`` is for; of a text that states more, the rest is used too."""
    hint: str = ""
    """Read only when this stands in it."""
    proves: bool = False
    """It is the provider's own answer: an input count equal to the one in it leaves the cached part out as that does."""


@dataclass(frozen=True, slots=True)
class NameText:
    """A text in which the name of a model or session stands; asked only when no attribute has one."""

    key: str
    pattern: str
    """Its first group is the name; when there are several, they have to be the same."""
    scopes: tuple[str, ...] = ()
    """Read only on spans of these scopes (prefixes); empty: of any."""
    instead_of: tuple[str, ...] = ()
    """What stands in attributes and is no name."""


@dataclass(frozen=True, slots=True)
class Events:
    """An emitter that writes on events what others write on spans: what they say is read as if the span said it."""

    scopes: tuple[str, ...]
    """Prefixes of scope names."""
    names: frozenset[str]
    """Of several events that say the same, the last counts."""
    blank: str
    """What it writes for values that it does not know."""


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
    or_model: bool = False
    """With a value that is not listed, a span that names a model beside usage, messages or a provider is a model call."""
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
    need_usage: bool = False
    """Those that state no usage are any other span."""


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
    not_providers: tuple[str, ...] = ()
    """Not for these providers or models (parts of the names)."""
    has: tuple[str, ...] = ()
    """Only when the span has one of these keys."""
    lacks: tuple[str, ...] = ()
    """Only when the span has none of these keys."""
    contains: tuple[str, str] | None = None
    """Only when this key's text has this in it."""
    matches: tuple[str, str] | None = None
    """Only when this key's text has something in it that matches this regular expression, which is to be linear."""
    not_keys: tuple[str, ...] = ()
    """Keys that say nothing on its spans, whatever stands there."""
    prompt_excludes_cache: bool | None = None
    """Whether the prompt count leaves the cached part out; ``None``: no word on that."""
    prompt_excludes_write: bool = False
    """The prompt count holds what was read from the cache, but not what was written to it."""
    prompt_from_total: bool = False
    """A total beyond prompt and completion has the cached part, which the prompt leaves out."""
    prompt_includes_tools: bool = False
    """The prompt count holds the input that the provider's own tools made."""
    completion_from_total: bool = False
    """Completion leaves reasoning out and nothing states it; the total has it."""
    completion_has_thoughts: bool = False
    """Completion has Gemini's thoughts, which are stated if there are any: more in a total is input of its tools."""
    total_has_reasoning: bool = False
    """Where a total has more than prompt and completion, the stated reasoning is in that, and not in the completion."""
    completion_excludes_reasoning: bool = False
    """Completion leaves reasoning out; the reasoning stated beside it belongs to it."""
    completion_repeats_reasoning: bool = False
    """Completion has the reasoning twice."""
    stream_output_extra: int = 0
    """How much a streamed completion count is too high."""
    unsure_output: bool = False
    """Another teller of the same call knows the completion better."""
    unsure_usage: bool = False
    """Another teller of the same call knows all figures better."""
    streaming: bool = False
    """Only on streamed calls."""
    not_scopes: tuple[str, ...] = ()
    """Prefixes of scope names that are left out."""
    misplaced: bool = False
    """It writes the figures of a call on the span above it."""
    ends_early: bool = False
    """The span ends when a stream begins, not when the call ends."""
    begins_stream: bool = False
    """The span is only the beginning of a stream: another span of this emitter tells of the call."""
    makes_calls: bool = False
    """Its agents and chains make calls that only they tell of: they were made although figures are missing."""
    is_call: bool = False
    """Its agents stand for one call each."""
    carries_context: bool = False
    """It hands contexts around inside a process, which makes parents look remote."""
    copied_sessions: tuple[str, ...] = ()
    """Keys of session ids that it fills with the conversations, threads or memories of a framework."""


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
    cost: Mapping[str, int] = field(default_factory=dict)
    """Keys of the total cost in USD, with their precedence over all conventions."""
    cost_text: Mapping[str, int] = field(default_factory=dict)
    """Keys of cost objects as JSON, with their precedence."""
    cost_parts: Mapping[str, int] = field(default_factory=dict)
    """Keys whose sum is the cost, with the precedence of the sum."""
    cost_currency: tuple[str, ...] = ()
    fees: tuple[FeeKey, ...] = ()
    billed: tuple[BilledText, ...] = ()
    """What beats any cost that was worked out by others."""
    terms: tuple[TermKey | TermText, ...] = ()
    cache_hit: tuple[str, ...] = ()
    response_model: tuple[str, ...] = ()
    request_model: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    response_id: tuple[str, ...] = ()
    service_tier: tuple[str, ...] = ()
    server_address: tuple[str, ...] = ()
    session: Mapping[str, int] = field(default_factory=dict)
    """Keys of the session id, with their precedence over all conventions."""
    session_texts: tuple[NameText, ...] = ()
    """Asked last; what they say is the id of a conversation or thread."""
    conversation_texts: tuple[NameText, ...] = ()
    """Their first group is the id of a conversation, as JSON: a session id that is the same was copied from it."""
    user: Mapping[str, int] = field(default_factory=dict)
    """Keys of who uses the session, with their precedence over all conventions."""
    user_texts: tuple[NameText, ...] = ()
    """Asked last."""
    metadata: tuple[str, ...] = ()
    """Objects in JSON with what else the application says of the session."""
    input: tuple[str, ...] = ()
    """What was asked; read only for profiles that show it."""
    output: tuple[str, ...] = ()
    error_type: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    feedback_prefixes: tuple[str, ...] = ()
    feedback_events: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    tool: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    emitters: tuple[Emitter, ...] = ()
