"""Decide what kind of event a span is.

The first key or span name that decides wins, in the order of precedence that the conventions give.
Without any, a span is a tool or an agent by its attributes, and a call if it names a model beside
usage, messages or a provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_session_agg._model.span import Kind
from otel_session_agg._reading.index import KeyMeaning
from otel_session_agg._reading.plan import CALL, MODEL_NAMES, USAGE, ReadingPlan, Scope
from otel_session_agg._untrusted.values import text
from otel_session_agg.conventions._operations import BILLED_WORDS, FREE_MODELS
from otel_session_agg.conventions._schema import Kinds, Meaning

_NOT_CALLS = frozenset((Meaning.TOOL, Meaning.AGENT))

_MAX_MEMO = 64
"""Values of a kind attribute remembered per plan; a handful occur."""

_MAX_MEMO_CHARS = 64
"""Length of a value that is remembered; real ones are single words."""


def read_kind(scope: Scope, plan: ReadingPlan, attributes: Mapping[str, Any], name: str) -> Kind:
    """Return the kind of a span."""
    named = scope.named.get(name)
    if named is None and scope.has_endings:
        named = scope.named.get(name[max(name.rfind("."), 0) :])
    if named is not None and named[2] and USAGE.isdisjoint(plan.entries):
        return Kind.SPAN
    for entry in plan.kinds:
        if named is not None and entry.precedence > named[0]:
            return named[1]
        value = attributes[entry.key]
        word = text(value)
        if word is not None and isinstance(entry.row, Kinds):
            kind = _by_value(entry.row, word.lower())
            if kind is None and entry.row.or_model:
                return Kind.MODEL if _is_call(plan.entries, attributes) else Kind.SPAN
            if kind is not None:
                has_room = plan.one_kind_key and len(plan.kind_memo) < _MAX_MEMO
                if has_room and type(value) is str and len(value) <= _MAX_MEMO_CHARS:
                    plan.kind_memo[value] = kind
                return kind
    return named[1] if named is not None else _by_attributes(plan, attributes)


def is_billed(plan: ReadingPlan, attributes: Mapping[str, Any]) -> bool:
    """Return whether providers bill a span that is neither a model call nor an embedding.

    It must name a model, and its kind be one of those that are billed: a reranker, speech.
    """
    words = ((text(attributes[entry.key]) or "").lower() for entry in plan.kinds)
    if all(word not in BILLED_WORDS for word in words):
        return False
    names = [
        name
        for meaning in MODEL_NAMES
        for entry in plan.entries.get(meaning, ())
        if (name := text(attributes[entry.key])) is not None
    ]
    return bool(names) and not any(name.lower().startswith(FREE_MODELS) for name in names)


def _by_value(kinds: Kinds, word: str) -> Kind | None:
    if kinds.first_word:
        word = word.split(maxsplit=1)[0]
    kind = kinds.values.get(word)
    if kind is not None:
        return kind
    return next(
        (kind for end, kind in kinds.suffixes.items() if word.endswith(end)), kinds.otherwise
    )


def _by_attributes(plan: ReadingPlan, attributes: Mapping[str, Any]) -> Kind:
    """Return the kind of a span of which no convention names a kind."""
    if plan.kind_by_keys is not None:
        return plan.kind_by_keys
    return Kind.MODEL if _is_call(plan.entries, attributes) else Kind.SPAN


def _is_call(entries: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]) -> bool:
    """Return whether a span names a model beside usage, messages or a provider.

    A span that names a tool or an agent is no call.
    """
    if CALL.isdisjoint(entries) or not _NOT_CALLS.isdisjoint(entries):
        return False
    return any(
        text(attributes[entry.key]) is not None
        for meaning in MODEL_NAMES
        for entry in entries.get(meaning, ())
    )
