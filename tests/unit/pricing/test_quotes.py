"""Prices under the terms of a call."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from otel_session_agg._model.span import Terms, Usage
from otel_session_agg._pricing.quotes import PriceTerms
from tests.support.price_helpers import cost, usd, utc

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the last price table for Python 3.10 has no prices by tier")

AFTER = utc(2026, 11, 1)
BEFORE = utc(2026, 9, 21)
"""Before the day on which somebody looked the tiers' prices up."""


class TestTier:
    """Which tier is paid."""

    @pytest.mark.parametrize(
        ("answered", "requested", "expected"),
        [
            ("flex", None, "0.0025"),
            (None, "flex", "0.0025"),
            ("default", "flex", "0.005"),
            ("flex", "auto", "0.0025"),
            (None, "auto", "0.005"),
            (None, "default", "0.005"),
            ("Flex", "priority", "0.0025"),
            (None, "platinum", None),
            ("", "flex", "0.0025"),
            ("ON_DEMAND_FLEX", None, "0.0025"),
        ],
    )
    @pytest.mark.parametrize("at", [AFTER, BEFORE])
    def test_the_answer_beats_the_request(self, answered: str, requested: str, expected: str | None, at: object) -> None:
        """The requested tier counts where the answer names none; the price holds before it was looked up, too."""
        actual = cost(
            "gpt-5-nano",
            provider="openai",
            service_tier=answered,
            terms=Terms(requested_tier=requested),
            at=at,  # type: ignore[arg-type]
        )
        assert (None if expected is None else usd(expected)) == actual

    def test_an_earlier_call_at_another_standard_price_is_unknown(self) -> None:
        """The table does not say what the tier cost then."""
        assert cost("o3", provider="openai", service_tier="flex", at=utc(2025, 5, 1)) is None
        assert usd("0.1") == cost("o3", provider="openai", service_tier="flex", at=utc(2025, 7, 1))

    @pytest.mark.parametrize(
        ("speed", "expected"), [("fast", "1"), ("normal", "0.5"), ("standard", "0.5"), (None, "0.5"), ("ludicrous", None)]
    )
    def test_speed(self, speed: str | None, expected: str | None) -> None:
        """Anthropic's fast mode has its own price."""
        actual = cost("claude-opus-4-8", provider="anthropic", terms=Terms(speed=speed))
        assert (None if expected is None else usd(expected)) == actual

    @pytest.mark.parametrize(
        ("provider", "model", "expected"),
        [
            ("openai", "gpt-4o", "0.125"),
            ("openai", "gpt-4.5-preview", "3.75"),
            ("anthropic", "claude-sonnet-4-6", "0.15"),
            ("anthropic", "claude-opus-4-1", "0.75"),
            ("groq", "llama-3.3-70b-versatile", None),
            ("aws.bedrock", "anthropic.claude-3-7-sonnet-20250219-v1:0", None),
        ],
    )
    @pytest.mark.parametrize("how", [{"terms": Terms(batch="true")}, {"service_tier": "batch"}, {"terms": Terms(batch="True")}])
    def test_batch(self, provider: str, model: str, expected: str | None, how: dict[str, Any]) -> None:
        """Half the price at OpenAI and Anthropic, with a row of its own or not; unknown elsewhere without one."""
        assert (None if expected is None else usd(expected)) == cost(model, provider=provider, **how)

    def test_no_batch(self) -> None:
        """A flag that says no says nothing."""
        assert usd("0.25") == cost("gpt-4o", provider="openai", terms=Terms(batch="false"))

    def test_fees_are_not_halved(self) -> None:
        """Only tokens are cheaper in a batch."""
        searches = Usage(0, 0, web_searches=1000)
        assert usd("10") == cost("claude-opus-4-1", provider="anthropic", usage=searches, terms=Terms(batch="true"))

    def test_two_terms_at_once_are_unknown(self) -> None:
        """The table has each alone."""
        terms = Terms(speed="fast", batch="true")
        assert cost("claude-opus-4-8", provider="anthropic", terms=terms) is None
        assert 2 == len(PriceTerms.of("m", None, terms, None).contexts)
