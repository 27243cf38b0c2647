"""pydantic-ai and the Logfire SDK's LLM integrations.

Source: pydantic-ai's usage and instrumentation modules, Logfire's documentation; recordings of pydantic-ai 2.68.
``gen_ai.aggregated_usage.*`` and ``logfire.metrics`` are sums over children and ``gen_ai.usage.partial.*`` is a running
count: none of them is read.
"""

from __future__ import annotations

from otel_session_agg.conventions._convention import Convention

TABLE = Convention(
    name="pydantic_ai",
    precedence=45,
    cache_read=("gen_ai.usage.details.cache_read_tokens", "gen_ai.usage.details.cache_read_input_tokens"),
    cache_write=("gen_ai.usage.details.cache_write_tokens", "gen_ai.usage.details.cache_creation_input_tokens"),
    cache_write_5m=("gen_ai.usage.details.ephemeral_5m_input_tokens",),
    cache_write_1h=("gen_ai.usage.details.ephemeral_1h_input_tokens",),
    reasoning=("gen_ai.usage.details.reasoning_tokens", "gen_ai.usage.details.thoughts_tokens"),
    audio_prompt=("gen_ai.usage.details.input_audio_tokens",),
    audio_completion=("gen_ai.usage.details.output_audio_tokens",),
    audio_cache_read=("gen_ai.usage.details.cache_audio_read_tokens",),
    cost={"operation.cost": 40},
    output=("final_result",),
    agent=("agent_name",),
)
