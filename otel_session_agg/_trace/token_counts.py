"""Compare two statements of one call's tokens, and complete one from the other."""

from __future__ import annotations

from otel_session_agg._model.span import Usage
from otel_session_agg._reading.tokens import FIRST_FIGURE
from otel_session_agg._trace.call import has_usage

_WHOLES = 3
"""How many of the first fields of ``Usage`` are whole counts; the others are parts of them."""


def agree(a: Usage | None, b: Usage | None) -> bool:
    """Return whether two statements do not contradict where both state a figure.

    All zeros state nothing, and neither does 0 for a part: many layers write 0 for a part that they
    do not know.
    """
    if a is None or b is None or a == b:
        return True
    if _contradict(a, b):
        return not has_usage(a) or not has_usage(b)
    return True


def _contradict(a: Usage, b: Usage) -> bool:
    for index in range(_WHOLES):
        x, y = a[index], b[index]
        if x != y and x is not None and y is not None:
            return True
    for index in range(_WHOLES, len(a)):
        x, y = a[index], b[index]
        if x != y and x and y:
            return True
    return False


def _without_cache(a: Usage, b: Usage) -> bool:
    """Return whether ``a`` has the input of ``b`` without the cached part, or one part of that."""
    if a.prompt_tokens is None or b.prompt_tokens is None:
        return False
    read, written = b.cache_read_tokens or 0, b.cache_write_tokens or 0
    less = b.prompt_tokens - a.prompt_tokens
    if less <= 0 or not (read or written):
        return False
    # a states the parts, and its input was taken to include them
    if a.cache_read_tokens or a.cache_write_tokens:
        return (
            a.cache_read_tokens in (None, 0, read)
            and a.cache_write_tokens in (None, 0, written)
            and less in (read, written, read + written)
        )
    return read + written <= less or less in (read, written)


def lacks_cache(a: Usage | None, b: Usage | None) -> bool:
    """Return whether ``a`` has exactly the input of ``b`` without the cached part.

    Outputs are not compared.
    """
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


def likelier_output(a: Usage, b: Usage) -> Usage:
    """Return the one of two statements of a stream whose output is likelier.

    An output that is a little larger is the stream's last figure plus its first; one that is far
    smaller is the first figure alone.
    """
    more, less = (a, b) if (a.completion_tokens or 0) >= (b.completion_tokens or 0) else (b, a)
    return (
        less
        if (more.completion_tokens or 0) - (less.completion_tokens or 0) <= FIRST_FIGURE
        else more
    )


def _without_reasoning(a: Usage, b: Usage) -> bool:
    """Return whether ``a`` has the output of ``b`` without reasoning, which only ``b`` states."""
    if (
        a.completion_tokens is None
        or b.completion_tokens is None
        or a.reasoning_tokens
        or not b.reasoning_tokens
    ):
        return False
    return a.completion_tokens + b.reasoning_tokens == b.completion_tokens


def lacks_details(a: Usage | None, b: Usage | None) -> bool:
    """Return whether ``a`` is ``b`` from an emitter that does not see the cache or the reasoning.

    Input and output of ``a`` are then those of ``b`` without these parts.
    """
    if a is None or b is None or not a.completion_tokens:
        return False
    if a.completion_tokens == b.completion_tokens:
        return _without_cache(a, b)
    return _without_reasoning(a, b) and (same_prompt(a, b) or _without_cache(a, b))


def fits(a: Usage | None, b: Usage | None) -> bool:
    """Return whether two statements agree, or one only lacks the cache or the reasoning."""
    return agree(a, b) or lacks_details(a, b) or lacks_details(b, a)


def same_figures(a: Usage | None, b: Usage | None) -> bool:
    """Return whether both state the same prompt and completion tokens, and these are not zero."""
    return (
        a is not None
        and b is not None
        and a.prompt_tokens == b.prompt_tokens
        and a.completion_tokens == b.completion_tokens
        and has_usage(a)
    )


def filled(usage: Usage, more: Usage) -> Usage:
    """Return ``usage`` with the figures that only ``more`` states."""
    return Usage(*[x if x or y is None else y for x, y in zip(usage, more, strict=True)])


def same_prompt(a: Usage | None, b: Usage | None) -> bool:
    """Return whether both state the same prompt tokens."""
    return (
        a is not None
        and b is not None
        and a.prompt_tokens is not None
        and a.prompt_tokens == b.prompt_tokens
    )


def same_input(a: Usage | None, b: Usage | None) -> bool:
    """Return whether both state the same prompt, although one of them may not see the cache."""
    return (
        a is not None
        and b is not None
        and (same_prompt(a, b) or _without_cache(a, b) or _without_cache(b, a))
    )


def with_input(usage: Usage, more: Usage) -> Usage:
    """Return ``usage`` with the fuller input of ``more``, and reasoning that its output lacks."""
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
