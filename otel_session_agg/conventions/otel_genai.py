"""OpenTelemetry GenAI semantic conventions, from the first ``gen_ai.*`` names to those after v1.41.

Source: the registry and span pages of the conventions; older spellings from the registry of deprecated names.  Input SHOULD
include the cached part since 1.40; emitters that differ stand in the tables of their own families.
"""

from __future__ import annotations

from otel_session_agg._model import Kind
from otel_session_agg.conventions._convention import Convention, Emitter, Kinds, NamedSpans, Text
from otel_session_agg.conventions._operations import OPERATIONS

TABLE = Convention(
    name="otel_genai",
    precedence=40,
    kinds=(
        Kinds("gen_ai.operation.name", OPERATIONS, precedence=50, or_model=True),
        Kinds("mistral_ai.operation.id", {"embeddings_v1_embeddings_post": Kind.EMBEDDING}, precedence=64),
    ),
    spans=(
        NamedSpans({"stream_chat": Kind.MODEL}, scopes=("mistralai_sdk_tracer",)),
    ),  # recorded: of a stream it tells only the model
    prompt=("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    completion=("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    total=("gen_ai.usage.total_tokens",),
    cache_read=("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    cache_write=(
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
    ),
    reasoning=("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
    audio_prompt=("gen_ai.usage.audio.input_tokens", "gen_ai.usage.audio_input_tokens"),
    audio_completion=("gen_ai.usage.audio.output_tokens", "gen_ai.usage.audio_output_tokens"),
    audio_cache_read=(
        "gen_ai.usage.audio.cache_read.input_tokens",
        "gen_ai.usage.cache_read.audio_tokens",
        "gen_ai.usage.cache_read.audio.input_tokens",
    ),
    text_cache_read=("gen_ai.usage.text.cache_read.input_tokens", "gen_ai.usage.cache_read.text_tokens"),
    texts=(Text("gen_ai.usage.raw", "native", proves=True),),
    cost={"gen_ai.usage.cost.amount": 80},
    cost_currency=("gen_ai.usage.cost.currency",),
    response_model=("gen_ai.response.model",),
    request_model=("gen_ai.request.model",),
    provider=("gen_ai.provider.name", "gen_ai.system"),
    response_id=("gen_ai.response.id",),
    service_tier=(
        "openai.response.service_tier",
        "gen_ai.response.service_tier",
        "gen_ai.openai.response.service_tier",
    ),
    server_address=("server.address",),
    session={"gen_ai.conversation.id": 140},
    user={"enduser.id": 25},  # of the general conventions
    output=("gen_ai.output.messages", "gen_ai.completion", "gen_ai.completion.0.content"),
    error_type=("error.type",),
    feedback=("gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label"),
    feedback_events=("gen_ai.evaluation.result",),
    content=(
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.prompt.0.content",
        "gen_ai.completion.0.content",
    ),
    tool=("gen_ai.tool.name", "gen_ai.tool.call.id", "gen_ai.tool.call.arguments"),
    agent=("gen_ai.agent.name", "gen_ai.agent.id"),
    emitters=(
        Emitter(
            scopes=("opentelemetry.instrumentation.botocore", "opentelemetry.instrumentation.genai.bedrock"),
            proof="recorded: botocore 0.66b2 and genai-bedrock 1.3b0 pass Bedrock's own figures on",
            prompt_excludes_cache=True,
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.vertexai",),
            proof="source: contrib vertexai takes candidates without thoughts",
            completion_from_total=True,
        ),
    ),
)
