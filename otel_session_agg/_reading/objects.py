"""Parse objects that stand as text in an attribute: JSON, Python ``repr``, ``name=value`` pairs.

Objects in Python's notation are dictionaries, lists and tuples of texts, numbers, ``True``,
``False`` and ``None``.  ``ast.literal_eval`` has the grammar of a whole language: on hostile text
it takes a hundred times as long as on what it is made for, warns of escapes on the application's
standard error, and depends on the depth of the stack.  Here a text is read once, from left to
right, in linear time, and anything else is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache

from otel_session_agg._untrusted.json_text import loaded

MAX_TEXT_CHARS = 65_536
"""Longest text that is parsed.  Longer ones are prompts and answers, not usage; parsing them would
cost more than the rest of the span."""

# the look-behind keeps it linear in runs of word characters
_PAIR = re.compile(r"(?<!\w)([A-Za-z_]\w*)=(\d{1,15})\b")

_LIST = re.compile(r"\[[^\[\]]*\]")
"""A list.  It holds counts of parts, such as iterations, by the names of the whole."""


@lru_cache(maxsize=4)
def parsed(text: str) -> object:
    """Return the object, or ``None``.  Cached, because one text is read for several meanings."""
    head = text.lstrip()[:1]
    try:
        if head == "{":
            try:
                return loaded(text)
            except ValueError:
                return literal(text)
        return dict(_PAIR.findall(_LIST.sub("", text))) or None
    except ValueError:
        return None


MAX_DEPTH = 64
"""Deepest nesting of containers; usage has four."""

_MAX_NUMBER_CHARS = 40
"""Length of a number; longer ones are no counts."""

_TOKEN = re.compile(
    r"""[\s]*(?:
        (?P<punctuation>[{}\[\](),:])
      | (?P<text>'(?:[^'\\\n]|\\[^\n])*' | "(?:[^"\\\n]|\\[^\n])*")
      | (?P<word>[-+]?[0-9A-Za-z_.]+(?:(?<=[eE])[-+][0-9]+)?)
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U0010[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|[\\'\"abfnrtv0])"
)
_ESCAPED = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0",
    "\\": "\\", "'": "'", '"': '"',
}  # fmt: skip
_WORDS = {"True": True, "False": False, "None": None}
_CLOSES = {"{": "}", "[": "]", "(": ")"}
_KEYS = (str, int, float, type(None))


class _Open:
    """An open container.  Each method raises ``ValueError`` if its token may not come next."""

    __slots__ = ("close", "has_key", "is_after", "items", "keys")

    def __init__(self, bracket: str) -> None:
        self.close = _CLOSES.get(bracket)
        """The bracket that closes it; ``None``: it is the text itself, which is one value."""
        self.items: list[object] = []
        self.keys: list[object] | None = [] if bracket == "{" else None
        """Keys of a dictionary."""
        self.has_key = False
        """A colon was read since the last comma: the item is the value of the last key."""
        self.is_after = False
        """An item was read since the last comma."""

    def add(self, value: object) -> None:
        """Add a value."""
        self._only(not self.is_after)
        self.is_after = True
        self.items.append(value)

    def comma(self) -> None:
        """Read a comma."""
        self._only(self.is_after and self.close is not None and (self.keys is None or self.has_key))
        self.is_after = self.has_key = False

    def colon(self) -> None:
        """Read a colon, which makes the last item a key."""
        may_come = self.is_after and not self.has_key
        self._only(may_come and isinstance(self.items[-1], _KEYS))
        if self.keys is None:
            raise ValueError
        self.keys.append(self.items.pop())
        self.has_key, self.is_after = True, False

    def closed(self, bracket: str) -> object:
        """Close the container; return its value."""
        self._only(bracket == self.close)
        if self.keys is None:
            return tuple(self.items) if bracket == ")" else self.items
        self._only(self.is_after is self.has_key)
        return dict(zip(self.keys, self.items, strict=True))

    @staticmethod
    def _only(may: bool) -> None:  # noqa: FBT001 -- a condition
        if not may:
            raise ValueError


def literal(text: str) -> object:
    """Return the object that a text is the ``repr`` of.

    Raises:
        ValueError: The text is no such object.

    """
    outer = _Open("")
    stack = [outer]
    text, at = text.rstrip(), 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(at)
        at = token.end()
        bracket = token["punctuation"]
        if bracket is None:
            stack[-1].add(_word(token["word"]) if token["text"] is None else _text(token["text"]))
        elif bracket in _CLOSES:
            if len(stack) > MAX_DEPTH:
                raise ValueError(at)
            stack.append(_Open(bracket))
        elif bracket == ",":
            stack[-1].comma()
        elif bracket == ":":
            stack[-1].colon()
        else:
            value = stack.pop().closed(bracket)
            stack[-1].add(value)
    if len(stack) > 1 or not outer.is_after:
        raise ValueError(at)
    return outer.items[0]


def _text(quoted: str) -> str:
    inner = quoted[1:-1]
    return _ESCAPE.sub(_escaped, inner) if "\\" in inner else inner


def _escaped(escape: re.Match[str]) -> str:
    code = escape[1]
    return _ESCAPED[code] if len(code) == 1 else chr(int(code[1:], 16))


def _word(word: str) -> object:
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > _MAX_NUMBER_CHARS:
        return float("inf") if word.strip("+-").isdigit() else _refused(word)
    digits = word[1:] if word[0] in "+-" else word
    if not digits[:1].isdigit() and digits[:1] != ".":
        return _refused(word)
    return int(word) if digits.isdigit() else _refused(word) if "_" in word else float(word)


def _refused(word: str) -> object:
    raise ValueError(word[:_MAX_NUMBER_CHARS])
