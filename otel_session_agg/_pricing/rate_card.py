"""From prices to money: one rate card, whole-number arithmetic, one rounding.

The price of a call is a sum of its counts times their weights (``_price_weights``).  The weights are integers in a unit
that is fixed for each card, small enough that no price is rounded; the sum is rounded to picodollars once, half to even.

The rules of a card

- A part without a price of its own pays what its whole pays.
- A part that exceeds its whole makes the cost unknown: the counts contradict each other.
- A tier applies when the whole prompt, cached tokens included, is *greater* than its bound; it then sets the rates of
  the whole call.
- A side (prompt, completion) that is not stated is the total less the other side, if the total is stated and no cached
  tokens blur it; or 0 if the card has no price for that side; otherwise the cost is unknown.
- A call that may have audio or images at a price of their own has to say how many; a model that is made for them, and whose
  price for them nobody knows, has to say that it had none.
- Searches that are billed by number need a price.
- Of the sum of several calls, no tier is known but that of a sum below all bounds, and a charge for each call needs their
  number.
- A *complete* card is one whose silence means "nothing to pay".  On any other card, tokens without a rate make the cost
  unknown.
"""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING, NamedTuple, Protocol

from otel_session_agg._pricing.weights import (
    INPUT_NAMES,
    INPUT_PARTS,
    OUTPUT_NAMES,
    cells_of,
    known_sides,
    weights_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from otel_session_agg._model.span import Usage

__all__ = ["ALWAYS", "PUSD_PER_USD", "Card", "RateCard", "UnknownCard", "Window"]

PUSD_PER_USD = 10**12
"""Picodollars in a dollar."""


class Window(NamedTuple):
    """The times a card is valid for: ``from_ns <= at_ns < until_ns``, nanoseconds since the Unix epoch."""

    from_ns: int
    until_ns: int


ALWAYS = Window(-(1 << 100), 1 << 100)


class Card(Protocol):
    """What a price is looked up as: valid for a while, and able to price a call."""

    window: Window

    def cost_pusd(self, usage: Usage) -> int | None:
        """Price a call in picodollars; ``None`` is unknown."""

    def cost_of_sum_pusd(self, usage: Usage, num_calls: int | None) -> int | None:
        """Price the sum of several calls, whose number may be unknown, in picodollars; ``None`` is unknown."""


class UnknownCard:
    """The card of a model that has no price at that time."""

    __slots__ = ("window",)

    def __init__(self, window: Window = ALWAYS) -> None:
        self.window = window

    def cost_pusd(self, usage: Usage) -> int | None:  # noqa: ARG002 - the interface of Card
        """Return ``None``: unknown."""
        return None

    def cost_of_sum_pusd(self, usage: Usage, num_calls: int | None) -> int | None:  # noqa: ARG002 - the interface of Card
        """Return ``None``: unknown."""
        return None


class RateCard:
    """Prices, ready to be multiplied.

    Args:
        prices: Picodollars for each token (``request``: for each call) by a name of :data:`PRICE_NAMES`.
        tiers: ``(above_tokens, prices)``; each is a whole table, nothing is inherited from ``prices``.
        complete: What has no rate costs nothing, instead of making the cost unknown.
        audio_read_needed: Cost is unknown when audio and cache reads are stated, but not the cache reads of audio.
        needed: Fields of a call that have to be stated, if it has any tokens on that side.
        absent: Fields of a call that have to be stated as 0, if it has any tokens on that side.
        search_once: All searches of a call cost as much as one.
        window: The times this card is valid for.

    """

    __slots__ = (
        "_audio_leaf", "_base", "_conditions", "_image_priced", "_prices_input", "_prices_output", "_request", "_scale", "_search", "_search_once",
        "_tiers", "prices", "tiers", "window",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - what a price list says
        self,
        prices: Mapping[str, Fraction],
        tiers: Sequence[tuple[int, Mapping[str, Fraction]]] = (),
        *,
        complete: bool,
        audio_read_needed: bool = False,
        needed: Sequence[str] = (),
        absent: Sequence[str] = (),
        search_once: bool = False,
        window: Window = ALWAYS,
    ) -> None:
        tables = [prices, *(table for _, table in tiers)]
        named = frozenset().union(*tables)
        self.prices = prices
        self.tiers = tuple(sorted(tiers, key=lambda tier: tier[0]))
        self._scale = lcm(*(rate.denominator for table in tables for rate in table.values()))
        self._request = int(prices.get("request", 0) * self._scale)
        search = prices.get(
            "web_search", 0 if "request" in prices else None
        )  # a charge for each call has its searches in it
        self._search = None if search is None else int(search * self._scale)
        self._search_once = search_once
        self._base = weights_of(prices, self._scale, complete=complete)
        self._tiers = tuple(
            (above, weights_of(table, self._scale, complete=complete))
            for above, table in self.tiers
        )
        self._prices_input = bool(named & INPUT_NAMES)
        self._prices_output = bool(named & OUTPUT_NAMES)
        self._audio_leaf = (
            "audio_input" in named,
            "cache_read" in named,
            bool(named & {"cache_write", "cache_write_5m", "cache_write_1h"}),
            audio_read_needed,
        )
        self._image_priced = "image_input" in named
        self._conditions = tuple(
            (name, name in INPUT_PARTS, zero)
            for names, zero in ((needed, False), (absent, True))
            for name in names
        )
        self.window = window

    def cost_pusd(self, usage: Usage) -> int | None:  # noqa: C901, PLR0912 - the hot path: no calls
        """Price a call in picodollars, rounded once, half to even; ``None`` is unknown."""
        (
            prompt, completion, _, read, write, write_1h, reasoning, audio_in, audio_out, audio_read, image_in, image_out,
            searches, others,
        ) = usage  # fmt: skip
        if prompt is None or completion is None:
            sides = known_sides(
                usage, prices_input=self._prices_input, prices_output=self._prices_output
            )
            if sides is None:
                return None
            prompt, completion = sides
        weights = self._base
        for above, tier in self._tiers:
            if prompt > above:
                weights = tier
        amount = self._request + prompt * weights[0] + completion * weights[1]
        if read or write or write_1h:
            read, write, write_1h = read or 0, write or 0, write_1h or 0
            if read + write > prompt or write_1h > write:
                return None
            amount += read * weights[2] + write * weights[3] + write_1h * weights[4]
        if reasoning:
            if reasoning > completion:
                return None
            amount += reasoning * weights[5]
        if audio_in or audio_out or audio_read:
            if self._audio_contradicts(usage, prompt, completion):
                return None
            amount += (
                (audio_in or 0) * weights[6]
                + (audio_out or 0) * weights[7]
                + (audio_read or 0) * weights[8]
            )
        if image_in or image_out:
            if self._images_contradict(usage, prompt, completion):
                return None
            amount += (image_in or 0) * weights[10] + (image_out or 0) * weights[11]
        if searches:
            if self._search is None:
                return None
            amount += self._search if self._search_once else searches * self._search
        if others or (self._conditions and self._is_vague(usage, prompt, completion)):
            return None
        if weights[9]:
            cells = cells_of(usage, prompt, completion)
            if any(cells[i] for i in weights[9]):
                return None
        scale = self._scale
        if scale == 1:
            return amount
        cost, rest = divmod(amount, scale)
        return cost + 1 if 2 * rest + (cost & 1) > scale else cost

    def cost_of_sum_pusd(self, usage: Usage, num_calls: int | None) -> int | None:
        """Price the sum of several calls, whose number may be unknown, in picodollars; ``None`` is unknown."""
        if num_calls == 1:
            return self.cost_pusd(usage)
        if self._search_once and usage.web_searches:
            return None
        if self._tiers:
            sides = known_sides(
                usage, prices_input=self._prices_input, prices_output=self._prices_output
            )
            if sides is None or sides[0] > self._tiers[0][0]:
                return None  # any of the calls may have crossed the bound, or none
        if not self._request:
            return self.cost_pusd(usage)
        cost = self.cost_pusd(usage) if num_calls else None
        return (
            None
            if cost is None or not num_calls
            else cost + round(self.prices["request"] * (num_calls - 1))
        )

    def _is_vague(self, usage: Usage, prompt: int, completion: int) -> bool:
        for name, is_input, zero in self._conditions:
            if prompt if is_input else completion:
                count: int | None = getattr(usage, name)
                if count is None or (zero and count):
                    return True
        return False

    def _images_contradict(self, usage: Usage, prompt: int, completion: int) -> bool:
        image_in, image_out = usage.image_prompt_tokens or 0, usage.image_completion_tokens or 0
        if image_in + (usage.audio_prompt_tokens or 0) > prompt:
            return True
        if (
            image_out + (usage.audio_completion_tokens or 0) + (usage.reasoning_tokens or 0)
            > completion
        ):
            return True
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        return bool(
            self._image_priced and image_in and cached
        )  # how much of the images was cached is not stated

    def _audio_contradicts(self, usage: Usage, prompt: int, completion: int) -> bool:
        audio_in, audio_read = usage.audio_prompt_tokens or 0, usage.audio_cache_read_tokens or 0
        read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        if (
            audio_in > prompt
            or (usage.audio_completion_tokens or 0) > completion
            or audio_read > min(audio_in, read)
        ):
            return True
        audio_priced, read_priced, write_priced, read_needed = self._audio_leaf
        if not audio_priced:
            return False
        if read_needed and audio_in and read and usage.audio_cache_read_tokens is None:
            return True
        parts = (
            audio_in + (read - audio_read if read_priced else 0) + (write if write_priced else 0)
        )
        return parts > prompt
