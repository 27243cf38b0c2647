"""A span, and the reading of it: the values that travel between the rooms.

Everything here is immutable and independent of OpenTelemetry's SDK, so every rule about money can
be tested by a function call.  Times are nanoseconds since the Unix epoch, as in OpenTelemetry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

__all__ = [
    "LACKS_FIGURES",
    "LACKS_SESSION",
    "AnyAttributes",
    "Kind",
    "Reading",
    "SpanData",
    "SpanEvent",
    "Terms",
    "Usage",
]

AnyAttributes = Mapping[str, Any]
"""Span attributes as they come: values may have any type."""


class Kind(Enum):
    """What a span stands for: the OpenInference and OpenTelemetry GenAI kinds, folded into nine."""

    MODEL = "model"
    EMBEDDING = "embedding"
    TOOL = "tool"
    RETRIEVER = "retriever"
    AGENT = "agent"
    CHAIN = "chain"
    GUARDRAIL = "guardrail"
    EVALUATOR = "evaluator"
    SPAN = "span"
    """Any other span."""

    # members are singletons: spares hashing the name on every set lookup
    __hash__ = object.__hash__


CALLS = frozenset({Kind.MODEL, Kind.EMBEDDING})
"""Kinds whose counts are those of one call."""

LACKS_FIGURES = 1
"""The usage or the model of a call may have been dropped."""
LACKS_SESSION = 2
"""The session id of a call or root may have been dropped."""


class Usage(NamedTuple):
    """Tokens of one call.  ``None`` means *not stated*, which is not 0.

    ``prompt_tokens`` includes cache reads and writes, ``completion_tokens`` includes reasoning.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    """Not stated, where only one of the above is, unless a total stands beside it."""
    cache_read_tokens: int | None = None
    """Part of ``prompt_tokens``."""
    cache_write_tokens: int | None = None
    """Part of ``prompt_tokens``; the sum over all times to live."""
    cache_write_1h_tokens: int | None = None
    """The part of ``cache_write_tokens`` that is kept for an hour and costs more."""
    reasoning_tokens: int | None = None
    """Part of ``completion_tokens``."""
    audio_prompt_tokens: int | None = None
    """Part of ``prompt_tokens``."""
    audio_completion_tokens: int | None = None
    """Part of ``completion_tokens``."""
    audio_cache_read_tokens: int | None = None
    """Part of both ``audio_prompt_tokens`` and ``cache_read_tokens``."""
    image_prompt_tokens: int | None = None
    """Part of ``prompt_tokens``."""
    image_completion_tokens: int | None = None
    """Part of ``completion_tokens``."""
    web_searches: int | None = None
    """Searches that the provider made for the call and bills by number."""
    other_model_tokens: int | None = None
    """Tokens in addition to all others that other models used for the call, at other prices."""

    def with_total(self) -> Usage:
        """Return the same with a total, which is of what is stated where it is not known."""
        if self.total_tokens is not None:
            return self
        sides = (self.prompt_tokens, self.completion_tokens)
        if sides == (None, None):
            return self
        return self._replace(total_tokens=sum(side for side in sides if side is not None))


class Terms(NamedTuple):
    """What a call's price depends on beside provider, model, time and tokens.

    ``None`` means *not stated*.
    """

    requested_tier: str | None = None
    """The service tier that was requested; the one in the response, ``service_tier``, beats it."""
    speed: str | None = None
    """Anthropic's ``fast`` or ``standard``."""
    batch: str | None = None
    """``true`` when the call was part of a batch, which is cheaper."""
    region: str | None = None
    """Where the model ran, in the provider's terms.

    Anthropic's ``inference_geo``, Vertex AI's location.
    """
    search_context: str | None = None
    """``low``, ``medium`` or ``high``: how much a search adds; sets Perplexity's request fee."""
    output_type: str | None = None
    """The type of output requested, if only one: ``text``, ``image``, ``audio`` ..."""


class SpanEvent(NamedTuple):
    """A timed event on a span."""

    name: str
    attributes: AnyAttributes
    time_ns: int = 0
    """0: unknown."""


class SpanData(NamedTuple):
    """One ended span, in the form in which every entry point passes it on."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    """``None`` on a session root: no parent, or a parent in another process."""
    span_kind: str
    """``INTERNAL``, ``SERVER``, ``CLIENT``, ``PRODUCER`` or ``CONSUMER``."""
    scope_name: str
    scope_version: str
    start_ns: int
    end_ns: int
    attributes: AnyAttributes
    events: Sequence[SpanEvent] = ()
    failed: bool = False
    """Whether the status code is ``ERROR``."""
    status_description: str | None = None
    carried_parent_id: int | None = None
    """A parent that looks remote, but may be in this process; ``parent_id`` is ``None`` then."""
    is_part: bool = False
    """Whether it is a session root whose parent is in another process."""
    dropped_attributes: int = 0
    """Number of attributes that the SDK's limit dropped: those that were set first."""


class Reading(NamedTuple):
    """What one ended span states, by all conventions."""

    kind: Kind
    usage: Usage | None = None
    """``None`` when the span states no tokens at all."""
    provider: str | None = None
    response_model: str | None = None
    request_model: str | None = None
    response_id: str | None = None
    recorded_pusd: int | None = None
    """Cost that the emitter recorded on the span, picodollars."""
    service_tier: str | None = None
    server_address: str | None = None
    session_id: str | None = None
    output: object = None
    """The raw output attribute; rendered as text once, when the root is written."""
    error: str | None = None
    has_feedback: bool = False
    num_calls: int = 0
    """Number of model calls that a container states it made."""
    ends_early: bool = False
    """Whether the span ends before its call: some emitters end it when a stream begins."""
    unsure_output: bool = False
    """Whether another report of the same call is more accurate about the completion."""
    unsure_usage: bool = False
    """Whether another report of the same call is more accurate about all figures."""
    misplaced: bool = False
    """Whether the figures are those of one call below the span, not of the span."""
    session_is_weak: bool = False
    """Whether the id is that of a conversation or thread, which frameworks set by themselves."""
    ignored: tuple[str, ...] = ()
    """Reasons why values on this span were not used, one for each value; for the counters."""
    lacks: int = 0
    """What the dropped attributes may hold: ``LACKS_FIGURES``, ``LACKS_SESSION``."""
    user_id: str | None = None
    metadata: str | None = None
    """Metadata that the application states about the session, as JSON."""
    terms: Terms | None = None
    """What else the price depends on, if the span states anything about it."""
    is_billed: bool = False
    """Whether providers bill it although it is no model event.

    An embedding, a reranker, speech, an agent that is known to make calls.
    """
    is_plain: bool = False
    """Whether it states nothing but its kind, which is not a model's, and perhaps its session.

    A tool or agent has a name as well, and a chain that of its agent.
    """
    shows_answer: bool = False
    """Of what failed: whether it has a part of the model's answer, or may have been answered."""
    tool_name: str | None = None
    """Of a tool: its name, as stated by a key or by the span's name; at most 128 characters."""
    agent_name: str | None = None
    """Of an agent: its name, found in the same way; of a call or chain: the agent that its keys
    state."""
    first_token_ns: int | None = None
    """Of a model call: from its start to the first token or part of the answer."""
