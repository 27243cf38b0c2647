"""OpenTelemetry GenAI semantic conventions, from the first ``gen_ai.*`` names to those after v1.41.

Source: the registry and span pages of the conventions; older spellings from the registry of
deprecated names.  Input SHOULD include the cached part since 1.40; emitters that differ are in the
tables of their own families.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import (
    INSTANT,
    MILLISECONDS,
    NANOSECONDS,
    SECONDS,
    FirstToken,
)
from otel_session_agg.conventions._operations import OPERATIONS
from otel_session_agg.conventions._schema import (
    Convention,
    Effect,
    Emitter,
    Kinds,
    NamedSpans,
    SpanNames,
    Text,
)
from otel_session_agg.conventions._term_rows import USAGE_TERMS, BilledText, TermKey, TermText

_ANSWERS = ("gen_ai.usage", "gen_ai.response", "anthropic.usage", "anthropic.response")
_REQUESTS = ("gen_ai.request", "gen_ai.openai.request", "openai.request", "anthropic.request")

_TERMS: tuple[TermKey | TermText, ...] = (
    *(TermKey(f"{prefix}.service_tier", "requested_tier") for prefix in _REQUESTS),
    *(TermKey(f"{prefix}.speed", "requested_speed") for prefix in _REQUESTS),
    *(TermKey(f"{prefix}.inference_geo", "requested_region") for prefix in _REQUESTS),
    *(TermKey(f"{prefix}.speed", "speed") for prefix in _ANSWERS),
    *(TermKey(f"{prefix}.inference_geo", "region") for prefix in _ANSWERS),
    *(
        TermKey(f"{prefix}.search_context_size", "search_context")
        for prefix in (*_ANSWERS, *_REQUESTS)
    ),
    TermKey("gen_ai.request.batch", "batch"),
    TermKey("batch", "batch", only=frozenset({"true", "false"})),
    TermKey("service_tier", "service_tier"),
    TermKey("inference_geo", "region"),
    TermKey("gen_ai.output.type", "output_type"),
    TermText("gen_ai.usage.raw", USAGE_TERMS),
)

MADE_UP_COSTS = (
    "gen_ai.usage.cost_usd",
    "gen_ai.usage.total_cost_usd",
    "gen_ai.usage.cost.total",
    "gen_ai.usage.cost.usd",
    "gen_ai.cost",
    "gen_ai.cost_usd",
    "gen_ai.cost.usd",
    "gen_ai.cost.total_usd",
    "gen_ai.cost.total",
    "gen_ai.response.cost",
    "gen_ai.response.cost_usd",
    "llm.cost_usd",
    "llm.response_cost",
    "llm.usage.cost",
    "openrouter.cost",
)
"""Spellings of applications and gateways, in the order in which they are asked."""

GENERIC_COSTS = (
    "cost_usd",
    "costUSD",
    "total_cost_usd",
    "usage.cost",
    "response_cost",
)
"""Names that may mean anything: read on model calls and beside tokens only."""

TABLE = Convention(
    name="otel_genai",
    kinds=(
        Kinds("gen_ai.operation.name", OPERATIONS, or_model=True),
        Kinds(
            "mistral_ai.operation.id",
            {"embeddings_v1_embeddings_post": Kind.EMBEDDING},
        ),
    ),
    # recorded: of a stream it states only the model
    spans=(NamedSpans({"stream_chat": Kind.MODEL}, scopes=("mistralai_sdk_tracer",)),),
    prompt=("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    completion=("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    total=("gen_ai.usage.total_tokens",),
    cache_read=(
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cached_prompt_text_tokens",  # xAI's SDK
    ),
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
    text_cache_read=(
        "gen_ai.usage.text.cache_read.input_tokens",
        "gen_ai.usage.cache_read.text_tokens",
    ),
    texts=(Text("gen_ai.usage.raw", "native", proves=True),),
    image_prompt=("gen_ai.usage.image.input_tokens", "gen_ai.usage.input_image_tokens"),
    image_completion=("gen_ai.usage.image.output_tokens", "gen_ai.usage.output_image_tokens"),
    web_searches=(
        "gen_ai.usage.server_tool_use.web_search_requests",
        "gen_ai.usage.web_search_requests",
        "gen_ai.usage.web_searches",
    ),
    cost=(
        "gen_ai.usage.cost.amount",
        *MADE_UP_COSTS,
        *GENERIC_COSTS,
    ),
    cost_parts=("gen_ai.cost.input_usd", "gen_ai.cost.output_usd"),
    cost_currency=(
        "gen_ai.usage.cost.currency",
        "gen_ai.usage.cost_currency",
        "gen_ai.cost.currency",
        "gen_ai.cost_currency",
        "cost_currency",
    ),
    billed=(
        BilledText("gen_ai.usage.raw"),
        BilledText("gen_ai.usage.cost_in_usd_ticks", in_ticks=True),  # xAI's SDK
    ),
    terms=_TERMS,
    response_model=("gen_ai.response.model",),
    request_model=("gen_ai.request.model",),
    provider=("gen_ai.provider.name", "gen_ai.system"),
    response_id=("gen_ai.response.id",),
    service_tier=(
        "openai.response.service_tier",
        "gen_ai.response.service_tier",
        "gen_ai.openai.response.service_tier",
        "anthropic.response.service_tier",
        "anthropic.usage.service_tier",
        "gen_ai.usage.service_tier",
        "gen_ai.service_tier",
    ),
    server_address=(
        "server.address",
        "gen_ai.openai.api_base",
        "openai.api_base",
        "llm.api_base",
        "url.full",
        "http.url",
    ),
    session=("gen_ai.conversation.id",),
    user=("enduser.id",),  # of the general conventions
    input=("gen_ai.input.messages", "gen_ai.prompt"),
    output=("gen_ai.output.messages", "gen_ai.completion", "gen_ai.completion.0.content"),
    error_type=("error.type",),
    feedback=(
        "gen_ai.evaluation.name",
        "gen_ai.evaluation.score.value",
        "gen_ai.evaluation.score.label",
    ),
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
    tool_name=("gen_ai.tool.name",),
    agent_name=("gen_ai.agent.name",),
    span_names=(
        SpanNames(
            before=("execute_tool ", "invoke_agent ", "create_agent "),
            nameless=("execute_tool", "invoke_agent", "create_agent"),
        ),
    ),
    first_tokens=(
        FirstToken("gen_ai.response.time_to_first_chunk", SECONDS),
        # the metric's name; recorded: AI SDK 7 and pydantic-ai 2.68 write it as an attribute
        FirstToken("gen_ai.client.operation.time_to_first_chunk", SECONDS),
        # recorded: OpenLIT 1.45 writes seconds, Strands 1.62 whole milliseconds
        FirstToken("gen_ai.server.time_to_first_token", MILLISECONDS, scopes=("strands",)),
        FirstToken("gen_ai.server.time_to_first_token", SECONDS),
        # source: vLLM's and SGLang's span attributes
        FirstToken("gen_ai.latency.time_to_first_token", SECONDS),
        # documentation: Sentry's registry has it in seconds, Alibaba Cloud writes nanoseconds
        FirstToken("gen_ai.response.time_to_first_token", SECONDS, whole=NANOSECONDS),
        FirstToken("gen_ai.completion.start_time", INSTANT),  # recorded: xAI's SDK 1.21
    ),
    emitters=(
        Emitter(
            scopes=(
                "opentelemetry.instrumentation.botocore",
                "opentelemetry.instrumentation.genai.bedrock",
            ),
            proof="recorded: botocore 0.66b2 and genai-bedrock 1.3b0 pass Bedrock's own figures on",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.genai.anthropic",),
            has=("gen_ai.usage.output_tokens",),
            lacks=("gen_ai.response.finish_reasons",),
            proof="recorded: 1.3b0 of streams that are left or lost, without the reason of an end",
            effects={Effect.FIRST_OUTPUT},
        ),
        Emitter(
            scopes=("weave.conversation",),
            lacks=("integration.name",),  # its integrations add the cached part
            providers=("anthropic", "claude"),
            proof="recorded: Weave 0.54 passes Anthropic's own figures on",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.vertexai",),
            proof="source: contrib vertexai takes candidates without thoughts",
            effects={Effect.COMPLETION_FROM_TOTAL},
        ),
    ),
)
