"""pydantic-ai and the Logfire SDK's LLM integrations.

Source: pydantic-ai's usage and instrumentation modules, Logfire's documentation; recordings of
pydantic-ai 2.68.  ``gen_ai.aggregated_usage.*`` and ``logfire.metrics`` are sums over children and
``gen_ai.usage.partial.*`` is a running count: none of them is read.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import (
    Convention,
    Effect,
    Emitter,
    NamedSpans,
    NameText,
    SpanNames,
    Text,
)
from otel_session_agg.conventions._term_rows import REQUEST_TERMS, BilledText, TermText, below

_NO_END = r'^(?:[^f]|f(?!inish_reason"))*$'
_LOGFIRE = ("logfire.openai", "logfire.anthropic")

TABLE = Convention(
    name="pydantic_ai",
    spans=(
        NamedSpans(
            {
                "Chat Completion with {request_data[model]!r}": Kind.MODEL,
                "Completion with {request_data[model]!r}": Kind.MODEL,
                "Responses API with {request_data[model]!r}": Kind.MODEL,
                "Responses API with {gen_ai.request.model!r}": Kind.MODEL,
                "Message with {request_data[model]!r}": Kind.MODEL,
                "streaming response from {request_data[model]!r} took {duration:.2f}s": Kind.MODEL,
                "Embedding Creation with {request_data[model]!r}": Kind.EMBEDDING,
            },
            scopes=_LOGFIRE,
        ),
    ),
    texts=(
        Text("response_data", "native", scopes=_LOGFIRE, path=("usage",), fills=True),
        # recorded: 5.2 knows no parts
        Text("usage", "inclusive", scopes=("logfire.openai_agents",), fills=True),
    ),
    cache_read=(
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cache_read_input_tokens",
        "gen_ai.usage.details.cached_content_tokens",
    ),
    cache_write=(
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
    ),
    cache_write_5m=("gen_ai.usage.details.ephemeral_5m_input_tokens",),
    cache_write_1h=("gen_ai.usage.details.ephemeral_1h_input_tokens",),
    reasoning=("gen_ai.usage.details.reasoning_tokens", "gen_ai.usage.details.thoughts_tokens"),
    text_cache_read=("gen_ai.usage.details.text_cache_tokens",),
    tool_prompt=("gen_ai.usage.details.tool_use_prompt_tokens",),
    audio_prompt=(
        "gen_ai.usage.details.input_audio_tokens",
        "gen_ai.usage.details.audio_prompt_tokens",
    ),
    audio_completion=(
        "gen_ai.usage.details.output_audio_tokens",
        "gen_ai.usage.details.audio_candidates_tokens",
        "gen_ai.usage.details.audio_tokens",
    ),
    audio_cache_read=(
        "gen_ai.usage.details.cache_audio_read_tokens",
        "gen_ai.usage.details.audio_cache_tokens",
    ),
    web_searches=(
        "gen_ai.usage.details.web_search_requests",
        "gen_ai.usage.details.num_search_queries",
    ),
    billed=(BilledText("response_data", ("usage",), scopes=_LOGFIRE),),
    terms=(
        TermText("request_data", REQUEST_TERMS, scopes=_LOGFIRE),
        TermText("response_data", below("", "usage"), scopes=_LOGFIRE),
    ),
    cost=("operation.cost",),
    # recorded: 5.2 writes the group of a run of the OpenAI Agents SDK on its first span, as JSON
    # when there is none
    session_texts=(
        NameText("group_id", r'^(?!null$)([^"\\]{1,1024})$', scopes=("logfire.openai_agents",)),
    ),
    output=("final_result",),
    agent=("agent_name",),
    agent_name=("agent_name",),
    span_names=(
        SpanNames(nameless=("agent run", "running tool"), scopes=("pydantic-ai",)),
        SpanNames(before=("Turn {turn} for agent ",), scopes=("logfire.openai_agents",)),
    ),
    emitters=(
        Emitter(
            scopes=("pydantic-ai",),
            has=("gen_ai.usage.details.tool_use_prompt_tokens",),
            proof=(
                "source: genai-prices, which it takes the input from, adds that of Gemini's "
                "tools to it"
            ),
            effects={Effect.PROMPT_INCLUDES_TOOLS},
        ),
        Emitter(
            scopes=("opentelemetry.instrumentation.google_genai",),
            has=("gen_ai.usage.details.thoughts_tokens",),
            lacks=("gen_ai.usage.reasoning.output_tokens",),
            proof=(
                "report: Logfire's wrapper adds the details to an output that is candidates "
                "without thoughts (pydantic/logfire#1961)"
            ),
            effects={Effect.COMPLETION_EXCLUDES_REASONING},
        ),
        Emitter(
            scopes=("logfire",),
            proof="recorded: 5.2 attaches a context from a carrier around the log of a stream",
            effects={Effect.CARRIES_CONTEXT},
        ),
        Emitter(
            scopes=_LOGFIRE,
            not_scopes=("logfire.openai_agents",),
            has=("request_data",),
            lacks=("duration", "gen_ai.response.id", "gen_ai.output.messages", "response_data"),
            proof=(
                "recorded: 3.16 to 5.2 end the call's span when the stream begins; a log with "
                "a duration states the rest"
            ),
            effects={Effect.NO_CALL_WITHOUT_USAGE},
        ),
        Emitter(
            scopes=("logfire.anthropic",),
            has=("gen_ai.output.messages",),
            matches=("gen_ai.output.messages", _NO_END),
            proof="recorded: 5.2 of streams that are left or lost, without the reason of an end",
            effects={Effect.FIRST_OUTPUT},
        ),
        Emitter(
            scopes=_LOGFIRE,
            has=("duration", "gen_ai.usage.raw"),
            proof=(
                "recorded: 5.2 writes the log of a stream when its last part was read, which "
                "is after or before others do"
            ),
            effects={Effect.ENDS_EARLY},
        ),
    ),
)
