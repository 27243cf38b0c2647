"""Names of counts in usage objects: those of the providers' own APIs and of LangChain, Langfuse, MLflow, LiteLLM, CrewAI and Genkit.

Objects are flattened to dotted names first.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg.conventions._convention import Says

_NAMES: Mapping[int, tuple[str, ...]] = {
    Says.PROMPT: (
        "prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "prompt_token_count", "promptTokenCount",
        "input_token_count", "prompt_eval_count", "input", "num_prompt_tokens", "billed_units.input_tokens",
        "inputTokenCount",
    ),
    Says.COMPLETION: (
        "completion_tokens", "output_tokens", "completionTokens", "outputTokens", "completion_token_count",
        "completionTokenCount", "output_token_count", "eval_count", "output", "num_completion_tokens",
        "candidates_token_count", "candidatesTokenCount", "billed_units.output_tokens", "outputTokenCount",
        "generated_token_count", "generation_token_count",
    ),
    Says.TOTAL: (
        "total_tokens", "totalTokens", "total_token_count", "totalTokenCount", "total", "num_tokens",
    ),
    Says.CACHE_READ: (
        "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens", "input_token_details.cache_read",
        "inputTokenDetails.cacheReadTokens", "cache_read_input_tokens", "cacheReadInputTokens",
        "cached_content_token_count", "cachedContentTokenCount", "cachedContentTokens", "cached_prompt_tokens",
        "cachedPromptTokens", "cachedInputTokens", "cache_read_tokens", "cached_tokens", "input_cached_tokens",
        "input_cache_read", "input_cache_read_tokens", "cacheReadTokens", "cached_input_tokens",
        "prompt_cache_hit_tokens",
    ),
    Says.CACHE_WRITE: (
        "prompt_tokens_details.cache_write_tokens", "prompt_tokens_details.cache_creation_tokens",
        "input_tokens_details.cache_write_tokens", "input_tokens_details.cache_creation_tokens",
        "input_token_details.cache_creation", "inputTokenDetails.cacheWriteTokens", "cache_creation_input_tokens",
        "cacheWriteInputTokens", "cacheCreationInputTokens", "cache_write_input_tokens", "cache_creation_tokens",
        "cache_write_tokens", "input_cache_creation", "input_cache_creation_tokens", "input_cache_write",
        "cacheWriteTokens",
    ),
    Says.CACHE_WRITE_5M: (
        "cache_creation.ephemeral_5m_input_tokens", "input_token_details.ephemeral_5m_input_tokens",
        "input_cache_creation_5m", "input_cache_creation.ephemeral_5m_input_tokens", "input_ephemeral_5m_input_tokens",
        "cache_creation_5m_input_tokens", "ephemeral_5m_input_tokens",
    ),
    Says.CACHE_WRITE_1H: (
        "cache_creation.ephemeral_1h_input_tokens", "input_token_details.ephemeral_1h_input_tokens",
        "input_cache_creation_1h", "input_cache_creation.ephemeral_1h_input_tokens", "input_ephemeral_1h_input_tokens",
        "cache_creation_1h_input_tokens", "ephemeral_1h_input_tokens",
    ),
    Says.REASONING: (
        "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens",
        "output_token_details.reasoning", "outputTokenDetails.reasoningTokens", "reasoning_tokens", "reasoningTokens",
        "thoughts_token_count", "thoughtsTokenCount", "thoughtsTokens", "output_reasoning", "output_reasoning_tokens",
    ),
    Says.AUDIO_PROMPT: (
        "prompt_tokens_details.audio_tokens", "input_tokens_details.audio_tokens", "input_token_details.audio",
        "input_audio", "input_audio_tokens",
    ),
    Says.AUDIO_COMPLETION: (
        "completion_tokens_details.audio_tokens", "output_tokens_details.audio_tokens", "output_token_details.audio",
        "output_audio", "output_audio_tokens",
    ),
    Says.AUDIO_CACHE_READ: ("prompt_tokens_details.cached_tokens_details.audio_tokens", "cache_audio_read_tokens"),
    Says.UNCACHED: ("inputTokenDetails.noCacheTokens", "noCacheTokens"),
    Says.NUM_CALLS: ("successful_requests",),
}  # fmt: skip

SAYS: Mapping[str, tuple[int, int]] = {
    name: (says, position) for says, names in _NAMES.items() for position, name in enumerate(names)
}
"""What a name says, and its place among the names that say the same: the first that an object has counts."""

WITHOUT_THOUGHTS = frozenset({"candidates_token_count", "candidatesTokenCount"})
"""Gemini's candidates leave the thoughts out."""

RAW_CACHE = frozenset({
    "cache_read_input_tokens", "cache_creation_input_tokens", "cacheReadInputTokens", "cacheWriteInputTokens",
    "cacheCreationInputTokens",
})  # fmt: skip
"""Cached counts as Anthropic and Bedrock name them ..."""

RAW_PROMPT = frozenset({"input_tokens", "inputTokens"})
"""... which their own input count, by this name, leaves out."""
