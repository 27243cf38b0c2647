"""Read the tokens of most calls in one step: plain counts that leave nothing to decide.

These are prompt and completion, perhaps with their total, and with what of them was read from a
cache or spent on reasoning, each under one key, from an emitter that follows its convention.  The
result is that of ``tokens.py``, which reads all others: a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from otel_session_agg._model.span import Usage
from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._untrusted.values import MAX_TOKENS, plain_text
from otel_session_agg.conventions._schema import Meaning, Text

_WHOLES = frozenset((Meaning.PROMPT, Meaning.COMPLETION))
_OTHERS = (Meaning.TOTAL, Meaning.CACHE_READ, Meaning.REASONING)
_COUNTS = _WHOLES.union(_OTHERS)
_new = tuple.__new__  # the named tuple's own ``__new__`` costs twice as much


class PlainCounts(NamedTuple):
    """The keys of one plan's counts."""

    prompt: str
    completion: str
    total: str | None
    read: str | None
    """Read from a cache, part of the prompt."""
    reasoning: str | None
    """Part of the completion."""
    texts: tuple[tuple[str, str], ...]
    """Keys of usage objects that state more only if they contain this."""


def plain_counts(
    entries: Mapping[int, Sequence[KeyMeaning]],
    wholes: Mapping[int, tuple[str, ...]],
    parts: Sequence[tuple[int, tuple[str, ...]]],
) -> PlainCounts | None:
    """Return the keys of a plan's counts, or ``None`` if they may leave something to decide.

    Args:
        entries: Those of the plan that are read in its scope.
        wholes: Keys of prompt, completion and total, if all are of one convention.
        parts: Keys of all other counts.

    """
    keys = {**wholes, **dict(parts)}
    if not _WHOLES.issubset(keys) or not _COUNTS.issuperset(keys) or Meaning.EXCLUSIVE in entries:
        return None
    if any(len(spellings) > 1 for spellings in keys.values()):
        return None
    texts: list[tuple[str, str]] = []
    for entry in entries.get(Meaning.USAGE_TEXT, ()):
        row = entry.row
        # the others are read only where the prompt, the completion or that part is not stated
        if isinstance(row, Text) and not row.sole and not (row.fills and row.unless in keys):
            if not row.fills or not row.hint:
                return None
            texts.append((row.key, row.hint))
    prompt, completion = keys[Meaning.PROMPT][0], keys[Meaning.COMPLETION][0]
    total, read, reasoning = (keys[part][0] if part in keys else None for part in _OTHERS)
    return PlainCounts(prompt, completion, total, read, reasoning, tuple(texts))


def read_plain(  # noqa: C901 -- without calls: most calls are read here
    counts: PlainCounts, attributes: Mapping[str, Any]
) -> Usage | None:
    """Return the usage of a span, or ``None`` if its values leave something to decide."""
    prompt_key, completion_key, total_key, read_key, reasoning_key, texts = counts
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
    read = reasoning = None
    if read_key is not None:
        read = attributes[read_key]
        if type(read) is not int or not 0 <= read <= prompt:
            return None
    if reasoning_key is not None:
        reasoning = attributes[reasoning_key]
        if type(reasoning) is not int or not 0 <= reasoning <= completion:
            return None
    for key, hint in texts:
        if hint in (plain_text(attributes[key]) or ""):
            return None
    return _new(
        Usage,
        (
            prompt, completion, total, read, None, None, reasoning, None, None, None, None, None,
            None, None,
        ),
    )  # fmt: skip
