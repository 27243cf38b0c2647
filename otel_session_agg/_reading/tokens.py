"""Tokens of one span: from what its attributes say to one ``Usage`` whose input includes the cached part.

Whether an input count includes the cached part is decided by the first of these that applies:

1. the figures prove it: uncached + read + written = input (included), or uncached = input (left out);
2. the provider's own usage object beside them proves it;
3. the figures cannot be otherwise: read + written > input, or the total is input + output + read (+ written);
4. the span says so with a flag, or the emitter at that version is known (``Emitter``);
5. otherwise it is included, as the OpenTelemetry and OpenInference conventions demand.

The same holds for reasoning and output, and for the input of the provider's own tools, which is otherwise left out: only Gemini
states it, beside the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from otel_session_agg._model.span import Kind, Usage
from otel_session_agg._reading.index import ReadingPlan
from otel_session_agg._reading.proofs import CACHE, REASONING, TOOLS, explained, too_large
from otel_session_agg._reading.spellings import best
from otel_session_agg._reading.stated import OTHER_UNITS, Stated, mentions
from otel_session_agg._values import MAX_TOKENS, flag
from otel_session_agg.conventions._schema import Emitter, Meaning

_TOTAL_HAS_ALL = ("gemini",)
"""Models whose total is their provider's own sum of prompt, tools' input, answer and thoughts: what it has beyond the stated parts
is thoughts, unless these are stated."""

_BILLED_BY_SEARCH = ("cohere", "rerank-v", "amazon.rerank")
"""Rerankers that bill searches; of these some emitters write the number as the total of tokens.  Voyage's and Jina's bill tokens."""

_RETRIEVER = Kind.RETRIEVER
_EMBEDDING = Kind.EMBEDDING  # a global is read twenty times faster than an enum's member


def read_usage(
    plan: ReadingPlan,
    attributes: Mapping[str, Any],
    scope: str,
    emitters: tuple[Emitter, ...],
    kind: Kind,
) -> tuple[Usage | None, int, list[str]]:
    """The usage of a span, the number of calls it says it is the sum of, and why values were ignored."""
    if (
        plan.two_keys is not None and kind is not _EMBEDDING
    ):  # prompt and completion and nothing else, as most calls have
        prompt, completion = attributes[plan.two_keys[0]], attributes[plan.two_keys[1]]
        if (
            type(prompt) is type(completion) is int
            and 0 <= prompt <= MAX_TOKENS
            and 0 <= completion <= MAX_TOKENS
        ):
            return Usage(prompt, completion, prompt + completion), 0, []
    stated = Stated(plan, attributes)
    if plan.texts:
        stated.read_texts(plan, scope)
    main = best(stated, plan)
    prompt, completion, total = (
        main.get(Meaning.PROMPT),
        main.get(Meaning.COMPLETION),
        main.get(Meaning.TOTAL),
    )
    if prompt is None and completion is None and total is None:
        return None, 0, stated.reasons
    if (
        kind is _RETRIEVER
        and not prompt
        and not completion
        and mentions(_BILLED_BY_SEARCH, plan, attributes)
    ):
        return None, 0, [*stated.reasons, OTHER_UNITS]
    known = (prompt or 0) + (completion or 0)
    if (
        not stated.parts
        and not stated.texts
        and not emitters
        and kind is not _EMBEDDING
        and (total is None or total <= known)
    ):
        return Usage(prompt, completion, known), 0, stated.reasons
    return (
        _with_parts(plan, attributes, stated, main, emitters, kind),
        stated.parts.get(Meaning.NUM_CALLS) or 0,
        stated.reasons,
    )


class _Figures(NamedTuple):
    """Counts of one call as they are stated; parts that are not stated are 0."""

    prompt: int | None
    completion: int | None
    total: int | None
    read: int
    write: int
    reasoning: int
    tools: int
    left_out: int
    """The parts that prompt or completion are proved to leave out, as in ``_proofs``."""
    is_explained: bool
    """The total is the sum of prompt, completion and what they leave out."""


def _figures(stated: Stated, main: Mapping[int, int]) -> _Figures:
    prompt, completion, total = (
        main.get(Meaning.PROMPT),
        main.get(Meaning.COMPLETION),
        main.get(Meaning.TOTAL),
    )
    parts = stated.parts
    read, write = parts.get(Meaning.CACHE_READ) or 0, stated.written() or 0
    reasoning, tools = parts.get(Meaning.REASONING) or 0, parts.get(Meaning.TOOL_PROMPT) or 0
    left_out, is_explained = 0, False
    if prompt is not None:
        if (
            read + write > prompt
            or tools > prompt
            or (completion is not None and reasoning > completion)
        ):
            left_out = too_large(prompt, completion, read + write, reasoning, tools)
        if total is not None and completion is not None:
            gap = total - prompt - completion
            found = (
                explained(gap, (read + write, read), reasoning, tools, left_out)
                if gap > 0
                else None
            )
            left_out, is_explained = (left_out, not gap) if found is None else (found, True)
    elif completion is not None and reasoning > completion:
        left_out = REASONING
    return _Figures(
        prompt, completion, total, read, write, reasoning, tools, left_out, is_explained
    )


def _with_parts(  # noqa: PLR0913 -- the figures of one span
    plan: ReadingPlan,
    attributes: Mapping[str, Any],
    stated: Stated,
    main: Mapping[int, int],
    emitters: tuple[Emitter, ...],
    kind: Kind,
) -> Usage:
    parts = stated.parts
    stated_figures = _figures(stated, main)
    told, total = stated_figures.completion, stated_figures.total
    read, write, write_1h = (
        parts.get(Meaning.CACHE_READ),
        stated.written(),
        parts.get(Meaning.CACHE_WRITE_1H),
    )
    reasoning = parts.get(Meaning.REASONING)
    prompt = _prompt(plan, stated, emitters, stated_figures, main)
    completion = _completion(stated, emitters, stated_figures, prompt)
    if told is not None and completion is not None and completion < told and total is not None:
        total -= told - completion
    rest = (
        0
        if total is None or stated_figures.is_explained
        else total - (prompt or 0) - (completion or 0)
    )
    if (
        rest > 0
        and prompt is not None
        and completion is not None
        and mentions(_TOTAL_HAS_ALL, plan, attributes)
    ):
        are_tools = reasoning is not None or any(
            e.completion_has_thoughts or e.total_has_reasoning for e in emitters
        )
        prompt, completion = (
            (prompt + rest, completion) if are_tools else (prompt, completion + rest)
        )
    if reasoning is None and told is not None and completion is not None and completion > told:
        reasoning = completion - told  # what the emitter left out of the completion
    if kind is _EMBEDDING:
        prompt = total if prompt is None else prompt
        completion = completion or 0
    known = (prompt or 0) + (completion or 0)
    return Usage(
        prompt,
        completion,
        known if total is None or total < known else total,
        read,
        write,
        write_1h if write is not None and write_1h is not None and write_1h <= write else None,
        reasoning,
        parts.get(Meaning.AUDIO_PROMPT),
        parts.get(Meaning.AUDIO_COMPLETION),
        _cached_audio(parts, read),
        parts.get(Meaning.IMAGE_PROMPT),
        parts.get(Meaning.IMAGE_COMPLETION),
        parts.get(Meaning.WEB_SEARCHES),
        parts.get(Meaning.OTHER_MODEL),
    )


def _cached_audio(parts: Mapping[int, int], read: int | None) -> int | None:
    """Audio read from a cache: none where all that was read is text."""
    audio = parts.get(Meaning.AUDIO_CACHE_READ)
    return (
        0
        if audio is None and read is not None and read == parts.get(Meaning.TEXT_CACHE_READ)
        else audio
    )


def _prompt(
    plan: ReadingPlan,
    stated: Stated,
    emitters: tuple[Emitter, ...],
    figures: _Figures,
    main: Mapping[int, int],
) -> int | None:
    """The input with its cached part and that of tools; the rules stand at the head of the module."""
    prompt, read, write = figures.prompt, figures.read, figures.write
    if prompt is None:
        return None
    whole = (
        prompt + figures.tools if _leaves_tools_out(stated, emitters, figures, prompt) else prompt
    )
    if not read and not write:
        hidden = (figures.total or 0) - whole - (figures.completion or 0)
        is_hidden = hidden > 0 and figures.completion is not None and not figures.reasoning
        return whole + hidden if is_hidden and any(e.prompt_from_total for e in emitters) else whole
    excludes = _figures_say(stated, figures, prompt)
    if (
        excludes is not False
        and write
        and read <= prompt
        and any(emitter.prompt_excludes_write for emitter in emitters)
    ):
        return whole + write
    if excludes is None:
        excludes = _emitter_says(plan, stated, emitters, main)
    return whole + read + write if excludes else whole


def _leaves_tools_out(
    stated: Stated, emitters: tuple[Emitter, ...], figures: _Figures, prompt: int
) -> bool:
    """Whether the input leaves out that of the provider's tools, as Gemini's prompt count does."""
    own = stated.own_prompts() if figures.tools else ()
    if not figures.tools or prompt in own:
        return False
    if prompt + figures.tools in own or figures.left_out & TOOLS:
        return True
    return not figures.is_explained and not any(
        emitter.prompt_includes_tools for emitter in emitters
    )


def _figures_say(stated: Stated, figures: _Figures, prompt: int) -> bool | None:
    """Whether the input leaves the cached part out, as far as figures prove it."""
    cached = figures.read + figures.write
    uncached = stated.parts.get(Meaning.UNCACHED)
    if uncached is not None and prompt in {uncached + cached, uncached}:
        return prompt == uncached
    raw, proves = stated.raw()
    if raw is not None and (prompt == raw + cached or (proves and prompt == raw)):
        return prompt == raw
    return True if figures.left_out & CACHE else None


def _emitter_says(
    plan: ReadingPlan, stated: Stated, emitters: tuple[Emitter, ...], main: Mapping[int, int]
) -> bool:
    """Whether the input leaves the cached part out, by a flag or by what is known of the emitter."""
    for meaning in plan.marks.get(Meaning.EXCLUSIVE, ()):
        said = flag(stated.attributes[meaning.key])
        if said is not None:
            return said
    for emitter in emitters:
        if emitter.prompt_excludes_cache is not None:
            return emitter.prompt_excludes_cache
    return main.get(Meaning.EXCLUSIVE) == 1


def _completion(
    stated: Stated, emitters: tuple[Emitter, ...], figures: _Figures, prompt: int | None
) -> int | None:
    """Output with reasoning, where figures prove that the emitter left it out or that is known of it."""
    completion, total, reasoning = figures.completion, figures.total, figures.reasoning
    if completion is None:
        return None
    if (
        figures.left_out & TOOLS
        and figures.tools <= completion
        and any(emitter.prompt_includes_tools for emitter in emitters)
    ):
        completion -= figures.tools  # an older version took them for output
    if reasoning and (
        completion + reasoning in stated.own_completions() or figures.left_out & REASONING
    ):
        return completion + reasoning
    rest = 0 if prompt is None or total is None else total - prompt - completion
    if rest > 0 and (
        rest == reasoning or any(emitter.completion_from_total for emitter in emitters)
    ):
        return completion + (
            min(rest, reasoning) or rest
        )  # what is beyond the thoughts is input of tools
    for emitter in emitters:
        if reasoning and (
            emitter.completion_excludes_reasoning
            or (emitter.total_has_reasoning and rest > reasoning)
        ):
            return completion + reasoning
        if emitter.completion_repeats_reasoning and reasoning and reasoning < completion:
            return completion - reasoning
        if completion > emitter.stream_output_extra > 0:
            return completion - emitter.stream_output_extra
    return completion
