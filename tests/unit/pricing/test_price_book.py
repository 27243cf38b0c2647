"""What a price book computes, imports and shows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from otel_session_agg._model.span import Usage
from otel_session_agg._pricing.price_book import PriceBook
from tests.support.price_helpers import cost_in, usd


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
            (Usage(100, 50, 150), 100 * 2 + 50 * 8),
            (Usage(100, 50, 151), None),
        ],
    )
    def test_a_missing_side_is_what_is_left_of_the_total_or_unknown(self, usage: Usage, expected: int | None) -> None:
        """The other side is derived only where nothing blurs it."""
        price = PriceBook({"m": {"input": 2, "output": 8}})
        assert (None if expected is None else expected * 10**6) == cost_in(price, "m", usage=usage)

    def test_what_costs_nothing_costs_nothing_whatever_it_is(self) -> None:
        """A total may be of more tokens than prompt and completion, if tokens are free."""
        assert 0 == cost_in(PriceBook({"m": {"input": 0, "output": 0}}), "m", usage=Usage(1, 1, 9))

    def test_a_side_that_has_no_price_need_not_be_stated(self) -> None:
        """Without an output price, a call without completion tokens costs its prompt."""
        price = PriceBook({"m": {"input": 3, "cache_read": 0.3, "cache_write": 3.75}})
        usage = Usage(1800, None, None, 500, 300)
        assert usd("0.004275") == cost_in(price, "m", usage=usage)

    def test_an_embedding_model_needs_no_completion_tokens(self, book: PriceBook) -> None:
        """The table's models without an output price cost their prompt."""
        usage = Usage(prompt_tokens=4)
        assert usd("0.00000008") == cost_in(book, "text-embedding-3-small", provider="openai", usage=usage)

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
        assert cost_in(book, "gpt-4o", provider="openai", usage=usage) is None

    def test_absurd_counts_are_exact(self, book: PriceBook) -> None:
        """Nothing overflows."""
        assert 10**18 * 2_500_000 == cost_in(book, "gpt-4o", provider="openai", usage=Usage(10**18, 0))

    @pytest.mark.parametrize("at_ns", [10**40, -(10**40)])
    def test_a_time_that_is_none_is_unknown_and_spoils_nothing(self, book: PriceBook, at_ns: int) -> None:
        """An absurd timestamp has no price; the next call has."""
        assert cost_in(book, "gpt-4o", at_ns=at_ns) is None
        assert usd("2.5") == cost_in(book, "gpt-4o")


class TestServiceTier:
    @pytest.mark.parametrize("tier", [None, "", "default", "Auto", "standard", "on_demand"])
    def test_the_standard_tier_has_the_standard_price(self, book: PriceBook, tier: str | None) -> None:
        """All its names cost the same."""
        assert usd("2.5") == cost_in(book, "gpt-4o", service_tier=tier)

    @pytest.mark.parametrize("provider", ["openai", "azure"])
    def test_a_tier_without_a_price_is_unknown(self, book: PriceBook, provider: str) -> None:
        """The standard price is not assumed."""
        assert cost_in(book, "gpt-4o", provider=provider, service_tier="platinum") is None

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="the last price table for Python 3.10 has no prices by tier")
    def test_a_tier_with_a_price_has_that_price(self, book: PriceBook) -> None:
        """Fast mode is found by the table's own name for it."""
        assert usd(10) == cost_in(book, "claude-opus-5", provider="anthropic", service_tier="fast")


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
