"""What the tests of prices share."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.price_book import PriceBook

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
JUNE = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
AUTUMN = datetime(2026, 11, 2, 12, tzinfo=timezone.utc)
"""After the days on which the table's newest prices begin."""

INPUT = Usage(10**5, 0)
"""A tenth of a million, below the bounds of all tiers; its cost is a tenth of the input price."""
OUTPUT = Usage(0, 10**5)
CACHED = Usage(10**5, 0, None, 10**5)
MILLION = Usage(10**6, 0)
"""Its cost in dollars is the input price."""


def ns(moment: datetime) -> int:
    """Nanoseconds since the Unix epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def utc(*parts: int) -> datetime:
    """A time in UTC."""
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]


def usd(amount: str | int) -> int:
    """Dollars in picodollars."""
    return int(Decimal(amount) * 10**12)


def cost(*models: str, usage: Usage = INPUT, at: datetime = AUTUMN, book: PriceBook | None = None, **more: Any) -> int | None:
    """The cost of a call."""
    book = book or PriceBook()
    return book.cost_pusd(**{"provider": None, "models": models, "usage": usage, "at_ns": ns(at), **more})


def per_million(*models: str, at: datetime = AUTUMN, **more: Any) -> tuple[str | None, ...]:
    """Prices of input, output and cached input in USD per million tokens."""
    costs = [cost(*models, usage=usage, at=at, **more) for usage in (INPUT, OUTPUT, CACHED)]
    return tuple(None if found is None else str((Decimal(found) / 10**11).normalize()) for found in costs)


def cost_in(book: PriceBook, *models: str, provider: str | None = None, usage: Usage = MILLION, **more: Any) -> int | None:
    """The cost of a call in June by the prices of a book."""
    return book.cost_pusd(**{"provider": provider, "models": models, "usage": usage, "at_ns": ns(JUNE), **more})
