"""Instrumentations of OpenInference whose attributes do not mean what their keys say.

The Python one of ``openai`` makes a span of kind LLM of every request that the client sends, named
by the class of its answer: of uploads, moderations and of asking how a response is getting on, too.

The Python Bedrock instrumentation needs no row about its prompt: recorded from 0.1.20 to 0.1.61, it
includes the cached part, or the total proves that it does not.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import (
    Effect,
    Emitter,
    Meaning,
    NamedSpans,
    NameText,
    Text,
)

_OPENAI = ("openinference.instrumentation.openai",)

FREE_REQUESTS = NamedSpans(
    {"InputTokenCountResponse": Kind.SPAN, "ModerationCreateResponse": Kind.SPAN},
    scopes=_OPENAI,
    despite_keys=True,
)
"""Requests that name a model and are not billed."""

RESPONSE_TEXTS = (
    NameText("output.value", r'^\{"id":"((?:resp|run|batch)_[^"\\]+)"', scopes=_OPENAI),
)
"""Recorded: 0.1.66 writes no id of what runs in the background and is asked for again and again."""

ANSWERS = (
    "llm.output_messages.0.message.content",
    "llm.output_messages.0.message.contents.0.message_content.type",
    "llm.output_messages.0.message.tool_calls.0.tool_call.function.name",
)
"""Recorded: of refused calls, LangChain's 0.1.80 writes a message without content."""

MODEL_TEXTS = (
    NameText(
        "output.value",
        r'^\{"id":"[^"]*","type":"message","role":"assistant","model":"([^"\\]+)"',
        scopes=("@arizeai/openinference-instrumentation-bedrock",),
        instead_of=("anthropic",),
    ),
)
"""Recorded: of an inference profile, 0.5.1 names only the maker."""

LANGCHAIN = (
    "openinference.instrumentation.langchain",
    "@arizeai/openinference-instrumentation-langchain",
)

SEARCHES = (
    Text(
        "output.value",
        "searches",
        scopes=(*_OPENAI, "@arizeai/openinference-instrumentation-openai"),
        fills=True,
        unless=Meaning.WEB_SEARCHES,
        hint="web_search_call",
    ),
    Text(
        "output.value",
        "grounding",
        scopes=("openinference.instrumentation.google_genai",),
        fills=True,
        unless=Meaning.WEB_SEARCHES,
        hint="web_search_queries",
    ),
)
"""Searches in the web, which only the answer tells."""

SEARCHES_OF_LANGCHAIN = tuple(
    Text(
        "output.value",
        shape,
        scopes=LANGCHAIN,
        path=("generations",),
        search=name,
        fills=True,
        unless=Meaning.WEB_SEARCHES,
        hint=hint,
    )
    for name, shape, hint in (
        ("kwargs", "searches", '"web_search_call"'),
        ("usage", "native", '"web_search_requests"'),
    )
)
"""Recorded: 0.1.80 writes the message of OpenAI's or Anthropic's answer, with its searches."""

_CLAUDE_AGENT_SDK = "openinference.instrumentation.claude_agent_sdk"
_NAMES_NO_MODEL = r'^(?:[^"]|"(?!(?:model|prompt|input|messages|assistant_id)"))*$'

EMITTERS: tuple[Emitter, ...] = (
    Emitter(
        scopes=_OPENAI,
        not_scopes=("openinference.instrumentation.openai_agents",),
        has=("llm.invocation_parameters",),
        lacks=("llm.token_count.prompt", "llm.token_count.completion", "llm.token_count.total"),
        matches=("llm.invocation_parameters", r"^\{\}$"),
        proof="recorded: 0.1.66 on requests without a body, as for the state of a response",
        effects={Effect.NO_CALL_WITHOUT_USAGE},
    ),
    Emitter(
        scopes=_OPENAI,
        not_scopes=("openinference.instrumentation.openai_agents",),
        has=("llm.invocation_parameters",),
        lacks=("llm.model_name", "llm.token_count.prompt", "llm.token_count.total"),
        matches=("llm.invocation_parameters", _NAMES_NO_MODEL),
        proof="recorded: 0.1.66 on uploads, batches, searches in vector stores, sessions",
        effects={Effect.NO_CALL_WITHOUT_USAGE},
    ),
    Emitter(
        scopes=("@arizeai/openinference-instrumentation-bedrock",),
        proof="recorded: 0.5.1 passes Bedrock's own figures on",
        effects={Effect.PROMPT_EXCLUDES_CACHE},
    ),
    Emitter(
        scopes=(
            "openinference.instrumentation.bedrock",
            "openinference.instrumentation.langchain",
            "@arizeai/openinference-instrumentation-bedrock",
        ),
        has=("llm.token_count.total",),
        providers=("anthropic", "claude", "bedrock", "amazon", "nova"),
        proof=(
            "recorded: Bedrock's total has the cached part (0.1.20, ChatBedrock, 0.5.1); its "
            "output has the reasoning"
        ),
        effects={Effect.PROMPT_FROM_TOTAL},
    ),
    Emitter(
        scopes=("openinference.instrumentation.langchain",),
        before="0.1.55",
        lacks=("llm.token_count.total",),
        providers=("anthropic", "claude"),
        proof=(
            "recorded: 0.1.50 takes Anthropic's own usage, which has no total; where there is "
            "one, it is LangChain's"
        ),
        effects={Effect.PROMPT_EXCLUDES_CACHE},
    ),
    Emitter(
        scopes=("@arizeai/openinference-instrumentation-langchain",),
        providers=("anthropic", "claude"),
        contains=("output.value", '"AIMessageChunk"'),
        proof=(
            "recorded: LangChain.js adds the stream's first figure, commonly 1, to its last "
            "(@langchain/anthropic 1.5.11)"
        ),
        effects={Effect.STREAM_OUTPUT_ONE_MORE, Effect.UNSURE_OUTPUT},
    ),
    Emitter(
        scopes=("@arizeai/openinference-instrumentation-bedrock",),
        contains=("output.value", '"streaming":true'),
        proof=(
            "recorded: 0.5.1 states the stream's first figure when another instrumentation has "
            "read the stream"
        ),
        effects={Effect.UNSURE_OUTPUT},
    ),
    Emitter(
        scopes=("openinference.instrumentation.anthropic",),
        since="3.1",
        has=("llm.token_count.completion",),
        lacks=("llm.finish_reason",),
        proof="recorded: 3.1.0 of streams that are left or lost, without the reason of an end",
        effects={Effect.FIRST_OUTPUT},
    ),
    Emitter(
        scopes=("gcp.vertex.agent",),
        has=("gen_ai.provider.name", "gen_ai.system"),
        proof=(
            "recorded: the instrumentation of Google ADK 1.0.5 names Google as the provider of "
            "every model"
        ),
        not_keys=("llm.provider",),
    ),
    *(
        Emitter(
            scopes=(scope,),
            since=since,
            has=("llm.token_count.total",),
            proof=(
                "source: 0.1.4 (Google ADK: 0.1.1) adds the thoughts to the candidates; before "
                "0.1.9 it has no input of tools"
            ),
            effects={Effect.COMPLETION_HAS_THOUGHTS},
        )
        for scope, since in (
            ("openinference.instrumentation.google_genai", "0.1.4"),
            ("openinference.instrumentation.google_adk", ""),
        )
    ),
    Emitter(
        scopes=("openinference.instrumentation.litellm",),
        before="0.1.26",
        proof=(
            "recorded: 0.1.22 with litellm 1.72; litellm itself 1.65 to 1.74, inclusive from 1.77"
        ),
        effects={Effect.PROMPT_EXCLUDES_WRITE},
    ),
    Emitter(
        scopes=(_CLAUDE_AGENT_SDK,),
        before="0.1.13",
        proof="recorded: 0.1.12 passes the SDK's own figures on, total is input + output",
        effects={Effect.PROMPT_EXCLUDES_CACHE},
    ),
    Emitter(
        scopes=(_CLAUDE_AGENT_SDK,),
        proof=(
            "recorded: before 0.1.22, and with Claude Code before 2.1.277, it states what the SDK "
            "does, which adds up all turns of a client"
        ),
        running_costs=("ClaudeAgentSDK.ClaudeSDKClient.receive_response",),
    ),
    Emitter(
        scopes=("@arizeai/openinference-instrumentation-claude-agent-sdk",),
        proof="source: 0.3.1 states the input without the cached part, which it states nowhere",
        not_keys=("llm.token_count.prompt", "llm.token_count.total"),
        running_costs=("ClaudeAgent.turn",),
    ),
    Emitter(
        scopes=("openinference.instrumentation.agno",),
        providers=("anthropic", "claude", "bedrock"),
        proof="recorded: 1.0.15 on Anthropic",
        effects={Effect.PROMPT_EXCLUDES_CACHE},
    ),
    Emitter(
        scopes=(
            "openinference.instrumentation.agno",
            "openinference.instrumentation.google_adk",
        ),
        has=("session.id",),
        proof=(
            "recorded: agno's (1.0.15) and Google ADK's (1.0.5) id of a memory, which they "
            "make up when none is given"
        ),
        copied_sessions=("session.id",),
    ),
    Emitter(
        scopes=("openinference.instrumentation.llama_index",),
        proof="recorded: 4.6.1 ends the span of stream_chat when the stream begins",
        effects={Effect.ENDS_EARLY},
    ),
)
"""Rows for the table of ``openinference.py``."""
