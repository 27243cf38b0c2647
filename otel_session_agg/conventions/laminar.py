"""Laminar SDK.

Source: its server's span attributes and the Python SDK.
"""

from __future__ import annotations

from otel_session_agg._model.span import Kind
from otel_session_agg.conventions._schema import Convention, Kinds

_TYPES = {
    "llm": Kind.MODEL,
    "tool": Kind.TOOL,
    "evaluator": Kind.EVALUATOR,
    "human_evaluator": Kind.EVALUATOR,
    "evaluation": Kind.EVALUATOR,
    "executor": Kind.CHAIN,
    "default": Kind.SPAN,
}

TABLE = Convention(
    name="laminar",
    kinds=(Kinds("lmnr.span.type", _TYPES),),
    cache_write_5m=(
        "gen_ai.usage.cache_creation.input_tokens.ephemeral_5m",
        "gen_ai.usage.cache_creation.ephemeral_5m_input_tokens",
    ),
    cache_write_1h=(
        "gen_ai.usage.cache_creation.input_tokens.ephemeral_1h",
        "gen_ai.usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    cost_parts=("gen_ai.usage.input_cost", "gen_ai.usage.output_cost"),
    session=("lmnr.association.properties.session_id",),
    user=("lmnr.association.properties.user_id",),
    input=("lmnr.span.input",),
    output=("lmnr.span.output",),
)
