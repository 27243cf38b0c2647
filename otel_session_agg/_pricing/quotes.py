"""Find the prices of a row of the table at a time, under the terms of a call.

In this order: a correction takes the row's place, the terms choose among the row's variants
(service tier, batch, speed), the fee for a request follows the size of the search, and a region
makes tokens dearer.

What the terms decide:

- The tier that the answer names beats the requested one; ``auto`` and the like stand for the
  standard one.
- Terms that the table distinguishes have its price.  The table has such prices only since the day
  on which they were added to it; an earlier call pays the same as long as the standard price was
  the same.
- A batch at OpenAI and Anthropic that has no price of its own costs half of the standard one,
  tokens only.
- Any other tier without a price is unknown, and so are two such terms at once.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from otel_session_agg._model.span import Terms
from otel_session_agg._pricing.corrections import REQUEST_FEES, corrections_of
from otel_session_agg._pricing.rate_card import ALWAYS, Window
from otel_session_agg._pricing.regions import UPLIFT_EDGES, uplift
from otel_session_agg._pricing.rows import Row, find_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from genai_prices.types import ModelInfo, PriceVariant, Provider

    from otel_session_agg._pricing.corrections import Correction

__all__ = ["PriceTerms", "Quote", "quote", "stated"]

_STANDARD_TIERS = frozenset({
    "", "auto", "default", "normal", "none", "null", "on-demand", "on_demand", "ondemand",
    "standard", "standard_only", "traffic_type_unspecified", "unspecified",
})  # fmt: skip
_PLAIN_NAMES = {
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
    "service_tier_flex": "flex",
    "service_tier_priority": "priority",
    "service_tier_standard": "standard",
    "batch_api": "batch",
}
"""Other names of tiers: Vertex AI's traffic types and the enums of Google's SDK."""

_TIER_CONTEXTS = {"batch": {"processing": "batch"}, "fast": {"speed": "fast"}}
"""Contexts that genai-prices has for a tier, besides ``service_tier``."""

_HALF_PRICE_BATCHES = frozenset({"openai", "anthropic"})
"""https://platform.openai.com/docs/guides/batch,
https://platform.claude.com/docs/en/build-with-claude/batch-processing."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_NS = 86_400 * 10**9
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Used instead of the application's own context, which may round to a few digits."""

_LOW = "low"
_REQUEST_FEE = "requests_kcount"


class PriceTerms(NamedTuple):
    """What a price depends on besides row and time."""

    name: str = ""
    """The model's name as the seller writes it."""
    contexts: tuple[Mapping[str, str], ...] = ()
    """Terms that are not the standard ones, as contexts of genai-prices."""
    region: str | None = None
    search_context: str = _LOW
    output_type: str = ""

    @classmethod
    def of(
        cls, name: str, service_tier: str | None, terms: Terms | None, region: str | None
    ) -> PriceTerms:
        """Return the terms of a call."""
        terms = terms or Terms()
        tier = _tier(service_tier) if (service_tier or "").strip() else _tier(terms.requested_tier)
        contexts: list[Mapping[str, str]] = []
        if tier:
            contexts.append({"service_tier": tier, **_TIER_CONTEXTS.get(tier, {})})
        if _tier(terms.speed) and tier != "fast":
            contexts.append({"speed": _tier(terms.speed)})
        if (terms.batch or "").lower() == "true" and tier != "batch":
            contexts.append(_TIER_CONTEXTS["batch"])
        search_context = (terms.search_context or _LOW).strip().lower()
        output_type = (terms.output_type or "").strip().lower()
        return cls(name, tuple(contexts), region, search_context, output_type)


class Quote(NamedTuple):
    """The prices of a row, and the times that they are valid for."""

    prices: Mapping[str, Any] | None
    """By genai-prices' names; ``None``: unknown."""
    window: Window
    source: str
    """The source of a correction of the table, or empty."""
    row: Row


def _tier(name: str | None) -> str:
    """Return the plain name of a tier; empty is the standard one."""
    plain = (name or "").strip().lower()
    plain = _PLAIN_NAMES.get(plain, plain)
    return "" if plain in _STANDARD_TIERS else plain


def quote(providers: Sequence[Provider], row: Row, at_ns: int, terms: PriceTerms) -> Quote:
    """Return the prices of a row at a time, under the terms of a call.

    Raises:
        OverflowError: The time is out of range.

    """
    moment = _EPOCH + timedelta(microseconds=at_ns // 1000)
    rows = tuple(corrections_of(row.provider.id, terms.name))
    edges = [edge for one in rows for edge in (one.since, one.until) if edge is not None]
    if terms.region is not None:
        edges += UPLIFT_EDGES
    with_variants = bool(terms.contexts)
    window = _window(_constraints(row.model, with_variants=with_variants), edges, at_ns)
    correction = next((one for one in rows if _applies(one, row.model, moment)), None)
    source = ""
    if correction is not None:
        source = correction.source
        other = find_row(providers, row.provider, correction.sold_as) if correction.sold_as else row
        if not isinstance(other, Row):
            return Quote(None, window, source, row)
        row = other
        window = _window(_constraints(row.model, with_variants=with_variants), edges, at_ns)
    standard = dict(correction.prices) if correction is not None and correction.prices else None
    prices = _under_terms(row, moment, terms, standard)
    if prices is not None:
        prices, fee_source = _with_fee(row, prices, terms)
        source = source or fee_source
    if prices is not None and terms.region is not None:
        factor = uplift(row.provider.id, row.model.id, terms.region, moment)
        prices = None if factor is None else _all_times(prices, factor)
    return Quote(prices, window, source, row)


def _applies(correction: Correction, model: ModelInfo, moment: datetime) -> bool:
    if moment < correction.since or (correction.until is not None and moment >= correction.until):
        return False
    table = vars(model.get_prices(moment))
    pair = (_amount(table.get("input_mtok")), _amount(table.get("output_mtok")))
    return pair in {(Decimal(given), Decimal(got)) for given, got in correction.wrong}


def _amount(price: object) -> object:
    return getattr(price, "base", price)


def stated(price: object) -> dict[str, Any]:
    """Return the prices that are set, by genai-prices' names."""
    fields = vars(price).items()
    return {key: value for key, value in fields if value is not None and not key.startswith("_")}


def _under_terms(
    row: Row, moment: datetime, terms: PriceTerms, standard: dict[str, Any] | None
) -> dict[str, Any] | None:
    table = stated(row.model.get_prices(moment)) if standard is None else standard
    if not terms.contexts:
        return table
    if len(terms.contexts) > 1:
        return None
    context = terms.contexts[0]
    # prices of another provider's list have no variants
    if standard is None and any(row.model is own for own in row.provider.models):
        since = _variant_moment(row.model, moment, context)
        if since is not None:
            return stated(row.model.get_prices(since, context))
    if context.get("processing") == "batch" and row.provider.id in _HALF_PRICE_BATCHES:
        return _all_times(table, Decimal("0.5"))
    return None


def _variant_moment(
    model: ModelInfo, moment: datetime, context: Mapping[str, str]
) -> datetime | None:
    """Return a time at which the table has the variant of a context, or ``None``.

    It is the time itself, or the variant's first day if the standard price has not changed until
    then.
    """
    variants: Sequence[PriceVariant] = getattr(model, "price_variants", None) or ()
    fitting = [
        variant
        for variant in variants
        if all(context.get(key) == value for key, value in variant.when.items())
    ]
    constraints = [variant.constraint for variant in fitting]
    if any(constraint is None or constraint.active(moment) for constraint in constraints):
        return moment
    days = [getattr(constraint, "start_date", None) for constraint in constraints]
    starts = [day for day in days if isinstance(day, date)]
    if not starts:
        return None
    first = datetime.combine(min(starts), time(), timezone.utc)
    if first <= moment or stated(model.get_prices(first)) != stated(model.get_prices(moment)):
        return None
    return first


def _with_fee(
    row: Row, prices: dict[str, Any], terms: PriceTerms
) -> tuple[dict[str, Any] | None, str]:
    """Return prices with the fee for the search's size, or ``None``, and the fee's source."""
    fees = REQUEST_FEES.get((row.provider.id, row.model.id))
    if fees is None or prices.get(_REQUEST_FEE) != fees.table:
        return prices, ""
    fee = fees.by_size.get(terms.search_context)
    return (None if fee is None else {**prices, _REQUEST_FEE: fee}), fees.source


def _all_times(prices: Mapping[str, Any], factor: Decimal | Fraction) -> dict[str, Any]:
    """Return prices with those of tokens multiplied; fees stay."""
    exact = Fraction(factor)
    return {
        key: _times(price, exact) if key.endswith("_mtok") else price
        for key, price in prices.items()
    }


def _times(price: Any, factor: Fraction) -> Any:
    if isinstance(price, Decimal):
        product = _EXACT.multiply(price, factor.numerator)
        return _EXACT.divide(product, Decimal(factor.denominator))
    tiers = [(tier, _times(tier.price, factor)) for tier in price.tiers]
    return type(price)(
        base=_times(price.base, factor),
        tiers=[type(tier)(start=tier.start, price=product) for tier, product in tiers],
    )


def _constraints(model: ModelInfo, *, with_variants: bool) -> Iterator[object]:
    if isinstance(model.prices, list):
        yield from (conditional.constraint for conditional in model.prices)
    if with_variants:
        yield from (variant.constraint for variant in getattr(model, "price_variants", None) or ())


def _window(constraints: Iterable[object], moments: Iterable[datetime], at_ns: int) -> Window:
    """Return the window around ``at_ns`` in which no constraint changes, and without a moment."""
    today = at_ns // _DAY_NS * _DAY_NS
    edges = list(ALWAYS)
    edges += ((moment - _EPOCH) // timedelta(microseconds=1) * 1000 for moment in moments)
    for constraint in constraints:
        if constraint is None:
            continue
        start_date = getattr(constraint, "start_date", None)
        ends = [getattr(constraint, name, None) for name in ("start_time", "end_time")]
        times = [value for value in ends if isinstance(value, time)]
        if isinstance(start_date, date):
            edges.append((start_date - _EPOCH.date()).days * _DAY_NS)
        elif len(times) == len(ends):
            days = [today + day * _DAY_NS for day in (-1, 0, 1)]
            edges += [day + _time_of_day_ns(value) for value in times for day in days]
        else:  # a kind of constraint this version does not know: valid for this moment only
            return Window(at_ns, at_ns + 1)
    since = max(edge for edge in edges if edge <= at_ns)
    return Window(since, min(edge for edge in edges if edge > at_ns))


def _time_of_day_ns(value: time) -> int:
    local = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
    since = datetime.combine(_EPOCH.date(), local) - _EPOCH
    return since // timedelta(microseconds=1) * 1000 % _DAY_NS
