"""Tokens of one span: from what its attributes say to one ``Usage`` whose input includes the cached part.

Whether an input count includes the cached part is decided by the first of these that applies:

1. the figures prove it: uncached + read + written = input (included), or uncached = input (left out);
2. the provider's own usage object beside them proves it;
3. the figures cannot be otherwise: read + written > input, or total = input + output + read (+ written);
4. the span says so with a flag, or the emitter at that version is known (``Emitter``);
5. otherwise it is included, as the OpenTelemetry and OpenInference conventions demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._model import Kind, Usage
from otel_session_agg._values import MAX_TOKENS, flag
from otel_session_agg.conventions._convention import Emitter, Says
from otel_session_agg.conventions._stated import Stated
from otel_session_agg.conventions._table import Plan

_EMBEDDING = Kind.EMBEDDING  # a global is read twenty times faster than an enum's member


def read_usage(
    plan: Plan, attributes: Mapping[str, Any], scope: str, emitters: tuple[Emitter, ...], kind: Kind
) -> tuple[Usage | None, int, list[str]]:
    """The usage of a span, the number of calls it says it is the sum of, and why values were ignored."""
    if plan.two_keys is not None and kind is not _EMBEDDING:  # prompt and completion and nothing else, as most calls have
        prompt, completion = attributes[plan.two_keys[0]], attributes[plan.two_keys[1]]
        if type(prompt) is type(completion) is int and 0 <= prompt <= MAX_TOKENS and 0 <= completion <= MAX_TOKENS:
            return Usage(prompt, completion, prompt + completion), 0, []
    stated = Stated(plan, attributes)
    if plan.texts:
        stated.read_texts(plan, scope)
    main = stated.chosen()
    prompt, completion, total = main.get(Says.PROMPT), main.get(Says.COMPLETION), main.get(Says.TOTAL)
    if prompt is None and completion is None and total is None:
        return None, 0, stated.reasons
    if not stated.parts and not stated.texts and not emitters and kind is not _EMBEDDING:
        known = (prompt or 0) + (completion or 0)
        return Usage(prompt, completion, known if total is None or total < known else total), 0, stated.reasons
    return _with_parts(plan, stated, emitters, kind), stated.part(Says.NUM_CALLS) or 0, stated.reasons


def _with_parts(plan: Plan, stated: Stated, emitters: tuple[Emitter, ...], kind: Kind) -> Usage:
    main = stated.chosen()
    prompt, completion, total = main.get(Says.PROMPT), main.get(Says.COMPLETION), main.get(Says.TOTAL)
    read, write, write_1h = stated.part(Says.CACHE_READ), _written(stated), stated.part(Says.CACHE_WRITE_1H)
    reasoning = stated.part(Says.REASONING)
    prompt = _prompt(plan, stated, emitters, prompt, completion, total, read or 0, write or 0)
    told, completion = completion, _completion(stated, emitters, prompt, completion, total, reasoning)
    if told is not None and completion is not None and completion < told and total is not None:
        total -= told - completion
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
        stated.part(Says.AUDIO_PROMPT),
        stated.part(Says.AUDIO_COMPLETION),
        stated.part(Says.AUDIO_CACHE_READ),
    )


def _written(stated: Stated) -> int | None:
    write = stated.part(Says.CACHE_WRITE)
    parts = [stated.part(Says.CACHE_WRITE_5M), stated.part(Says.CACHE_WRITE_1H)]
    if not write and any(part is not None for part in parts):  # 0 beside parts: LangChain, against counting twice
        return sum(part or 0 for part in parts)
    return write


def _prompt(  # noqa: PLR0913 -- the figures of one span
    plan: Plan,
    stated: Stated,
    emitters: tuple[Emitter, ...],
    prompt: int | None,
    completion: int | None,
    total: int | None,
    read: int,
    write: int,
) -> int | None:
    """The input with its cached part; the rules stand at the head of the module."""
    if prompt is None:
        return None
    known = prompt + (completion or 0)
    if not read and not write:
        hidden = total is not None and total > known and completion is not None and not stated.part(Says.REASONING)
        return prompt + total - known if hidden and total and any(e.prompt_from_total for e in emitters) else prompt
    excludes = _figures_say(stated, prompt, known, total, read, write)
    if excludes is not False and write and read <= prompt and any(emitter.prompt_excludes_write for emitter in emitters):
        return prompt + write
    if excludes is None:
        excludes = _emitter_says(plan, stated, emitters)
    return prompt + read + write if excludes else prompt


def _figures_say(stated: Stated, prompt: int, known: int, total: int | None, read: int, write: int) -> bool | None:  # noqa: PLR0913
    """Whether the input leaves the cached part out, as far as figures prove it."""
    uncached = stated.part(Says.UNCACHED)
    if uncached is not None and prompt in (uncached + read + write, uncached):
        return prompt == uncached
    raw, proves = stated.raw()
    if raw is not None and (prompt == raw + read + write or (proves and prompt == raw)):
        return prompt == raw
    if read + write > prompt or (total is not None and (total == known + read + write or (read and total == known + read))):
        return True
    return None


def _emitter_says(plan: Plan, stated: Stated, emitters: tuple[Emitter, ...]) -> bool:
    """Whether the input leaves the cached part out, by a flag or by what is known of the emitter."""
    for mark in plan.marks.get(Says.EXCLUSIVE, ()):
        said = flag(stated.attributes[mark.key])
        if said is not None:
            return said
    for emitter in emitters:
        if emitter.prompt_excludes_cache is not None:
            return emitter.prompt_excludes_cache
    return stated.chosen().get(Says.EXCLUSIVE) == 1


def _completion(  # noqa: PLR0913 -- the figures of one span
    stated: Stated,
    emitters: tuple[Emitter, ...],
    prompt: int | None,
    completion: int | None,
    total: int | None,
    reasoning: int | None,
) -> int | None:
    """Output with reasoning, where the emitter is known to leave it out or the figures prove that it did."""
    if completion is None:
        return None
    if reasoning and completion + reasoning in stated.own_completions():
        return completion + reasoning
    if prompt is not None and total is not None and total > prompt + completion:
        if reasoning and total == prompt + completion + reasoning:
            return completion + reasoning
        if any(emitter.completion_from_total for emitter in emitters):
            return total - prompt
    for emitter in emitters:
        if emitter.completion_excludes_reasoning and reasoning:
            return completion + reasoning
        if emitter.completion_repeats_reasoning and reasoning and reasoning < completion:
            return completion - reasoning
        if completion > emitter.stream_output_extra > 0:
            return completion - emitter.stream_output_extra
    return completion
