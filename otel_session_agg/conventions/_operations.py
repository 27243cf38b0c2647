"""GenAI operation names: the one table that several conventions share."""

from __future__ import annotations

from otel_session_agg._model import Kind

OPERATIONS = {
    "chat": Kind.MODEL,
    "text_completion": Kind.MODEL,
    "generate_content": Kind.MODEL,
    "llm_call": Kind.MODEL,
    "completion": Kind.MODEL,
    "acompletion": Kind.MODEL,
    "aembedding": Kind.EMBEDDING,
    "embeddings": Kind.EMBEDDING,
    "embedding": Kind.EMBEDDING,
    "execute_tool": Kind.TOOL,
    "tool_call": Kind.TOOL,
    "retrieval": Kind.RETRIEVER,
    "rerank": Kind.RETRIEVER,
    "vectordb": Kind.RETRIEVER,
    "create_agent": Kind.AGENT,
    "invoke_agent": Kind.AGENT,
    "agent_call": Kind.AGENT,
    "agent": Kind.AGENT,
    "invoke_workflow": Kind.CHAIN,
    "agent_step": Kind.CHAIN,
    "chain": Kind.CHAIN,
    "workflow": Kind.CHAIN,
    "task": Kind.CHAIN,
    "execute_task": Kind.CHAIN,
    "execute_event_loop_cycle": Kind.CHAIN,
    "plan": Kind.CHAIN,
    "framework": Kind.CHAIN,
    "guardrail": Kind.GUARDRAIL,
    "judge": Kind.EVALUATOR,
}
"""Values of the operation name; any other value means that the span is no model call."""
