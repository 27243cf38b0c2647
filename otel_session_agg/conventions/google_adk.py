"""Google's Agent Development Kit.

Source: its tracing module; recordings of 2.13.  v1 puts usage on ``call_llm`` and again on its
child ``generate_content``; cached counts of v1 are only in the response's JSON.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import (
    Convention,
    Effect,
    Emitter,
    Meaning,
    NamedSpans,
    Text,
)
from otel_session_agg.conventions._term_rows import TermText, below

TABLE = Convention(
    name="google_adk",
    spans=(
        NamedSpans({"call_llm": Kind.MODEL}, scopes=("gcp.vertex.agent",)),
        NamedSpans({"invocation": Kind.CHAIN}, scopes=("gcp.vertex.agent",)),
    ),
    reasoning=("gen_ai.usage.experimental.reasoning_tokens",),
    audio_prompt=("gen_ai.usage.experimental.input_audio_tokens",),
    audio_completion=("gen_ai.usage.experimental.output_audio_tokens",),
    texts=(
        Text(
            "gcp.vertex.agent.llm_response",
            "native",
            scopes=("gcp.vertex.agent",),
            path=("usage_metadata",),
        ),
        # the names of the API, as other languages write them
        Text(
            "gcp.vertex.agent.llm_response",
            "native",
            scopes=("gcp.vertex.agent",),
            path=("usageMetadata",),
            fills=True,
            unless=Meaning.TOOL_PROMPT,
            hint="usageMetadata",
        ),
        Text(
            "gcp.vertex.agent.llm_response",
            "grounding",
            scopes=("gcp.vertex.agent",),
            fills=True,
            unless=Meaning.WEB_SEARCHES,
            hint="web_search_queries",
        ),
    ),
    terms=(
        TermText(
            "gcp.vertex.agent.llm_response",
            below("usage_metadata", "usageMetadata"),
            scopes=("gcp.vertex.agent",),
        ),
    ),
    session=("gcp.vertex.agent.session_id",),
    user=("gcp.vertex.agent.user_id",),
    content=("gcp.vertex.agent.llm_request",),
    emitters=(
        Emitter(
            scopes=("gcp.vertex.agent",),
            has=("gen_ai.usage.reasoning.output_tokens",),
            lacks=("llm.token_count.completion",),
            providers=("/",),
            not_providers=("projects/", "publishers/", "endpoints/", "models/", "apigee/"),
            proof=(
                "recorded: 2.13 adds the thoughts to the candidates, where LiteLLM's figures "
                "have them already"
            ),
            effects={Effect.COMPLETION_REPEATS_REASONING},
        ),
    ),
)
