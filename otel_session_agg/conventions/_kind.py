"""What kind of event a span is: the first decisive of the keys and names that conventions know, in the design's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._model import Kind
from otel_session_agg._values import text
from otel_session_agg.conventions._convention import Kinds, Says
from otel_session_agg.conventions._table import Index, Plan

_USAGE = frozenset((Says.PROMPT, Says.COMPLETION, Says.USAGE_TEXT))
_CALL = frozenset((*_USAGE, Says.CONTENT, Says.PROVIDER))
_MODEL = frozenset((Says.REQUEST_MODEL, Says.RESPONSE_MODEL))


def read_kind(index: Index, plan: Plan, attributes: Mapping[str, Any], name: str, scope: str) -> Kind:
    """The kind of a span."""
    rows = index.named(name) or ()
    named = next(((row.precedence, kind) for row, kind in rows if not row.scopes or scope.startswith(row.scopes)), None)
    for mark in plan.get(Says.KIND, ()):
        if named is not None and mark.precedence > named[0]:
            return named[1]
        word = text(attributes[mark.key])
        if word is not None and isinstance(mark.extra, Kinds):
            kind = _by_value(mark.extra, word.lower())
            if kind is not None:
                return kind
    return named[1] if named is not None else _by_attributes(plan, attributes)


def _by_value(kinds: Kinds, word: str) -> Kind | None:
    if kinds.first_word:
        word = word.split(maxsplit=1)[0]
    kind = kinds.values.get(word)
    if kind is not None:
        return kind
    return next((kind for end, kind in kinds.suffixes.items() if word.endswith(end)), kinds.otherwise)


def _by_attributes(plan: Plan, attributes: Mapping[str, Any]) -> Kind:
    """No convention names a kind: a tool by its attributes, a call by model and usage, messages or provider."""
    if Says.TOOL in plan:
        return Kind.TOOL
    if Says.AGENT in plan:
        return Kind.AGENT
    if _CALL.isdisjoint(plan):
        return Kind.SPAN
    named = any(text(attributes[mark.key]) is not None for says in _MODEL for mark in plan.get(says, ()))
    return Kind.MODEL if named else Kind.SPAN
