"""What the attributes of one span state about tokens, before it is put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._values import MAX_TOKENS, count
from otel_session_agg.conventions import _usage_text
from otel_session_agg.conventions._convention import Says, Text
from otel_session_agg.conventions._table import Mark, Plan, family

INVALID_COUNT = "invalid_token_count"
"""A token attribute whose value is no count of tokens."""

UNREADABLE_TEXT = "unreadable_usage_text"
"""A usage text that could not be parsed, or is too long to be one."""

_NOTHING: Mapping[int, int] = {}


class Stated:
    """What the attributes of one span state, before it is put together."""

    __slots__ = ("attributes", "main", "parts", "reasons", "texts")

    def __init__(self, plan: Plan, attributes: Mapping[str, Any]) -> None:
        self.attributes = attributes
        self.reasons: list[str] = []
        self.texts: list[tuple[Mark, _usage_text.Found]] = []
        self.main: dict[int, dict[int, int]] = {}
        """Prompt, completion and total by convention."""
        for number, rows in plan.families:
            self.main[number] = found = {}
            for says, keys in rows:
                value = self._count(keys)
                if value is not None:
                    found[says] = value
        self.parts: dict[int, int] = {}
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
                text = mark.extra
                if (
                    isinstance(text, Text)
                    and text.sole is sole
                    and (not text.scopes or scope.startswith(text.scopes))
                    and not (text.fills and self.part(text.unless) is not None)
                ):
                    self._read_text(mark, text)

    def _read_text(self, mark: Mark, text: Text) -> None:
        value = self.attributes[mark.key]
        found = _usage_text.read(value, text)
        if found is None:
            if not text.sole and not text.fills and isinstance(value, str) and value.strip():
                self.reasons.append(UNREADABLE_TEXT)
            return
        if text.fills and not self._agrees(found):
            return
        self.texts.append((mark, found))
        own = self.main.setdefault(family(mark.precedence), {})
        if Says.PROMPT not in own and Says.COMPLETION not in own:
            for says in (Says.PROMPT, Says.COMPLETION, Says.TOTAL, Says.EXCLUSIVE):
                if says in found:
                    own.setdefault(says, found[says])

    def _agrees(self, found: _usage_text.Found) -> bool:
        """Whether a text speaks of the same call as the keys do."""
        stated = self.chosen()
        return all(
            says not in stated or says not in found or stated[says] == found[says] for says in (Says.COMPLETION, Says.TOTAL)
        )

    def chosen(self) -> Mapping[int, int]:
        """Prompt, completion and total of the first convention that has either of the first two."""
        rows = [self.main[number] for number in sorted(self.main)]
        total = next((row[Says.TOTAL] for row in rows if Says.TOTAL in row), None)
        for row in rows:
            if Says.PROMPT in row or Says.COMPLETION in row:
                if total is not None:
                    row.setdefault(Says.TOTAL, total)
                return row
        return next((row for row in rows if row), _NOTHING)

    def part(self, says: int) -> int | None:
        """A part of prompt or completion, from keys or else from texts."""
        value = self.parts.get(says)
        if value is None and self.texts:
            value = next((found[says] for _, found in self.texts if says in found), None)
        return value

    def own_completions(self) -> list[int]:
        """Outputs with reasoning, by usage objects that state the reasoning themselves."""
        return [found[Says.COMPLETION] for _, found in self.texts if Says.REASONING in found and Says.COMPLETION in found]

    def raw(self) -> tuple[int | None, bool]:
        """Input count of the provider's own usage object, if one that leaves the cached part out is there.

        Also whether an equal count elsewhere is proved to leave it out too.
        """
        for mark, found in self.texts:
            if found.get(Says.EXCLUSIVE) and Says.PROMPT in found:
                return found[Says.PROMPT], isinstance(mark.extra, Text) and mark.extra.proves
        return None, False
