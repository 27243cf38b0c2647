"""The values that travel between the layers: spans in, events read from them, usage and cost.

Everything here is immutable and knows nothing of OpenTelemetry's SDK, so every rule about money can be tested by a
function call.  Times are nanoseconds since the Unix epoch, as OpenTelemetry has them.
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
"""Span attributes as they come: values of any type, nothing is promised about them."""


class Kind(Enum):
    """What a span stands for; the OpenInference and OpenTelemetry GenAI kinds, folded into nine."""

    MODEL = "model"
    EMBEDDING = "embedding"
    TOOL = "tool"
    RETRIEVER = "retriever"
    AGENT = "agent"
    CHAIN = "chain"
    GUARDRAIL = "guardrail"
    EVALUATOR = "evaluator"
    SPAN = "span"
    """Unknown: any other span."""

    __hash__ = (
        object.__hash__
    )  # members are singletons: spare the hash of the name on every set lookup


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
    cache_read_tokens: int | None = None
    """Part of ``prompt_tokens``."""
    cache_write_tokens: int | None = None
    """Part of ``prompt_tokens``; all times to live together."""
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
    """Tokens beside all others that other models had for the call, at other prices."""


class Terms(NamedTuple):
    """What decides about a call's price beside provider, model, time and tokens; ``None`` means *not stated*."""

    requested_tier: str | None = None
    """The service tier that was asked for.  The one that the answer names, ``Event.service_tier``, beats it."""
    speed: str | None = None
    """Anthropic's ``fast`` or ``standard``."""
    batch: str | None = None
    """``true`` when the call was part of a batch, which is cheaper."""
    region: str | None = None
    """Where the model ran, as the provider names it (Anthropic's ``inference_geo``, Vertex AI's location)."""
    search_context: str | None = None
    """``low``, ``medium`` or ``high``: how much a search brings in; it decides about Perplexity's fee for a request."""
    output_type: str | None = None
    """What the call was to bring forth, if only one thing: ``text``, ``image``, ``audio`` ..."""


class SpanEvent(NamedTuple):
    """A timed event on a span, as far as we read it."""

    name: str
    attributes: AnyAttributes


class SpanData(NamedTuple):
    """One ended span in the one form that every door hands in."""

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
    """The status code is ``ERROR``."""
    status_description: str | None = None
    carried_parent_id: int | None = None
    """A parent that looks remote, but may be in this process; with ``parent_id`` ``None``."""
    is_part: bool = False
    """A session root whose parent is in another process: the trace goes on above it."""
    dropped_attributes: int = 0
    """How many attributes the SDK's limit dropped: those that were set first."""


class Reading(NamedTuple):
    """What one ended span says about the session."""

    kind: Kind
    usage: Usage | None = None
    """``None`` when the span states no tokens at all."""
    provider: str | None = None
    response_model: str | None = None
    request_model: str | None = None
    response_id: str | None = None
    recorded_pusd: int | None = None
    """Cost that the emitter wrote on the span, picodollars."""
    service_tier: str | None = None
    server_address: str | None = None
    session_id: str | None = None
    output: object = None
    """The raw output attribute; made into text once, when the root is written."""
    error: str | None = None
    has_feedback: bool = False
    num_calls: int = 0
    """Model calls that a container says it made."""
    ends_early: bool = False
    """The span ends before the call that it tells of (some emitters close it when a stream begins)."""
    unsure_output: bool = False
    """Another teller of the same call knows the completion better."""
    unsure_usage: bool = False
    """Another teller of the same call knows all figures better."""
    misplaced: bool = False
    """The figures are those of one call below the span, not of the span."""
    session_is_weak: bool = False
    """The session id is that of a conversation or thread, which frameworks set by themselves."""
    ignored: tuple[str, ...] = ()
    """Why values on this span were not used, one reason each; for the counters."""
    lacks: int = 0
    """``LACKS_FIGURES``, ``LACKS_SESSION``: what may be among the attributes that were dropped."""
    user_id: str | None = None
    metadata: str | None = None
    """What else the application says of the session, as JSON; stands behind ``user_id``."""
    terms: Terms | None = None
    """What else decides about the price, if the span says anything of it."""
    is_billed: bool = False
    """Providers bill it although it is no model event: an embedding, a reranker, speech, an agent that is known to make calls."""
