"""Build rate cards from the price table of genai-prices.

genai-prices is the reference: on the models it knows, a card made here gives its total to the
picodollar.  It is too slow to price every call, so its prices are turned into a ``RateCard``, once
for each model and window of time in which no date or time of day changes them.  Each new card is
compared with the reference on sample calls; if they ever differ (a new kind of arithmetic in a
later version), the reference itself prices that model.

This module is stricter than the reference; these are unknown:

- a model whose name only begins like one of the table (``rows.py``);
- a service tier or region without a known price (``quotes.py``);
- a model with prices, none of which is for anything a span states (hours of audio, pages);
- a call that does not state its audio or images, on a model that is made for them
  (``modalities.py``);
- searches without a fee;
- counts that contradict each other, also where the contradicting part has no price of its own.

Models are looked up with the public parts of genai-prices below its lookup cache, because that
cache keeps every name it ever saw, and names come from the users of the application.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.modalities import Demands, demands
from otel_session_agg._pricing.model_names import readings
from otel_session_agg._pricing.quotes import PriceTerms, Quote, quote
from otel_session_agg._pricing.rate_card import Card, RateCard, UnknownCard, Window
from otel_session_agg._pricing.regions import find_region, host_of, seller_of_host
from otel_session_agg._pricing.rows import Row, find_row
from otel_session_agg._pricing.weights import known_sides
from otel_session_agg._untrusted.values import PUSD_PER_USD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from decimal import Decimal

    from genai_prices.data_snapshot import DataSnapshot

    from otel_session_agg._model.span import Terms

__all__ = ["TABLE_FAILURES", "card_of", "find_host", "find_quote"]

TABLE_FAILURES = (
    ArithmeticError, AttributeError, ImportError, LookupError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError,
)  # fmt: skip
"""Errors of a broken or incompatible price table.  Its prices are then unknown; that is remembered,
not tried again."""


class _Unit(NamedTuple):
    name: str
    """Name of the price on a rate card."""
    per: int = 10**6
    """Number of units that the price is for."""
    counted_as: str | None = None
    """Name of the count in genai-prices; the two sides of a call are always stated."""


_UNITS = {
    "input_mtok": _Unit("input"),
    "output_mtok": _Unit("output"),
    "cache_read_mtok": _Unit("cache_read", counted_as="cache_read_tokens"),
    "cache_write_mtok": _Unit("cache_write", counted_as="cache_write_tokens"),
    "cache_write_5m_mtok": _Unit("cache_write_5m", counted_as="cache_write_5m_tokens"),
    "cache_write_1h_mtok": _Unit("cache_write_1h", counted_as="cache_write_1h_tokens"),
    "input_audio_mtok": _Unit("audio_input", counted_as="input_audio_tokens"),
    "output_audio_mtok": _Unit("audio_output", counted_as="output_audio_tokens"),
    "cache_audio_read_mtok": _Unit("audio_cache_read", counted_as="cache_audio_read_tokens"),
    "output_reasoning_mtok": _Unit("reasoning", counted_as="output_reasoning_tokens"),
    "input_image_mtok": _Unit("image_input", counted_as="input_image_tokens"),
    "output_image_mtok": _Unit("image_output", counted_as="output_image_tokens"),
    "requests_kcount": _Unit("request", per=10**3),
    "web_searches_kcount": _Unit("web_search", per=10**3, counted_as="web_searches"),
}
"""Prices of genai-prices that a span has counts for."""

_OLD_GEMINI = re.compile(r"gemini-[12]\.")
"""Models whose grounding is billed for each grounded call, not for each search
(https://ai.google.dev/gemini-api/docs/pricing)."""

_PROBES = (
    Usage(1_009, 211),
    Usage(99_991, 1_013, None, 10_007, 5_003, 1_019, 499),
    Usage(20_011, 3_001, None, 4_001, None, None, None, 7_001, 1_009, 2_003),
    Usage(3_000_017, 1_013, None, 10_007, 5_003, 1_019),
    Usage(1_009, 2_003, image_prompt_tokens=307, image_completion_tokens=1_290),
    Usage(1_009, 211, web_searches=3),
)
"""Sample calls: plain, cached, audio, longer than any tier's bound, images, searches."""


def find_host(snapshot: DataSnapshot, address: str) -> str | None:
    """Return the id of the provider of a server address (a host or a URL), or ``None``."""
    host = host_of(address)
    if host is None:
        return None
    path = address.partition("://")[2] or address
    url = f"https://{host}/{path.partition('/')[2]}"
    found = (provider.id for provider in snapshot.providers if re.match(provider.api_pattern, url))
    return next(found, None) or seller_of_host(host)


def find_quote(  # noqa: PLR0913 -- everything that a price depends on
    snapshot: DataSnapshot,
    models: Iterable[str],
    at_ns: int,
    *,
    provider: str | None,
    server_address: str | None = None,
    service_tier: str | None = None,
    terms: Terms | None = None,
) -> tuple[Quote, PriceTerms] | None:
    """Return the prices of the first model that the table has, and the terms, or ``None``.

    Raises:
        LookupError, ValueError, OverflowError: The table or the time is malformed.

    """
    host = find_host(snapshot, server_address) if server_address else None
    for model in models:
        alike = False
        for seller, name in readings(provider, model, host):
            found = _find_row(snapshot, seller, name)
            if isinstance(found, Row):
                stated = terms.region if terms is not None else None
                region = find_region(found.provider.id, model, server_address, stated)
                price_terms = PriceTerms.of(name, service_tier, terms, region)
                return quote(snapshot.providers, found, at_ns, price_terms), price_terms
            alike = alike or found is not None
        if alike:
            return None
    return None


def _find_row(snapshot: DataSnapshot, seller: str | None, name: str) -> Row | str | None:
    # 0.4 s, only when a price is needed
    from genai_prices.data_snapshot import find_provider_by_id  # noqa: PLC0415

    if seller is not None:
        provider = find_provider_by_id(snapshot.providers, seller)
    else:
        makers = (
            entry
            for entry in snapshot.providers
            if entry.model_match is not None and entry.model_match.is_match(name)
        )
        provider = next(makers, None)
    return None if provider is None else find_row(snapshot.providers, provider, name)


def card_of(found: Quote, terms: PriceTerms) -> Card:
    """Return the card of the prices of a quote."""
    prices, window = found.prices, found.window
    if prices is None or (prices and not prices.keys() & _UNITS.keys()):
        return UnknownCard(window)
    needs = demands(found.row.model.id, prices, terms.output_type, terms.name)
    if needs is None:
        return UnknownCard(window)
    is_old_gemini = found.row.provider.id == "google" and bool(_OLD_GEMINI.match(terms.name))
    card = _rate_card(prices, window, needs, search_once=is_old_gemini)
    reference = _Reference(_calculator(prices), window)
    plain = _rate_card(prices, window, Demands())
    probes = _probes(prices)
    is_equal = all(plain.cost_pusd(probe) == reference.cost_pusd(probe) for probe in probes)
    return card if is_equal else reference


def _calculator(prices: Mapping[str, Any]) -> Callable[[Usage], Decimal]:
    from genai_prices.types import ModelPrice  # noqa: PLC0415 -- 0.4 s, only when needed

    price = ModelPrice(**prices)
    return lambda counts: price.calc_price(_counts(counts, prices))["total_price"]


def _rate_card(
    prices: Mapping[str, Any], window: Window, needs: Demands, *, search_once: bool = False
) -> RateCard:
    bounds = {tier.start for value in prices.values() for tier in getattr(value, "tiers", ())}
    return RateCard(
        _rates(prices, None),
        [(bound, _rates(prices, bound)) for bound in bounds],
        complete=True,
        audio_read_needed="cache_audio_read_mtok" in prices,
        needed=needs.stated,
        absent=needs.absent,
        search_once=search_once,
        window=window,
    )


def _rates(prices: Mapping[str, Any], bound: int | None) -> dict[str, Fraction]:
    """Return rates in picodollars for each unit: the base ones, or those above a tier's bound."""
    rates = {}
    for key, value in prices.items():
        if key not in _UNITS:
            continue
        unit = _UNITS[key]
        usd = getattr(value, "base", value)
        for tier in getattr(value, "tiers", ()):
            if bound is not None and tier.start <= bound:
                usd = tier.price
        rates[unit.name] = Fraction(usd) * PUSD_PER_USD / unit.per
    return rates


def _probes(prices: Mapping[str, Any]) -> Sequence[Usage]:
    def has(word: str) -> bool:
        return any(word in key and key.endswith(("_mtok", "_kcount")) for key in prices)

    return [
        probe
        for probe in _PROBES
        if (not probe.audio_prompt_tokens or has("audio"))
        and (not probe.image_prompt_tokens or has("image"))
        and (not probe.web_searches or has("web_searches"))
    ]


def _counts(usage: Usage, prices: Mapping[str, Any]) -> object:
    """Return a call's usage as genai-prices takes it, without parts that have no price."""
    from genai_prices import Usage as Counts  # noqa: PLC0415 -- 0.4 s, only when needed

    write = usage.cache_write_tokens
    write_5m = None if write is None else write - (usage.cache_write_1h_tokens or 0)
    parts = {
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": write,
        "cache_write_5m_tokens": write_5m,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.audio_prompt_tokens,
        "output_audio_tokens": usage.audio_completion_tokens,
        "cache_audio_read_tokens": usage.audio_cache_read_tokens,
        "input_image_tokens": usage.image_prompt_tokens,
        "output_image_tokens": usage.image_completion_tokens,
        "web_searches": usage.web_searches,
    }
    priced = {unit.counted_as for key, unit in _UNITS.items() if key in prices}
    given = {name: count for name, count in parts.items() if count is not None and name in priced}
    return Counts(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens, **given)


class _Reference:
    """The card that has genai-prices price each call: slow, and right by definition."""

    __slots__ = ("_calc_price", "window")

    def __init__(self, calc_price: Callable[[Usage], Decimal], window: Window) -> None:
        self._calc_price = calc_price
        self.window = window

    def cost_pusd(self, usage: Usage) -> int | None:
        """Return the cost of a call in picodollars, or ``None`` if it is unknown."""
        sides = known_sides(usage, prices_input=True, prices_output=True)
        if sides is None or usage.other_model_tokens:
            return None
        prompt, completion = sides
        if (usage.total_tokens or 0) > prompt + completion:
            return None
        try:
            usd = self._calc_price(
                usage._replace(prompt_tokens=prompt, completion_tokens=completion)
            )
        except ValueError:  # the counts contradict each other
            return None
        return round(Fraction(usd) * PUSD_PER_USD)

    def cost_of_sum_pusd(self, usage: Usage, num_calls: int | None) -> int | None:
        """Return the cost of one call; the reference has no price for a sum."""
        return self.cost_pusd(usage) if num_calls == 1 else None
