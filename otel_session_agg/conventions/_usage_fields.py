"""Names of counts in usage objects.

They are those of the providers' own APIs and of LangChain, Langfuse, MLflow, LiteLLM, CrewAI and
Genkit.  Objects are flattened to dotted names first.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_session_agg.conventions._schema import Meaning

NAMES: Mapping[int, tuple[str, ...]] = {
    Meaning.PROMPT: (
        "prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "prompt_token_count",
        "promptTokenCount", "input_token_count", "prompt_eval_count", "input", "num_prompt_tokens",
        "billed_units.input_tokens", "inputTokenCount",
    ),
    Meaning.COMPLETION: (
        "completion_tokens", "output_tokens", "completionTokens", "outputTokens",
        "completion_token_count", "completionTokenCount", "output_token_count", "eval_count",
        "output", "num_completion_tokens", "candidates_token_count", "candidatesTokenCount",
        "billed_units.output_tokens", "outputTokenCount", "generated_token_count",
        "generation_token_count", "response_token_count", "responseTokenCount",
    ),
    Meaning.TOTAL: (
        "total_tokens", "totalTokens", "total_token_count", "totalTokenCount", "total",
        "num_tokens",
    ),
    Meaning.CACHE_READ: (
        "prompt_tokens_details.cached_tokens", "input_tokens_details.cached_tokens",
        "input_token_details.cache_read", "inputTokenDetails.cacheReadTokens",
        "cache_read_input_tokens", "cacheReadInputTokens", "cached_content_token_count",
        "cachedContentTokenCount", "cachedContentTokens", "cached_prompt_tokens",
        "cachedPromptTokens", "cachedInputTokens", "cache_read_tokens", "cached_tokens",
        "input_cached_tokens", "input_cache_read", "input_cache_read_tokens", "cacheReadTokens",
        "cached_input_tokens", "prompt_cache_hit_tokens", "input_token_details.flex_cache_read",
        "input_token_details.priority_cache_read", "input_token_details.cached_tokens",
    ),
    Meaning.CACHE_WRITE: (
        "prompt_tokens_details.cache_write_tokens", "prompt_tokens_details.cache_creation_tokens",
        "input_tokens_details.cache_write_tokens", "input_tokens_details.cache_creation_tokens",
        "input_token_details.cache_creation", "inputTokenDetails.cacheWriteTokens",
        "cache_creation_input_tokens", "cacheWriteInputTokens", "cacheCreationInputTokens",
        "cache_write_input_tokens", "cache_creation_tokens", "cache_write_tokens",
        "input_cache_creation", "input_cache_creation_tokens", "input_cache_write",
        "cacheWriteTokens",
    ),
    Meaning.CACHE_WRITE_5M: (
        "cache_creation.ephemeral_5m_input_tokens", "input_token_details.ephemeral_5m_input_tokens",
        "input_cache_creation_5m", "input_cache_creation.ephemeral_5m_input_tokens",
        "input_ephemeral_5m_input_tokens", "cache_creation_5m_input_tokens",
        "ephemeral_5m_input_tokens",
    ),
    Meaning.CACHE_WRITE_1H: (
        "cache_creation.ephemeral_1h_input_tokens", "input_token_details.ephemeral_1h_input_tokens",
        "input_cache_creation_1h", "input_cache_creation.ephemeral_1h_input_tokens",
        "input_ephemeral_1h_input_tokens", "cache_creation_1h_input_tokens",
        "ephemeral_1h_input_tokens",
    ),
    Meaning.REASONING: (
        "completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens",
        "output_token_details.reasoning", "outputTokenDetails.reasoningTokens", "reasoning_tokens",
        "reasoningTokens", "thoughts_token_count", "thoughtsTokenCount", "thoughtsTokens",
        "output_reasoning", "output_reasoning_tokens", "output_token_details.flex_reasoning",
        "output_token_details.priority_reasoning", "thoughts_tokens",
        "output_token_details.reasoning_tokens", "reasoning_output_tokens",
    ),
    Meaning.AUDIO_PROMPT: (
        "prompt_tokens_details.audio_tokens", "input_tokens_details.audio_tokens",
        "input_token_details.audio", "input_audio", "input_audio_tokens",
        "prompt_tokens_details.audio", "promptTokensDetails.audio",
        "input_token_details.audio_tokens",
    ),
    Meaning.AUDIO_COMPLETION: (
        "completion_tokens_details.audio_tokens", "output_tokens_details.audio_tokens",
        "output_token_details.audio", "output_audio", "output_audio_tokens",
        "candidates_tokens_details.audio", "candidatesTokensDetails.audio",
        "response_tokens_details.audio", "responseTokensDetails.audio",
        "output_token_details.audio_tokens",
    ),
    Meaning.AUDIO_CACHE_READ: (
        "prompt_tokens_details.cached_tokens_details.audio_tokens",
        "input_token_details.cached_tokens_details.audio_tokens",
        "input_tokens_details.cached_tokens_details.audio_tokens", "cache_audio_read_tokens",
        "cache_tokens_details.audio", "cacheTokensDetails.audio", "input_cached_audio_tokens",
    ),
    Meaning.IMAGE_PROMPT: (
        "prompt_tokens_details.image_tokens", "input_tokens_details.image_tokens",
        "input_token_details.image", "input_image_tokens", "input_image",
        "prompt_tokens_details.image", "promptTokensDetails.image",
        "input_token_details.image_tokens",
    ),
    Meaning.IMAGE_COMPLETION: (
        "completion_tokens_details.image_tokens", "output_tokens_details.image_tokens",
        "output_token_details.image", "output_image_tokens", "output_image",
        "candidates_tokens_details.image", "candidatesTokensDetails.image",
        "response_tokens_details.image", "responseTokensDetails.image",
        "output_token_details.image_tokens",
    ),
    Meaning.WEB_SEARCHES: (
        "server_tool_use.web_search_requests", "serverToolUse.webSearchRequests",
        "server_tool_use_web_search_requests", "web_search_requests", "webSearchRequests",
        "num_search_queries", "numSearchQueries", "web_search_count",
        "server_side_tool_usage_details.web_search_calls", "num_web_searches",
    ),
    Meaning.UNCACHED: ("inputTokenDetails.noCacheTokens", "noCacheTokens"),
    Meaning.TOOL_PROMPT: (
        "tool_use_prompt_token_count", "toolUsePromptTokenCount", "tool_use_prompt_tokens",
        "toolUsePromptTokens", "input_token_details.tool_use",
    ),
    Meaning.NUM_CALLS: ("successful_requests",),
}  # fmt: skip

MEANINGS: Mapping[str, tuple[int, int]] = {
    name: (meaning, position)
    for meaning, names in NAMES.items()
    for position, name in enumerate(names)
}
"""The meaning of a name, and its place among the names of that meaning: the lowest wins."""

WITHOUT_THOUGHTS = frozenset(
    {"candidates_token_count", "candidatesTokenCount", "response_token_count", "responseTokenCount"}
)
"""Completion counts that exclude the reasoning: Gemini's candidates, without its thoughts."""

WITHOUT_TOOLS = frozenset({"prompt_token_count", "promptTokenCount"})
"""Prompt counts that exclude the input of the provider's tools: Gemini's."""

MODALITY_LISTS: Mapping[str, str] = {
    "prompt_tokens_details": "prompt_tokens_details", "promptTokensDetails": "promptTokensDetails",
    "tool_use_prompt_tokens_details": "prompt_tokens_details",
    "toolUsePromptTokensDetails": "promptTokensDetails",
    "cache_tokens_details": "cache_tokens_details", "cacheTokensDetails": "cacheTokensDetails",
    "candidates_tokens_details": "candidates_tokens_details",
    "candidatesTokensDetails": "candidatesTokensDetails",
    "response_tokens_details": "response_tokens_details",
    "responseTokensDetails": "responseTokensDetails",
}  # fmt: skip
"""Gemini's lists of counts by modality, and the list that each is added to."""

MODALITIES = ("text", "audio", "image", "video", "document")
"""Modalities of these lists; one that is missing in a list has no tokens."""

OTHER_UNITS = frozenset({
    "characters", "chars", "seconds", "milliseconds", "minutes", "images", "pages", "requests",
    "searches", "units",
})  # fmt: skip
"""Last words of names of counts that are not of tokens."""

BILLED_ITERATIONS = ("message", "compaction", None)
"""Types of Anthropic's iterations inside one call that its model made and that are billed; an
advisor is another model, and a declined attempt is not billed."""

RAW_CACHE = frozenset({
    "cache_read_input_tokens", "cache_creation_input_tokens", "cacheReadInputTokens",
    "cacheWriteInputTokens", "cacheCreationInputTokens",
})  # fmt: skip
"""Cached counts of Anthropic and Bedrock, by their own names."""

RAW_PROMPT = frozenset({"input_tokens", "inputTokens"})
"""Prompt counts of Anthropic and Bedrock, which exclude the cached part."""
