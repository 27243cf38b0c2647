"""Work out prompt and completion with all of their parts, also those that a stated count excludes.

Whether a prompt count includes the cached part is decided by the first of these that applies:

1. other counts prove it: uncached + read + written = prompt (included), or uncached = prompt
   (excluded);
2. the provider's own usage object beside them proves it;
3. the counts cannot be otherwise: read + written > prompt, or the total is
   prompt + completion + read (+ written);
4. the span states it with a flag, or the emitter at that version is known (``Emitter``);
5. otherwise it is included, as the OpenTelemetry and OpenInference conventions demand.

The same holds for reasoning and completion, and for the input of the provider's own tools.  That
is otherwise excluded: only Gemini states it, beside the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_session_agg._reading.emitters import Effects
from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._reading.stated import Stated
from otel_session_agg._untrusted.values import flag
from otel_session_agg.conventions._schema import Effect, Meaning

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


class StatedCounts(NamedTuple):
    """Counts of one call as they are stated; parts that are not stated are 0."""

    prompt: int | None
    completion: int | None
    total: int | None
    read: int
    write: int
    reasoning: int
    tools: int
    excluded: int
    """The parts that prompt or completion are proved to exclude: bits."""
    is_explained: bool
    """The total is the sum of prompt, completion and what they exclude."""


def collect(stated: Stated, main: Mapping[int, int]) -> StatedCounts:
    """Return the counts of a call, and what they prove about each other."""
    prompt, completion = main.get(Meaning.PROMPT), main.get(Meaning.COMPLETION)
    total = main.get(Meaning.TOTAL)
    parts = stated.parts
    read, write = parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    reasoning, tools = parts.get(Meaning.REASONING) or 0, parts.get(Meaning.TOOL_PROMPT) or 0
    cached = read + write
    excluded, is_explained = 0, False
    is_reasoning_larger = completion is not None and reasoning > completion
    if prompt is not None:
        if cached > prompt or tools > prompt or is_reasoning_larger:
            excluded = too_large(prompt, completion, cached, reasoning, tools)
        if total is not None and completion is not None:
            gap = total - prompt - completion
            found = None
            if gap > 0:
                found = explained(gap, (cached, read), reasoning, tools, excluded)
            excluded, is_explained = (excluded, not gap) if found is None else (found, True)
    elif is_reasoning_larger:
        excluded = REASONING
    return StatedCounts(
        prompt, completion, total, read, write, reasoning, tools, excluded, is_explained
    )


def whole_prompt(
    plan: ReadingPlan,
    stated: Stated,
    effects: Effects,
    counts: StatedCounts,
    main: Mapping[int, int],
) -> int | None:
    """Return the prompt with its cached part and the input of tools; the rules are at the head."""
    prompt, read, write = counts.prompt, counts.read, counts.write
    if prompt is None:
        return None
    excludes_tools = _excludes_tools(stated, effects, counts, prompt)
    whole = prompt + counts.tools if excludes_tools else prompt
    if not read and not write:
        hidden = (counts.total or 0) - whole - (counts.completion or 0)
        is_hidden = hidden > 0 and counts.completion is not None and not counts.reasoning
        return whole + hidden if is_hidden and Effect.PROMPT_FROM_TOTAL in effects else whole
    excludes = _excludes_cache_by_counts(stated, counts, prompt)
    may_exclude_write = excludes is not False and write and read <= prompt
    if may_exclude_write and Effect.PROMPT_EXCLUDES_WRITE in effects:
        return whole + write
    if excludes is None:
        excludes = _excludes_cache_by_emitter(plan, stated, effects, main)
    return whole + read + write if excludes else whole


def _excludes_tools(stated: Stated, effects: Effects, counts: StatedCounts, prompt: int) -> bool:
    """Return whether the prompt excludes the input of tools, as Gemini's prompt count does."""
    own = stated.own_prompts() if counts.tools else ()
    if not counts.tools or prompt in own:
        return False
    if prompt + counts.tools in own or counts.excluded & TOOLS:
        return True
    return not counts.is_explained and Effect.PROMPT_INCLUDES_TOOLS not in effects


def _excludes_cache_by_counts(stated: Stated, counts: StatedCounts, prompt: int) -> bool | None:
    """Return whether the prompt excludes the cached part, or ``None`` if no counts prove it."""
    cached = counts.read + counts.write
    uncached = stated.parts.get(Meaning.UNCACHED)
    if uncached is not None and prompt in {uncached + cached, uncached}:
        return prompt == uncached
    raw, proves = stated.raw()
    if raw is not None and (prompt == raw + cached or (proves and prompt == raw)):
        return prompt == raw
    return True if counts.excluded & CACHE else None


def _excludes_cache_by_emitter(
    plan: ReadingPlan, stated: Stated, effects: Effects, main: Mapping[int, int]
) -> bool:
    """Return whether the prompt excludes the cached part, by a flag or by the emitter's row."""
    for entry in plan.entries.get(Meaning.EXCLUSIVE, ()):
        excludes = flag(stated.attributes[entry.key])
        if excludes is not None:
            return excludes
    if Effect.PROMPT_EXCLUDES_CACHE in effects:
        return True
    return Effect.PROMPT_INCLUDES_CACHE not in effects and main.get(Meaning.EXCLUSIVE) == 1


def whole_completion(
    stated: Stated, effects: Effects, counts: StatedCounts, prompt: int | None
) -> int | None:
    """Return the completion with its reasoning; add it where counts or emitter exclude it."""
    completion, total, reasoning = counts.completion, counts.total, counts.reasoning
    if completion is None:
        return None
    has_tools = counts.excluded & TOOLS and counts.tools <= completion
    if has_tools and Effect.PROMPT_INCLUDES_TOOLS in effects:
        completion -= counts.tools  # an older version took them for output
    whole = completion + reasoning
    if reasoning and (whole in stated.own_completions() or counts.excluded & REASONING):
        return whole
    rest = 0 if prompt is None or total is None else total - prompt - completion
    if rest > 0 and (rest == reasoning or Effect.COMPLETION_FROM_TOTAL in effects):
        # what is beyond the thoughts is input of tools
        return completion + (min(rest, reasoning) or rest)
    if reasoning and (
        Effect.COMPLETION_EXCLUDES_REASONING in effects
        or (Effect.TOTAL_HAS_REASONING in effects and rest > reasoning)
    ):
        return whole
    if Effect.COMPLETION_REPEATS_REASONING in effects and 0 < reasoning < completion:
        return completion - reasoning
    if Effect.STREAM_OUTPUT_ONE_MORE in effects and completion > 1:
        return completion - 1
    return completion
