"""Confident AI (DeepEval), as its SDK and its OTLP endpoint take it.

Source: its SDK's attribute module (4.3).  Its integrations write these beside the attributes of
other instrumentations, which come first.  Prices that an application states for a token are not
read.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds

_TYPES = {
    "llm": Kind.MODEL,
    "tool": Kind.TOOL,
    "agent": Kind.AGENT,
    "retriever": Kind.RETRIEVER,
    "custom": Kind.SPAN,
}

TABLE = Convention(
    name="confident",
    kinds=(Kinds("confident.span.type", _TYPES),),
    prompt=("confident.llm.input_token_count",),
    completion=("confident.llm.output_token_count",),
    request_model=("confident.llm.model",),
    provider=("confident.span.provider",),
    session=("confident.trace.thread_id",),
    user=("confident.trace.user_id",),
    input=("confident.span.input",),
    output=("confident.span.output",),
    tool_name=("confident.tool.name",),
    agent_name=("confident.agent.name",),
)
