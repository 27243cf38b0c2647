"""Read the terms of a call: what its price depends on besides provider, model, time and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_session_agg._model.span import Terms
from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._untrusted.values import plain_text, text
from otel_session_agg.conventions._term_rows import (
    ANSWERED_TIER,
    IDLE,
    REQUESTED,
    TermKey,
    TermText,
)

__all__ = ["read_terms"]

_JSON = ('{"', "{ ", "{\n", "{\r", "{\t")
_TERM = re.compile(
    r'"(service_tier|serviceTier|traffic_type|trafficType|speed|inference_geo|inferenceGeo'
    r'|search_context_size|searchContextSize)"\s*:\s*"([^"\\]{0,64})"'
)
"""A term, wherever it stands in JSON; inside strings its quotes would be escaped."""

_COUNTED_TIERS = ("flex", "priority")
"""Tiers by which LangChain names counts of tokens."""

_MAX_ITEMS = 64
"""Items of a list or object that are read."""


def read_terms(
    entries: Sequence[KeyMeaning], attributes: Mapping[str, Any]
) -> tuple[str | None, Terms | None]:
    """Return the service tier of the answer, if it is stated, and the other terms.

    Args:
        entries: The keys of terms, in order of precedence; requests stand before answers.
        attributes: Of the span.

    """
    found: dict[str, str] = {}
    for entry in entries:
        row, value = entry.row, attributes[entry.key]
        if isinstance(row, TermKey):
            term = _text(value)
            if term is not None and (not row.only or term.lower() in row.only):
                found.setdefault(row.term, term)
        elif isinstance(row, TermText) and _may_state(row, value):
            is_requested = any(asked in found for asked in REQUESTED.values())
            for name, term in _in_text(row, value, precise=is_requested):
                found.setdefault(name, term)
    return _settled(found) if found else (None, None)


def _settled(found: dict[str, str]) -> tuple[str | None, Terms | None]:
    """Return the tier of the answer, and the other terms: requests hold where no answer does."""
    for name, asked in REQUESTED.items():
        if asked in found:
            requested = found.pop(asked)
            if found.setdefault(name, requested).lower() in IDLE:
                del found[name]
    tier = found.pop(ANSWERED_TIER, None)
    return tier, Terms(**found) if found else None


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value)
    return text(value) if isinstance(value, str) else None


def _may_state(row: TermText, value: object) -> bool:
    """Return whether a value is a text that contains the name of a term; nearly none is."""
    raw = plain_text(value)
    if raw is not None and len(raw) <= MAX_TEXT_CHARS:
        for hint in row.hints:  # ``any`` takes twice as long
            if hint in raw:
                return True
    return False


def _in_text(row: TermText, value: object, *, precise: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the terms that a text states, by name; it is one that may state some.

    Args:
        row: Where they stand in the text.
        value: The text.
        precise: Parse the whole text, also when no term in it seems to change the price.

    """
    raw = plain_text(value) or ""
    # parsing a whole answer costs more than the rest of the span
    if raw.startswith(_JSON) and not row.tiers_at and not precise:
        named = [(match[1], match[2].lower()) for match in _TERM.finditer(raw)]
        if all(word in IDLE for _, word in named):
            if any("ier" in name for name, _ in named):
                yield ANSWERED_TIER if ANSWERED_TIER in row.terms else "requested_tier", "default"
            return
    outer = parsed(raw)
    for term, names in row.terms.items():
        for name in names:
            items = _at(outer, name.split("."))
            stated = next((t for item in items if (t := _text(item)) is not None), None)
            if stated is not None:
                yield term, stated
                break
    for place in row.tiers_at:
        items = _at(outer, place.split(".") if place else [])
        names_there = {name for item in items if isinstance(item, Mapping) for name in item}
        yield from ((ANSWERED_TIER, tier) for tier in _COUNTED_TIERS if tier in names_there)


def _at(value: object, path: list[str]) -> Iterator[object]:
    """Yield what stands at a path."""
    if not path:
        yield value
        return
    children: list[object] = []
    if isinstance(value, Mapping):
        if path[0] == "*":
            children = list(value.values())[:_MAX_ITEMS]
        elif path[0] in value:
            children = [value[path[0]]]
    elif isinstance(value, list) and path[0] == "*":
        children = value[:_MAX_ITEMS]
    for child in children:
        yield from _at(child, path[1:])
