"""Combine the token counts of one span into one ``Usage``.

Its prompt includes the cached part, its completion the reasoning; ``included_parts.py`` has the
rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._model.span import Kind, Usage
from otel_session_agg._reading.emitters import Effects, mentions
from otel_session_agg._reading.included_parts import collect, whole_completion, whole_prompt
from otel_session_agg._reading.plan import ReadingPlan
from otel_session_agg._reading.spellings import best
from otel_session_agg._reading.stated import OTHER_UNITS, Stated
from otel_session_agg.conventions._schema import Effect, Meaning

_TOTAL_HAS_ALL = ("gemini",)
"""Models whose total is their provider's own sum of prompt, tools' input, answer and thoughts: what
it has beyond the stated parts is thoughts, unless these are stated."""

_BILLED_BY_SEARCH = ("cohere", "rerank-v", "amazon.rerank")
"""Rerankers that bill searches; some emitters write their number as the total of tokens.  Voyage's
and Jina's bill tokens."""

_OUTPUT = frozenset((Meaning.COMPLETION, Meaning.TOTAL))
_THOUGHTS_INCLUDED = frozenset((Effect.COMPLETION_HAS_THOUGHTS, Effect.TOTAL_HAS_REASONING))

FIRST_FIGURE = 8
"""The largest first figure that Anthropic's streams state of their output; recorded: 1 to 8."""

# a global is read twenty times faster than an enum's member
_RETRIEVER, _EMBEDDING = Kind.RETRIEVER, Kind.EMBEDDING


def read_usage(
    plan: ReadingPlan, attributes: Mapping[str, Any], effects: Effects, kind: Kind
) -> tuple[Usage | None, int, list[str]]:
    """Return the usage of a span, how many calls it is the sum of, and why values were ignored.

    The number of calls is 0 where the span does not state it.
    """
    if Effect.REPEATED in effects:
        return None, 0, []
    stated = Stated(plan, attributes)
    if plan.texts:
        stated.read_texts(plan)
        if not stated.main:
            return None, 0, stated.reasons
    main = best(stated, plan)
    if Effect.FIRST_OUTPUT in effects and main.get(Meaning.COMPLETION, 0) <= FIRST_FIGURE:
        main = {key: count for key, count in main.items() if key not in _OUTPUT}
    prompt, completion = main.get(Meaning.PROMPT), main.get(Meaning.COMPLETION)
    total = main.get(Meaning.TOTAL)
    if prompt is None and completion is None and total is None:
        return None, 0, stated.reasons
    known = (prompt or 0) + (completion or 0)
    if kind is _RETRIEVER and not known and mentions(_BILLED_BY_SEARCH, plan.names, attributes):
        return None, 0, [*stated.reasons, OTHER_UNITS]
    has_more = stated.parts or stated.texts or effects or kind is _EMBEDDING
    if not has_more and (total is None or total <= known):
        return Usage(prompt, completion, _total(prompt, completion, total)), 0, stated.reasons
    usage = _with_parts(plan, attributes, stated, main, effects, kind)
    return usage, stated.parts.get(Meaning.NUM_CALLS) or 0, stated.reasons


def _with_parts(  # noqa: PLR0913 -- the counts of one span
    plan: ReadingPlan,
    attributes: Mapping[str, Any],
    stated: Stated,
    main: Mapping[int, int],
    effects: Effects,
    kind: Kind,
) -> Usage:
    parts = stated.parts
    counts = collect(stated, main)
    bare, total = counts.completion, counts.total
    read, write = parts.get(Meaning.CACHE_READ), stated.written()
    write_1h, reasoning = parts.get(Meaning.CACHE_WRITE_1H), parts.get(Meaning.REASONING)
    prompt = whole_prompt(plan, stated, effects, counts, main)
    completion = whole_completion(stated, effects, counts, prompt)
    if bare is not None and completion is not None and completion < bare and total is not None:
        total -= bare - completion
    rest = 0
    if total is not None and not counts.is_explained:
        rest = total - (prompt or 0) - (completion or 0)
    if (
        rest > 0
        and prompt is not None
        and completion is not None
        and Effect.UNSURE_USAGE not in effects  # the rest may be input or output
        and mentions(_TOTAL_HAS_ALL, plan.names, attributes)
    ):
        if reasoning is not None or not _THOUGHTS_INCLUDED.isdisjoint(effects):
            prompt += rest
        else:
            completion += rest
    if reasoning is None and bare is not None and completion is not None and completion > bare:
        reasoning = completion - bare  # what the emitter excluded from the completion
    if kind is _EMBEDDING:
        prompt = total if prompt is None else prompt
        completion = completion or 0
    return Usage(
        prompt,
        completion,
        _total(prompt, completion, total),
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


def _total(prompt: int | None, completion: int | None, stated: int | None) -> int | None:
    """Return the total; without one side it is known only if a total is stated that fits."""
    known = (prompt or 0) + (completion or 0)
    if stated is not None and stated >= known:
        return stated
    return None if prompt is None or completion is None else known


def _cached_audio(parts: Mapping[int, int], read: int | None) -> int | None:
    """Return the audio tokens read from a cache: 0 where all that was read is text."""
    audio = parts.get(Meaning.AUDIO_CACHE_READ)
    if audio is None and read is not None and read == parts.get(Meaning.TEXT_CACHE_READ):
        return 0
    return audio
