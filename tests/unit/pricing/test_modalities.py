"""Audio and images of models that are made for them."""

from __future__ import annotations

import sys

import pytest

from otel_session_agg._model.span import Terms, Usage
from tests.support.price_helpers import cost, usd


class TestImages:
    """Tokens of images."""

    @pytest.mark.parametrize(
        ("usage", "output_type", "expected"),
        [
            (Usage(100, 1290), "image", "0.03873"),
            (Usage(100, 1290), "IMAGE", "0.03873"),
            (Usage(100, 1390, reasoning_tokens=100), "image", "0.03898"),
            (Usage(100, 1290, image_completion_tokens=1290), None, "0.03873"),
            (Usage(100, 1390, image_completion_tokens=1290), "image", "0.03898"),
            (Usage(100, 1290, image_completion_tokens=0), None, "0.003255"),
            (Usage(100, 1290), "text", "0.003255"),
            (Usage(100, 1290), None, None),
            (Usage(100, 0), None, "0.00003"),
            (Usage(100, 1290, image_completion_tokens=1291), None, None),
        ],
    )
    def test_output(self, usage: Usage, output_type: str | None, expected: str | None) -> None:
        """Images have their own price, text has its, and what is neither said is unknown."""
        terms = None if output_type is None else Terms(output_type=output_type)
        actual = cost("gemini-2.5-flash-image", provider="gcp.gemini", usage=usage, terms=terms)
        assert (None if expected is None else usd(expected)) == actual

    def test_input(self) -> None:
        """A model that draws and sees has to say how much it saw; its output can be nothing but images."""
        seen = Usage(300, 1000, image_prompt_tokens=200)
        assert usd("0.0425") == cost("gpt-image-1", provider="openai", usage=seen)
        assert cost("gpt-image-1", provider="openai", usage=Usage(300, 1000)) is None
        cached = Usage(300, 1000, None, 50, image_prompt_tokens=200)
        assert cost("gpt-image-1", provider="openai", usage=cached) is None

    def test_a_model_without_a_price_of_images(self) -> None:
        """Its text has a price, its images have none."""
        model = "google/gemini-2.5-flash-image"
        assert cost(model, provider="openrouter", usage=Usage(100, 1290)) is None
        assert cost(model, provider="openrouter", usage=Usage(100, 1290, image_completion_tokens=0)) is not None


class TestAudio:
    """Tokens of audio."""

    @pytest.mark.parametrize(
        ("model", "usage", "expected"),
        [
            ("gpt-realtime", Usage(1000, 100), None),
            ("gpt-realtime", Usage(1000, 100, audio_prompt_tokens=800, audio_completion_tokens=80), "0.03184"),
            ("gpt-realtime", Usage(1000, 100, audio_prompt_tokens=0, audio_completion_tokens=0), "0.0056"),
            ("gpt-realtime", Usage(1000, 100, audio_prompt_tokens=800), None),
            ("gpt-4o-audio-preview", Usage(1000, 100), None),
            ("gpt-4o-audio-preview", Usage(1000, 100, audio_prompt_tokens=0, audio_completion_tokens=0), "0.0035"),
            ("gpt-4o-audio-preview", Usage(1000, 100, audio_prompt_tokens=10, audio_completion_tokens=0), None),
            ("gpt-4o-transcribe", Usage(1000, 100), None),
            ("gpt-4o-transcribe", Usage(1000, 100, audio_prompt_tokens=1000), "0.007"),
            ("gpt-4o-mini-tts", Usage(1000, 100), "0.0018"),
            ("gpt-4o-mini", Usage(1000, 100), "0.00021"),
        ],
    )
    def test_openai(self, model: str, usage: Usage, expected: str | None) -> None:
        """What is stated is priced; of a voice model what is not stated is unknown."""
        assert (None if expected is None else usd(expected)) == cost(model, provider="openai", usage=usage)

    def test_a_model_that_hears_by_the_way(self) -> None:
        """Most calls of Gemini are text, and what they do not say of audio is none."""
        assert usd("0.03") == cost("gemini-2.5-flash", provider="gcp.gemini")

    def test_output_type(self) -> None:
        """Text that was asked for is text; what went in is still unknown."""
        usage = Usage(0, 100)
        assert usd("0.0016") == cost("gpt-realtime", provider="openai", usage=usage, terms=Terms(output_type="text"))
        assert usd("0.0064") == cost("gpt-realtime", provider="openai", usage=usage, terms=Terms(output_type="speech"))
        assert cost("gpt-realtime", provider="openai", usage=Usage(1, 1), terms=Terms(output_type="text")) is None

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="the last price table for Python 3.10 does not know the model")
    def test_video(self) -> None:
        """Nothing a span says tells how much of an output was video."""
        assert cost("gemini-omni-1.1-flash", provider="gcp.gemini", usage=Usage(10, 10)) is None
        text = Terms(output_type="text")
        assert usd("0.000105") == cost("gemini-omni-1.1-flash", provider="gcp.gemini", usage=Usage(10, 10), terms=text)


class TestSearches:
    """Fees beside tokens."""

    @pytest.mark.parametrize(
        ("provider", "model", "expected"),
        [
            ("anthropic", "claude-sonnet-4-6", "0.02"),
            ("openai", "gpt-5", "0.02"),
            ("gcp.gemini", "gemini-3-flash-preview", "0.028"),
            ("aws.bedrock", "anthropic.claude-3-7-sonnet-20250219-v1:0", None),
            ("perplexity", "sonar-pro", "0.006"),
        ],
    )
    def test_fee(self, provider: str, model: str, expected: str | None) -> None:
        """Two searches cost their fee; without one in the table the cost is unknown; a fee for each request has them in it."""
        actual = cost(model, provider=provider, usage=Usage(0, 0, web_searches=2))
        assert (None if expected is None else usd(expected)) == actual

    def test_grounding(self) -> None:
        """Older Geminis bill a call that was grounded, newer ones each search."""
        usage = Usage(0, 0, web_searches=2)
        assert usd("0.035") == cost("gemini-2.5-flash", provider="gcp.gemini", usage=usage)
        assert cost("gemini-2.5-flash", provider="gcp.gemini", usage=usage, num_calls=None) is None

    @pytest.mark.parametrize("model", ["gpt-4o-mini-search-preview", "gpt-4o-search-preview"])
    def test_a_model_that_searches_in_each_call(self, model: str) -> None:
        """It has to say how often; without a fee in the table the cost of a search is unknown."""
        assert cost(model, provider="openai", usage=Usage(1000, 100)) is None
        searched = cost(model, provider="openai", usage=Usage(1000, 100, web_searches=1))
        assert (usd("0.01021") if "mini" in model else None) == searched

    def test_citations(self) -> None:
        """No span says how many tokens of citations were billed."""
        usage = Usage(1000, 100, web_searches=2)
        assert cost("sonar-deep-research", provider="perplexity", usage=usage) is None
