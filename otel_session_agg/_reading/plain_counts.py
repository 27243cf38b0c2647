"""Read the tokens of most calls in one step: plain counts that leave nothing to decide.

These are prompt and completion, perhaps with their total and with parts of them, each under one
key.  Their emitter follows its convention, and no usage object beside them states anything else.
The result is that of ``tokens.py``, which reads all others: a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._model.span import Usage
from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._untrusted.values import MAX_TOKENS, plain_text
from otel_session_agg.conventions._schema import Effect, Emitter, Meaning, Text

_WHOLES = frozenset((Meaning.PROMPT, Meaning.COMPLETION))

_ANY, _CACHED, _THOUGHTS = 0, 1, 2
"""Bounds of a part: none, the prompt for all cached parts together, the completion."""

_PARTS: Mapping[int, tuple[int, int]] = {
    meaning: (Usage._fields.index(field), bound)
    for meaning, field, bound in (
        (Meaning.CACHE_READ, "cache_read_tokens", _CACHED),
        (Meaning.CACHE_WRITE, "cache_write_tokens", _CACHED),
        (Meaning.REASONING, "reasoning_tokens", _THOUGHTS),
        (Meaning.AUDIO_PROMPT, "audio_prompt_tokens", _ANY),
        (Meaning.AUDIO_COMPLETION, "audio_completion_tokens", _ANY),
        (Meaning.IMAGE_PROMPT, "image_prompt_tokens", _ANY),
        (Meaning.IMAGE_COMPLETION, "image_completion_tokens", _ANY),
        (Meaning.WEB_SEARCHES, "web_searches", _ANY),
    )
}
"""The position of each part in ``Usage``, and its bound."""

_DECIDING = frozenset(
    (
        Effect.PROMPT_EXCLUDES_CACHE, Effect.PROMPT_EXCLUDES_WRITE,
        Effect.COMPLETION_EXCLUDES_REASONING, Effect.COMPLETION_REPEATS_REASONING,
        Effect.STREAM_OUTPUT_ONE_MORE, Effect.FIRST_OUTPUT, Effect.REPEATED,
    )
)  # fmt: skip
"""Effects that change counts whose total, if it is stated, is their sum."""

_USAGE = "usage"
_COUNT = r'\s*"(?:prompt|completion|total)_tokens"\s*:\s*(?:0|[1-9]\d{0,12})\s*'
_USAGE_OBJECT = re.compile(rf'"usage"\s*:\s*\{{({_COUNT}(?:,{_COUNT}){{1,2}})\}}')
"""A usage object that states no parts, in JSON."""

_NO_OTHERS = (None,) * (len(Usage._fields) - 3)
_new = tuple.__new__  # the named tuple's own ``__new__`` costs twice as much


class PlainCounts(NamedTuple):
    """The keys of one plan's counts."""

    prompt: str
    completion: str
    total: str | None
    parts: tuple[tuple[str, int, int], ...]
    """Keys of parts, with position and bound."""
    texts: tuple[tuple[str, str], ...]
    """Keys of usage objects in text, and what a text contains that states anything else.

    ``_USAGE``: it may be an object with the same counts, too.
    """


def plain_counts(
    entries: Mapping[int, Sequence[KeyMeaning]],
    wholes: Mapping[int, tuple[str, ...]],
    parts: Sequence[tuple[int, tuple[str, ...]]],
    emitters: Iterable[Emitter],
) -> PlainCounts | None:
    """Return the keys of a plan's counts, or ``None`` if they may leave something to decide.

    Args:
        entries: Those of the plan that are read in its scope.
        wholes: Keys of prompt, completion and total, if all are of one convention.
        parts: Keys of all other counts.
        emitters: Rows that may apply to the plan's spans.

    """
    keys = {**wholes, **dict(parts)}
    if not _WHOLES.issubset(keys) or any(len(spellings) > 1 for spellings in keys.values()):
        return None
    if Meaning.EXCLUSIVE in entries or any(meaning not in _PARTS for meaning, _ in parts):
        return None
    if any(not _DECIDING.isdisjoint(row.effects) for row in emitters):
        return None
    texts: list[tuple[str, str]] = []
    for entry in entries.get(Meaning.USAGE_TEXT, ()):
        row = entry.row
        # the others are read only where the prompt, the completion or that part is not stated
        if isinstance(row, Text) and not row.sole and not (row.fills and row.unless in keys):
            hint = row.hint or (_USAGE if row.path == (_USAGE,) and not row.search else "")
            if not row.fills or not hint:
                return None
            texts.append((row.key, hint))
    total = keys[Meaning.TOTAL][0] if Meaning.TOTAL in keys else None
    found = tuple((spellings[0], *_PARTS[meaning]) for meaning, spellings in parts)
    prompt, completion = keys[Meaning.PROMPT][0], keys[Meaning.COMPLETION][0]
    return PlainCounts(prompt, completion, total, found, tuple(texts))


def read_plain(counts: PlainCounts, attributes: Mapping[str, Any]) -> Usage | None:
    """Return the usage of a span, or ``None`` if its values leave something to decide."""
    prompt_key, completion_key, total_key, parts, texts = counts
    prompt, completion = attributes[prompt_key], attributes[completion_key]
    if not type(prompt) is type(completion) is int:
        return None
    total: int = prompt + completion
    if prompt < 0 or completion < 0 or total > MAX_TOKENS:
        return None
    if total_key is not None:
        stated = attributes[total_key]
        if type(stated) is not int or stated != total:
            return None
    for key, hint in texts:
        if _states_more(attributes[key], hint, prompt, completion):
            return None
    if not parts:
        return _new(Usage, (prompt, completion, total, *_NO_OTHERS))
    return _with_parts([prompt, completion, total, *_NO_OTHERS], parts, attributes)


def _with_parts(
    fields: list[int | None], parts: tuple[tuple[str, int, int], ...], attributes: Mapping[str, Any]
) -> Usage | None:
    """Return a usage with its parts, or ``None`` if the counts may exclude them."""
    prompt, completion = fields[0] or 0, fields[1] or 0
    for key, position, bound in parts:
        value = attributes[key]
        if type(value) is not int or not 0 <= value <= MAX_TOKENS:
            return None
        if bound == _CACHED:
            prompt -= value
        elif bound == _THOUGHTS:
            completion -= value
        fields[position] = value
    return None if prompt < 0 or completion < 0 else _new(Usage, fields)


def _states_more(value: object, hint: str, prompt: int, completion: int) -> bool:
    """Return whether a text may state anything but these counts about tokens."""
    raw = plain_text(value)
    if raw is None:
        return hint == _USAGE  # perhaps an object
    if hint not in raw:
        return False
    if hint != _USAGE or raw.count('"usage"') != 1 or "'usage'" in raw:
        return True
    found = _USAGE_OBJECT.match(raw, raw.find('"usage"'))
    if found is None:
        return True
    stated = "".join(found[1].split()) + ","  # parsing it would take four times as long
    same = (
        f'"prompt_tokens":{prompt},' in stated
        and f'"completion_tokens":{completion},' in stated
        and ('"total' not in stated or f'"total_tokens":{prompt + completion},' in stated)
    )
    return not same or stated.count(":") != stated.count('"total') + 2
