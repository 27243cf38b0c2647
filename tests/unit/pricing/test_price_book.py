"""Prices: the user's, the table's, and when there is none."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from genai_prices import Usage as Counts
from genai_prices import calc_price
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ConditionalPrice, ModelInfo, Provider, Tier, TieredPrices
from genai_prices.types import ModelPrice as TablePrice
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg._exceptions import SettingsError
from otel_session_agg._model.span import Usage
from otel_session_agg._pricing import price_book
from otel_session_agg._pricing.catalogue import _UNITS, _Reference
from otel_session_agg._pricing.corrections import CORRECTIONS, REQUEST_FEES
from otel_session_agg._pricing.modalities import demands
from otel_session_agg._pricing.overrides import _pattern
from otel_session_agg._pricing.price_book import MAX_CARDS, MAX_NAME_LENGTH, MAX_WINDOWS, PriceBook

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
JUNE = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
CLAUDE = "anthropic.claude-3-7-sonnet-20250219-v1:0"

MILLION = Usage(10**6, 0)
"""Its cost in dollars is the input price."""

CALLS = (
    Usage(1_000, 200),
    Usage(0, 0),
    Usage(1_000, 0, 1_000),
    Usage(150_001, 5_003, None, 30_000, 20_000, 7_000, 100),
    Usage(5_000, 700, None, 1_000, None, None, None, 1_200, 300, 400),
    Usage(5_000, 700, None, 1_000, None, None, None, 1_200, 300, None),
)


def ns(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def usd(amount: str | int) -> int:
    return int(Decimal(amount) * 10**12)


def reference(
    provider: str | None, model: str, usage: Usage, moment: datetime, context: dict[str, str] | None = None
) -> int | None:
    """Ask genai-prices."""
    write = usage.cache_write_tokens
    counts = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": write,
        "cache_write_5m_tokens": None if write is None else write - (usage.cache_write_1h_tokens or 0),
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "input_audio_tokens": usage.audio_prompt_tokens,
        "output_audio_tokens": usage.audio_completion_tokens,
        "cache_audio_read_tokens": usage.audio_cache_read_tokens,
    }
    known = {name: count for name, count in counts.items() if count is not None}
    try:
        price = calc_price(Counts(**known), model, provider_id=provider, genai_request_timestamp=moment, price_context=context)
    except (LookupError, ValueError):
        return None
    stated = {key for key, value in vars(price.model_price).items() if value is not None}
    if stated and not stated & _UNITS.keys():
        return None  # sold by the hour, page or image: the reference says 0, but nobody knows
    return round(Fraction(price.total_price) * 10**12)


def cost(book: PriceBook, *models: str, provider: str | None = None, usage: Usage = MILLION, **more: Any) -> int | None:
    return book.cost_pusd(**{"provider": provider, "models": models, "usage": usage, "at_ns": ns(JUNE), **more})


def moments(model: ModelInfo) -> Iterator[datetime]:
    """Yield the times around which a model's prices change, and one in between."""
    yield JUNE
    for conditional in model.prices if isinstance(model.prices, list) else ():
        start = getattr(conditional.constraint, "start_date", None)
        if start is not None:
            midnight = datetime(start.year, start.month, start.day, tzinfo=timezone.utc)
            yield from (midnight, midnight - timedelta(microseconds=1))
        for name in ("start_time", "end_time"):
            edge = getattr(conditional.constraint, name, None)
            if edge is not None:
                yield from (datetime.combine(JUNE, edge) - offset for offset in (timedelta(0), timedelta(microseconds=1)))


def tier_bounds(model: ModelInfo) -> set[int]:
    tables = [c.prices for c in model.prices] if isinstance(model.prices, list) else [model.prices]
    tables += [variant.prices for variant in model.price_variants or ()]
    return {tier.start for table in tables for price in vars(table).values() for tier in getattr(price, "tiers", ())}


CORRECTED = {(row.seller, model) for row in CORRECTIONS for model in row.models} | REQUEST_FEES.keys()
CATALOGUE = [
    (provider, model)
    for provider in get_snapshot().providers
    for model in provider.models
    if (provider.id, model.id) not in CORRECTED
]


def is_vague(model: ModelInfo, usage: Usage, moment: datetime) -> bool:
    """Whether a call of a model that is made for audio or images does not say enough of them."""
    prices = {key: value for key, value in vars(model.get_prices(moment)).items() if value is not None}
    needs = demands(model.id, prices, "")
    if needs is None:
        return True
    side = {name: usage.prompt_tokens if "prompt" in name else usage.completion_tokens for name in Usage._fields}
    lacking = any(side[name] and getattr(usage, name) is None for name in needs.stated)
    return lacking or any(side[name] and getattr(usage, name) != 0 for name in needs.absent)


@pytest.fixture
def book() -> PriceBook:
    return PriceBook()


@pytest.mark.slow
class TestCatalogue:
    def test_every_model_at_every_time_costs_what_the_reference_says(self, book: PriceBook) -> None:
        """Plain, cached and audio calls agree to the picodollar, on both sides of each price change."""
        wrong, priced = [], 0
        for provider, model in CATALOGUE:
            for moment in dict.fromkeys(moments(model)):
                for usage in CALLS:
                    actual = cost(book, model.id, provider=provider.id, usage=usage, at_ns=ns(moment))
                    priced += bool(actual)
                    expected = None if is_vague(model, usage, moment) else reference(provider.id, model.id, usage, moment)
                    if actual != expected:
                        wrong.append((provider.id, model.id, moment, usage, actual))
        assert [] == wrong
        assert priced > 5 * len(CATALOGUE) / 2

    def test_every_tier_starts_where_the_reference_starts_it(self, book: PriceBook) -> None:
        """At, one below and one above each bound the whole call pays what the reference says."""
        wrong = []
        for provider, model in CATALOGUE:
            for bound in sorted(tier_bounds(model)):
                for prompt in (bound - 1, bound, bound + 1, 10 * bound):
                    usage = Usage(prompt, 1_003, None, prompt // 3, prompt // 7, prompt // 11)
                    actual = cost(book, model.id, provider=provider.id, usage=usage)
                    if actual != reference(provider.id, model.id, usage, JUNE):
                        wrong.append((provider.id, model.id, usage, actual))
        assert [] == wrong

    def test_every_service_tier_is_priced_or_unknown(self, book: PriceBook) -> None:
        """A tier costs what the reference charges for it, before its first day too as long as the standard price was the same."""
        contexts = {"flex": {}, "priority": {}, "fast": {"speed": "fast"}, "batch": {"processing": "batch"}}
        seen = 0
        for provider, model in CATALOGUE:
            if provider.find_model(model.id) is not model:
                continue
            for tier, extra in contexts.items():
                context = {"service_tier": tier, **extra}
                for moment in (JUNE, JUNE + 3650 * DAY):
                    variants = [v for v in model.price_variants or () if v.when.items() <= context.items()]
                    active = [v for v in variants if v.constraint is None or v.constraint.active(moment)]
                    options = {"service_tier": tier, "at_ns": ns(moment)}
                    actual = cost(book, model.id, provider=provider.id, usage=CALLS[3], **options)
                    if is_vague(model, CALLS[3], moment):
                        assert actual is None
                    elif active:
                        assert reference(provider.id, model.id, CALLS[3], moment, context) == actual
                    elif not variants and not (tier == "batch" and provider.id in {"openai", "anthropic"}):
                        assert not actual
                    seen += bool(active)
        assert seen > 100

    def test_no_card_needs_the_reference_for_its_arithmetic(self, book: PriceBook) -> None:
        """Every model's rates are expressed as whole numbers."""
        for provider, model in CATALOGUE:
            cost(book, model.id, provider=provider.id)
            assert not any(isinstance(card, _Reference) for cards in book._cards.young.values() for card in cards)

    @given(
        st.sampled_from([pair for pair in CATALOGUE if len(vars(pair[1].get_prices(JUNE))) > 2]),
        st.lists(st.integers(0, 10**7), min_size=9, max_size=9),
        st.datetimes(datetime(2023, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    )
    @settings(max_examples=3 * settings().max_examples)
    def test_any_consistent_call_costs_what_the_reference_says(
        self, pair: tuple[Provider, ModelInfo], numbers: list[int], when: datetime
    ) -> None:
        """Random token counts at random times agree to the picodollar."""
        read, write_1h, write_5m, audio, audio_read, rest, reasoning, audio_out, out = numbers
        usage = Usage(
            prompt_tokens=read + audio_read + write_1h + write_5m + audio + rest,
            completion_tokens=reasoning + audio_out + out,
            cache_read_tokens=read + audio_read,
            cache_write_tokens=write_1h + write_5m,
            cache_write_1h_tokens=write_1h,
            reasoning_tokens=reasoning,
            audio_prompt_tokens=audio + audio_read,
            audio_completion_tokens=audio_out,
            audio_cache_read_tokens=audio_read,
        )
        moment = when.replace(tzinfo=timezone.utc)
        provider, model = pair
        if "image" not in model.id:
            usage = usage._replace(image_prompt_tokens=0, image_completion_tokens=0)
        if is_vague(model, usage, moment):
            assert cost(SHARED, model.id, provider=provider.id, usage=usage, at_ns=ns(moment)) is None
            return
        expected = reference(provider.id, model.id, usage, moment)
        assert expected == cost(SHARED, model.id, provider=provider.id, usage=usage, at_ns=ns(moment))


SHARED = PriceBook()


class TestSides:
    @pytest.mark.parametrize(
        ("usage", "expected"),
        [
            (Usage(), None),
            (Usage(total_tokens=100), None),
            (Usage(prompt_tokens=100), None),
            (Usage(completion_tokens=100), None),
            (Usage(100, None, 150), 100 * 2 + 50 * 8),
            (Usage(None, 50, 150), 100 * 2 + 50 * 8),
            (Usage(100, None, 90), None),
            (Usage(100, None, 150, 10), None),
            (Usage(100, None, 100, 10), 100 * 2),
            (Usage(100, 0), 100 * 2),
            (Usage(0, 0), 0),
        ],
    )
    def test_a_missing_side_is_what_is_left_of_the_total_or_unknown(self, usage: Usage, expected: int | None) -> None:
        """The other side is derived only where nothing blurs it."""
        price = PriceBook({"m": {"input": 2, "output": 8}})
        assert (None if expected is None else expected * 10**6) == cost(price, "m", usage=usage)

    def test_a_side_that_has_no_price_need_not_be_stated(self) -> None:
        """Without an output price, a call without completion tokens costs its prompt."""
        price = PriceBook({"m": {"input": 3, "cache_read": 0.3, "cache_write": 3.75}})
        usage = Usage(1800, None, None, 500, 300)
        assert usd("0.004275") == cost(price, "m", usage=usage)

    def test_an_embedding_model_needs_no_completion_tokens(self, book: PriceBook) -> None:
        """The table's models without an output price cost their prompt."""
        usage = Usage(prompt_tokens=4)
        assert usd("0.00000008") == cost(book, "text-embedding-3-small", provider="openai", usage=usage)

    @pytest.mark.parametrize("book", [PriceBook(), PriceBook({"*": {"input": 1, "output": 1}})])
    @pytest.mark.parametrize(
        "usage",
        [
            Usage(100, 10, None, 101),
            Usage(100, 10, None, 60, 41),
            Usage(100, 10, None, None, 5, 6),
            Usage(100, 10, None, None, None, 6),
            Usage(100, 10, reasoning_tokens=11),
            Usage(100, 10, audio_prompt_tokens=101),
            Usage(100, 10, audio_completion_tokens=11),
            Usage(100, 10, None, 5, audio_prompt_tokens=5, audio_cache_read_tokens=6),
            Usage(100, 10, None, 2, audio_prompt_tokens=5, audio_cache_read_tokens=3),
        ],
    )
    def test_a_part_that_exceeds_its_whole_is_unknown(self, book: PriceBook, usage: Usage) -> None:
        """Counts that contradict each other have no cost."""
        assert cost(book, "gpt-4o", provider="openai", usage=usage) is None

    def test_absurd_counts_are_exact(self, book: PriceBook) -> None:
        """Nothing overflows."""
        assert 10**18 * 2_500_000 == cost(book, "gpt-4o", provider="openai", usage=Usage(10**18, 0))

    @pytest.mark.parametrize("at_ns", [10**40, -(10**40)])
    def test_a_time_that_is_none_is_unknown_and_spoils_nothing(self, book: PriceBook, at_ns: int) -> None:
        """An absurd timestamp has no price; the next call has."""
        assert cost(book, "gpt-4o", at_ns=at_ns) is None
        assert usd("2.5") == cost(book, "gpt-4o")


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
        assert plain * 10**6 == cost(PriceBook({"m": full}), "m", usage=usage)
        assert (1000 + 100 * 10) * 10**6 == cost(PriceBook({"m": {"input": 1, "output": 10}}), "m", usage=usage)
        no_1h = {"input": 1, "output": 10, "cache_write": 3}
        assert (900 + 100 * 3 + 100 * 10) * 10**6 == cost(PriceBook({"m": no_1h}), "m", usage=usage)
        cached_audio = {"input": 1, "output": 10, "cache_read": 2, "audio_input": 5}
        assert (550 + 200 * 2 + 250 * 5 + 1000) * 10**6 == cost(PriceBook({"m": cached_audio}), "m", usage=usage)

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
        assert (expected if expected is None else expected * 10**6) == cost(PriceBook({"m": prices}), "m", usage=usage)

    def test_a_tier_takes_the_whole_call_above_its_bound(self) -> None:
        """Strictly more prompt tokens, cached ones included; rates it does not name stay."""
        prices = {
            "input": 3,
            "output": 15,
            "cache_read": 0.3,
            "tiers": [{"above_tokens": 400_000, "input": 12}, {"above_tokens": 200_000, "input": 6, "output": 22.5}],
        }
        book = PriceBook({"m": prices})
        assert 200_000 * 3 * 10**6 + 15 * 10**6 == cost(book, "m", usage=Usage(200_000, 1))
        tiered = 100_001 * 6_000_000 + 100_000 * 300_000 + 22_500_000
        assert tiered == cost(book, "m", usage=Usage(200_001, 1, None, 100_000))
        assert 400_001 * 12_000_000 + 15_000_000 == cost(book, "m", usage=Usage(400_001, 1))

    @pytest.mark.parametrize("price", [0.1, "0.1", Decimal("0.1"), " 1e-1 "])
    def test_prices_are_taken_as_written(self, price: Any) -> None:
        """A float is the decimal that it prints."""
        assert usd("0.1") == cost(PriceBook({"m": {"input": price}}), "m")

    def test_the_cost_is_rounded_once_half_to_even(self) -> None:
        """Halves of picodollars go to the even neighbour."""
        book = PriceBook({"m": {"input": "0.0000005", "output": 0}})
        assert [0, 0, 1, 2, 2, 2] == [cost(book, "m", usage=Usage(n, 0)) for n in range(6)]

    def test_zero_is_a_price(self) -> None:
        """A free model costs 0, which is known."""
        assert cost(PriceBook({"m": {"input": 0, "output": 0}}), "m") == 0

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
        assert usd(expected) == cost(book, *models, provider=provider)

    def test_equally_long_keys_prefer_fewer_wildcards_and_then_a_provider(self) -> None:
        """Ties are broken by rule, not by the order given."""
        book = PriceBook({"*b/m*": {"input": 1}, "*b/m": {"input": 2}, "nom*": {"input": 3}, "b/no*": {"input": 4}})
        assert usd(2) == cost(book, "m", provider="ab")
        assert usd(4) == cost(book, "nom", provider="b")

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
        assert usd(1) == cost(book, "function:x", provider="mock", service_tier="priority")
        assert usd(1) == cost(book, "m" * 10_000)

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


class TestNames:
    @pytest.mark.parametrize(
        ("provider", "model", "same_as"),
        [
            (None, "gpt-4o", ("openai", "gpt-4o")),
            (None, "openai/gpt-4o", ("openai", "gpt-4o")),
            ("OpenAI", "GPT-4o", ("openai", "gpt-4o")),
            (" ", '"gpt-4o"', ("openai", "gpt-4o")),
            (None, "openai.responses/gpt-5-mini-2025-08-07", ("openai", "gpt-5-mini")),
            ("openai.responses", "gpt-5-mini", ("openai", "gpt-5-mini")),
            ("openrouter", "openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
            (None, "openrouter/openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
            ("gcp.gemini", "models/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
            (None, "publishers/google/models/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
            (None, "google-gla:gemini-2.5-pro", ("google", "gemini-2.5-pro")),
            ("gcp.vertex.agent", "openai/gpt-4o-mini", ("openai", "gpt-4o-mini")),
            ("vertex.anthropic.messages", "claude-opus-4-1", ("google", "claude-opus-4-1")),
            ("vertex_ai", "claude-sonnet-4-5@20250929", ("google", "claude-sonnet-4-5")),
            ("anthropic", "claude-3.5-sonnet", ("anthropic", "claude-3-5-sonnet")),
            ("anthropic", "claude-opus-5[1m]", ("anthropic", "claude-opus-5")),
            ("openai", "anthropic/claude-opus-4-1", ("anthropic", "claude-opus-4-1")),
            ("langchain", "gpt-4o-mini", ("openai", "gpt-4o-mini")),
            (None, "vercel/openai/gpt-4o", ("openai", "gpt-4o")),
            ("litellm", "anthropic/claude-opus-4-1", ("anthropic", "claude-opus-4-1")),
            ("microsoft.agent_framework", "gpt-4o-mini", ("openai", "gpt-4o-mini")),
            ("azure.ai.openai", "gpt-4o-mini-2024-07-18", ("azure", "gpt-4o-mini")),
            ("azure-openai.chat", "azure/gpt-4o", ("azure", "gpt-4o")),
            ("x_ai", "grok-4.20", ("x-ai", "grok-4.20")),
            ("xai.chat", "grok-4.20", ("x-ai", "grok-4.20")),
            ("mistralai", "mistral-medium-latest", ("mistral", "mistral-medium-latest")),
            (None, "text-embedding-3-small", ("openai", "text-embedding-3-small")),
            (None, "embed-v4.0", ("cohere", "embed-v4.0")),
            ("aws.bedrock", "nova-pro-v1:0", ("aws", "amazon.nova-pro-v1:0")),
            ("AWS", "titan-embed-text-v2:0", ("aws", "amazon.titan-embed-text-v2:0")),
            (
                "aws.bedrock",
                "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
                ("aws", CLAUDE),
            ),
            (None, CLAUDE, ("aws", CLAUDE)),
            ("strands-agents", CLAUDE, ("aws", CLAUDE)),
            ("anthropic", CLAUDE, ("aws", CLAUDE)),
            (None, f"bedrock/us-east-1/{CLAUDE}", ("aws", CLAUDE)),
            (None, f"bedrock/converse/us.{CLAUDE}", ("aws", CLAUDE)),
            ("amazon-bedrock", f"arn:aws:bedrock:us-east-1:1:inference-profile/us.{CLAUDE}", ("aws", CLAUDE)),
            (None, f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}", ("aws", CLAUDE)),
            (None, "bedrock/us-east-1/anthropic.claude-v2", ("anthropic", "claude-2")),
        ],
    )
    def test_a_name_on_a_span_finds_its_model(
        self, book: PriceBook, provider: str | None, model: str, same_as: tuple[str, str]
    ) -> None:
        """Whatever tools put around a name, the seller's own price is found."""
        expected = reference(*same_as, CALLS[3], JUNE)
        assert expected is not None
        assert expected == cost(book, model, provider=provider, usage=CALLS[3])

    @pytest.mark.parametrize(
        ("provider", "model"),
        [
            ("openai", "ft:gpt-4o-mini:org::id"),
            (None, "ft:gpt-4o-mini:org::id"),
            ("azure", "my-deployment"),
            ("openai", "my-gpt-4o"),
            (None, "test"),
            ("openai", "test"),
            (None, "function:gpt-4o:"),
            (None, "fallback:gpt-4o,claude-3-5-sonnet"),
            ("google", "fallback:gemini-2.5-pro"),
            (None, "gateway:/gpt-4o"),
            ("ollama", "llama3.2"),
            ("mock-provider", "gpt-4o"),
            ("aws", "arn:aws:bedrock:us-east-1:1:application-inference-profile/claude-3-7-sonnet"),
            ("openai", "claude-3-5-sonnet"),
            ("openai", "deepseek/deepseek-chat"),
            (None, "google/gemma-3-27b-it"),
            (None, "mistralai/Mistral-7B-Instruct-v0.3"),
            (None, "totally-unknown-model"),
            (None, "\x00"),
            (None, "/"),
            (None, "openai/"),
            ("/", ":"),
            ("openai", "whisper-1"),
        ],
    )
    def test_a_name_that_is_no_known_model_is_unknown(self, book: PriceBook, provider: str | None, model: str) -> None:
        """A wrong cost is worse than none, and none is not 0."""
        assert cost(book, model, provider=provider) is None

    def test_without_a_model_nothing_is_known(self, book: PriceBook) -> None:
        """No name, no price."""
        assert cost(book) is None
        assert cost(book, "", provider="openai") is None

    def test_the_request_model_prices_an_unknown_response_model(self, book: PriceBook) -> None:
        """The response model comes first, the request model second."""
        assert usd("0.15") == cost(book, "mystery", "gpt-4o-mini", provider="openai")
        assert usd("2.5") == cost(book, "gpt-4o", "gpt-4o-mini", provider="openai")

    @pytest.mark.parametrize(
        ("provider", "address", "model", "expected"),
        [
            (None, "api.groq.com", "llama-3.3-70b-versatile", "0.59"),
            (None, "https://api.groq.com:443/openai/v1", "llama-3.3-70b-versatile", "0.59"),
            ("openai", "api.groq.com", "llama-3.3-70b-versatile", "0.59"),
            (None, "my.openai.azure.com", "gpt-4o", "2.5"),
            (None, "127.0.0.1", "gpt-4o", "2.5"),
            (None, "http://localhost:8000/v1", "gpt-4o", "2.5"),
            ("openai", "http://127.0.0.1:1/", "gpt-4o", "2.5"),
            (None, "[::1", "gpt-4o", "2.5"),
            ("anthropic", "api.groq.com", "llama-3.3-70b-versatile", None),
        ],
    )
    def test_an_address_names_the_provider_that_is_missing(
        self, book: PriceBook, provider: str | None, address: str, model: str, expected: str | None
    ) -> None:
        """A known host counts where no provider, or only a protocol, is named."""
        actual = cost(book, model, provider=provider, server_address=address)
        assert (None if expected is None else usd(expected)) == actual

    @given(st.text(), st.text(), st.text(), st.text())
    @settings(max_examples=2 * settings().max_examples)
    def test_no_text_raises(self, provider: str, model: str, address: str, tier: str) -> None:
        """Names are what users make them."""
        cost(SHARED, model, provider=provider, server_address=address, service_tier=tier)
        cost(CATCH_ALL, model, provider=provider)


CATCH_ALL = PriceBook({"*x?": {"input": 1}, "a/*": {"input": 2}})


class TestServiceTier:
    @pytest.mark.parametrize("tier", [None, "", "default", "Auto", "standard", "on_demand"])
    def test_the_standard_tier_has_the_standard_price(self, book: PriceBook, tier: str | None) -> None:
        """All its names cost the same."""
        assert usd("2.5") == cost(book, "gpt-4o", service_tier=tier)

    @pytest.mark.parametrize("provider", ["openai", "azure"])
    def test_a_tier_without_a_price_is_unknown(self, book: PriceBook, provider: str) -> None:
        """The standard price is not assumed."""
        assert cost(book, "gpt-4o", provider=provider, service_tier="platinum") is None

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="the last price table for Python 3.10 has no prices by tier")
    def test_a_tier_with_a_price_has_that_price(self, book: PriceBook) -> None:
        """Fast mode is found by the table's own name for it."""
        assert usd(10) == cost(book, "claude-opus-5", provider="anthropic", service_tier="fast")


def table(**prices: Decimal | TieredPrices) -> DataSnapshot:
    model = ModelInfo(id="m", match=ClauseEquals("m"), prices=TablePrice(**prices))
    return DataSnapshot([Provider("acme", "Acme", r"https://acme\.test", models=[model])], from_auto_update=False)


class TestTable:
    @pytest.fixture(autouse=True)
    def _restore(self) -> Iterator[None]:
        yield
        set_custom_snapshot(None)

    def test_new_prices_are_noticed(self, book: PriceBook) -> None:
        """Replacing the snapshot forgets every card, found or not."""
        assert cost(book, "m", provider="acme") is None
        for price in (1, 2):
            set_custom_snapshot(table(input_mtok=Decimal(price), output_mtok=Decimal(0)))
            assert usd(price) == cost(book, "m", provider="acme")

    def test_rates_of_any_precision_are_exact(self, book: PriceBook) -> None:
        """The scale follows the prices."""
        set_custom_snapshot(table(input_mtok=Decimal("0.1234567890123"), output_mtok=Decimal(0)))
        assert 123_456_789_012 == cost(book, "m", provider="acme")

    def test_a_price_the_card_cannot_express_is_left_to_the_reference(
        self, book: PriceBook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the arithmetic differs, genai-prices itself is asked."""
        set_custom_snapshot(table(input_mtok=Decimal(3), output_mtok=Decimal(8), cache_read_mtok=Decimal(1)))
        plain = TablePrice.calc_price

        def doubled(prices: Any) -> Any:
            return {name: 2 * price for name, price in prices.items()}

        monkeypatch.setattr(TablePrice, "calc_price", lambda *args: doubled(plain(*args)))
        assert usd(6) == cost(book, "m", provider="acme")
        assert cost(book, "m", provider="acme", usage=Usage(total_tokens=9)) is None
        assert cost(book, "m", provider="acme", usage=Usage(10, 1, None, 11)) is None
        assert 2 * (30 + 8) * 10**6 == cost(book, "m", provider="acme", usage=Usage(10, 1))

    def test_a_corrupt_price_is_unknown_and_not_tried_again(self, book: PriceBook, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failing table is asked once for each name."""
        calls = []

        def broken(*_: object, **__: object) -> None:
            calls.append(1)
            raise TypeError

        monkeypatch.setattr(ModelInfo, "get_prices", broken)
        assert [None] * 3 == [cost(book, "gpt-4o") for _ in range(3)]
        assert len(calls) == 1

    def test_a_table_that_cannot_be_loaded_makes_every_cost_unknown(
        self, book: PriceBook, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A broken installation is tried once; the user's own prices still hold."""
        monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
        assert cost(book, "gpt-4o") is None
        monkeypatch.undo()
        assert cost(book, "gpt-4o-mini") is None
        assert usd(1) == cost(PriceBook({"*": {"input": 1}}), "gpt-4o")

    def test_a_tier_of_the_table_moves_only_the_rates_it_names(self, book: PriceBook) -> None:
        """Bounds may differ from rate to rate."""
        tiers = [Tier(100, Decimal(2)), Tier(300, Decimal(4))]
        output = TieredPrices(Decimal(1), [Tier(200, Decimal(10))])
        set_custom_snapshot(table(input_mtok=TieredPrices(Decimal(1), tiers), output_mtok=output))
        calls = [Usage(prompt, 1) for prompt in (100, 101, 200, 201, 300, 301)]
        expected = [101, 203, 401, 412, 610, 1214]
        assert [n * 10**6 for n in expected] == [cost(book, "m", provider="acme", usage=usage) for usage in calls]

    def test_a_price_under_an_unknown_condition_is_asked_for_at_each_moment(self, book: PriceBook) -> None:
        """A kind of constraint that this version cannot read makes no card last."""

        class EvenSeconds:
            def active(self, moment: datetime) -> bool:
                return moment.second % 2 == 0

        prices = [TablePrice(input_mtok=Decimal(n), output_mtok=Decimal(0)) for n in (1, 2)]
        conditional: Any = [ConditionalPrice(prices=prices[0]), ConditionalPrice(EvenSeconds(), prices=prices[1])]  # type: ignore[arg-type]
        snapshot = table()
        snapshot.providers[0].models[0].prices = conditional
        set_custom_snapshot(snapshot)
        seconds = [cost(book, "m", provider="acme", at_ns=ns(JUNE) + second * 10**9) for second in range(3)]
        assert [usd(2), usd(1), usd(2)] == seconds

    def test_updates_are_delegated(self, book: PriceBook, monkeypatch: pytest.MonkeyPatch) -> None:
        """Starting and stopping reach the updater, and stopping without starting does nothing."""
        calls: list[str] = []
        monkeypatch.setattr("genai_prices.UpdatePrices.start", lambda _: calls.append("start"))
        monkeypatch.setattr("genai_prices.UpdatePrices.stop", lambda _: calls.append("stop"))
        book.stop_updates()
        book.start_updates()
        book.start_updates()
        book.stop_updates()
        assert ["start", "start", "stop"] == calls


class TestBounds:
    def test_the_names_kept_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many names come, at most two generations are kept."""
        monkeypatch.setattr(price_book, "MAX_CARDS", 8)
        book = PriceBook({"*": {"input": 1}})
        for number in range(100):
            cost(book, f"m{number}")
        assert len(book._cards.young) + len(book._cards._old) <= 16
        assert MAX_CARDS <= 4096

    def test_a_name_in_use_survives_the_change_of_generation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A card is looked up again only if a whole generation did not use it."""
        monkeypatch.setattr(price_book, "MAX_CARDS", 4)
        book = PriceBook({"*": {"input": 1}})
        found: list[Any] = []
        original = book._found

        def watched(key: Any, at_ns: int) -> Any:
            found.append(key[1])
            return original(key, at_ns)

        monkeypatch.setattr(book, "_found", watched)
        for number in range(20):
            cost(book, "steady")
            cost(book, f"m{number}")
        assert found.count(("steady",)) == 1

    def test_the_times_kept_for_a_name_are_bounded(self, book: PriceBook) -> None:
        """A daily price change does not grow a card's list."""
        for day in range(50):
            cost(book, "deepseek-chat", provider="deepseek", at_ns=ns(JUNE - 400 * DAY + day * DAY))
        assert max(len(cards) for cards in book._cards.young.values()) <= MAX_WINDOWS

    def test_a_text_too_long_to_be_a_name_is_not_kept(self, book: PriceBook) -> None:
        """Megabytes on a span stay there."""
        assert cost(book, "gpt-4o" * MAX_NAME_LENGTH) is None
        assert cost(book, "gpt-4o", provider="x" * 10_000) is None
        assert {} == book._cards.young

    def test_the_lookup_of_genai_prices_keeps_none_of_our_names(self, book: PriceBook) -> None:
        """Its unbounded caches are not used."""
        snapshot = get_snapshot()
        before = len(snapshot._lookup_cache) + len(snapshot._provider_misses) + len(snapshot._provider_cache)
        for number in range(50):
            cost(book, f"never-heard-of-{number}")
        after = len(snapshot._lookup_cache) + len(snapshot._provider_misses) + len(snapshot._provider_cache)
        assert before == after


@pytest.mark.slow
class TestImport:
    @pytest.mark.parametrize(
        "code",
        [
            "import otel_session_agg._pricing.price_book",
            (
                "from otel_session_agg._pricing.price_book import PriceBook; from otel_session_agg._model.span import Usage; "
                "PriceBook({'*': {'input': 1}}).cost_pusd(provider='openai', models=('m',), usage=Usage(1, 0), at_ns=0)"
            ),
        ],
    )
    def test_genai_prices_is_imported_only_when_its_prices_are_needed(self, code: str) -> None:
        """Neither importing nor the user's own prices cost its 0.4 s."""
        script = f"import sys; {code}; print('genai_prices' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
        assert done.stdout == "False\n"


class TestRepresentation:
    """A price book for people."""

    def test_line(self) -> None:
        """The user's own prices in the order in which they are tried, not more of them than fit."""
        assert "<PriceBook 0 own prices before genai-prices>" == repr(PriceBook())
        assert "<PriceBook 2 own prices before genai-prices: azure/gpt-4o*, *>" == repr(
            PriceBook({"*": {"input": 1}, "azure/gpt-4o*": {"input": 1}})
        )
        many = repr(PriceBook({f"model-{number:03}{'x' * 100}": {"input": 1} for number in range(100)}))
        assert many.endswith(", ...>")
        assert len(many) < 500

    def test_html(self) -> None:
        """Keys are text in HTML."""
        assert "&lt;b&gt;*" in PriceBook({"<b>*": {"input": 1}})._repr_html_()
