"""Client libraries of the providers."""

from __future__ import annotations

from collections.abc import Mapping

from ._stack import Stack


def _stack(
    name: str,
    *packages: str,
    why: str = "",
    unstated: Mapping[str, tuple[str, ...]] | None = None,
    env: Mapping[str, str] | None = None,
) -> Stack:
    """Driven by the driver of the library's name; the options are the instrumentations."""
    instrumentations = [
        package.partition("==")[0]
        for package in packages
        if "-instrumentation-" in package or package.startswith(("openlit", "traceAI-"))
    ]
    driver = name.partition(".")[0].replace("-", "_")
    return Stack(name, driver, packages, options=(*instrumentations,), unstated=unstated or {}, why=why, env=env or {})


_OPENAI = "openai==3.54.0"
_OPENAI_OPENINFERENCE = "openinference-instrumentation-openai==0.1.66"
_OPENAI_OPENLLMETRY = "opentelemetry-instrumentation-openai==0.62.4"
_OPENAI_CONTRIB = "opentelemetry-instrumentation-openai-v2==2.4b0"
_OPENAI_GENAI = "opentelemetry-instrumentation-genai-openai==1.3b0"
_CONTRIB_NEEDS = ("httpx==0.28.1", "opentelemetry-util-genai==0.4b0")
"""openai-v2 imports the one without asking for it, and parts of the other that newer versions do not have."""

_CONTRIB_UNSTATED = {"*/cached*": ("cache_read_tokens",), "*/reasoning*": ("cache_read_tokens", "reasoning_tokens")}
_CONTRIB_WHY = "openai-v2 writes neither cached nor reasoning tokens"

_OPENAI_STACKS = (
    _stack("openai.openinference", _OPENAI, _OPENAI_OPENINFERENCE),
    _stack(
        "openai.openllmetry",
        _OPENAI,
        _OPENAI_OPENLLMETRY,
        unstated={"*stream/reasoning*": ("reasoning_tokens",)},
        why="OpenLLMetry does not write the reasoning tokens of streamed chats",
    ),
    _stack("openai.contrib", _OPENAI, _OPENAI_CONTRIB, *_CONTRIB_NEEDS, unstated=_CONTRIB_UNSTATED, why=_CONTRIB_WHY),
    _stack(
        "openai.contrib-experimental",
        _OPENAI,
        _OPENAI_CONTRIB,
        *_CONTRIB_NEEDS,
        env={"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"},
        unstated=_CONTRIB_UNSTATED,
        why=_CONTRIB_WHY,
    ),
    _stack("openai.contrib-genai", _OPENAI, _OPENAI_GENAI),
    _stack("openai.openinference+openllmetry", _OPENAI, _OPENAI_OPENINFERENCE, _OPENAI_OPENLLMETRY),
    _stack("openai.openllmetry+openinference", _OPENAI, _OPENAI_OPENLLMETRY, _OPENAI_OPENINFERENCE),
    _stack("openai.openinference+contrib-genai", _OPENAI, _OPENAI_OPENINFERENCE, _OPENAI_GENAI),
    _stack(
        "openai.openinference+openllmetry+contrib",
        _OPENAI,
        _OPENAI_OPENINFERENCE,
        _OPENAI_OPENLLMETRY,
        _OPENAI_CONTRIB,
        *_CONTRIB_NEEDS,
    ),
    _stack(
        "openai.contrib+openllmetry+openinference",
        _OPENAI,
        _OPENAI_CONTRIB,
        _OPENAI_OPENLLMETRY,
        _OPENAI_OPENINFERENCE,
        *_CONTRIB_NEEDS,
    ),
    _stack(
        "openai.openllmetry+contrib+openinference",
        _OPENAI,
        _OPENAI_OPENLLMETRY,
        _OPENAI_CONTRIB,
        _OPENAI_OPENINFERENCE,
        *_CONTRIB_NEEDS,
    ),
)

_ANTHROPIC = "anthropic==2.12.0"
_ANTHROPIC_OPENINFERENCE = "openinference-instrumentation-anthropic==3.1.0"
_ANTHROPIC_OPENLLMETRY = "opentelemetry-instrumentation-anthropic==0.62.4"
_ANTHROPIC_GENAI = "opentelemetry-instrumentation-genai-anthropic==1.3b0"
_OPENLIT = "openlit==1.45.0"

_OPENLLMETRY_TRANSLATED = "openinference-instrumentation-openllmetry==0.1.23"
_OPENLIT_TRANSLATED = "openinference-instrumentation-openlit==0.1.19"

_CACHED_PART = ("prompt_tokens", "cache_read_tokens", "cache_write_tokens", "total_tokens")
"""Left out where a span has the prompt without its cached part, and nothing of that."""
_SPANLESS = (*_CACHED_PART, "completion_tokens", "num_model_events")
"""Left out where a call has no span."""

_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
"""Left out where a span tells of a call, but not of its tokens."""
_EMBEDDING = ("prompt_tokens", "total_tokens")
"""Left out where nothing tells the tokens of an embedding."""

_ANTHROPIC_STACKS = (
    _stack("anthropic.native", _ANTHROPIC),
    _stack("anthropic.openinference", _ANTHROPIC, _ANTHROPIC_OPENINFERENCE),
    _stack("anthropic.openllmetry", _ANTHROPIC, _ANTHROPIC_OPENLLMETRY),
    _stack("anthropic.contrib-genai", _ANTHROPIC, _ANTHROPIC_GENAI),
    _stack(
        "anthropic.openlit",
        "anthropic==0.125.0",
        _OPENLIT,
        unstated={"*/split*": ("cost",), "*/reasoning*": ("reasoning_tokens",), "beta/*": _SPANLESS},
        why="OpenLIT writes neither reasoning tokens nor the part of cache writes kept for an hour, and has no span for beta calls",
    ),
    _stack("anthropic.openinference+openllmetry", _ANTHROPIC, _ANTHROPIC_OPENINFERENCE, _ANTHROPIC_OPENLLMETRY),
    _stack("anthropic.openllmetry+openinference", _ANTHROPIC, _ANTHROPIC_OPENLLMETRY, _ANTHROPIC_OPENINFERENCE),
)

_GOOGLE = "google-genai==3.4.0"
_GOOGLE_OPENINFERENCE = "openinference-instrumentation-google-genai==1.4.14"
_GOOGLE_OPENLLMETRY = "opentelemetry-instrumentation-google-generativeai==0.62.4"
_GOOGLE_CONTRIB = "opentelemetry-instrumentation-google-genai==1.3b0"

_GOOGLE_UNSTATED = {
    "tools/*": (*_TOKENS, "num_model_events"),
    "tools/reasoning*": ("cache_read_tokens", "reasoning_tokens"),
}
_GOOGLE_WHY = "the library's automatic function calling makes two calls below one span, which states the last one's tokens"
_GOOGLE_EMBEDDINGS = {"embeddings/*": _EMBEDDING}

_GOOGLE_STACKS = (
    _stack(
        "google-genai.openinference",
        _GOOGLE,
        _GOOGLE_OPENINFERENCE,
        unstated={**_GOOGLE_UNSTATED, **_GOOGLE_EMBEDDINGS},
        why=f"{_GOOGLE_WHY}; OpenInference writes no tokens of embeddings",
    ),
    _stack(
        "google-genai.openllmetry",
        _GOOGLE,
        _GOOGLE_OPENLLMETRY,
        unstated={**_GOOGLE_UNSTATED, **_GOOGLE_EMBEDDINGS},
        why=f"{_GOOGLE_WHY}; OpenLLMetry has no span for embeddings",
    ),
    _stack("google-genai.contrib", "google-genai==2.34.0", _GOOGLE_CONTRIB, unstated=_GOOGLE_UNSTATED, why=_GOOGLE_WHY),
    _stack(
        "google-genai.openlit",
        _GOOGLE,
        _OPENLIT,
        unstated={**_GOOGLE_UNSTATED, **_GOOGLE_EMBEDDINGS},
        why=f"{_GOOGLE_WHY}; OpenLIT has no span for embeddings",
    ),
    _stack(
        "google-genai.openinference+contrib",
        "google-genai==2.34.0",
        _GOOGLE_OPENINFERENCE,
        _GOOGLE_CONTRIB,
        unstated=_GOOGLE_UNSTATED,
        why=_GOOGLE_WHY,
    ),
)

_BOTO3 = "boto3==1.44.5"
_BEDROCK_OPENINFERENCE = "openinference-instrumentation-bedrock==0.1.61"
_BEDROCK_OPENLLMETRY = "opentelemetry-instrumentation-bedrock==0.62.4"
_BEDROCK_BOTOCORE = "opentelemetry-instrumentation-botocore==0.66b2"
_BEDROCK_GENAI = "opentelemetry-instrumentation-genai-bedrock==1.3b0"

_BEDROCK_OPENINFERENCE_UNSTATED = {"converse*/split*": ("cost",), "invoke-stream/split*": ("cost",)}
_BEDROCK_OPENINFERENCE_WHY = "only the answers of InvokeModel that are no streams have the part of cache writes kept for an hour"

_BEDROCK_STACKS = (
    _stack(
        "bedrock.openinference",
        _BOTO3,
        _BEDROCK_OPENINFERENCE,
        unstated=_BEDROCK_OPENINFERENCE_UNSTATED,
        why=_BEDROCK_OPENINFERENCE_WHY,
    ),
    _stack(
        "bedrock.openllmetry",
        _BOTO3,
        _BEDROCK_OPENLLMETRY,
        unstated={
            "*/split*": ("cost",),
            "invoke-stream/[cs]*": _CACHED_PART,
            "invoke-nova/*": _CACHED_PART,
        },
        why="OpenLLMetry does not write the part of cache writes kept for an hour, nor any cached part of InvokeModel's streams and Nova",
    ),
    _stack(
        "bedrock.contrib",
        _BOTO3,
        _BEDROCK_BOTOCORE,
        unstated={
            "*/split*": ("cost",),
            "invoke/[cs]*": _CACHED_PART,
            "invoke-stream/[cs]*": _CACHED_PART,
            "invoke-nova/*": _CACHED_PART,
        },
        why="botocore does not write the part of cache writes kept for an hour, nor any cached part of InvokeModel",
    ),
    _stack(
        "bedrock.contrib-genai",
        _BOTO3,
        _BEDROCK_GENAI,
        unstated={"*/split*": ("cost",), "invoke-nova/*": _CACHED_PART},
        why="genai-bedrock does not write the part of cache writes kept for an hour, nor any cached part of InvokeModel with Nova",
    ),
    _stack(
        "bedrock.openlit",
        _BOTO3,
        _OPENLIT,
        unstated={
            "*/split*": ("cost",),
            "converse-stream/*": _SPANLESS,
            "invoke*": _SPANLESS,
            "embeddings/*": ("prompt_tokens", "total_tokens"),
        },
        why="OpenLIT has no span for InvokeModel, none of a stream read by its key, and does not write the part of cache writes kept for an hour",
    ),
    _stack(
        "bedrock.openinference+contrib",
        _BOTO3,
        _BEDROCK_OPENINFERENCE,
        _BEDROCK_BOTOCORE,
        unstated=_BEDROCK_OPENINFERENCE_UNSTATED,
        why=_BEDROCK_OPENINFERENCE_WHY,
    ),
)

_AZURE_AI = ("azure-ai-inference==1.0.0b9", "azure-core-tracing-opentelemetry==1.0.0b13", "aiohttp==3.13.2")

_TRACEAI_OPENAI, _TRACEAI_ANTHROPIC = "traceAI-openai==0.1.10", "traceAI-anthropic==0.1.10"
_TRACEAI_GONE = (*_EMBEDDING, "cache_read_tokens", "cache_write_tokens", "cost")
_TRACEAI_NEEDS = "fi-instrumentation-otel==1.1.0"

_OTHER_STACKS = (
    _stack(
        "mistral.native",
        "mistralai==1.12.4",
        unstated={"*stream/*": _TOKENS, "parallel/*": (*_TOKENS, "num_model_events"), "*/cached*": ("cache_read_tokens",)},
        why="the library writes neither cached tokens nor any of streams, and of parallel calls of one client only one span ends",
    ),
    _stack(
        "mistral.openinference",
        "mistralai==3.7.0",
        "openinference-instrumentation-mistralai==2.2.2",
        unstated={"embeddings/*": _EMBEDDING},
        why="OpenInference has no span for embeddings",
    ),
    _stack("mistral.openllmetry", "mistralai==1.12.4", "opentelemetry-instrumentation-mistralai==0.62.4"),
    _stack("cohere.openinference", "cohere==7.3.1", "openinference-instrumentation-cohere==0.1.15"),
    _stack(
        "cohere.openllmetry",
        "cohere==5.21.1",
        "opentelemetry-instrumentation-cohere==0.62.4",
        unstated={"embeddings/*": _EMBEDDING},
        why="OpenLLMetry fails to add an embedding's input to an output that it does not have, and writes neither",
    ),
    _stack(
        "groq.openinference",
        "groq==1.7.0",
        "openinference-instrumentation-groq==0.1.33",
        unstated={
            "*stream/*": _TOKENS,
            "*stream/cached*": ("cache_read_tokens",),
            "*stream/reasoning*": ("cache_read_tokens", "reasoning_tokens"),
        },
        why="OpenInference ends the span of a stream before its first part",
    ),
    _stack(
        "groq.openllmetry",
        "groq==1.7.0",
        "opentelemetry-instrumentation-groq==0.62.4",
        unstated={"*/reasoning*": ("reasoning_tokens",)},
        why="OpenLLMetry does not write Groq's reasoning tokens",
    ),
    _stack("xai-sdk.native", "xai-sdk==1.21.0"),
    _stack(
        "openai.traceai",
        "openai==2.54.0",
        _TRACEAI_OPENAI,
        _TRACEAI_NEEDS,
        unstated={
            **dict.fromkeys(("chat/cached*", "azure/cached*", "parallel/cached*"), ("cache_read_tokens",)),
            **dict.fromkeys(("chat/reasoning*", "*stream/reasoning*"), ("cache_read_tokens", "reasoning_tokens")),
        },
        why="traceAI writes neither cached nor reasoning tokens of chats",
    ),
    _stack(
        "anthropic.traceai",
        "anthropic==0.125.0",
        _TRACEAI_ANTHROPIC,
        _TRACEAI_NEEDS,
        unstated={
            **dict.fromkeys(("stream/*", "parallel/*"), _TRACEAI_GONE),
            "message/reasoning*": ("reasoning_tokens",),
            "stream/reasoning*": ("reasoning_tokens", *_TRACEAI_GONE),
        },
        why="traceAI writes no reasoning tokens, and the cached part of the input only in whole answers that are not awaited",
    ),
    _stack(
        "portkey.openinference",
        "portkey-ai==2.3.4",
        "openinference-instrumentation-portkey==0.1.22",
        unstated={"stream/*": _TOKENS, "stream/cached*": (*_TOKENS, "cache_read_tokens")},
        why="OpenInference ends the span of a stream before its first part",
    ),
    _stack(
        "azure-ai-inference.native",
        *_AZURE_AI,
        unstated={**_CONTRIB_UNSTATED, "embeddings/*": _EMBEDDING},
        why="the library writes neither cached nor reasoning tokens, and nothing of embeddings",
    ),
    _stack(
        "azure-ai-inference.openlit",
        *_AZURE_AI,
        _OPENLIT,
        unstated={
            "*stream*/*": (*_TOKENS, "num_model_events"),
            "*stream/cached*": (*_TOKENS, "num_model_events", "cache_read_tokens"),
            "tools/*": _TOKENS,
        },
        why="OpenLIT writes nothing of streams and of chats with a message that has no text",
    ),
    _stack(
        "openai.openllmetry-in-openinference",
        _OPENAI,
        "opentelemetry-instrumentation-openai==0.53.3",
        _OPENLLMETRY_TRANSLATED,
        unstated={"*stream/reasoning*": ("reasoning_tokens",)},
        why="OpenLLMetry does not write the reasoning tokens of streamed chats",
    ),
    _stack(
        "openai.openlit-in-openinference",
        "openai==2.54.0",
        _OPENLIT,
        _OPENLIT_TRANSLATED,
        unstated={"chat/reasoning*": ("reasoning_tokens",), "*stream/reasoning*": ("reasoning_tokens",)},
        why="OpenLIT writes no reasoning tokens of chats",
    ),
    _stack("ollama.openinference", "ollama==0.6.3", "openinference-instrumentation-ollama==0.1.13"),
    _stack("ollama.openllmetry", "ollama==0.6.3", "opentelemetry-instrumentation-ollama==0.62.4"),
)

STACKS: tuple[Stack, ...] = (*_OPENAI_STACKS, *_ANTHROPIC_STACKS, *_GOOGLE_STACKS, *_BEDROCK_STACKS, *_OTHER_STACKS)
"""In the order of their libraries."""
