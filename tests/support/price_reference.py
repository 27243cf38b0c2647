"""What genai-prices itself says."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from genai_prices import Usage as Counts
from genai_prices import calc_price

from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.catalogue import _UNITS

CALLS = (
    Usage(1_000, 200),
    Usage(0, 0),
    Usage(1_000, 0, 1_000),
    Usage(150_001, 5_003, None, 30_000, 20_000, 7_000, 100),
    Usage(5_000, 700, None, 1_000, None, None, None, 1_200, 300, 400),
    Usage(5_000, 700, None, 1_000, None, None, None, 1_200, 300, None),
)


def reference(
    provider: str | None, model: str, usage: Usage, moment: datetime, context: dict[str, str] | None = None
) -> int | None:
    """Ask genai-prices."""
    write = usage.cache_write_tokens
    counts = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": write,
        "cache_write_5m_tokens": None if write is None else write - (usage.cache_write_1h_tokens or 0),
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.audio_prompt_tokens,
        "output_audio_tokens": usage.audio_completion_tokens,
        "cache_audio_read_tokens": usage.audio_cache_read_tokens,
    }
    known = {name: count for name, count in counts.items() if count is not None}
    try:
        price = calc_price(Counts(**known), model, provider_id=provider, genai_request_timestamp=moment, price_context=context)
    except (LookupError, ValueError):
        return None
    stated = {key for key, value in vars(price.model_price).items() if value is not None}
    if stated and not stated & _UNITS.keys():
        return None  # sold by the hour, page or image: the reference says 0, but nobody knows
    return round(Fraction(price.total_price) * 10**12)
