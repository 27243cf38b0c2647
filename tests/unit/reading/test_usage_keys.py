"""Every key of the recorded spans that looks like tokens or usage is read, or left out for a reason."""

from __future__ import annotations

import re
from functools import cache

import pytest

from otel_session_agg._reading.span import INDEX
from tests.support.replay import CASES, cases_in

LEFT_OUT = {
    r"gen_ai\.aggregated_usage\..*": "a sum over the calls of a run, which have spans of their own",
    r"(metadata\.)?ai\.response\.avg(Output|Completion)TokensPerSecond": "a speed",
    r"gen_ai\.server\.time_per_output_token": "a time",
    r"(.*\.)?(ls_)?max_(output_)?tokens|.*\.budget_tokens": "what was allowed, not what was used",
    r"(gen_ai|litellm)\.cost\.tool_usage(_cost)?|gen_ai\.usage\.gateway_cost": "a part of the cost, no tokens",
    r"ag2\.usage\.label": "the name of the agent whose calls a sum is of",
    r"gen_ai\.client\.token\.usage": "the total again, as OpenLIT names its metric",
    r"gen_ai\.usage\.details\.(input|output)_tokens": "the provider's count of what stands whole in gen_ai.usage",
    r".*\.(accepted|rejected)_prediction_tokens": "a part of the output at its price",
    r"gen_ai\.usage\.(text\.(input|output)|(input|output|prompt)_text)_tokens": "what is neither audio nor image",
    r"gen_ai\.usage\.prompt_image_tokens": "a part of the input at its price (xAI)",
    r"metadata\.usage\.(prompt|completion|total)_tokens": "the same as in llm.token_count (BeeAI)",
    r"gen_ai\.usage\.details\.text_prompt_tokens|ai\.usage\.outputTokenDetails\.textTokens": "what is neither audio nor reasoning",
    r"metadata\.(prompt|completion|total|cache_read|cache_write)_tokens": "totals as this library writes them on a root",
    r"pydantic_ai\.cache\.established_tokens": "the length of a prefix that may be cached, not what was",
    r"mistral_ai\.request\.total_tokens": "the total again",
    r"response\.additional_kwargs\.usage\..*": "the provider's usage object again, of which response.raw.usage is read",
    r"token|metadata\.used_client_oauth_token": "a secret's name",
    r"tool_usage|tool\.current_usage_count": "how often a tool was used",
}
"""Expressions for keys that are not read, with the reason."""


@cache
def recorded() -> frozenset[str]:
    """Keys of all recorded spans and their events that have tokens or usage in their name."""
    spans = (span for path in CASES.rglob("*.gz") for case in cases_in(path) for span in case["spans"])
    keys = (
        key
        for span in spans
        for said in (span["attributes"], *(event.get("attributes") or {} for event in span.get("events") or ()))
        for key in said
    )
    return frozenset(key for key in keys if "token" in key.lower() or "usage" in key.lower())


@pytest.mark.slow
class TestRecordedKeys:
    """Keys of usage in all recordings."""

    def test_all_are_known(self) -> None:
        """No key is overlooked."""
        unknown = recorded() - INDEX.entries.keys()
        assert [] == sorted(key for key in unknown if not any(re.fullmatch(pattern, key) for pattern in LEFT_OUT))

    @pytest.mark.parametrize("pattern", LEFT_OUT)
    def test_left_out_occurs(self, pattern: str) -> None:
        """What is left out for a reason occurs."""
        assert any(re.fullmatch(pattern, key) for key in recorded())

    @pytest.mark.parametrize("pattern", LEFT_OUT)
    def test_left_out_is_not_read(self, pattern: str) -> None:
        """Nothing is read that is said to be left out."""
        assert set() == {key for key in recorded() if re.fullmatch(pattern, key)} & INDEX.entries.keys()
