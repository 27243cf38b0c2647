"""PostHog's AI properties as span attributes.

Source: its Python SDK and the mapping of its server.  Anthropic's input excludes the cached
part unless the flag states otherwise.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import SECONDS, FirstToken
from otel_session_agg.conventions._schema import Convention, Effect, Emitter, Kinds
from otel_session_agg.conventions._term_rows import REQUEST_TERMS, TermText

_EVENTS = {
    "$ai_generation": Kind.MODEL,
    "$ai_embedding": Kind.EMBEDDING,
    "$ai_span": Kind.SPAN,
    "$ai_trace": Kind.CHAIN,
}

TABLE = Convention(
    name="posthog",
    kinds=(Kinds("$ai_event", _EVENTS), Kinds("event", _EVENTS)),
    prompt=("$ai_input_tokens",),
    completion=("$ai_output_tokens",),
    total=("$ai_total_tokens",),
    cache_read=("$ai_cache_read_input_tokens",),
    cache_write=("$ai_cache_creation_input_tokens",),
    cache_write_5m=("$ai_cache_creation_5m_input_tokens",),
    cache_write_1h=("$ai_cache_creation_1h_input_tokens",),
    reasoning=("$ai_reasoning_tokens",),
    web_searches=("$ai_web_search_count",),
    service_tier=("$ai_service_tier",),
    terms=(TermText("$ai_model_parameters", REQUEST_TERMS),),
    exclusive=("$ai_cache_reporting_exclusive",),
    cost=("$ai_total_cost_usd",),
    cost_parts=("$ai_input_cost_usd", "$ai_output_cost_usd"),
    response_model=("$ai_model",),
    provider=("$ai_provider",),
    session=("$ai_session_id",),
    user=("posthog.distinct_id", "$ai_user_id"),
    output=("$ai_output_choices",),
    content=("$ai_input", "$ai_output_choices"),
    # documentation of its generation events
    first_tokens=(FirstToken("$ai_time_to_first_token", SECONDS),),
    emitters=(
        Emitter(
            scopes=("",),
            has=("$ai_input_tokens",),
            providers=("anthropic",),
            proof="source: the server adds the cached part for Anthropic only",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
