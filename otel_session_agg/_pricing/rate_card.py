"""Turn prices into money: one rate card, whole-number arithmetic, one rounding.

The price of a call is a sum of its counts times their weights (``weights.py``), integers in a unit
in which no price of the card is rounded; the sum is rounded to picodollars once, half to even.

The rules of a card:

- A part without a price of its own pays what its whole pays.
- A part that exceeds its whole makes the cost unknown: the counts contradict each other.  So does
  a total beyond prompt and completion: it has tokens of which nobody says what they are.
- A tier applies when the whole prompt, cached tokens included, is *greater* than its bound; it then
  sets the rates of the whole call.
- A side (prompt, completion) that is not stated is the total less the other side, if the total is
  stated and there are no cached tokens, which it might exclude; or 0 if the card has no price for
  that side; otherwise the cost is unknown.
- A call that may have audio or images at a price of their own must state how many.  A call of a
  model that is made for them, without a known price, must state that it had none.
- Searches that are billed by number need a price.
- Of the sum of several calls, the tier is known only if the sum is below all bounds, and a charge
  for each call needs their number.
- On a *complete* card, tokens without a rate cost nothing; on any other, they make the cost
  unknown.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
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

__all__ = ["ALWAYS", "Card", "RateCard", "UnknownCard", "Window"]


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Window(NamedTuple):
    """The times that a card is valid for: ``from_ns <= at_ns < until_ns``, Unix nanoseconds."""

    from_ns: int
    until_ns: int

    def moments(self) -> tuple[datetime | None, datetime | None]:
        """Return both in UTC; ``None`` where it is open, or at no time that there can be."""
        return _moment(self.from_ns), _moment(self.until_ns)


ALWAYS = Window(-(1 << 100), 1 << 100)


def _moment(edge_ns: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=edge_ns // 1000)
    except OverflowError:
        return None


class Card(Protocol):
    """A price that was looked up: valid for a window of time, able to price calls."""

    window: Window

    def cost_pusd(self, usage: Usage) -> int | None:
        """Return the cost of a call in picodollars, or ``None`` if it is unknown."""

    def cost_of_sum_pusd(self, usage: Usage, num_calls: int | None) -> int | None:
        """Return the cost of the sum of several calls; ``None`` calls are an unknown number."""


class UnknownCard:
    """The card of a model that has no price at that time."""

    __slots__ = ("window",)

    def __init__(self, window: Window = ALWAYS) -> None:
        self.window = window

    def cost_pusd(self, usage: Usage) -> int | None:  # noqa: ARG002 -- the interface of Card
        """Return ``None``: unknown."""
        return None

    def cost_of_sum_pusd(
        self,
        usage: Usage,  # noqa: ARG002 -- the interface of Card
        num_calls: int | None,  # noqa: ARG002 -- the interface of Card
    ) -> int | None:
        """Return ``None``: unknown."""
        return None


class RateCard:
    """Prices of a model, as weights that are ready to be multiplied.

    Args:
        prices: Picodollars for each token (``request``: for each call) by name: kinds of tokens
            (``INPUT_NAMES``, ``OUTPUT_NAMES``), ``request``, ``web_search``.
        tiers: ``(above_tokens, prices)``; each is a whole table that inherits nothing from
            ``prices``.
        complete: Tokens without a rate cost nothing, instead of making the cost unknown.
        audio_read_needed: The cost is unknown when audio and cache reads are stated, but not the
            cache reads of audio.
        needed: Fields of a call that must be stated, if it has any tokens on that side.
        absent: Fields of a call that must be stated as 0, if it has any tokens on that side.
        search_once: All searches of a call cost as much as one.
        window: The times this card is valid for.

    """

    __slots__ = (
        "_audio_leaf", "_base", "_conditions", "_image_priced", "_prices_input", "_prices_output",
        "_request", "_scale", "_search", "_search_once", "_tiers", "prices", "tiers", "window",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 -- the parts of a price list
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
        # a charge for each call includes its searches
        search = prices.get("web_search", 0 if "request" in prices else None)
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

    # on the path of every call, so it calls nothing
    def cost_pusd(self, usage: Usage) -> int | None:  # noqa: C901, PLR0912
        """Return the cost of a call in picodollars, or ``None`` if it is unknown.

        It is rounded once, half to even.
        """
        (
            prompt, completion, total, read, write, write_1h, reasoning, audio_in, audio_out,
            audio_read, image_in, image_out, searches, other_models,
        ) = usage  # fmt: skip
        if prompt is None or completion is None:
            sides = self.sides(usage)
            if sides is None:
                return None
            prompt, completion = sides
        weights = self._base
        for above, tier in self._tiers:
            if prompt > above:
                weights = tier
        if total is not None and total > prompt + completion and (weights[0] or weights[1]):
            return None
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
        if other_models or (self._conditions and self._is_vague(usage, prompt, completion)):
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

    def sides(self, usage: Usage) -> tuple[int, int] | None:
        """Return the prompt and the completion that are priced, or ``None`` if one is unknown."""
        return known_sides(
            usage, prices_input=self._prices_input, prices_output=self._prices_output
        )

    def table(self, prompt: int) -> tuple[int | None, Mapping[str, Fraction]]:
        """Return the prices of a call with so long a prompt, and the bound of their tier."""
        found: tuple[int | None, Mapping[str, Fraction]] = (None, self.prices)
        for above, prices in self.tiers:
            if prompt > above:
                found = (above, prices)
        return found

    @property
    def search_once(self) -> bool:
        """Whether all searches of a call cost as much as one."""
        return self._search_once

    def cost_of_sum_pusd(self, usage: Usage, num_calls: int | None) -> int | None:
        """Return the cost of the sum of several calls; ``None`` calls are an unknown number."""
        if num_calls == 1:
            return self.cost_pusd(usage)
        if self._search_once and usage.web_searches:
            return None
        if self._tiers:
            sides = self.sides(usage)
            if sides is None or sides[0] > self._tiers[0][0]:
                return None  # any of the calls may have crossed the bound, or none
        if not self._request:
            return self.cost_pusd(usage)
        cost = self.cost_pusd(usage) if num_calls else None
        if cost is None or not num_calls:
            return None
        return cost + round(self.prices["request"] * (num_calls - 1))

    def _is_vague(self, usage: Usage, prompt: int, completion: int) -> bool:
        """Return whether a count is not stated that the card needs."""
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
        audio_out, reasoning = usage.audio_completion_tokens or 0, usage.reasoning_tokens or 0
        if image_out + audio_out + reasoning > completion:
            return True
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        # how much of the images was cached is not stated
        return bool(self._image_priced and image_in and cached)

    def _audio_contradicts(self, usage: Usage, prompt: int, completion: int) -> bool:
        audio_in, audio_read = usage.audio_prompt_tokens or 0, usage.audio_cache_read_tokens or 0
        read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        audio_out = usage.audio_completion_tokens or 0
        if audio_in > prompt or audio_out > completion or audio_read > min(audio_in, read):
            return True
        audio_priced, read_priced, write_priced, read_needed = self._audio_leaf
        if not audio_priced:
            return False
        if read_needed and audio_in and read and usage.audio_cache_read_tokens is None:
            return True
        cached = (read - audio_read if read_priced else 0) + (write if write_priced else 0)
        return audio_in + cached > prompt
