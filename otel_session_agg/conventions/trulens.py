"""TruLens.

Source: its span attribute module.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds

_TYPES = {
    "generation": Kind.MODEL,
    "retrieval": Kind.RETRIEVER,
    "reranking": Kind.RETRIEVER,
    "tool": Kind.TOOL,
    "agent": Kind.AGENT,
    "eval": Kind.EVALUATOR,
    "eval_root": Kind.EVALUATOR,
    "record_root": Kind.CHAIN,
}

TABLE = Convention(
    name="trulens",
    kinds=(Kinds("ai.observability.span_type", _TYPES),),
    prompt=("ai.observability.cost.num_prompt_tokens",),
    completion=("ai.observability.cost.num_completion_tokens",),
    total=("ai.observability.cost.num_tokens",),
    reasoning=("ai.observability.cost.num_reasoning_tokens",),
    cost=("ai.observability.cost.cost",),
    cost_currency=("ai.observability.cost.cost_currency",),
    request_model=("ai.observability.cost.model",),
    output=("ai.observability.record_root.output",),
)
