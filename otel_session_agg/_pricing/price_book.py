"""Price a call, in whole picodollars.

The order: the user's own prices, then the price table of genai-prices at the call's own time, each
for the response model first and then for the request model; else the cost is unknown.  Unknown is
``None`` and never 0, and a cost that may be wrong counts as unknown.

The sum of several calls, which an agent's span states, is priced as such: it is unknown where a
price depends on the length of each call, which the sum does not show
(``RateCard.cost_of_sum_pusd``).

How it stays fast.  A price is found once for everything that it depends on (provider, model names,
server address, service tier, further terms) and kept as a rate card that multiplies whole numbers.
A card knows the window of time that it is valid for, because prices change at dates and times of
day; up to ``MAX_WINDOWS`` are kept side by side.  Models that were not found are remembered too, so
that an unknown model costs no more time than a known one.

How it stays small.  Names come from the application's users.  Cards are kept for the last
``MAX_CARDS`` to twice as many of them.  Names longer than ``MAX_NAME_LENGTH`` are no model's name.

genai-prices takes 0.4 s to import, so that happens when its first price is needed.  If its prices
are replaced while running (its updater, or a custom snapshot), every card is forgotten.  There is
no lock: all state can be rebuilt, and each step on it is one operation on a dict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_session_agg._collections.recent import Recent
from otel_session_agg._model.span import CALLS, Usage
from otel_session_agg._pricing.catalogue import TABLE_FAILURES, card_of, find_quote
from otel_session_agg._pricing.modalities import with_output_type
from otel_session_agg._pricing.origins import (
    BROKEN,
    NO_MODEL,
    NO_NAME,
    NO_TIME,
    OWN,
    TOO_LONG,
    Origin,
    Priced,
    origin_of,
)
from otel_session_agg._pricing.overrides import ModelPrice, Overrides, PriceTier, names_of
from otel_session_agg._pricing.providers import clean
from otel_session_agg._pricing.rate_card import UnknownCard, Window
from otel_session_agg._pricing.regions import shortened
from otel_session_agg._threads.imports import imports
from otel_session_agg._untrusted.formatting import as_html, as_repr, counted, short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from genai_prices import UpdatePrices
    from genai_prices.data_snapshot import DataSnapshot

    from otel_session_agg._model.span import Terms
    from otel_session_agg._trace.call import Call

__all__ = ["MAX_CARDS", "MAX_NAME_LENGTH", "MAX_WINDOWS", "ModelPrice", "PriceBook", "PriceTier"]

MAX_CARDS = 2048
"""Names that are remembered: far more than one application has models, at most a few MB."""

MAX_WINDOWS = 4
"""Windows kept for one name: enough for two prices a day around midnight, and for replays."""

MAX_NAME_LENGTH = 512
"""Characters of a model name; the longest real ones are resource names of about 200."""

_MAX_KEYS, _MAX_KEY_CHARS, _MAX_ROWS = 8, 40, 100
"""Keys of the user's own prices in ``repr``, characters of each, and rows in HTML."""

_BASE_SLASHES = 4
"""Slashes of a base address, ``https://host/v1/``; longer ones are those of calls."""

_UNKNOWN = UnknownCard()

Key = tuple["str | None", "tuple[str, ...]", "str | None", "str | None", "Terms | None"]
"""Provider, models, server address, service tier, further terms."""


class PriceBook:
    """The user's own prices, then those of genai-prices.

    Args:
        overrides: Prices in USD per million tokens by a glob over ``model`` or ``provider/model``;
            see ``ModelPrice``.
        at_ns: Price every call as of this time, nanoseconds since the Unix epoch; ``None``: as of
            its own.

    Raises:
        SettingsError: A key or price is malformed.

    """

    def __init__(
        self,
        overrides: Mapping[str, ModelPrice | Mapping[str, Any]] | None = None,
        *,
        at_ns: int | None = None,
    ) -> None:
        self._overrides = Overrides({} if overrides is None else overrides)
        self.at_ns = at_ns
        self._cards: Recent[Key, tuple[Priced, ...]] = Recent(MAX_CARDS)
        self._get_snapshot: Callable[[], DataSnapshot] | None = None
        self._snapshot: DataSnapshot | None = None
        self._table_failed = False
        self._updater: UpdatePrices | None = None

    def __repr__(self) -> str:
        keys = self._overrides.keys
        shown = ", ".join(short(key, _MAX_KEY_CHARS) for key in keys[:_MAX_KEYS])
        listed = f": {shown}{', ...' if keys[_MAX_KEYS:] else ''}" if keys else ""
        own = counted(len(keys), "own price")
        return as_repr("PriceBook", [f"{own} before genai-prices{listed}"])

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        keys = self._overrides.keys[:_MAX_ROWS]
        rows = [(str(number), short(key)) for number, key in enumerate(keys, 1)]
        return as_html("PriceBook: own prices, as they are tried; then genai-prices", rows)

    def cost_pusd(  # noqa: PLR0913 -- everything that a price depends on
        self,
        *,
        provider: str | None,
        models: Sequence[str],
        usage: Usage,
        at_ns: int,
        server_address: str | None = None,
        service_tier: str | None = None,
        terms: Terms | None = None,
        num_calls: int | None = 1,
    ) -> int | None:
        """Return the cost of a call in picodollars (1e-12 USD), or ``None`` if it is unknown.

        It is rounded once, half to even.

        Args:
            provider: The provider as the span names it.
            models: The response model, then the request model, as far as the span names them.
            usage: The tokens of the call.
            at_ns: When the call was made, nanoseconds since the Unix epoch.
            server_address: The host or URL that was called.  It names the provider where the span
                does not.
            service_tier: The provider's name of the quality of service.  A tier that is not the
                standard one and has no price in the table makes the cost unknown; the user's own
                prices hold for every tier.
            terms: Further terms of the call.
            num_calls: How many calls the usage is the sum of; ``None``: unknown.

        """
        return self._cost_pusd(
            provider, tuple(models), usage, at_ns, server_address, service_tier, terms, num_calls
        )

    def _cost_pusd(  # noqa: PLR0913 -- names cost as much time as finding the price
        self,
        provider: str | None,
        models: tuple[str, ...],
        usage: Usage,
        at_ns: int,
        server_address: str | None,
        service_tier: str | None,
        terms: Terms | None,
        num_calls: int | None,
    ) -> int | None:
        """Return the cost of a call, as ``cost_pusd``."""
        if self.at_ns is not None:
            at_ns = self.at_ns
        get_snapshot = self._get_snapshot
        if get_snapshot is not None and get_snapshot() is not self._snapshot:
            self._use_snapshot(get_snapshot)
        if server_address is not None and server_address.count("/") > _BASE_SLASHES:
            server_address = shortened(server_address)
        key = (provider, models, server_address, service_tier, terms)
        if terms is not None and terms.output_type is not None:
            usage = with_output_type(usage, terms.output_type)
        for priced in self._cards.young.get(key, ()):
            card = priced.card
            window = card.window
            if window[0] <= at_ns < window[1]:
                break
        else:
            card = self.priced(key, at_ns).card
        return card.cost_pusd(usage) if num_calls == 1 else card.cost_of_sum_pusd(usage, num_calls)

    def start_updates(self) -> None:
        """Let genai-prices refresh its prices from the network, hourly, in a thread of its own.

        Raises:
            ImportError: genai-prices is not installed, or its HTTP client is not.

        """
        with imports:
            from genai_prices import UpdatePrices  # noqa: PLC0415 -- 0.4 s, only when needed

        if self._updater is None:
            self._updater = UpdatePrices()
        self._updater.start()

    def stop_updates(self) -> None:
        """Stop refreshing; the prices fetched so far stay in use."""
        if self._updater is not None:
            self._updater.stop()  # type: ignore[no-untyped-call]

    def _use_snapshot(self, get_snapshot: Callable[[], DataSnapshot]) -> None:
        self._cards = Recent(MAX_CARDS)
        self._snapshot = get_snapshot()

    def priced(self, key: Key, at_ns: int) -> Priced:
        """Return the card that calls are priced by at a time, and its entry; remember them."""
        address = key[2]
        if address is not None and address.count("/") > _BASE_SLASHES:
            key = (*key[:2], shortened(address), *key[3:])
        known = self._cards.get(key) or ()
        for one in known:
            if one.card.window[0] <= at_ns < one.card.window[1]:
                break
        else:
            one = self._find(key, at_ns)
            known = (one, *known[: MAX_WINDOWS - 1])
        texts = (key[0], *key[1], key[2], key[3], *(key[4] or ()))
        if all(len(text or "") <= MAX_NAME_LENGTH for text in texts):
            self._cards.put(key, known)
        return one

    def _find(self, key: Key, at_ns: int) -> Priced:
        """Look a key up: in the user's own prices, then in the table."""
        provider, models, server_address, service_tier, terms = key
        cut = [model[:MAX_NAME_LENGTH] for model in models if model]
        named = [model for model in cut if clean(model)]
        own = self._overrides.find([names_of(provider, model) for model in named or [""]])
        if own is not None:
            return Priced(own.card, Origin(OWN, own.key))
        if any(len(model or "") > MAX_NAME_LENGTH for model in models):
            return Priced(_UNKNOWN, TOO_LONG)
        if self._table_failed or not named:
            return Priced(_UNKNOWN, BROKEN if named else NO_NAME)
        try:
            with imports:  # genai-prices has imports of its own, deep inside
                found = find_quote(
                    self._loaded_snapshot(), named, at_ns, provider=provider,
                    server_address=server_address, service_tier=service_tier, terms=terms,
                )  # fmt: skip
                if found is None:
                    return Priced(_UNKNOWN, NO_MODEL)
                card = card_of(*found)
                return Priced(card, origin_of(found[0], card))
        except OverflowError:  # not a time
            return Priced(UnknownCard(Window(at_ns, at_ns + 1)), NO_TIME)
        except TABLE_FAILURES:
            return Priced(_UNKNOWN, BROKEN)

    def _loaded_snapshot(self) -> DataSnapshot:
        if self._snapshot is None:
            try:
                # 0.4 s, only when a price is needed
                from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

                self._snapshot = get_snapshot()
            except TABLE_FAILURES:
                self._table_failed = True
                raise
            self._get_snapshot = get_snapshot
        return self._snapshot


def cost_of(prices: PriceBook, call: Call) -> int | None:
    """Return the cost of a call in picodollars, or ``None`` if it is unknown."""
    models = call.response_models + call.request_models  # as Call.models
    usage = call.usage or Usage()
    # else the sum of several calls, whose number may be unknown
    num_calls = 1 if call.kind in CALLS else call.model_events or None
    if type(prices) is PriceBook:
        return prices._cost_pusd(  # noqa: SLF001 -- without names
            call.provider,
            models,
            usage,
            call.start_ns,
            call.server_address,
            call.service_tier,
            call.terms,
            num_calls,
        )
    more: dict[str, Any] = {} if call.terms is None else {"terms": call.terms}
    if num_calls != 1:
        more["num_calls"] = num_calls
    cost = prices.cost_pusd(
        provider=call.provider,
        models=models,
        usage=usage,
        at_ns=call.start_ns,
        server_address=call.server_address,
        service_tier=call.service_tier,
        **more,
    )
    # a user's own book may return anything; money is whole
    return cost if isinstance(cost, int) else None
