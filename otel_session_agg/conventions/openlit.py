"""OpenLIT.

Source: its semantic conventions and helpers; recordings of 1.45.  Its cost is 0 when it has no
price of the model.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention, Effect, Emitter, SpanNames

TABLE = Convention(
    name="openlit",
    cache_read=("gen_ai.usage.prompt_tokens_details.cached_tokens",),
    cache_write=("gen_ai.usage.prompt_tokens_details.cache_creation_tokens",),
    reasoning=("gen_ai.usage.completion_tokens_details.reasoning_tokens",),
    audio_prompt=("gen_ai.usage.prompt_tokens_details.audio_tokens",),
    audio_completion=("gen_ai.usage.completion_tokens_details.audio_tokens",),
    cost=("gen_ai.usage.cost",),
    session=("coding_agent.session.id",),
    user=("gen_ai.request.user",),
    # recorded: 1.45 names the steps of an agent there
    span_names=(
        SpanNames(nameless_before=("invoke_agent ",), scopes=("openlit.instrumentation.crewai",)),
    ),
    emitters=(
        Emitter(
            scopes=("openlit",),
            has=("gen_ai.operation.name",),
            proof=(
                "recorded: OpenInference's translator of OpenLIT's spans (0.1.19) calls a model's "
                "call for a tool a tool"
            ),
            not_keys=("openinference.span.kind",),
        ),
        Emitter(
            scopes=("openlit",),
            proof=(
                "source: 1.45 writes the Python type of the answer, text or json, also of images "
                "(Gemini)"
            ),
            not_keys=("gen_ai.output.type",),
        ),
        Emitter(
            scopes=("openlit.instrumentation.azure_ai_inference",),
            proof="recorded: 1.45 writes the fingerprint of the system as the service tier",
            not_keys=("openai.response.service_tier",),
        ),
        Emitter(
            scopes=("openlit.instrumentation.anthropic", "openlit.instrumentation.bedrock"),
            proof="recorded: 1.45 on Anthropic; source: Bedrock",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("openlit.instrumentation.google_ai_studio",),
            proof=(
                "recorded: 1.45 takes candidates without thoughts and states the thoughts "
                "beside them"
            ),
            effects={Effect.COMPLETION_EXCLUDES_REASONING},
        ),
        Emitter(
            scopes=("openlit.otel.tracing",),
            providers=("anthropic", "bedrock"),
            proof="source: one scope for all instrumentations, same figures",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
    ),
)
