"""Weight the counts of overlapping kinds of tokens, so that the price of a call is a plain sum.

A price list has a price for each *kind* of token; a call states how many tokens of overlapping
kinds it had (cache reads are part of the prompt, cached audio is part of both).  Inclusion and
exclusion bring both together: every count of a call gets a weight, the rate of this part less the
rate that it already paid as part of its whole; the price is the sum of counts times weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from otel_session_agg._model.span import Usage

__all__ = [
    "CELLS",
    "INPUT_NAMES",
    "INPUT_PARTS",
    "OUTPUT_NAMES",
    "Weights",
    "cells_of",
    "known_sides",
    "price_name",
    "weights_of",
]

_STANDS_IN = {
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_5m": ("cache_write", "input"),
    "cache_write_1h": ("cache_write", "input"),
    "audio_input": ("input",),
    "audio_cache_read": ("cache_read", "audio_input", "input"),
    "audio_output": ("output",),
    "reasoning": ("output",),
    "image_input": ("input",),
    "image_output": ("output",),
}
"""Kinds whose rate a part pays that has none of its own, best first."""

INPUT_NAMES = frozenset({
    "input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "audio_input",
    "audio_cache_read", "image_input",
})  # fmt: skip
OUTPUT_NAMES = frozenset({"output", "audio_output", "image_output", "reasoning"})

INPUT_PARTS = frozenset({"audio_prompt_tokens", "image_prompt_tokens"})
"""Parts of the prompt that a card can need; the rest are parts of the completion."""

CELLS = (
    "input", "cache_read", "cache_write_5m", "cache_write_1h", "audio_input", "audio_cache_read",
    "output", "audio_output", "image_input", "image_output",
)  # fmt: skip
"""Kinds of token that do not overlap, in the order of ``cells_of``."""

Weights = tuple[int, int, int, int, int, int, int, int, int, tuple[int, ...], int, int]
"""Weights of prompt, completion, cache read, cache write, 1 h write, reasoning, audio prompt, audio
completion, cached audio; then the cells without a rate; then weights of images in prompt and
completion."""


def price_name(prices: Mapping[str, Fraction], name: str) -> str | None:
    """Return the name of the price that a kind of token pays: its own, else the best stand-in."""
    return next((one for one in (name, *_STANDS_IN.get(name, ())) if one in prices), None)


def _rate(prices: Mapping[str, Fraction], name: str) -> Fraction | None:
    paid = price_name(prices, name)
    return None if paid is None else prices[paid]


def weights_of(prices: Mapping[str, Fraction], scale: int, *, complete: bool) -> Weights:
    """Return the weights of prices, in units of 1/``scale`` picodollars."""

    def rate(name: str) -> int:
        return int((_rate(prices, name) or 0) * scale)

    plain, out = rate("input"), rate("output")
    read, write, audio = rate("cache_read"), rate("cache_write_5m"), rate("audio_input")
    lacking: tuple[int, ...] = ()
    if not complete:
        lacking = tuple(i for i, name in enumerate(CELLS) if _rate(prices, name) is None)
    return (
        plain,
        out,
        read - plain,
        write - plain,
        rate("cache_write_1h") - write,
        rate("reasoning") - out,
        audio - plain,
        rate("audio_output") - out,
        rate("audio_cache_read") - read - audio + plain,
        lacking,
        rate("image_input") - plain,
        rate("image_output") - out,
    )


def cells_of(usage: Usage, prompt: int, completion: int) -> tuple[int, ...]:
    """Return the counts of a call by kinds that do not overlap."""
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    write_1h = usage.cache_write_1h_tokens or 0
    audio_in, audio_out = usage.audio_prompt_tokens or 0, usage.audio_completion_tokens or 0
    audio_read = usage.audio_cache_read_tokens or 0
    image_in, image_out = usage.image_prompt_tokens or 0, usage.image_completion_tokens or 0
    return (
        prompt - read - write - audio_in + audio_read - image_in,
        read - audio_read,
        write - write_1h,
        write_1h,
        audio_in - audio_read,
        audio_read,
        completion - audio_out - image_out,
        audio_out,
        image_in,
        image_out,
    )


def known_sides(usage: Usage, *, prices_input: bool, prices_output: bool) -> tuple[int, int] | None:
    """Return prompt and completion of a call that may not state both, or ``None`` if unknown."""
    prompt, completion, total = usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    if prompt is not None and completion is not None:
        return prompt, completion
    known = completion if prompt is None else prompt
    if known is None:
        return None
    if total is not None:
        rest = total - known
        # cached tokens that the prompt excludes would be counted, and paid, as the other side
        if rest < 0 or (rest and (usage.cache_read_tokens or usage.cache_write_tokens)):
            return None
    elif prices_input if prompt is None else prices_output:
        return None
    else:
        rest = 0
    return (rest, known) if prompt is None else (known, rest)
