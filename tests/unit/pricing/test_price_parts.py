"""The parts of a price: what each kind of token cost."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import PriceBook
from otel_session_agg._model.span import Kind, Reading, SpanData, Terms, Usage
from otel_session_agg._pricing.price_book import cost_of
from otel_session_agg._pricing.price_parts import WHOLE, CallPrices, PriceOfCall
from otel_session_agg._trace.call import Call

_AT_NS = 1_790_000_000_000_000_000
_MODELS = sorted({(model.id, provider.id) for provider in get_snapshot().providers for model in provider.models})
_USAGES = (
    Usage(1_009, 211, 1_220),
    Usage(99_991, 1_013, None, 10_007, 5_003, 1_019, 499),
    Usage(300_017, 1_013, None, 10_007, None, None, 499),
    Usage(20_011, 3_001, None, 4_001, None, None, None, 7_001, 1_009, 2_003, 0, 0, 0),
    Usage(20_011, 3_001, None, 4_001, None, None, None, 4_001),
    Usage(1_009, 2_003, image_prompt_tokens=307, image_completion_tokens=1_290, audio_prompt_tokens=0, audio_completion_tokens=0),
    Usage(1_009, 211, web_searches=3),
    Usage(None, 211, 1_220),
)


def _call(usage: Usage, model: str = "m", provider: str | None = None, *, num_calls: int = 1, **more: Any) -> Call:
    kind = Kind.MODEL if num_calls == 1 else Kind.AGENT
    reading = Reading(kind, usage, provider, None, model, num_calls=num_calls, **more)
    return Call(SpanData("", 1, 1, None, "CLIENT", "", "", _AT_NS, _AT_NS, {}), reading)


def _price(usage: Usage, prices: Any = None, **more: Any) -> PriceOfCall:
    book = PriceBook({"*": prices}) if prices is not None else PriceBook()
    return CallPrices(book).price_of(_call(usage, **more))


def _parts(price: PriceOfCall) -> dict[str, int]:
    return {part.name: part.number for part in price.parts}


class TestSum:
    """The parts add up to the price."""

    @pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.slow)])
    def test_table(self, every: int) -> None:
        """They do for every model of the table, and none of them is negative or a whole call."""
        prices = CallPrices(PriceBook())
        known = 0
        models = _MODELS[::every]
        for model, provider in models:
            for usage in _USAGES:
                call = _call(usage, model, provider)
                price = prices.price_of(call)
                assert cost_of(prices.prices, call) == price.cost_pusd, (model, usage)
                if price.cost_pusd is not None:
                    known += 1
                    assert price.cost_pusd == round(sum((part.cost_pusd for part in price.parts), Fraction(0))), (model, usage)
                    assert all(part.number > 0 and part.name != WHOLE for part in price.parts), (model, usage)
                else:
                    assert price.reason or price.origin.table is None, (model, usage)
        assert known > len(models)

    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    "input",
                    "output",
                    "cache_read",
                    "cache_write",
                    "cache_write_1h",
                    "audio_input",
                    "audio_output",
                    "audio_cache_read",
                ]
            ),
            st.decimals(min_value=0, max_value=100, places=4),
            min_size=1,
        ),
        st.lists(st.one_of(st.none(), st.integers(0, 5000)), min_size=14, max_size=14),
        st.integers(1, 3),
    )
    def test_own_prices(self, prices: dict[str, Any], counts: list[int | None], num_calls: int) -> None:
        """They do for own prices and whatever a call states."""
        book = CallPrices(PriceBook({"*": {**prices, "request": "0.001"}}))
        call = _call(Usage(*counts), num_calls=num_calls)
        price = book.price_of(call)
        assert cost_of(book.prices, call) == price.cost_pusd
        if price.cost_pusd is not None:
            assert price.cost_pusd == round(sum((part.cost_pusd for part in price.parts), Fraction(0)))
            assert all(part.number > 0 for part in price.parts)


class TestParts:
    """What is a part."""

    def test_own_rates(self) -> None:
        """Kinds of tokens that have a price of their own are parts; others are in their whole."""
        usage = Usage(1000, 100, None, 400, 200, 50, 30)
        assert {"input": 1000, "output": 100} == _parts(_price(usage, {"input": 1, "output": 2}))
        assert {"input": 400, "cache_read": 400, "cache_write": 150, "cache_write_1h": 50, "output": 100} == _parts(
            _price(usage, {"input": 1, "output": 2, "cache_read": 0.1, "cache_write": 1.25, "cache_write_1h": 2})
        )

    def test_tier(self) -> None:
        """Of a long prompt, the rates are those of the tier."""
        prices = {"input": 1, "output": 2, "tiers": [{"above_tokens": 1000, "input": 3}]}
        for prompt, above, usd in ((1000, None, 1), (1001, 1000, 3)):
            price = _price(Usage(prompt, 1), prices)
            assert above == price.above_tokens
            assert usd * 10**6 == price.parts[0].rate_pusd

    def test_each(self) -> None:
        """Requests and searches are parts by their number."""
        prices = {"input": 1, "output": 1, "request": 0.01, "web_search": 0.02}
        price = _price(Usage(10, 10, web_searches=3), prices)
        assert {"input": 10, "output": 10, "request": 1, "web_search": 3} == _parts(price)
        assert pytest.approx(0.06) == price.parts[-1].cost_usd
        assert 2 == _parts(_price(Usage(10, 10), prices, num_calls=2))["request"]

    def test_searches_once(self) -> None:
        """Searches of a call that is billed for all of them at once are one."""
        price = _price(Usage(10, 10, web_searches=3), model="gemini-2.0-flash", provider="google")
        assert 1 == _parts(price)["web_search"]


class TestUnknown:
    """Why there is no price."""

    def test_sides(self) -> None:
        """A side that is not stated."""
        assert "prompt_tokens would have to be stated" == _price(Usage(None, 10), {"input": 1, "output": 1}).reason

    def test_contradiction(self) -> None:
        """More cached tokens than there are."""
        price = _price(Usage(10, 10, None, 20), {"input": 1, "output": 1})
        assert "cache_read_tokens contradict the rest, or have no price" == price.reason
        assert ("own", "*") == price.origin

    def test_total(self) -> None:
        """A total with more tokens than prompt and completion."""
        price = _price(Usage(10, 10, 50), {"input": 1, "output": 1})
        assert "its total has tokens beyond prompt and completion" == price.reason

    def test_everything_contradicts(self) -> None:
        """More than one count that contradicts the others."""
        price = _price(Usage(10, 10, None, 20, None, None, 20), {"input": 1, "output": 1})
        assert "its counts contradict each other, or have no price" == price.reason

    def test_audio(self) -> None:
        """A model that is made for audio, and a call that does not state it."""
        price = _price(Usage(10, 10), model="gpt-4o-audio-preview", provider="openai")
        assert "audio_prompt_tokens and audio_completion_tokens would have to be stated" == price.reason

    def test_sum_of_calls(self) -> None:
        """The sum of calls, each of which may be in another tier."""
        prices = {"input": 1, "output": 2, "tiers": [{"above_tokens": 1000, "input": 3}]}
        assert (
            "the sum of several calls, each of which may have another price" == _price(Usage(2000, 1), prices, num_calls=3).reason
        )

    def test_terms(self) -> None:
        """Terms that the table has no price for."""
        price = _price(Usage(10, 10), model="gpt-4o-mini", provider="openai", terms=Terms(requested_tier="turbo"))
        assert (None, "genai-prices has the model, but no price under these terms") == price.origin


class TestAddress:
    """The address that was called."""

    def test_long(self) -> None:
        """It is read as the price book reads it."""
        address = "https://api.openai.com/v1/chat/completions?api-version=1/2/3"
        price = _price(Usage(10, 10), model="gpt-4o-mini", server_address=address)
        assert "gpt-4o-mini of openai" == price.origin.text
        assert price.cost_pusd is not None


class TestOnce:
    """What is remembered of entries."""

    def test_looked_up_once(self) -> None:
        """Calls that are priced alike are looked up once, by whatever they are priced for."""
        found: list[Any] = []

        class Book(PriceBook):
            def _find(self, key: Any, at_ns: int) -> Any:
                found.append(key)
                return super()._find(key, at_ns)

        prices = CallPrices(Book({"*": {"input": 1, "output": 1}}))
        for _ in range(3):
            prices.price_of(_call(Usage(1, 1)))
        CallPrices(prices.prices).price_of(_call(Usage(1, 1)))  # another explanation
        assert 1 == len(found)
