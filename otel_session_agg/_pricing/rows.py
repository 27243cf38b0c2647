"""Find the row of genai-prices for a model's name.

The table matches names by clauses, many of which only contain the beginning or a part of a name.
That is right for a date or version behind the name, and wrong for another model whose name begins
alike: ``gpt-5-nano-ultra`` is not ``gpt-5-nano``, and may cost six times as much.  A row is taken
when the table lists the name itself, or when the text around the listed part cannot name another
model:

- behind it: a date, ``-latest``, ``-preview``, Gemini's ``-customtools``, a number of three or four
  digits, a version of Bedrock's (``-v1``, ``-v1:0``) or Vertex's (``@001``, ``-v2@20241022``), and
  anything that follows the name of a fine-tuned model;
- before it: text that ends in ``.``, ``/`` or ``:``, which are regions, makers and paths.

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
    """A model of the price table, and the provider that sells it."""

    provider: Provider
    model: ModelInfo


ALIKE = "alike"
"""Stands for a model of the table whose name only begins alike: its price must not be taken."""

_SAME = re.compile(
    r"(?:[-@:](?:20\d{6}|20\d\d-\d\d-\d\d|\d\d-\d\d|\d\d-20\d\d|\d{3,4}"
    r"|latest|preview|default|customtools)|-v\d+[-@]20\d{6}|-v\d+:\d+|-v1|:\d+)*"
)
"""Text behind a name that does not make it another one."""

_BEFORE = re.compile(r"(?:.*[./:])?", re.DOTALL)
_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=-|:|$)")
_SEPARATORS = "-@:"
_FINE_TUNED = ("ft:", ".ft-")


def find_row(providers: Sequence[Provider], provider: Provider, name: str) -> Row | str | None:
    """Return the row of a name in a provider's list, ``ALIKE``, or ``None``.

    Args:
        providers: All providers of the table; a provider may sell models of another one's list.
        provider: The provider whose list is searched first.
        name: The model's name as the provider writes it, in lower case.

    """
    alike: str | None = None
    for spelling in dict.fromkeys((name, _COMPACT_DATE.sub(r"-\1-\2-\3", name))):
        for listing in _listings(providers, provider):
            found = _find_in(listing, spelling)
            if isinstance(found, str):
                alike = found
            elif found is not None:
                return Row(provider, found)
    return alike


def _listings(providers: Sequence[Provider], provider: Provider) -> list[Provider]:
    """Return the providers whose lists have a provider's models, its own first."""
    ids = provider.fallback_model_providers or ()
    return [provider, *(other for wanted in ids for other in providers if other.id == wanted)]


def _find_in(listing: Provider, name: str) -> ModelInfo | str | None:
    alike: str | None = None
    for model in listing.models:
        if not model.is_match(name):
            continue
        if name == model.id.lower() or _is_same(model.match, name) or _is_free(model):
            return model
        alike = ALIKE
    return alike


def _is_free(model: ModelInfo) -> bool:
    prices = model.prices
    tables = [row.prices for row in prices] if isinstance(prices, list) else [prices]
    return not any(value is not None for table in tables for value in vars(table).values())


def _is_same(clause: object, name: str) -> bool:
    """Return whether a clause that matches a name shows that it is the model's own."""
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
    if listed[-1] in _SEPARATORS or rest[:1] not in _SEPARATORS:  # it ends within a word
        cut = max(listed.rfind(separator, 0, len(listed)) for separator in _SEPARATORS)
        cut = max(cut, 0)
    return _SAME.fullmatch(listed[cut:] + rest) is not None
