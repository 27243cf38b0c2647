"""Collect what the attributes of one span state about tokens, before it is combined.

Counts stand under keys of their own, or in usage objects as text: JSON, Python ``repr`` or
``name=value`` pairs.  What the counts of such an object mean is decided in ``usage_shapes.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._reading.plan import PARTS, ReadingPlan
from otel_session_agg._reading.usage_shapes import SHAPES, Counts
from otel_session_agg._untrusted.values import MAX_TOKENS, count, plain_text
from otel_session_agg.conventions._schema import Meaning, Text

INVALID_COUNT = "invalid_token_count"
"""Reason: a token attribute whose value is no count of tokens."""

OTHER_UNITS = "count_of_other_units"
"""Reason: a count that is not of tokens, such as a reranker's searches."""

UNREADABLE_TEXT = "unreadable_usage_text"
"""Reason: a usage text that could not be parsed, or is too long to be one."""

_MAX_SEARCH_DEPTH = 8

_BRACE = re.compile(r"[{}]")
_PARENTHESIS = re.compile(r"[()]")


def _written_in(text: str, name: str) -> object:
    """Return the first object of that name inside the ``repr`` of an object."""
    places = (text.find(f"{quote}{name}{quote}: {{") for quote in "'\"")
    start = next((at + len(name) + 4 for at in places if at >= 0), 0)
    depth = 0
    for brace in _BRACE.finditer(text, start) if start else ():
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return parsed(text[start : brace.end()])
    return None if start else _called(text, name)


def _called(text: str, name: str) -> object:
    """Return the last object of that name in a ``repr``, as in ``usage=Usage(total_tokens=3)``."""
    start = max((match.end() for match in re.finditer(rf"\b{name}=\w+\(", text)), default=0)
    depth = 1
    for parenthesis in _PARENTHESIS.finditer(text, start) if start else ():
        depth += 1 if parenthesis[0] == "(" else -1
        if depth == 0:
            return parsed(text[start : parenthesis.start()])
    return None


def _found(value: object, name: str, depth: int) -> object:
    """Return the first object of that name, at any depth."""
    if isinstance(value, Mapping):
        if isinstance(value.get(name), Mapping):
            return value[name]
        children: list[object] = list(value.values())
    elif isinstance(value, list):
        children = value
    elif isinstance(value, str):
        return _written_in(value, name) if name in value else None
    else:
        return None
    below = (_found(child, name, depth - 1) for child in children) if depth else ()
    return next((found for found in below if found is not None), None)


def _counts_in(value: object, text: Text) -> Counts | None:
    """Return the counts in a text attribute, or ``None`` if it is no usage object, or too long."""
    raw = plain_text(value)
    if text.hint and (raw is None or text.hint not in raw):
        return None
    found: object = value
    if raw is not None:
        found = parsed(raw) if len(raw) <= MAX_TEXT_CHARS and _may_have(raw, text) else None
    for key in text.path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if text.search:
        found = _found(found, text.search, _MAX_SEARCH_DEPTH)
    if text.within:
        found = {text.within: found}
    if not isinstance(found, Mapping):
        return None
    return SHAPES[text.shape](found) or None


def _may_have(raw: str, text: Text) -> bool:
    """Return whether a text contains the names on the way to its usage; parsing takes longer."""
    for name in text.path:
        if name not in raw:
            return False
    return text.search in raw


_NOTHING: Mapping[int, int] = {}


def _is_blank(value: object) -> bool:
    """Return whether a value is no text, or only white space."""
    raw = plain_text(value)
    return raw is None or not raw or raw.isspace()


def _has_tokens(row: Mapping[int, int]) -> bool:
    return bool(row.get(Meaning.PROMPT) or row.get(Meaning.COMPLETION))


class Stated:
    """What the attributes of one span state about tokens, before it is combined."""

    __slots__ = ("attributes", "main", "parts", "reasons", "texts")

    def __init__(self, plan: ReadingPlan, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes
        self.reasons: list[str] = []
        self.texts: list[tuple[KeyMeaning, Counts]] = []
        self.main: dict[int, dict[int, int]] = {}
        """Prompt, completion and total by convention."""
        for number, rows in plan.families:
            self.main[number] = found = {}
            for meaning, keys in rows:
                value = self._count(keys)
                if value is not None:
                    found[meaning] = value
            # counts under other keys beat zeros
            if found.get(Meaning.PROMPT, 1) == found.get(Meaning.COMPLETION, 1) == 0:
                for meaning, keys in rows:
                    if not found.get(meaning):
                        found[meaning] = max(count(attributes[key]) or 0 for key in keys)
        self.parts: dict[int, int] = {}
        """Parts of prompt or completion, from keys, else from texts."""
        for meaning, keys in plan.parts:
            value = self._count(keys)
            if value is not None:
                self.parts[meaning] = value

    def _count(self, keys: tuple[str, ...]) -> int | None:
        """Return the first valid count among these keys; note why invalid ones are ignored."""
        for key in keys:
            raw = self.attributes[key]
            if type(raw) is int and 0 <= raw <= MAX_TOKENS:
                return raw
            value = count(raw)
            if value is not None:
                return value
            if raw is not None:
                self.reasons.append(INVALID_COUNT)
        return None

    def read_texts(self, plan: ReadingPlan) -> None:
        """Add what usage objects in text state."""
        for sole in (False, True):
            if sole and any(
                Meaning.PROMPT in row or Meaning.COMPLETION in row for row in self.main.values()
            ):
                return
            for entry in plan.texts:
                row = entry.row
                if (
                    isinstance(row, Text)
                    and row.sole is sole
                    and not (row.fills and self.parts.get(row.unless) is not None)
                ):
                    self._read_text(entry, row)

    def _read_text(self, entry: KeyMeaning, row: Text) -> None:
        value = self.attributes[entry.key]
        found = _counts_in(value, row)
        if found is None:
            if not row.sole and not row.fills and not _is_blank(value):
                self.reasons.append(UNREADABLE_TEXT)
            return
        if row.fills and not self._agrees(found):
            return
        self.texts.append((entry, found))
        for meaning, tokens in found.items():
            self.parts.setdefault(meaning, tokens)
        if Meaning.OUTER_PROMPT in found:
            self._take_iterations(found)
        own = self.main.setdefault(entry.convention, {})
        if Meaning.PROMPT not in own and Meaning.COMPLETION not in own:
            for meaning in (Meaning.PROMPT, Meaning.COMPLETION, Meaning.TOTAL, Meaning.EXCLUSIVE):
                if meaning in found:
                    own.setdefault(meaning, found[meaning])

    def _take_iterations(self, found: Counts) -> None:
        """Replace what keys state of a call without the whole of its iterations."""
        prompt = found[Meaning.PROMPT]
        if found.get(Meaning.EXCLUSIVE):
            prompt += found.get(Meaning.CACHE_READ, 0) + found.get(Meaning.CACHE_WRITE, 0)
        outer, outer_completion = found[Meaning.OUTER_PROMPT], found[Meaning.OUTER_COMPLETION]
        inputs = {outer, outer + found[Meaning.OUTER_CACHED]}
        for row in self.main.values():
            is_same = row.get(Meaning.COMPLETION) == outer_completion
            if is_same and row.get(Meaning.PROMPT) in inputs:
                row[Meaning.PROMPT] = prompt
                row[Meaning.COMPLETION] = found[Meaning.COMPLETION]
                row.pop(Meaning.TOTAL, None)
                self.parts.update(
                    {meaning: tokens for meaning, tokens in found.items() if meaning in PARTS}
                )

    def _agrees(self, found: Counts) -> bool:
        """Return whether a text is about the same call as the keys; they may exclude reasoning."""
        stated = self.chosen()
        total = stated.get(Meaning.TOTAL)
        if total is not None and found.get(Meaning.TOTAL, total) != total:
            return False
        completion = found.get(Meaning.COMPLETION)
        if completion is None or Meaning.COMPLETION not in stated:
            return True
        outer = found.get(Meaning.OUTER_COMPLETION, completion)
        answer = completion - found.get(Meaning.REASONING, 0)
        return stated[Meaning.COMPLETION] in (completion, answer, outer)

    def chosen(self) -> Mapping[int, int]:
        """Return the counts of the first convention that has prompt or completion, and a total."""
        rows = [self.main[number] for number in sorted(self.main)]
        total = next((row[Meaning.TOTAL] for row in rows if Meaning.TOTAL in row), None)
        # zeros beside other counts are not what was used
        if len(rows) > 1 and any(map(_has_tokens, rows)):
            rows = [row for row in rows if _has_tokens(row)]
            if not total:
                total = next((row[Meaning.TOTAL] for row in rows if Meaning.TOTAL in row), None)
        for row in rows:
            if Meaning.PROMPT in row or Meaning.COMPLETION in row:
                if total is not None:
                    row.setdefault(Meaning.TOTAL, total)
                return row
        return next((row for row in rows if row), _NOTHING)

    def written(self) -> int | None:
        """Return the tokens written to a cache, of all times to live."""
        write = self.parts.get(Meaning.CACHE_WRITE)
        short = self.parts.get(Meaning.CACHE_WRITE_5M)
        long = self.parts.get(Meaning.CACHE_WRITE_1H)
        # LangChain states 0 beside the parts, so that they are not counted twice
        if not write and (short is not None or long is not None):
            return (short or 0) + (long or 0)
        return write

    def own_completions(self) -> list[int]:
        """Return completions that include reasoning, by usage objects that state both."""
        return [
            found[Meaning.COMPLETION]
            for _, found in self.texts
            if Meaning.REASONING in found and Meaning.COMPLETION in found
        ]

    def own_prompts(self) -> list[int]:
        """Return prompts that include the tools' input, by usage objects that state both."""
        return [
            found[Meaning.PROMPT]
            for _, found in self.texts
            if Meaning.WITH_TOOLS in found and Meaning.PROMPT in found
        ]

    def raw(self) -> tuple[int | None, bool]:
        """Return the prompt of the provider's own usage object, if it excludes the cached part.

        Also return whether this proves that an equal count under a key excludes it, too.
        """
        for entry, found in self.texts:
            if found.get(Meaning.EXCLUSIVE) and Meaning.PROMPT in found:
                proves = isinstance(entry.row, Text) and entry.row.proves
                return found[Meaning.PROMPT], proves
        return None, False
