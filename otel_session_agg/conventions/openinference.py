"""OpenInference semantic conventions (Arize).

Source: the specification's semantic conventions and annotations pages.  ``llm.cost.*_details.*`` is
never read: one emitter writes a token count there.  Instrumentations whose attributes do not mean
what their keys say are in ``_openinference_emitters.py``.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._openinference_emitters import (
    ANSWERS,
    EMITTERS,
    FREE_REQUESTS,
    LANGCHAIN,
    MODEL_TEXTS,
    RESPONSE_TEXTS,
    SEARCHES,
    SEARCHES_OF_LANGCHAIN,
)
from otel_session_agg.conventions._schema import (
    Convention,
    Kinds,
    Meaning,
    NamedSpans,
    NameText,
    SpanNames,
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

_CONVERSATION = (
    r'"(?:session_id|thread_id|conversation_id)": ?("(?:[^"\\]|\\.){0,1024}"|-?[0-9]{1,18})'
)

_ANSWERS_WHOLE = (
    "openinference.instrumentation.openai",
    "openinference.instrumentation.anthropic",
    "openinference.instrumentation.groq",
    "openinference.instrumentation.portkey",
    "openinference.instrumentation.google_genai",
    "openinference.instrumentation.vertexai",
    "@arizeai/openinference-instrumentation-openai",
    "@arizeai/openinference-instrumentation-anthropic",
)
"""Scopes of instrumentations that write the provider's whole answer as the output."""

TABLE = Convention(
    name="openinference",
    kinds=(Kinds("openinference.span.kind", _KINDS),),
    spans=(
        NamedSpans(
            {"._prepare_chat_with_tools": Kind.SPAN},
            scopes=("openinference.instrumentation.llama_index",),
            despite_keys=True,
        ),
        FREE_REQUESTS,
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
        *SEARCHES,
        # recorded: 0.1.20 (Portkey's 0.1.22) knows no parts and no responses; the answer is there
        Text(
            "output.value",
            "native",
            scopes=(
                "openinference.instrumentation.openai",
                "openinference.instrumentation.portkey",
            ),
            path=("usage",),
            fills=True,
        ),
        *(
            # only Anthropic's answer itself has these; it is parsed only if one is in it
            Text(
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
            # recorded: 0.1.46 knows no parts, no embeddings, only the total of the responses API
            Text(
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
            # recorded: 0.1.80 and 4.1.1 know no cache writes; only the answer itself has the part
            # that is kept for an hour
            Text(
                "output.value",
                shape,
                scopes=LANGCHAIN,
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
        *SEARCHES_OF_LANGCHAIN,
        # recorded: no cached parts of Converse (JavaScript, 0.5.1) and of streams (0.1.61), nowhere
        # the part kept for an hour
        Text(
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
            # recorded: no cached parts of Mistral (2.2.2), nor of its streams
            Text(
                "output.value",
                "native",
                scopes=("openinference.instrumentation.mistralai",),
                path=path,
                fills=True,
                unless=Meaning.CACHE_READ,
            )
            for path in (("usage",), ("data", "usage"))
        ),
        # recorded: 0.1.15 has no usage of embeddings
        Text(
            "output.value",
            "native",
            sole=True,
            scopes=("openinference.instrumentation.cohere",),
            path=("meta",),
        ),
        # recorded: 0.1.43 knows no parts, but the answer is there as Python ``repr``
        Text(
            "output.value",
            "native",
            scopes=("openinference.instrumentation.smolagents",),
            path=("raw",),
            search="usage",
            fills=True,
        ),
        # recorded: 1.1.21 has no counts of its own
        Text(
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
            scopes=LANGCHAIN,
            hints=("service_tier", '"speed', "inference_geo", '"flex', '"priority'),
        ),
    ),
    cost=("llm.cost.total",),
    cost_parts=("llm.cost.prompt", "llm.cost.completion"),
    response_model=(
        "llm.response.model_name",
        "llm.model_name",
        "embedding.model_name",
        "decision.response.model_name",
        "decision.model_name",
    ),
    request_model=("llm.request.model_name", "decision.request.model_name", "reranker.model_name"),
    provider=("llm.provider", "llm.system", "decision.provider", "decision.system"),
    response_texts=RESPONSE_TEXTS,
    model_texts=MODEL_TEXTS,
    session=("session.id",),
    # recorded: LangChain's 0.1.80 and 4.1.1 copy the first of these from the run's metadata;
    # LangGraph puts its thread there
    conversation_texts=(NameText("metadata", _CONVERSATION),),
    user=("user.id",),
    user_texts=(NameText("metadata", r'"(?:user_id|userId)": ?"([^"\\]{1,1024})"'),),
    metadata=("metadata",),
    input=("input.value",),
    output=("output.value", "llm.output_messages.0.message.content"),
    answer=ANSWERS,
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
    emitters=EMITTERS,
    tool_name=("tool.name", "tool_call.function.name"),
    agent_name=("agent.name",),
    # recorded: 0.1.80 writes the metadata of LangChain's run there, which names the agent
    agent_texts=(
        NameText("metadata", r'"lc_agent_name": ?"((?:[^"\\]|\\.){1,1024})"', scopes=LANGCHAIN),
    ),
    entity_name=("graph.node.name",),
    # recorded: AG2, agno, autogen, CrewAI, DSPy, LlamaIndex and smolagents add the method
    span_names=(
        SpanNames(
            after=(
                "._execute_core",
                ".on_messages_stream",
                ".on_messages",
                ".generate_reply",
                ".initiate_chat",
                ".__call__",
                ".acall",
                ".call",
                ".arun",
                ".run",
            ),
            nameless=("Agent.run", "Agent.arun", "Team.run", "Team.arun"),
            scopes=("openinference.", "@arizeai/openinference"),
        ),
    ),
    first_token_events=("First Token Stream Event",),
)
