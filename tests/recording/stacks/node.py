"""JavaScript libraries on Node: AI SDK, Mastra, LangChain.js and the providers' clients.

Traceloop's SDK 0.27 knows the OpenAI client before 7 only and the Anthropic client before 1 only.  OpenTelemetry's own instrumentation
of OpenAI (before 7, too) cannot be together with OpenInference's: both read the answer's body, which breaks the call.  AI SDK 7 and
Mastra ask for Node 22, and were recorded with Node 20.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._stack import Stack

_SDK = ("@opentelemetry/api@1.9.1", "@opentelemetry/sdk-trace-node@2.12.0")
"""What the harness is written with."""
_CLIENT = (*_SDK, "@opentelemetry/instrumentation@0.223.0")
"""The same and what instrumentations are put on with."""
_CORE = "@arizeai/openinference-core@2.7.1"
_TRACELOOP = "@traceloop/node-server-sdk@0.27.0"

_OPENAI = {
    "openinference": ("@arizeai/openinference-instrumentation-openai@4.2.7", _CORE),
    "openllmetry": (_TRACELOOP,),
    "contrib": ("@opentelemetry/instrumentation-openai@0.21.0",),
}
_ANTHROPIC = {
    "openinference": ("@arizeai/openinference-instrumentation-anthropic@0.2.8", _CORE),
    "openllmetry": (_TRACELOOP,),
}
_BEDROCK = {
    "openinference": ("@arizeai/openinference-instrumentation-bedrock@0.5.1", _CORE),
    "openllmetry": (_TRACELOOP,),
}
_LANGCHAIN = {
    "openinference": ("@arizeai/openinference-instrumentation-langchain@4.1.1", _CORE),
    "openllmetry": (_TRACELOOP,),
}
_LANGCHAIN_PACKAGES = (
    "langchain@1.5.14",
    "@langchain/core@1.2.13",
    "@langchain/openai@1.5.8",
    "@langchain/anthropic@1.5.11",
    "zod@4.6.7",
)
_MASTRA_PACKAGES = (
    "@mastra/core@1.71.0",
    "@mastra/observability@1.17.9",
    "@ai-sdk/openai@3.0.141",
    "@ai-sdk/anthropic@3.0.138",
    "zod@4.6.7",
)
_AI_4 = (
    "ai@4.3.19",
    "@ai-sdk/amazon-bedrock@2.2.12",
    "@ai-sdk/anthropic@1.2.12",
    "@ai-sdk/google@1.2.22",
    "@ai-sdk/openai@1.3.24",
    "zod@3.25.76",
)
_AI_5 = (
    "ai@5.0.277",
    "@ai-sdk/amazon-bedrock@3.0.137",
    "@ai-sdk/anthropic@2.0.112",
    "@ai-sdk/google@2.0.108",
    "@ai-sdk/openai@2.0.131",
    "zod@3.25.76",
)
_AI_6 = (
    "ai@6.0.326",
    "@ai-sdk/amazon-bedrock@4.0.186",
    "@ai-sdk/anthropic@3.0.138",
    "@ai-sdk/google@3.0.141",
    "@ai-sdk/openai@3.0.141",
    "zod@4.6.7",
)
_AI_7 = (
    "ai@7.0.173",
    "@ai-sdk/amazon-bedrock@5.0.101",
    "@ai-sdk/anthropic@4.0.105",
    "@ai-sdk/google@4.0.121",
    "@ai-sdk/openai@4.0.118",
    "@ai-sdk/otel@1.0.173",
    "zod@4.6.7",
)

_CACHED = ("cache_read_tokens",)
_PARTS = ("cache_read_tokens", "reasoning_tokens")
_ALL = ("prompt_tokens", "completion_tokens", "total_tokens", *_PARTS)


def _ai_sdk(
    name: str,
    packages: tuple[str, ...],
    *integrations: str,
    unstated: Mapping[str, tuple[str, ...]] | None = None,
    why: str = "",
) -> Stack:
    """The AI SDK of the major version that the name has."""
    options = (name.partition(".")[0].rpartition("-")[2], *integrations)
    return Stack(name, "ai_sdk.mjs", (*packages, *_CLIENT), options=options, unstated=unstated or {}, why=why)


def _mastra(way: str, package: str) -> Stack:
    return Stack(f"mastra.otel-{way}", "mastra.mjs", (*_MASTRA_PACKAGES, package, *_SDK), options=(way,))


def _client(
    name: str,
    library: tuple[str, ...],
    instrumentations: Mapping[str, tuple[str, ...]],
    unstated: Mapping[str, tuple[str, ...]] | None = None,
    why: str = "",
) -> Stack:
    """A library under the instrumentations that the name has, in their order."""
    driver, _, joined = name.partition("-js.")
    words = tuple(joined.split("+"))
    wanted = tuple(dict.fromkeys(package for word in words for package in instrumentations[word]))
    packages = (*library, *wanted, *_CLIENT)
    return Stack(name, f"{driver}.mjs", packages, options=words, unstated=unstated or {}, why=why)


_OPENAI_6 = ("openai@6.49.0",)
_OPENAI_7 = ("openai@7.57.0",)
_ANTHROPIC_0 = ("@anthropic-ai/sdk@0.137.0",)
_ANTHROPIC_UNTRACED = ("@anthropic-ai/sdk@0.120.0",)
"""Before it wrote spans of its own."""
_BEDROCK_CLIENT = ("@aws-sdk/client-bedrock-runtime@3.1163.0", "@smithy/node-http-handler@4.14.2")
_ANTHROPIC_1 = ("@anthropic-ai/sdk@1.12.0",)

_TRACELOOP_OPENAI = {"*/cached*": _CACHED, "*/reasoning*": _PARTS, "chat-stream/*": _ALL, "responses-stream/*": _ALL}
_TRACELOOP_WHY = "Cached and reasoning parts are not written; a stream's chat has figures that are estimated from its text, a stream's response none."

_STREAMED_CONVERSE = {"converse-stream/cached*": ("cache_read_tokens", "cache_write_tokens")}
_STREAMED_CONVERSE_WHY = "Of a streamed Converse's cached parts only the sum can be told, by the total."

STACKS: tuple[Stack, ...] = (
    _ai_sdk(
        "ai-sdk-4.experimental-telemetry",
        _AI_4,
        unstated={"google/reasoning*": _ALL, "anthropic/split*": ("cost",)},
        why="Version 4 drops Google's cached part and its thoughts, and which cache writes are for an hour.",
    ),
    _ai_sdk(
        "ai-sdk-5.experimental-telemetry",
        _AI_5,
        unstated={
            "openai/reasoning*": _PARTS,
            "openai-responses/cached*": _CACHED,
            "object/cached*": _CACHED,
            "bedrock/cached*": ("prompt_tokens", "total_tokens", *_CACHED),
        },
        why="Version 5 writes input and output only, unless it streams; provider metadata has OpenAI's parts and Bedrock's cache read not.",
    ),
    _ai_sdk(
        "ai-sdk-6.experimental-telemetry",
        _AI_6,
        unstated={"object/cached*": _CACHED},
        why="For generateObject the parts of the tokens are not written.",
    ),
    _ai_sdk(
        "ai-sdk-7.otel",
        _AI_7,
        "OpenTelemetry",
        unstated={"*/reasoning*": ("reasoning_tokens",), "anthropic/split*": ("cost",)},
        why="The attributes of the GenAI conventions have no reasoning part and not which cache writes are for an hour.",
    ),
    _ai_sdk(
        "ai-sdk-6.experimental-telemetry+openinference",
        (*_AI_6, "@arizeai/openinference-vercel@2.8.1"),
        "openinference",
        unstated={"object/cached*": _CACHED},
        why="For generateObject the parts of the tokens are not written.",
    ),
    _ai_sdk(
        "ai-sdk-6.experimental-telemetry+openllmetry",
        (*_AI_6, _TRACELOOP),
        "openllmetry",
        unstated={"object/cached*": _CACHED, "anthropic/split*": ("cost",)},
        why="For generateObject the parts of the tokens are not written; Traceloop's processor drops the provider's metadata.",
    ),
    _ai_sdk(
        "ai-sdk-7.otel+openinference",
        (*_AI_7, "@arizeai/openinference-vercel@3.2.1"),
        "OpenTelemetry",
        "openinference",
    ),
    _ai_sdk("ai-sdk-7.otel-legacy", _AI_7, "LegacyOpenTelemetry"),
    _ai_sdk("ai-sdk-7.otel+otel-legacy", _AI_7, "OpenTelemetry", "LegacyOpenTelemetry"),
    _mastra("exporter", "@mastra/otel-exporter@1.4.0"),
    _mastra("bridge", "@mastra/otel-bridge@1.5.4"),
    _client(
        "openai-js.openinference",
        _OPENAI_7,
        _OPENAI,
        {"chat-stream/*": _ALL, "embeddings/*": ("prompt_tokens", "total_tokens")},
        "No usage is written for streamed chats and for embeddings.",
    ),
    _client("openai-js.openllmetry", _OPENAI_6, _OPENAI, _TRACELOOP_OPENAI, _TRACELOOP_WHY),
    _client(
        "openai-js.contrib",
        _OPENAI_6,
        _OPENAI,
        {"*/cached*": _CACHED, "*/reasoning*": _PARTS},
        "Cached and reasoning parts are not written.",
    ),
    _client(
        "openai-js.openinference+openllmetry",
        _OPENAI_6,
        _OPENAI,
        {**_TRACELOOP_OPENAI, "embeddings/*": ("prompt_tokens", "total_tokens")},
        f"Only Traceloop's spans are written, but for embeddings. {_TRACELOOP_WHY}",
    ),
    _client(
        "openai-js.openllmetry+openinference",
        _OPENAI_6,
        _OPENAI,
        {"chat-stream/*": _ALL, "embeddings/*": ("prompt_tokens", "total_tokens")},
        "Usage is on neither span for streamed chats, where Traceloop's is an estimate, and for embeddings.",
    ),
    _client("anthropic-js.openinference", _ANTHROPIC_1, _ANTHROPIC),
    _client(
        "anthropic-js.openllmetry",
        _ANTHROPIC_UNTRACED,
        _ANTHROPIC,
        {"messages/split*": ("cost",), "messages/reasoning*": ("reasoning_tokens",)},
        "The reasoning part is not written, nor which cache writes are for an hour.",
    ),
    _client("anthropic-js.openinference+openllmetry", _ANTHROPIC_0, _ANTHROPIC),
    _client("anthropic-js.openllmetry+openinference", _ANTHROPIC_0, _ANTHROPIC),
    _client(
        "bedrock-js.openinference",
        _BEDROCK_CLIENT,
        _BEDROCK,
        _STREAMED_CONVERSE,
        _STREAMED_CONVERSE_WHY,
    ),
    _client(
        "bedrock-js.openllmetry",
        _BEDROCK_CLIENT,
        _BEDROCK,
        {
            "converse*": (*_ALL, "cache_write_tokens"),
            "tool/*": (*_ALL, "cache_write_tokens"),
            "invoke*/cached*": ("prompt_tokens", "total_tokens", *_CACHED, "cache_write_tokens"),
            "invoke/split*": ("prompt_tokens", "total_tokens", *_CACHED, "cache_write_tokens"),
        },
        "No usage is written for Converse; for InvokeModel only what is neither read from a cache nor written to one.",
    ),
    _client("bedrock-js.openllmetry+openinference", _BEDROCK_CLIENT, _BEDROCK, _STREAMED_CONVERSE, _STREAMED_CONVERSE_WHY),
    _client("langchain-js.openinference", _LANGCHAIN_PACKAGES, _LANGCHAIN),
    _client(
        "langchain-js.openllmetry",
        _LANGCHAIN_PACKAGES,
        _LANGCHAIN,
        {
            "openai*/reasoning*": _PARTS,
            "openai*/cached*": _CACHED,
            "responses/cached*": _CACHED,
            "chain/cached*": _CACHED,
            "agent/cached*": _CACHED,
            "anthropic/split*": ("cost",),
        },
        "Neither span has OpenAI's cached and reasoning parts, nor which cache writes are for an hour.",
    ),
    _client("langchain-js.openinference+openllmetry", _LANGCHAIN_PACKAGES, _LANGCHAIN),
)
