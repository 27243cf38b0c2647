"""Vercel AI SDK 4 to 7, also as re-exported by embedders under a scope of their own.

Source: recordings of 6.0 and 7.0, snapshots of the SDK's own tests, packages of 5.0 and 6.0.  4 and
5 pass on Anthropic's and Bedrock's input as it is (without the cached part); from 6 on it includes
that part, which ``noCacheTokens`` proves from 6.0.119 on.

Before 6.0.119, 5 and 6 look alike.  Proofs come first: Anthropic's own usage in the provider's
metadata, a cached part larger than the input, a total.  Next is the SDK's version in the request's
headers, which streams do not have.  A stream of Bedrock's without any proof
(``ai.usage.inputTokens`` beside ``cachedInputTokens``) is taken to include the cached part: that is
what newer versions write, and an input without it would mostly be smaller than it, so that the
counts would prove that.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import MILLISECONDS, FirstToken
from otel_session_agg.conventions._schema import Convention, Effect, Emitter, Kinds, SpanNames, Text
from otel_session_agg.conventions._term_rows import REQUEST_TERMS, BilledText, TermText, below

_OPERATIONS = {
    "ai.toolcall": Kind.TOOL,
    "ai.rerank": Kind.RETRIEVER,
    "ai.rerank.dorerank": Kind.RETRIEVER,
    "ai.generatetext": Kind.CHAIN,
    "ai.streamtext": Kind.CHAIN,
    "ai.generateobject": Kind.CHAIN,
    "ai.streamobject": Kind.CHAIN,
    "ai.embed": Kind.CHAIN,
    "ai.embedmany": Kind.CHAIN,
}
_STEPS = {".dogenerate": Kind.MODEL, ".dostream": Kind.MODEL, ".doembed": Kind.EMBEDDING}
_RAW_PROVIDERS = ("anthropic", "bedrock", "claude")
_DETAILS = (
    "ai.usage.inputTokenDetails.noCacheTokens",
    "ai.usage.inputTokenDetails.cacheReadTokens",
)
_USER_AGENT = "ai.request.headers.user-agent"
"""Contains ``ai/5.0.277``: a late 5.0 and later name themselves in calls without a stream."""

TABLE = Convention(
    name="vercel",
    kinds=(
        Kinds("ai.operationId", _OPERATIONS, suffixes=_STEPS),
        Kinds("operation.name", _OPERATIONS, suffixes=_STEPS, first_word=True),
    ),
    prompt=(
        "ai.usage.inputTokens", "ai.usage.promptTokens", "stream.usage.inputTokens",
        "generateText.usage.inputTokens", "streamObject.usage.inputTokens",
        "generateObject.usage.inputTokens",
    ),
    completion=(
        "ai.usage.outputTokens", "ai.usage.completionTokens", "stream.usage.outputTokens",
        "generateText.usage.outputTokens", "streamObject.usage.outputTokens",
        "generateObject.usage.outputTokens",
    ),
    total=(
        "ai.usage.totalTokens", "ai.usage.tokens", "stream.usage.totalTokens",
        "generateText.usage.totalTokens",
    ),
    cache_read=(
        "ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens",
        "stream.usage.cachedInputTokens", "generateText.usage.cachedInputTokens",
        "streamObject.usage.cachedInputTokens",
    ),
    cache_write=("ai.usage.inputTokenDetails.cacheWriteTokens",),
    uncached=("ai.usage.inputTokenDetails.noCacheTokens",),
    reasoning=(
        "ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens",
        "stream.usage.reasoningTokens",
    ),
    texts=(Text("ai.response.providerMetadata", "provider_metadata"),),
    billed=(BilledText("ai.response.providerMetadata", by_provider=True),),
    terms=(
        *(
            TermText(key, below("*", terms=REQUEST_TERMS))
            for key in ("ai.request.providerOptions", "ai.settings.providerOptions")
        ),
        TermText(
            "ai.response.providerMetadata",
            below("*", "*.usage", "*.usageMetadata", "*.usage_metadata"),
        ),
    ),
    response_model=("ai.response.model",),
    request_model=("ai.model.id", "aisdk.model.id"),
    provider=("ai.model.provider", "aisdk.model.provider"),
    response_id=("ai.response.id",),
    session=(
        "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.session_id",
        "ai.telemetry.metadata.$ai_session_id",
        "metadata.sessionId",
        "ai.settings.context.sessionId",
    ),
    user=(
        "ai.telemetry.metadata.userId",
        "ai.telemetry.metadata.user_id",
        "metadata.userId",
        "ai.settings.context.userId",
    ),
    input=("ai.prompt", "ai.prompt.messages"),
    output=("ai.response.text", "ai.response.object", "ai.toolCall.result", "stream.response.text"),
    content=("ai.prompt.messages", "ai.response.text", "stream.prompt.messages"),
    tool=("ai.toolCall.id",),
    tool_name=("ai.toolCall.name",),
    # recorded: 7 writes it as GenAI's name of an agent
    agent_name=("ai.telemetry.functionId",),
    span_names=(
        SpanNames(
            nameless=(
                "ai.toolCall", "ai.generateText", "ai.streamText", "ai.generateObject",
                "ai.streamObject",
            ),
        ),
        # recorded: 7 names the model there
        SpanNames(nameless_before=("invoke_agent ",), scopes=("gen_ai",)),
    ),
    first_tokens=(
        FirstToken("ai.response.msToFirstChunk", MILLISECONDS),
        # recorded: OpenInference's processor for the AI SDK, 2.8, moves it there
        FirstToken("metadata.ai.response.msToFirstChunk", MILLISECONDS),
    ),
    first_token_events=("ai.stream.firstChunk",),
    emitters=(
        Emitter(
            scopes=("",),
            has=("ai.usage.promptTokens", "ai.usage.inputTokens"),
            lacks=_DETAILS,
            providers=_RAW_PROVIDERS,
            matches=(_USER_AGENT, r"(?:^|\s)ai/(?:[6-9]|\d\d)"),
            proof=(
                "source: from 6 on (Bedrock: from 4.0.13 of its package) the input has the "
                "cached part; 6 names itself in the headers"
            ),
            effects={Effect.PROMPT_INCLUDES_CACHE},
        ),
        Emitter(
            scopes=("",),
            has=("ai.usage.promptTokens",),
            providers=_RAW_PROVIDERS,
            proof="recorded: AI SDK 4 and 5; 4 does not name itself in the headers",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("",),
            has=("ai.usage.inputTokens",),
            lacks=_DETAILS,
            providers=_RAW_PROVIDERS,
            not_providers=("bedrock",),
            proof=(
                "recorded: AI SDK 5; 6 brought the details with 6.0.119, and Anthropic's own "
                "usage proved it before"
            ),
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("",),
            has=("ai.usage.inputTokens",),
            lacks=_DETAILS,
            providers=("bedrock",),
            matches=(_USER_AGENT, r"(?:^|\s)ai/5"),
            proof="source: AI SDK 5 with 3.0 of its Bedrock package",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("",),
            has=("ai.usage.totalTokens",),
            lacks=_DETAILS,
            providers=("google",),
            proof=(
                "source: AI SDK 5 passes Gemini's candidates and total on; 6 adds the "
                "thoughts, and its total is input and output"
            ),
            effects={Effect.TOTAL_HAS_REASONING},
        ),
    ),
)  # fmt: skip
