"""What the attributes of one span state about tokens, before it is put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._reading import usage_text
from otel_session_agg._reading.index import PARTS, Plan, family
from otel_session_agg._reading.marks import Mark
from otel_session_agg._reading.usage_shapes import Found
from otel_session_agg._values import MAX_TOKENS, count, plain_text, text
from otel_session_agg.conventions._schema import Says, Text

INVALID_COUNT = "invalid_token_count"
"""A token attribute whose value is no count of tokens."""

OTHER_UNITS = "count_of_other_units"
"""A count that is not of tokens: a reranker's searches."""

UNREADABLE_TEXT = "unreadable_usage_text"
"""A usage text that could not be parsed, or is too long to be one."""


def _is_blank(value: object) -> bool:
    """Whether a value is no text, or one of blanks only."""
    said = plain_text(value)
    return said is None or not said or said.isspace()


_NOTHING: Mapping[int, int] = {}


def mentions(names: tuple[str, ...], plan: Plan, attributes: Mapping[str, Any]) -> bool:
    """Whether provider or model names contain one of these."""
    for position, keys in plan.names:
        for key in keys if position < _NUM_MODEL_NAMES else ():
            value = text(attributes[key])
            if value is not None and any(name in value.lower() for name in names):
                return True
    return False


_NUM_MODEL_NAMES = 3
"""Of ``Plan.names``: provider, response model, request model."""


def _has_figures(row: Mapping[int, int]) -> bool:
    return bool(row.get(Says.PROMPT) or row.get(Says.COMPLETION))


class Stated:
    """What the attributes of one span state, before it is put together."""

    __slots__ = ("attributes", "main", "parts", "reasons", "texts")

    def __init__(self, plan: Plan, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes
        self.reasons: list[str] = []
        self.texts: list[tuple[Mark, Found]] = []
        self.main: dict[int, dict[int, int]] = {}
        """Prompt, completion and total by convention."""
        for number, rows in plan.families:
            self.main[number] = found = {}
            for says, keys in rows:
                value = self._count(keys)
                if value is not None:
                    found[says] = value
            if found.get(Says.PROMPT, 1) == found.get(Says.COMPLETION, 1) == 0:  # figures by other names beat zeros
                found.update(
                    {says: max(count(attributes[key]) or 0 for key in keys) for says, keys in rows if not found.get(says)}
                )
        self.parts: dict[int, int] = {}
        """Parts of prompt or completion, from keys or else from texts."""
        for says, keys in plan.parts:
            value = self._count(keys)
            if value is not None:
                self.parts[says] = value

    def _count(self, keys: tuple[str, ...]) -> int | None:
        """The first valid count among these keys."""
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

    def read_texts(self, plan: Plan, scope: str) -> None:
        """What usage objects in text state."""
        for sole in (False, True):
            if sole and any(Says.PROMPT in found or Says.COMPLETION in found for found in self.main.values()):
                return
            for mark in plan.texts:
                row = mark.extra
                if (
                    isinstance(row, Text)
                    and row.sole is sole
                    and (not row.scopes or scope.startswith(row.scopes))
                    and not (row.fills and self.parts.get(row.unless) is not None)
                ):
                    self._read_text(mark, row)

    def _read_text(self, mark: Mark, row: Text) -> None:
        value = self.attributes[mark.key]
        found = usage_text.read(value, row)
        if found is None:
            if not row.sole and not row.fills and not _is_blank(value):
                self.reasons.append(UNREADABLE_TEXT)
            return
        if row.fills and not self._agrees(found):
            return
        self.texts.append((mark, found))
        for says, tokens in found.items():
            self.parts.setdefault(says, tokens)
        if Says.OUTER_PROMPT in found:
            self._take_iterations(found)
        own = self.main.setdefault(family(mark.precedence), {})
        if Says.PROMPT not in own and Says.COMPLETION not in own:
            for says in (Says.PROMPT, Says.COMPLETION, Says.TOTAL, Says.EXCLUSIVE):
                if says in found:
                    own.setdefault(says, found[says])

    def _take_iterations(self, found: Found) -> None:
        """Replace what keys state of a call without all of its iterations."""
        cached = found.get(Says.CACHE_READ, 0) + found.get(Says.CACHE_WRITE, 0)
        inputs = {found[Says.OUTER_PROMPT], found[Says.OUTER_PROMPT] + found[Says.OUTER_CACHED]}
        for row in self.main.values():
            if row.get(Says.COMPLETION) == found[Says.OUTER_COMPLETION] and row.get(Says.PROMPT) in inputs:
                row.update({Says.PROMPT: found[Says.PROMPT] + (cached if found.get(Says.EXCLUSIVE) else 0)})
                row[Says.COMPLETION] = found[Says.COMPLETION]
                row.pop(Says.TOTAL, None)
                self.parts.update({says: tokens for says, tokens in found.items() if says in PARTS})

    def _agrees(self, found: Found) -> bool:
        """Whether a text speaks of the same call as the keys do, which may leave the reasoning out."""
        stated = self.chosen()
        if Says.TOTAL in stated and Says.TOTAL in found and stated[Says.TOTAL] != found[Says.TOTAL]:
            return False
        completion = found.get(Says.COMPLETION)
        if completion is None or Says.COMPLETION not in stated:
            return True
        outer = found.get(Says.OUTER_COMPLETION, completion)
        return stated[Says.COMPLETION] in (completion, completion - found.get(Says.REASONING, 0), outer)

    def chosen(self) -> Mapping[int, int]:
        """Prompt, completion and total of the first convention that has either of the first two."""
        rows = [self.main[number] for number in sorted(self.main)]
        total = next((row[Says.TOTAL] for row in rows if Says.TOTAL in row), None)
        if len(rows) > 1 and any(map(_has_figures, rows)):  # zeros beside figures are not what was used
            rows = [row for row in rows if _has_figures(row)]
            total = total or next((row[Says.TOTAL] for row in rows if Says.TOTAL in row), None)
        for row in rows:
            if Says.PROMPT in row or Says.COMPLETION in row:
                if total is not None:
                    row.setdefault(Says.TOTAL, total)
                return row
        return next((row for row in rows if row), _NOTHING)

    def written(self) -> int | None:
        """What was written to a cache, of whatever time to live."""
        parts = self.parts
        write, short, long = parts.get(Says.CACHE_WRITE), parts.get(Says.CACHE_WRITE_5M), parts.get(Says.CACHE_WRITE_1H)
        if not write and (short is not None or long is not None):  # 0 beside parts: LangChain, against counting twice
            return (short or 0) + (long or 0)
        return write

    def own_completions(self) -> list[int]:
        """Outputs with reasoning, by usage objects that state the reasoning themselves."""
        return [found[Says.COMPLETION] for _, found in self.texts if Says.REASONING in found and Says.COMPLETION in found]

    def own_prompts(self) -> list[int]:
        """Inputs with those of the provider's tools, by usage objects that state the latter themselves."""
        return [found[Says.PROMPT] for _, found in self.texts if Says.WITH_TOOLS in found and Says.PROMPT in found]

    def raw(self) -> tuple[int | None, bool]:
        """Input count of the provider's own usage object, if one that leaves the cached part out is there.

        Also whether an equal count elsewhere is proved to leave it out too.
        """
        for mark, found in self.texts:
            if found.get(Says.EXCLUSIVE) and Says.PROMPT in found:
                return found[Says.PROMPT], isinstance(mark.extra, Text) and mark.extra.proves
        return None, False
