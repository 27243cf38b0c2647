"""Parse objects that stand as text in an attribute: JSON, Python ``repr``, ``name=value`` pairs."""

from __future__ import annotations

import re
from functools import lru_cache

from otel_session_agg._json import loaded
from otel_session_agg._reading.literals import literal

__all__ = ["MAX_TEXT_CHARS", "parsed"]

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
