"""Find usage objects in text attributes: JSON, Python ``repr`` or ``name=value`` pairs.

What the counts of an object mean is decided in ``usage_shapes.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._reading.usage_shapes import SHAPES, Counts
from otel_session_agg._values import plain_text
from otel_session_agg.conventions._schema import Text

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


def read(value: object, text: Text) -> Counts | None:
    """Return the counts in a text attribute, or ``None`` if it is no usage object, or too long."""
    raw = plain_text(value)
    if text.hint and (raw is None or text.hint not in raw):
        return None
    found: object = value
    if raw is not None:
        found = parsed(raw) if len(raw) <= MAX_TEXT_CHARS else None
    for key in text.path:
        found = found.get(key) if isinstance(found, Mapping) else None
    if text.search:
        found = _found(found, text.search, _MAX_SEARCH_DEPTH)
    if text.within:
        found = {text.within: found}
    if not isinstance(found, Mapping):
        return None
    return SHAPES[text.shape](found) or None
