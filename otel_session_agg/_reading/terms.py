"""The terms of a call: what its price depends on besides provider, model, time and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_session_agg._model.span import Terms
from otel_session_agg._reading.marks import KeyMeaning
from otel_session_agg._reading.objects import MAX_TEXT_CHARS, parsed
from otel_session_agg._values import plain_text, text
from otel_session_agg.conventions._term_rows import (
    ANSWERED_TIER,
    IDLE,
    REQUESTED,
    TermKey,
    TermText,
)

__all__ = ["read_terms"]

_JSON = ('{"', "{ ", "{\n", "{\r", "{\t")
_SAID = re.compile(
    r'"(service_tier|serviceTier|traffic_type|trafficType|speed|inference_geo|inferenceGeo|search_context_size|searchContextSize)"'
    r'\s*:\s*"([^"\\]{0,64})"'
)
"""A term, wherever it stands in JSON; inside of strings its quotes would be escaped."""

_COUNTED_TIERS = ("flex", "priority")
"""Tiers by which LangChain names counts of tokens."""

_MAX_ITEMS = 64
"""Items of a list that are looked at."""


def read_terms(
    marks: Sequence[KeyMeaning], attributes: Mapping[str, Any], scope: str
) -> tuple[str | None, Terms | None]:
    """Return the service tier of the answer, as far as these marks tell it, and the other terms.

    Args:
        marks: What is known of the span's keys, the first to be asked first; requests stand before answers.
        attributes: Of the span.
        scope: The span's instrumentation scope.

    """
    found: dict[str, str] = {}
    for meaning in marks:
        row, value = meaning.extra, attributes[meaning.key]
        if isinstance(row, TermKey):
            term = _text(value)
            if term is not None and (not row.only or term.lower() in row.only):
                found.setdefault(row.term, term)
        elif isinstance(row, TermText) and (not row.scopes or scope.startswith(row.scopes)):
            for name, term in _in_text(
                row, value, precise=any(asked in found for asked in REQUESTED.values())
            ):
                found.setdefault(name, term)
    for name, asked in REQUESTED.items() if found else ():
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


def _in_text(row: TermText, value: object, *, precise: bool = False) -> Iterator[tuple[str, str]]:
    written = plain_text(value)
    if (
        written is None
        or len(written) > MAX_TEXT_CHARS
        or not any(hint in written for hint in row.hints)
    ):
        return
    if (
        written.startswith(_JSON) and not row.tiers_at and not precise
    ):  # taking a whole answer apart costs more than the span
        named = [(match[1], match[2].lower()) for match in _SAID.finditer(written)]
        if all(word in IDLE for _, word in named):
            if any("ier" in name for name, _ in named):
                yield ANSWERED_TIER if ANSWERED_TIER in row.terms else "requested_tier", "default"
            return
    outer = parsed(written)
    for term, names in row.terms.items():
        for name in names:
            said = next(
                (s for item in _at(outer, name.split(".")) if (s := _text(item)) is not None), None
            )
            if said is not None:
                yield term, said
                break
    for place in row.tiers_at:
        names_there = {
            name
            for item in _at(outer, place.split(".") if place else [])
            if isinstance(item, Mapping)
            for name in item
        }
        yield from ((ANSWERED_TIER, tier) for tier in _COUNTED_TIERS if tier in names_there)


def _at(value: object, path: list[str]) -> Iterator[object]:
    """Yield what stands at a path."""
    if not path:
        yield value
        return
    children: list[object] = []
    if isinstance(value, Mapping):
        children = (
            list(value.values())[:_MAX_ITEMS]
            if path[0] == "*"
            else [value[path[0]]]
            if path[0] in value
            else []
        )
    elif isinstance(value, list) and path[0] == "*":
        children = value[:_MAX_ITEMS]
    for child in children:
        yield from _at(child, path[1:])
