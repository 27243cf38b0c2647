"""OpenInference semantic conventions (Arize).

Source: the specification's semantic conventions and annotations pages.  ``llm.cost.*_details.*`` is never read: one emitter
writes a token count there.
"""

from __future__ import annotations

from otel_session_agg._model import Kind
from otel_session_agg.conventions._convention import Convention, Emitter, Kinds, NamedSpans, Text

_KINDS = {
    "llm": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "reranker": Kind.RETRIEVER,
    "agent": Kind.AGENT,
    "chain": Kind.CHAIN,
    "prompt": Kind.CHAIN,
    "guardrail": Kind.GUARDRAIL,
    "evaluator": Kind.EVALUATOR,
}

TABLE = Convention(
    name="openinference",
    precedence=20,
    kinds=(Kinds("openinference.span.kind", _KINDS, precedence=2),),
    spans=(
        NamedSpans(
            {"._prepare_chat_with_tools": Kind.SPAN},
            scopes=("openinference.instrumentation.llama_index",),
            precedence=0,
        ),
    ),
    prompt=("llm.token_count.prompt",),
    completion=("llm.token_count.completion",),
    total=("llm.token_count.total",),
    cache_read=("llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input"),
    cache_write=("llm.token_count.prompt_details.cache_write",),
    reasoning=("llm.token_count.completion_details.reasoning",),
    audio_prompt=("llm.token_count.prompt_details.audio",),
    audio_completion=("llm.token_count.completion_details.audio",),
    texts=(
        Text(  # recorded: 0.1.20 knows no parts and nothing of the responses API, but the answer stands there whole
            "output.value",
            "native",
            scopes=("openinference.instrumentation.openai",),
            path=("usage",),
            fills=True,
        ),
        *(
            Text(  # recorded: 0.1.46 knows no parts, no embeddings and of the responses API only the total
                "output.value",
                "native",
                scopes=("openinference.instrumentation.haystack",),
                path=(part,),
                search="usage",
                fills=True,
            )
            for part in ("replies", "meta")
        ),
        Text(  # recorded: 1.1.21 has no figures of its own
            "output.value",
            "inclusive",
            sole=True,
            scopes=("openinference.instrumentation.crewai",),
            path=("token_usage",),
        ),
    ),
    cost={"llm.cost.total": 30},
    cost_parts={"llm.cost.prompt": 31, "llm.cost.completion": 31},
    response_model=("llm.response.model_name", "llm.model_name", "embedding.model_name"),
    request_model=("llm.request.model_name",),
    provider=("llm.provider", "llm.system"),
    session={"session.id": 20},
    output=("output.value", "llm.output_messages.0.message.content"),
    feedback_prefixes=("annotations.", "trace.annotations.", "session.annotations.", "evaluations."),
    content=("llm.input_messages.0.message.role", "llm.output_messages.0.message.role", "llm.prompts"),
    emitters=(
        Emitter(
            scopes=("openinference.instrumentation.bedrock",),
            before="0.1.61",
            proof="recorded: 0.1.61 includes the cached part; source of older ones: it does not, the total does",
            prompt_excludes_cache=True,
        ),
        Emitter(
            scopes=("openinference.instrumentation.claude_agent_sdk", "@arizeai/openinference-instrumentation-claude-agent-sdk"),
            proof="source: usage of the agent span is the SDK's own, total is input + output",
            prompt_excludes_cache=True,
        ),
        Emitter(
            scopes=("openinference.instrumentation.agno",),
            providers=("anthropic", "claude", "bedrock"),
            proof="recorded: 1.0.15 on Anthropic",
            prompt_excludes_cache=True,
        ),
        Emitter(
            scopes=("openinference.instrumentation.llama_index",),
            proof="recorded: 4.6.1 ends the span of stream_chat when the stream begins",
            ends_early=True,
        ),
    ),
)
