"""The sum of several calls, as an agent's span tells it."""

from __future__ import annotations

import pytest

from otel_session_agg import PriceBook
from otel_session_agg._model.span import Kind, Reading, SpanData, Usage
from otel_session_agg._pricing.price_book import cost_of
from otel_session_agg._trace.call import Call
from tests.support.price_helpers import AUTUMN, cost, ns, usd

TIERED = PriceBook({"m": {"input": 1, "output": 2, "tiers": [{"above_tokens": 1000, "input": 10, "output": 20}]}})
FEE = PriceBook({"m": {"input": 1, "output": 1, "request": "0.005"}})


class TestSum:
    """What is known of the price of a sum."""

    @pytest.mark.parametrize("num_calls", [None, 2, 7])
    def test_a_tier_that_no_call_can_have_crossed(self, num_calls: int | None) -> None:
        """The whole sum is not above the bound, so no call was."""
        assert usd("0.0012") == cost("m", book=TIERED, usage=Usage(1000, 100), num_calls=num_calls)

    @pytest.mark.parametrize("num_calls", [None, 2, 7])
    def test_a_tier_that_some_call_may_have_crossed(self, num_calls: int | None) -> None:
        """Nobody says how long the longest was."""
        assert cost("m", book=TIERED, usage=Usage(1001, 100), num_calls=num_calls) is None

    def test_one_call(self) -> None:
        """It is a call like any other."""
        assert usd("0.01201") == cost("m", book=TIERED, usage=Usage(1001, 100), num_calls=1)

    @pytest.mark.parametrize(("num_calls", "expected"), [(1, "0.0061"), (3, "0.0161"), (None, None)])
    def test_a_charge_for_each_call(self, num_calls: int | None, expected: str | None) -> None:
        """It needs the number of calls."""
        actual = cost("m", book=FEE, usage=Usage(1000, 100), num_calls=num_calls)
        assert (None if expected is None else usd(expected)) == actual

    def test_prices_without_tiers(self) -> None:
        """They hold for a sum as for a call."""
        usage = Usage(10**6, 10**6)
        assert cost("gpt-4o", provider="openai", usage=usage) == cost("gpt-4o", provider="openai", usage=usage, num_calls=None)

    def test_of_the_table(self) -> None:
        """Gemini's long-context price is not put on many short calls."""
        long, short = Usage(500_000, 1000), Usage(200_000, 1000)
        assert cost("gemini-2.5-pro", provider="google", usage=long, num_calls=None) is None
        assert usd("0.26") == cost("gemini-2.5-pro", provider="google", usage=short, num_calls=None)
        assert usd("1.265") == cost("gemini-2.5-pro", provider="google", usage=long)


class _OwnBook(PriceBook):
    """A book of the user's own."""


class TestCalls:
    """Which spans tell sums."""

    @pytest.mark.parametrize(
        ("kind", "num_calls", "expected"),
        [
            (Kind.MODEL, 0, "1.265"),
            (Kind.EMBEDDING, 0, "1.265"),
            (Kind.AGENT, 0, None),
            (Kind.CHAIN, 3, None),
            (Kind.SPAN, 0, None),
            (Kind.AGENT, 1, "1.265"),
        ],
    )
    @pytest.mark.parametrize("book", [PriceBook, _OwnBook])
    def test_by_kind(self, book: type[PriceBook], kind: Kind, num_calls: int, expected: str | None) -> None:
        """Model calls and embeddings are one call; containers are one if they say so; also in a book of the user's own."""
        span = SpanData("s", 1, 1, None, "INTERNAL", "", "", ns(AUTUMN), ns(AUTUMN), {})
        event = Reading(kind, Usage(500_000, 1000), "google", None, "gemini-2.5-pro", num_calls=num_calls)
        actual = cost_of(book(), Call(span, event))
        assert (None if expected is None else usd(expected)) == actual
