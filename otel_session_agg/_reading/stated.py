"""What the attributes of one span state about tokens, before it is put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._reading import usage_text
from otel_session_agg._reading.index import PARTS, ReadingPlan, family
from otel_session_agg._reading.marks import KeyMeaning
from otel_session_agg._reading.usage_shapes import Found
from otel_session_agg._values import MAX_TOKENS, count, plain_text, text
from otel_session_agg.conventions._schema import Meaning, Text

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


def mentions(names: tuple[str, ...], plan: ReadingPlan, attributes: Mapping[str, Any]) -> bool:
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
    return bool(row.get(Meaning.PROMPT) or row.get(Meaning.COMPLETION))


class Stated:
    """What the attributes of one span state, before it is put together."""

    __slots__ = ("attributes", "main", "parts", "reasons", "texts")

    def __init__(self, plan: ReadingPlan, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes
        self.reasons: list[str] = []
        self.texts: list[tuple[KeyMeaning, Found]] = []
        self.main: dict[int, dict[int, int]] = {}
        """Prompt, completion and total by convention."""
        for number, rows in plan.families:
            self.main[number] = found = {}
            for says, keys in rows:
                value = self._count(keys)
                if value is not None:
                    found[says] = value
            if (
                found.get(Meaning.PROMPT, 1) == found.get(Meaning.COMPLETION, 1) == 0
            ):  # figures by other names beat zeros
                found.update(
                    {
                        says: max(count(attributes[key]) or 0 for key in keys)
                        for says, keys in rows
                        if not found.get(says)
                    }
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

    def read_texts(self, plan: ReadingPlan, scope: str) -> None:
        """What usage objects in text state."""
        for sole in (False, True):
            if sole and any(
                Meaning.PROMPT in found or Meaning.COMPLETION in found
                for found in self.main.values()
            ):
                return
            for meaning in plan.texts:
                row = meaning.extra
                if (
                    isinstance(row, Text)
                    and row.sole is sole
                    and (not row.scopes or scope.startswith(row.scopes))
                    and not (row.fills and self.parts.get(row.unless) is not None)
                ):
                    self._read_text(meaning, row)

    def _read_text(self, meaning: KeyMeaning, row: Text) -> None:
        value = self.attributes[meaning.key]
        found = usage_text.read(value, row)
        if found is None:
            if not row.sole and not row.fills and not _is_blank(value):
                self.reasons.append(UNREADABLE_TEXT)
            return
        if row.fills and not self._agrees(found):
            return
        self.texts.append((meaning, found))
        for says, tokens in found.items():
            self.parts.setdefault(says, tokens)
        if Meaning.OUTER_PROMPT in found:
            self._take_iterations(found)
        own = self.main.setdefault(family(meaning.precedence), {})
        if Meaning.PROMPT not in own and Meaning.COMPLETION not in own:
            for says in (Meaning.PROMPT, Meaning.COMPLETION, Meaning.TOTAL, Meaning.EXCLUSIVE):
                if says in found:
                    own.setdefault(says, found[says])

    def _take_iterations(self, found: Found) -> None:
        """Replace what keys state of a call without all of its iterations."""
        cached = found.get(Meaning.CACHE_READ, 0) + found.get(Meaning.CACHE_WRITE, 0)
        inputs = {
            found[Meaning.OUTER_PROMPT],
            found[Meaning.OUTER_PROMPT] + found[Meaning.OUTER_CACHED],
        }
        for row in self.main.values():
            if (
                row.get(Meaning.COMPLETION) == found[Meaning.OUTER_COMPLETION]
                and row.get(Meaning.PROMPT) in inputs
            ):
                row.update(
                    {
                        Meaning.PROMPT: found[Meaning.PROMPT]
                        + (cached if found.get(Meaning.EXCLUSIVE) else 0)
                    }
                )
                row[Meaning.COMPLETION] = found[Meaning.COMPLETION]
                row.pop(Meaning.TOTAL, None)
                self.parts.update({says: tokens for says, tokens in found.items() if says in PARTS})

    def _agrees(self, found: Found) -> bool:
        """Whether a text speaks of the same call as the keys do, which may leave the reasoning out."""
        stated = self.chosen()
        if (
            Meaning.TOTAL in stated
            and Meaning.TOTAL in found
            and stated[Meaning.TOTAL] != found[Meaning.TOTAL]
        ):
            return False
        completion = found.get(Meaning.COMPLETION)
        if completion is None or Meaning.COMPLETION not in stated:
            return True
        outer = found.get(Meaning.OUTER_COMPLETION, completion)
        return stated[Meaning.COMPLETION] in (
            completion,
            completion - found.get(Meaning.REASONING, 0),
            outer,
        )

    def chosen(self) -> Mapping[int, int]:
        """Prompt, completion and total of the first convention that has either of the first two."""
        rows = [self.main[number] for number in sorted(self.main)]
        total = next((row[Meaning.TOTAL] for row in rows if Meaning.TOTAL in row), None)
        if len(rows) > 1 and any(
            map(_has_figures, rows)
        ):  # zeros beside figures are not what was used
            rows = [row for row in rows if _has_figures(row)]
            total = total or next(
                (row[Meaning.TOTAL] for row in rows if Meaning.TOTAL in row), None
            )
        for row in rows:
            if Meaning.PROMPT in row or Meaning.COMPLETION in row:
                if total is not None:
                    row.setdefault(Meaning.TOTAL, total)
                return row
        return next((row for row in rows if row), _NOTHING)

    def written(self) -> int | None:
        """What was written to a cache, of whatever time to live."""
        parts = self.parts
        write, short, long = (
            parts.get(Meaning.CACHE_WRITE),
            parts.get(Meaning.CACHE_WRITE_5M),
            parts.get(Meaning.CACHE_WRITE_1H),
        )
        if not write and (
            short is not None or long is not None
        ):  # 0 beside parts: LangChain, against counting twice
            return (short or 0) + (long or 0)
        return write

    def own_completions(self) -> list[int]:
        """Outputs with reasoning, by usage objects that state the reasoning themselves."""
        return [
            found[Meaning.COMPLETION]
            for _, found in self.texts
            if Meaning.REASONING in found and Meaning.COMPLETION in found
        ]

    def own_prompts(self) -> list[int]:
        """Inputs with those of the provider's tools, by usage objects that state the latter themselves."""
        return [
            found[Meaning.PROMPT]
            for _, found in self.texts
            if Meaning.WITH_TOOLS in found and Meaning.PROMPT in found
        ]

    def raw(self) -> tuple[int | None, bool]:
        """Input count of the provider's own usage object, if one that leaves the cached part out is there.

        Also whether an equal count elsewhere is proved to leave it out too.
        """
        for meaning, found in self.texts:
            if found.get(Meaning.EXCLUSIVE) and Meaning.PROMPT in found:
                return found[Meaning.PROMPT], isinstance(
                    meaning.extra, Text
                ) and meaning.extra.proves
        return None, False
