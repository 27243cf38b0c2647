"""The user's own prices."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.overrides import _pattern
from otel_session_agg._pricing.price_book import PriceBook
from tests.support.price_helpers import cost_in, usd


class TestOverrides:
    def test_parts_pay_their_own_price_or_that_of_their_whole(self) -> None:
        """Cache and audio are priced by name, and as prompt or completion without one."""
        usage = Usage(1000, 100, None, 200, 100, 40, 10, 300, 30, 50)
        full = {
            "input": 1,
            "output": 10,
            "cache_read": 2,
            "cache_write": 3,
            "cache_write_1h": 4,
            "audio_input": 5,
            "audio_output": 20,
            "audio_cache_read": 6,
        }
        plain = 450 + 150 * 2 + 60 * 3 + 40 * 4 + 250 * 5 + 50 * 6 + 70 * 10 + 30 * 20
        assert plain * 10**6 == cost_in(PriceBook({"m": full}), "m", usage=usage)
        assert (1000 + 100 * 10) * 10**6 == cost_in(PriceBook({"m": {"input": 1, "output": 10}}), "m", usage=usage)
        no_1h = {"input": 1, "output": 10, "cache_write": 3}
        assert (900 + 100 * 3 + 100 * 10) * 10**6 == cost_in(PriceBook({"m": no_1h}), "m", usage=usage)
        cached_audio = {"input": 1, "output": 10, "cache_read": 2, "audio_input": 5}
        assert (550 + 200 * 2 + 250 * 5 + 1000) * 10**6 == cost_in(PriceBook({"m": cached_audio}), "m", usage=usage)

    @pytest.mark.parametrize(
        ("prices", "usage", "expected"),
        [
            ({"output": 8}, Usage(100, 10), None),
            ({"output": 8}, Usage(0, 10), 80),
            ({"input": 2}, Usage(100, 10), None),
            ({"input": 2}, Usage(100, 0), 200),
            ({"cache_read": 1, "output": 8}, Usage(100, 10, None, 100), 180),
            ({"cache_read": 1, "output": 8}, Usage(100, 10, None, 99), None),
            ({"cache_write_1h": 1, "output": 8}, Usage(100, 10, None, None, 100, 99), None),
            ({"input": 2, "audio_output": 9}, Usage(100, 10, audio_completion_tokens=10), 290),
            ({"input": 2, "audio_output": 9}, Usage(100, 10, audio_completion_tokens=9), None),
        ],
    )
    def test_tokens_without_a_price_make_the_cost_unknown(
        self, prices: dict[str, int], usage: Usage, expected: int | None
    ) -> None:
        """What the user did not price is not free."""
        assert (expected if expected is None else expected * 10**6) == cost_in(PriceBook({"m": prices}), "m", usage=usage)

    def test_a_tier_takes_the_whole_call_above_its_bound(self) -> None:
        """Strictly more prompt tokens, cached ones included; rates it does not name stay."""
        prices = {
            "input": 3,
            "output": 15,
            "cache_read": 0.3,
            "tiers": [{"above_tokens": 400_000, "input": 12}, {"above_tokens": 200_000, "input": 6, "output": 22.5}],
        }
        book = PriceBook({"m": prices})
        assert 200_000 * 3 * 10**6 + 15 * 10**6 == cost_in(book, "m", usage=Usage(200_000, 1))
        tiered = 100_001 * 6_000_000 + 100_000 * 300_000 + 22_500_000
        assert tiered == cost_in(book, "m", usage=Usage(200_001, 1, None, 100_000))
        assert 400_001 * 12_000_000 + 15_000_000 == cost_in(book, "m", usage=Usage(400_001, 1))

    @pytest.mark.parametrize("price", [0.1, "0.1", Decimal("0.1"), " 1e-1 "])
    def test_prices_are_taken_as_written(self, price: Any) -> None:
        """A float is the decimal that it prints."""
        assert usd("0.1") == cost_in(PriceBook({"m": {"input": price}}), "m")

    def test_the_cost_is_rounded_once_half_to_even(self) -> None:
        """Halves of picodollars go to the even neighbour."""
        book = PriceBook({"m": {"input": "0.0000005", "output": 0}})
        assert [0, 0, 1, 2, 2, 2] == [cost_in(book, "m", usage=Usage(n, 0)) for n in range(6)]

    def test_zero_is_a_price(self) -> None:
        """A free model costs 0, which is known."""
        assert cost_in(PriceBook({"m": {"input": 0, "output": 0}}), "m") == 0

    @pytest.mark.parametrize(
        ("provider", "models", "expected"),
        [
            (None, ("gpt-4o-mini",), 3),
            (None, ("GPT-4o",), 2),
            (None, ("gpt-4o-x",), 2),
            ("azure.ai.openai", ("gpt-4o-mini",), 4),
            ("azure", ("o3",), 5),
            ("aws.bedrock", ("us.anthropic.claude-3-7-sonnet-20250219-v1:0",), 6),
            (None, ("openai/gpt-4o",), 2),
            ("openai", ('"gpt-4o"',), 2),
            ("google", ("models/gemini-2.5-pro",), 7),
            ("mock", ("other",), 1),
            (None, (), 1),
            (None, ("",), 1),
            ("azure", (), 5),
            (None, ("other", "gpt-4o"), 2),
            (None, ("gpt-4o-mini", "gpt-4o"), 3),
            (None, ("mini[1m]",), 8),
            (None, ("min1",), 1),
        ],
    )
    def test_the_most_specific_key_wins(self, provider: str | None, models: tuple[str, ...], expected: int) -> None:
        """Longest literal part, provider before bare, response model before request model, catch-all last."""
        book = PriceBook(
            {
                "*": {"input": 1},
                "gpt-4o*": {"input": 2},
                "gpt-4o-mini": {"input": 3},
                "azure/gpt-4o-mini": {"input": 4},
                "Azure/*": {"input": 5},
                "bedrock/*": {"input": 6},
                "gemini-2.?-pro": {"input": 7},
                "mini[1m]": {"input": 8},
            }
        )
        assert usd(expected) == cost_in(book, *models, provider=provider)

    def test_equally_long_keys_prefer_fewer_wildcards_and_then_a_provider(self) -> None:
        """Ties are broken by rule, not by the order given."""
        book = PriceBook({"*b/m*": {"input": 1}, "*b/m": {"input": 2}, "nom*": {"input": 3}, "b/no*": {"input": 4}})
        assert usd(2) == cost_in(book, "m", provider="ab")
        assert usd(4) == cost_in(book, "nom", provider="b")

    @given(st.text("ab*?/", max_size=8), st.text("ab/\n", max_size=12))
    def test_globs(self, glob: str, name: str) -> None:
        """A glob takes the names that it would take if all ways to read it were tried."""
        every_way = "".join({"*": r"[\s\S]*", "?": r"[\s\S]"}.get(char, re.escape(char)) for char in glob)
        assert bool(re.fullmatch(every_way, name)) is bool(_pattern(glob).fullmatch(name))

    def test_globs_are_linear(self) -> None:
        """Not all of these ways are tried: with eight stars that would take years."""
        assert _pattern("*a" * 8 + "*b").fullmatch("a" * 400) is None

    def test_the_users_price_holds_for_every_tier_and_unknown_names(self) -> None:
        """What the user pays is what the user says."""
        book = PriceBook({"*": {"input": 1}})
        assert usd(1) == cost_in(book, "function:x", provider="mock", service_tier="priority")
        assert usd(1) == cost_in(book, "m" * 10_000)

    @pytest.mark.parametrize(
        ("prices", "words"),
        [
            ([], ("prices", "mapping")),
            ({"": {"input": 1}}, ("key", "''")),
            ({3: {"input": 1}}, ("key", "3")),
            ({"m": 3}, ("'m'", "3", "cache_read")),
            ({"m": {}}, ("'m'", "at least one")),
            ({"m": {"inptu": 1}}, ("'m'", "inptu", "cache_write_1h")),
            ({"m": {"input": -1}}, ("'m'", "'input'", "-1", "0 to")),
            ({"m": {"input": float("nan")}}, ("'input'", "nan")),
            ({"m": {"input": float("inf")}}, ("'input'", "inf")),
            ({"m": {"input": True}}, ("'input'", "True")),
            ({"m": {"input": None}}, ("'input'", "None")),
            ({"m": {"input": "free"}}, ("'input'", "'free'")),
            ({"m": {"input": "1e999999"}}, ("'input'", "1e999999")),
            ({"m": {"input": "1e-999999"}}, ("'input'", "1e-999999")),
            ({"m": {"input": 1, "tiers": 3}}, ("'tiers'", "3")),
            ({"m": {"input": 1, "tiers": [3]}}, ("'tiers'", "3")),
            ({"m": {"input": 1, "tiers": [{"input": 1}]}}, ("above_tokens", "None")),
            ({"m": {"input": 1, "tiers": [{"above_tokens": True, "input": 1}]}}, ("above_tokens", "True")),
            ({"m": {"input": 1, "tiers": [{"above_tokens": 1}]}}, ("tiers", "at least one")),
            ({"m": {"input": 1, "tiers": [{"above_tokens": 1, "input": 1}] * 2}}, ("above_tokens", "1", "no other")),
        ],
    )
    def test_a_malformed_price_is_refused_by_name(self, prices: Any, words: tuple[str, ...]) -> None:
        """The error names the key, the value and what is allowed."""
        with pytest.raises(SettingsError) as caught:
            PriceBook(prices)
        assert [] == [word for word in words if word not in str(caught.value)]
