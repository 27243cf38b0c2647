"""OpenLLMetry and the Traceloop SDK.

Source: its semantic conventions package; quirks from recordings of 0.40.14 and 0.62.4.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._operations import OPERATIONS
from otel_session_agg.conventions._schema import (
    Convention,
    Effect,
    Emitter,
    Kinds,
    NameText,
    SpanNames,
    Text,
)

_KINDS = {"agent": Kind.AGENT, "tool": Kind.TOOL}
_WRAPPERS = {"workflow": Kind.CHAIN, "task": Kind.CHAIN}
"""Kinds of all that instrumentations wrap, also a model's method: a model's operation wins."""
_MODEL_OPERATIONS = {
    word: kind for word, kind in OPERATIONS.items() if kind in {Kind.MODEL, Kind.EMBEDDING}
}

_LITELLM = ("text_completion", "image_generation", "image_edit", "transcription", "speech")
_REQUESTS = {
    "chat": Kind.MODEL,
    "completion": Kind.MODEL,
    "acompletion": Kind.MODEL,
    "responses": Kind.MODEL,
    "aresponses": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "embeddings": Kind.EMBEDDING,
    "aembedding": Kind.EMBEDDING,
    "rerank": Kind.RETRIEVER,
    "arerank": Kind.RETRIEVER,
    # litellm's types of calls
    **{f"{prefix}{word}": Kind.MODEL for word in _LITELLM for prefix in ("", "a")},
    "moderation": Kind.GUARDRAIL,
    "amoderation": Kind.GUARDRAIL,
}

_GEMINI = ("opentelemetry.instrumentation.google_generativeai",)
_GOOGLE_TOOLS = (
    "(?:google_search|google_search_retrieval|google_maps|url_context|code_execution|file_search)"
)
"""Tools of Gemini that run at Google and add to the input."""
_OWN_TOOLS = f'^(?:[^"]|"(?!{_GOOGLE_TOOLS}"))*$'

TABLE = Convention(
    name="openllmetry",
    kinds=(
        Kinds("traceloop.span.kind", _KINDS),
        Kinds("llm.request.type", _REQUESTS),
        Kinds("gen_ai.operation.name", _MODEL_OPERATIONS, place="gen_ai.operation.name of calls"),
        Kinds("traceloop.span.kind", _WRAPPERS, place="traceloop.span.kind of wrappers"),
    ),
    total=("llm.usage.total_tokens",),
    reasoning=("llm.usage.reasoning_tokens",),
    texts=(
        # recorded: 0.62.4 knows no parts, but the provider's answer is in the output
        Text(
            "traceloop.entity.output",
            "native",
            scopes=("opentelemetry.instrumentation.llamaindex",),
            path=("raw", "usage"),
            fills=True,
        ),
        Text("crewai.crew.token_usage", "inclusive"),
        Text("crewai.crew.usage_metrics", "inclusive"),
    ),
    # the usage is that of the whole crew, so its agents must use one model
    model_texts=(NameText("crewai.crew.agents", r'"llm": "([^"\\]+)"'),),
    session=(
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.sessionId",
        "traceloop.association.properties.thread_id",
        "traceloop.association.properties.conversation_id",
    ),
    user=(
        "traceloop.association.properties.user_id",
        "traceloop.association.properties.userId",
    ),
    input=("traceloop.entity.input",),
    output=("traceloop.entity.output",),
    content=("gen_ai.prompt.0.role", "gen_ai.completion.0.role"),
    agent_name=("crewai.agent.role", "traceloop.association.properties.lc_agent_name"),
    # recorded: as GenAI's name of an agent, 0.62.4 writes the name of any chain
    chain_agent=("traceloop.association.properties.lc_agent_name",),
    entity_name=("traceloop.entity.name", "crewai.crew.name"),
    span_names=(
        # recorded: agno's agent without a name is ``None.agent``
        SpanNames(after=(".agent", ".tool"), nameless=("None.agent", "crewai.workflow")),
        # recorded: 0.62.4 states this of the tools and calls of any agent
        SpanNames(
            nameless=("OpenAI Agent",), scopes=("opentelemetry.instrumentation.openai_agents",)
        ),
        # CrewAI's own spans
        SpanNames(nameless=("execute agent", "call tool"), scopes=("crewai",)),
    ),
    # of each chunk; the second is older
    first_token_events=("gen_ai.content.completion.chunk", "llm.content.completion.chunk"),
    emitters=(
        Emitter(
            scopes=("opentelemetry.instrumentation.langchain",),
            has=("traceloop.association.properties.session_id",),
            proof="recorded: 0.62.4 copies the metadata of a run there",
            copied_sessions=("traceloop.association.properties.session_id",),
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.bedrock", "@traceloop/instrumentation-bedrock"),
            proof="recorded: 0.62.4 passes Bedrock's own figures on, total is input + output",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.llamaindex",),
            providers=("anthropic", "claude"),
            proof="recorded: 0.62.4 passes Anthropic's own figures on, total is input + output",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("@traceloop/instrumentation-anthropic",),
            proof="recorded: 0.27",
            effects={Effect.PROMPT_EXCLUDES_CACHE},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.anthropic",),
            streaming=True,
            proof="recorded: 0.62.4 adds the stream's first figure, commonly 1, to its last",
            effects={Effect.STREAM_OUTPUT_ONE_MORE},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.anthropic",),
            proof="recorded: the stream helper's spans do not say that they were streamed",
            effects={Effect.UNSURE_OUTPUT},
        ),
        Emitter(
            scopes=("@traceloop/instrumentation-langchain",),
            proof=(
                "recorded: LangChain.js adds the first figure of Anthropic's streams to the "
                "last (@langchain/anthropic 1.5.11)"
            ),
            effects={Effect.UNSURE_OUTPUT},
        ),
        Emitter(
            scopes=("@traceloop/instrumentation-openai",),
            proof=(
                "recorded: 0.27 estimates a stream's tokens from its text, whatever the answer says"
            ),
            effects={Effect.UNSURE_USAGE},
        ),
        *(
            Emitter(
                scopes=_GEMINI,
                has=has,
                lacks=lacks,
                matches=matches,
                proof="recorded: 0.62.4 takes candidates without thoughts, its total has them",
                effects={Effect.COMPLETION_FROM_TOTAL},
            )
            for has, lacks, matches in (
                ((), ("gen_ai.tool.definitions",), None),
                (("gen_ai.tool.definitions",), (), ("gen_ai.tool.definitions", _OWN_TOOLS)),
            )
        ),
        Emitter(
            scopes=_GEMINI,
            has=("gen_ai.tool.definitions",),
            matches=("gen_ai.tool.definitions", f'"{_GOOGLE_TOOLS}"'),
            proof="recorded: 0.62.4 does not state the input of Google's tools; its total has it",
            effects={Effect.UNSURE_USAGE},
        ),
    ),
)
