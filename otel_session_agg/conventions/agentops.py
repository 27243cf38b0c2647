"""AgentOps SDK.

Source: its semantic conventions; ``gen_ai.usage.total_cost`` is USD although the constant is named
after tools.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import SECONDS, FirstToken
from otel_session_agg.conventions._schema import Convention, Kinds

_KINDS = {
    "llm": Kind.MODEL,
    "tool": Kind.TOOL,
    "agent": Kind.AGENT,
    "session": Kind.CHAIN,
    "workflow": Kind.CHAIN,
    "operation": Kind.CHAIN,
    "task": Kind.CHAIN,
    "guardrail": Kind.GUARDRAIL,
}

TABLE = Convention(
    name="agentops",
    kinds=(Kinds("agentops.span.kind", _KINDS),),
    cost=("gen_ai.usage.total_cost",),
    output=("agentops.entity.output",),
    entity_name=("agentops.entity.name",),
    # recorded: also as an event, which comes later
    first_tokens=(FirstToken("gen_ai.streaming.time_to_first_token", SECONDS),),
    first_token_events=("first_token_received",),
)
