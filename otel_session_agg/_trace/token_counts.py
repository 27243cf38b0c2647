"""How two statements of one call's tokens compare, and how they complete each other."""

from __future__ import annotations

from otel_session_agg._model.span import Usage

_WHOLES = 3
"""The first fields of ``Usage`` are whole counts, the others are parts of them."""


def has_usage(usage: Usage | None) -> bool:
    """Whether there is anything to count; all zeros are none."""
    return usage is not None and bool(
        usage.prompt_tokens or usage.completion_tokens or usage.total_tokens or usage.web_searches
    )


def agree(a: Usage | None, b: Usage | None) -> bool:
    """Whether two statements do not contradict, as far as both state a figure.

    All zeros state nothing, and so does 0 for a part: many layers write it for what they do not know.
    """
    if a is None or b is None or not has_usage(a) or not has_usage(b):
        return True
    if any(
        x is not None and y is not None and x != y
        for x, y in zip(a[:_WHOLES], b[:_WHOLES], strict=True)
    ):
        return False
    return all(not x or not y or x == y for x, y in zip(a[_WHOLES:], b[_WHOLES:], strict=True))


def _without_cache(a: Usage, b: Usage) -> bool:
    """Whether the input of ``a`` is that of ``b`` without the cached part, or without one of its parts."""
    if a.prompt_tokens is None or b.prompt_tokens is None:
        return False
    read, written = b.cache_read_tokens or 0, b.cache_write_tokens or 0
    less = b.prompt_tokens - a.prompt_tokens
    if less <= 0 or not (read or written):
        return False
    if (
        a.cache_read_tokens or a.cache_write_tokens
    ):  # it states the parts, and was taken to include them
        return (
            a.cache_read_tokens in (None, 0, read)
            and a.cache_write_tokens in (None, 0, written)
            and less in (read, written, read + written)
        )
    return read + written <= less or less in (read, written)


def lacks_cache(a: Usage | None, b: Usage | None) -> bool:
    """Whether the input of ``a`` is exactly that of ``b`` without the cached part, whatever they say of the output."""
    if (
        a is None
        or b is None
        or a.cache_read_tokens
        or a.cache_write_tokens
        or not a.completion_tokens
        or not b.completion_tokens
    ):
        return False
    cached = (b.cache_read_tokens or 0) + (b.cache_write_tokens or 0)
    return (
        cached > 0 and a.prompt_tokens is not None and b.prompt_tokens == a.prompt_tokens + cached
    )


FIRST_FIGURE = 8
"""The first figure that Anthropic's streams give of their output is at most this; recorded: 1 to 8."""


def likelier_output(a: Usage, b: Usage) -> Usage:
    """Of two statements of one stream, the one whose output is likelier.

    One that is a little larger has the stream's first figure added to its last, one that is far smaller is the first alone.
    """
    more, less = (a, b) if (a.completion_tokens or 0) >= (b.completion_tokens or 0) else (b, a)
    return (
        less
        if (more.completion_tokens or 0) - (less.completion_tokens or 0) <= FIRST_FIGURE
        else more
    )


def _without_reasoning(a: Usage, b: Usage) -> bool:
    """Whether the output of ``a`` is that of ``b`` without the reasoning, which only ``b`` states."""
    if (
        a.completion_tokens is None
        or b.completion_tokens is None
        or a.reasoning_tokens
        or not b.reasoning_tokens
    ):
        return False
    return a.completion_tokens + b.reasoning_tokens == b.completion_tokens


def lacks_details(a: Usage | None, b: Usage | None) -> bool:
    """Whether ``a`` is ``b`` told by someone who does not see the cache or the reasoning, and has the input and output without."""
    if a is None or b is None or not a.completion_tokens:
        return False
    if a.completion_tokens == b.completion_tokens:
        return _without_cache(a, b)
    return _without_reasoning(a, b) and (same_prompt(a, b) or _without_cache(a, b))


def fits(a: Usage | None, b: Usage | None) -> bool:
    """Whether two statements agree, but for what one of them does not see of the cache."""
    return agree(a, b) or lacks_details(a, b) or lacks_details(b, a)


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
    return (
        a is not None
        and b is not None
        and a.prompt_tokens is not None
        and a.prompt_tokens == b.prompt_tokens
    )


def same_input(a: Usage | None, b: Usage | None) -> bool:
    """Whether both state the same prompt, although one of them may not see the cache."""
    return (
        a is not None
        and b is not None
        and (same_prompt(a, b) or _without_cache(a, b) or _without_cache(b, a))
    )


def with_input(usage: Usage, more: Usage) -> Usage:
    """``usage`` with what ``more`` knows better of the same input, and of reasoning that the output leaves out."""
    both = filled(usage, more)
    if _without_reasoning(usage, more):
        usage = both = both._replace(
            completion_tokens=more.completion_tokens,
            total_tokens=(both.prompt_tokens or 0) + (more.completion_tokens or 0),
        )
    if not _without_cache(usage, more):
        return both
    return both._replace(
        prompt_tokens=more.prompt_tokens,
        total_tokens=(more.prompt_tokens or 0) + (usage.completion_tokens or 0),
    )
