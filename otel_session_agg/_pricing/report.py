"""Explain which price a call would have and its source: as values, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, NamedTuple

from otel_session_agg._model.span import Terms
from otel_session_agg._pricing.catalogue import card_of, find_quote
from otel_session_agg._pricing.modalities import demands
from otel_session_agg._pricing.origins import NO_MODEL, OWN, origin_of, table_version
from otel_session_agg._pricing.overrides import EACH, TOKENS_PER_PRICE, Overrides, names_of
from otel_session_agg._pricing.rate_card import RateCard
from otel_session_agg._untrusted.formatting import exact_usd, printable
from otel_session_agg._untrusted.values import PUSD_PER_USD

__all__ = ["PriceQuery", "PriceReport", "as_json", "as_text", "report_price"]

_ORDER = ("input", "output", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h")
"""Prices that are shown first."""
_ONLY_TABLE = "only genai-prices itself can apply its prices"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class PriceQuery(NamedTuple):
    """A call whose price is asked for."""

    model: str
    provider: str | None
    at: datetime
    service_tier: str | None = None
    server_address: str | None = None


class PriceReport(NamedTuple):
    """The price of a call, and its source."""

    query: PriceQuery
    table: str | None
    """``own``, ``correction`` or ``genai-prices``; ``None``: no price is known."""
    source: str
    """The row of the table, or the reason why there is none."""
    version: str
    """The version of genai-prices."""
    prices: Mapping[str, float]
    """USD for a million tokens of each kind; ``request`` and ``web_search``: USD for each."""
    tiers: tuple[tuple[int, Mapping[str, float]], ...] = ()
    """Other prices of the whole call above a number of input tokens."""
    valid: tuple[datetime | None, datetime | None] = (None, None)
    """From when, and until when (not included)."""
    needs: tuple[str, ...] = ()
    """Fields that a call must state, or its cost is unknown."""


def report_price(query: PriceQuery, own: Mapping[str, Any] | None = None) -> PriceReport:
    """Return the price that a call would have.

    Args:
        query: The model, and what else the price depends on.
        own: The user's own prices, as ``PriceBook`` takes them.

    Raises:
        SettingsError: The user's own prices are malformed.

    """
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 -- 0.4 s, when needed

    version = table_version()
    override = Overrides(own or {}).find([names_of(query.provider, query.model)])
    if override is not None:
        prices, tiers = _usd(override.card.prices), _tiers(override.card)
        return PriceReport(query, OWN, "your own prices", version, prices, tiers)
    at_ns = (query.at - _EPOCH) // timedelta(microseconds=1) * 1000
    found = find_quote(
        get_snapshot(), [query.model], at_ns, provider=query.provider,
        server_address=query.server_address, service_tier=query.service_tier, terms=Terms(),
    )  # fmt: skip
    if found is None:
        return PriceReport(query, None, NO_MODEL.text, version, {})
    quote, terms = found
    priced = card_of(quote, terms)
    origin = origin_of(quote, priced)
    if not isinstance(priced, RateCard):
        reason = _ONLY_TABLE if origin.table is not None else origin.text
        return PriceReport(query, None, reason, version, {}, valid=quote.window.moments())
    needs = demands(quote.row.model.id, quote.prices or {}, terms.output_type, terms.name)
    return PriceReport(
        query, origin.table, origin.text, version, _usd(priced.prices), _tiers(priced),
        quote.window.moments(),
        () if needs is None else (*needs.stated, *(f"{name} = 0" for name in needs.absent)),
    )  # fmt: skip


def _usd(prices: Mapping[str, Fraction]) -> dict[str, float]:
    order = {name: position for position, name in enumerate(_ORDER)}
    names = sorted(prices, key=lambda name: (order.get(name, len(order)), name))
    units = {name: 1 if name in EACH else TOKENS_PER_PRICE for name in names}
    return {name: float(prices[name] / PUSD_PER_USD * units[name]) for name in names}


def _tiers(card: RateCard) -> tuple[tuple[int, Mapping[str, float]], ...]:
    return tuple((above, _usd(prices)) for above, prices in card.tiers)


def as_json(report: PriceReport) -> str:
    """Return all of a report as a JSON object."""
    query = report.query
    values = {
        "model": query.model,
        "provider": query.provider,
        "at": query.at.isoformat(),
        "service_tier": query.service_tier,
        "server_address": query.server_address,
        "known": report.table is not None,
        "table": report.table,
        "source": report.source,
        "genai_prices_version": report.version,
        "usd_per_million_tokens": _of_tokens(report.prices),
        "usd_each": {name: usd for name, usd in report.prices.items() if name in EACH},
        "tiers": [
            {"above_tokens": above, "usd_per_million_tokens": _of_tokens(prices)}
            for above, prices in report.tiers
        ],
        "valid_from": _iso(report.valid[0]),
        "valid_until": _iso(report.valid[1]),
        "needs": list(report.needs),
    }
    return json.dumps(values, indent=2) + "\n"


def _of_tokens(prices: Mapping[str, float]) -> dict[str, float]:
    return {name: usd for name, usd in prices.items() if name not in EACH}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def as_text(report: PriceReport) -> str:
    """Return a report as lines of text; unprintable characters in foreign names are escaped."""
    return "".join(f"{printable(line)}\n" for line in _lines(report))


def _lines(report: PriceReport) -> Iterator[str]:
    query = report.query
    details = (
        ("provider", query.provider),
        ("tier", query.service_tier),
        ("address", query.server_address),
    )
    stated = ", ".join(f"{name} {value}" for name, value in details if value)
    yield f"{query.model}{f' ({stated})' if stated else ''} at {query.at:%Y-%m-%d %H:%M} UTC"
    if report.table is None:
        yield f"No price is known: {report.source} (genai-prices {report.version})."
        return
    table = f"genai-prices {report.version}: {report.source}"
    yield f"Price from {'your own prices' if report.table == OWN else table}"
    since, until = (f"{moment:%Y-%m-%d %H:%M}" if moment else None for moment in report.valid)
    if since or until:
        edges = [("since", since), ("until", until)]
        yield " ".join(["Valid", *(f"{name} {edge}" for name, edge in edges if edge), "UTC"])
    yield ""
    yield from _columns(report)
    if report.needs:
        yield ""
        yield f"A call has to say {', '.join(report.needs)}, or its cost is unknown."


def _columns(report: PriceReport) -> Iterator[str]:
    heads = ["", "USD", *(f"above {above:,}" for above, _ in report.tiers)]
    tables = [report.prices, *(prices for _, prices in report.tiers)]
    rows = [
        [
            f"{name.replace('_', ' ')}, {'each' if name in EACH else 'million tokens'}",
            *(_price(t.get(name)) for t in tables),
        ]
        for name in report.prices
    ]
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    for row in (heads, *rows) if rows else ():
        cells = zip(row[1:], widths[1:], strict=True)
        right = [text.rjust(width) for text, width in cells]
        yield "  ".join([row[0].ljust(widths[0]), *right])
    if not rows:
        yield "It costs nothing."


def _price(usd: float | None) -> str:
    return "" if usd is None else exact_usd(usd)
