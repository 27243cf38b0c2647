"""VoltAgent.

Source: its exporter as translated by MLflow.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds

_TYPES = {
    "llm": Kind.MODEL,
    "embedding": Kind.EMBEDDING,
    "tool": Kind.TOOL,
    "retriever": Kind.RETRIEVER,
    "agent": Kind.AGENT,
    "workflow": Kind.CHAIN,
    "guardrail": Kind.GUARDRAIL,
}

TABLE = Convention(
    name="voltagent",
    kinds=(
        Kinds("span.type", _TYPES, place="span.type of VoltAgent"),
        Kinds("entity.type", _TYPES),
    ),
    prompt=("usage.prompt_tokens", "llm.usage.prompt_tokens"),
    completion=("usage.completion_tokens", "llm.usage.completion_tokens"),
    total=("usage.total_tokens",),
    cache_read=("usage.cached_tokens",),
    reasoning=("usage.reasoning_tokens",),
    session=("voltagent.conversation_id",),
    agent_name=("voltagent.agent.name",),
    entity_name=("entity.name",),
)
