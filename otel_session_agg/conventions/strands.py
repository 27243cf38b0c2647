"""Strands Agents and Bedrock AgentCore.

Source: its tracer; recordings of 1.20 and 1.62.  It writes old and new names of one count.  The
scope has no version; the dotted cache names distinguish the versions: they came when the input
began to include the cached part.

OpenInference translates these spans in place.  It copies Strands' counts (before 0.1.3 without the
cached part) or adds the cached part to the input (since then, also where the input includes it), so
that only Strands' own counts are read.  Before 0.1.4 these stand in ``metadata`` only.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention, Effect, Emitter, Text

_SCOPES = ("strands",)
_BEDROCK_AND_CLAUDE = ("anthropic", "claude", "bedrock", "amazon", "nova")
_TRANSLATED = (
    "llm.token_count.prompt",
    "llm.token_count.completion",
    "llm.token_count.total",
    "llm.token_count.prompt_details.cache_read",
    "llm.token_count.prompt_details.cache_write",
)
_DOTTED = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_creation.input_tokens")
_FLAT = ("gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.cache_write_input_tokens")

TABLE = Convention(
    name="strands",
    texts=(Text("metadata", "genai", scopes=_SCOPES, sole=True, hint='"gen_ai.usage.'),),
    emitters=(
        Emitter(
            scopes=_SCOPES,
            has=("gen_ai.usage.prompt_tokens", "gen_ai.usage.input_tokens", "metadata"),
            proof="recorded: OpenInference 0.1.2 to 0.1.12 over 1.20 and 1.62",
            not_keys=_TRANSLATED,
        ),
        Emitter(
            scopes=_SCOPES,
            has=("gen_ai.usage.total_tokens", "llm.token_count.total"),
            providers=_BEDROCK_AND_CLAUDE,
            proof="recorded: 1.0 states no cached part, but Bedrock's total has it",
            effects={Effect.PROMPT_FROM_TOTAL},
        ),
        Emitter(
            scopes=_SCOPES,
            has=_FLAT,
            lacks=_DOTTED,
            providers=_BEDROCK_AND_CLAUDE,
            proof="source: Bedrock's own figures before 1.62",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        *(
            Emitter(
                scopes=_SCOPES,
                lacks=("gen_ai.usage.prompt_tokens", "gen_ai.usage.input_tokens"),
                providers=() if effect == Effect.PROMPT_INCLUDES_CACHE else _BEDROCK_AND_CLAUDE,
                contains=("metadata", f'"{name}"'),
                proof="recorded: the same in the metadata of OpenInference 0.1.2 and 0.1.3",
                effects={effect},
            )
            for effect, names in (
                (Effect.PROMPT_INCLUDES_CACHE, _DOTTED),
                (Effect.PROMPT_EXCLUDES_CACHE, _FLAT),
            )
            for name in names
        ),
    ),
)
