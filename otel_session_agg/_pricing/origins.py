"""Name the entry that a call is priced by, or the reason why there is none."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

from otel_session_agg._pricing.rate_card import Card, UnknownCard

if TYPE_CHECKING:
    from otel_session_agg._pricing.quotes import Quote

__all__ = [
    "BROKEN",
    "NO_MODEL",
    "NO_NAME",
    "NO_TIME",
    "OWN",
    "TABLE",
    "TOO_LONG",
    "Origin",
    "Priced",
    "origin_of",
    "table_version",
]

TABLE = "genai-prices"
OWN = "own"
"""The user's own prices."""

_CORRECTION = "correction"
_NO_TERMS = "genai-prices has the model, but no price under these terms"
_NO_UNIT = "genai-prices sells it by units that no span states, such as hours, pages or characters"


class Origin(NamedTuple):
    """The entry of a price list, or why there is none."""

    table: str | None
    """``own``, ``correction`` or ``genai-prices``; ``None``: no price is known."""
    text: str
    """The entry, or the reason why there is none."""


class Priced(NamedTuple):
    """A card, and where it is from."""

    card: Card
    origin: Origin


NO_MODEL = Origin(
    None,
    "neither your own prices nor genai-prices have such a model; "
    "one whose name only begins alike is another model",
)
NO_NAME = Origin(None, "no span names its model")
TOO_LONG = Origin(None, "its model's name is too long to be one")
BROKEN = Origin(None, "the price table cannot be read")
NO_TIME = Origin(None, "the time of its call is out of range")


@cache
def table_version() -> str:
    """Return the version of genai-prices, or an empty text where its metadata was left out.

    To look it up reads a file, which takes milliseconds: each price of a session names it.
    """
    try:
        return metadata.version(TABLE)
    except metadata.PackageNotFoundError:
        return ""


def origin_of(quote: Quote, card: Card) -> Origin:
    """Return the origin of a card that was made of a quote."""
    if isinstance(card, UnknownCard):
        return Origin(None, _NO_TERMS if quote.prices is None else _NO_UNIT)
    entry = f"{quote.row.model.id} of {quote.row.provider.id}"
    if quote.source:
        return Origin(_CORRECTION, f"{entry}, corrected by {quote.source}")
    return Origin(TABLE, entry)
