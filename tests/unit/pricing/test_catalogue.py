"""Prices of the table, held against what genai-prices itself says."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.catalogue import _Reference
from otel_session_agg._pricing.corrections import CORRECTIONS, REQUEST_FEES
from otel_session_agg._pricing.modalities import demands
from otel_session_agg._pricing.price_book import PriceBook

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.support.price_helpers import JUNE, cost_in, ns
from tests.support.price_reference import CALLS, reference

DAY = timedelta(days=1)


SHARED = PriceBook()


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


@pytest.mark.slow
class TestCatalogue:
    def test_every_model_at_every_time_costs_what_the_reference_says(self, book: PriceBook) -> None:
        """Plain, cached and audio calls agree to the picodollar, on both sides of each price change."""
        wrong, priced = [], 0
        for provider, model in CATALOGUE:
            for moment in dict.fromkeys(moments(model)):
                for usage in CALLS:
                    actual = cost_in(book, model.id, provider=provider.id, usage=usage, at_ns=ns(moment))
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
                    actual = cost_in(book, model.id, provider=provider.id, usage=usage)
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
                    actual = cost_in(book, model.id, provider=provider.id, usage=CALLS[3], **options)
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
            cost_in(book, model.id, provider=provider.id)
            assert not any(isinstance(priced.card, _Reference) for found in book._cards.young.values() for priced in found)

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
            assert cost_in(SHARED, model.id, provider=provider.id, usage=usage, at_ns=ns(moment)) is None
            return
        expected = reference(provider.id, model.id, usage, moment)
        assert expected == cost_in(SHARED, model.id, provider=provider.id, usage=usage, at_ns=ns(moment))
