"""LlamaIndex's own OpenTelemetry package: spans have only names; usage is on their events.

Source: recordings of llama-index-observability-otel 0.7.0.  The provider's answer is flattened
below ``response.raw``.  A stream's span ends when the stream begins, without the event that
would have its usage.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Effect, Emitter, Events, Kinds

_SCOPE = ("llamaindex.opentelemetry",)
_KINDS = {
    "llmchatstartevent": Kind.MODEL,
    "llmchatendevent": Kind.MODEL,
    "llmcompletionstartevent": Kind.MODEL,
    "llmcompletionendevent": Kind.MODEL,
    "embeddingstartevent": Kind.EMBEDDING,
    "embeddingendevent": Kind.EMBEDDING,
}
_RAW = "response.raw.usage"
_ANTHROPIC = (f"{_RAW}.cache_read_input_tokens", f"{_RAW}.cache_creation_input_tokens")

TABLE = Convention(
    name="llama_index",
    kinds=(Kinds("class_name", _KINDS),),
    events=(
        Events(
            scopes=_SCOPE,
            names=frozenset(
                {
                    "LLMChatStartEvent",
                    "LLMChatEndEvent",
                    "LLMCompletionStartEvent",
                    "LLMCompletionEndEvent",
                    "EmbeddingStartEvent",
                    "EmbeddingEndEvent",
                }
            ),
            blank="null",
        ),
    ),
    prompt=(
        f"{_RAW}.prompt_tokens",
        f"{_RAW}.input_tokens",
        "response.additional_kwargs.prompt_tokens",
    ),
    completion=(
        f"{_RAW}.completion_tokens",
        f"{_RAW}.output_tokens",
        "response.additional_kwargs.completion_tokens",
    ),
    total=(f"{_RAW}.total_tokens", "response.additional_kwargs.total_tokens"),
    cache_read=(
        f"{_RAW}.prompt_tokens_details.cached_tokens",
        f"{_RAW}.input_tokens_details.cached_tokens",
        _ANTHROPIC[0],
    ),
    cache_write=(
        f"{_RAW}.prompt_tokens_details.cache_write_tokens",
        f"{_RAW}.input_tokens_details.cache_write_tokens",
        _ANTHROPIC[1],
    ),
    cache_write_5m=(f"{_RAW}.cache_creation.ephemeral_5m_input_tokens",),
    cache_write_1h=(f"{_RAW}.cache_creation.ephemeral_1h_input_tokens",),
    reasoning=(
        f"{_RAW}.completion_tokens_details.reasoning_tokens",
        f"{_RAW}.output_tokens_details.reasoning_tokens",
    ),
    audio_prompt=(f"{_RAW}.prompt_tokens_details.audio_tokens",),
    audio_completion=(f"{_RAW}.completion_tokens_details.audio_tokens",),
    response_model=("response.raw.model",),
    request_model=("model_dict.model_name", "model_dict.model"),
    response_id=("response.raw.id",),
    service_tier=("response.raw.service_tier",),
    emitters=(
        Emitter(
            scopes=_SCOPE,
            has=_ANTHROPIC,
            proof=(
                "Anthropic's API: the input leaves the cached part out, and the answer is "
                "written as it came"
            ),
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
