"""Where a model ran, and what that costs more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_session_agg import PriceBook
from otel_session_agg._model.span import Terms
from otel_session_agg._pricing.regions import find_region, host_of, seller_of_host, shortened
from tests.support.price_helpers import INPUT, cost, usd, utc
from tests.support.replay import replay

JUNE = utc(2026, 6, 1)


class TestFactor:
    """The price of a region beside that of the global endpoint."""

    @pytest.mark.parametrize(
        ("provider", "model", "address", "percent"),
        [
            ("gcp.vertex_ai", "claude-sonnet-4-6", "us-east5-aiplatform.googleapis.com", 110),
            ("gcp.vertex_ai", "claude-sonnet-4-6", "https://europe-west1-aiplatform.googleapis.com:443/v1", 110),
            ("gcp.vertex_ai", "claude-sonnet-4-6", "aiplatform.eu.rep.googleapis.com", 110),
            ("gcp.vertex_ai", "claude-sonnet-4-6", "aiplatform.googleapis.com", 100),
            ("gcp.vertex_ai", "claude-sonnet-4-6", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/x", 100),
            ("gcp.vertex_ai", "claude-sonnet-4-6", "https://aiplatform.googleapis.com/v1/projects/p/locations/eu/x", 110),
            ("gcp.vertex_ai", "claude-opus-4-1", "us-east5-aiplatform.googleapis.com", 100),
            ("gcp.vertex_ai", "claude-3-5-haiku@20241022", "us-east5-aiplatform.googleapis.com", 100),
            ("openai", "gpt-5.4", "eu.api.openai.com", 110),
            ("openai", "gpt-5.5", "https://us.api.openai.com/v1/", 110),
            ("openai", "gpt-5.4", "api.openai.com", 100),
            ("openai", "gpt-4o", "eu.api.openai.com", 100),
            ("openai", "gpt-5-mini", "eu.api.openai.com", 100),
            ("openai", "o4-mini", "eu.api.openai.com", 100),
            (None, "gpt-5.4", "eu.api.openai.com", 110),
            ("mistral", "mistral-large-2512", "api.eu.mistral.ai", 110),
            ("x_ai", "grok-4.6", "us.api.x.ai", 110),
            ("x_ai", "grok-4.6", "eu-west-1.api.x.ai", None),
        ],
    )
    def test_by_host_or_path(self, provider: str | None, model: str, address: str, percent: int | None) -> None:
        """A region costs what its seller documents, or nobody knows."""
        base = cost(model, provider=provider)
        assert base is not None
        actual = cost(model, provider=provider, server_address=address)
        assert (None if percent is None else base * percent // 100) == actual

    def test_by_the_path_in_front_of_the_model(self) -> None:
        """Vertex AI's resource names say where they are."""
        base = cost("claude-sonnet-4-6", provider="gcp.vertex_ai")
        assert base is not None
        path = "projects/p/locations/{}/publishers/anthropic/models/claude-sonnet-4-6"
        assert base * 110 // 100 == cost(path.format("us-east5"), provider="gcp.vertex_ai")
        assert base == cost(path.format("global"), provider="gcp.vertex_ai")

    def test_gemini_outside_the_global_endpoint(self) -> None:
        """One price everywhere until July 2026; since then some models cost more, and nobody says here which."""
        address = "us-central1-aiplatform.googleapis.com"
        base = cost("gemini-2.5-flash", provider="gcp.vertex_ai", at=JUNE)
        assert base == cost("gemini-2.5-flash", provider="gcp.vertex_ai", server_address=address, at=JUNE)
        assert cost("gemini-2.5-flash", provider="gcp.vertex_ai", server_address=address, at=utc(2026, 7, 2)) is None

    @pytest.mark.parametrize(
        ("model", "geo", "percent"),
        [
            ("claude-opus-4-6", "us", 110),
            ("claude-sonnet-5", "US", 110),
            ("claude-sonnet-5", "global", 100),
            ("claude-sonnet-4-5", "not_available", 100),
            ("claude-sonnet-5", "", 100),
            ("claude-sonnet-5", "mars", None),
        ],
    )
    def test_by_what_anthropic_says(self, model: str, geo: str, percent: int | None) -> None:
        """Inference bound to the USA costs a tenth more; a place without a price is unknown."""
        base = cost(model, provider="anthropic")
        assert base is not None
        actual = cost(model, provider="anthropic", terms=Terms(region=geo))
        assert (None if percent is None else base * percent // 100) == actual

    @pytest.mark.parametrize(
        ("model", "address", "percent"),
        [
            ("eu.amazon.nova-pro-v1:0", None, None),
            ("us.amazon.nova-pro-v1:0", None, 100),
            ("bedrock/eu-west-3/amazon.nova-pro-v1:0", None, None),
            ("bedrock/us-west-2/amazon.nova-pro-v1:0", None, 100),
            ("arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0", None, None),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0", None, 100),
            ("amazon.nova-pro-v1:0", "bedrock-runtime.eu-central-1.amazonaws.com", None),
            ("amazon.nova-pro-v1:0", "https://bedrock-runtime.us-east-1.amazonaws.com/model/x/converse", 100),
            ("amazon.nova-pro-v1:0", "bedrock-runtime-fips.us-gov-west-1.amazonaws.com", 120),
            ("amazon.nova-pro-v1:0", "127.0.0.1", 100),
            ("us-gov.amazon.nova-pro-v1:0", None, 120),
            ("bedrock/us-gov-east-1/amazon.nova-pro-v1:0", None, 120),
        ],
    )
    def test_bedrock(self, model: str, address: str | None, percent: int | None) -> None:
        """Amazon's models cost more in some regions, a fifth in GovCloud; the table's price is that of the USA."""
        expected = None if percent is None else cost("amazon.nova-pro-v1:0", provider="aws.bedrock", usage=INPUT) * percent // 100  # type: ignore[operator]
        assert expected == cost(model, provider="aws.bedrock", server_address=address)

    @pytest.mark.parametrize(
        ("model", "expected"),
        [
            ("us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.6"),
            ("us-gov.anthropic.claude-sonnet-5", "2.4"),
            ("us-gov.anthropic.claude-haiku-4-5-20251001-v1:0", "1.2"),
            ("bedrock/us-gov-west-1/anthropic.claude-3-haiku-20240307-v1:0", "0.3"),
            ("us-gov.openai.gpt-oss-120b-1:0", "0.18"),
            ("bedrock/us-gov-west-1/amazon.titan-text-lite-v1", None),
            ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3"),
            ("bedrock/eu-west-1/anthropic.claude-3-haiku-20240307-v1:0", "0.25"),
        ],
    )
    def test_govcloud(self, model: str, expected: str | None) -> None:
        """Prices of AWS's list for us-gov-west-1; those of Anthropic's models are the same in all other regions."""
        assert (None if expected is None else usd(expected) // 10) == cost(model, provider="aws.bedrock")

    def test_azure_data_zones(self) -> None:
        """LiteLLM's names of zones: they cost more than the global deployment."""
        assert cost("o4-mini", provider="azure") is not None
        assert cost("azure/us/o4-mini", provider="azure") is None

    def test_bedrock_has_regions_of_claude_in_the_names(self) -> None:
        """The host adds nothing."""
        names = ("us.anthropic.claude-sonnet-5", "global.anthropic.claude-sonnet-5")
        regional, anywhere = (cost(name, provider="aws.bedrock") for name in names)
        assert regional is not None
        assert anywhere is not None
        assert regional == anywhere * 110 // 100
        assert regional == cost(names[0], provider="aws.bedrock", server_address="bedrock-runtime.us-east-1.amazonaws.com")


class TestSpans:
    """Addresses as spans have them."""

    @pytest.mark.parametrize("key", ["server.address", "gen_ai.openai.api_base", "url.full", "http.url"])
    def test_key(self, key: str) -> None:
        """A host, or a URL."""
        call = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5.4",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 0,
            key: "https://eu.api.openai.com/v1/chat/completions",
        }
        attributes = replay({"spans": [{"id": "c", "parent": None, "name": "c", "attributes": call}]}).attributes or {}
        assert 0.00275 == attributes["metadata.cost"]


class TestShortened:
    """URLs of calls hold ids."""

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            ("https://api.openai.com/v1/threads/thread_7/runs/run_9?x=1", "https://api.openai.com/v1"),
            ("api.openai.com/v1/a/b/c/d", "api.openai.com/v1"),
            ("https://h/v1/projects/p/locations/eu/publishers/x", "https://h/v1/locations/eu/"),
            ("https://api.cloudflare.com/client/v4/accounts/a/ai/v1/x", "https://api.cloudflare.com/client/v4/accounts/a/ai"),
            ("////////", "/"),
            ("", ""),
        ],
    )
    def test_shortened(self, address: str, expected: str) -> None:
        """What decides about the price stays."""
        assert expected == shortened(address)

    def test_prices_are_found_once(self) -> None:
        """However many URLs of a host there are."""
        book = PriceBook()
        for number in range(100):
            address = f"https://eu.api.openai.com/v1/threads/thread_{number}/runs"
            assert usd("0.275") == cost("gpt-5.4", provider="openai", server_address=address, book=book)
        assert 1 == len(book._cards.young)


class TestReading:
    """Hosts and paths are what users make them."""

    @given(st.text(), st.text(), st.text(), st.text())
    def test_no_text_raises(self, seller: str, model: str, address: str, stated: str) -> None:
        """Whatever stands there, a region or none comes out."""
        seller_of_host(host_of(address) or "")
        assert isinstance(find_region(seller, model, address, stated), (str, type(None)))
