"""From prices to money: one rate card, whole-number arithmetic, one rounding.

A price list says what a *kind* of token costs; a call says how many tokens of overlapping kinds it had (cache reads are
part of the prompt, cached audio is part of both).  Both are brought together by inclusion and exclusion: every count of
a call gets a weight, "the rate of this part less the rate it already paid as part of its whole", so that the price of a
call is a plain sum of count times weight.  The weights are integers in a unit that is fixed for each card, small enough
that no price is rounded; the sum is rounded to picodollars once, half to even.

The rules of a card

- A part without a price of its own pays what its whole pays.
- A part that exceeds its whole makes the cost unknown: the counts contradict each other.
- A tier applies when the whole prompt, cached tokens included, is *greater* than its bound; it then sets the rates of
  the whole call.
- A side (prompt, completion) that is not stated is the total less the other side, if the total is stated and no cached
  tokens blur it; or 0 if the card has no price for that side; otherwise the cost is unknown.
- A *complete* card is one whose silence means "nothing to pay".  On any other card, tokens without a rate make the cost
  unknown.
"""

from __future__ import annotations

from math import lcm
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    from otel_session_agg._model import Usage

__all__ = ["ALWAYS", "PRICE_NAMES", "PUSD_PER_USD", "Card", "RateCard", "UnknownCard", "Window", "known_sides"]

PUSD_PER_USD = 10**12
"""Picodollars in a dollar."""

PRICE_NAMES = frozenset(
    {
        "input",
        "output",
        "cache_read",
        "cache_write",
        "cache_write_5m",
        "cache_write_1h",
        "audio_input",
        "audio_output",
        "audio_cache_read",
        "reasoning",
        "request",
    }
)
"""What a card can price: kinds of tokens, and ``request``, a fixed charge for each call."""

_STANDS_IN = {
    "cache_read": ("input",),
    "cache_write": ("input",),
    "cache_write_5m": ("cache_write", "input"),
    "cache_write_1h": ("cache_write", "input"),
    "audio_input": ("input",),
    "audio_cache_read": ("cache_read", "audio_input", "input"),
    "audio_output": ("output",),
    "reasoning": ("output",),
}
"""Whose rate a part pays that has none of its own, best first."""

_INPUT_NAMES = frozenset({"input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h"}) | {
    "audio_input",
    "audio_cache_read",
}
_OUTPUT_NAMES = frozenset({"output", "audio_output", "reasoning"})

_CELLS = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "audio_cache_read",
    "output",
    "audio_output",
)
"""The kinds of token that do not overlap, in the order of :func:`_cells`."""


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


class UnknownCard:
    """The card of a model that has no price at that time."""

    __slots__ = ("window",)

    def __init__(self, window: Window = ALWAYS) -> None:
        self.window = window

    def cost_pusd(self, usage: Usage) -> int | None:  # noqa: ARG002 - the interface of Card
        """Return ``None``: unknown."""
        return None


_Weights = tuple[int, int, int, int, int, int, int, int, int, tuple[int, ...]]
"""Of prompt, completion, cache read, cache write, 1 h write, reasoning, audio prompt, audio completion, cached audio;
then the cells without a rate."""


def _rate(prices: Mapping[str, Fraction], name: str) -> Fraction | None:
    for candidate in (name, *_STANDS_IN.get(name, ())):
        if candidate in prices:
            return prices[candidate]
    return None


def _weights(prices: Mapping[str, Fraction], scale: int, *, complete: bool) -> _Weights:
    def rate(name: str) -> int:
        return int((_rate(prices, name) or 0) * scale)

    plain, out = rate("input"), rate("output")
    read, write, audio = rate("cache_read"), rate("cache_write_5m"), rate("audio_input")
    lacking = () if complete else tuple(i for i, name in enumerate(_CELLS) if _rate(prices, name) is None)
    return (
        plain,
        out,
        read - plain,
        write - plain,
        rate("cache_write_1h") - write,
        rate("reasoning") - out,
        audio - plain,
        rate("audio_output") - out,
        rate("audio_cache_read") - read - audio + plain,
        lacking,
    )


def _cells(usage: Usage, prompt: int, completion: int) -> tuple[int, ...]:
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    write_1h = usage.cache_write_1h_tokens or 0
    audio_in, audio_out = usage.audio_prompt_tokens or 0, usage.audio_completion_tokens or 0
    audio_read = usage.audio_cache_read_tokens or 0
    return (
        prompt - read - write - audio_in + audio_read,
        read - audio_read,
        write - write_1h,
        write_1h,
        audio_in - audio_read,
        audio_read,
        completion - audio_out,
        audio_out,
    )


def known_sides(usage: Usage, *, prices_input: bool, prices_output: bool) -> tuple[int, int] | None:
    """Return prompt and completion tokens of a call that may not state both, or ``None`` when they are unknown."""
    prompt, completion, total = usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    if prompt is not None and completion is not None:
        return prompt, completion
    known = completion if prompt is None else prompt
    if known is None:
        return None
    if total is not None:
        rest = total - known
        # a prompt that leaves out its cached tokens would have them counted, and paid, as the other side
        if rest < 0 or (rest and (usage.cache_read_tokens or usage.cache_write_tokens)):
            return None
    elif prices_input if prompt is None else prices_output:
        return None
    else:
        rest = 0
    return (rest, known) if prompt is None else (known, rest)


class RateCard:
    """Prices, ready to be multiplied.

    Args:
        prices: Picodollars for each token (``request``: for each call) by a name of :data:`PRICE_NAMES`.
        tiers: ``(above_tokens, prices)``; each is a whole table, nothing is inherited from ``prices``.
        complete: What has no rate costs nothing, instead of making the cost unknown.
        audio_read_needed: Cost is unknown when audio and cache reads are stated, but not the cache reads of audio.
        window: The times this card is valid for.

    """

    __slots__ = ("_audio_leaf", "_base", "_prices_input", "_prices_output", "_request", "_scale", "_tiers", "window")

    def __init__(
        self,
        prices: Mapping[str, Fraction],
        tiers: Sequence[tuple[int, Mapping[str, Fraction]]] = (),
        *,
        complete: bool,
        audio_read_needed: bool = False,
        window: Window = ALWAYS,
    ) -> None:
        tables = [prices, *(table for _, table in tiers)]
        named = frozenset().union(*tables)
        self._scale = lcm(*(rate.denominator for table in tables for rate in table.values()))
        self._request = int(prices.get("request", 0) * self._scale)
        self._base = _weights(prices, self._scale, complete=complete)
        weights = [(above, _weights(table, self._scale, complete=complete)) for above, table in tiers]
        self._tiers = tuple(sorted(weights))
        self._prices_input = bool(named & _INPUT_NAMES)
        self._prices_output = bool(named & _OUTPUT_NAMES)
        self._audio_leaf = (
            "audio_input" in named,
            "cache_read" in named,
            bool(named & {"cache_write", "cache_write_5m", "cache_write_1h"}),
            audio_read_needed,
        )
        self.window = window

    def cost_pusd(self, usage: Usage) -> int | None:  # noqa: C901, PLR0912 - the hot path: no calls
        """Price a call in picodollars, rounded once, half to even; ``None`` is unknown."""
        prompt, completion, _, read, write, write_1h, reasoning, audio_in, audio_out, audio_read = usage
        if prompt is None or completion is None:
            sides = known_sides(usage, prices_input=self._prices_input, prices_output=self._prices_output)
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
            amount += (audio_in or 0) * weights[6] + (audio_out or 0) * weights[7] + (audio_read or 0) * weights[8]
        if weights[9]:
            cells = _cells(usage, prompt, completion)
            if any(cells[i] for i in weights[9]):
                return None
        scale = self._scale
        if scale == 1:
            return amount
        cost, rest = divmod(amount, scale)
        return cost + 1 if 2 * rest + (cost & 1) > scale else cost

    def _audio_contradicts(self, usage: Usage, prompt: int, completion: int) -> bool:
        audio_in, audio_read = usage.audio_prompt_tokens or 0, usage.audio_cache_read_tokens or 0
        read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        if audio_in > prompt or (usage.audio_completion_tokens or 0) > completion or audio_read > min(audio_in, read):
            return True
        audio_priced, read_priced, write_priced, read_needed = self._audio_leaf
        if not audio_priced:
            return False
        if read_needed and audio_in and read and usage.audio_cache_read_tokens is None:
            return True
        parts = audio_in + (read - audio_read if read_priced else 0) + (write if write_priced else 0)
        return parts > prompt
