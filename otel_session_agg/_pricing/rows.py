"""Which row of genai-prices a model's name stands for.

The table matches names by clauses, many of which only say how a name begins or what is in it.  That is right for a date or
version behind the name, and wrong for another model whose name begins alike: ``gpt-5-nano-ultra`` is not ``gpt-5-nano``,
and may cost six times as much.  A row is taken when the table lists the name itself, or when what stands around the listed
part cannot name another model:

- behind it: a date, ``-latest``, ``-preview``, Gemini's ``-customtools``, a number of three or four digits, a version of Bedrock's (``-v1``, ``-v1:0``) or
  Vertex's (``@001``, ``-v2@20241022``), and whatever follows the name of a fine-tuned model;
- before it: what ends in ``.``, ``/`` or ``:``, which are regions, makers and paths.

Rows of families that cost nothing are taken for every name that the table matches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genai_prices.types import ModelInfo, Provider

__all__ = ["ALIKE", "Row", "find_row"]


class Row(NamedTuple):
    """A model of the price table, and the provider that was asked for it."""

    provider: Provider
    model: ModelInfo


ALIKE = "alike"
"""The table has no such model, only one whose name begins alike: its price must not be taken, whoever names it."""

_SAME = re.compile(
    r"(?:[-@:](?:20\d{6}|20\d\d-\d\d-\d\d|\d\d-\d\d|\d\d-20\d\d|\d{3,4}|latest|preview|default|customtools)|-v\d+[-@]20\d{6}|-v\d+:\d+|-v1|:\d+)*"
)
"""What stands behind a name without making it another one."""

_BEFORE = re.compile(r"(?:.*[./:])?", re.DOTALL)
_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=-|:|$)")
_SEPARATORS = "-@:"
_FINE_TUNED = ("ft:", ".ft-")


def find_row(providers: Sequence[Provider], provider: Provider, name: str) -> Row | str | None:
    """Return the row of a name in a provider's list, :data:`ALIKE`, or ``None``.

    Args:
        providers: All providers of the table; a provider may sell what another one's list prices.
        provider: The provider whose list is asked first.
        name: The model in the provider's words, in lower case.

    """
    alike: str | None = None
    for spelling in dict.fromkeys((name, _COMPACT_DATE.sub(r"-\1-\2-\3", name))):
        for owner in _owners(providers, provider):
            found = _find_in(owner, spelling)
            if isinstance(found, str):
                alike = found
            elif found is not None:
                return Row(provider, found)
    return alike


def _owners(providers: Sequence[Provider], provider: Provider) -> list[Provider]:
    others = provider.fallback_model_providers or ()
    return [provider, *(owner for wanted in others for owner in providers if owner.id == wanted)]


def _find_in(owner: Provider, name: str) -> ModelInfo | str | None:
    alike: str | None = None
    for model in owner.models:
        if not model.is_match(name):
            continue
        if name == model.id.lower() or _is_same(model.match, name) or _is_free(model):
            return model
        alike = ALIKE
    return alike


def _is_free(model: ModelInfo) -> bool:
    tables = (
        [row.prices for row in model.prices] if isinstance(model.prices, list) else [model.prices]
    )
    return not any(value is not None for table in tables for value in vars(table).values())


def _is_same(clause: object, name: str) -> bool:
    """Whether a clause that matches a name says that the name is the model's own."""
    either = getattr(clause, "or_", None)
    if either is not None:
        return any(part.is_match(name) and _is_same(part, name) for part in either)
    both = getattr(clause, "and_", None)
    if both is not None:
        return all(_is_same(part, name) for part in both)
    for kind in ("starts_with", "contains", "ends_with"):
        listed = getattr(clause, kind, None)
        if listed is not None:
            return _is_around(str(listed).lower(), name, from_end=kind == "ends_with")
    return True  # the whole name, or a pattern for whole names


def _is_around(listed: str, name: str, *, from_end: bool) -> bool:
    start = name.rfind(listed) if from_end else name.find(listed)
    end = start + len(listed)
    return _BEFORE.fullmatch(name[:start]) is not None and _is_suffix(listed, name[end:])


def _is_suffix(listed: str, rest: str) -> bool:
    if not rest:
        return True
    if _FINE_TUNED[1] in listed:
        return True
    if listed.startswith(_FINE_TUNED[0]):
        rest = rest.partition(":")[0]
    cut = len(listed)
    if (
        listed[-1] in _SEPARATORS or rest[:1] not in _SEPARATORS
    ):  # the listed part ends within a word
        cut = max(listed.rfind(separator, 0, len(listed)) for separator in _SEPARATORS)
        cut = max(cut, 0)
    return _SAME.fullmatch(listed[cut:] + rest) is not None
