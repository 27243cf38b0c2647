"""Sentry's older AI attribute names.

Source: its Python SDK's constants; ``gen_ai.cost.*_tokens`` is the cost of the tokens in USD.
"""

from __future__ import annotations

from otel_session_agg.conventions._schema import Convention

TABLE = Convention(
    name="sentry",
    cache_read=("gen_ai.usage.input_tokens.cached",),
    cache_write=("gen_ai.usage.input_tokens.cache_write",),
    reasoning=("gen_ai.usage.output_tokens.reasoning",),
    cost=("gen_ai.cost.total_tokens",),
    cost_parts=("gen_ai.cost.input_tokens", "gen_ai.cost.output_tokens"),
    output=("gen_ai.response.text",),
    content=("gen_ai.request.messages", "gen_ai.response.text"),
)
