"""Rate cards from the price table of genai-prices.

`genai_prices.calc_price` is the reference: on the models it knows, a card made here gives its total to the picodollar.
It is too slow to be asked for every event, so its prices are turned into a `RateCard`, once for each model and
stretch of time over which no date or time of day changes them.  Each new card is held against the reference on sample
calls; if they ever differ (a new kind of arithmetic in a later version), the reference itself prices that model.

Where this module is stricter than the reference, it answers "unknown":

- a service tier other than the standard one, on a model whose prices do not tell it apart;
- a model with prices, none of which is for anything a span states (hours of audio, pages, images);
- counts that contradict each other, also where the contradicting part has no price of its own.

Models are looked up with the public parts of genai-prices below its lookup cache, because that cache keeps every name
it ever saw, and names come from the users of the application.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from otel_session_agg._model import Usage
from otel_session_agg._model_names import readings
from otel_session_agg._price_rates import ALWAYS, PUSD_PER_USD, Card, RateCard, UnknownCard, Window, known_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, Provider

__all__ = ["find_card", "find_host"]


class _Unit(NamedTuple):
    name: str
    """What a rate card calls the price."""
    per: int = 10**6
    """How many units the price is for."""
    counted_as: str | None = None
    """What genai-prices calls the number of units; the two sides of a call are always stated."""


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
    "requests_kcount": _Unit("request", per=10**3),
}
"""The prices that a span has counts for."""

_STANDARD_TIERS = frozenset(
    {"", "auto", "default", "on-demand", "on_demand", "ondemand", "standard", "standard_only", "unspecified"}
)
_TIER_CONTEXTS = {"batch": {"processing": "batch"}, "fast": {"speed": "fast"}}
"""What genai-prices calls a tier, besides ``service_tier``."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_NS = 86_400 * 10**9

_PROBES = (
    Usage(1_009, 211),
    Usage(99_991, 1_013, None, 10_007, 5_003, 1_019, 499),
    Usage(20_011, 3_001, None, 4_001, None, None, None, 7_001, 1_009, 2_003),
    Usage(3_000_017, 1_013, None, 10_007, 5_003, 1_019),
)
"""Sample calls: plain, cached, audio, and longer than any tier's bound."""


def find_host(snapshot: DataSnapshot, address: str) -> str | None:
    """Return the id of the provider that a server address (a host or a URL) belongs to, or ``None``."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        url = f"https://{parts.hostname}{parts.path}"
    except ValueError:
        return None
    return next((provider.id for provider in snapshot.providers if re.match(provider.api_pattern, url)), None)


def find_card(  # noqa: PLR0913 - everything that decides about a price
    snapshot: DataSnapshot,
    models: Iterable[str],
    at_ns: int,
    *,
    provider: str | None,
    server_address: str | None,
    service_tier: str | None,
) -> Card | None:
    """Return the rate card of the first model that the table knows, valid at a time; ``None`` if there is none.

    Raises:
        LookupError, ValueError, OverflowError: The table or the time is not what it should be.

    """
    host = find_host(snapshot, server_address) if server_address else None
    for model in models:
        for seller, name in readings(provider, model, host):
            found = _find_model(snapshot, seller, name)
            if found is not None:
                return _card(found, at_ns, (service_tier or "").strip().lower())
    return None


def _find_model(snapshot: DataSnapshot, seller: str | None, name: str) -> tuple[Provider, ModelInfo] | None:
    from genai_prices.data_snapshot import find_provider_by_id  # noqa: PLC0415 - 0.4 s, only when a price is needed

    if seller is not None:
        provider = find_provider_by_id(snapshot.providers, seller)
    else:
        owners = (p for p in snapshot.providers if p.model_match is not None and p.model_match.is_match(name))
        provider = next(owners, None)
    if provider is None:
        return None
    model = provider.find_model(name, all_providers=snapshot.providers)
    return None if model is None else (provider, model)


def _card(found: tuple[Provider, ModelInfo], at_ns: int, tier: str) -> Card:
    provider, model = found
    moment = _EPOCH + timedelta(microseconds=at_ns // 1000)
    context = None if tier in _STANDARD_TIERS else {"service_tier": tier, **_TIER_CONTEXTS.get(tier, {})}
    window = _window(_constraints(model, with_variants=context is not None), at_ns)
    if context is not None and not _tells_apart(provider, model, moment, context):
        return UnknownCard(window)
    price = model.get_prices(moment, context) if context else model.get_prices(moment)
    stated = {key: value for key, value in vars(price).items() if value is not None and not key.startswith("_")}
    if stated and not stated.keys() & _UNITS.keys():
        return UnknownCard(window)

    def calc_price(counts: Usage) -> Decimal:
        extra: dict[str, Any] = {"price_context": context} if context else {}
        return model.calc_price(_counts(counts, stated), provider, genai_request_timestamp=moment, **extra).total_price

    reference = _Reference(calc_price, window)
    card = _rate_card(stated, window)
    return card if all(card.cost_pusd(probe) == reference.cost_pusd(probe) for probe in _probes(stated)) else reference


def _tells_apart(provider: Provider, model: ModelInfo, moment: datetime, context: Mapping[str, str]) -> bool:
    if not any(model is own for own in provider.models):  # prices borrowed from another provider have no variants
        return False
    return any(
        (variant.constraint is None or variant.constraint.active(moment))
        and all(context.get(key) == value for key, value in variant.when.items())
        for variant in getattr(model, "price_variants", None) or ()
    )


def _constraints(model: ModelInfo, *, with_variants: bool) -> Iterator[object]:
    if isinstance(model.prices, list):
        yield from (conditional.constraint for conditional in model.prices)
    if with_variants:
        yield from (variant.constraint for variant in getattr(model, "price_variants", None) or ())


def _window(constraints: Iterable[object], at_ns: int) -> Window:
    """Return the stretch of time around ``at_ns`` in which no constraint changes."""
    today = at_ns // _DAY_NS * _DAY_NS
    edges = [*ALWAYS]
    for constraint in constraints:
        if constraint is None:
            continue
        start_date = getattr(constraint, "start_date", None)
        ends = [getattr(constraint, name, None) for name in ("start_time", "end_time")]
        times = [value for value in ends if isinstance(value, time)]
        if isinstance(start_date, date):
            edges.append((start_date - _EPOCH.date()).days * _DAY_NS)
        elif len(times) == len(ends):
            edges += [today + day * _DAY_NS + _time_of_day_ns(value) for value in times for day in (-1, 0, 1)]
        else:  # a kind of constraint this version does not know: valid for this moment only
            return Window(at_ns, at_ns + 1)
    return Window(max(edge for edge in edges if edge <= at_ns), min(edge for edge in edges if edge > at_ns))


def _time_of_day_ns(value: time) -> int:
    local = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
    since = datetime.combine(_EPOCH.date(), local) - _EPOCH
    return since // timedelta(microseconds=1) * 1000 % _DAY_NS


def _rate_card(stated: Mapping[str, Any], window: Window) -> RateCard:
    bounds = {tier.start for value in stated.values() for tier in getattr(value, "tiers", ())}
    return RateCard(
        _rates(stated, None),
        [(bound, _rates(stated, bound)) for bound in bounds],
        complete=True,
        audio_read_needed="cache_audio_read_mtok" in stated,
        window=window,
    )


def _rates(stated: Mapping[str, Any], bound: int | None) -> dict[str, Fraction]:
    """Return the rates of a call, or of one whose prompt is longer than ``bound``, in picodollars for each unit."""
    rates = {}
    for key, value in stated.items():
        if key not in _UNITS:
            continue
        unit = _UNITS[key]
        usd = value if isinstance(value, Decimal) else value.base
        for tier in getattr(value, "tiers", ()):
            if bound is not None and tier.start <= bound:
                usd = tier.price
        rates[unit.name] = Fraction(usd) * PUSD_PER_USD / unit.per
    return rates


def _probes(stated: Mapping[str, Any]) -> Sequence[Usage]:
    audio = any("audio" in key and key.endswith("_mtok") for key in stated)
    return [probe for probe in _PROBES if audio or not probe.audio_prompt_tokens]


def _counts(usage: Usage, stated: Mapping[str, Any]) -> object:
    """Return a call's usage in the words of genai-prices; parts without a price are left out."""
    from genai_prices import Usage as Counts  # noqa: PLC0415 - 0.4 s, only when a price is needed

    write = usage.cache_write_tokens
    parts = {
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": write,
        "cache_write_5m_tokens": None if write is None else write - (usage.cache_write_1h_tokens or 0),
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.audio_prompt_tokens,
        "output_audio_tokens": usage.audio_completion_tokens,
        "cache_audio_read_tokens": usage.audio_cache_read_tokens,
    }
    priced = {unit.counted_as for key, unit in _UNITS.items() if key in stated}
    given = {name: count for name, count in parts.items() if count is not None and name in priced}
    return Counts(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens, **given)


class _Reference:
    """The card that asks genai-prices itself: slow, and right by definition."""

    __slots__ = ("_calc_price", "window")

    def __init__(self, calc_price: Callable[[Usage], Decimal], window: Window) -> None:
        self._calc_price = calc_price
        self.window = window

    def cost_pusd(self, usage: Usage) -> int | None:
        """Price a call in picodollars; ``None`` is unknown."""
        sides = known_sides(usage, prices_input=True, prices_output=True)
        if sides is None:
            return None
        try:
            usd = self._calc_price(usage._replace(prompt_tokens=sides[0], completion_tokens=sides[1]))
        except ValueError:  # the counts contradict each other
            return None
        return round(Fraction(usd) * PUSD_PER_USD)
