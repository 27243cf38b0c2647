"""Strands Agents and Bedrock AgentCore.

Source: its tracer; recordings of 1.62.  It writes old and new names of one count.  The scope has no
version; the dotted cache names distinguish the versions: they came when the input began to include
the cached part.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention, Effect, Emitter

TABLE = Convention(
    name="strands",
    emitters=(
        Emitter(
            scopes=("strands",),
            has=("gen_ai.usage.total_tokens",),
            providers=("anthropic", "claude", "bedrock", "amazon", "nova"),
            proof="recorded: 1.0 states no cached part, but Bedrock's total has it",
            effects={Effect.PROMPT_FROM_TOTAL},
        ),
        Emitter(
            scopes=("strands",),
            has=("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_write_input_tokens"),
            lacks=(
                "gen_ai.usage.cache_read.input_tokens",
                "gen_ai.usage.cache_creation.input_tokens",
            ),
            providers=("anthropic", "claude", "bedrock", "amazon", "nova"),
            proof="source: Bedrock's own figures before 1.62",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
