"""Mastra.

Source: its exporter; ``model_generation`` holds the sum of its ``model_step`` children.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import INSTANT, FirstToken
from otel_session_agg.conventions._schema import Convention, Kinds, NameText, Text

_TYPES = {
    "model_generation": Kind.MODEL,
    "model_step": Kind.MODEL,
    "llm_generation": Kind.MODEL,
    "model_chunk": Kind.SPAN,
    "llm_chunk": Kind.SPAN,
    "agent_run": Kind.AGENT,
    "tool_call": Kind.TOOL,
    "mcp_tool_call": Kind.TOOL,
    "workflow_run": Kind.CHAIN,
    "workflow_step": Kind.CHAIN,
}

TABLE = Convention(
    name="mastra",
    kinds=(Kinds("mastra.span.type", _TYPES),),
    cache_read=("gen_ai.usage.cached_input_tokens",),
    # recorded: 1.4 has the part that is kept for an hour only in the provider's answer
    texts=(Text("mastra.metadata.body", "native", sole=True, path=("usage",)),),
    model_texts=(NameText("mastra.metadata.modelMetadata", r'"modelId":"([^"\\]+)"'),),
    session=("mastra.metadata.threadId",),
    user=("mastra.metadata.userId",),
    first_tokens=(FirstToken("mastra.completion_start_time", INSTANT),),
)
