"""AgentScope's tracing middleware.

Source: its middleware; recordings of 2.0.11.  It has attributes of its own for the cached parts of
the input, and the providers' figures as they are, but adds the thoughts of Gemini and xAI.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention, Effect, Emitter

TABLE = Convention(
    name="agentscope",
    cache_read=("agentscope.usage.cache_input_tokens",),
    cache_write=("agentscope.usage.cache_creation_input_tokens",),
    emitters=(
        Emitter(
            scopes=("agentscope",),
            providers=("anthropic",),
            proof="recorded: 2.0.11 with anthropic 0.125",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
