"""Which model of the table a name on a span means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_session_agg._pricing.price_book import PriceBook
from tests.support.price_helpers import JUNE, cost_in, usd
from tests.support.price_reference import CALLS, reference

CLAUDE = "anthropic.claude-3-7-sonnet-20250219-v1:0"


SHARED = PriceBook()


CATCH_ALL = PriceBook({"*x?": {"input": 1}, "a/*": {"input": 2}})


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
            ("openai", "openai/gpt-4o:completions", ("openai", "gpt-4o")),
            ("openai", "openai/gpt-4o:responses", ("openai", "gpt-4o")),
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
        assert expected == cost_in(book, model, provider=provider, usage=CALLS[3])

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
        assert cost_in(book, model, provider=provider) is None

    def test_without_a_model_nothing_is_known(self, book: PriceBook) -> None:
        """No name, no price."""
        assert cost_in(book) is None
        assert cost_in(book, "", provider="openai") is None

    def test_the_request_model_prices_an_unknown_response_model(self, book: PriceBook) -> None:
        """The response model comes first, the request model second."""
        assert usd("0.15") == cost_in(book, "mystery", "gpt-4o-mini", provider="openai")
        assert usd("2.5") == cost_in(book, "gpt-4o", "gpt-4o-mini", provider="openai")

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
        actual = cost_in(book, model, provider=provider, server_address=address)
        assert (None if expected is None else usd(expected)) == actual

    @given(st.text(), st.text(), st.text(), st.text())
    @settings(max_examples=2 * settings().max_examples)
    def test_no_text_raises(self, provider: str, model: str, address: str, tier: str) -> None:
        """Names are what users make them."""
        cost_in(SHARED, model, provider=provider, server_address=address, service_tier=tier)
        cost_in(CATCH_ALL, model, provider=provider)
