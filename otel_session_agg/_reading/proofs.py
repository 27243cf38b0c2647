"""What the counts of one call prove about each other: which parts a stated count leaves out."""

from __future__ import annotations

CACHE, REASONING, TOOLS = 1, 2, 4
"""Parts that a prompt or completion may leave out; sums of them are sets."""

_SETS = (
    CACHE,
    REASONING,
    TOOLS,
    CACHE | REASONING,
    CACHE | TOOLS,
    REASONING | TOOLS,
    CACHE | REASONING | TOOLS,
)
"""All sets of parts, the smallest first: the fewest assumptions that explain a figure."""


def too_large(prompt: int, completion: int | None, cached: int, reasoning: int, tools: int) -> int:
    """Return the parts that are larger than the count they should be in, which therefore leaves them out.

    Args:
        prompt: Input tokens as stated.
        completion: Output tokens as stated.
        cached: Tokens read from and written to a cache.
        reasoning: Reasoning tokens of the output.
        tools: Input tokens of the provider's own tools.

    """
    bits = CACHE if cached > prompt else 0
    if completion is not None and reasoning > completion:
        bits |= REASONING
    return bits | TOOLS if tools > prompt else bits


def explained(
    gap: int, caches: tuple[int, ...], reasoning: int, tools: int, needed: int
) -> int | None:
    """Return the smallest set of parts whose sum is what a total has beyond prompt and completion.

    Args:
        gap: Total less prompt less completion.
        caches: Counts that may stand for the cached part: read and written together, then one of them.
        reasoning: Reasoning tokens of the output.
        tools: Input tokens of the provider's own tools.
        needed: Parts that are left out in any case.

    """
    if gap <= 0:
        return None
    for bits in _SETS:
        if needed & ~bits or (bits & REASONING and not reasoning) or (bits & TOOLS and not tools):
            continue
        if bits & CACHE and not caches[0]:
            continue
        rest = gap - (reasoning if bits & REASONING else 0) - (tools if bits & TOOLS else 0)
        if (rest > 0 and rest in caches) if bits & CACHE else rest == 0:
            return bits
    return None
