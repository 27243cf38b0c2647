"""Correct prices that genai-prices has wrong: data only.

Each row has the models of a seller that it is for, its dates, the price, and the source.  A row
takes the place of the table's price only while the table still has the price that is known to be
wrong (``wrong``), so that a newer table, also one that was fetched while running, is never
overruled.  A test names the rows that the installed table no longer needs.
"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CORRECTIONS", "REQUEST_FEES", "Correction", "RequestFees", "corrections_of"]


class Correction(NamedTuple):
    """One price in place of a wrong one."""

    seller: str
    """The provider's id in genai-prices; other sellers have their own prices of the same model."""
    models: frozenset[str]
    """Names as the seller writes them."""
    since: datetime
    until: datetime | None
    """Not included; ``None``: still valid."""
    wrong: frozenset[tuple[str, str]]
    """Input and output prices of the table, in USD per million tokens, that this row replaces."""
    prices: Mapping[str, Decimal]
    """By genai-prices' names of prices; empty with ``sold_as``."""
    sold_as: str
    """The model that is served and billed under this name, at its own price in the table."""
    source: str
    last_wrong_version: str
    """The newest version of genai-prices that is known to be wrong; a later one may be right."""


def _day(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=timezone.utc)


def _usd(**prices: str) -> Mapping[str, Decimal]:
    return {f"{name}_mtok": Decimal(price) for name, price in prices.items()}


_DEEPSEEK_NEWS = "https://api-docs.deepseek.com/news/"
_XAI_RETIREMENT = "https://docs.x.ai/developers/migration/may-15-retirement"
_DEEPSEEK_CHAT = frozenset({("0.135", "0.55"), ("0.27", "1.1")})
_DEEPSEEK_REASONER = frozenset({("0.135", "0.55"), ("0.55", "2.19")})


def _deepseek(model: str, wrong: frozenset[tuple[str, str]]) -> tuple[Correction, ...]:
    def row(
        since: datetime, until: datetime | None, prices: Mapping[str, Decimal], news: str
    ) -> Correction:
        models, source = frozenset({model}), _DEEPSEEK_NEWS + news
        return Correction("deepseek", models, since, until, wrong, prices, "", source, "0.2.3")

    cheaper = _day(2025, 9, 29)
    return (
        row(
            _day(2025, 9, 5, 16),
            cheaper,
            _usd(input="0.56", output="1.68", cache_read="0.07"),
            "news250821",
        ),
        row(cheaper, None, _usd(input="0.28", output="0.42", cache_read="0.028"), "news250929"),
    )


def _retired_grok(wrong: tuple[str, str], *models: str) -> Correction:
    since = _day(2026, 5, 15)
    names = frozenset(models)
    return Correction(
        "x-ai", names, since, None, frozenset({wrong}), {}, "grok-4.3", _XAI_RETIREMENT, "0.2.3"
    )


CORRECTIONS: tuple[Correction, ...] = (
    *_deepseek("deepseek-chat", _DEEPSEEK_CHAT),
    *_deepseek("deepseek-reasoner", _DEEPSEEK_REASONER),
    _retired_grok(
        ("3", "15"),
        "grok-3",
        "grok-3-latest",
        "grok-3-beta",
        "grok-4",
        "grok-4-0709",
        "grok-4-latest",
    ),
    _retired_grok(("0.2", "1.5"), "grok-code-fast", "grok-code-fast-1", "grok-code-fast-1-0825"),
    _retired_grok(
        ("0.2", "0.5"),
        *(
            f"grok-{v}-fast{kind}"
            for v in ("4", "4-1")
            for kind in ("", "-reasoning", "-reasoning-latest")
        ),
        *(f"grok-{v}-fast-non-reasoning{end}" for v in ("4", "4-1") for end in ("", "-latest")),
    ),
    Correction(
        seller="mistral",
        models=frozenset({"mistral-large-latest"}),
        since=_day(2025, 12, 2),
        until=None,
        wrong=frozenset({("2", "6")}),
        prices={},
        sold_as="mistral-large-2512",
        source="https://docs.mistral.ai/models/mistral-large-3-25-12",
        last_wrong_version="0.2.3",
    ),
)


class RequestFees(NamedTuple):
    """The fee for a request beside its tokens, by the size of its search context."""

    table: Decimal
    """The fee in the table, which is the highest; if it has another one, the table is right."""
    by_size: Mapping[str, Decimal]
    """USD for a thousand requests; ``low`` is for a request that states no size."""
    source: str


def _fees(*sizes: str) -> RequestFees:
    named = zip(("low", "medium", "high"), sizes, strict=True)
    by_size = {size: Decimal(fee) for size, fee in named}
    source = "https://docs.perplexity.ai/getting-started/pricing"
    return RequestFees(by_size["high"], by_size, source)


REQUEST_FEES: Mapping[tuple[str, str], RequestFees] = {
    ("perplexity", "sonar"): _fees("5", "8", "12"),
    ("perplexity", "sonar-pro"): _fees("6", "10", "14"),
    ("perplexity", "sonar-reasoning"): _fees("5", "8", "12"),
    ("perplexity", "sonar-reasoning-pro"): _fees("6", "10", "14"),
}
"""Fees by seller and model of the table."""


def corrections_of(seller: str, model: str) -> Iterator[Correction]:
    """Return the rows for a model, of all dates."""
    return (row for row in CORRECTIONS if row.seller == seller and model in row.models)
