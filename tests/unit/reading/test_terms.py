"""What a call's price depends on besides model, time and tokens, as spans tell it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from otel_session_agg._model.span import SpanData, Terms
from otel_session_agg._reading.span import read
from tests.support.replay import replay

_CALL = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}
_LLM = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 1000, "llm.token_count.completion": 100}
_STEP = {"ai.operationId": "ai.generateText.doGenerate", "ai.usage.inputTokens": 1000, "ai.usage.outputTokens": 100}


def said(attributes: dict[str, Any], scope: str = "") -> tuple[str | None, Terms]:
    """The service tier of the answer, and the other terms."""
    event = read(SpanData("s", 1, 1, None, "INTERNAL", scope, "", 0, 0, attributes))
    return event.service_tier, event.terms or Terms()


class TestTier:
    """The service tier."""

    @pytest.mark.parametrize(
        "attributes",
        [
            {**_CALL, "openai.response.service_tier": "flex"},
            {**_CALL, "gen_ai.response.service_tier": "flex"},
            {**_CALL, "anthropic.response.service_tier": "flex"},
            {**_CALL, "gen_ai.usage.raw": '{"input_tokens": 3, "service_tier": "flex"}'},
            {**_STEP, "ai.response.providerMetadata": '{"openai": {"serviceTier": "flex"}}'},
            {**_STEP, "ai.response.providerMetadata": '{"anthropic": {"usage": {"service_tier": "flex"}}}'},
            {**_CALL, "gen_ai.usage.input_token_details": "{'flex': 900, 'flex_cache_read': 100}"},
            {**_CALL, "langsmith.usage_metadata": '{"input_tokens": 1000, "output_token_details": {"flex": 100}}'},
            {**_CALL, "$ai_service_tier": "flex"},
            {**_CALL, "llm.openai.service_tier": "flex"},
        ],
    )
    def test_of_the_answer(self, attributes: dict[str, Any]) -> None:
        """In attributes, usage objects, metadata and details."""
        assert "flex" == said(attributes)[0]

    def test_of_the_answer_in_openinference(self) -> None:
        """In the answer as a whole, by scope: a model's own JSON is no answer of a provider."""
        answer = {**_LLM, "output.value": '{"service_tier": "flex", "usage": {"prompt_tokens": 1000}}'}
        assert "flex" == said(answer, "openinference.instrumentation.openai")[0]
        assert said(answer, "my.scope")[0] is None
        message: dict[str, Any] = {
            "kwargs": {"usage_metadata": {"input_token_details": {"priority": 900}}, "response_metadata": {}}
        }
        chain = {**_LLM, "output.value": json.dumps({"generations": [[{"message": message}]]})}
        assert "priority" == said(chain, "openinference.instrumentation.langchain")[0]
        message["kwargs"]["response_metadata"] = {"service_tier": "flex"}
        chain["output.value"] = json.dumps({"generations": [[{"message": message}]]})
        assert "flex" == said(chain, "openinference.instrumentation.langchain")[0]

    def test_the_answer_of_the_standard_tier(self) -> None:
        """It is said too, for it beats the request; a tool's input, and text of a model, say nothing."""
        answer = {**_LLM, "llm.invocation_parameters": '{"service_tier": "flex"}'}
        scope = "openinference.instrumentation.anthropic"
        for text in ('{"service_tier":"default"}', '{ "usage": {"service_tier": "Standard", "speed": null}}'):
            assert ("default", "flex") == (
                said({**answer, "output.value": text}, scope)[0],
                said(answer, scope)[1].requested_tier,
            )
        tool = json.dumps({"content": [{"type": "tool_use", "input": {"speed": "fast", "service_tier": "flex"}}], "usage": {}})
        assert (None, Terms()) == said({**_LLM, "output.value": tool}, scope)
        text = json.dumps(
            {"content": 'the "service_tier": "flex" is cheap, "speed": "fast" is not', "usage": {"speed": "standard"}}
        )
        assert (None, Terms()) == said({**_LLM, "output.value": text}, scope)

    @pytest.mark.parametrize(
        ("attributes", "scope"),
        [
            ({**_CALL, "gen_ai.request.service_tier": "flex"}, ""),
            ({**_CALL, "openai.request.service_tier": "flex"}, ""),
            ({**_CALL, "gen_ai.openai.request.service_tier": "flex"}, ""),
            ({**_LLM, "llm.invocation_parameters": '{"model": "m", "service_tier": "flex"}'}, ""),
            ({**_LLM, "llm.invocation_parameters": "{'extra_body': {'service_tier': 'flex'}}"}, ""),
            ({**_CALL, "langfuse.observation.model.parameters": '{"service_tier": "flex"}'}, ""),
            ({**_CALL, "request_data": '{"service_tier": "flex"}'}, "logfire.openai"),
            ({**_CALL, "$ai_model_parameters": '{"service_tier": "flex"}'}, ""),
        ],
    )
    def test_of_the_request(self, attributes: dict[str, Any], scope: str) -> None:
        """It is kept apart from the answer's."""
        assert (None, "flex") == (said(attributes, scope)[0], said(attributes, scope)[1].requested_tier)

    @pytest.mark.parametrize(
        "value", ["", " ", 3, None, True, ["flex"], '{"service_tier": 3}', '{"service_tier": ["x"]}', "{" * 9000]
    )
    def test_no_tier(self, value: object) -> None:
        """What is no name says nothing."""
        assert (None, Terms()) == said({**_LLM, "llm.invocation_parameters": value})


class TestOthers:
    """Other terms."""

    @pytest.mark.parametrize(
        ("attributes", "term", "expected"),
        [
            ({**_CALL, "gen_ai.request.batch": True}, "batch", "True"),
            ({**_CALL, "gen_ai.request.batch": "true"}, "batch", "true"),
            ({**_CALL, "gen_ai.output.type": "image"}, "output_type", "image"),
            ({**_CALL, "gen_ai.usage.raw": '{"speed": "fast"}'}, "speed", "fast"),
            ({**_LLM, "llm.invocation_parameters": '{"speed": "fast"}'}, "speed", "fast"),
            ({"span.type": "llm_request", "input_tokens": 1, "output_tokens": 1, "speed": "fast"}, "speed", "fast"),
            ({"span.type": "llm_request", "input_tokens": 1, "output_tokens": 1, "speed": "12 km/h"}, "speed", None),
            ({**_CALL, "gen_ai.usage.raw": '{"inference_geo": "us"}'}, "region", "us"),
            ({**_STEP, "ai.response.providerMetadata": '{"anthropic": {"usage": {"inference_geo": "us"}}}'}, "region", "us"),
            ({**_CALL, "gen_ai.usage.raw": '{"search_context_size": "high"}'}, "search_context", "high"),
            (
                {**_LLM, "llm.invocation_parameters": '{"web_search_options": {"search_context_size": "high"}}'},
                "search_context",
                "high",
            ),
        ],
    )
    def test_term(self, attributes: dict[str, Any], term: str, expected: str | None) -> None:
        """Each in the places where emitters write it."""
        assert expected == getattr(said(attributes)[1], term)

    @pytest.mark.parametrize(("term", "name", "asked"), [("speed", "speed", "fast"), ("region", "inference_geo", "us")])
    @pytest.mark.parametrize("answered", ["standard", "global", "slow"])
    def test_the_answer_beats_the_request(self, term: str, name: str, asked: str, answered: str) -> None:
        """What was served is billed; the standard terms are none."""
        expected = answered if answered == "slow" else None
        usage = {"usage": {"input_tokens": 1000, name: answered}}
        request = {"llm.invocation_parameters": json.dumps({name: asked})}
        options = {"ai.request.providerOptions": json.dumps({"anthropic": {name: asked}})}
        for attributes, scope in (
            ({**_CALL, f"gen_ai.request.{name}": asked, "gen_ai.usage.raw": json.dumps(usage["usage"])}, ""),
            ({**_CALL, f"gen_ai.request.{name}": asked, f"anthropic.usage.{name}": answered}, ""),
            ({**_LLM, **request, "output.value": json.dumps(usage)}, "openinference.instrumentation.anthropic"),
            ({**_STEP, **options, "ai.response.providerMetadata": json.dumps({"anthropic": usage})}, "ai"),
            (
                {**_CALL, "request_data": json.dumps({name: asked}), "response_data": json.dumps(usage)},
                "logfire.anthropic",
            ),
        ):
            assert expected == getattr(said(attributes, scope)[1], term)
            without = {key: value for key, value in attributes.items() if answered not in str(value)}
            assert asked == getattr(said(without, scope)[1], term)

    def test_two_tellers(self) -> None:
        """What one teller of a call does not know, the other does."""
        inner = {**_CALL, "gen_ai.request.model": "gpt-5-nano", "gen_ai.provider.name": "openai", "gen_ai.response.id": "r"}
        spans = [
            {"id": "o", "parent": None, "name": "o", "scope": "a", "attributes": {**inner, "gen_ai.request.batch": True}},
            {"id": "i", "parent": "o", "name": "i", "scope": "b", "attributes": inner},
        ]
        attributes = replay({"spans": spans}).attributes or {}
        assert 0.000045 == attributes["metadata.cost"]


class TestSearches:
    """Searches that are billed by number."""

    @pytest.mark.parametrize(
        "attributes",
        [
            {**_CALL, "gen_ai.usage.raw": '{"input_tokens": 1000, "server_tool_use": {"web_search_requests": 2}}'},
            {
                **_STEP,
                "ai.response.providerMetadata": '{"anthropic": {"usage": {"server_tool_use": {"web_search_requests": 2}}}}',
            },
            {**_CALL, "gen_ai.usage.details.web_search_requests": 2},
            {**_CALL, "gen_ai.usage.web_search_requests": 2},
            {**_CALL, "$ai_web_search_count": 2},
            {**_CALL, "gen_ai.usage.raw": '{"num_search_queries": 2}'},
        ],
    )
    def test_number(self, attributes: dict[str, Any]) -> None:
        """In attributes and usage objects; they are no tokens."""
        usage = read(SpanData("s", 1, 1, None, "INTERNAL", "", "", 0, 0, attributes)).usage
        assert usage is not None
        assert (2, 1100) == (usage.web_searches, usage.total_tokens)

    def test_of_gemini(self) -> None:
        """Queries of its grounding are counted, each once, as they are billed."""
        metadata = json.dumps({"google": {"groundingMetadata": {"webSearchQueries": ["a", "b", "a", "", 3]}}})
        usage = read(
            SpanData("s", 1, 1, None, "INTERNAL", "", "", 0, 0, {**_STEP, "ai.response.providerMetadata": metadata})
        ).usage
        assert usage is not None
        assert 2 == usage.web_searches

    @pytest.mark.parametrize("queries", [["a", "b", "a"], [], None])
    def test_of_gemini_in_whole_answers(self, queries: list[str] | None) -> None:
        """As Google ADK and OpenInference's instrumentation write them."""
        found = {"grounding_metadata": {"web_search_queries": queries}}
        figures = {"usage_metadata": {"prompt_token_count": 1000, "candidates_token_count": 100, "total_token_count": 1100}}
        for attributes, scope in (
            (
                {"gen_ai.operation.name": "generate_content", "gcp.vertex.agent.llm_response": {**found, **figures}},
                "gcp.vertex.agent",
            ),
            ({**_LLM, "output.value": {"candidates": [found, 3], **figures}}, "openinference.instrumentation.google_genai"),
        ):
            said = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in attributes.items()}
            usage = read(SpanData("s", 1, 1, None, "INTERNAL", scope, "", 0, 0, said)).usage
            assert usage is not None
            assert (None if queries is None else len(set(queries)), 1100) == (usage.web_searches, usage.total_tokens)

    def test_of_openai(self) -> None:
        """Searches in the answer are counted, pages that were opened are not."""
        calls = [{"type": "web_search_call", "action": {"type": kind}} for kind in ("search", "open_page", "search")]
        answer = {**_LLM, "output.value": json.dumps({"output": [*calls, {"type": "message"}, 3]})}
        usage = read(SpanData("s", 1, 1, None, "INTERNAL", "openinference.instrumentation.openai", "", 0, 0, answer)).usage
        assert usage is not None
        assert 2 == usage.web_searches

    def test_of_anthropic(self) -> None:
        """Searches in the answer are counted where no attribute tells of them."""
        counts = {"input_tokens": 400, "cache_read_input_tokens": 600, "output_tokens": 100}
        answer = json.dumps({"usage": {**counts, "server_tool_use": {"web_search_requests": 2}}})
        call = {**_LLM, "llm.token_count.prompt_details.cache_read": 600, "output.value": answer}
        usage = read(SpanData("s", 1, 1, None, "INTERNAL", "openinference.instrumentation.anthropic", "", 0, 0, call)).usage
        assert usage is not None
        assert (2, 1000, 600, 100) == (
            usage.web_searches,
            usage.prompt_tokens,
            usage.cache_read_tokens,
            usage.completion_tokens,
        )

    def test_fee_without_tokens(self) -> None:
        """A call of which only searches are left still cost something."""
        call = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-6"}
        tokens = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "gen_ai.usage.web_search_requests": 2}
        spans = [{"id": "c", "parent": None, "name": "c", "attributes": {**call, **tokens}}]
        assert 0.02 == (replay({"spans": spans}).attributes or {})["metadata.cost"]


class TestImages:
    """Tokens of images."""

    def test_gemini(self) -> None:
        """A list of modalities tells how many output tokens were images."""
        details = [{"modality": "IMAGE", "tokenCount": 1290}, {"modality": "TEXT", "tokenCount": 10}]
        metadata = {"google": {"usageMetadata": {"promptTokenCount": 100, "candidatesTokensDetails": details}}}
        step = {**_STEP, "ai.usage.outputTokens": 1300, "ai.response.providerMetadata": json.dumps(metadata)}
        usage = read(SpanData("s", 1, 1, None, "INTERNAL", "", "", 0, 0, step)).usage
        assert usage is not None
        assert (1290, 1300) == (usage.image_completion_tokens, usage.completion_tokens)

    def test_openai(self) -> None:
        """Details of the input tell how much was seen."""
        raw = {"input_tokens": 1000, "output_tokens": 100, "input_tokens_details": {"text_tokens": 800, "image_tokens": 200}}
        usage = read(SpanData("s", 1, 1, None, "INTERNAL", "", "", 0, 0, {**_CALL, "gen_ai.usage.raw": json.dumps(raw)})).usage
        assert usage is not None
        assert 200 == usage.image_prompt_tokens

    def test_openai_realtime(self) -> None:
        """Its usage has names of its own."""
        details = {"text_tokens": 180, "audio_tokens": 800, "image_tokens": 20, "cached_tokens": 600}
        raw = {
            "input_token_details": {**details, "cached_tokens_details": {"text_tokens": 100, "audio_tokens": 500}},
            "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
        }
        call = {**_CALL, "gen_ai.usage.raw": json.dumps({"input_tokens": 1000, "output_tokens": 100, **raw})}
        usage = read(SpanData("s", 1, 1, None, "INTERNAL", "", "", 0, 0, call)).usage
        assert usage is not None
        assert (1000, 600, 800, 500, 20, 80) == (
            usage.prompt_tokens,
            usage.cache_read_tokens,
            usage.audio_prompt_tokens,
            usage.audio_cache_read_tokens,
            usage.image_prompt_tokens,
            usage.audio_completion_tokens,
        )
