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
from otel_session_agg._values import count, flag
from otel_session_agg.conventions import _usage_text
from otel_session_agg.conventions._convention import Emitter, Says, Text
from otel_session_agg.conventions._table import Mark, Plan, family

_FIGURES = (
    Says.CACHE_READ, Says.CACHE_WRITE, Says.CACHE_WRITE_5M, Says.CACHE_WRITE_1H, Says.REASONING, Says.AUDIO_PROMPT,
    Says.AUDIO_COMPLETION, Says.AUDIO_CACHE_READ, Says.UNCACHED,
)  # fmt: skip
_ANY = frozenset((Says.PROMPT, Says.COMPLETION, Says.TOTAL, Says.USAGE_TEXT, *_FIGURES))

INVALID_COUNT = "invalid_token_count"
"""A token attribute whose value is no count of tokens."""

UNREADABLE_TEXT = "unreadable_usage_text"
"""A usage text that could not be parsed, or is too long to be one."""

_NOTHING: Mapping[Says, int] = {}


class _Stated:
    """What the attributes of one span state, before it is put together."""

    __slots__ = ("attributes", "figures", "main", "reasons", "texts")

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes
        self.reasons: list[str] = []
        self.texts: list[tuple[Mark, _usage_text.Found]] = []
        self.main: dict[int, dict[Says, int]] = {}
        """Prompt, completion and total by convention."""
        self.figures: dict[Says, int] = {}

    def read_keys(self, plan: Plan) -> None:
        for says in (Says.PROMPT, Says.COMPLETION, Says.TOTAL):
            for mark in plan.get(says, ()):
                value = count(self.attributes[mark.key])
                if value is not None:
                    self.main.setdefault(family(mark.precedence), {}).setdefault(says, value)
                elif self.attributes[mark.key] is not None:
                    self.reasons.append(INVALID_COUNT)
        for says in _FIGURES:
            for mark in plan.get(says, ()):
                value = count(self.attributes[mark.key])
                if value is not None:
                    self.figures[says] = value
                    break

    def read_texts(self, plan: Plan, scope: str) -> None:
        for sole in (False, True):
            if sole and self._has_main():
                return
            for mark in plan.get(Says.USAGE_TEXT, ()):
                text = mark.extra
                if isinstance(text, Text) and text.sole is sole and (not text.scopes or scope.startswith(text.scopes)):
                    self._read_text(mark, text)

    def _has_main(self) -> bool:
        return any(Says.PROMPT in found or Says.COMPLETION in found for found in self.main.values())

    def _read_text(self, mark: Mark, text: Text) -> None:
        value = self.attributes[mark.key]
        found = _usage_text.read(value, text)
        if found is None:
            if not text.sole and isinstance(value, str) and value.strip():
                self.reasons.append(UNREADABLE_TEXT)
            return
        self.texts.append((mark, found))
        own = self.main.setdefault(family(mark.precedence), {})
        if Says.PROMPT not in own and Says.COMPLETION not in own:
            for says in (Says.PROMPT, Says.COMPLETION, Says.TOTAL, Says.EXCLUSIVE):
                if says in found:
                    own.setdefault(says, found[says])

    def chosen(self) -> Mapping[Says, int]:
        """Prompt, completion and total of the first convention that has either of the first two."""
        for key in sorted(self.main):
            found = self.main[key]
            if Says.PROMPT in found or Says.COMPLETION in found:
                if Says.TOTAL not in found:
                    other = next((row[Says.TOTAL] for _, row in sorted(self.main.items()) if Says.TOTAL in row), None)
                    if other is not None:
                        found[Says.TOTAL] = other
                return found
        return next((self.main[key] for key in sorted(self.main) if self.main[key]), _NOTHING)

    def detail(self, says: Says) -> int | None:
        """A part of prompt or completion, from keys or else from texts."""
        value = self.figures.get(says)
        if value is None:
            value = next((found[says] for _, found in self.texts if says in found), None)
        return value

    def raw(self) -> tuple[int | None, bool]:
        """Input count of the provider's own usage object, if one that leaves the cached part out is there.

        Also whether an equal count elsewhere is proved to leave it out too.
        """
        for mark, found in self.texts:
            if found.get(Says.EXCLUSIVE) and Says.PROMPT in found:
                return found[Says.PROMPT], isinstance(mark.extra, Text) and mark.extra.proves
        return None, False


def read_usage(
    plan: Plan, attributes: Mapping[str, Any], scope: str, emitters: tuple[Emitter, ...], kind: Kind
) -> tuple[Usage | None, int, list[str]]:
    """The usage of a span, the number of calls it says it is the sum of, and why values were ignored."""
    if _ANY.isdisjoint(plan) or any(emitter.ignore_usage for emitter in emitters):
        return None, 0, []
    stated = _Stated(attributes)
    stated.read_keys(plan)
    if Says.USAGE_TEXT in plan:
        stated.read_texts(plan, scope)
    main = stated.chosen()
    prompt, completion, total = main.get(Says.PROMPT), main.get(Says.COMPLETION), main.get(Says.TOTAL)
    if prompt is None and completion is None and total is None:
        return None, 0, stated.reasons
    read, write, write_1h = stated.detail(Says.CACHE_READ), _written(stated), stated.detail(Says.CACHE_WRITE_1H)
    cached = (read or 0) + (write or 0)
    if cached and prompt is not None and _excludes(plan, stated, emitters, prompt, completion, total, cached):
        prompt += cached
    completion = _completion(emitters, prompt, completion, total, stated.detail(Says.REASONING))
    if kind is Kind.EMBEDDING:
        prompt = total if prompt is None else prompt
        completion = completion or 0
    known = (prompt or 0) + (completion or 0)
    usage = Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=known if total is None or total < known else total,
        cache_read_tokens=read,
        cache_write_tokens=write,
        cache_write_1h_tokens=write_1h if write is not None and write_1h is not None and write_1h <= write else None,
        reasoning_tokens=stated.detail(Says.REASONING),
        audio_prompt_tokens=stated.detail(Says.AUDIO_PROMPT),
        audio_completion_tokens=stated.detail(Says.AUDIO_COMPLETION),
        audio_cache_read_tokens=stated.detail(Says.AUDIO_CACHE_READ),
    )
    return usage, stated.detail(Says.NUM_CALLS) or 0, stated.reasons


def _written(stated: _Stated) -> int | None:
    write = stated.detail(Says.CACHE_WRITE)
    parts = [stated.detail(Says.CACHE_WRITE_5M), stated.detail(Says.CACHE_WRITE_1H)]
    if write is None and any(part is not None for part in parts):
        return sum(part or 0 for part in parts)
    return write


def _excludes(  # noqa: PLR0913 -- the figures of one span
    plan: Plan,
    stated: _Stated,
    emitters: tuple[Emitter, ...],
    prompt: int,
    completion: int | None,
    total: int | None,
    cached: int,
) -> bool:
    """Whether the input count leaves the cached part out; the rules stand at the head of the module."""
    uncached = stated.detail(Says.UNCACHED)
    if uncached is not None and prompt in (uncached + cached, uncached):
        return prompt == uncached
    raw, proves = stated.raw()
    if raw is not None and (prompt == raw + cached or (proves and prompt == raw)):
        return prompt == raw
    if cached > prompt:
        return True
    read = stated.detail(Says.CACHE_READ) or 0
    if total is not None and read and total in (prompt + (completion or 0) + read, prompt + (completion or 0) + cached):
        return True
    if total is not None and cached and total == prompt + (completion or 0) + cached:
        return True
    for mark in plan.get(Says.EXCLUSIVE, ()):
        said = flag(stated.attributes[mark.key])
        if said is not None:
            return said
    for emitter in emitters:
        if emitter.prompt_excludes_cache is not None:
            return emitter.prompt_excludes_cache
    return stated.chosen().get(Says.EXCLUSIVE) == 1


def _completion(
    emitters: tuple[Emitter, ...],
    prompt: int | None,
    completion: int | None,
    total: int | None,
    reasoning: int | None,
) -> int | None:
    """Output with reasoning, where the emitter is known to leave it out or the figures prove that it did."""
    if completion is None:
        return None
    if prompt is not None and total is not None and total > prompt + completion:
        if reasoning and total == prompt + completion + reasoning:
            return completion + reasoning
        if any(emitter.completion_from_total for emitter in emitters):
            return total - prompt
    for emitter in emitters:
        if emitter.completion_excludes_reasoning and reasoning:
            return completion + reasoning
        if emitter.stream_output_extra and completion > emitter.stream_output_extra:
            return completion - emitter.stream_output_extra
    return completion
