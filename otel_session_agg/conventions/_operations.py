"""GenAI operation names, which several conventions share."""

from __future__ import annotations

from otel_session_agg._model.span import Kind

_WORDS = {
    Kind.MODEL: (
        "chat", "text_completion", "generate_content", "generate_live_content", "generate_text",
        "llm_call", "completion", "acompletion", "responses", "image_generation", "transcription",
        "speech",
    ),
    Kind.EMBEDDING: ("embeddings", "embedding", "aembedding"),
    Kind.TOOL: ("execute_tool", "tool_call"),
    Kind.RETRIEVER: ("retrieval", "rerank", "arerank", "vectordb"),
    Kind.AGENT: ("create_agent", "invoke_agent", "agent_call", "agent"),
    Kind.CHAIN: (
        "invoke_workflow", "agent_step", "chain", "workflow", "task", "execute_task",
        "execute_event_loop_cycle", "plan", "framework",
    ),
    Kind.GUARDRAIL: ("guardrail", "moderation", "moderations", "amoderation"),
    Kind.EVALUATOR: ("judge",),
    # Google ADK's nodes, handoffs, the voice frameworks' own steps, operations of stores, and
    # operations that providers do not bill
    Kind.SPAN: (
        "invoke_node", "compact_events", "send_data", "handoff", "goto", "parser", "stt", "tts",
        "turn", "conversation", "create_memory", "update_memory", "upsert_memory", "delete_memory",
        "search_memory", "create_memory_store", "delete_memory_store", "create_thread",
        "create_message", "update_agent", "delete_agent", "list_models", "count_tokens",
    ),
}  # fmt: skip

BILLED_WORDS = frozenset(
    {
        "ai.embed", "ai.embedmany", "rerank", "arerank", "reranker", "reranking", "ai.rerank",
        "ai.rerank.dorerank", "stt", "tts", "moderation", "moderations", "amoderation",
    }
)  # fmt: skip
"""Operations and kinds that providers bill although they are no model calls or embeddings."""

FREE_MODELS = ("omni-moderation", "text-moderation")
"""Prefixes of models that cost nothing: https://platform.openai.com/docs/guides/moderation."""

OPERATIONS = {word: kind for kind, words in _WORDS.items() for word in words}
"""Kinds by operation name; with any other value, a span that names a model is a model call."""
