"""Find out which parts a stated count excludes, as the other counts of the call prove."""

from __future__ import annotations

CACHE, REASONING, TOOLS = 1, 2, 4
"""Parts that a prompt or completion may exclude; bits of a set."""

_SETS = (
    CACHE,
    REASONING,
    TOOLS,
    CACHE | REASONING,
    CACHE | TOOLS,
    REASONING | TOOLS,
    CACHE | REASONING | TOOLS,
)
"""All sets of parts, the smallest first: the fewest assumptions that explain a count."""


def too_large(prompt: int, completion: int | None, cached: int, reasoning: int, tools: int) -> int:
    """Return the parts that are larger than the count they should be in, which thus excludes them.

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
    """Return the smallest set of excluded parts whose sum explains a total.

    The total has them beyond prompt and completion.  ``None`` if no set explains it.

    Args:
        gap: Total less prompt less completion.
        caches: Counts that may be the cached part: reads and writes together, then one of them.
        reasoning: Reasoning tokens of the output.
        tools: Input tokens of the provider's own tools.
        needed: Parts that are excluded in any case.

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
