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

from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._reading.proofs import CACHE, REASONING, TOOLS, explained, too_large
from otel_session_agg._reading.stated import Stated
from otel_session_agg._values import flag
from otel_session_agg.conventions._schema import Emitter, Meaning


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
    """The parts that prompt or completion are proved to exclude, as in ``proofs.py``."""
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
    emitters: tuple[Emitter, ...],
    counts: StatedCounts,
    main: Mapping[int, int],
) -> int | None:
    """Return the prompt with its cached part and the input of tools; the rules are at the head."""
    prompt, read, write = counts.prompt, counts.read, counts.write
    if prompt is None:
        return None
    excludes_tools = _excludes_tools(stated, emitters, counts, prompt)
    whole = prompt + counts.tools if excludes_tools else prompt
    if not read and not write:
        hidden = (counts.total or 0) - whole - (counts.completion or 0)
        is_hidden = hidden > 0 and counts.completion is not None and not counts.reasoning
        return whole + hidden if is_hidden and any(e.prompt_from_total for e in emitters) else whole
    excludes = _excludes_cache_by_counts(stated, counts, prompt)
    may_exclude_write = excludes is not False and write and read <= prompt
    if may_exclude_write and any(emitter.prompt_excludes_write for emitter in emitters):
        return whole + write
    if excludes is None:
        excludes = _excludes_cache_by_emitter(plan, stated, emitters, main)
    return whole + read + write if excludes else whole


def _excludes_tools(
    stated: Stated, emitters: tuple[Emitter, ...], counts: StatedCounts, prompt: int
) -> bool:
    """Return whether the prompt excludes the input of tools, as Gemini's prompt count does."""
    own = stated.own_prompts() if counts.tools else ()
    if not counts.tools or prompt in own:
        return False
    if prompt + counts.tools in own or counts.excluded & TOOLS:
        return True
    return not counts.is_explained and not any(e.prompt_includes_tools for e in emitters)


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
    plan: ReadingPlan, stated: Stated, emitters: tuple[Emitter, ...], main: Mapping[int, int]
) -> bool:
    """Return whether the prompt excludes the cached part, by a flag or by the emitter's row."""
    for entry in plan.entries.get(Meaning.EXCLUSIVE, ()):
        excludes = flag(stated.attributes[entry.key])
        if excludes is not None:
            return excludes
    for emitter in emitters:
        if emitter.prompt_excludes_cache is not None:
            return emitter.prompt_excludes_cache
    return main.get(Meaning.EXCLUSIVE) == 1


def whole_completion(
    stated: Stated, emitters: tuple[Emitter, ...], counts: StatedCounts, prompt: int | None
) -> int | None:
    """Return the completion with its reasoning; add it where counts or emitter exclude it."""
    completion, total, reasoning = counts.completion, counts.total, counts.reasoning
    if completion is None:
        return None
    has_tools = counts.excluded & TOOLS and counts.tools <= completion
    if has_tools and any(emitter.prompt_includes_tools for emitter in emitters):
        completion -= counts.tools  # an older version took them for output
    whole = completion + reasoning
    if reasoning and (whole in stated.own_completions() or counts.excluded & REASONING):
        return whole
    rest = 0 if prompt is None or total is None else total - prompt - completion
    if rest > 0 and (rest == reasoning or any(e.completion_from_total for e in emitters)):
        # what is beyond the thoughts is input of tools
        return completion + (min(rest, reasoning) or rest)
    for emitter in emitters:
        if reasoning and (
            emitter.completion_excludes_reasoning
            or (emitter.total_has_reasoning and rest > reasoning)
        ):
            return whole
        if emitter.completion_repeats_reasoning and reasoning and reasoning < completion:
            return completion - reasoning
        if completion > emitter.stream_output_extra > 0:
            return completion - emitter.stream_output_extra
    return completion
