"""What kind of event a span is: the first decisive of the keys and names that conventions know, in the design's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otel_session_agg._model.span import Kind
from otel_session_agg._reading.index import ReadingPlan, Scope
from otel_session_agg._reading.marks import KeyMeaning
from otel_session_agg._values import text
from otel_session_agg.conventions._operations import BILLED_WORDS, FREE_MODELS
from otel_session_agg.conventions._schema import Kinds, Meaning

_USAGE = frozenset((Meaning.PROMPT, Meaning.COMPLETION, Meaning.USAGE_TEXT))
_CALL = frozenset((*_USAGE, Meaning.CONTENT, Meaning.PROVIDER))
_OTHERS = frozenset((Meaning.TOOL, Meaning.AGENT))
_MODEL = frozenset((Meaning.REQUEST_MODEL, Meaning.RESPONSE_MODEL))


_MAX_MEMO = 64
"""Values of a kind attribute remembered per plan; real ones are a handful ..."""

_MAX_MEMO_CHARS = 64
"""... and words."""


def read_kind(scope: Scope, plan: ReadingPlan, attributes: Mapping[str, Any], name: str) -> Kind:  # noqa: C901 -- one step each
    """The kind of a span."""
    named = scope.named.get(name)
    if named is None and scope.has_endings:
        named = scope.named.get(name[max(name.rfind("."), 0) :])
    if named is not None and named[2] and _USAGE.isdisjoint(plan.marks):
        return Kind.SPAN
    memo = plan.kind_memo
    if named is None and memo:  # one key alone decides, as on nearly all spans
        value = attributes[plan.kinds[0].key]
        if type(value) is str and value in memo:
            return memo[value]
    for meaning in plan.kinds:
        if named is not None and meaning.precedence > named[0]:
            return named[1]
        value = attributes[meaning.key]
        word = text(value)
        if word is not None and isinstance(meaning.extra, Kinds):
            kind = _by_value(meaning.extra, word.lower())
            if kind is None and meaning.extra.or_model:
                return Kind.MODEL if _is_call(plan.marks, attributes) else Kind.SPAN
            if kind is not None:
                if (
                    plan.one_kind_key
                    and type(value) is str
                    and len(memo) < _MAX_MEMO
                    and len(value) <= _MAX_MEMO_CHARS
                ):
                    memo[value] = kind
                return kind
    return named[1] if named is not None else _by_attributes(plan.marks, attributes)


def is_billed(plan: ReadingPlan, attributes: Mapping[str, Any]) -> bool:
    """Whether a span that names a model stands for something that providers bill, other than model calls and embeddings."""
    if all(
        (text(attributes[meaning.key]) or "").lower() not in BILLED_WORDS for meaning in plan.kinds
    ):
        return False
    names = [
        name
        for says in _MODEL
        for meaning in plan.marks.get(says, ())
        if (name := text(attributes[meaning.key])) is not None
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


def _by_attributes(
    marks: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]
) -> Kind:
    """No convention names a kind: a tool by its attributes, a call by model and usage, messages or provider."""
    if Meaning.TOOL in marks:
        return Kind.TOOL
    if Meaning.AGENT in marks:
        return Kind.AGENT
    return Kind.MODEL if _is_call(marks, attributes) else Kind.SPAN


def _is_call(marks: Mapping[int, Sequence[KeyMeaning]], attributes: Mapping[str, Any]) -> bool:
    """Whether a span names a model beside usage, messages or a provider, and neither a tool nor an agent."""
    if _CALL.isdisjoint(marks) or not _OTHERS.isdisjoint(marks):
        return False
    return any(
        text(attributes[meaning.key]) is not None
        for says in _MODEL
        for meaning in marks.get(says, ())
    )
