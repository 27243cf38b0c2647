"""Langfuse SDK attributes.

Source: its attribute module; recordings of 5.0.  Usage details are JSON, their parts do not
overlap.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import INSTANT, FirstToken
from otel_session_agg.conventions._schema import Convention, Kinds, Text
from otel_session_agg.conventions._term_rows import REQUEST_TERMS, TermText

_TYPES = {
    "generation": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "agent": Kind.AGENT,
    "chain": Kind.CHAIN,
    "guardrail": Kind.GUARDRAIL,
    "evaluator": Kind.EVALUATOR,
    "span": Kind.SPAN,
    "event": Kind.SPAN,
}

TABLE = Convention(
    name="langfuse",
    kinds=(Kinds("langfuse.observation.type", _TYPES),),
    texts=(Text("langfuse.observation.usage_details", "buckets"),),
    terms=(TermText("langfuse.observation.model.parameters", REQUEST_TERMS),),
    cost_text=("langfuse.observation.cost_details",),
    response_model=("langfuse.observation.model.name",),
    session=(
        "langfuse.session.id",
        "langfuse.trace.metadata.langfuse_session_id",
        "langfuse.observation.metadata.langfuse_session_id",
    ),
    user=(
        "langfuse.user.id",
        "langfuse.trace.user_id",
        "langfuse.trace.metadata.langfuse_user_id",
        "langfuse.observation.metadata.langfuse_user_id",
    ),
    input=("langfuse.observation.input",),
    output=("langfuse.observation.output", "langfuse.trace.output"),
    content=("langfuse.observation.input", "langfuse.observation.output"),
    agent_name=("langfuse.observation.metadata.lc_agent_name",),
    chain_agent=("langfuse.observation.metadata.lc_agent_name",),
    first_tokens=(FirstToken("langfuse.observation.completion_start_time", INSTANT),),
)
