"""LangWatch SDK.

Source: its extractors and cost service; recordings of 1.4.0.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._first_token_rows import INSTANT, FirstToken
from otel_session_agg.conventions._schema import Convention, Kinds, NameText, Text
from otel_session_agg.conventions._term_rows import BilledText

_TYPES = {
    "llm": Kind.MODEL,
    "tool": Kind.TOOL,
    "agent": Kind.AGENT,
    "rag": Kind.RETRIEVER,
    "guardrail": Kind.GUARDRAIL,
    "evaluation": Kind.EVALUATOR,
    "workflow": Kind.CHAIN,
    "component": Kind.CHAIN,
    "module": Kind.CHAIN,
    "chain": Kind.CHAIN,
    "span": Kind.SPAN,
}

TABLE = Convention(
    name="langwatch",
    kinds=(Kinds("langwatch.span.type", _TYPES),),
    cache_write_1h=(
        "gen_ai.usage.cache_creation_1h.input_tokens",
        "gen_ai.usage.cache_creation_1h_input_tokens",
    ),
    texts=(Text("langwatch.metrics", "inclusive"),),
    billed=(BilledText("langwatch.metrics"),),
    cost=("langwatch.span.cost",),
    session=("langwatch.thread.id",),
    user=("langwatch.user.id",),
    # recorded: 1.4.0 writes the metadata of a trace as one text
    session_texts=(NameText("metadata", r'"thread_id": ?"([^"\\]+)"', scopes=("langwatch",)),),
    output=("langwatch.output",),
    feedback=("langwatch.reserved.evaluations",),
    feedback_prefixes=("langwatch.evaluation.",),
    first_tokens=(FirstToken("langwatch.timestamps", INSTANT, member="first_token_at"),),
)
