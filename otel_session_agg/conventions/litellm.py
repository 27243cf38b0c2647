"""LiteLLM's own OpenTelemetry loggers, old (``gen_ai.cost.*``) and v2 (``litellm.cost.*``).

Source: its logger and mappers; recordings of 1.72 and 1.106.  The callback writes a call's usage
onto the active span, but only once; later calls are on ``raw_gen_ai_request`` as Python ``repr``.
The other cost keys are parts or prices before discount and are never added.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import (
    Convention,
    Effect,
    Emitter,
    Kinds,
    NamedSpans,
    Text,
)
from otel_session_agg.conventions._term_rows import BilledText, FeeKey

_PROVIDERS = (
    "openai", "anthropic", "azure", "azure_ai", "bedrock", "vertex_ai", "gemini", "mistral",
    "cohere", "cohere_chat", "groq", "deepseek", "xai", "together_ai", "fireworks_ai", "openrouter",
    "perplexity", "ollama", "ollama_chat", "hosted_vllm", "huggingface", "databricks", "sagemaker",
    "watsonx", "replicate", "cerebras", "None",
)  # fmt: skip
"""Providers by LiteLLM's names; ``None`` is what it writes for the responses API."""

TABLE = Convention(
    name="litellm",
    spans=(NamedSpans({"raw_gen_ai_request": Kind.MODEL}, scopes=("litellm",)),),
    texts=(
        Text("metadata.usage_object", "inclusive"),
        *(Text(f"llm.{provider}.usage", "native", sole=True) for provider in _PROVIDERS),
    ),
    emitters=(
        Emitter(
            scopes=("litellm", "openinference.instrumentation.litellm"),
            has=("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"),
            proof=(
                "source: its completion of Gemini is candidates and thoughts, its total "
                "Gemini's own"
            ),
            effects={Effect.COMPLETION_HAS_THOUGHTS},
        ),
        Emitter(
            scopes=("",),
            not_scopes=("litellm",),
            has=("metadata.usage_object", "hidden_params"),
            proof="recorded: the callback writes onto the active span, whatever that is",
            effects={Effect.MISPLACED},
        ),
    ),
    kinds=(Kinds("litellm.guardrail.name", {}, otherwise=Kind.GUARDRAIL),),
    cost=(
        "gen_ai.cost.total_cost",
        "litellm.cost.total",
        "litellm.response_cost",
        "litellm.response-cost",
        "http.response.header.x-litellm-response-cost",
    ),
    fees=(FeeKey("litellm.cost.guardrail", unless="litellm.guardrail.cost_in_spend"),),
    billed=tuple(
        BilledText(f"llm.{provider}.usage") for provider in ("openrouter", "perplexity", "xai")
    ),
    service_tier=tuple(f"llm.{provider}.service_tier" for provider in _PROVIDERS),
    cost_text=("hidden_params",),
    cache_hit=("litellm.cache_hit", "gen_ai.cache_hit"),
    request_model=tuple(f"llm.{provider}.model" for provider in _PROVIDERS),
    response_id=tuple(f"llm.{provider}.id" for provider in _PROVIDERS),
)
