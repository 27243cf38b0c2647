"""How two statements of one call's tokens compare, and how they complete each other."""

from __future__ import annotations

from otel_session_agg._model import Usage

_WHOLES = 3
"""The first fields of ``Usage`` are whole counts, the others are parts of them."""


def has_usage(usage: Usage | None) -> bool:
    """Whether there is anything to count; all zeros are none."""
    return usage is not None and bool(usage.prompt_tokens or usage.completion_tokens or usage.total_tokens or usage.web_searches)


def agree(a: Usage | None, b: Usage | None) -> bool:
    """Whether two statements do not contradict, as far as both state a figure.

    All zeros state nothing, and so does 0 for a part: many layers write it for what they do not know.
    """
    if a is None or b is None or not has_usage(a) or not has_usage(b):
        return True
    if any(x is not None and y is not None and x != y for x, y in zip(a[:_WHOLES], b[:_WHOLES], strict=True)):
        return False
    return all(not x or not y or x == y for x, y in zip(a[_WHOLES:], b[_WHOLES:], strict=True))


def _without_cache(a: Usage, b: Usage) -> bool:
    """Whether the input of ``a`` is that of ``b`` without the cached part, which only ``b`` states."""
    if a.prompt_tokens is None or b.prompt_tokens is None or a.cache_read_tokens or a.cache_write_tokens:
        return False
    cached = (b.cache_read_tokens or 0) + (b.cache_write_tokens or 0)
    return 0 < cached <= b.prompt_tokens - a.prompt_tokens


def blind(a: Usage | None, b: Usage | None) -> bool:
    """Whether ``a`` is ``b`` told by someone who does not see the cache: the same output, and input without the cached part."""
    if a is None or b is None or not a.completion_tokens or a.completion_tokens != b.completion_tokens:
        return False
    return _without_cache(a, b)


def same_figures(a: Usage | None, b: Usage | None) -> bool:
    """Whether both state the same prompt and the same completion, and these are not nothing."""
    return (
        a is not None
        and b is not None
        and a.prompt_tokens == b.prompt_tokens
        and a.completion_tokens == b.completion_tokens
        and has_usage(a)
    )


def filled(usage: Usage, more: Usage) -> Usage:
    """``usage`` with the figures that only ``more`` states."""
    return Usage(*[x if x or y is None else y for x, y in zip(usage, more, strict=True)])


def same_prompt(a: Usage | None, b: Usage | None) -> bool:
    """Whether both state the same prompt."""
    return a is not None and b is not None and a.prompt_tokens is not None and a.prompt_tokens == b.prompt_tokens


def same_input(a: Usage | None, b: Usage | None) -> bool:
    """Whether both state the same prompt, although one of them may not see the cache."""
    return a is not None and b is not None and (same_prompt(a, b) or _without_cache(a, b) or _without_cache(b, a))


def with_input(usage: Usage, more: Usage) -> Usage:
    """``usage`` with what ``more`` knows better of the same input."""
    both = filled(usage, more)
    if not _without_cache(usage, more):
        return both
    return both._replace(
        prompt_tokens=more.prompt_tokens, total_tokens=(more.prompt_tokens or 0) + (usage.completion_tokens or 0)
    )
