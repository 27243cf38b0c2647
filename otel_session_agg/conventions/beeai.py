"""BeeAI, as OpenInference's instrumentation of it writes it.

Source: recordings of BeeAI 0.1.85 with 0.1.30.  The counts are OpenInference's; the cached parts
of the input are in a flattened usage object.  Each event of a call, as each chunk of a stream, is a
span of the call's kind, which names no model.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention, Effect, Emitter

TABLE = Convention(
    name="beeai",
    cache_read=("metadata.usage.cached_prompt_tokens",),
    cache_write=("metadata.usage.cached_creation_tokens",),
    first_token_events=("new_token",),  # with the path of the event in parentheses
    emitters=(
        Emitter(
            scopes=("openinference.instrumentation.beeai",),
            lacks=("llm.model_name",),
            proof="recorded: 0.1.30 of the chunks of a stream, and of errors",
            effects={Effect.NO_CALL_WITHOUT_USAGE},
        ),
    ),
)
