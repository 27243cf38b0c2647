"""Take prices as applications give them: a price book, or a mapping of models to prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_session_agg._pricing.price_book import ModelPrice, PriceBook
from otel_session_agg._untrusted.formatting import called


def prices_of(given: PriceBook | Mapping[str, ModelPrice | Mapping[str, Any]] | None) -> PriceBook:
    """Return a price book as it is, or made of overrides.

    Raises:
        SettingsError: a key or price of the mapping is malformed.
        TypeError: it is something else.

    """
    if given is None or isinstance(given, Mapping):
        return PriceBook(given)
    if isinstance(given, type) or not hasattr(given, "cost_pusd"):
        message = (
            f"prices must be a PriceBook(...) or a mapping of models to prices, not {called(given)}"
        )
        raise TypeError(message)
    return given
