"""Take the price of a call apart: what each kind of token cost, by the card that priced it.

The parts are those of the card's own arithmetic (``weights.py``): counts by kinds that do not
overlap, each at the price that it pays.  They are exact; only their sum is rounded, once, and that
is the price.  A price that cannot be taken apart so (of genai-prices itself, or of an application's
own book) is one part.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from otel_session_agg._model.span import CALLS, Usage
from otel_session_agg._pricing.modalities import with_output_type
from otel_session_agg._pricing.origins import OWN, Origin, Priced
from otel_session_agg._pricing.price_book import PriceBook, cost_of
from otel_session_agg._pricing.rate_card import ALWAYS, Card, RateCard, Window
from otel_session_agg._pricing.weights import CELLS, cells_of, price_name
from otel_session_agg._untrusted.values import PUSD_PER_USD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_session_agg._trace.call import Call

__all__ = ["WHOLE", "CallPrices", "PriceOfCall", "PricePart"]

_OTHER_BOOK = Origin(OWN, "of the application's price book")
WHOLE = "whole call"
"""The name of the only part of a price that cannot be taken apart."""
_OUTPUT, _REASONING, _REQUEST, _SEARCH = "output", "reasoning", "request", "web_search"


class PricePart(NamedTuple):
    """A kind of token, or of charge, of one call or of several alike."""

    name: str
    """As the user's own prices name it: ``input``, ``cache_read``, ``request`` ..."""
    number: int
    """Tokens; of ``request`` and ``web_search`` how many."""
    rate_pusd: Fraction
    """Picodollars for each."""

    @property
    def cost_pusd(self) -> Fraction:
        """The exact cost in picodollars."""
        return self.number * self.rate_pusd

    @property
    def cost_usd(self) -> float:
        """The cost in USD."""
        return float(self.cost_pusd / PUSD_PER_USD)


class PriceOfCall(NamedTuple):
    """How one call is priced."""

    cost_pusd: int | None
    """The sum of the parts, rounded once, half to even; ``None``: unknown."""
    origin: Origin
    """The entry of the price list, or why there is none."""
    parts: tuple[PricePart, ...] = ()
    above_tokens: int | None = None
    """The bound of the tier, where prices of longer prompts apply."""
    window: Window = ALWAYS
    """When these prices hold."""
    reason: str = ""
    """Why an entry has no price for the call, if the cost is unknown although there is one."""


class CallPrices:
    """How the calls of one explanation are priced, by the entries that the book remembers."""

    def __init__(self, prices: PriceBook) -> None:
        self.prices = prices

    def price_of(self, call: Call) -> PriceOfCall:
        """Return the price of a call, as ``cost_of`` has it, and what it consists of."""
        cost = cost_of(self.prices, call)
        card, origin = self._find(call)
        usage = call.usage or Usage()
        if call.terms is not None and call.terms.output_type is not None:
            usage = with_output_type(usage, call.terms.output_type)
        is_one = call.kind in CALLS or call.model_events == 1
        num_calls = 1 if is_one else call.model_events or None
        if card.cost_of_sum_pusd(usage, num_calls) != cost:
            return _whole(cost, _OTHER_BOOK)
        if cost is None:
            reason = "" if origin.table is None else _why_unknown(card, usage, num_calls)
            return PriceOfCall(None, origin, window=card.window, reason=reason)
        sides = card.sides(usage) if isinstance(card, RateCard) else None
        if not isinstance(card, RateCard) or sides is None:
            return _whole(cost, origin, card.window)
        above, table = card.table(sides[0])
        parts = _parts(table, usage, sides, num_calls or 1, search_once=card.search_once)
        if round(sum((part.cost_pusd for part in parts), Fraction(0))) != cost:
            return _whole(cost, origin, card.window)
        return PriceOfCall(cost, origin, parts, above, card.window)

    def _find(self, call: Call) -> Priced:
        key = (
            call.provider, call.models, call.server_address, call.service_tier, call.terms
        )  # fmt: skip
        at_ns = getattr(self.prices, "at_ns", None) or call.start_ns  # a user's own book has none
        return self.prices.priced(key, at_ns)


def _whole(cost: int | None, origin: Origin, window: Window = ALWAYS) -> PriceOfCall:
    parts = () if cost is None else (PricePart(WHOLE, 1, Fraction(cost)),)
    return PriceOfCall(cost, origin, parts, None, window)


def _parts(
    table: Mapping[str, Fraction],
    usage: Usage,
    sides: tuple[int, int],
    num_calls: int,
    *,
    search_once: bool,
) -> tuple[PricePart, ...]:
    """Return counts by the price that they pay; what has no price of its own pays its whole's."""
    cells = dict(zip(CELLS, cells_of(usage, *sides), strict=True))
    cells[_OUTPUT] -= usage.reasoning_tokens or 0
    cells[_REASONING] = usage.reasoning_tokens or 0
    counts: dict[str, int] = {}
    for name, tokens in cells.items():
        paid = price_name(table, name) or name
        counts[paid] = counts.get(paid, 0) + tokens
    if _REQUEST in table:
        counts[_REQUEST] = num_calls
    if usage.web_searches and _SEARCH in table:
        counts[_SEARCH] = 1 if search_once else usage.web_searches
    return tuple(
        PricePart(name, number, table.get(name, Fraction(0)))
        for name, number in counts.items()
        if number
    )


_OPTIONAL = (
    ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    ("reasoning_tokens",),
    ("audio_prompt_tokens", "audio_completion_tokens", "audio_cache_read_tokens"),
    ("image_prompt_tokens", "image_completion_tokens"),
    ("web_searches",),
    ("other_model_tokens",),
)
"""Counts of a call that can make its price unknown."""


def _why_unknown(card: Card, usage: Usage, num_calls: int | None) -> str:
    """Return why a card has no price for a call: what would have to be different for one."""
    if num_calls != 1 and card.cost_pusd(usage) is not None:
        return "the sum of several calls, each of which may have another price"
    missing = _not_stated(card, usage)
    if missing:
        return f"{' and '.join(missing)} would have to be stated"
    if card.cost_pusd(usage._replace(total_tokens=None)) is not None:
        return "its total has tokens beyond prompt and completion"
    for names in _OPTIONAL:
        stated = [name for name in names if getattr(usage, name)]
        if stated and card.cost_pusd(usage._replace(**dict.fromkeys(names))) is not None:
            return f"{' and '.join(stated)} contradict the rest, or have no price"
    if isinstance(card, RateCard) and card.sides(usage) is None:
        return "prompt or completion is not stated"
    return "its counts contradict each other, or have no price"


def _not_stated(card: Card, usage: Usage) -> list[str]:
    """Return the counts that are not stated, and without which there is no price."""
    missing = [name for name, count in usage._asdict().items() if count is None]
    filled = usage._replace(**dict.fromkeys(missing, 0))
    if card.cost_pusd(filled) is None:
        return []
    return [name for name in missing if card.cost_pusd(filled._replace(**{name: None})) is None]
