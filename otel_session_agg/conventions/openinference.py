"""OpenInference semantic conventions (Arize).

Source: the specification's semantic conventions and annotations pages.  ``llm.cost.*_details.*`` is never read: one emitter
writes a token count there.  The Python Bedrock instrumentation needs no row: recorded from 0.1.20 to 0.1.61, its input includes
the cached part, or its total proves that it does not.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import (
    Convention,
    Emitter,
    Kinds,
    Meaning,
    NamedSpans,
    NameText,
    Text,
)
from otel_session_agg.conventions._term_rows import REQUEST_TERMS, BilledText, TermText, below

_KINDS = {
    "llm": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "reranker": Kind.RETRIEVER,
    "agent": Kind.AGENT,
    "chain": Kind.CHAIN,
    "prompt": Kind.CHAIN,
    "decision": Kind.CHAIN,
    "guardrail": Kind.GUARDRAIL,
    "evaluator": Kind.EVALUATOR,
}

_LANGCHAIN = (
    "openinference.instrumentation.langchain",
    "@arizeai/openinference-instrumentation-langchain",
)

_CONVERSATION = (
    r'"(?:session_id|thread_id|conversation_id)": ?("(?:[^"\\]|\\.){0,1024}"|-?[0-9]{1,18})'
)

_ANSWERS_WHOLE = (
    "openinference.instrumentation.openai",
    "openinference.instrumentation.anthropic",
    "openinference.instrumentation.groq",
    "openinference.instrumentation.google_genai",
    "openinference.instrumentation.vertexai",
    "@arizeai/openinference-instrumentation-openai",
    "@arizeai/openinference-instrumentation-anthropic",
)
"""Instrumentations that write the provider's whole answer as the output."""

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
    prompt=("llm.token_count.prompt", "decision.token_count.input"),
    completion=("llm.token_count.completion", "decision.token_count.output"),
    total=("llm.token_count.total",),
    cache_read=(
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
    ),
    cache_write=(
        "llm.token_count.prompt_details.cache_write",
        "llm.token_count.prompt_details.cache_creation",
    ),
    reasoning=("llm.token_count.completion_details.reasoning",),
    audio_prompt=("llm.token_count.prompt_details.audio",),
    audio_completion=("llm.token_count.completion_details.audio",),
    texts=(
        Text(
            "output.value",
            "searches",
            scopes=(
                "openinference.instrumentation.openai",
                "@arizeai/openinference-instrumentation-openai",
            ),
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
        Text(  # recorded: 0.1.20 knows no parts and nothing of the responses API, but the answer stands there whole
            "output.value",
            "native",
            scopes=("openinference.instrumentation.openai",),
            path=("usage",),
            fills=True,
        ),
        *(
            Text(  # of Anthropic's usage these stand only in the answer itself, which is taken apart only where it has them
                "output.value",
                "native",
                scopes=(
                    "openinference.instrumentation.anthropic",
                    "@arizeai/openinference-instrumentation-anthropic",
                ),
                path=("usage",),
                fills=True,
                unless=part,
                hint=name,
            )
            for name, part in (
                ('"iterations"', Meaning.NUM_CALLS),
                ('"ephemeral_1h_input_tokens"', Meaning.CACHE_WRITE_1H),
                ('"web_search_requests"', Meaning.WEB_SEARCHES),
            )
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
        *(
            Text(  # recorded: 0.1.80 and 4.1.1 know no cache writes; only the answer itself has the part that is kept for an hour
                "output.value",
                shape,
                scopes=_LANGCHAIN,
                path=("generations",),
                search=name,
                fills=True,
                unless=part,
            )
            for name, shape, part in (
                ("usage_metadata", "inclusive", Meaning.CACHE_WRITE),
                ("usage", "native", Meaning.CACHE_WRITE_1H),
            )
        ),
        Text(  # recorded: no cached parts of Converse (JavaScript, 0.5.1) and of streams (0.1.61), nowhere the part kept for an hour
            "output.value",
            "native",
            scopes=(
                "@arizeai/openinference-instrumentation-bedrock",
                "openinference.instrumentation.bedrock",
            ),
            path=("usage",),
            fills=True,
            unless=Meaning.CACHE_WRITE_1H,
        ),
        *(
            Text(  # recorded: no cached parts of Mistral (2.2.2), nor of its streams
                "output.value",
                "native",
                scopes=("openinference.instrumentation.mistralai",),
                path=path,
                fills=True,
                unless=Meaning.CACHE_READ,
            )
            for path in (("usage",), ("data", "usage"))
        ),
        Text(  # recorded: 0.1.15 knows no figures of embeddings
            "output.value",
            "native",
            sole=True,
            scopes=("openinference.instrumentation.cohere",),
            path=("meta",),
        ),
        Text(  # recorded: 0.1.43 knows no parts, but the answer stands there as Python writes it
            "output.value",
            "native",
            scopes=("openinference.instrumentation.smolagents",),
            path=("raw",),
            search="usage",
            fills=True,
        ),
        Text(  # recorded: 1.1.21 has no figures of its own
            "output.value",
            "inclusive",
            sole=True,
            scopes=("openinference.instrumentation.crewai",),
            path=("token_usage",),
        ),
    ),
    billed=(BilledText("output.value", ("usage",), scopes=_ANSWERS_WHOLE),),
    terms=(
        TermText("llm.invocation_parameters", REQUEST_TERMS),
        TermText(
            "output.value",
            below("", "usage", "usage_metadata", "usageMetadata"),
            scopes=_ANSWERS_WHOLE,
        ),
        TermText(
            "output.value",
            below(
                "generations.*.*.message.kwargs.response_metadata",
                "generations.*.*.generation_info",
                "llm_output",
            ),
            tiers_at=tuple(
                f"generations.*.*.message.kwargs.usage_metadata.{side}_token_details"
                for side in ("input", "output")
            ),
            scopes=_LANGCHAIN,
            hints=("service_tier", '"speed', "inference_geo", '"flex', '"priority'),
        ),
    ),
    cost={"llm.cost.total": 30},
    cost_parts={"llm.cost.prompt": 31, "llm.cost.completion": 31},
    response_model=(
        "llm.response.model_name",
        "llm.model_name",
        "embedding.model_name",
        "decision.response.model_name",
        "decision.model_name",
    ),
    request_model=("llm.request.model_name", "decision.request.model_name", "reranker.model_name"),
    provider=("llm.provider", "llm.system", "decision.provider", "decision.system"),
    model_texts=(
        NameText(  # recorded: 0.5.1 knows of an inference profile only the maker
            "output.value",
            r'^\{"id":"[^"]*","type":"message","role":"assistant","model":"([^"\\]+)"',
            scopes=("@arizeai/openinference-instrumentation-bedrock",),
            instead_of=("anthropic",),
        ),
    ),
    session={"session.id": 20},
    # recorded: LangChain's 0.1.80 and 4.1.1 copy the first of these from the run's metadata; LangGraph puts its thread there
    conversation_texts=(NameText("metadata", _CONVERSATION),),
    user={"user.id": 20},
    user_texts=(NameText("metadata", r'"(?:user_id|userId)": ?"([^"\\]{1,1024})"'),),
    metadata=("metadata",),
    input=("input.value",),
    output=("output.value", "llm.output_messages.0.message.content"),
    feedback_prefixes=(
        "annotations.",
        "trace.annotations.",
        "session.annotations.",
        "evaluations.",
    ),
    content=(
        "llm.input_messages.0.message.role",
        "llm.output_messages.0.message.role",
        "llm.prompts",
    ),
    emitters=(
        Emitter(
            scopes=("@arizeai/openinference-instrumentation-bedrock",),
            proof="recorded: 0.5.1 passes Bedrock's own figures on",
            prompt_excludes_cache=True,
        ),
        Emitter(
            scopes=(
                "openinference.instrumentation.bedrock",
                "openinference.instrumentation.langchain",
                "@arizeai/openinference-instrumentation-bedrock",
            ),
            has=("llm.token_count.total",),
            providers=("anthropic", "claude", "bedrock", "amazon", "nova"),
            proof="recorded: Bedrock's total has the cached part (0.1.20, ChatBedrock, 0.5.1); its output has the reasoning",
            prompt_from_total=True,
        ),
        Emitter(
            scopes=("openinference.instrumentation.langchain",),
            before="0.1.55",
            lacks=("llm.token_count.total",),
            providers=("anthropic", "claude"),
            proof="recorded: 0.1.50 takes Anthropic's own usage, which has no total; where there is one, it is LangChain's",
            prompt_excludes_cache=True,
        ),
        Emitter(
            scopes=("@arizeai/openinference-instrumentation-langchain",),
            providers=("anthropic", "claude"),
            contains=("output.value", '"AIMessageChunk"'),
            proof="recorded: LangChain.js adds the stream's first figure, commonly 1, to its last (@langchain/anthropic 1.5.11)",
            stream_output_extra=1,
            unsure_output=True,
        ),
        Emitter(
            scopes=("@arizeai/openinference-instrumentation-bedrock",),
            contains=("output.value", '"streaming":true'),
            proof="recorded: 0.5.1 tells the stream's first figure when another instrumentation has read the stream",
            unsure_output=True,
        ),
        Emitter(
            scopes=("gcp.vertex.agent",),
            has=("gen_ai.provider.name", "gen_ai.system"),
            proof="recorded: the instrumentation of Google ADK 1.0.5 names Google as the provider of every model",
            not_keys=("llm.provider",),
        ),
        *(
            Emitter(
                scopes=(scope,),
                since=since,
                has=("llm.token_count.total",),
                proof="source: 0.1.4 (Google ADK: 0.1.1) adds the thoughts to the candidates; before 0.1.9 it has no input of tools",
                completion_has_thoughts=True,
            )
            for scope, since in (
                ("openinference.instrumentation.google_genai", "0.1.4"),
                ("openinference.instrumentation.google_adk", ""),
            )
        ),
        Emitter(
            scopes=("openinference.instrumentation.litellm",),
            before="0.1.26",
            proof="recorded: 0.1.22 with litellm 1.72; litellm itself 1.65 to 1.74, inclusive from 1.77",
            prompt_excludes_write=True,
        ),
        Emitter(
            scopes=(
                "openinference.instrumentation.claude_agent_sdk",
                "@arizeai/openinference-instrumentation-claude-agent-sdk",
            ),
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
            scopes=(
                "openinference.instrumentation.agno",
                "openinference.instrumentation.google_adk",
            ),
            has=("session.id",),
            proof="recorded: agno's (1.0.15) and Google ADK's (1.0.5) id of a memory, which they make up when none is given",
            copied_sessions=("session.id",),
        ),
        Emitter(
            scopes=("openinference.instrumentation.llama_index",),
            proof="recorded: 4.6.1 ends the span of stream_chat when the stream begins",
            ends_early=True,
        ),
    ),
)
