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
        package.partition("==")[0] for package in packages if "-instrumentation-" in package or "openlit" in package
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

_ANTHROPIC_STACKS = (
    _stack("anthropic.native", _ANTHROPIC),
    _stack("anthropic.openinference", _ANTHROPIC, _ANTHROPIC_OPENINFERENCE),
    _stack("anthropic.openllmetry", _ANTHROPIC, _ANTHROPIC_OPENLLMETRY),
    _stack("anthropic.contrib-genai", _ANTHROPIC, _ANTHROPIC_GENAI),
    _stack("anthropic.openlit", "anthropic==0.125.0", _OPENLIT),
    _stack("anthropic.openinference+openllmetry", _ANTHROPIC, _ANTHROPIC_OPENINFERENCE, _ANTHROPIC_OPENLLMETRY),
    _stack("anthropic.openllmetry+openinference", _ANTHROPIC, _ANTHROPIC_OPENLLMETRY, _ANTHROPIC_OPENINFERENCE),
)

_GOOGLE = "google-genai==3.4.0"
_GOOGLE_OPENINFERENCE = "openinference-instrumentation-google-genai==1.4.14"
_GOOGLE_OPENLLMETRY = "opentelemetry-instrumentation-google-generativeai==0.62.4"
_GOOGLE_CONTRIB = "opentelemetry-instrumentation-google-genai==1.3b0"

_GOOGLE_STACKS = (
    _stack("google-genai.openinference", _GOOGLE, _GOOGLE_OPENINFERENCE),
    _stack("google-genai.openllmetry", _GOOGLE, _GOOGLE_OPENLLMETRY),
    _stack("google-genai.contrib", "google-genai==2.34.0", _GOOGLE_CONTRIB),
    _stack("google-genai.openlit", _GOOGLE, _OPENLIT),
    _stack("google-genai.openinference+contrib", "google-genai==2.34.0", _GOOGLE_OPENINFERENCE, _GOOGLE_CONTRIB),
)

_BOTO3 = "boto3==1.44.5"
_BEDROCK_OPENINFERENCE = "openinference-instrumentation-bedrock==0.1.61"
_BEDROCK_OPENLLMETRY = "opentelemetry-instrumentation-bedrock==0.62.4"
_BEDROCK_BOTOCORE = "opentelemetry-instrumentation-botocore==0.66b2"
_BEDROCK_GENAI = "opentelemetry-instrumentation-genai-bedrock==1.3b0"

_BEDROCK_STACKS = (
    _stack("bedrock.openinference", _BOTO3, _BEDROCK_OPENINFERENCE),
    _stack("bedrock.openllmetry", _BOTO3, _BEDROCK_OPENLLMETRY),
    _stack("bedrock.contrib", _BOTO3, _BEDROCK_BOTOCORE),
    _stack("bedrock.contrib-genai", _BOTO3, _BEDROCK_GENAI),
    _stack("bedrock.openlit", _BOTO3, _OPENLIT),
    _stack("bedrock.openinference+contrib", _BOTO3, _BEDROCK_OPENINFERENCE, _BEDROCK_BOTOCORE),
)

_OTHER_STACKS = (
    _stack("mistral.native", "mistralai==1.12.4"),
    _stack("mistral.openinference", "mistralai==3.7.0", "openinference-instrumentation-mistralai==2.2.2"),
    _stack("mistral.openllmetry", "mistralai==1.12.4", "opentelemetry-instrumentation-mistralai==0.62.4"),
    _stack("cohere.openinference", "cohere==7.3.1", "openinference-instrumentation-cohere==0.1.15"),
    _stack("cohere.openllmetry", "cohere==5.21.1", "opentelemetry-instrumentation-cohere==0.62.4"),
    _stack("groq.openinference", "groq==1.7.0", "openinference-instrumentation-groq==0.1.33"),
    _stack("groq.openllmetry", "groq==1.7.0", "opentelemetry-instrumentation-groq==0.62.4"),
    _stack("ollama.openinference", "ollama==0.6.3", "openinference-instrumentation-ollama==0.1.13"),
    _stack("ollama.openllmetry", "ollama==0.6.3", "opentelemetry-instrumentation-ollama==0.62.4"),
)

STACKS: tuple[Stack, ...] = (*_OPENAI_STACKS, *_ANTHROPIC_STACKS, *_GOOGLE_STACKS, *_BEDROCK_STACKS, *_OTHER_STACKS)
"""In the order of their libraries."""
