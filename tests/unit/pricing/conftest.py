"""What the tests of prices begin with."""

from __future__ import annotations

import pytest

from otel_session_agg._pricing.price_book import PriceBook


@pytest.fixture
def book() -> PriceBook:
    """A book without prices of its own."""
    return PriceBook()
