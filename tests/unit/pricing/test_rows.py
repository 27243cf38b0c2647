"""Names that stand for a row of the price table, and names that only begin alike."""

from __future__ import annotations

import pytest

from tests.support.price_helpers import cost, utc


class TestSameModel:
    """What may stand around a listed name."""

    @pytest.mark.parametrize(
        ("provider", "name", "listed"),
        [
            ("openai", "gpt-5.4-nano-2026-03-17", "gpt-5.4-nano"),
            ("openai", "gpt-5-nano-2025-08-07", "gpt-5-nano"),
            ("openai", "gpt-5-nano-20250807", "gpt-5-nano"),
            ("anthropic", "claude-opus-4-1-20250805", "claude-opus-4-1"),
            ("anthropic", "claude-sonnet-4-5-latest", "claude-sonnet-4-5"),
            ("anthropic", "claude-sonnet-4-20250514", "claude-sonnet-4-0"),
            ("google", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
            ("google", "gemini-1.5-pro-002", "gemini-1.5-pro"),
            ("google", "gemini-2.5-flash-lite-preview-09-2025", "gemini-2.5-flash-lite"),
            ("google", "gemini-3.1-pro-preview-customtools", "gemini-3.1-pro-preview"),
            ("aws.bedrock", "us.anthropic.claude-opus-4-6-v1", "us.anthropic.claude-opus-4-6"),
            (None, "amazon/nova-lite-v1", "amazon.nova-lite-v1:0"),
            ("vertex_ai", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
            ("vertex_ai", "claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
            ("vertex_ai", "claude-haiku-4-5@001", "claude-haiku-4-5"),
            ("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
            ("openai", "ft:gpt-4o-2024-08-06:org:name:id", "ft:gpt-4o-2024-08-06"),
        ],
    )
    def test_it_has_the_price(self, provider: str | None, name: str, listed: str) -> None:
        """Dates, latest, preview, numbers of releases, regions and versions do not make another model."""
        expected = cost(listed, provider=provider)
        assert expected is not None
        assert expected == cost(name, provider=provider)


class TestOtherModel:
    """What makes another model."""

    @pytest.mark.parametrize(
        ("provider", "name"),
        [
            ("openai", "gpt-5-nano-ultra"),
            ("openai", "gpt-5-nano-fast"),
            ("openai", "gpt-5-nano-v2"),
            ("anthropic", "claude-opus-4-8-fast"),
            ("anthropic", "claude-opus-4-7-ultra"),
            ("anthropic", "claude-opus-4-10"),
            ("anthropic", "claude-sonnet-4-5-v2"),
            ("google", "gemini-2.5-pro-ultra"),
            ("google", "gemini-1.5-flash-8b"),
            ("google", "gemini-3-pro-preview-max"),
            ("vertex_ai", "my-claude-sonnet-4-5"),
            ("deepseek", "deepseek-chat-pro"),
            ("deepseek", "deepseek-v4-flash-lite"),
            ("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-turbo-v1:0"),
            (None, "amazon/nova-lite-v2"),
            (None, "claude-opus-4-8-fast"),
        ],
    )
    def test_its_price_is_unknown(self, provider: str | None, name: str) -> None:
        """A model that only begins like one of the table may cost six times as much."""
        assert cost(name, provider=provider) is None

    def test_the_request_model_is_no_way_out(self) -> None:
        """What answered is known not to be what was asked for."""
        assert cost("claude-opus-4-8-fast", "claude-opus-4-8", provider="anthropic") is None

    def test_what_the_table_lists_itself_has_its_own_price(self) -> None:
        """OpenRouter's fast Opus has a row."""
        at = utc(2026, 10, 1)
        fast, plain = (cost(f"anthropic/claude-opus-4.8{end}", provider="openrouter", at=at) for end in ("-fast", ""))
        assert None not in {fast, plain}
        assert fast != plain

    def test_families_that_cost_nothing_stay_free(self) -> None:
        """There is nothing to be wrong about."""
        assert 0 == cost("gemma-3-27b-it", provider="google")
